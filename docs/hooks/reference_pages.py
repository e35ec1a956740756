"""Adds a page for each part of the library, made from its docstrings."""

from mkdocs.structure.files import File

import tfcourse
from tfcourse import tuning

INDEX = """# Reference

`import tfcourse` loads nothing heavy; a part loads when it is first used. Examples take these
imports for granted, and are run by `tests/docstring_examples_test.py`:

```python
import keras
import numpy as np
import tfcourse
```

"""
# Modules of parts that load them when first used, which is not to be seen in their source.
LAZY = {"tuning": sorted(set(tuning._MODULES.values()))}


def on_config(config):
    entry = next(entry for entry in config.nav if "api/" in entry.values())
    pages = ["api/index.md", *({name: f"api/{name}.md"} for name in tfcourse.__all__)]
    entry.update(dict.fromkeys(entry, pages))
    return config


def on_files(files, config):
    listed = "".join(f"- [tfcourse.{name}]({name}.md)\n" for name in tfcourse.__all__)
    files.append(File.generated(config, "api/index.md", content=INDEX + listed))
    for name in tfcourse.__all__:
        modules = [name, *(f"{name}.{module}" for module in LAZY.get(name, ()))]
        text = "\n".join(f"# tfcourse.{module}\n\n::: tfcourse.{module}\n" for module in modules)
        files.append(File.generated(config, f"api/{name}.md", content=text))
    return files
