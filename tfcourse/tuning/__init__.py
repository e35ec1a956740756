"""Hyperparameter search: keras-tuner chooses, workers train, a journal records."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfcourse.tuning.confirmation import Confirmation, confirmation_of
    from tfcourse.tuning.driver import AllTrialsFailedError, Driver
    from tfcourse.tuning.hypermodel import RecipeHyperModel
    from tfcourse.tuning.in_process import InProcess
    from tfcourse.tuning.records import Result, mean_of
    from tfcourse.tuning.searching import search
    from tfcourse.tuning.space import search_space, tunable, values_in
    from tfcourse.tuning.sweeps import Sweep, Trial
    from tfcourse.tuning.task import EnvironmentFaultError, Plan
    from tfcourse.tuning.workers import Workers

# Loaded when first used: a worker silences TensorFlow's import before it imports the rest.
_MODULES = {
    "AllTrialsFailedError": "driver",
    "Confirmation": "confirmation",
    "Driver": "driver",
    "EnvironmentFaultError": "task",
    "InProcess": "in_process",
    "Plan": "task",
    "RecipeHyperModel": "hypermodel",
    "Result": "records",
    "Sweep": "sweeps",
    "Trial": "sweeps",
    "Workers": "workers",
    "confirmation_of": "confirmation",
    "mean_of": "records",
    "search": "searching",
    "search_space": "space",
    "tunable": "space",
    "values_in": "space",
}
__all__ = [
    "AllTrialsFailedError",
    "Confirmation",
    "Driver",
    "EnvironmentFaultError",
    "InProcess",
    "Plan",
    "RecipeHyperModel",
    "Result",
    "Sweep",
    "Trial",
    "Workers",
    "confirmation_of",
    "mean_of",
    "search",
    "search_space",
    "tunable",
    "values_in",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
