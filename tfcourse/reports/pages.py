"""HTML pages: templates of a package, with the common style of page.css.j2."""

import jinja2


def environment(package: str) -> jinja2.Environment:
    """Returns the Jinja environment for the templates of `package`, with "page.css.j2"."""
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
