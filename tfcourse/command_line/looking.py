"""Modes without a training: --find_learning_rate and --diagnose."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from absl import flags

from tfcourse.command_line import exit_codes, finding
from tfcourse.command_line.exit_codes import MissedExpectationError, UsageError
from tfcourse.command_line.options import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

BatchSize = Callable[[Any, Dataset], int | Literal["full"]]
PAGE = "diagnosis.html"


def is_asked(options: Options) -> bool:
    """Returns whether one of these modes is requested."""
    return options.find_learning_rate or options.diagnose


def check(options: Options) -> None:
    """Raises `UsageError` if other flags contradict the mode."""
    flag = "--diagnose" if options.diagnose else "--find_learning_rate"
    if is_asked(options) and options.describe:
        raise UsageError(f"--describe only describes the data: leave {flag} out, or run it next")
    if is_asked(options) and options.sweep:
        raise UsageError(f"{flag} does not go with --sweep: run it before the sweep")
    nudged = "nudge" in flags.FLAGS and flags.FLAGS["nudge"].value
    if nudged and (is_asked(options) or options.sweep):
        mode = "--sweep" if options.sweep else flag
        raise UsageError(f"--nudge is for a single training: leave it out, or {mode}")
    if options.find_learning_rate and options.diagnose:
        raise UsageError(
            "--diagnose includes the learning rate finder: leave --find_learning_rate out"
        )
    if options.diagnose and options.strategy != "none":
        raise UsageError("--diagnose runs on one device: leave --strategy out")


def look(
    build: Callable[..., Any],
    batch_size: BatchSize | None,
    hyperparameters: Hyperparameters,
    data: Dataset,
    options: Options,
    run: RunDirectory,
) -> dict[str, Any]:
    """Runs the requested mode; returns the content of metrics.json.

    Args:
        build, batch_size: as in `program.run`.
    """
    values: Any = hyperparameters
    model = build(values, data, options.seed)
    size: int | Literal["full"] = (
        batch_size(values, data) if batch_size else getattr(values, "batch_size", "full")
    )
    if options.diagnose:
        return _diagnose(model, data, size, options.seed, run)
    return finding.find(model, hyperparameters, data, size, options.seed, run)


def _diagnose(
    model: "keras.Model",
    data: Dataset,
    size: int | Literal["full"],
    seed: int,
    run: RunDirectory,
) -> dict[str, Any]:
    from tfcourse import training

    found = training.diagnose(model, data, batch_size=size, seed=seed)
    print(exit_codes.with_flags(str(found)))
    page = run.path / PAGE
    found.write(page, exit_codes.with_flags)
    print(f"{page} shows why")
    verdicts = {name: finding.verdict for name, finding in found.findings.items()}
    return {"dataset": data.name, "diagnosis": verdicts}


def check_diagnosis(metrics: dict[str, Any]) -> None:
    """Raises `MissedExpectationError` if a check of the diagnosis is broken."""
    verdicts = metrics.get("diagnosis", {})
    broken = [name for name, verdict in verdicts.items() if verdict == "broken"]
    if broken:
        raise MissedExpectationError(f"--diagnose: broken: {', '.join(broken)}")
