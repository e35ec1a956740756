"""Label smoothing, gradient clipping and cycled momentum, as the recipes train with them."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipes import classify, mnist_softmax
from tfcourse import datasets, models, optimizers, run_directory, schedules, training
from tfcourse.training.checkpoints import checkpoint, saving
from tfcourse.training.label_smoothing import SmoothedCrossentropy, unsmoothed

pytestmark = pytest.mark.usefixtures("shared_programs")
PLAIN = mnist_softmax.MnistSoftmax(
    hidden_units=(8,), epochs=2, batch_size=33, learning_rate=0.01, optimizer="momentum"
)
OPTIONS = {"clip_norm": 0.2, "label_smoothing": 0.2, "beta": "cycled"}


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(104)


@pytest.fixture(autouse=True)
def _float32_afterwards():
    yield
    keras.config.set_dtype_policy("float32")


def examples():
    rng = np.random.default_rng(0)
    return rng.integers(0, 10, 7), rng.normal(size=(7, 10), scale=3.0).astype("float32")


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_the_loss_is_that_of_the_formula_of_keras_and_of_torch(smoothing):
    labels, logits = examples()
    loss = float(SmoothedCrossentropy(smoothing)(labels, logits))
    z = logits.astype(np.float64)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    targets = (1 - smoothing) * np.eye(10)[labels] + smoothing / 10
    assert loss == pytest.approx(-(targets * log_p).sum(axis=1).mean(), rel=1e-6)
    kerass = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    assert loss == pytest.approx(float(kerass(np.eye(10)[labels], logits)), rel=1e-6)
    column = SmoothedCrossentropy(smoothing)(labels[:, None], logits)
    assert float(column) == loss
    revived = keras.losses.deserialize(keras.losses.serialize(SmoothedCrossentropy(smoothing)))
    assert float(revived(labels, logits)) == loss
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torchs = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
    assert loss == pytest.approx(
        torchs(torch.tensor(logits), torch.tensor(labels)).item(), rel=1e-6
    )


def test_inside_of_unsmoothed_it_is_the_plain_loss_to_the_bit():
    labels, logits = examples()
    loss = SmoothedCrossentropy(0.2)
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with unsmoothed():
        assert float(loss(labels, logits)) == float(plain(labels, logits))
    assert float(loss(labels, logits)) != pytest.approx(float(plain(labels, logits)), rel=0.01)


@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan"), True, "0.1"])
def test_a_share_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match=r"`label_smoothing` must be .*Received: label_smoothing="):
        SmoothedCrossentropy(value)


@pytest.mark.parametrize(
    "xla", [False, pytest.param(True, marks=pytest.mark.xla)], ids=["tensorflow", "xla"]
)
def test_every_step_has_smoothed_labels_and_a_clipped_gradient(data, xla):
    hp = dataclasses.replace(PLAIN, model="softmax_regression", batch_size="full", epochs=3)
    hp = dataclasses.replace(hp, clip_norm=0.2, label_smoothing=0.2, learning_rate=0.5)
    model, history = mnist_softmax.train(hp, data, seed=1, verbose=0)
    start = mnist_softmax.build(hp, data, seed=1)
    weights = [w.numpy().astype(np.float64) for w in start.trainable_variables]
    x = data.train.features.reshape(len(data.train), -1).astype(np.float64)
    targets = 0.8 * np.eye(10)[data.train.labels] + 0.02
    average, losses, norms = [0.0, 0.0], [], []
    for rate in schedules.values(schedules.OneCycle(0.5, 3), 3):
        z = x @ weights[0] + weights[1]
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        losses.append(-(targets * log_p).sum(axis=1).mean())
        error = (np.exp(log_p) - targets) / len(x)
        gradients = [x.T @ error, error.sum(axis=0)]
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        norms.append(norm)
        for i, g in enumerate(gradients):
            average[i] = 0.9 * average[i] + 0.1 * g * min(1.0, 0.2 / norm)
            weights[i] = weights[i] - rate * average[i]
    assert min(norms) > 0.2
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)
    assert history.best_epoch == 3
    for mine, theirs in zip(model.trainable_variables, weights, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-4, atol=1e-6)
    # What is reported of validation and test has labels as they are.
    plain = models.softmax_regression(data.input_shape, data.num_classes)
    training.compile_classifier(plain, optimizers.GradientDescent(0.1))
    plain.set_weights(model.get_weights())
    assert training.evaluate(plain, data.test) == training.evaluate(model, data.test)
    validation = training.evaluate(plain, data.validation)["loss"]
    assert history.history["val_loss"][-1] == pytest.approx(validation, rel=1e-6)


class Stop(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == self.step:
            raise KeyboardInterrupt


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_run_that_stopped_ends_as_one_that_did_not(data, tmp_path, monkeypatch, precision):
    monkeypatch.setattr(saving, "_SAVE_SECONDS", -1.0)  # A checkpoint after every block.
    hp = dataclasses.replace(PLAIN, **OPTIONS, precision=precision)

    def trained(folder, stop_at=-1):
        with run_directory.open_run(tmp_path / folder, {}, recipe="test") as run:
            options = {"callbacks": [Stop(stop_at)], "steps_per_block": 1, "tensorboard": False}
            model, history = mnist_softmax.train(hp, data, 1, run, verbose=0, **options)
        return [v.numpy() for v in checkpoint.variables_of(model)], history.history

    whole = trained("whole")
    with pytest.raises(KeyboardInterrupt):
        trained("stopped", stop_at=5)
    resumed = trained("stopped")
    assert resumed[1] == whole[1]
    for one, other in zip(resumed[0], whole[0], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", OPTIONS)
def test_each_option_changes_the_training_and_nothing_does_so_when_off(data, name):
    def losses(**changes):
        hp = dataclasses.replace(PLAIN, epochs=1, **changes)
        return mnist_softmax.train(hp, data, 1, verbose=0)[1].history["val_loss"]

    off = {"clip_norm": 0.0, "label_smoothing": 0.0, "weight_decay": 0.0}
    assert losses(**off) == losses()
    assert losses(**{name: OPTIONS[name]}) != losses()


def test_the_same_batches_come_from_tf_data(data):
    hp = dataclasses.replace(PLAIN, **OPTIONS)
    results = [
        mnist_softmax.train(hp, data, 1, verbose=0, in_memory_steps=in_memory)[1].history
        for in_memory in (True, False)
    ]
    for name, values in results[0].items():
        np.testing.assert_allclose(results[1][name], values, rtol=1e-4, err_msg=name)


def test_a_cycled_beta_needs_one_cycle_and_an_average_of_gradients():
    for changes, told in (
        ({"optimizer": "rmsprop", "beta": "cycled"}, "`beta=cycled` is for an average of gradi"),
        ({"optimizer": "lion", "beta_1": "cycled"}, "`beta_1=cycled` is for an average of gradi"),
        ({"beta": "cycled", "schedule": "cosine"}, "`schedule=one_cycle`.*schedule=cosine"),
    ):
        with pytest.raises(ValueError, match=told):
            dataclasses.replace(PLAIN, **changes)
    # Of an optimizer without one, the flag is idle and told so elsewhere.
    dataclasses.replace(PLAIN, optimizer="gradient_descent", beta="cycled")


def test_weight_decay_is_the_optimizers_own_unless_it_is_set(data):
    def decay(**changes):
        hp = dataclasses.replace(PLAIN, **changes)
        return mnist_softmax.build(hp, data, 1).optimizer.weight_decay

    assert decay(optimizer="adamw") == 0.01
    assert decay(optimizer="adamw", weight_decay=0.1) == 0.1
    assert decay(optimizer="adamw", weight_decay=0.0) is None
    assert decay() is None


def test_a_quantity_has_no_labels_to_smooth():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 3)).astype("float32")
    quantity = datasets.from_arrays((features, features[:, 0] * 2.5), task="regression")
    with pytest.raises(ValueError, match=r"`label_smoothing` is for classes.*label_smoothing=0\.1"):
        classify.settled(classify.Classify(label_smoothing=0.1), quantity)
    with pytest.raises(ValueError, match=r"`label_smoothing` is for classes.*label_smoothing=0\.1"):
        mnist_softmax.build(
            dataclasses.replace(PLAIN, model="softmax_regression", label_smoothing=0.1), quantity, 1
        )


def test_clipping_is_by_the_norm_of_all_gradients_together():
    variables = [keras.Variable(np.zeros(2)), keras.Variable(np.zeros(()))]
    optimizer = optimizers.GradientDescent(1.0, global_clipnorm=1.0)
    gradients = [tf.constant([2.0, 3.0]), tf.constant(6.0)]
    optimizer.apply(gradients, variables)
    np.testing.assert_allclose(variables[0].numpy(), [-2 / 7, -3 / 7], rtol=1e-6)
    np.testing.assert_allclose(variables[1].numpy(), -6 / 7, rtol=1e-6)
