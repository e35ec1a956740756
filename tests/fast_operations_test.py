import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfcourse import training
from tfcourse.training.compilation import fast_operations

matmul = tf.matmul


def step(layer, images, *, fused, training=True):
    """Returns outputs, gradients and moving averages after one training step, compiled."""

    @tf.function
    def run():
        with tf.GradientTape() as tape:
            tape.watch(images)
            if fused:
                with fast_operations.fast_operations(jit_compile=False):
                    outputs = layer(images, training=training)
            else:
                outputs = layer(images, training=training)
            loss = tf.reduce_sum(tf.cast(outputs, tf.float32) ** 3)
        weights = [variable.value for variable in layer.trainable_variables]
        return outputs, tape.gradient(loss, [images, *weights])

    outputs, gradients = run()
    return [outputs, *gradients, *layer.non_trainable_variables], run


def built(images, **settings):
    layer = keras.layers.BatchNormalization(**settings)
    layer.build(images.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return layer


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return tf.constant(rng.normal(1.0, 2.0, size=(3, 2, 2, 5)), tf.float32)


def kernels(run):
    graph = run.get_concrete_function().graph
    return {operation.type for operation in graph.get_operations()}


def test_fused_batch_norm_is_keras_s(images):
    # 12 values a channel: a variance over n - 1 would be 9 % larger.
    expected, _ = step(built(images), images, fused=False)
    actual, run = step(built(images), images, fused=True)
    assert "FusedBatchNormV3" in kernels(run)
    for theirs, ours in zip(expected, actual, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(
    "settings", [{"axis": 1}, {"scale": False}, {"center": False}, {"trainable": False}]
)
def test_what_the_kernel_does_not_know_stays_keras_s(images, settings):
    _, run = step(built(images, **settings), images, fused=True)
    assert "FusedBatchNormV3" not in kernels(run)


def test_inference_and_the_time_after_a_trace_are_keras_s(images):
    _, run = step(built(images), images, fused=True, training=False)
    assert "FusedBatchNormV3" not in kernels(run)
    _, run = step(built(images), images, fused=False)
    assert "FusedBatchNormV3" not in kernels(run)


def test_bfloat16_keeps_averages_in_float32(images):
    layer = built(images, dtype="mixed_bfloat16")
    outputs, _ = step(layer, tf.cast(images, tf.bfloat16), fused=True)
    assert outputs[0].dtype == tf.bfloat16
    assert {v.dtype for v in layer.variables} == {"float32"}
    exact, _ = step(built(images), images, fused=False)
    np.testing.assert_allclose(tf.cast(outputs[0], tf.float32), exact[0], atol=0.05)


def product(a, b, *, fast):
    """Returns a @ b, both gradients and one of second order, and the graph's operations."""

    @tf.function(jit_compile=True)
    def run(a, b):
        context = fast_operations.fast_operations(True) if fast else contextlib.nullcontext()
        with context, tf.GradientTape() as outer:
            outer.watch([a, b])
            with tf.GradientTape() as inner:
                inner.watch([a, b])
                outputs = keras.ops.matmul(a, b)
                loss = tf.reduce_sum(outputs**3)
            gradients = inner.gradient(loss, [a, b])
            penalty = tf.add_n([tf.reduce_sum(gradient**2) for gradient in gradients])
        return outputs, *gradients, *outer.gradient(penalty, [a, b])

    graph = run.get_concrete_function(a, b).graph
    return run(a, b), {operation.type for operation in graph.get_operations()}


@pytest.mark.parametrize(
    ("columns", "rows", "barrier"), [(10, 64, True), (16, 64, False), (10, 63, False)]
)
def test_a_product_with_few_columns_is_the_same_product(columns, rows, barrier):
    rng = np.random.default_rng(0)
    a, b = (
        tf.constant(rng.normal(size=shape), tf.float32) for shape in ((8, rows), (rows, columns))
    )
    expected, _ = product(a, b, fast=False)
    found, kinds = product(a, b, fast=True)
    assert ("XlaOptimizationBarrier" in kinds) is barrier
    for theirs, ours in zip(expected, found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-2)
    assert tf.matmul is matmul


@pytest.mark.parametrize(("dtype", "pooled_first"), [("bfloat16", True), ("float32", False)])
def test_maxima_before_relu_are_those_after_it_to_the_last_bit(dtype, pooled_first):
    rng = np.random.default_rng(0)
    images = tf.constant(rng.normal(size=(3, 7, 8, 5)).round(1), dtype)
    rectify, pool = keras.layers.ReLU(dtype=dtype), keras.layers.MaxPooling2D(dtype=dtype)

    def trained(fast):
        @tf.function
        def run(images):
            context = fast_operations.fast_operations(False) if fast else contextlib.nullcontext()
            with context, tf.GradientTape() as tape:
                tape.watch(images)
                outputs = pool(rectify(images))
                loss = tf.reduce_sum(outputs * tf.range(outputs.shape[-1], dtype=outputs.dtype))
            return outputs, tape.gradient(loss, images)

        graph = run.get_concrete_function(images).graph
        kinds = [each.type for each in graph.get_operations() if each.type in ("Relu", "MaxPool")]
        return run(images), kinds[-1]

    (expected, last), (found, fast_last) = trained(False), trained(True)
    assert last == "MaxPool"
    assert fast_last == ("Relu" if pooled_first else "MaxPool")
    for theirs, ours in zip(expected, found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_gradient_of_cross_entropy_is_the_same_to_the_last_bit(dtype, jit_compile):
    training.set_seed(1)  # Only deterministic operations have the long gradient.
    rng = np.random.default_rng(0)
    logits = tf.constant(rng.normal(0.0, 5.0, size=(50, 7)), dtype)
    labels = tf.constant(rng.integers(0, 7, 50), tf.int32)
    weights = tf.constant(rng.uniform(0.0, 2.0, 50), dtype)

    def gradient(fast):
        @tf.function(jit_compile=jit_compile)
        def run():
            context = fast_operations.fast_operations(jit_compile) if fast else None
            with context or contextlib.nullcontext(), tf.GradientTape() as tape:
                tape.watch(logits)
                losses = keras.ops.sparse_categorical_crossentropy(labels, logits, True)
                loss = tf.reduce_sum(losses * weights)
            return losses, tape.gradient(loss, logits)

        return run(), kernels(run)

    (losses, theirs), before = gradient(fast=False)
    (same_losses, ours), after = gradient(fast=True)
    np.testing.assert_array_equal(losses, same_losses)
    np.testing.assert_array_equal(ours, theirs)
    assert "UnsortedSegmentSum" in before
    assert ("UnsortedSegmentSum" in after) == (dtype == "float16")


def test_the_loss_of_a_label_out_of_range_is_no_number():
    training.set_seed(1)
    logits, labels = tf.zeros((2, 3)), tf.constant([1, -1])

    @tf.function(jit_compile=True)
    def run():
        with fast_operations.fast_operations(jit_compile=True), tf.GradientTape() as tape:
            tape.watch(logits)
            losses = keras.ops.sparse_categorical_crossentropy(labels, logits, True)
        return losses, tape.gradient(losses, logits)

    losses, gradient = run()
    assert np.isnan(losses).tolist() == [False, True]
    np.testing.assert_allclose(gradient, [[1 / 3, -2 / 3, 1 / 3], [0.0, 0.0, 0.0]], rtol=1e-5)
