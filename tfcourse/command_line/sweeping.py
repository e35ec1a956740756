"""--sweep: from flags to a checked plan before TensorFlow loads, then the sweep and its files."""

import contextlib
import dataclasses
import math
import os
import re
import time

from absl import flags

from tfcourse import datasets, run_directory
from tfcourse import hyperparameters as hp
from tfcourse.command_line import cluster
from tfcourse.tuning import grid, journal, settings
from tfcourse.tuning import space as search_space

_FILES_SECONDS = 5.0


class SweepUsageError(Exception):
    """Flags that make no sweep; the message names the flag."""

    exit_code = 2


@dataclasses.dataclass(frozen=True)
class SweepOptions:
    """A checked sweep.

    Attributes:
        settings: dict, a phase of `sweeps.Sweep`: all that decides about the results.
        path: folder that the recipe's module is found in, or "" where it is installed.
        num_workers: int >= 1, processes of this machine.
        cluster: `cluster.Cluster`, whose workers may take their place.
        keep_models: int, best trials whose models are kept.
        max_minutes: float, 0 for no limit.
        extend: whether it may go on with other settings.
    """

    settings: dict
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
    recorded = {**options.flags, "dataset": [asked["dataset"]]}
    changed = {"dataset": asked["dataset"], "flags": recorded, "sweep": sweep}
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
    from tfcourse.tuning import report

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
        with _Files(driver, run) as files, report.SweepTable() as table:

            def watch(sweep, running):
                table.update(sweep, running)
                files.update()

            done = driver.train(workers, watch)
        run.stopwatch.lap("trials")
        chosen = driver.choose(workers) if done else None
        files.finish()
    if not done:
        num_done = len(driver.sweep.finished())
        print(f"--max_minutes are over: {num_done} trials of {asked.settings['trials']} are done;")
        print(f"the same command goes on. {run.path / 'report.html'} shows what there is")
        return None
    print(f"{run.path / 'report.html'} shows the sweep; {run.path / 'best.flags'} trains its best")
    metrics = tuning.mean_of(chosen["metrics"])
    print(f"Trial {chosen['trial']}: {', '.join(_final(metrics))}")
    return {
        **metrics,
        "trial": chosen["trial"],
        "trials": len(driver.sweep.trials),
    }


def _final(metrics):
    """Yields what the chosen trial reaches on validation and test set, as texts."""
    for name, value in metrics.items():
        if re.match("(test|val)_", name) and isinstance(value, float):
            yield f"{name} {value:.4f}"


class _Files:
    """The files that follow from a sweep's journal, written now and then and at the end."""

    def __init__(self, driver, run):
        self._driver = driver
        self._run = run
        self._num_results = -1
        self._written_at = -math.inf

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._write()  # After an interruption too; the report takes seconds, and waits.

    def update(self):
        """Writes the tables if something has come and the last time is a while ago."""
        num_results = sum(len(each.results) for each in self._driver.sweep.trials)
        due = time.monotonic() - self._written_at > _FILES_SECONDS
        if due and num_results != self._num_results:
            self._write()
            self._num_results, self._written_at = num_results, time.monotonic()

    def _write(self):
        from tfcourse.tuning import report

        sweep = self._driver.sweep
        self._run.write("trials.csv", report.trials_csv(sweep), durable=False)
        self._run.write("curves.csv", report.curves_csv(sweep), durable=False)
        if sweep.best is not None:
            self._run.write("best.flags", self._driver.best_flags(), durable=False)

    def finish(self):
        """Writes all, the report and TensorBoard's files included."""
        from tfcourse.tuning import report
        from tfcourse.tuning.report.page import write_sweep_report

        self._write()
        report.write_hparams(self._driver.sweep, self._run.path / "tensorboard")
        write_sweep_report(self._driver.sweep, self._run.path / "report.html")
        self._write_model_cards()

    def _write_model_cards(self):
        """Writes the card of each replicate of the chosen trial into its own folder."""
        from tfcourse import reports

        chosen = self._driver.sweep.chosen
        for replicate, metrics in enumerate(chosen["metrics"] if chosen else ()):
            task = self._driver.task(chosen["trial"], replicate)
            folder = run_directory.RunDirectory(task["folder"])
            if reports.is_classifier(metrics) and folder.path.is_dir():
                card = reports.model_card(task["recipe"], task["flags"], metrics)
                folder.write(run_directory.MODEL_CARD, card)
