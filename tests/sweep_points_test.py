"""Equal points are asked for once, and a sweep's cost per trial does not grow with the trials."""

import dataclasses

import pytest
from sweep_driver_test import run, settings
from sweep_pool import Pool

from tfcourse.tuning import journal, records, standings, sweeps

# keras-tuner reads the current thread's name the old way.
pytestmark = pytest.mark.filterwarnings(
    "ignore:(currentThread|getName):DeprecationWarning:keras_tuner"
)
# Eight points with the two optimizers; the positions of powers of two are continuous.
FEW = {"learning_rate": "0.01,0.1", "batch_size": "32:64:power_of_two"}


def points(sweep):
    return [tuple(sorted(trial.values.items())) for trial in sweep.trials]


@pytest.mark.parametrize("tuner", [t for t in sweeps.TUNERS if t != "hyperband"])
def test_every_point_of_a_small_space_is_tried_once(tmp_path, tuner):
    sweep = run(tmp_path, settings(tuner, FEW, trials=20), Pool(2)).sweep
    assert len(sweep.trials) == len(set(points(sweep))) == 8


def test_hyperband_trains_a_point_again_only_for_more_epochs(tmp_path):
    sweep = run(tmp_path, settings("hyperband", FEW, trials=20), Pool(2)).sweep
    trained = [(*sorted(t.values.items()), t.note["epochs"]) for t in sweep.trials]
    assert len(trained) == len(set(trained)) == 8 + 3 + 1
    assert [point[-1] for point in trained] == [1] * 8 + [3] * 3 + [9]


@pytest.mark.parametrize("tuner", ["random", "grid", "coarse_to_fine", "quasi_random"])
def test_what_an_earlier_search_has_tried_is_not_tried_again(tmp_path, tuner):
    run(tmp_path, settings("random", FEW, trials=5), Pool(2))
    pool = Pool(2)
    sweep = run(tmp_path, settings(tuner, FEW, trials=20, seed=9), pool).sweep
    assert len(sweep.trials) == len(set(points(sweep))) == 8
    assert {number for number, _ in pool.started} == {5, 6, 7}


def test_other_values_and_another_base_make_new_points(tmp_path):
    run(tmp_path, settings("random", FEW, trials=20), Pool(2))
    other = {**FEW, "learning_rate": "0.01,0.2"}
    sweep = run(tmp_path, settings("random", other, trials=40), Pool(2)).sweep
    assert len(sweep.trials) == len(set(points(sweep))) == 8 + 4
    base = {**settings("random", other).base, "weight_decay": "0.1"}
    asked = dataclasses.replace(settings("random", other, trials=40), base=base)
    assert len(run(tmp_path, asked, Pool(2)).sweep.trials) == 8 + 4 + 8


def test_standings_follow_a_sweep(tmp_path):
    sweep = sweeps.Sweep([], [], None)
    folder = tmp_path / "sweep"
    run(folder, settings(trials=12, replicates=2), Pool(3))
    told = [records.from_json(each) for each in journal.read(folder / "journal.jsonl")[0]]
    sweep.apply(told[0])
    followed = standings.Standings(sweep)
    for record in [*told[1:], sweeps.Void([3, 4])]:
        sweep.apply(record)
        followed.update()
        assert sorted(followed.finished) == [trial.number for trial in sweep.finished()]
        assert followed.best(99) == sweep.ranked()
    assert len(followed.finished) == 10


def test_results_that_came_together_wait_for_the_disk_once(tmp_path, monkeypatch):
    flushes, submitted = [], []
    fsync = journal.os.fsync
    monkeypatch.setattr(journal.os, "fsync", lambda file: (flushes.append(1), fsync(file)))

    class Watched(Pool):
        def submit(self, key, name, task):
            submitted.append((len(flushes), len(driver_journal())))
            super().submit(key, name, task)

    def driver_journal():
        return journal.read(tmp_path / "journal.jsonl")[0]

    run(tmp_path, settings(trials=12), Watched(4))
    # The phase, the points, and three times four results.
    assert len(flushes) == 2 + 3
    # Nothing is handed out before all that was told is on the disk.
    assert {counts for counts in submitted} == {(2, 13), (3, 17), (4, 21)}
