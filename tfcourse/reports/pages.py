"""HTML pages: templates of a package, in the one look of page.css.j2."""

import jinja2


def environment(package: str) -> jinja2.Environment:
    """Returns what renders the templates of `package`; they may include "page.css.j2"."""
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader(name, "") for name in (package, "tfcourse.reports")]
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
