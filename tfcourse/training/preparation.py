"""What comes before training: seeds, precision, and a classifier's loss and metric."""

from typing import Literal

import keras
import tensorflow as tf


def set_seed(seed: int) -> None:
    """Makes all that follows repeatable: initial weights, dropout, and the order of additions.

    Args:
        seed: int in [0, 2**32 - 1]. 0 is a seed like any other.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def set_precision(precision: Literal["float32", "mixed_bfloat16"]) -> None:
    """Sets the dtype policy of the layers that are made from now on.

    Args:
        precision: "mixed_bfloat16": activations and products in bfloat16, weights, averages and
            the loss in float32.
    """
    keras.config.set_dtype_policy(precision)


def compile_classifier(model: keras.Model, optimizer: keras.Optimizer) -> None:
    """Compiles a model that returns logits, for integer labels, with accuracy as its metric."""
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    if model.built:
        # The slots now exist, and saved weights can be loaded with them.
        optimizer.build(model.trainable_variables)
