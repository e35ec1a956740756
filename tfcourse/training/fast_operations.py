"""Operations that are chosen while a training step is traced, where Keras's choice is slow.

Keras offers no argument for any of them, so each is made where Keras meets TensorFlow, and taken
back when the trace is done. A model keeps its own layers, and saves as ever.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf
from tensorflow.compiler.tf2xla.ops.gen_xla_ops import xla_optimization_barrier


@contextlib.contextmanager
def fast_operations(jit_compile: bool) -> Iterator[None]:
    """The context in which to trace a training step that XLA compiles, or does not."""
    with contextlib.ExitStack() as stack:
        if jit_compile:
            stack.enter_context(replaced(tf.nn.experimental, "stateless_dropout", _dropout))
            stack.enter_context(replaced(tf, "matmul", _matmul))
        else:
            stack.enter_context(replaced(keras.layers.BatchNormalization, "call", _batch_norm))
            stack.enter_context(_rectified_after_pooling())
        yield


@contextlib.contextmanager
def replaced(owner: Any, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """While it is open, the function of that name is `make(function)`.

    Args:
        owner: module or class.
        name: of its function.
        make: function of a function that returns another.
    """
    before = getattr(owner, name)
    setattr(owner, name, make(before))
    try:
        yield
    finally:
        setattr(owner, name, before)


def _dropout(stateless_dropout):
    """Lets dropout name its generator instead of leaving it to XLA.

    Left to choose, XLA on the CPU draws dropout's numbers one at a time: 30 times as long as the
    whole rest of a step. To be replaced where Keras's dropout takes a generator.
    """
    return functools.partial(stateless_dropout, rng_alg="threefry")


def _matmul(matmul):
    """Multiplies a matrix by one of few columns so that the long side is what is vectorized.

    XLA on the CPU computes ten columns one by one. To be replaced where XLA chooses by the shapes.
    """

    def chosen(a: Any, b: Any, *others: Any, **options: Any) -> tf.Tensor:
        given = [*others, *(value for value in options.values() if value is not None)]
        return matmul(a, b, *others, **options) if given or not _is_narrow(a, b) else narrow(a, b)

    @tf.custom_gradient
    def narrow(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, Any]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            rows = matmul(_as_it_stands(tf.transpose(upstream)), a)
            return matmul(upstream, b, transpose_b=True), tf.transpose(_as_it_stands(rows))

        rows = matmul(_as_it_stands(tf.transpose(b)), a, transpose_b=True)
        return tf.transpose(rows), gradient

    return chosen


def _is_narrow(a: Any, b: Any) -> bool:
    """Returns whether the product has few columns, and sums of some length."""
    return (
        isinstance(a, tf.Tensor)
        and isinstance(b, tf.Tensor)
        and a.shape.rank == b.shape.rank == 2
        and a.dtype == b.dtype == tf.float32
        and (b.shape[1] or 16) < 16
        and (b.shape[0] or 0) >= 64
        and not tf.config.list_logical_devices("GPU")
    )


@tf.custom_gradient
def _as_it_stands(tensor: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """Returns `tensor`; XLA would merge a transposition into the product beside it, undoing it."""
    return xla_optimization_barrier([tensor])[0], lambda upstream: upstream


@contextlib.contextmanager
def _rectified_after_pooling() -> Iterator[None]:
    """Takes the maxima of images before `relu` where a model takes them after it: the same values.

    Then `relu` and its gradient, which are slow in half precision, pass over a quarter of them. In
    float32 nothing is gained: there normalization and `relu` are one kernel. Gradients are the same
    too: a maximum above 0 stands in the same place before and after `relu`, and others have none.
    To be replaced where Grappler does so.
    """
    rectified: list[tuple[tf.Tensor, tf.Tensor]] = []  # Of this trace: outputs, inputs.

    def noting(relu: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
        def noted(features: Any, *others: Any, **options: Any) -> tf.Tensor:
            outputs = relu(features, *others, **options)
            if isinstance(features, tf.Tensor) and features.dtype in (tf.bfloat16, tf.float16):
                rectified.append((outputs, features))
            return outputs

        return noted

    def first(max_pool: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
        def pooled(images: Any, *others: Any, **options: Any) -> tf.Tensor:
            before = next((raw for outputs, raw in rectified if outputs is images), None)
            if before is None:
                return max_pool(images, *others, **options)
            return tf.nn.relu(max_pool(before, *others, **options))

        return pooled

    with replaced(tf.nn, "relu", noting), replaced(tf.nn, "max_pool", first):
        yield


def _batch_norm(call):
    """Normalizes images in one kernel where Keras takes ten passes over them.

    In a small CNN on the CPU those passes take longer than the convolutions. To be replaced where
    Keras calls that kernel itself.
    """

    def fused_call(
        layer: keras.layers.BatchNormalization,
        inputs: tf.Tensor,
        training: bool | None = None,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        if training and layer.trainable and mask is None and _can_be_fused(layer, inputs):
            return _normalize_batch(layer, inputs)
        return call(layer, inputs, training=training, mask=mask)

    return fused_call


def _can_be_fused(layer: keras.layers.BatchNormalization, inputs: tf.Tensor) -> bool:
    return (
        len(inputs.shape) == 4
        and layer.axis in (-1, 3)
        and layer.scale
        and layer.center
        and not layer.synchronized
        and not layer.renorm
        and inputs.dtype in ("float32", "bfloat16", "float16")
    )


def _normalize_batch(layer: keras.layers.BatchNormalization, images: tf.Tensor) -> tf.Tensor:
    """Returns `images` normalized over all but the channels; updates the moving averages."""
    # The kernel takes images of any type, and all else in float32.
    gamma, beta = (tf.cast(weight.value, tf.float32) for weight in (layer.gamma, layer.beta))
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        images, gamma, beta, epsilon=layer.epsilon
    )
    # The kernel divides the squares by n - 1; Keras, like the paper's training step, by n.
    n = tf.cast(tf.size(images) // tf.shape(images)[-1], variance.dtype)
    variance *= (n - 1.0) / n
    for average, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        before = tf.cast(average.value, tf.float32)
        average.assign(before * layer.momentum + value * (1.0 - layer.momentum))
    return outputs
