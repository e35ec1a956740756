"""Adds a page for each part of the library, made from its docstrings."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

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
SHOWN = "    options: {show_root_heading: true, show_root_toc_entry: true}\n"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    entry = next(entry for entry in config.nav or () if "api/" in entry.values())
    pages = ["api/index.md", *({name: f"api/{name}.md"} for name in tfcourse.__all__)]
    entry.update(dict.fromkeys(entry, pages))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    listed = "".join(f"- [tfcourse.{name}]({name}.md)\n" for name in tfcourse.__all__)
    files.append(File.generated(config, "api/index.md", content=INDEX + listed))
    for name in tfcourse.__all__:
        text = f"# tfcourse.{name}\n\n::: tfcourse.{name}\n"
        for member, module in LAZY.get(name, {}).items():
            text += f"\n::: tfcourse.{name}.{module}.{member}\n{SHOWN}"
        files.append(File.generated(config, f"api/{name}.md", content=text))
    return files
