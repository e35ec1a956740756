import functools

import numpy as np
import pytest
import tensorflow as tf

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


def build_with_dropout(data, rate, seed, optimizer):
    training.set_seed(seed)
    model = models.batch_norm_mlp(data.input_shape, data.num_classes, (16,), dropout=0.2)
    training.compile_classifier(model, optimizers.OPTIMIZERS[optimizer](rate))
    return model


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_one_program_serves_other_weights_rates_and_seeds(data, optimizer):
    model = build_with_dropout(data, 0.5, 9, optimizer)
    stepping = training.Stepping(model, data.train, 32)
    evaluator = training.Evaluator(model)
    for seed, rate in ((1, 0.01), (2, 0.03), (1, 0.01)):
        stepping.restart(build_with_dropout(data, rate, seed, optimizer))
        fitted = build_with_dropout(data, rate, seed, optimizer)
        with training.shared_programs():
            history = training.fit(fitted, data, epochs=2, batch_size=32, seed=seed, verbose=0)
        expected = history.history
        for epoch, _ in enumerate(stepping.run((4, 8), seed)):
            found = model.get_metrics_result()
            validation = evaluator.evaluate(data.validation)
            for name in ("loss", "accuracy"):
                assert float(found[name]) == expected[name][epoch]
                assert validation[name] == expected[f"val_{name}"][epoch]


def test_a_start_with_another_beta_is_refused(data):
    stepping = training.Stepping(build(data, 0.1, optimizers.Momentum), data.train, 32)
    stepping.restart(build(data, 0.2, optimizers.Momentum))
    for other in (functools.partial(optimizers.Momentum, beta=0.8), optimizers.Nesterov):
        with pytest.raises(ValueError, match=r"Received: another (beta|class)"):
            stepping.restart(build(data, 0.1, other))


def test_a_loss_that_is_not_finite_stops_nothing(data):
    train = datasets.Split(np.full_like(data.train.features, np.nan), data.train.labels)
    model = build(data)
    assert list(training.Stepping(model, train, 32).run((4, 8), seed=1)) == [4, 8]
    assert np.isnan(float(model.get_metrics_result()["loss"]))


def test_a_table_of_rates_serves_one_schedule_after_another(data):
    steps = [schedules.ExponentialDecay(0.1, 4, 0.5), schedules.Constant(0.02)]
    table = training.RateTable(num_steps=12)
    model = build(data, table, optimizers.Momentum)
    stepping = training.Stepping(model, data.train, 32)
    alone = [build(data, schedule, optimizers.Momentum) for schedule in steps]
    for each in alone:
        list(training.Stepping(each, data.train, 32).run((12,), seed=3))
    for schedule, expected in zip((*steps, *steps), (*alone, *alone), strict=True):
        table.set_to(schedule)
        stepping.restart(build(data, table, optimizers.Momentum))
        list(stepping.run((12,), seed=3))
        for one, other in zip(model.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_a_table_tells_python_the_rates_that_it_tells_the_program():
    table = training.RateTable(num_steps=4)
    for first in (0, 7):
        table.assign(np.float32([0.1, 0.2, 0.3, 1 / 3]) + first, first)
        for step in range(first, first + 6):
            assert table.rate_at(step) == float(table(tf.constant(step)))
