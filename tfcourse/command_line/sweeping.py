"""--sweep: settles what depends on the data, runs the sweep, and tells of its result."""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tfcourse import datasets, run_directory
from tfcourse import hyperparameters as hp
from tfcourse.command_line.exit_codes import UsageError
from tfcourse.command_line.options import Options
from tfcourse.command_line.sweep_flags import SweepOptions
from tfcourse.system import quiet_import
from tfcourse.tuning import journal
from tfcourse.tuning import space as search_space
from tfcourse.tuning.settings import Settings

if TYPE_CHECKING:
    from tfcourse.tuning import Driver
    from tfcourse.tuning.records import Chosen

# Returns the hyperparameters after the choices that depend on the data.
Settle = Callable[[Any, datasets.Dataset], Any]


def check_objective(
    build: Callable[..., Any] | None, base: hp.Hyperparameters, options: Options
) -> None:
    """Checks --objective with the recipe's model, before anything is written or trained.

    This needs TensorFlow, so metrics that almost every recipe has are left to the first trial, and
    so are recipes without `build`.

    Raises:
        ObjectiveError: trials can't be ranked by this metric.
    """
    assert options.sweep is not None
    objective = options.sweep.settings.objective
    if build is None or objective in ("auto", "val_accuracy", "val_loss"):
        return
    quiet_import.import_tensorflow()
    from tfcourse.tuning import objectives

    data = datasets.load(str(options.dataset), options.data_dir, **vars(options.reading))
    objectives.check_built(build(base, data, options.seed), data, objective)


def sweep(
    base: hp.Hyperparameters,
    options: Options,
    run: run_directory.RunDirectory,
    data: datasets.Dataset,
    settle: Settle | None = None,
) -> dict[str, Any] | None:
    """Runs the sweep of `options.sweep`, in place of a recipe's `main`.

    Args:
        settle: function of (hyperparameters, data) that returns the hyperparameters after the
            choices that depend on the data; hyperparameters without an effect are not searched.

    Returns:
        The metrics of the best trial as a dict; `None` if --max_minutes passed before all trials
        were done.
    """
    from tfcourse import tuning
    from tfcourse.tuning import report, searching

    asked = options.sweep
    assert asked is not None
    settled = _settled(asked, base, data, settle)
    searched = ", ".join(axis.name for axis in settled.space.axes)
    print(f"Searches {searched}; ranks by {settled.objective}")
    if settled.objective in ("accuracy", "loss"):
        print(f"That is measured on the training set; val_{settled.objective} is not")
    plan = tuning.Plan(
        options.data_dir, asked.path, asked.keep_models, asked.max_minutes, asked.confirm
    )
    with contextlib.ExitStack() as stack:
        records = stack.enter_context(journal.Journal(run.path / run_directory.JOURNAL))
        driver = tuning.Driver(run, records, hp.declarations(base), settled, plan)
        workers = stack.enter_context(
            tuning.Workers(asked.num_workers, asked.scheduler, asked.resources)
        )
        run.stopwatch.lap("workers")
        table = stack.enter_context(report.SweepTable())
        chosen = searching.carry_out(driver, workers, table.update)
    if chosen is None:
        _tell_stopped(driver, asked)
        return None
    return _results(driver, chosen)


def _settled(
    asked: SweepOptions, base: hp.Hyperparameters, data: datasets.Dataset, settle: Settle | None
) -> Settings:
    """Returns the settings of a sweep after the choices that depend on the data.

    Raises:
        UsageError: a requested hyperparameter or metric has no effect, or does not exist, with this
            data.
    """
    objective = asked.settings.objective
    if objective == "auto":
        # The metric that chooses the best epoch also ranks the trials.
        objective = getattr(base, "monitor", "val_loss" if data.target else "val_accuracy")
    elif data.target and "accuracy" in objective:
        raise UsageError(
            f"--objective={objective}: the label is a quantity, and has no accuracy. Take val_loss "
            "or val_mae, or --task=classification"
        )
    if settle:
        base = _fitting(settle, base, data, "")
    settled, before = base.all_texts(), asked.settings.base
    try:
        space = search_space.space_of(base, asked.searches, asked.fixed)
    except ValueError as error:
        told = str(error).replace("auto or ", "")
        changed = [
            f"{name} is {text}" for name, text in settled.items() if before.get(name) != text
        ]
        raise UsageError(f"--search, --fix: {told}. With this data {', '.join(changed)}") from None
    space = search_space.for_examples(space, len(data.train), asked.searches)
    for axis in space.axes:
        if settle and axis.name in asked.searches and axis.active_when is None:
            for value in axis.scale.options or ():
                _fitting(
                    settle, dataclasses.replace(base, **{axis.name: value}), data, "--search: "
                )
    return dataclasses.replace(asked.settings, objective=objective, space=space, base=settled)


def _fitting(
    settle: Settle, base: hp.Hyperparameters, data: datasets.Dataset, before: str
) -> hp.Hyperparameters:
    """Returns `base` after the choices that depend on the data; raises `UsageError` without fit."""
    try:
        return settle(base, data)
    except ValueError as error:
        raise UsageError(f"{before}{error}") from None


def _tell_stopped(driver: "Driver", asked: SweepOptions) -> None:
    """Prints what remains to be done after --max_minutes."""
    num_done, unconfirmed = len(driver.sweep.finished()), driver.unconfirmed()
    print(f"Stopped after --max_minutes={asked.max_minutes:g}: ", end="")
    print(f"{num_done} of {asked.settings.trials} trials are done.")
    if num_done == len(driver.sweep.trials) and unconfirmed:
        print(f"{len(unconfirmed)} of {asked.confirm} seeds of --confirm are missing.")
    print("Run the same command to continue.", end=" ")
    print(f"{driver.run.path / 'report.html'} shows the results so far")


def _results(driver: "Driver", chosen: "Chosen") -> dict[str, Any]:
    """Prints the result of a sweep; returns the content of metrics.json."""
    from tfcourse import tuning
    from tfcourse.tuning.report import findings

    shortfall = findings.shortfall(driver.sweep)
    if shortfall:
        print(shortfall)
    print(f"{driver.run.path / 'report.html'} shows the sweep")
    print(f"{driver.run.path / 'best.flags'} retrains the best trial")
    metrics = tuning.mean_of(chosen.metrics)
    print(f"Trial {chosen.trial}: {findings.reached(metrics)}")
    metrics |= {"trial": chosen.trial, "trials": len(driver.sweep.trials)}
    confirmed = tuning.confirmation_of(driver.sweep)
    if confirmed:
        print(confirmed)
        metrics["confirmation"] = confirmed.to_json()
    return metrics
