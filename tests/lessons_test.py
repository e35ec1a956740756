import numpy as np
import pytest

from recipes.claims import lessons, pictures
from recipes.claims.pictures import contours
from tfcourse import datasets, reports


@pytest.fixture
def drawn(monkeypatch):
    """What was handed to the functions that draw: `{name: (arguments, named arguments)}`."""
    calls = {}

    def noted(module, name):
        draw = getattr(module, name)

        def note(*arguments, **named):
            calls[name] = arguments, named
            return draw(*arguments, **named)

        monkeypatch.setattr(module, name, note)

    noted(contours, "draw_paths")
    noted(reports, "draw_lines")
    noted(pictures, "draw_costs")
    noted(pictures, "draw_noise")
    noted(pictures, "draw_averages")
    noted(pictures, "draw_usable_rates")
    noted(pictures.optimizers, "draw_sensitivity")
    noted(pictures.softmax, "draw_regions")
    return calls


@pytest.fixture
def png(tmp_path):
    yield tmp_path / "lesson.png"
    assert (tmp_path / "lesson.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(64)


def test_linear_descent_has_a_step_a_batch_and_ends_near_the_line(drawn, png):
    lessons.draw_linear_descent((1000, 300), 0.5, png, epochs=20)
    (landscape, paths, _), named = drawn["draw_paths"]
    assert named["examples_per_step"] == {"b = 1,000": 1000, "b = 300": 300}
    assert [len(path) for path in paths.values()] == [1 + 20, 1 + 20 * 4]
    np.testing.assert_allclose(paths["b = 300"][-1], (3, 2), atol=0.15)
    # The cost is half the mean squared error, least at the star.
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 2.0, 1000)
    y = 3 + 2 * x + rng.normal(0.0, 1.0, 1000)
    for theta in ([0.0, 0.0], [1.0, -2.0]):
        expected = np.mean((theta[0] + theta[1] * x - y) ** 2) / 2
        np.testing.assert_allclose(landscape.cost(theta), expected, rtol=1e-12)
    assert landscape.cost(landscape.minima[0]) < landscape.cost(paths["b = 300"]).min()


def test_descents_start_alike_and_go_their_own_ways(drawn, png):
    runners = {
        "slow": ("gradient_descent", {"learning_rate": 0.001}),
        "fast": ("momentum", {"learning_rate": 0.1, "beta": 0.8}),
        "diverges": ("gradient_descent", {"learning_rate": 10.0}),
    }
    lessons.draw_descents("ravine", runners, 30, png)
    landscape, paths, _ = drawn["draw_paths"][0]
    assert all(path.shape == (31, 2) for path in paths.values())
    assert all(tuple(path[0]) == landscape.start for path in paths.values())
    costs = {label: float(landscape.cost(path[-1])) for label, path in paths.items()}
    assert costs["fast"] < costs["slow"] < costs["diverges"]
    assert runners["fast"][1] == {"learning_rate": 0.1, "beta": 0.8}


def test_uncorrected_steps_are_too_long_at_first(drawn, png):
    variants = {"corrected": {}, "not": {"bias_correction": False}}
    lessons.draw_step_lengths(variants, 5, png)
    lines = drawn["draw_lines"][0][0]
    np.testing.assert_allclose(lines["corrected"][1], 1.0, rtol=1e-6)
    t = np.arange(1, 6)
    expected = (1 - 0.9**t) / np.sqrt(1 - 0.999**t)
    np.testing.assert_allclose(lines["not"][1], expected, rtol=1e-6)
    np.testing.assert_array_equal(lines["not"][0], t)


def test_decays_are_the_golden_ones_and_the_erratum(drawn, png):
    lessons.draw_decays(0.1, 0.95, 11, png)
    lines = {name: rates for name, (_, rates) in drawn["draw_lines"][0][0].items()}
    (wrong,) = (rates for name, rates in lines.items() if "E9" in name)
    golden = [0.1, 0.095, 0.09025, 0.07737809375, 0.05987369392]
    np.testing.assert_allclose(lines["exponential"][[0, 1, 2, 5, 10]], golden, rtol=1e-6)
    np.testing.assert_allclose(lines["root"][[0, 1, 4, 9]], 0.1 / np.sqrt([1, 2, 5, 10]), rtol=1e-6)
    np.testing.assert_allclose(lines["inverse time"][2], 0.1 / (1 + 0.95 * 2), rtol=1e-6)
    rate, rates = 0.1, []
    for epoch in range(11):
        rate *= 0.95**epoch
        rates.append(rate)
    np.testing.assert_allclose(wrong, rates, rtol=1e-12)


def test_printed_coefficients_lead_to_10(drawn, png):
    lessons.draw_quadratic({"right": (1, -10, 25), "printed": (1, -20, 25)}, 0.01, 600, png)
    lines, points = drawn["draw_lines"][0][0], drawn["draw_lines"][1]["points"]
    np.testing.assert_allclose([lines["right"][1][-1], lines["printed"][1][-1]], [5, 10], rtol=1e-4)
    for label, (steps, w) in lines.items():
        at, theirs = points[f"{label}, TensorFlow 1"]
        assert len(at) == 21
        np.testing.assert_allclose(theirs, w[np.searchsorted(steps, at)], atol=2e-5)


def test_both_averages_of_each_beta_are_drawn(drawn, png):
    lessons.draw_averages((0.5, 0.9), png)
    values, _, averages, unit = drawn["draw_averages"][0][1:]
    assert unit == "°F"
    for beta, (uncorrected, corrected) in averages.items():
        np.testing.assert_allclose(uncorrected[0], (1 - beta) * values[0])
        np.testing.assert_allclose(corrected[0], values[0])


def test_batch_sizes_get_their_epochs(data, drawn, png):
    lessons.draw_batch_sizes(data, {16: 0.3, 64: 1.0}, png, epochs=1)
    curves = drawn["draw_costs"][0][1]
    assert {size: curve["step"][-1] for size, curve in curves.items()} == {16: 4, 64: 20}
    assert all(curve["cost"][-1] < curve["cost"][0] for curve in curves.values())


def test_noise_of_every_batch_size_and_of_all_at_once(data, drawn, png):
    lessons.draw_noise(data, (4,), png, steps=8)
    _, measured, num_examples = drawn["draw_noise"][0]
    assert list(measured) == [4, 64]
    assert num_examples == 64
    assert np.mean(measured[4]["noise"]) > 3 * np.mean(measured[64]["noise"])


def test_usable_rates_with_and_without_batch_normalization(data, drawn, png):
    lessons.draw_usable_rates(data, png, depth=1, steps=2)
    _, rates, accuracies, _ = drawn["draw_usable_rates"][0]
    (networks,) = accuracies.values()
    assert {name: values.shape for name, values in networks.items()} == {
        "without": (1, len(rates)),
        "with": (1, len(rates)),
    }


def test_every_optimizer_is_tried_with_every_rate(data, drawn, png):
    lessons.draw_sensitivity(data, png, epochs=1)
    by_model, _ = drawn["draw_sensitivity"][0]
    curves = by_model["softmax_regression"]
    assert list(curves) == ["gradient_descent", "momentum", "rmsprop", "adam"]
    assert all(len(errors) == len(rates) for rates, errors in curves.values())


def test_regions_of_any_number_of_classes(drawn, png):
    lessons.draw_regions((3, 6), png, points=10, steps=300)
    fits = drawn["draw_regions"][0][0]
    for num_classes, (points, labels, layers) in fits.items():
        guesses = (points @ layers[0]["weights"] + layers[0]["biases"]).argmax(axis=1)
        assert len(labels) == 10 * num_classes
        assert (guesses == labels).mean() > 0.9
