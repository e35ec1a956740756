import itertools
import types

import numpy as np
import pytest
from scipy import stats

from tfcourse.scales import Choice, Log, OneMinusLog, PowerOfTwo
from tfcourse.tuning import choosing, oracles, sweeps
from tfcourse.tuning.space import Axis, Space

# keras-tuner reads the current thread's name the old way.
pytestmark = [
    pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning:keras_tuner")
]
OPTIMIZER = Axis("optimizer", Choice(("momentum", "adam")))
SPACE = Space(
    (
        OPTIMIZER,
        Axis("learning_rate", Log((1e-4, 1.0))),
        Axis("batch_size", PowerOfTwo((32, 512), is_integer=True)),
        Axis("beta", OneMinusLog((0.9, 0.999)), ("optimizer", ("momentum",))),
    )
)


def settings(tuner, **others):
    values = {"seed": 0, "trials": 30, "generation_size": 5, "max_epochs": 9, **others}
    return types.SimpleNamespace(tuner=tuner, **values)


def score(space, positions):
    """Best at a learning rate of 0.01 and for adam."""
    values = space.values_at({axis.name: 0.5 for axis in space.axes} | positions)
    return -abs(np.log10(values["learning_rate"]) + 2) - (values["optimizer"] == "momentum")


def search(settings, count, space=SPACE, told=True, restart_at=()):
    """Asks and tells generation by generation; `restart_at` rebuilds the chooser by replay."""
    chooser, asked, size = choosing.Chooser(settings, space, 0), [], settings.generation_size
    while len(asked) < count:
        batch = []
        for _ in range(size):
            if len(asked) + len(batch) in restart_at and not batch:
                chooser = replayed(settings, space, asked, size)
            point = chooser.ask()
            if point is None:
                break
            batch.append(point)
        if not batch:
            break
        for number, (positions, _) in enumerate(batch, start=len(asked)):
            if told:
                chooser.tell(number, score(space, positions))
        asked += batch
    return asked


def replayed(settings, space, asked, size):
    chooser = choosing.Chooser(settings, space, 0)
    for first in range(0, len(asked), size):
        for positions, _ in asked[first : first + size]:
            chooser.replay(positions)
        for number, (positions, _) in enumerate(asked[first : first + size], start=first):
            chooser.tell(number, score(space, positions))
    return chooser


def test_the_tuners_of_the_flag_are_those_there_are():
    assert set(sweeps.TUNERS) == set(oracles.TUNERS)


@pytest.mark.parametrize("tuner", sweeps.TUNERS)
def test_a_replayed_oracle_chooses_what_it_would_have_chosen(tuner):
    count = 10 if tuner == "bayesian" else 20  # A Gaussian process takes its time.
    whole = search(settings(tuner), count)
    assert len(whole) >= 10
    assert search(settings(tuner), count, restart_at=(5, 10, 15)) == whole


@pytest.mark.parametrize("tuner", sweeps.TUNERS)
def test_every_point_lies_in_the_space_and_shows_active_axes_alone(tuner):
    for positions, _ in search(settings(tuner), 10 if tuner == "bayesian" else 30):
        values = SPACE.values_at({axis.name: 0.5 for axis in SPACE.axes} | positions)
        assert set(positions) == set(values)
        assert ("beta" in values) == (values["optimizer"] == "momentum")
        assert 1e-4 <= values["learning_rate"] <= 1.0
        assert values["batch_size"] in (32, 64, 128, 256, 512)


def test_random_positions_are_uniform_and_seeds_independent():
    draws = {
        seed: [
            positions["learning_rate"]
            for positions, _ in search(settings("random", seed=seed), 300, told=False)
        ]
        for seed in (0, 1, 2)
    }
    for values in draws.values():
        assert stats.kstest(values, "uniform").pvalue > 1e-3
    for one, other in itertools.combinations(draws.values(), 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.2
        # Neighbouring seeds of keras-tuner give one sequence, shifted.
        assert not set(one) & set(other)


def test_a_quasi_random_sequence_leaves_smaller_gaps_than_a_random_one():
    gaps = {}
    for tuner in ("random", "quasi_random"):
        points = search(settings(tuner), 60, told=False)
        values = sorted(positions["learning_rate"] for positions, _ in points)
        gaps[tuner] = max(np.diff([0.0, *values, 1.0]))
    assert gaps["quasi_random"] < 0.6 * gaps["random"]


def test_a_grid_is_whole_and_more_trials_go_on_with_it():
    few = search(settings("grid", trials=12), 100, told=False)
    many = search(settings("grid", trials=60), 100, told=False)
    keys = [{tuple(sorted(positions.items())) for positions, _ in points} for points in (few, many)]
    assert len(keys[0]) == len(few) <= 12
    assert len(keys[1]) == len(many) <= 60
    assert keys[0] < keys[1]
    chooser = choosing.Chooser(settings("grid", trials=60), SPACE, 0)
    for positions, _ in few:
        chooser.replay(positions)
    rest = []
    while point := chooser.ask():
        rest.append(tuple(sorted(point[0].items())))
    assert len(rest) == len(set(rest)) == len(many) - len(few)
    assert set(rest) == keys[1] - keys[0]


def test_coarse_to_fine_zooms_in_on_the_best():
    points = search(settings("coarse_to_fine", trials=60, generation_size=20), 60)
    rounds = [note["round"] for _, note in points]
    assert rounds == [1] * 20 + [2] * 20 + [3] * 20
    distances = [abs(positions["learning_rate"] - 0.5) for positions, _ in points]
    first, second, third = (np.mean(distances[i : i + 20]) for i in (0, 20, 40))
    assert third < 0.6 * second < 0.6 * first
    assert all(positions["optimizer"] == 0.75 for positions, _ in points[40:])


def test_the_box_shrinks_around_the_best_and_grows_past_an_edge_that_they_touch():
    assert oracles.zoom((0.0, 1.0), [0.5, 0.4, 0.6]) == pytest.approx((0.275, 0.725))
    # The best lies at the lower edge of (0.4, 0.8): half of the box is added below.
    assert oracles.zoom((0.4, 0.8), [0.41, 0.5]) == pytest.approx((0.2, 0.55))
    assert oracles.zoom((0.4, 0.8), [0.79, 0.7]) == pytest.approx((0.65, 1.0))
    assert oracles.zoom((0.0, 1.0), [0.01]) == pytest.approx((0.0, 0.135))
    assert oracles.zoom((0.2, 0.3), []) == (0.2, 0.3)


def test_bayesian_search_goes_where_a_smooth_score_is_high():
    mean = {}
    for tuner in ("random", "bayesian"):
        points = search(settings(tuner), 20)
        mean[tuner] = np.mean([score(SPACE, positions) for positions, _ in points[10:]])
    assert mean["bayesian"] > mean["random"]


def test_hyperband_trains_many_points_for_few_epochs_and_the_best_for_more():
    points = search(settings("hyperband", trials=60), 60)
    epochs = [note["epochs"] for _, note in points]
    assert set(epochs) == {1, 3, 9}
    assert epochs.count(1) > epochs.count(3)
    number = next(i for i, (_, note) in enumerate(points) if note["round"] == 1)
    told = points[: number - number % 5]
    few = [score(SPACE, positions) for positions, note in told if note["round"] == 0]
    assert score(SPACE, points[number][0]) == max(few)


def test_an_exhausted_space_of_choices_ends_the_search_with_every_point_tried():
    space = Space((OPTIMIZER, Axis("batch_size", Choice((32, 64, 128)))))
    points = search(settings("random"), 30, space=space, told=False)
    assert len(points) == 6
    assert len({tuple(positions.items()) for positions, _ in points}) == 6


@pytest.mark.parametrize("tuner", ["random", "bayesian", "coarse_to_fine", "hyperband"])
def test_infeasible_trials_end_no_search(tuner):
    chooser = choosing.Chooser(settings(tuner), SPACE, 0)
    for generation in range(2):
        asked = [chooser.ask() for _ in range(5)]
        assert None not in asked[:1]
        for number in range(5):
            if asked[number]:
                chooser.tell(5 * generation + number, None if number else 0.5)
