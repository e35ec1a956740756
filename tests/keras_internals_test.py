import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfcourse.training import keras_internals


def step(layer, images, *, fused, training=True):
    """Returns outputs, gradients and moving averages after one training step, compiled."""

    @tf.function
    def run():
        with tf.GradientTape() as tape:
            tape.watch(images)
            if fused:
                with keras_internals.fast_operations(jit_compile=False):
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


def test_nothing_else_reaches_into_keras():
    private = r"\b(?:model|twin|optimizer|layer|callback|variable)\._(?!get_variable_index)\w+"
    internal = re.compile(private + r"|keras\.src|tensorflow\.python")
    package = pathlib.Path(keras_internals.__file__).parents[1]
    found = [
        f"{path.relative_to(package)}: {hit}"
        for path in package.rglob("*.py")
        if not path.name.endswith("_internals.py")
        for hit in internal.findall(path.read_text())
    ]
    # Our own optimizers' slots.
    assert found == ["training/nudging.py: optimizer._weighted_sums"]
