"""Hyperparameter search: keras-tuner chooses, workers train, a journal remembers."""

from tfcourse.tuning.driver import Driver, Plan
from tfcourse.tuning.hypermodel import RecipeHyperModel
from tfcourse.tuning.space import search_space, tunable, values_in
from tfcourse.tuning.workers import Workers

__all__ = [
    "Driver",
    "Plan",
    "RecipeHyperModel",
    "Workers",
    "search_space",
    "tunable",
    "values_in",
]
