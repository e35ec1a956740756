import dataclasses
import math

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from tensorboard.plugins.hparams import summary_v2

from tfcourse import hyperparameters as hp
from tfcourse import scales, tuning
from tfcourse.tuning import space as search_space


class Squared(scales.Scale):
    """As many values below a half of the squares as above."""

    name = "squared"
    proxy_name = "square_{}"

    @staticmethod
    def proxy(value: float) -> float:
        return value**2

    @staticmethod
    def value_of_proxy(proxy: float) -> float:
        return math.sqrt(proxy)


@pytest.fixture
def base(monkeypatch):
    monkeypatch.setitem(scales.SCALES, "squared", Squared)

    @dataclasses.dataclass(frozen=True)
    class Example(hp.Hyperparameters):
        size: float = hp.number(0.5, "Any.", interval="[0, 1]", search=(0.0, 1.0), scale="squared")

    return Example()


def test_one_class_and_one_line_make_a_scale(base):
    (axis,) = search_space.space_of(base).axes
    assert axis.scale.value_at(0.25) == pytest.approx(0.5)
    assert axis.scale.position_of(0.5) == pytest.approx(0.25)
    assert (axis.scale.value_at(0.0), axis.scale.value_at(1.0)) == (0.0, 1.0)
    assert search_space.Axis.from_json(axis.to_json()) == axis
    asked = search_space.space_of(base, {"size": "0.2:0.4:squared"}).axes[0].scale
    assert asked == Squared((0.2, 0.4))
    assert asked.widened() == pytest.approx((0.1, 0.5))
    with pytest.raises(ValueError, match=r"with a scale of .*squared"):
        search_space.space_of(base, {"size": "0.2:0.4:cubic"})


def test_keras_tuner_draws_the_proxy_of_a_scale(base):
    drawn = tuning.search_space(base)
    assert drawn.values == {"square_size": 0.25}
    drawn.values["square_size"] = 0.49
    assert tuning.values_in(drawn, base).size == pytest.approx(0.7)


def test_a_default_that_is_a_word_becomes_an_end_for_keras_tuner():
    @dataclasses.dataclass(frozen=True)
    class Example(hp.Hyperparameters):
        rate: float | str = hp.number(
            "auto", "Any.", interval="(0, 1]", choices=("auto",), search=(0.1, 1.0), scale="log"
        )

    assert tuning.search_space(Example()).values == {"rate": 0.1}


@pytest.mark.parametrize(
    ("scale", "position", "value"),
    [
        (scales.Linear((1.0, 3.0)), 0.25, 1.5),
        (scales.Log((1e-4, 1.0)), 0.75, 0.1),
        (scales.OneMinusLog((0.9, 0.999)), 0.5, 0.99),
        (scales.PowerOfTwo((2, 8), is_integer=True), 0.5, 4),
        (scales.Choice(("a", "b")), 0.75, "b"),
    ],
)
def test_a_position_on_a_scale_stands_for_a_value(scale, position, value):
    assert scale.value_at(position) == pytest.approx(value)
    assert scale.position_of(value) == pytest.approx(position)


@pytest.mark.parametrize(
    ("scale", "points", "distribution"),
    [
        (scales.Linear((1, 4), is_integer=True), [1, 4], IntDistribution(1, 4)),
        (scales.Log((0.1, 1.0)), [0.1, 1.0], FloatDistribution(0.1, 1.0, log=True)),
        (scales.OneMinusLog((0.0, 0.5)), [1.0, 0.5], FloatDistribution(0.5, 1.0, log=True)),
        (scales.PowerOfTwo((2, 8)), [2, 8], IntDistribution(2, 8, log=True)),
        (scales.Choice(("a", "b")), ["a", "b"], CategoricalDistribution(["a", "b"])),
        (Squared((0.0, 1.0)), [0.0, 1.0], FloatDistribution(0.0, 1.0)),
    ],
)
def test_optuna_measures_the_proxy_as_the_scale_does(scale, points, distribution):
    assert [scale.proxy(value) for value in scale.search] == points
    assert scale.optuna(points) == distribution


@pytest.mark.parametrize(
    ("scale", "domain"),
    [
        (scales.Linear((1, 4), is_integer=True), summary_v2.IntInterval(1, 4)),
        (Squared((0.0, 1.0)), summary_v2.RealInterval(0.0, 1.0)),
        (scales.PowerOfTwo((2, 8)), summary_v2.Discrete([2, 4, 8])),
        (scales.Choice(((8,), (8, 4))), summary_v2.Discrete(["8", "8,4"])),
    ],
)
def test_tensorboard_has_the_values_themselves(scale, domain):
    assert repr(scale.tensorboard()) == repr(domain)


@pytest.mark.parametrize(
    ("scale", "wider"),
    [
        (scales.Linear((0.0, 0.5)), (0.0, 0.75)),
        (scales.Linear((2, 20), is_integer=True), (1, 29)),
        (scales.Log((1e-3, 1.0)), (1e-4, 10.0)),
        (scales.OneMinusLog((0.9, 0.999)), (0.0, 0.9999)),
        (scales.PowerOfTwo((32, 512), is_integer=True), (8, 2048)),
    ],
)
def test_a_scale_is_widened_by_its_own_measure(scale, wider):
    assert scale.widened() == pytest.approx(wider)


def test_a_grid_of_integers_is_even_on_their_scale():
    even = [
        (scales.Linear((1, 9), is_integer=True), [1, 3, 5, 7, 9]),
        (scales.Log((1, 100), is_integer=True), [1, 2, 7, 27, 100]),
        (scales.PowerOfTwo((32, 512), is_integer=True), [32, 64, 128, 256, 512]),
    ]
    for scale, values in even:
        assert [scale.value_at(position) for position in scale.spread(2)] == values
        assert len(scale.spread(9)) == len(scale.options)
