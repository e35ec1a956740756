"""The progress of a training. Together with the variables, it is all that a resume needs."""

import collections
import csv
import dataclasses
import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tfcourse.nudges import Nudge, parse
from tfcourse.training.checkpoints.saved_arrays import Arrays

_HISTORY = "history "
_BEST = "best "


@dataclasses.dataclass
class Progress:
    """Position, history and best epoch of a run, and its nudges.

    Attributes:
        epoch: completed epochs.
        step: completed steps of the next epoch.
        entered: whether `on_epoch_begin` has been called for that epoch.
        train_seconds: training time of that epoch so far.
        history: list of dicts, one row per epoch.
        best_epoch: counted from 1.
        best_value: the monitored metric of the best epoch, then its validation loss; signs are such
            that larger is better.
        best_weights: list of arrays, the model's variables after the best epoch.
        nudges: list of `Nudge`, ordered by place, including those that a repeated run has not
            reached yet.
        applied: how many of them have been applied.
        log: list of dicts, one for each accepted request, rolled back or not.
    """

    epoch: int = 0
    step: int = 0
    entered: bool = False
    train_seconds: float = 0.0
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    best_epoch: int | None = None
    best_value: list[float] | None = None
    best_weights: list[npt.NDArray[Any]] = dataclasses.field(default_factory=list, repr=False)
    nudges: list[Nudge] = dataclasses.field(default_factory=list)
    applied: int = 0
    log: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    @property
    def place(self) -> tuple[int, int]:
        return self.epoch, self.step

    def state(self) -> dict[str, Any]:
        """Returns everything that `arrays` does not, JSON-able and as a copy."""
        kept = ("history", "best_weights")
        names = [field.name for field in dataclasses.fields(self) if field.name not in kept]
        values = {name: getattr(self, name) for name in names}
        copies = {name: list(v) for name, v in values.items() if isinstance(v, list)}
        in_arrays = self._columns()
        others: list[dict[str, Any]] = []
        if any(len(row) > len(in_arrays) for row in self.history):
            others = [{n: v for n, v in row.items() if n not in in_arrays} for row in self.history]
        columns = list(self.history[-1]) if self.history else []
        history: dict[str, list[Any]] = {"columns": columns, "others": others}
        return {
            **values,
            **copies,
            "nudges": [str(nudge) for nudge in self.nudges],
            "history": history,
        }

    def arrays(self) -> Arrays:
        """Returns the best weights, and the history with 8 bytes per number."""
        best = {f"{_BEST}{i}": array for i, array in enumerate(self.best_weights)}
        history: Arrays = {
            f"{_HISTORY}{name}": np.array([row[name] for row in self.history], kind)
            for name, kind in self._columns().items()
        }
        return {**best, **history}

    def _columns(self) -> dict[str, type]:
        """Returns the type of each history column that has the same type in all rows."""
        columns: dict[str, type] = {}
        for name, value in (self.history[-1] if self.history else {}).items():
            kind, values = type(value), [row.get(name) for row in self.history]
            plain = kind in (float, int) and name.isprintable() and set(map(type, values)) == {kind}
            if plain and (kind is float or all(abs(v or 0) < 1 << 62 for v in values)):
                columns[name] = kind
        return columns

    @classmethod
    def from_state(cls, state: dict[str, Any], arrays: Arrays, num_steps: int) -> "Progress":
        """Returns the progress with a saved `state` and `arrays`; ignores other arrays.

        Raises:
            ValueError: the parts contradict each other, or a run with `num_steps` per epoch.
        """
        names = {field.name for field in dataclasses.fields(cls)} - {"history", "best_weights"}
        values = {name: state[name] for name in names}
        progress = cls(
            **{**values, "nudges": [parse(text) for text in state["nudges"]]},
            history=_rows(state["history"], arrays),
            best_weights=[array for name, array in arrays.items() if name.startswith(_BEST)],
        )
        progress._check(num_steps)
        return progress

    def _check(self, num_steps: int) -> None:
        counts = (self.epoch, self.step, self.applied)
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError(f"its place is {counts}")
        if self.step >= num_steps or (self.step > 0 and not self.entered):
            raise ValueError(f"it stands at step {self.step} of {num_steps}")
        epochs = [row["epoch"] for row in self.history]
        if epochs != list(range(1, self.epoch + 1)):
            raise ValueError(f"its history is of {len(epochs)} epochs, and {self.epoch} are done")
        best = self.best_epoch
        if (best is None) != (self.epoch == 0) or not (best is None or best in epochs):
            raise ValueError(f"its best epoch is {best}, and {self.epoch} are done")
        if self.applied > len(self.nudges):
            raise ValueError(f"it has applied {self.applied} of {len(self.nudges)} nudges")

    def next_nudge_step(self, num_steps: int) -> int:
        """Returns the step of the next nudge in this epoch, or `num_steps` if there is none."""
        waiting = self.nudges[self.applied : self.applied + 1]
        return waiting[0].step if waiting and waiting[0].epoch == self.epoch else num_steps

    def csv(self) -> str:
        """Returns the history as the text of history.csv."""
        shown = {n: None for row in self.history for n, v in row.items() if not isinstance(v, list)}
        columns = [*shown, *(["nudges"] if self.nudges else [])]
        nudged = collections.Counter(nudge.epoch + 1 for nudge in self.nudges)
        rows = ({**row, "nudges": nudged[row["epoch"]]} for row in self.history)
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        # A model's own logs may differ from epoch to epoch.
        writer.writerows([row.get(name, math.nan) for name in columns] for row in rows)
        return file.getvalue()


def _rows(history: dict[str, Any], arrays: Arrays) -> list[dict[str, Any]]:
    """Returns the rows of a saved history."""
    names = history["columns"]
    columns = {n: arrays[_HISTORY + n].tolist() for n in names if _HISTORY + n in arrays}
    others = history["others"] or [{}] * len(columns.get("epoch", ()))
    in_order = dict.fromkeys(names)
    rows = []
    for *numbers, rest in zip(*columns.values(), others, strict=True):
        row = {**dict(zip(columns, numbers, strict=True)), **rest}
        rows.append({name: row[name] for name in {**in_order, **row} if name in row})
    return rows
