"""Hyperparameter search: keras-tuner chooses, the recipes train."""

from tfcourse.tuning.hypermodel import RecipeHyperModel
from tfcourse.tuning.space import search_space, tunable, values_in

__all__ = ["RecipeHyperModel", "search_space", "tunable", "values_in"]
