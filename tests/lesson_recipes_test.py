"""The lessons beyond the slides: each measures what it says, checked against NumPy."""

import functools
import json
import pathlib

import numpy as np
import processes
import pytest

import tfcourse
from recipes.claims.trainings import Trainings
from recipes.lessons import (
    decision_boundaries,
    gradient_checking,
    initialization,
    publish,
    regularization,
    warmup,
)
from recipes.lessons.__main__ import LESSONS, told
from recipes.lessons.curves import curves
from tfcourse.command_line import flagfiles
from tfcourse.system import files

ROOT = pathlib.Path(__file__).parents[1]
NUMBERS = json.loads((ROOT / publish.NUMBERS).read_text())


def untrained(trainings, seeds, epochs, **run):
    """Stands for `curves`: they fall, from no training."""
    fall = np.linspace(1.0, 0.1, len(epochs)) + np.zeros((len(seeds), 1))
    return {"train_loss": fall, "val_loss": fall + 0.1, "val_accuracy": 1.0 - fall}


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_measures_draws_and_tells(name, tmp_path, monkeypatch):
    if hasattr(LESSONS[name], "curves"):
        monkeypatch.setattr(LESSONS[name], "Trainings", lambda *arguments: None)
        monkeypatch.setattr(LESSONS[name], "curves", untrained)
    metrics = LESSONS[name].show(tmp_path / "lesson.png", 1, quick=True)
    assert (tmp_path / "lesson.png").read_bytes().startswith(b"\x89PNG")
    json.dumps(metrics)
    assert "{" not in told(name, metrics)


def test_a_run_is_called_as_its_package_is(tmp_path):
    done = processes.command("recipes.lessons", "--lesson=gradient_checking", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (flags,) = tmp_path.glob("runs/lessons/*/flags.txt")
    assert flags.read_text().startswith("# python -m recipes.lessons --flagfile=flags.txt runs")


def test_the_page_tells_what_was_published():
    page = (ROOT / publish.PAGE).read_text()
    assert publish.filled(page, NUMBERS) == page
    assert {*NUMBERS} == {*LESSONS}
    for name in LESSONS:
        assert told(name, NUMBERS[name]) in page
        assert f"configs/lessons.{name}.flags" in page
        assert (ROOT / publish.IMAGES / f"{name}.png").stat().st_size > 10_000


@pytest.mark.parametrize("name", LESSONS)
def test_the_flagfile_expects_what_was_published(name):
    flags = flagfiles.expand([f"--flagfile={ROOT}/configs/lessons.{name}.flags"])
    texts = [getattr(flag, "text", flag) for flag in flags]
    given = [str(text).removeprefix("--").partition("=")[::2] for text in texts]
    assert ("lesson", name) in given
    expected = [value.split(":") for flag, value in given if flag == "expect"]
    assert expected
    for metric, low, high in expected:
        assert float(low) <= NUMBERS[name][metric] <= float(high)


def test_publishing_keeps_numbers_picture_and_sentences(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / publish.IMAGES).mkdir(parents=True)
    (tmp_path / publish.PAGE).write_text("a\n<!-- lesson: warmup -->old<!-- /lesson -->\n")
    (tmp_path / publish.NUMBERS).write_text(json.dumps({"warmup": {}}))
    run = tmp_path / "run"
    run.mkdir()
    (run / "flags.txt").write_text("--lesson=warmup\n--seed=1\n")
    files.write_file(run / "metrics.json", json.dumps({**NUMBERS["warmup"], "seconds": 1.0}))
    (run / "lesson.png").write_bytes(b"png")
    publish.main(publish.Publish(run_dirs=("run",)))
    said = told("warmup", NUMBERS["warmup"])
    page = (tmp_path / publish.PAGE).read_text()
    assert page == f"a\n<!-- lesson: warmup -->{said}<!-- /lesson -->\n"
    assert json.loads((tmp_path / publish.NUMBERS).read_text())["warmup"] == NUMBERS["warmup"]


def test_deviations_are_those_of_relu_layers():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 6))
    layers = initialization.first_layers("he", [6, 30, 20, 3], seed=1)
    first = np.maximum(x @ layers[0]["weights"], 0)
    second = np.maximum(first @ layers[1]["weights"], 0)
    found = initialization.deviations(layers, x)
    np.testing.assert_allclose(found, [first.std(), second.std()], rtol=1e-6)
    scaled = [{**layer, "weights": 0.1 * layer["weights"]} for layer in layers]
    np.testing.assert_allclose(
        initialization.deviations(scaled, x), [0.1 * found[0], 0.01 * found[1]], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "deviation"),
    [
        *(("zeros", 0.0), ("small", 0.01), ("large", 1.0)),
        *(("he", (2 / 300) ** 0.5), ("glorot", (2 / 700) ** 0.5)),
    ],
)
def test_first_weights_have_the_deviation_of_their_name(name, deviation):
    (layer,) = initialization.first_layers(name, [300, 400], seed=1)
    assert layer["weights"].std() == pytest.approx(deviation, rel=0.02)


def test_the_tape_the_differences_and_numpy_agree_and_the_fault_does_not():
    w, x, y = gradient_checking.network(3)
    tape = gradient_checking.tape_gradient(w, x, y)
    # The derivative of tanh that the faulty gradient leaves out.
    first = w[:32].reshape(4, 8)
    a = np.tanh(x @ first + w[32:40])
    logits = a @ w[40:64].reshape(8, 3) + w[64:]
    d_logits = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) - y) / len(x)
    d_z = d_logits @ w[40:64].reshape(8, 3).T * (1 - a**2)
    parts = (x.T @ d_z, d_z.sum(axis=0), a.T @ d_logits, d_logits.sum(axis=0))
    np.testing.assert_allclose(tape, np.concatenate([p.ravel() for p in parts]), rtol=1e-10)
    error = functools.partial(gradient_checking.relative_error, tape)
    central = [
        error(gradient_checking.differences(w, x, y, e, "central")) for e in (1e-2, 1e-3, 1e-12)
    ]
    assert central[0] / central[1] == pytest.approx(100, rel=0.1)  # Second order,
    assert central[2] > 100 * central[1]  # until rounding takes over.
    forward = [error(gradient_checking.differences(w, x, y, e, "forward")) for e in (1e-3, 1e-4)]
    assert forward[0] / forward[1] == pytest.approx(10, rel=0.1)
    assert error(gradient_checking.faulty_gradient(w, x, y)) > 0.05
    single = (array.astype("float32") for array in (w, x, y))
    found = gradient_checking.differences(*single, np.float64(1e-7), "central")
    assert error(found) > 1e-3  # Seven digits are used up.


def test_half_moons_lie_on_half_circles_and_are_told_apart():
    x, labels = decision_boundaries.half_moons(100, seed=1, noise=0.0)
    centres = np.array([[0.0, 0.0], [1.0, 0.5]])[labels]
    np.testing.assert_allclose(np.linalg.norm(x - centres, axis=1), 1.0)
    found = decision_boundaries.descend(x, labels, [16], [0, 300], seed=1)
    assert [*found] == [0, 300]
    right = [decision_boundaries.percent_right(layers, x, labels) for layers in found.values()]
    assert right[1] > max(right[0], 95)


def test_a_training_takes_numpys_step_and_measures_both_splits():
    data = tfcourse.datasets.load("digits").smaller(64)

    def build(rate):
        model = tfcourse.models.plain_mlp(data.input_shape, data.num_classes, ())
        tfcourse.training.compile_classifier(model, tfcourse.optimizers.GradientDescent(rate))
        starts.append([variable.numpy().astype("float64") for variable in model.weights])
        return model

    starts = []
    found = curves(Trainings(build, data, 64, epochs=2), [7], [1, 2], rate=0.5, warmup_epochs=1)
    weights, biases = starts[-1]
    layers = [{"weights": weights, "biases": biases}]
    flat = [s.features.reshape(len(s.labels), -1) for s in (data.train, data.validation)]
    one_hot = np.eye(10)[data.train.labels]
    for epoch, rate in enumerate((0.5, 0.5)):  # One step of warm-up ends at the full rate.
        _, layers = tfcourse.from_scratch.train_step(layers, flat[0], one_hot, learning_rate=rate)
        logits, _ = tfcourse.from_scratch.forward(layers, flat[0])
        loss, _ = tfcourse.from_scratch.cross_entropy(logits, one_hot)
        assert found["train_loss"][0, epoch] == pytest.approx(loss, rel=1e-5)
    right = tfcourse.from_scratch.predict(layers, flat[1]) == data.validation.labels
    assert found["val_accuracy"][0, -1] == right.mean()


def test_the_penalty_is_that_of_the_weights_squared():
    data = tfcourse.datasets.load("digits").smaller(8)
    model = regularization.build(data, 0.001, l2=0.01)
    kernels = [layer.kernel.numpy() for layer in model.layers if layer.name.startswith("dense")]
    penalty = 0.01 * sum((kernel**2).sum() for kernel in kernels[:2])
    assert float(sum(model.losses)) == pytest.approx(penalty, rel=1e-5)


def test_a_rate_trains_if_it_does_with_every_seed_and_all_smaller_ones_do():
    losses = {0.1: [0.1, 0.2], 0.01: [0.4, 0.1], 0.03: [0.6, 0.1]}
    assert warmup.largest_trained(losses) == 0.01
    assert warmup.largest_trained({0.1: [0.1, float("nan")]}) == 0.0


def test_a_fifth_of_the_labels_is_wrong_and_the_same_for_a_seed():
    split = tfcourse.datasets.load("digits").train.smaller(100)
    wrong = regularization.with_wrong_labels(split, 10, seed=1)
    assert np.sum(wrong.labels != split.labels) == 20
    assert set(wrong.labels) <= set(range(10))
    again = regularization.with_wrong_labels(split, 10, seed=1)
    np.testing.assert_array_equal(again.labels, wrong.labels)
    np.testing.assert_array_equal(wrong.features, split.features)
