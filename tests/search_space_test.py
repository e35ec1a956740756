import itertools
import json
import math

import numpy as np
import pytest

from recipes.mnist_softmax import MnistSoftmax
from tfcourse.scales import Choice, Linear, Log, OneMinusLog, PowerOfTwo
from tfcourse.tuning import grid
from tfcourse.tuning import space as search_space
from tfcourse.tuning.space import Axis, Space

AXES = {
    "linear": Axis("dropout", Linear((0.0, 0.5))),
    "log": Axis("learning_rate", Log((1e-4, 1.0))),
    "one_minus_log": Axis("beta", OneMinusLog((0.9, 0.999))),
    "power_of_two": Axis("batch_size", PowerOfTwo((20, 512), is_integer=True)),
    "choice": Axis("optimizer", Choice(("momentum", "adam"))),
    "integer": Axis("epochs", Linear((2, 20), is_integer=True)),
    "log integer": Axis("units", Log((1, 1000), is_integer=True)),
}


@pytest.mark.parametrize(
    ("name", "low", "middle", "high"),
    [
        ("linear", 0.0, 0.25, 0.5),
        ("log", 1e-4, 1e-2, 1.0),
        ("one_minus_log", 0.9, 0.99, 0.999),
        ("integer", 2, 11, 20),
    ],
)
def test_scales_have_their_ends_and_their_middle(name, low, middle, high):
    axis = AXES[name]
    assert axis.scale.value_at(0.0) == low
    assert axis.scale.value_at(0.5) == pytest.approx(middle, rel=1e-12)
    assert axis.scale.value_at(1.0) == high


@pytest.mark.parametrize("axis", AXES.values(), ids=AXES)
def test_positions_and_values_are_inverse_and_monotone(axis):
    positions = np.linspace(0.001, 0.999, 57)
    values = [axis.scale.value_at(position) for position in positions]
    for position, value in zip(positions, values, strict=True):
        if axis.scale.options is None and not axis.scale.is_integer:
            assert axis.scale.position_of(value) == pytest.approx(position, abs=1e-9)
        assert axis.scale.value_at(axis.scale.position_of(value)) == value
    if axis.scale.is_range:
        assert values == sorted(values)


def test_whole_numbers_stay_whole_and_are_drawn_alike():
    axis = Axis("epochs", Linear((2, 5), is_integer=True))
    drawn = [axis.scale.value_at(u) for u in (np.arange(4000) + 0.5) / 4000]
    assert {type(value) for value in drawn} == {int}
    assert [drawn.count(value) for value in (2, 3, 4, 5)] == [1000] * 4
    powers = [AXES["power_of_two"].scale.value_at(u) for u in (np.arange(500) + 0.5) / 500]
    assert [powers.count(2**k) for k in (5, 6, 7, 8, 9)] == [100] * 5


@pytest.mark.parametrize("axis", AXES.values(), ids=AXES)
def test_a_finer_spread_holds_the_coarser_one(axis):
    levels = [
        [axis.scale.value_at(position) for position in axis.scale.spread(level)]
        for level in range(5)
    ]
    for coarse, fine in itertools.pairwise(levels):
        assert set(coarse) <= set(fine)
        assert len(set(fine)) == len(fine)
    if axis.scale.is_range:
        assert levels[0] == [axis.scale.value_at(0.0), axis.scale.value_at(1.0)]


def test_a_space_is_read_back_from_json():
    space = search_space.space_of(MnistSoftmax(), {"hidden_units": "128/256,128"})
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space


def test_conditional_axes_are_active_with_their_chooser_alone():
    space = search_space.space_of(MnistSoftmax())
    names = [axis.name for axis in space.axes]
    assert names.index("optimizer") < names.index("beta")
    positions = dict.fromkeys(names, 0.1)
    assert "beta" in space.values_at(positions | {"optimizer": 0.25})
    assert "beta" not in space.values_at(positions | {"optimizer": 0.75})


def test_flags_narrow_widen_and_fix():
    searches = {"learning_rate": "1e-3:1e-2:log", "batch_size": "32,48", "epochs": "3:4"}
    space = search_space.space_of(MnistSoftmax(), searches, ["dropout", "hidden_units"])
    axes = {axis.name: axis for axis in space.axes}
    assert axes["learning_rate"].scale.search == (1e-3, 1e-2)
    assert axes["batch_size"].scale.options == (32, 48)
    assert axes["epochs"].scale.options == (3, 4)
    assert set(axes) == {"learning_rate", "batch_size", "epochs", "optimizer", "beta"}


@pytest.mark.parametrize(
    ("searches", "fixed", "message"),
    [
        ({"rate": "1,2"}, [], "no hyperparameter 'rate'"),
        ({"beta": "0.9:0.8"}, [], "LOW must be below HIGH"),
        ({"beta": "0.9:1.0"}, [], "beta must be a number in"),
        ({"beta": "0.9:0.99:cubic"}, [], "with a scale of"),
        ({"beta": "0.9:0.99:log:2"}, [], "beta must be"),
        ({"dropout": "0.0:0.5:log"}, [], "does not go with the scale log"),
        ({"batch_size": "33:63"}, [], "no power of two"),
        ({"batch_size": "33:100"}, [], "only 64 lies in the range. Received: '33:100'"),
        ({"batch_size": "32,32"}, [], "twice"),
        ({"batch_size": "32,x"}, [], "batch_size must be"),
        ({"optimizer": "adam:momentum"}, [], "values with commas"),
        ({"beta": "0.9,0.99", "optimizer": "adam"}, [], "matters only with optimizer"),
        ({"beta": "0.9,0.99"}, ["beta"], "both searched and fixed"),
        ({"hidden_units": "32,64"}, [], "write 32/64 for two values"),
        ({"hidden_units": "32"}, [], "hidden_units: one value leaves nothing to search; give two"),
        ({"optimizer": "adam"}, [], "one value leaves nothing to search; give two or more"),
        ({"learning_rate": "0.1"}, [], "write LOW:HIGH for a range, or values with commas"),
        ({"batch_size": "33:64"}, [], "one value"),
        ({}, MnistSoftmax.__dataclass_fields__, "nothing is left"),
    ],
)
def test_what_makes_no_space_is_refused(searches, fixed, message):
    with pytest.raises(ValueError, match=message):
        search_space.space_of(MnistSoftmax(), searches, list(fixed))


def test_a_grid_is_the_finest_that_fits_and_holds_the_coarser_ones():
    space = Space((AXES["log"], AXES["choice"], AXES["integer"]))
    grids = {n: grid.points(space, n) for n in (8, 12, 24, 100)}
    assert [len(points) for points in grids.values()] == [8, 12, 18, 90]
    for coarse, fine in ((8, 12), (12, 24), (24, 100)):
        values = [[tuple(space.values_at(p).values()) for p in grids[n]] for n in (coarse, fine)]
        assert set(values[0]) < set(values[1])
    with pytest.raises(ValueError, match="8 points; take `trials=8`"):
        grid.points(space, 7)


def test_a_grid_takes_an_inactive_axis_once():
    chooser = AXES["choice"]
    beta = Axis("beta", OneMinusLog((0.9, 0.999)), ("optimizer", ("momentum",)))
    points = grid.points(Space((chooser, beta)), 3)
    assert len(points) == 3
    assert sum("beta" in point for point in points) == 2
    assert math.isclose(beta.scale.value_at(points[0]["beta"]), 0.9)
