"""Changing a run while it trains: what is asked for, and how it is recorded.

A request is a small file in the run directory's folder `nudge_requests`, put there by another
process. The run reads it between two blocks of steps, applies it there and notes the place, so
that the same run can be had again: `--nudge=3:40:learning_rate=0.05` sets the rate after 40 steps
of the epoch that follows epoch 3.
"""

import json
import os
import pathlib
import re
import time
from typing import NamedTuple

from tfcourse import run_directory

REQUESTS = "nudge_requests"
ROLLBACK = "rollback_epoch"
# What may be set, and what it must be.
BOUNDS = {
    "learning_rate": ("a number in (0, 1000]", lambda x: 0.0 < x <= 1000.0),
    "beta": ("a number in [0, 1)", lambda x: 0.0 <= x < 1.0),
    "beta_1": ("a number in [0, 1)", lambda x: 0.0 <= x < 1.0),
    "beta_2": ("a number in [0, 1)", lambda x: 0.0 <= x < 1.0),
}
_MAX_REQUEST_BYTES = 10_000
_NUDGE = re.compile(r"(\d+):(\d+):(\w+)=([0-9.eE+-]+)")


class Nudge(NamedTuple):
    """One setting, changed after `step` steps of the epoch that follows `epoch` whole ones."""

    epoch: int
    step: int
    name: str
    value: float

    @property
    def place(self):
        return self.epoch, self.step

    def __str__(self):
        return f"{self.epoch}:{self.step}:{self.name}={self.value!r}"


def parse(text):
    """Returns the `Nudge` that `text` spells. Raises `ValueError` where it spells none."""
    match = _NUDGE.fullmatch(text)
    if not match:
        raise ValueError(f"must be EPOCH:STEP:NAME=VALUE. Received: {text!r}")
    epoch, step, name, value = match.groups()
    return Nudge(int(epoch), int(step), name, check(name, float(value)))


def check(name, value):
    """Returns `value` as what the setting `name` takes, else raises `ValueError`."""
    if name == ROLLBACK:
        if not (isinstance(value, int) and value >= 0):
            raise ValueError(f"{name} must be a whole number >= 0. Received: {value!r}")
        return value
    if name not in BOUNDS:
        raise ValueError(f"{name!r} can't be nudged; {', '.join(BOUNDS)} can")
    allowed, allows = BOUNDS[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not allows(value):
        raise ValueError(f"{name} must be {allowed}. Received: {value!r}")
    return float(value)


def request(run_dir, changes):
    """Asks the run in `run_dir` for `changes`, a dict such as `{"learning_rate": 0.01}`."""
    folder = pathlib.Path(run_dir) / REQUESTS
    folder.mkdir(exist_ok=True)
    path = folder / f"{time.time_ns():020d}-{os.getpid()}.json"
    run_directory.write_file(path, json.dumps(changes))


def requests(run_dir):
    """Yields `(path, changes)` of what was asked for, oldest first; what is no request goes."""
    for path in sorted((pathlib.Path(run_dir) / REQUESTS).glob("[0-9]*.json")):
        try:
            if path.stat().st_size > _MAX_REQUEST_BYTES:
                raise ValueError(f"it has more than {_MAX_REQUEST_BYTES} bytes")
            changes = json.loads(path.read_bytes())
            if not isinstance(changes, dict):
                raise ValueError("it holds no names and values")
            yield path, {name: check(name, value) for name, value in changes.items()}
        except ValueError as error:
            print(f"{path} is left out: {error}", flush=True)
            path.unlink(missing_ok=True)
