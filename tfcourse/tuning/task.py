"""The tasks of workers and their outcomes. Does not import TensorFlow or Dask."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from tfcourse import datasets
from tfcourse.tuning.records import Result
from tfcourse.tuning.settings import Settings
from tfcourse.tuning.sweeps import Trial

# A trial's number and one of its replicates.
Key: TypeAlias = tuple[int, int]
TICK_SECONDS = 0.25  # For so long, an outcome is waited for.


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a sweep is run; none of this affects the results."""

    data_dir: str | os.PathLike[str] | None = None  # Folder that holds the data's files, or `None`.
    path: str = ""  # Folder that the recipe's module is found in, or "" where it is installed.
    keep_models: int = 3  # >= 0, of so many of the best trials the checkpoints stay.
    max_minutes: float = 0.0  # No training starts after this; 0 for no limit.
    confirm: int = 0  # >= 0, trainings of the best trial with further seeds.


@dataclasses.dataclass(frozen=True)
class Task:
    """One training: a replicate of a trial.

    Attributes:
        recipe, module, function, hyperparameters: see `Settings`.
        path: folder of the module; "" if it is installed.
        values: texts of all hyperparameters.
        seed: the training's, in [0, 2**32).
        flags: the flags for the training's flags.txt.
        dataset: one name for `datasets.load`, valid in any working directory.
        data_dir: absolute path of the folder that holds the data's files, or `None`.
        data_flags: texts of the flags that describe how to read the data.
        folder: absolute path of the training's run directory.
        objective: the metric that ranks trials.
        thresholds: `{epoch: score}`: a training that is worse after that epoch is stopped.
    """

    recipe: str
    module: str
    function: str
    hyperparameters: str
    path: str
    values: Mapping[str, str]
    seed: int
    flags: dict[str, list[str]]
    dataset: str
    data_dir: str | None
    data_flags: Mapping[str, str]
    folder: str
    objective: str
    thresholds: Mapping[int, float]

    def to_json(self) -> dict[str, Any]:
        """Returns the task as plain values, so that it can be passed to any process."""
        thresholds = {str(epoch): score for epoch, score in self.thresholds.items()}
        return {**vars(self), "thresholds": thresholds}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Task":
        """Returns the task that `to_json` described."""
        thresholds = {int(epoch): score for epoch, score in fields["thresholds"].items()}
        return cls(**{**fields, "thresholds": thresholds})


def task_of(
    settings: Settings,
    trial: Trial,
    values: Mapping[str, str],
    replicate: int,
    folder: str | os.PathLike[str],
    plan: Plan,
) -> Task:
    """Returns the task of one replicate of `trial`, with the texts of all its hyperparameters."""
    seed = trial_seed(settings.seed, trial.number, replicate)
    flags = {name: [text] for name, text in {**values, **settings.data_flags}.items()}
    return Task(
        recipe=settings.recipe,
        module=settings.module,
        function=settings.function,
        hyperparameters=settings.hyperparameters,
        path=plan.path,
        values=values,
        seed=seed,
        flags={**flags, "seed": [str(seed)], "dataset": [settings.dataset]},
        # The worker may have another working directory.
        dataset=datasets.located(settings.dataset),
        data_dir=os.path.abspath(plan.data_dir) if plan.data_dir else None,
        data_flags=settings.data_flags,
        folder=os.path.abspath(folder),
        objective=settings.objective,
        thresholds=trial.thresholds,
    )


def trial_seed(seed: int, trial: int, replicate: int) -> int:
    """Returns the seed in [0, 2**32) for the training of one replicate of a trial."""
    return int(np.random.SeedSequence([seed, trial, replicate]).generate_state(1)[0])


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A worker's answer to a `Task`."""

    result: Result  # The training's.
    # The exit code if the machine failed, not the trial, or `None`. The result's reason describes
    # the fault.
    fault: int | None = None
    # Those of the data that it trained on, by split; `None` if it did not end.
    digests: Mapping[str, str] | None = None


class EnvironmentFaultError(Exception):
    """A worker's machine failed: disk, memory, permission or data."""

    def __init__(self, message: str, exit_code: int = 5) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Pool(Protocol):
    """Runs the trainings: `Workers` or `InProcess`."""

    @property
    def num_free(self) -> int:
        """The number of tasks that would start at once."""

    def submit(self, key: Key, name: Literal["run", "test"], task: Task) -> None:
        """Runs the function `name` of `tuning.trial` with `task`, under the name `key`."""

    def next_outcome(self, timeout: float) -> tuple[Key, Any] | None:
        """Returns `(key, result)`; `None` if there is no result within `timeout` seconds.

        The result is `None` if the worker died.
        """
