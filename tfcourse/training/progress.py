"""Where training stands; together with the variables, all that a resume needs."""

import dataclasses
from typing import Any

import numpy.typing as npt

from tfcourse.nudges import Nudge, parse


@dataclasses.dataclass
class Progress:
    """Position, history and best epoch of a run, and what was changed on the way.

    Attributes:
        epoch: whole epochs done.
        step: steps done of the epoch that follows.
        entered: whether that epoch has begun, for callbacks.
        train_seconds: of that epoch.
        history: list of dicts, one row per epoch.
        best_epoch: counted from 1.
        best_value: what the best epoch reached, the larger the better: the monitored metric, then
            the validation loss, each with its sign.
        best_weights: list of arrays, the model's variables after it.
        nudges: list of `Nudge` in the order of their places; those that a replay has still to
            come to are among them.
        applied: how many of them are applied.
        log: list of dicts, every request that was granted, whatever came of it later.
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
        """Returns all but the arrays, JSON-able and independent of what follows."""
        names = [field.name for field in dataclasses.fields(self)]
        values = {name: getattr(self, name) for name in names if name != "best_weights"}
        copies = {name: list(v) for name, v in values.items() if isinstance(v, list)}
        return {**values, **copies, "nudges": [str(nudge) for nudge in self.nudges]}

    @classmethod
    def from_state(cls, state: dict[str, Any], best_weights: list[npt.NDArray[Any]]) -> "Progress":
        """Returns the progress whose `state` was saved."""
        timeline = [parse(text) for text in state["nudges"]]
        return cls(**{**state, "nudges": timeline}, best_weights=best_weights)

    def next_nudge_step(self, num_steps: int) -> int:
        """Returns the step of this epoch at which a nudge waits; `num_steps` where none does."""
        waiting = self.nudges[self.applied : self.applied + 1]
        return waiting[0].step if waiting and waiting[0].epoch == self.epoch else num_steps

    def csv(self) -> str:
        """Returns the history as the text of history.csv."""
        columns = [name for name, value in self.history[-1].items() if not isinstance(value, list)]
        if self.nudges:
            columns.append("nudges")
        rows = []
        for row in self.history:
            count = sum(nudge.epoch + 1 == row["epoch"] for nudge in self.nudges)
            rows.append(",".join(repr({**row, "nudges": count}[name]) for name in columns))
        return "\n".join([",".join(columns), *rows]) + "\n"
