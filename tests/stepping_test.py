import keras
import numpy as np
import pytest

from tfcourse import datasets, models, optimizers, schedules, training


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(100)


def build(data, rate=0.1, optimizer=optimizers.GradientDescent):
    training.set_seed(1)
    model = models.softmax_regression(data.input_shape, data.num_classes)
    training.compile_classifier(model, optimizer(rate))
    return model


def losses(model, data, batch_size, stops, seed=3):
    stepping = training.Stepping(model, data.train, batch_size)
    return [training.evaluate(model, data.train)["loss"] for _ in stepping.run(stops, seed)]


def test_steps_are_those_of_fit(data):
    stepped, fitted = build(data), build(data)
    losses(
        stepped, data, 32, stops=(12,)
    )  # Three epochs of four steps; the last has four examples.
    training.fit(fitted, data, epochs=3, batch_size=32, seed=3, verbose=0, monitor="val_loss")
    best = [training.evaluate(model, data.validation)["loss"] for model in (stepped, fitted)]
    assert best[0] == pytest.approx(best[1], rel=1e-6)


def test_stops_do_not_change_the_steps(data):
    seldom = losses(build(data), data, 32, stops=(0, 5, 11))
    often = losses(build(data), data, 32, stops=range(12))
    np.testing.assert_array_equal(seldom, np.array(often)[[0, 5, 11]])
    assert seldom[2] < seldom[1] < seldom[0]


def test_full_batch_steps_are_gradient_descent(data):
    model = build(data, rate=0.5)
    weights, biases = (v.numpy().astype("float64") for v in model.trainable_variables)
    x = data.train.features.reshape(len(data.train), -1).astype("float64")
    goals = np.eye(10)[data.train.labels]
    for _ in range(4):
        logits = x @ weights + biases
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = (exponentials / exponentials.sum(axis=1, keepdims=True) - goals) / len(x)
        weights, biases = weights - 0.5 * x.T @ error, biases - 0.5 * error.sum(axis=0)
    *_, last = training.Stepping(model, data.train, "full").run((2, 4), seed=0)
    assert last == 4
    np.testing.assert_allclose(model.trainable_variables[0].numpy(), weights, rtol=1e-4, atol=1e-6)


def test_one_program_serves_other_weights_rates_and_seeds(data):
    model = build(data)
    initial = model.get_weights()
    stepping = training.Stepping(model, data.train, 16)

    def final(rate, seed):
        model.set_weights(initial)
        model.optimizer.learning_rate = rate
        list(stepping.run((10,), seed))
        return keras.ops.convert_to_numpy(model.trainable_variables[0])

    first, other_seed, other_rate, again = (
        final(0.1, 1),
        final(0.1, 2),
        final(0.2, 1),
        final(0.1, 1),
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other_seed).max() > 1e-4
    assert np.abs(first - other_rate).max() > 1e-4


def test_a_table_of_rates_serves_one_schedule_after_another(data):
    steps = [schedules.ExponentialDecay(0.1, 4, 0.5), schedules.Constant(0.02)]
    table = training.RateTable(num_steps=12)
    model = build(data, table, optimizers.Momentum)
    initial = model.get_weights()
    stepping = training.Stepping(model, data.train, 32)
    for schedule in (*steps, *steps):
        table.set_to(schedule)
        stepping.restart(initial)
        list(stepping.run((12,), seed=3))
        alone = build(data, schedule, optimizers.Momentum)
        list(training.Stepping(alone, data.train, 32).run((12,), seed=3))
        for one, other in zip(model.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
