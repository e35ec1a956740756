import dataclasses

import keras
import pytest

from recipes import mnist_softmax
from tfcourse import datasets, models, training
from tfcourse.training import preparation


@pytest.fixture(autouse=True)
def _float32_afterwards():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("model", ["batch_norm_mlp", "small_cnn"])
def test_mixed_precision_learns_with_weights_in_float32(model):
    data = datasets.load("digits").smaller(384)
    hyperparameters = mnist_softmax.MnistSoftmax(
        model=model, hidden_units=(32,), epochs=8, batch_size=32, learning_rate=0.01
    )
    mixed = dataclasses.replace(hyperparameters, precision="mixed_bfloat16")
    trained, history = mnist_softmax.train(mixed, data, seed=1, verbose=0)
    assert trained.layers[1].compute_dtype == "bfloat16"
    assert {w.dtype for w in trained.trainable_variables} == {"float32"}
    assert max(history.history["val_accuracy"]) > 0.8
    exact, _ = mnist_softmax.train(hyperparameters, data, seed=1, verbose=0)
    assert exact.layers[1].compute_dtype == "float32"


def lines(capsys, build, policy, jit_compile):
    preparation._say.cache_clear()
    training.set_precision(policy)
    model = build((8, 8, 1), 10)
    for _ in range(2):
        preparation.tell_of_precision(model, jit_compile)
    return capsys.readouterr().out.splitlines()


def test_where_half_precision_is_no_faster_that_is_said_once(capsys, monkeypatch):
    mlp, cnn = models.softmax_regression, models.small_cnn
    assert lines(capsys, mlp, "float32", True) == []
    (line,) = lines(capsys, mlp, "mixed_bfloat16", True)
    assert line.startswith("bfloat16 is no faster than float32 here: XLA")
    for multiplies in (True, False):
        monkeypatch.setattr(preparation, "_multiplies", lambda dtype, known=multiplies: known)
        assert len(lines(capsys, cnn, "mixed_bfloat16", False)) == (not multiplies)
