"""--sweep: from flags to a checked plan before TensorFlow loads, then the sweep and its files."""

import contextlib
import dataclasses
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from absl import flags

from tfcourse import datasets, machine, quiet_import, run_directory
from tfcourse import hyperparameters as hp
from tfcourse.command_line import written_flags
from tfcourse.command_line.exit_codes import UsageError
from tfcourse.tuning import grid, journal, settings
from tfcourse.tuning import space as search_space

if TYPE_CHECKING:
    from tfcourse.command_line.parsing import Options
    from tfcourse.command_line.written_flags import Written

# Returns the hyperparameters after the choices that depend on the data.
Settle = Callable[[Any, datasets.Dataset], Any]
_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://[^\s/]+:[0-9]{1,5}")


@dataclasses.dataclass(frozen=True)
class SweepOptions:
    """A checked sweep."""

    settings: settings.Settings  # Everything that affects the results.
    path: str  # Folder that the recipe's module is found in, or "" where it is installed.
    num_workers: int  # >= 1, processes of this machine.
    scheduler: str | None  # Address of a Dask scheduler with the workers.
    # `{name: amount}` that such a worker must have.
    resources: dict[str, float]
    keep_models: int  # How many of the best trials keep their models.
    max_minutes: float  # 0 for no limit.
    confirm: int  # Trainings of the best trial with further seeds.
    extend: bool  # Whether it may continue with other settings.


def prepare(
    train: Callable[..., Any], base: hp.Hyperparameters, options: "Options"
) -> tuple[hp.Hyperparameters, "Options"]:
    """Returns `(base, options)` with the values that --fix sets and the sweep's options.

    Raises:
        UsageError: a flag contradicts the others; the message names it.
    """
    values = flags.FLAGS
    base, space = _space_asked_for(base)
    if values.sweep == "hyperband":
        if values.pruning != "none":
            raise UsageError("--pruning does not go with hyperband, which stops bad trials itself")
        if getattr(base, "epochs", 1) == 0:
            raise UsageError("--sweep=hyperband needs --epochs, the most epochs of a trial")
    if not re.fullmatch(r"\w+", values.objective):
        raise UsageError(f"--objective must be a metric. Received: {values.objective!r}")
    trials = min(values.trials, 4) if options.smoke else values.trials
    if values.sweep == "grid":
        _check_grid(space, trials)
    if options.dataset is None:
        raise UsageError("--sweep: this recipe trains on no data set")
    if options.strategy != "none":
        raise UsageError(
            "--strategy does not go with --sweep, which trains each trial on one device"
        )
    asked = settings.settings_of(
        train,
        base,
        space,
        # The set of a sweep must not depend on what is available today.
        dataset=datasets.check_name(options.dataset, options.data_dir)[0],
        data_flags=options.reading.to_texts(),
        trials=trials,
        recipe=options.recipe,
        tuner=values.sweep,
        objective=values.objective,
        seed=options.seed,
        replicates=values.replicates,
        generation_size=values.generation_size,
        pruning=values.pruning,
    )
    sweep = SweepOptions(
        settings=asked,
        path=settings.module_of(train)[1],
        num_workers=values.workers or machine.num_cores(),
        scheduler=_scheduler(),
        resources=_resources(),
        keep_models=values.keep_models,
        max_minutes=values.max_minutes,
        confirm=values.confirm,
        extend=values.extend,
    )
    recorded = {**options.flags, "dataset": [asked.dataset]}
    return base, dataclasses.replace(options, dataset=asked.dataset, flags=recorded, sweep=sweep)


def check_written(written: "Written", base: hp.Hyperparameters) -> None:
    """Raises an error for flags that have no effect in the sweep.

    Raises:
        UsageError: a flag has no effect, or --search and --fix contradict each other.
    """
    base, space = _space_asked_for(base)
    searched = {axis.name: axis.scale.search for axis in space.axes}
    written_flags.refuse_searched(written, searched)
    written_flags.drop_idle(
        written, type(base), lambda name: searched.get(name, (getattr(base, name),))
    )


def check_objective(
    build: Callable[..., Any] | None, base: hp.Hyperparameters, options: "Options"
) -> None:
    """Checks --objective with the recipe's model, before anything is written or trained.

    This needs TensorFlow, so metrics that almost every recipe has are left to the first trial, and
    so are recipes without `build`.

    Raises:
        ObjectiveError: trials can't be ranked by this metric.
    """
    objective = flags.FLAGS.objective
    if build is None or objective in ("auto", "val_accuracy", "val_loss"):
        return
    quiet_import.import_tensorflow()
    from tfcourse.tuning import objectives

    data = datasets.load(str(options.dataset), options.data_dir, **vars(options.reading))
    objectives.check_built(build(base, data, options.seed), data, objective)


def _space_asked_for(base: hp.Hyperparameters) -> tuple[hp.Hyperparameters, search_space.Space]:
    """Returns `base` with the values of --fix, and the space of --search."""
    searches, fixed, base = _searched_and_fixed(base)
    try:
        return base, search_space.space_of(base, searches, fixed)
    except ValueError as error:
        raise UsageError(f"--search, --fix: {error}") from None


def _searched_and_fixed(base):
    """Returns `({name: text}, names, base)` of --search and --fix."""
    searches, fixed, declarations = {}, set(), hp.declarations(base)
    for text in flags.FLAGS.search:
        name, equals, values = text.partition("=")
        if not equals:
            raise UsageError(f"--search must be NAME=VALUES. Received: {text!r}")
        if "=" in values:
            raise UsageError(f"--search takes one NAME; repeat it for another. Received: {text!r}")
        searches[name] = values
    for text in flags.FLAGS.fix:
        name, equals, value = text.partition("=")
        fixed |= {name} if equals else set(text.split(","))
        if equals and name in declarations:
            try:
                base = dataclasses.replace(base, **{name: declarations[name].parse(value)})
            except ValueError as error:
                raise UsageError(f"--fix: {name} {error}") from None
    for name in (*searches, *sorted(fixed)):
        if name not in declarations:
            raise written_flags.unknown_hyperparameter(name, declarations)
    if flags.FLAGS.sweep == "hyperband":
        if "epochs" in searches:
            raise UsageError("--search: hyperband itself chooses epochs, up to --epochs")
        fixed.add("epochs")
    return searches, fixed, base


def _scheduler() -> str | None:
    address = flags.FLAGS.scheduler
    if address is not None and not _ADDRESS.fullmatch(address):
        raise UsageError(
            f"--scheduler must be an address such as tcp://10.0.0.1:8786. Received: {address!r}"
        )
    return address


def _resources() -> dict[str, float]:
    text = flags.FLAGS.trial_resources
    if text is not None and flags.FLAGS.scheduler is None:
        raise UsageError("--trial_resources: only the workers of a --scheduler have resources")
    resources = {}
    for part in text.split(",") if text is not None else ():
        name, _, amount = part.partition("=")
        try:
            resources[name] = hp.decimal(amount)
        except ValueError:
            resources[name] = 0.0
        if not (name.isidentifier() and resources[name] > 0.0):
            raise UsageError(
                f"--trial_resources must be NAME=AMOUNT, such as GPU=1. Received: {part!r}"
            )
    return resources


def _check_grid(space, trials):
    try:
        grid.check(space, trials)
    except ValueError as error:
        raise UsageError(f"--sweep=grid: {error}") from None


def _settled(
    asked: settings.Settings,
    base: hp.Hyperparameters,
    data: datasets.Dataset,
    settle: Settle | None,
) -> settings.Settings:
    """Returns the settings of a sweep after the choices that depend on the data.

    Raises:
        UsageError: a requested hyperparameter or metric has no effect, or does not exist, with this
            data.
    """
    objective = asked.objective
    if objective == "auto":
        # The metric that chooses the best epoch also ranks the trials.
        objective = getattr(base, "monitor", "val_loss" if data.target else "val_accuracy")
    elif data.target and "accuracy" in objective:
        raise UsageError(
            f"--objective={objective}: the label is a quantity, and has no accuracy. Take val_loss "
            "or val_mae, or --task=classification"
        )
    searches, fixed, _ = _searched_and_fixed(base)
    if settle:
        try:
            base = settle(base, data)
        except ValueError as error:
            raise UsageError(str(error)) from None
    try:
        space = search_space.space_of(base, searches, fixed)
    except ValueError as error:
        told = str(error).replace("auto or ", "")
        settled = base.all_texts()
        changed = [f"{n} is {text}" for n, text in settled.items() if asked.base[n] != text]
        raise UsageError(f"--search, --fix: {told}. With this data {', '.join(changed)}") from None
    return dataclasses.replace(asked, objective=objective, space=space, base=base.all_texts())


def sweep(
    base: hp.Hyperparameters,
    options: "Options",
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
    from tfcourse.tuning.report import findings

    asked = options.sweep
    assert asked is not None
    settled = _settled(asked.settings, base, data, settle)
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
        num_done = len(driver.sweep.finished())
        print(f"Stopped after --max_minutes={asked.max_minutes:g}: ", end="")
        print(f"{num_done} of {asked.settings.trials} trials are done.")
        if num_done == len(driver.sweep.trials) and driver.unconfirmed():
            print(f"{len(driver.unconfirmed())} of {asked.confirm} seeds of --confirm are missing.")
        print("Run the same command to continue.", end=" ")
        print(f"{run.path / 'report.html'} shows the results so far")
        return None
    shortfall = findings.shortfall(driver.sweep)
    if shortfall:
        print(shortfall)
    print(f"{run.path / 'report.html'} shows the sweep")
    print(f"{run.path / 'best.flags'} retrains the best trial")
    metrics = tuning.mean_of(chosen.metrics)
    print(f"Trial {chosen.trial}: {findings.reached(metrics)}")
    metrics |= {"trial": chosen.trial, "trials": len(driver.sweep.trials)}
    confirmed = tuning.confirmation_of(driver.sweep)
    if confirmed:
        print(confirmed)
        metrics["confirmation"] = confirmed.to_json()
    return metrics
