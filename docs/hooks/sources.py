"""Takes into the site what lies elsewhere in the repository, so that it is never out of date.

    <!-- source: tfcourse.averages.average_step -->    the source of a function or class

That is invisible where a page is read as plain Markdown, on a code host. README.md and its like
become pages, and notebooks are pages (notebook_pages.py); links to other files outside of docs/
lead to copies of them.
"""

import ast
import json
import pathlib
import re
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = pathlib.Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
}
_SOURCE = re.compile(r"^<!-- source: (\S+) -->$", re.M)
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)[^)#\s]+")  # Its path, without the fragment.


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the pages in docs/ that the navigation does not name."""
    named = json.dumps(config.nav)
    use = next(entry["Use"] for entry in config.nav or () if "Use" in entry)
    for path in sorted(ROOT.glob("docs/*.md")):
        if f'"{path.name}"' not in named:
            use.append(path.name)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for source, uri in PAGES.items():
        text = _LINK.sub(lambda link: _seen_from_docs(link[0]), (ROOT / source).read_text())
        files.append(File.generated(config, uri, content=text))
    for page in list(files.documentation_pages()):
        for link in _LINK.findall(page.content_string):
            path = _outside(link, page.src_uri)
            if path and not files.get_file_from_path(_page_of(path)):
                files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    page_uri = page.file.src_uri

    def inside(link: re.Match[str]) -> str:
        path = _outside(link[0], page_uri)
        return "../" * page_uri.count("/") + _page_of(path) if path else link[0]

    return _SOURCE.sub(lambda found: source(found[1]), _LINK.sub(inside, markdown))


def _seen_from_docs(link: str) -> str:
    return link.removeprefix("docs/") if link.startswith("docs/") else f"../{link}"


def _page_of(path: str) -> str:
    """Returns the page that shows a file of the repository, or else the file."""
    return PAGES.get(path, re.sub(r"\.ipynb$", ".md", path))


def _outside(link: str, page_uri: str) -> str | None:
    """Returns where in the repository a page's link leads if that is a file outside of docs/."""
    path = (ROOT / "docs" / page_uri).parent.joinpath(link).resolve()
    if path.is_file() and ROOT in path.parents and ROOT / "docs" not in path.parents:
        return path.relative_to(ROOT).as_posix()
    return None


def source(name: str) -> str:
    """Returns the fenced source of `name`, a dotted path to a function or class.

    Its docstring is left out: that is in the reference.
    """
    parts = name.split(".")
    for depth in range(len(parts) - 1, 0, -1):
        path = ROOT.joinpath(*parts[:depth]).with_suffix(".py")
        node = _definition(ast.parse(path.read_text()), parts[depth:]) if path.is_file() else None
        if node:
            lines = path.read_text().splitlines()
            docstring = node.body[0] if ast.get_docstring(node) else None
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            kept = [
                lines[number - 1]
                for number in range(first, node.end_lineno + 1)
                if not (docstring and docstring.lineno <= number <= docstring.end_lineno)
            ]
            code = "\n".join(kept)
            return f'```python title="{path.relative_to(ROOT)}"\n{code}\n```'
    raise PluginError(f"docs: there is no {name} to show the source of")


def _definition(node: Any, names: list[str]) -> Any:
    for name in names:
        node = next((n for n in node.body if getattr(n, "name", None) == name), None)
        if node is None:
            return None
    return node
