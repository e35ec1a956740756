"""The numbers of metrics.json."""

import dataclasses
from typing import Any

import keras

from tfcourse import datasets, drawing, measures
from tfcourse.run_directory.environment import environment
from tfcourse.training import baseline
from tfcourse.training.checkpoints.identity import split_digest
from tfcourse.training.evaluation import Evaluator

_SHOWN = 10  # Classes named in a sentence.
_SEEN = 1000  # Images.


def final_metrics(
    model: keras.Model, history: keras.callbacks.History, data: datasets.Dataset
) -> dict[str, Any]:
    """Returns the numbers of metrics.json for the trained `model`. Only this uses the test set.

    `best_epoch` is the epoch, counted from 1, whose weights `model` has; `None` if a callback set
    others.

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
        **(_of_quantity(evaluator, data) or baseline.of_classes(evaluator, data, test)),
        "best_epoch": history.best_epoch,
        "epochs": len(history.epoch),
        "parameters": model.count_params(),
        "nudges": getattr(history, "nudges", []),
        **provenance(data),
    }


def _of_quantity(evaluator: Evaluator, data: datasets.Dataset) -> dict[str, Any]:
    """Returns the errors in the label's units, with intervals; nothing for classes."""
    target = data.target
    if target is None:
        return {}
    found: dict[str, Any] = {"target": dataclasses.asdict(target)}
    for prefix, split in (("val", data.validation), ("test", data.test)):
        predictions = target.in_units(evaluator.predict(split.features)[:, 0])
        values = target.in_units(split.labels)
        errors = measures.regression_errors(values, predictions, target.mean)
        found |= {f"{prefix}_{name}": value for name, value in errors.items()}
    return found


def summary(metrics: dict[str, Any]) -> str:
    """Returns the test results of `final_metrics` as a sentence."""
    if "target" not in metrics:
        accuracy, loss = metrics["test_accuracy"], metrics["test_loss"]
        constant = metrics["test_baseline_accuracy"]
        # The model's metric is in single precision.
        compared = "no better than" if accuracy <= constant + 1e-6 else "against"
        missed = metrics["never_predicted"]
        never = f"; never predicted: {_listed(missed)}" if missed else ""
        return (
            f"test accuracy {accuracy:.4f} ({compared} {constant:.4f} by always predicting "
            f"{metrics['most_frequent_class']!r}{never}), test loss {loss:.4f}"
        )
    low, high = metrics["test_rmse_interval_95"]
    r2 = metrics["test_r2"]
    return (
        f"test RMSE {metrics['test_rmse']:.4g} of {metrics['target']['name']} (95 % interval "
        f"{low:.4g} to {high:.4g}; {metrics['test_baseline_rmse']:.4g} by always predicting the "
        f"mean), MAE {metrics['test_mae']:.4g}, R2 {'unknown' if r2 is None else f'{r2:.4f}'}"
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more classes" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def provenance(data: datasets.Dataset) -> dict[str, Any]:
    """Returns the part of metrics.json that states the data and the library versions."""
    return {
        "train_examples": len(data.train.labels),
        "validation_examples": len(data.validation.labels),
        "test_examples": len(data.test.labels),
        "dataset": data.name,
        "class_names": list(data.class_names),
        "input_shape": list(data.input_shape),
        "fallback_from": list(data.fallback_from),
        "origin": data.origin,
        **_edges(data),
        "digests": {name: split_digest(split) for name, split in data.splits.items()},
        "environment": environment(),
    }


def _edges(data: datasets.Dataset) -> dict[str, float]:
    """Returns the brightness at the edges of grey training images, to recognize inverted ones."""
    split = data.train
    fitted = data.preprocessing
    is_image = isinstance(fitted, datasets.preprocessing.ImagePreprocessing)
    if not (is_image and data.input_shape[-1] == 1 and isinstance(split, datasets.Split)):
        return {}
    if split.pixels is not None:
        return {"edge_brightness": drawing.edge_brightness(split.pixels[:_SEEN]) / 255}
    return {"edge_brightness": drawing.edge_brightness(split.features[:_SEEN])}
