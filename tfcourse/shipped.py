"""Files that ship with the package, found from any working directory."""

import importlib.util
import os
import pathlib

from tfcourse import files


def find(name: os.PathLike[str] | str) -> pathlib.Path:
    """Returns the path of `name`; `configs/...` is also found where the package is installed.

    Args:
        name: a path. `~` is the home folder.
    """
    path = files.expanded(name)
    if not path.exists() and path.parts[:1] == ("configs",):
        installed = importlib.util.find_spec("configs")
        for folder in (installed and installed.submodule_search_locations) or ():
            candidate = pathlib.Path(folder, *path.parts[1:])
            path = candidate if candidate.exists() else path
    return path
