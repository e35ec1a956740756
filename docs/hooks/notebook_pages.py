"""Adds a page for each notebook, with the outputs that are saved in it."""

import base64
import html
import json
import pathlib
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

NOTEBOOKS = sorted((pathlib.Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    course = next(entry["Course"] for entry in config.nav or () if "Course" in entry)
    entry = next(entry for entry in course if "notebooks/" in entry.values())
    pages = [f"notebooks/{path.stem}.md" for path in NOTEBOOKS]
    entry.update(dict.fromkeys(entry, pages))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for path in NOTEBOOKS:
        page = Page(path.stem)
        text = page.text(json.loads(path.read_text())["cells"])
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=text))
        files.append(File.generated(config, f"notebooks/{path.name}", abs_src_path=str(path)))
        for name, picture in page.pictures.items():
            files.append(File.generated(config, f"notebooks/{name}", content=picture))
    return files


class Page:
    """The Markdown of a notebook, and its pictures by their file's name."""

    def __init__(self, stem: str) -> None:
        self.stem = stem
        self.pictures: dict[str, bytes] = {}
        self.heading = ""

    def text(self, cells: list[dict[str, Any]]) -> str:
        title, *parts = (part for cell in cells for part in self._cell(cell))
        note = (
            f"This page shows the notebook with its saved outputs. To change the numbers, "
            f"[download the notebook]({self.stem}.ipynb) and open it in Jupyter or Colab."
        )
        return "\n\n".join([title, note, *parts]) + "\n"

    def _cell(self, cell: dict[str, Any]) -> list[str]:
        source = "".join(cell["source"]).replace("](../docs/", "](../")
        if cell["cell_type"] == "markdown":
            headings = [line for line in source.splitlines() if line.startswith("#")]
            self.heading = headings[-1].lstrip("# ") if headings else self.heading
            # A title stands alone, so that the note can follow it.
            first, _, rest = source.partition("\n")
            return [first, rest.strip()] if first.startswith("# ") else [source]
        parts = [f"```python\n{source}\n```"]
        for output in cell["outputs"]:
            parts += self._output(output.get("data", {}), "".join(output.get("text", "")))
        return parts

    def _output(self, data: dict[str, Any], printed: str) -> list[str]:
        if "image/png" in data:
            name = f"{self.stem}_{len(self.pictures) + 1}.png"
            self.pictures[name] = base64.b64decode("".join(data["image/png"]))
            return [f"![{html.escape(self.heading)}, picture]({name})"]
        if "text/markdown" in data:
            return ["".join(data["text/markdown"])]
        printed = printed or ("" if "text/html" in data else "".join(data.get("text/plain", "")))
        return [f'```text title="Output"\n{printed.rstrip()}\n```'] if printed.strip() else []
