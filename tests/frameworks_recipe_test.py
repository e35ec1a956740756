import sys

import numpy as np
import pytest
import recipe_runs

from recipes.claims import frameworks, harness
from recipes.claims.frameworks import Frameworks
from recipes.claims.one_network import measures
from tfcourse import from_scratch

RATE = 0.3


def test_a_smoke_run_leaves_rows_and_pictures(tmp_path):
    assert recipe_runs.smoke("frameworks", tmp_path)["largest_difference"] < 1e-4


@pytest.fixture(scope="module")
def examples():
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(50, 12)).astype("float32")
    labels = rng.integers(0, 3, 50).astype("int32")
    weights = frameworks.initial_weights(8, 12, 3, seed=1)
    return weights, images, labels


def expected_losses(weights, images, labels, steps):
    names = ("weights", "biases")
    pairs = weights[:2], weights[2:]
    layers = [dict(zip(names, map(np.float64, pair), strict=True)) for pair in pairs]
    losses = []
    for _ in range(steps):
        loss, layers = from_scratch.train_step(
            layers, images.astype("float64"), np.eye(3)[labels], learning_rate=RATE
        )
        losses.append(loss)
    return losses


@pytest.mark.parametrize("name", frameworks.NAMES)
def test_each_takes_the_steps_of_the_formula(name, examples):
    found = frameworks.networks()
    if name not in found:
        pytest.skip(f"{frameworks.NAMES[name]} is not installed.")
    weights, images, labels = examples
    network = found[name].Network(weights, RATE)
    losses = [network.train(images, labels, batch_size=50) for _ in range(10)]
    np.testing.assert_allclose(losses, expected_losses(*examples, 10), rtol=2e-6)


@pytest.mark.parametrize("name", frameworks.NAMES)
def test_a_smaller_last_batch_is_a_step_of_its_own(name, examples):
    found = frameworks.networks()
    if name not in found:
        pytest.skip(f"{frameworks.NAMES[name]} is not installed.")
    weights, images, labels = examples
    whole, parts = (found[name].Network(weights, RATE) for _ in range(2))
    whole.train(images, labels, batch_size=30)
    parts.train(images[:30], labels[:30], batch_size=30)
    parts.train(images[30:], labels[30:], batch_size=20)
    after = [network.train(images, labels, batch_size=50) for network in (whole, parts)]
    np.testing.assert_allclose(*after, rtol=1e-6)


def test_a_framework_that_is_not_installed_is_left_out(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "recipes.claims.one_network.torch", None)
    monkeypatch.delattr("recipes.claims.one_network.torch", raising=False)
    assert "torch" not in frameworks.networks()
    assert "PyTorch is not installed: its row is left out\n" in capsys.readouterr().out


def test_comments_docstrings_and_blank_lines_are_no_code():
    source = '"""Two\nlines."""\n\nimport a  # why\n\n# alone\ndef f(\n    x,\n):\n    """Doc."""\n'
    assert measures.lines_of_code(source) == 4
    assert measures.lines_of_code(source + '    return """a\nb"""\n') == 6
    assert measures.lines_of_code("# left\n        a = 1\n        # b\n        c = a\n") == 2


def test_matrix_products_are_timed_for_each_size():
    loops, numpy = measures.time_matrix_products([2, 24], seed=0)
    assert len(loops) == len(numpy) == 2
    assert min(loops[1]) > min(loops[0]) > 0
    assert min(min(numpy)) > 0


def test_verdicts_follow_the_numbers():
    def arms(tensorflow):
        speeds = {"numpy": 50, "tensorflow": tensorflow, "keras": 40}
        return {
            name: {"examples_per_second": [1000 * s, 1010 * s, 990 * s], "first_seconds": 1.0}
            for name, s in speeds.items()
        }

    speeds = {
        8: {32: arms(25), 128: arms(25)},
        64: {32: arms(55), 128: arms(90)},
    }  # 1.1 and 1.8 times
    raw = {
        "hp": vars(Frameworks()), "backward": 7, "largest_difference": 1e-6, "speeds": speeds,
        "lines": {"numpy": 30, "tensorflow": 20, "keras": 31}, "sizes": [8, 64],
        "seconds": [[[1.0, 1.01], [2.0, 2.01]], [[0.05, 0.05], [0.02, 0.02]]],
    }  # fmt: skip
    rows = harness.judged("frameworks", frameworks.judge(harness.plain(raw)))
    assert [row["verdict"] for row in rows] == ["holds", "holds in part", "holds in part", "holds"]
    assert rows[2]["where"] == "64 units, batches of 128"
    assert "7 lines of backward pass, and none in TensorFlow, Keras" in rows[0]["measured"]
    assert "batches of 32, 128" in rows[2]["measured"]
    assert "TensorFlow 64, 64; Keras never." in rows[2]["measured"]
