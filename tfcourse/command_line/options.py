"""The checked settings of a program besides its hyperparameters."""

import dataclasses
import pathlib
from collections.abc import Collection, Mapping

from tfcourse import datasets
from tfcourse.command_line.expectations import Expectation
from tfcourse.tuning import settings


@dataclasses.dataclass(frozen=True)
class SweepOptions:
    """A checked sweep."""

    settings: settings.Settings  # Everything that affects the results.
    searches: Mapping[str, str]  # The axes of --search, `{name: text}`.
    fixed: Collection[str]  # Names of hyperparameters that are not searched.
    path: str  # Folder that the recipe's module is found in, or "" where it is installed.
    num_workers: int  # >= 1, processes of this machine.
    scheduler: str | None  # Address of a Dask scheduler with the workers.
    # `{name: amount}` that such a worker must have.
    resources: dict[str, float]
    keep_models: int  # How many of the best trials keep their models.
    max_minutes: float  # 0 for no limit.
    confirm: int  # Trainings of the best trial with further seeds.
    extend: bool  # Whether it may continue with other settings.


@dataclasses.dataclass(frozen=True)
class Options:
    """The settings on the command line besides the hyperparameters.

    Attributes:
        recipe: name of the recipe's module, without its package.
        module: name of the module with its package, as for `python -m`.
        flags: `{name: [text, ...]}`, every flag that can affect a result.
        run_dir: folder for the results.
        seed: in [0, 2**32 - 1].
        dataset: name or comma-separated names; `None` for a recipe without data.
        data_dir: folder that holds the data's files, or `None`.
        reading: how the data is read.
        strategy: one of `devices.STRATEGIES`.
        smoke: whether this is a run of seconds that only shows that everything works.
        expect: ranges in which metrics must lie.
        unchecked: why the expectations of a flagfile are not checked, or "".
        find_learning_rate: whether to suggest a rate instead of training.
        diagnose: whether to diagnose the model instead of training.
        tuner: one of `tuning.sweeps.TUNERS`, or "none" for a single training.
        sweep: the checked sweep, or `None` for a single training.
        timing: whether to print the duration of each stage.
        describe: whether to only show what is in the data.
        compile_cache: whether compiled programs are kept between runs.
        tracker: one of `tracking.TRACKERS`.
    """

    recipe: str
    module: str
    flags: dict[str, list[str]]
    run_dir: pathlib.Path
    seed: int
    dataset: str | None
    data_dir: str | None
    reading: datasets.Reading
    strategy: str
    smoke: bool
    expect: tuple[Expectation, ...]
    unchecked: str
    find_learning_rate: bool
    tuner: str
    sweep: SweepOptions | None
    timing: bool
    describe: bool = False
    diagnose: bool = False
    compile_cache: bool = True
    tracker: str = "none"
