"""Hyperparameter search: keras-tuner chooses, workers train, a journal remembers."""

import importlib

# Loaded when first used: a worker silences TensorFlow's import before it imports the rest.
_MODULES = {
    "Driver": "driver",
    "InProcess": "in_process",
    "Plan": "driver",
    "RecipeHyperModel": "hypermodel",
    "Workers": "workers",
    "mean_of": "driver",
    "search": "searching",
    "search_space": "space",
    "tunable": "space",
    "values_in": "space",
}
__all__ = sorted(_MODULES)


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
