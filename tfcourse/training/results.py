"""The numbers of metrics.json."""

from typing import Any

import keras

from tfcourse import datasets
from tfcourse.run_directory.environment import environment
from tfcourse.training.evaluation import Evaluator


def final_metrics(
    model: keras.Model, history: keras.callbacks.History, data: datasets.Dataset
) -> dict[str, Any]:
    """Returns the numbers of metrics.json for the trained `model`; the test set's only use.

    `best_epoch` is the epoch, counted from 1, whose weights `model` has; `None` where a callback
    set others.

    Args:
        model: `keras.Model` with the weights that `fit` left.
        history: the `History` that `fit` returned.
        data: the `Dataset` it was trained on.
    """
    evaluator = Evaluator(model)
    validation, test = evaluator.evaluate(data.validation), evaluator.evaluate(data.test)
    return {
        **{f"test_{name}": test[name] for name in sorted(test)},
        **{f"val_{name}": validation[name] for name in sorted(validation)},
        "best_epoch": history.best_epoch,
        "epochs": len(history.epoch),
        "parameters": model.count_params(),
        "nudges": getattr(history, "nudges", []),
        **provenance(data),
    }


def provenance(data: datasets.Dataset) -> dict[str, Any]:
    """Returns the part of metrics.json that says with which data and libraries it was made."""
    return {
        "train_examples": len(data.train.labels),
        "validation_examples": len(data.validation.labels),
        "test_examples": len(data.test.labels),
        "dataset": data.name,
        "class_names": list(data.class_names),
        "input_shape": list(data.input_shape),
        "fallback_from": list(data.fallback_from),
        "origin": data.origin,
        "environment": environment(),
    }
