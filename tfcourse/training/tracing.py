"""Faster operations with the same meaning, put in Keras's place while a step is traced.

Keras offers no argument for either choice, so each is made where Keras meets TensorFlow, and
taken back when the trace is done. A model keeps its own layers, and saves as ever.
"""

import contextlib
import functools

import keras
import tensorflow as tf


def fast_operations(jit_compile):
    """Returns the context in which to trace a training step that XLA compiles, or does not."""
    return _vectorized_dropout() if jit_compile else _fused_batch_norm()


@contextlib.contextmanager
def _vectorized_dropout():
    """Lets dropout name its generator instead of leaving it to XLA.

    Left to choose, XLA on the CPU draws dropout's numbers one at a time: 30 times as long as the
    whole rest of a step.
    """
    stateless_dropout = tf.nn.experimental.stateless_dropout
    tf.nn.experimental.stateless_dropout = functools.partial(stateless_dropout, rng_alg="threefry")
    try:
        yield
    finally:
        tf.nn.experimental.stateless_dropout = stateless_dropout


@contextlib.contextmanager
def _fused_batch_norm():
    """Normalizes images in one kernel where Keras takes ten passes over them.

    In a small CNN on the CPU those passes take longer than the convolutions.
    """
    kind = keras.layers.BatchNormalization
    call = kind.call

    def fused_call(layer, inputs, training=None, mask=None):
        if training and layer.trainable and mask is None and _can_be_fused(layer, inputs):
            return _normalize_batch(layer, inputs)
        return call(layer, inputs, training=training, mask=mask)

    kind.call = fused_call
    try:
        yield
    finally:
        kind.call = call


def _can_be_fused(layer, inputs):
    return (
        len(inputs.shape) == 4
        and layer.axis in (-1, 3)
        and layer.scale
        and layer.center
        and not layer.synchronized
        and not layer.renorm
        and inputs.dtype in ("float32", "bfloat16", "float16")
    )


def _normalize_batch(layer, images):
    """Returns `images` normalized over all but the channels; updates the moving averages."""
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        images, layer.gamma.value, layer.beta.value, epsilon=layer.epsilon
    )
    # The kernel divides the squares by n - 1; Keras, like the paper's training step, by n.
    n = tf.cast(tf.size(images) // tf.shape(images)[-1], variance.dtype)
    variance *= (n - 1.0) / n
    for average, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        average.assign(average * layer.momentum + value * (1.0 - layer.momentum))
    return outputs
