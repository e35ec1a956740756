"""A sweep from Python, with the same journal, driver, workers and files as --sweep."""

import contextlib
import os
from collections.abc import Callable, Collection, Mapping
from typing import Any

from tfcourse import checked, datasets, run_directory
from tfcourse import hyperparameters as hp
from tfcourse.system import machine
from tfcourse.tuning import journal
from tfcourse.tuning import space as search_space
from tfcourse.tuning.driver import Driver, Watch
from tfcourse.tuning.files import SweepFiles
from tfcourse.tuning.records import Chosen
from tfcourse.tuning.settings import module_of, settings_of
from tfcourse.tuning.sweeps import PRUNINGS, TUNERS, Sweep
from tfcourse.tuning.task import Plan, Pool


def search(
    train: Callable[..., Any],
    base: hp.Hyperparameters,
    folder: str | os.PathLike[str],
    pool: Pool | None = None,
    *,
    dataset: str,
    trials: int,
    workers: int | None = None,
    searches: Mapping[str, str] | None = None,
    fixed: Collection[str] = (),
    data_dir: str | os.PathLike[str] | None = None,
    reading: datasets.Reading | None = None,
    tuner: str = "random",
    objective: str = "val_accuracy",
    seed: int = 1,
    replicates: int = 1,
    generation_size: int | None = None,
    pruning: str = "none",
    keep_models: int = 3,
    confirm: int = 0,
    max_minutes: float = 0.0,
    report: bool = True,
    watch: Watch = lambda sweep, running: None,
) -> Sweep:
    """Searches hyperparameters in `folder`, or resumes the search that is there.

        sweep = tuning.search(
            mnist_softmax.train, MnistSoftmax(epochs=3), "runs/search",
            dataset="digits", trials=12, searches={"learning_rate": "1e-4:1:log"}, workers=2,
        )
        sweep.best.values  # {"learning_rate": ...}

    It writes the files that `--sweep` writes: trials.csv, curves.csv, report.html, best.flags, and
    under `best` the run directory of the best trial. Only that trial is evaluated on the test set.

    Args:
        train: function of (hyperparameters, data, seed, run) and arguments of `training.fit`, in a
            module that workers can import. A script that searches needs an `if __name__ ==
            "__main__":` guard.
        base: the values of hyperparameters that are not searched.
        folder: for the journal, the files and the trials' run directories.
        pool: `Workers`, to use them for several searches in turn, or `InProcess()`; by default,
            workers are started for this search only.
        dataset: one name, as for `datasets.load`.
        trials: int >= 1, the number of points to try.
        workers: int >= 1, processes to start if there is no `pool`; by default one per core.
        searches: `{name: text}`, axes as in --search, in place of the declared ranges.
        fixed: names of hyperparameters that are not searched although they declare a range.
        data_dir: folder that holds the data's files.
        reading: how a table or images are read.
        tuner: "random", "grid", "coarse_to_fine", "quasi_random", "bayesian" or "hyperband".
        objective: the metric that ranks trials. Losses and errors are minimized, others maximized.
        seed: in [0, 2**32).
        replicates: int >= 1, trainings per point, each with its own seed.
        generation_size: points chosen at once by tuners that learn from results; by default a
            third of the trials for coarse_to_fine, else 8.
        pruning: "none", "median" or "successive_halving".
        keep_models: how many of the best trials keep their run directories; >= 1 with `report`.
        confirm: int >= 0, how often the best trial is retrained with new seeds; see
            `confirmation_of`.
        max_minutes: minutes after which no training starts; 0 sets no limit.
        report: whether to evaluate the best trial and write the files; otherwise, only the journal
            is written.
        watch: called with the `Sweep` and the running trainings whenever something happens.

    Raises:
        ValueError: an argument is out of range, an axis does not fit its hyperparameter, or both
            `pool` and `workers` are given.
        RunDirectoryError: another process searches in `folder`.
        ChangedFlagsError: `folder` holds a search on other data.
        AllTrialsFailedError: the first trials all failed for the same reason.
    """
    if pool is not None and workers is not None:
        raise ValueError(f"`workers` starts processes; `pool` has its own. Received: {workers=}")
    if report and keep_models < 1:
        raise ValueError(f"`keep_models` must be >= 1 for a report. Received: {keep_models=}")
    checked.one_of("tuner", tuner, TUNERS)
    checked.one_of("pruning", pruning, PRUNINGS)
    for name, value in (("trials", trials), ("replicates", replicates)):
        checked.count(name, value)
    for name, value in (("seed", seed), ("confirm", confirm), ("keep_models", keep_models)):
        checked.count(name, value, minimum=0)
    for name, given in (("workers", workers), ("generation_size", generation_size)):
        checked.count(name, 1 if given is None else given)
    checked.number("max_minutes", max_minutes, zero_allowed=True)
    if tuner == "hyperband":
        if pruning != "none" or "epochs" in (searches or {}):
            raise ValueError("`tuner=hyperband` prunes and chooses epochs itself. Leave that out")
        if not (epochs := getattr(base, "epochs", 0)):
            raise ValueError(
                "`tuner=hyperband` needs a base with `epochs`, the most of a trial. "
                f"Received: {epochs=}"
            )
        fixed = {*fixed, "epochs"}
    settings = settings_of(
        train,
        base,
        search_space.space_of(base, searches, fixed),
        dataset=dataset,
        trials=trials,
        data_flags=reading.to_texts() if reading else None,
        tuner=tuner,
        objective=objective,
        seed=seed,
        replicates=replicates,
        generation_size=generation_size,
        pruning=pruning,
    )
    plan = Plan(data_dir, module_of(train)[1], keep_models, max_minutes, confirm)
    with contextlib.ExitStack() as stack:
        run = stack.enter_context(run_directory.open_search(folder))
        records = stack.enter_context(journal.Journal(run.path / run_directory.JOURNAL))
        driver = Driver(run, records, hp.declarations(base), settings, plan)
        if pool is None:
            from tfcourse.tuning.workers import Workers  # Dask loads slowly.

            num_workers = workers or machine.num_cores()
            pool = stack.enter_context(Workers(num_workers))
        if report:
            carry_out(driver, pool, watch)
        else:
            driver.train(pool, watch)
    return driver.sweep


def carry_out(driver: Driver, pool: Pool, watch: Watch) -> Chosen | None:
    """Trains all trials, evaluates the best one, and writes the files of a sweep.

    Returns:
        The choice; `None` if the time was up before all trials were done.
    """
    with SweepFiles(driver) as files:

        def watched(sweep: Sweep, running: list[Any]) -> None:
            watch(sweep, running)
            files.update()

        done = driver.train(pool, watched)
    driver.run.stopwatch.lap("trials")
    chosen = driver.choose(pool) if done else None
    files.finish()
    return chosen
