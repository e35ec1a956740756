"""The folders of a sweep's trials, and `best`, the name of the best one.

Files and links that do not belong to the sweep are never written to, followed or removed.
"""

import contextlib
import os
import pathlib
import re
import shutil

from tfcourse.run_directory import BEST, RunDirectoryError
from tfcourse.run_directory import best as best_run

TRIALS = "trials"
_TRIAL = re.compile(r"[0-9]{5,18}")
_REPLICATE = re.compile(r"[0-9]{1,18}")


def check(folder: pathlib.Path, num_trials: int) -> None:
    """Raises `RunDirectoryError` if something in `folder` is in the way of a sweep.

    Args:
        folder: the sweep's run directory.
        num_trials: number of trials in the sweep's journal.
    """
    best, trials = folder / BEST, folder / TRIALS
    reason = "that this sweep did not make; move it away, or name another `run_dir`"
    if os.path.lexists(best) and best_run.target(best) is None:
        raise RunDirectoryError(f"{best} is something {reason}")
    if trials.is_symlink() or (trials.exists() and not trials.is_dir()):
        raise RunDirectoryError(f"{trials} is something {reason}")
    for path in trials.iterdir() if trials.exists() else ():
        if not _TRIAL.fullmatch(path.name):
            continue  # Not used by the sweep.
        if path.is_symlink() or not path.is_dir() or int(path.name) >= num_trials:
            raise RunDirectoryError(f"{path} is something {reason}")


def trial_folder(folder: pathlib.Path, number: int) -> pathlib.Path:
    """Returns the folder of a trial's replicates."""
    return folder / TRIALS / f"{number:05d}"


def remove(folder: pathlib.Path, number: int) -> None:
    """Removes the run directories of a trial's replicates."""
    trial = trial_folder(folder, number)
    for path in trial.iterdir() if trial.is_dir() and not trial.is_symlink() else ():
        if _REPLICATE.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)  # Does not follow links.
    with contextlib.suppress(OSError):  # Other files keep it.
        trial.rmdir()


def name_best(folder: pathlib.Path, number: int) -> None:
    """Makes `best` the name of a trial's first replicate, if it is not that already."""
    best, target = folder / BEST, f"{TRIALS}/{number:05d}/0"
    if best_run.target(best) == target:
        return
    if os.path.lexists(best) and best_run.target(best) is None:
        raise RunDirectoryError(f"{best} is something that this sweep did not make")
    best_run.name(best, target)
