"""Checks that a recipe has the metric by which a sweep ranks its trials."""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tfcourse.tuning.records import MINIMIZED, is_minimized

if TYPE_CHECKING:
    import keras

    from tfcourse.datasets import Dataset


class ObjectiveError(Exception):
    """The recipe's trials can't be ranked by this metric; the message says why."""

    exit_code = 2


def unknown(objective: str, names: Iterable[str]) -> ObjectiveError:
    """Returns the error for a metric that is not among `names`."""
    names = sorted(names)
    close = difflib.get_close_matches(objective, names, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]}?" if close else ""
    return ObjectiveError(
        f"`objective` must be one of {', '.join(names)}.{hint} Received: {objective!r}"
    )


def check(model: "keras.Model", objective: str) -> None:
    """Checks a compiled and built model, unless its metrics are known only after a step.

    Raises:
        ObjectiveError: it has no such metric, or the metric improves in the other direction.
    """
    from tfcourse.training.keras_internals import direction_of, has_own_logs, overrides

    names = set(model.get_metrics_result())
    names |= {f"val_{name}" for name in names}
    own = has_own_logs(model) or overrides(model, "test_step")
    if objective not in names and not own:
        raise unknown(objective, names)
    direction = direction_of(model, objective)
    if direction and (direction == "min") != is_minimized(objective):
        better = "smaller" if direction == "min" else "larger"
        raise ObjectiveError(
            f"`objective={objective}`: Keras says that {better} is better, its name the opposite: "
            f"metrics whose names end in {', '.join(MINIMIZED)} are minimized. Rename the metric"
        )


def check_built(model: "keras.Model", data: "Dataset", objective: str) -> None:
    """Does the same for a model that was compiled for `data` but not built."""
    from tfcourse import training_data
    from tfcourse.training.keras_internals import build_for

    build_for(model, training_data.first_examples(data.train, 2))
    check(model, objective)
