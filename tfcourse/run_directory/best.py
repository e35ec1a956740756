"""`best`, the name of a sweep's best run.

It is a link, or, where the system makes none, a file that holds what the link would.
"""

import os
import pathlib
import re

from tfcourse import files

BEST = "best"
_TARGET = re.compile(r"trials/[0-9]{5,18}/0")
_MAX_BYTES = 100


def target(best: pathlib.Path) -> str | None:
    """Returns what `best` names below the sweep's folder; `None` where it is none of a sweep's."""
    try:
        if best.is_symlink():
            text = os.readlink(best).replace(os.sep, "/")
        else:
            text = files.read_text(best, _MAX_BYTES).removesuffix("\n")
    except (OSError, files.ContentError):
        return None
    return text if _TARGET.fullmatch(text) else None


def followed(path: pathlib.Path) -> pathlib.Path:
    """Returns the run directory that `path` names: itself, unless it is such a file."""
    if path.name == BEST and path.is_file():
        return path.parent / (target(path) or BEST)
    return path


def name(best: pathlib.Path, what: str) -> None:
    """Makes `best` name the folder `what` below its own, in place of what it was."""
    best.unlink(missing_ok=True)
    try:
        best.symlink_to(what, target_is_directory=True)
    except OSError:  # Windows lets few people make links, and some file systems have none.
        files.write_file(best, f"{what}\n")
