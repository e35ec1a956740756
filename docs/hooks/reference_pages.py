"""Adds a page for each part of the library, made from its docstrings."""

import ast
import importlib.util
import inspect
import pathlib
import re
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import tfcourse
from tfcourse import tuning

INDEX = """# Reference

`import tfcourse` is fast: each part is loaded when it is first used. The examples assume these
imports. `tests/docstring_examples_test.py` runs them:

```python
import keras
import numpy as np
import tfcourse
```

"""
# Where parts find what they load when it is first used, which is not to be seen in their source.
LAZY = {"tuning": tuning._MODULES}
_QUOTATION = re.compile(r"<blockquote>\s*<p>(=?)(.*?)</p>\s*</blockquote>", re.S)
SHOWN = "    options: {show_root_heading: true, show_root_toc_entry: true}\n"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    entry = next(entry for entry in config.nav or () if "api/" in entry.values())
    pages = ["api/index.md", *({name: f"api/{name}.md"} for name in tfcourse.__all__)]
    entry.update(dict.fromkeys(entry, pages))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    rows = [f"| [`tfcourse.{name}`]({name}.md) | {about(name)} |" for name in tfcourse.__all__]
    listed = "\n".join(["| part | content |", "| --- | --- |", *rows])
    files.append(File.generated(config, "api/index.md", content=f"{INDEX}{listed}\n"))
    for name in tfcourse.__all__:
        text = f"# tfcourse.{name}\n\n::: tfcourse.{name}\n"
        for member, module in LAZY.get(name, {}).items():
            text += f"\n::: tfcourse.{name}.{module}.{member}\n{SHOWN}"
        files.append(File.generated(config, f"api/{name}.md", content=text))
    return files


def on_page_content(page_html: str, page: Page, **_: Any) -> str:
    """Shows "> 0" as it stands in a docstring: Markdown takes it for a quotation."""
    if not page.file.src_uri.startswith("api/"):
        return page_html
    return _QUOTATION.sub(lambda found: f"<p>&gt;{found[1] or ' '}{found[2]}</p>", page_html)


def about(part: str) -> str:
    """Returns the first sentence of a part's docstring, without loading it."""
    spec = importlib.util.find_spec(f"tfcourse.{part}")
    path = pathlib.Path(spec.origin if spec and spec.origin else "")
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(inspect.cleandoc(docstring).partition("\n\n")[0].split())
