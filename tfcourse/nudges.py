"""Nudges: requests to change a run during training, and their record.

A request is a small file that another process puts into the run directory's folder
`nudge_requests`. The run reads it between two blocks of steps, applies it and records the place, so
that the run can be repeated: `--nudge=3:40:learning_rate=0.05` sets the rate after 40 steps of the
epoch that follows epoch 3.
"""

import dataclasses
import json
import os
import pathlib
import re
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tfcourse import run_directory
from tfcourse.choices import OPTIMIZERS, takers
from tfcourse.hyperparameters import Hyperparameters, decimal, declarations, integer, number
from tfcourse.system import files

REQUESTS = "nudge_requests"
ROLLBACK = "rollback_epoch"
_MAX_REQUEST_BYTES = 10_000
_NUDGE = re.compile(r"([0-9]+):([0-9]+):(\w+)=(.+)")


@dataclasses.dataclass(frozen=True)
class Change(Hyperparameters):
    """The requested changes; `None` means no change. The table lists each optimizer's settings."""

    learning_rate: float | None = number(None, "Step size from here on.", interval="(0, 1000]")
    beta: float | None = number(
        None, f"Decay rate of {', '.join(takers(OPTIMIZERS, 'beta'))}.", interval="[0, 1)"
    )
    beta_1: float | None = number(
        None, f"First decay rate of {', '.join(takers(OPTIMIZERS, 'beta_1'))}.", interval="[0, 1)"
    )
    beta_2: float | None = number(
        None, f"Second decay rate of {', '.join(takers(OPTIMIZERS, 'beta_2'))}.", interval="[0, 1)"
    )
    rollback_epoch: int | None = integer(
        None, "Goes back to the end of this epoch; 0 is the start.", interval="[0, inf)"
    )

    def __post_init__(self) -> None:
        for name, value in self.asked().items():
            check(name, value)

    def asked(self) -> dict[str, float]:
        """Returns the requested changes as `{name: value}`."""
        values = {name: getattr(self, name) for name in declarations(Change)}
        return {name: value for name, value in values.items() if value is not None}


class Nudge(NamedTuple):
    """One setting, changed after `epoch` epochs and `step` steps of the next one."""

    epoch: int
    step: int
    name: str
    value: float

    @property
    def place(self) -> tuple[int, int]:
        return self.epoch, self.step

    def __str__(self) -> str:
        return f"{self.epoch}:{self.step}:{self.name}={self.value!r}"


def parse(text: str) -> Nudge:
    """Returns the `Nudge` in `text`. Raises `ValueError` if there is none."""
    match = _NUDGE.fullmatch(text)
    if not match:
        raise ValueError(f"must be EPOCH:STEP:NAME=VALUE. Received: {text!r}")
    epoch, step, name, value = match.groups()
    if name == ROLLBACK:
        raise ValueError(f"goes on from where it is; {ROLLBACK} is for recipes.nudge alone")
    return Nudge(int(epoch), int(step), name, check(name, decimal(value)))


def check(name: str, value: object) -> float:
    """Returns `value` as the type of the setting `name`. Raises `ValueError` if not allowed."""
    known = declarations(Change)
    if name not in known:
        settings = [setting for setting in known if setting != ROLLBACK]
        raise ValueError(f"{name!r} can't be nudged; {', '.join(settings)} can")
    try:
        checked = known[name].check(value)
    except ValueError as error:
        raise ValueError(f"`{name}` {error}") from None
    return checked if name == ROLLBACK else float(checked)


def request(run_dir: os.PathLike[str] | str, changes: Mapping[str, float]) -> None:
    """Requests `changes` of the run in `run_dir`, a dict such as `{"learning_rate": 0.01}`.

    Raises:
        OSError: the request can't be written.
        RunDirectoryError: the folder of requests is a link.
    """
    folder = pathlib.Path(run_dir) / REQUESTS
    run_directory.check_folders(run_dir)
    folder.mkdir(exist_ok=True)
    path = folder / f"{time.time_ns():020d}-{os.getpid()}.json"
    files.write_file(path, json.dumps(changes))


def requests(run_dir: os.PathLike[str] | str) -> Iterator[tuple[pathlib.Path, dict[str, float]]]:
    """Yields `(path, changes)` of the requests, oldest first; removes files that are not requests.

    Folders, pipes and the like are left alone.
    """
    for path in sorted((pathlib.Path(run_dir) / REQUESTS).glob("[0-9]*.json")):
        if not path.is_file():
            continue
        try:
            asked = files.read_json_object(path, _MAX_REQUEST_BYTES)
            changes = {name: check(name, value) for name, value in asked.items()}
        except (ValueError, OSError) as error:
            print(f"{path} is left out: {error}", flush=True)
            path.unlink(missing_ok=True)
        else:
            yield path, changes
