import numpy as np
import pytest
import recipe_runs
from scipy.special import expit

from recipes.claims import harness, softmax_points, softmax_regression
from recipes.claims.softmax_regression import SoftmaxRegression


def test_a_smoke_run_leaves_rows_and_pictures(tmp_path):
    rows = recipe_runs.smoke("softmax_regression", tmp_path)["evidence"]
    assert [row["chapter"] for row in rows] == [5, 5, 5]
    pictures = {path.name for path in tmp_path.glob("*.png")}
    endings = ("", "_confusion", "_weights", "_wrong")
    assert pictures == {f"softmax_regression{ending}.png" for ending in endings}


@pytest.mark.parametrize("num_classes", softmax_points.CLASSES)
def test_regions_of_points_are_convex_and_mostly_right(num_classes):
    rng = np.random.default_rng(num_classes)
    points, labels = softmax_points.plane_points(num_classes, 40, rng)
    assert np.bincount(labels).tolist() == [40] * num_classes
    layers = softmax_points.fit_points(points, labels, 300)
    logits = points @ layers[0]["weights"] + layers[0]["biases"]
    assert (logits.argmax(axis=1) == labels).mean() > 0.9
    left, total = softmax_points.broken_segments(layers, rng, segments=5000)
    assert left == 0
    assert total > 500


def test_regions_that_are_not_convex_are_found(monkeypatch):
    rings = {"predict": lambda layers, x: (np.linalg.norm(x, axis=1) > 2).astype(int)}
    monkeypatch.setattr("tfcourse.from_scratch.predict", rings["predict"])
    left, total = softmax_points.broken_segments([], np.random.default_rng(0), segments=5000)
    assert 0 < left < total


@pytest.fixture
def two_classes():
    rng = np.random.default_rng(7)
    points = rng.normal(size=(80, 2))
    return points, (rng.uniform(size=80) < expit(points @ [1.5, -1.0])).astype(int)


def test_two_classes_are_logistic_regression(two_classes):
    path, optimum = softmax_points.differences_to_logistic_regression(*two_classes, 2000)
    assert path < 1e-13
    assert optimum < 1e-5


def test_before_the_optimum_only_the_path_is_the_same(two_classes):
    path, optimum = softmax_points.differences_to_logistic_regression(*two_classes, 3)
    assert path < 1e-15
    assert optimum > 0.05


@pytest.mark.parametrize(
    ("left", "optimum", "deviation", "verdicts"),
    [
        (0, 1e-7, 1e-7, ["holds", "holds", "holds"]),
        (90, 1e-2, 0.1, ["holds in part", "holds in part", "does not hold"]),
        (20, 1e-7, 1e-7, ["holds in part", "holds", "holds"]),  # Undecided.
    ],
)
def test_verdicts_follow_the_numbers(left, optimum, deviation, verdicts):
    raw = {
        "hp": vars(SoftmaxRegression()),
        "regions": {3: (left, 20_000), 6: (0, 20_000)},
        "differences": {"path": [1e-15, 2e-15], "optimum": [optimum, optimum]},
        "images": {
            "examples": 5,
            "accuracies": [0.92, 0.93, 0.94],
            "deviations": [deviation, deviation],
            "truth": "4",
            "said": "9",
            "surest": 0.999,
        },
    }
    judged = softmax_regression.judge(harness.plain(raw))
    rows = harness.judged("softmax_regression", judged)
    assert [row["verdict"] for row in rows] == verdicts
    assert "93.00 ± 1.00 %" in rows[2]["measured"]
    assert "40,000 random segments" in rows[0]["measured"]
