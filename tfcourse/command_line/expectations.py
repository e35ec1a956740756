"""--expect: ranges in which results must lie; their names are checked before a training."""

import difflib
import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple, Self

from tfcourse import hyperparameters as hp
from tfcourse.command_line.exit_codes import MissedExpectationError, UsageError

# The results of `training.final_metrics`, for classes or quantities.
FINAL = (
    *("test_accuracy", "test_loss", "val_accuracy", "val_loss"),
    *("test_baseline_accuracy", "val_baseline_accuracy"),
    *("test_mae", "test_rmse", "test_r2", "test_baseline_rmse"),
    *("val_mae", "val_rmse", "val_r2", "val_baseline_rmse"),
    *("best_epoch", "epochs", "parameters", "edge_brightness"),
    *("train_examples", "validation_examples", "test_examples"),
)


class Expectation(NamedTuple):
    """The closed range in which a metric must lie, written `test_accuracy:0.983:0.999`."""

    metric: str
    low: float
    high: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the expectation in `text`. Raises `ValueError` if there is none."""
        name, *bounds = text.split(":")
        try:
            low, high = (hp.decimal(bound) for bound in bounds)
        except ValueError:
            low, high = math.nan, math.nan
        if not (name and -math.inf < low <= high < math.inf):
            raise ValueError(f"must be METRIC:LOW:HIGH with LOW <= HIGH. Received: {text!r}")
        return cls(name, low, high)

    def __str__(self) -> str:
        return f"{self.metric}:{self.low!r}:{self.high!r}"


def of_sweep(replicates: int) -> tuple[str, ...]:
    """Returns the results that a sweep adds to those of its best trial."""
    spreads = (f"{name}_spread" for name in FINAL) if replicates > 1 else ()
    return "trial", "trials", *spreads


def check_names(expected: Iterable[Expectation], results: Collection[str]) -> None:
    """Raises `UsageError` if an expectation names a metric that is not in `results`."""
    for metric, _, _ in expected:
        if metric not in results:
            close = difflib.get_close_matches(metric, results, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise UsageError(
                f"--expect={metric}: no such result; there are {', '.join(results)}.{hint}"
            )


def check(expected: Iterable[Expectation], metrics: Mapping[str, Any]) -> None:
    """Raises `MissedExpectationError` if a result is outside its range."""
    numbers = {name: value for name, value in metrics.items() if isinstance(value, (int, float))}
    check_names(expected, numbers)
    missed = [
        f"{metric} is {numbers[metric]:.6g}, not in [{low}, {high}]"
        for metric, low, high in expected
        if not low <= numbers[metric] <= high
    ]
    if missed:
        raise MissedExpectationError(f"--expect: {', '.join(missed)}")
