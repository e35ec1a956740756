"""Makes the README of a wheel: its links are absolute once pyproject.toml has the address.

Those to notebooks open them in Colab.
"""

import pathlib
import re
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)(\[[^]]*\]\()(?!\w+:|#)([^)\s]+)")  # A relative one.


_GITHUB = "https://github.com/"


def colab(address: str, path: str) -> str:
    """Returns the link that opens a notebook of a repository on GitHub in Colab."""
    repository = address.removeprefix(_GITHUB)
    return f"https://colab.research.google.com/github/{repository}/blob/main/{path}"


class Readme(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        text = pathlib.Path(self.root, "README.md").read_text(encoding="utf-8")
        address = metadata.get("urls", {}).get("Repository", "")
        if address:
            text = with_address(text, address)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def with_address(text: str, address: str) -> str:
    """Returns a README for elsewhere: with absolute links, and the address to clone from."""

    def absolute(link: re.Match[str]) -> str:
        if link[3].endswith(".ipynb") and address.startswith(_GITHUB):
            return f"{link[2]}{colab(address, link[3])}"
        kind = "raw" if link[1] else "blob"
        return f"{link[1]}{link[2]}{address}/{kind}/main/{link[3]}"

    text = text.replace(" (`ADDRESS` is the address of this page)", "").replace("ADDRESS", address)
    return _LINK.sub(absolute, text)
