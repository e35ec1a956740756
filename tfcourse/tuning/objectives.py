"""Whether a recipe has the metric by which a sweep ranks its trials."""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

    from tfcourse.datasets import Dataset


class UnknownObjectiveError(Exception):
    """The recipe has no such metric; the message says which it has."""

    exit_code = 2

    def __init__(self, objective: str, names: Iterable[str]) -> None:
        names = sorted(names)
        close = difflib.get_close_matches(objective, names, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]}?" if close else ""
        super().__init__(
            f"`objective` must be one of {', '.join(names)}.{hint} Received: {objective!r}"
        )


def check(model: "keras.Model", objective: str) -> None:
    """Checks a compiled and built model, unless only its steps can tell.

    Raises:
        UnknownObjectiveError: it has no such metric.
    """
    from tfcourse.training.keras_internals import has_own_logs, overrides

    names = set(model.get_metrics_result())
    names |= {f"val_{name}" for name in names}
    own = has_own_logs(model) or overrides(model, "test_step")
    if objective not in names and not own:
        raise UnknownObjectiveError(objective, names)


def check_built(model: "keras.Model", data: "Dataset", objective: str) -> None:
    """The same for a model that was compiled for `data` and has seen none of it."""
    from tfcourse import batching
    from tfcourse.training.keras_internals import build_for

    build_for(model, batching.first_examples(data.train, 2))
    check(model, objective)
