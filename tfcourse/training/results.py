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

    Args:
        model: `keras.Model` with the weights of its best epoch.
        history: the `History` that `fit` returned.
        data: the `Dataset` it was trained on.
    """
    accuracies = history.history["val_accuracy"]
    evaluator = Evaluator(model)
    validation, test = evaluator.evaluate(data.validation), evaluator.evaluate(data.test)
    return {
        "test_accuracy": test["accuracy"],
        "test_loss": test["loss"],
        "val_accuracy": validation["accuracy"],
        "val_loss": validation["loss"],
        "best_epoch": accuracies.index(max(accuracies)) + 1,
        "epochs": len(accuracies),
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
