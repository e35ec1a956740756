"""--sweep: from flags to a checked plan before TensorFlow loads, then the sweep and its files."""

import contextlib
import dataclasses
import os
import re

from absl import flags

from tfcourse import datasets, run_directory
from tfcourse import hyperparameters as hp
from tfcourse.command_line import cluster
from tfcourse.tuning import grid, journal, settings
from tfcourse.tuning import space as search_space


class SweepUsageError(Exception):
    """Flags that make no sweep; the message names the flag."""

    exit_code = 2


@dataclasses.dataclass(frozen=True)
class SweepOptions:
    """A checked sweep.

    Attributes:
        settings: all that decides about the results.
        path: folder that the recipe's module is found in, or "" where it is installed.
        num_workers: int >= 1, processes of this machine.
        cluster: `cluster.Cluster`, whose workers may take their place.
        keep_models: int, best trials whose models are kept.
        max_minutes: float, 0 for no limit.
        extend: whether it may go on with other settings.
    """

    settings: settings.Settings
    path: str
    num_workers: int
    cluster: cluster.Cluster
    keep_models: int
    max_minutes: float
    extend: bool


def prepare(train, base, options):
    """Returns `(base, options)` with the values that --fix sets and the sweep's options.

    Raises:
        SweepUsageError: a flag does not go with the others; its message names it.
    """
    values = flags.FLAGS
    searches, fixed, base = _searched_and_fixed(base)
    if values.sweep == "hyperband":
        if values.pruning != "none":
            raise SweepUsageError("--pruning: hyperband ends trials in a way of its own")
        if getattr(base, "epochs", 1) == 0:
            raise SweepUsageError("--sweep=hyperband: give --epochs, the most that a trial gets")
        if "epochs" in searches:
            raise SweepUsageError("--search: hyperband itself chooses epochs, up to --epochs")
        fixed.add("epochs")
    if not re.fullmatch(r"\w+", values.objective):
        raise SweepUsageError(f"--objective must be a metric. Received: {values.objective!r}")
    try:
        space = search_space.space_of(base, searches, fixed)
    except ValueError as error:
        raise SweepUsageError(f"--search, --fix: {error}") from None
    try:
        workers = cluster.from_flags()
    except ValueError as error:
        raise SweepUsageError(str(error)) from None
    trials = min(values.trials, 4) if options.smoke else values.trials
    if values.sweep == "grid":
        _check_grid(space, trials)
    if options.dataset is None:
        raise SweepUsageError("--sweep: this recipe trains on no data set")
    if options.strategy != "none":
        raise SweepUsageError("--strategy: a sweep gives each trial a device of its own")
    asked = settings.settings_of(
        train,
        base,
        space,
        # Which of several sets a sweep is about must not depend on what can be had today.
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
        num_workers=values.workers or len(os.sched_getaffinity(0)),
        cluster=workers,
        keep_models=values.keep_models,
        max_minutes=values.max_minutes,
        extend=values.extend,
    )
    recorded = {**options.flags, "dataset": [asked.dataset]}
    changed = {"dataset": asked.dataset, "flags": recorded, "sweep": sweep}
    return base, dataclasses.replace(options, **changed)


def _searched_and_fixed(base):
    """Returns `({name: text}, names, base)` of --search and --fix."""
    searches, fixed, declarations = {}, set(), hp.declarations(base)
    for text in flags.FLAGS.search:
        name, equals, values = text.partition("=")
        if not equals:
            raise SweepUsageError(f"--search must be NAME=VALUES. Received: {text!r}")
        searches[name] = values
    for text in flags.FLAGS.fix:
        name, equals, value = text.partition("=")
        fixed.add(name)
        if equals and name in declarations:
            try:
                base = dataclasses.replace(base, **{name: declarations[name].parse(value)})
            except ValueError as error:
                raise SweepUsageError(f"--fix: {name} {error}") from None
    return searches, fixed, base


def _check_grid(space, trials):
    try:
        grid.check(space, trials)
    except ValueError as error:
        raise SweepUsageError(f"--sweep=grid: {error}") from None


def sweep(base, options, run):
    """Runs the sweep of `options.sweep`; the counterpart of a recipe's `main`.

    Returns:
        The metrics of the best trial as a dict, or `None` where --max_minutes were over before
        all trials were done.
    """
    from tfcourse import tuning
    from tfcourse.tuning import report, searching

    # Workers find the array cache.
    datasets.load(options.dataset, options.data_dir, **vars(options.reading))
    run.stopwatch.lap("data")
    asked = options.sweep
    plan = tuning.Plan(
        options.data_dir, asked.path, asked.keep_models, max_minutes=asked.max_minutes
    )
    with contextlib.ExitStack() as stack:
        records = stack.enter_context(journal.Journal(run.path / run_directory.JOURNAL))
        driver = tuning.Driver(run, records, hp.declarations(base), asked.settings, plan)
        workers = stack.enter_context(
            tuning.Workers(asked.num_workers, asked.cluster.scheduler, asked.cluster.resources)
        )
        run.stopwatch.lap("workers")
        table = stack.enter_context(report.SweepTable())
        chosen = searching.carry_out(driver, workers, table.update)
    if chosen is None:
        num_done = len(driver.sweep.finished())
        print(f"--max_minutes are over: {num_done} trials of {asked.settings.trials} are done;")
        print(f"the same command goes on. {run.path / 'report.html'} shows what there is")
        return None
    print(f"{run.path / 'report.html'} shows the sweep; {run.path / 'best.flags'} trains its best")
    metrics = tuning.mean_of(chosen.metrics)
    print(f"Trial {chosen.trial}: {', '.join(_final(metrics))}")
    return {
        **metrics,
        "trial": chosen.trial,
        "trials": len(driver.sweep.trials),
    }


def _final(metrics):
    """Yields what the chosen trial reaches on validation and test set, as texts."""
    for name, value in metrics.items():
        if re.match("(test|val)_", name) and isinstance(value, float):
            yield f"{name} {value:.4f}"
