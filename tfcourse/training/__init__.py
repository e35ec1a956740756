"""Training one model: the fast epoch, the loop around it, checkpoints, evaluation, the record."""

import keras
import tensorflow as tf

from tfcourse.run_directory.environment import environment
from tfcourse.training.batch_norm import reestimate_batch_norm
from tfcourse.training.checkpoint import CheckpointError
from tfcourse.training.class_weighting import balanced_class_weights
from tfcourse.training.evaluation import Evaluator, evaluate, predict
from tfcourse.training.interruption import Interrupted
from tfcourse.training.learning_rate_finder import find_learning_rate
from tfcourse.training.loop import fit
from tfcourse.training.memory import peak_bytes
from tfcourse.training.model_files import load_weights, save_model
from tfcourse.training.programs import shared_programs
from tfcourse.training.replicated import WorkerLostError, on_devices
from tfcourse.training.session import NotFiniteError
from tfcourse.training.stepping import RateTable, Stepping

__all__ = [
    "CheckpointError",
    "Evaluator",
    "Interrupted",
    "NotFiniteError",
    "RateTable",
    "Stepping",
    "WorkerLostError",
    "balanced_class_weights",
    "compile_classifier",
    "environment",
    "evaluate",
    "final_metrics",
    "find_learning_rate",
    "fit",
    "load_weights",
    "on_devices",
    "peak_bytes",
    "predict",
    "provenance",
    "reestimate_batch_norm",
    "save_model",
    "set_precision",
    "set_seed",
    "shared_programs",
]


def set_seed(seed):
    """Makes all that follows repeatable: initial weights, dropout, and the order of additions.

    Args:
        seed: int in [0, 2**32 - 1]. 0 is a seed like any other.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def set_precision(precision):
    """Sets the dtype policy of the layers that are made from now on.

    Args:
        precision: "float32", or "mixed_bfloat16": activations and products in bfloat16, weights,
            averages and the loss in float32.
    """
    keras.config.set_dtype_policy(precision)


def compile_classifier(model, optimizer):
    """Compiles a model that returns logits, for integer labels, with accuracy as its metric."""
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    if model.built:
        # The slots now exist, and saved weights can be loaded with them.
        optimizer.build(model.trainable_variables)


def final_metrics(model, history, data):
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


def provenance(data):
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
