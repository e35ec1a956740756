"""`best`, which leads to a sweep's best run.

It is a link, or a file with the target's path if the system can't create links.
"""

import os
import pathlib
import re

from tfcourse.system import files

BEST = "best"
_TARGET = re.compile(r"trials/[0-9]{5,18}/0")
_MAX_BYTES = 100


def target(best: pathlib.Path) -> str | None:
    """Returns the target of `best` below the sweep's folder; `None` if a sweep did not make it."""
    try:
        if best.is_symlink():
            text = os.readlink(best).replace(os.sep, "/")
        else:
            text = files.read_text(best, _MAX_BYTES).removesuffix("\n")
    except (OSError, files.ContentError):
        return None
    return text if _TARGET.fullmatch(text) else None


def followed(path: pathlib.Path) -> pathlib.Path:
    """Returns the run directory that `path` names: the target of such a file, or `path` itself."""
    if path.name == BEST and path.is_file():
        return path.parent / (target(path) or BEST)
    return path


def name(best: pathlib.Path, what: str) -> None:
    """Makes `best` name the folder `what` below its own, in place of the old one, at once."""
    if os.name == "nt":  # Windows can't replace a link to a folder.
        best.unlink(missing_ok=True)
    try:
        with files.new_folder(best) as folder:
            (folder / BEST).symlink_to(what, target_is_directory=True)
            os.replace(folder / BEST, best)
    except OSError:  # Windows lets few users make links; some file systems have none.
        files.write_file(best, f"{what}\n")
