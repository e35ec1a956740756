"""Which file or folder is meant by a path that does not exist."""

import contextlib
import difflib
import os
import pathlib

_MOST_NAMES = 1000


def meant(path: pathlib.Path) -> str:
    """Returns " Did you mean PATH?" for what is called almost like `path`, or ""."""
    if not path.exists():
        with contextlib.suppress(OSError):
            names = sorted(os.listdir(path.parent))[:_MOST_NAMES]
            for close in difflib.get_close_matches(path.name, names, n=1, cutoff=0.75):
                return f" Did you mean {path.with_name(close)}?"
    return ""
