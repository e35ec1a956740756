"""Faster operations, used while a training step is traced, in place of slow ones of Keras.

Keras has no arguments for them, so each one patches a function between Keras and TensorFlow, which
is restored after the trace. The model keeps its own layers and is saved as usual.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf
from tensorflow.compiler.tf2xla.ops.gen_xla_ops import xla_optimization_barrier

_CROSS_ENTROPY = "sparse_softmax_cross_entropy_with_logits"


@contextlib.contextmanager
def fast_operations(jit_compile: bool) -> Iterator[None]:
    """Context in which to trace a training step, which XLA compiles or not."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(replaced(tf.nn, _CROSS_ENTROPY, _cross_entropy))
        if jit_compile:
            stack.enter_context(replaced(tf.nn.experimental, "stateless_dropout", _dropout))
            stack.enter_context(replaced(tf, "matmul", _matmul))
        else:
            stack.enter_context(replaced(keras.layers.BatchNormalization, "call", _batch_norm))
            stack.enter_context(_rectified_after_pooling())
        yield


@contextlib.contextmanager
def replaced(owner: Any, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """Context: replaces the function called `name` by `make(function)`.

    Args:
        owner: module or class.
        name: the function's name.
        make: takes the function and returns its replacement.
    """
    before = getattr(owner, name)
    setattr(owner, name, make(before))
    try:
        yield
    finally:
        setattr(owner, name, before)


def _cross_entropy(cross_entropy: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Gives the cross-entropy of labels a gradient of a few operations, with the same bits.

    If operations must be deterministic, TensorFlow looks up the probability of a label with
    `gather`, whose gradient is a hundred operations: a tenth of what is traced and compiled for a
    small model. Can go once TensorFlow has a deterministic kernel.
    """

    def chosen(labels: tf.Tensor, logits: tf.Tensor, name: str | None = None) -> tf.Tensor:
        if logits.shape.rank != 2 or logits.shape[-1] is None or logits.dtype == tf.float16:
            return cross_entropy(labels=labels, logits=logits, name=name)

        @tf.custom_gradient
        def of_logits(logits: tf.Tensor) -> tuple[tf.Tensor, Any]:
            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                is_label = tf.one_hot(labels, logits.shape[-1], True, False, dtype=tf.bool)
                looked_up = tf.where(is_label, -tf.expand_dims(upstream, -1), 0.0)
                probabilities = tf.exp(tf.nn.log_softmax(logits))
                return looked_up - tf.reduce_sum(looked_up, -1, keepdims=True) * probabilities

            return cross_entropy(labels=labels, logits=logits, name=name), gradient

        return of_logits(logits)

    return chosen


def _dropout(stateless_dropout: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Makes dropout name its random generator instead of leaving the choice to XLA.

    By default, XLA on the CPU draws dropout's numbers one at a time, which takes 30 times as long
    as the rest of a step. Can go once Keras's dropout accepts a generator.
    """
    return functools.partial(stateless_dropout, rng_alg="threefry")


def _matmul(matmul: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Multiplies by a matrix with few columns so that the long dimension is vectorized.

    XLA on the CPU computes ten columns one by one. Can go once XLA chooses by the shapes.
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
    """Returns `tensor`, so that XLA does not merge its transposition into the product."""
    return xla_optimization_barrier([tensor])[0], lambda upstream: upstream


@contextlib.contextmanager
def _rectified_after_pooling() -> Iterator[None]:
    """Applies max-pooling before `relu` if a model has it right after `relu`: the values are the
    same.

    `relu` and its gradient, which are slow in half precision, then process a quarter of the values.
    Float32 would gain nothing: there, normalization and `relu` are one kernel. The gradients are
    the same too: a maximum above 0 is at the same position before and after `relu`, and other
    maxima have no gradient. Can go once Grappler does this.
    """
    rectified: list[tuple[tf.Tensor, tf.Tensor]] = []  # Outputs and inputs in this trace.

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


def _batch_norm(call: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Normalizes images in one kernel, where Keras makes ten passes over them.

    In a small CNN on the CPU, those passes take longer than the convolutions. Can go once Keras
    calls this kernel itself.
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
    """Returns `images` normalized over all axes but the channels; updates the moving averages."""
    # The kernel accepts images of any type; everything else must be float32.
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
