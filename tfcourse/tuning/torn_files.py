"""Files of a trial that a power loss has damaged, since trials do not flush them."""

import pathlib
import shutil

from tfcourse import run_directory
from tfcourse.system import files
from tfcourse.training.checkpoints import saved_arrays


def remove(folder: pathlib.Path) -> None:
    """Removes unflushed files that a power loss has damaged."""
    if folder.is_dir() and not _is_whole(folder / run_directory.FLAGS):
        shutil.rmtree(folder)  # The training of its checkpoints is unknown.
    paths = [folder / name for name in (run_directory.METRICS, run_directory.PREPROCESSING)]
    if any(path.exists() and not _is_whole(path) for path in paths):
        for path in paths:  # The last checkpoint restores them.
            path.unlink(missing_ok=True)
    for path in folder.glob("checkpoints/*.ckpt"):
        if path.is_file() and not path.is_symlink() and not _is_intact(path):
            path.unlink()


def _is_intact(checkpoint: pathlib.Path) -> bool:
    try:
        saved_arrays.read(checkpoint, None)
    except saved_arrays.DamagedError:
        return False
    return True


def _is_whole(path: pathlib.Path) -> bool:
    """Returns whether a text file is complete: not empty, truncated or filled with zeros."""
    try:
        text = files.read_bytes(path, run_directory.MAX_METRICS_BYTES)
    except (FileNotFoundError, files.ContentError):
        return False
    return text.endswith(b"\n") and b"\0" not in text
