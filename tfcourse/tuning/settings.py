"""Everything that decides a sweep's results, as one record. Does not import TensorFlow."""

import dataclasses
import pathlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tfcourse import datasets
from tfcourse import hyperparameters as hp
from tfcourse.tuning.space import Space


@dataclasses.dataclass(frozen=True)
class Settings:
    """A phase of a sweep, as its journal records it."""

    kind: ClassVar[str] = "sweep"
    recipe: str  # The recipe's name in the record.
    module: str  # The module that a worker imports for it.
    function: str  # The name there of the function that trains.
    hyperparameters: str  # The name there of the class of hyperparameters.
    tuner: str  # One of `sweeps.TUNERS`.
    objective: str  # The metric that ranks; see `records.is_minimized`.
    space: Space  # What is searched.
    seed: int  # In [0, 2**32).
    replicates: int  # Trainings of each point, each with its own seed.
    trials: int  # Points to try.
    base: Mapping[str, str]  # Texts of all hyperparameters, for those that are not searched.
    dataset: str  # One name as `datasets.load` takes it.
    generation_size: int  # Points chosen at once by tuners that learn from results.
    pruning: str = "none"  # One of `sweeps.PRUNINGS`.
    # The most epochs that a trial gets; `None` if the recipe has no epochs.
    max_epochs: int | None = None
    # The fields of `datasets.Reading` as texts.
    data_flags: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def data(self) -> tuple[Any, ...]:
        """What decides which data is read, and how."""
        return datasets.located(self.dataset), dict(self.data_flags)

    def to_json(self) -> dict[str, Any]:
        """Returns the journal's record of these settings."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if not self.data_flags:
            del fields["data_flags"]
        return {"kind": self.kind, **fields, "space": self.space.to_json()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Settings":
        """Returns the settings that `to_json` described."""
        return cls(**{**fields, "space": Space.from_json(fields["space"])})


def settings_of(
    train: Callable[..., Any],
    base: hp.Hyperparameters,
    space: Space,
    *,
    dataset: str,
    trials: int,
    data_flags: Mapping[str, str] | None = None,
    recipe: str | None = None,
    tuner: str = "random",
    objective: str = "val_accuracy",
    seed: int = 1,
    replicates: int = 1,
    generation_size: int | None = None,
    pruning: str = "none",
) -> Settings:
    """Returns the `Settings` of a sweep.

    Args:
        train: function of (hyperparameters, data, seed, run) and arguments of `training.fit`, in a
            module that workers can import.
        base: the values of hyperparameters that are not searched.
        recipe: by default the name of `train`'s module.
        generation_size: by default that of `generation_size_of`.
        dataset, trials, data_flags, tuner, objective, seed, replicates, pruning: see `Settings`.
    """
    module, _ = module_of(train)
    return Settings(
        recipe=recipe or module.rpartition(".")[2],
        module=module,
        function=train.__name__,
        hyperparameters=type(base).__name__,
        tuner=tuner,
        objective=objective,
        space=space,
        seed=seed,
        replicates=replicates,
        trials=trials,
        base=base.all_texts(),
        dataset=dataset,
        generation_size=generation_size or generation_size_of(tuner, trials),
        pruning=pruning,
        max_epochs=getattr(base, "epochs", None),
        data_flags=dict(data_flags or {}),
    )


def generation_size_of(tuner: str, trials: int) -> int:
    """Returns the default generation size: a third of the trials for coarse_to_fine, else 8."""
    return max(4, -(-trials // 3)) if tuner == "coarse_to_fine" else 8


def continued(before: Settings, now: Settings) -> Settings:
    """Returns `now`, with the generation size of `before` if it only asks for other `trials`.

    Otherwise, by the default size, more trials would be the rounds of a new search.
    """
    if now.generation_size != generation_size_of(now.tuner, now.trials):
        return now
    same = dataclasses.replace(now, generation_size=before.generation_size)
    return same if dataclasses.replace(same, trials=before.trials) == before else now


def module_of(train: Callable[..., Any]) -> tuple[str, str]:
    """Returns the name by which a worker imports `train`, and the folder to import it from."""
    module = sys.modules[train.__module__]
    spec = getattr(module, "__spec__", None)
    if spec is not None:
        depth = spec.name.count(".") + (spec.submodule_search_locations is not None)
        return spec.name, str(pathlib.Path(str(module.__file__)).absolute().parents[depth])
    script = pathlib.Path(str(module.__file__)).resolve()
    return script.stem, str(script.parent)
