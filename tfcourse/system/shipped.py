"""Files that ship with the package, found from any working directory."""

import os
import pathlib

from tfcourse.system import files

ROOT = pathlib.Path(__file__).parents[2]  # Of the packages tfcourse, recipes and configs.


def find(name: os.PathLike[str] | str) -> pathlib.Path:
    """Returns the path of `name`; `configs/...` is also found where the package is installed.

    Args:
        name: a path. `~` is the home folder.
    """
    path = files.expanded(name)
    installed = ROOT / path
    is_ours = path.parts[:1] == ("configs",) and ".." not in path.parts
    return installed if is_ours and not path.exists() and installed.exists() else path
