"""What comes before training: seeds, precision, and the loss and metric of each kind of label."""

import functools
from typing import Any, Literal

import keras
import tensorflow as tf

from tfcourse import checked, datasets
from tfcourse.run_directory import environment
from tfcourse.system import machine, quiet_import
from tfcourse.training import seed_internals
from tfcourse.training.label_smoothing import SmoothedCrossentropy

# Instructions for products in half precision, as Linux names them on x86 and ARM.
_PRODUCTS = {"bfloat16": {"avx512_bf16", "amx_bf16", "bf16"}, "float16": {"avx512_fp16", "fphp"}}


def set_seed(seed: int) -> None:
    """Makes everything that follows repeatable: initial weights, dropout, the order of additions.

    Args:
        seed: int in [0, 2**32 - 1]. 0 is a seed like any other.
    """
    seed_internals.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    quiet_import.pin_kernels()


def set_precision(precision: Literal["float32", "mixed_bfloat16"]) -> None:
    """Sets the dtype policy of layers created from now on; float32 does not use TF32.

    Args:
        precision: "float32", or "mixed_bfloat16": activations and products in bfloat16; weights,
            averages and the loss in float32.
    """
    keras.config.set_dtype_policy(precision)
    quiet_import.compute_exactly()


def tell_of_device() -> None:
    """Prints, once, which GPU is used, if any, and how it multiplies float32."""
    if tf.config.list_logical_devices("GPU"):
        tf32 = tf.config.experimental.tensor_float_32_execution_enabled()
        products = "TF32 (10 of 23 bits)" if tf32 else "float32, not in TF32"
        _say(f"Training on {environment.device()['device']}; float32 is multiplied in {products}")


def tell_of_precision(model: keras.Model, jit_compile: bool) -> None:
    """Prints, once, if half precision is no faster than float32 on this processor.

    Args:
        model: built `keras.Model`.
        jit_compile: whether XLA compiles its training.
    """
    halves = set(_PRODUCTS).intersection(layer.compute_dtype for layer in model.layers)
    if not halves or tf.config.list_logical_devices("GPU"):
        return
    dtype = min(halves)
    if jit_compile:
        _say(f"{dtype} is no faster than float32 here: XLA has no such products on a CPU")
    elif not _multiplies(dtype):
        _say(f"{dtype} is no faster than float32 here: this CPU has no such products")


def _multiplies(dtype: str) -> bool:
    """Returns whether the processor has instructions for products in `dtype` (Linux only)."""
    known = machine.processor()
    flags = known.get("flags") or known.get("Features")  # On ARM.
    return flags is None or bool(set(flags.split()) & _PRODUCTS[dtype])


@functools.cache
def _say(line: str) -> None:
    print(line, flush=True)


def compile_classifier(
    model: keras.Model, optimizer: keras.Optimizer, label_smoothing: float = 0.0
) -> None:
    """Compiles a model that returns logits, for integer labels, with accuracy as its metric.

    Args:
        label_smoothing: in [0, 1), the share of each label that is spread over all classes in
            training. The reported training loss includes it; validation and test losses of this
            package's `fit` and `evaluate` do not, those of Keras's do.

    Raises:
        ValueError: `label_smoothing` is out of range.
    """
    crossentropy: keras.Loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if label_smoothing:
        crossentropy = SmoothedCrossentropy(label_smoothing)
    model.compile(optimizer=optimizer, loss=crossentropy, metrics=["accuracy"])
    _build(optimizer, model)


def compile_regression(
    model: keras.Model, optimizer: keras.Optimizer, standard_deviation: float = 1.0
) -> None:
    """Compiles a model that returns one number, for a standardized quantity.

    The loss is the mean squared error; predicting the mean of all labels has a loss of 1.
    The metric `mae` is the mean absolute error in the quantity's own units.

    Args:
        standard_deviation: > 0, the quantity's, for example from `Dataset.target`.
    """
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.MeanSquaredError(),
        metrics=[AbsoluteError(standard_deviation, name="mae")],
    )
    _build(optimizer, model)


def compile_for(
    model: keras.Model,
    optimizer: keras.Optimizer,
    data: datasets.Dataset,
    label_smoothing: float = 0.0,
) -> None:
    """Compiles a model for the labels of `data`: classes, or a quantity.

    Raises:
        ValueError: label smoothing is set, but the labels are a quantity.
    """
    if data.target is None:
        compile_classifier(model, optimizer, label_smoothing)
        return
    if label_smoothing:
        raise ValueError(
            f"`label_smoothing` is for classes, and {data.target.name} is a quantity. Leave it "
            f"out. Received: label_smoothing={label_smoothing}"
        )
    compile_regression(model, optimizer, data.target.standard_deviation)


def _build(optimizer: keras.Optimizer, model: keras.Model) -> None:
    if model.built:
        # Makes the slots, so that saved weights can be loaded with them.
        optimizer.build(model.trainable_variables)


@keras.saving.register_keras_serializable(package="tfcourse")
class AbsoluteError(keras.metrics.Mean):
    """The mean absolute error of a standardized quantity, in its own units.

    Args:
        standard_deviation: > 0, the quantity's.
    """

    def __init__(
        self, standard_deviation: float = 1.0, name: str = "mae", dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self._direction = "down"
        self.standard_deviation = checked.number("standard_deviation", standard_deviation)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: labels [examples] or [examples, 1], and predictions likewise."""
        y_pred = keras.ops.reshape(keras.ops.cast(y_pred, self.dtype), (-1,))
        y_true = keras.ops.reshape(keras.ops.cast(y_true, self.dtype), (-1,))
        errors = self.standard_deviation * keras.ops.abs(y_true - y_pred)
        super().update_state(errors, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "standard_deviation": self.standard_deviation}
