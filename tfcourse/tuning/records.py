"""The records in a sweep's journal, and their JSON form.

sweep    what is searched, and how; again wherever a later call extends it: `Settings`
ask      a trial's number and values
result   what one training of a trial (a replicate) came to
data     digests of the data that the trials are trained on
lost     a training whose worker died
confirmed  the same of one of its trainings with a further seed, once the trial was the best
void     trials whose results no longer count, since all had failed for one reason
chosen   the best trial, and what it reached on the test set
"""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from tfcourse.tuning.settings import Settings

COMPLETE = "complete"
PRUNED = "pruned"
INFEASIBLE = "infeasible"
# The epoch's number under "epoch", and its metrics; `None` for metrics that are not finite.
Row: TypeAlias = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of one training."""

    status: str  # COMPLETE, PRUNED or INFEASIBLE.
    reason: str = ""  # Why it is infeasible.
    curve: Sequence[Row] = ()  # A row per epoch: `epoch`, `loss`, `val_accuracy` and so on.
    seconds: float = 0.0  # From start to end, without loading the data.

    def best(self, objective: str) -> tuple[float, int] | tuple[None, None]:
        """Returns `(score, epoch)` of the best finite epoch, or `(None, None)`."""
        rows = [row for row in self.curve if _is_finite(row.get(objective))]
        if not rows:
            return None, None
        choose = min if is_minimized(objective) else max
        row = choose(rows, key=lambda row: row[objective])
        return row[objective], row["epoch"]


class _Record:
    """A record whose fields are plain values."""

    kind: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """Returns the record as the journal holds it."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]  # Those below are dataclasses.
        return {"kind": self.kind, **{field.name: getattr(self, field.name) for field in fields}}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Any:
        """Returns the record that `to_json` described."""
        return cls(**fields)


@dataclasses.dataclass(frozen=True)
class Ask(_Record):
    """A point to try."""

    kind: ClassVar[str] = "ask"
    trial: int  # Its number, counted from 0.
    values: Mapping[str, Any]  # Those of the active searched hyperparameters.
    positions: Mapping[str, float]  # Where on the axes they lie, in [0, 1].
    generation: int  # It was chosen with the results of earlier ones.
    note: Mapping[str, Any]  # What the tuner wants to tell of it, such as its round or its epochs.
    thresholds: Mapping[int, float]  # `{epoch: score}` under which it is pruned.

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Ask":
        """Returns the record that `to_json` described, with tuples for JSON's lists."""
        values = {n: tuple(v) if isinstance(v, list) else v for n, v in fields["values"].items()}
        thresholds = {int(epoch): score for epoch, score in fields["thresholds"].items()}
        return cls(**{**fields, "values": values, "thresholds": thresholds})


@dataclasses.dataclass(frozen=True)
class Finished(_Record):
    """The result of one training: of replicate number `replicate` of `trial`."""

    kind: ClassVar[str] = "result"
    trial: int
    replicate: int
    result: Result

    def to_json(self) -> dict[str, Any]:
        """Returns the record as in the journal: the result's fields beside the others."""
        place = {"kind": self.kind, "trial": self.trial, "replicate": self.replicate}
        return {**place, **dataclasses.asdict(self.result)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Finished":
        """Returns the record that `to_json` described."""
        result = {field.name: fields[field.name] for field in dataclasses.fields(Result)}
        return cls(fields["trial"], fields["replicate"], Result(**result))


@dataclasses.dataclass(frozen=True)
class Confirmed(Finished):
    """One training of the best trial with a new seed, which does not affect the ranking.

    Its replicate numbers continue those of the ranking trainings.
    """

    kind: ClassVar[str] = "confirmed"


@dataclasses.dataclass(frozen=True)
class Data(_Record):
    """The data that the first trial to end was trained on."""

    kind: ClassVar[str] = "data"
    digests: Mapping[str, str]  # By split.


@dataclasses.dataclass(frozen=True)
class Lost(_Record):
    """A training of `trial` died with its worker."""

    kind: ClassVar[str] = "lost"
    trial: int


@dataclasses.dataclass(frozen=True)
class Void(_Record):
    """The results of `trials` no longer count."""

    kind: ClassVar[str] = "void"
    trials: Sequence[int]


@dataclasses.dataclass(frozen=True)
class Chosen(_Record):
    """The best trial, and the metrics of each of its replicates, including the test set's."""

    kind: ClassVar[str] = "chosen"
    trial: int
    metrics: Sequence[dict[str, Any]]


Record: TypeAlias = Settings | Ask | Data | Finished | Confirmed | Lost | Void | Chosen
_KINDS: dict[str, Any] = {
    kind.kind: kind for kind in (Settings, Ask, Data, Finished, Confirmed, Lost, Void, Chosen)
}


def from_json(fields: Mapping[str, Any]) -> Record:
    """Returns the record for the journal's `fields`."""
    others = {name: value for name, value in fields.items() if name != "kind"}
    return _KINDS[fields["kind"]].from_json(others)


# Endings of Keras's names of metrics that are minimized.
MINIMIZED = ("loss", "error", "mae", "mse", "mape", "msle", "crossentropy", "divergence", "hinge")


def is_minimized(objective: str) -> bool:
    """Returns whether smaller values of the metric `objective` are better."""
    return objective.endswith(MINIMIZED)


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def mean_of(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the metrics of replicates as one dict: the means of numbers, and their spread."""
    mean = dict(metrics[0])
    if len(metrics) > 1:
        for name, value in metrics[0].items():
            if isinstance(value, float):
                values = [each[name] for each in metrics]
                mean[name] = statistics.fmean(values)
                mean[f"{name}_spread"] = statistics.stdev(values)
    return mean
