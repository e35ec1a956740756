"""The driver with workers that answer at once, so that every point at which it can die is tried."""

import collections
import dataclasses
import os
import pathlib

import numpy as np
import pytest
from sweep_pool import Pool, trained

from recipes.mnist_softmax import MnistSoftmax, train
from tfcourse import hyperparameters as hp
from tfcourse import run_directory, tuning
from tfcourse.tuning import driver as drivers
from tfcourse.tuning import journal, sweeps
from tfcourse.tuning import space as search_space
from tfcourse.tuning.records import Result
from tfcourse.tuning.settings import settings_of
from tfcourse.tuning.task import Outcome

# keras-tuner reads the current thread's name the old way.
pytestmark = [
    pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning:keras_tuner")
]
BASE = MnistSoftmax(model="softmax_regression", epochs=9)
SEARCHES = {"learning_rate": "1e-4:1:log", "batch_size": "32,64", "optimizer": "momentum,adam"}


def settings(tuner="random", searches=SEARCHES, **others):
    fixed = [n for n in ("epochs", "dropout", "hidden_units", "beta") if n not in searches]
    space = search_space.space_of(BASE, searches, fixed)
    values = {"trials": 10, "seed": 3, "generation_size": 4, **others}
    return settings_of(train, BASE, space, dataset="digits", tuner=tuner, **values)


def run(folder, asked, pool, **plan):
    """Runs or resumes the sweep in `folder`; returns its driver."""
    folder.mkdir(exist_ok=True)
    directory = run_directory.RunDirectory(folder)
    with journal.Journal(folder / run_directory.JOURNAL) as records:
        driver = tuning.Driver(
            directory, records, hp.declarations(BASE), asked, tuning.Plan(**plan)
        )
        driver.done = driver.train(pool)
        driver.journal = records
    return driver


def state(sweep):
    return [
        (t.number, t.values, t.generation, t.note, t.thresholds, t.results) for t in sweep.trials
    ]


@pytest.mark.parametrize("tuner", sweeps.TUNERS)
def test_the_answer_does_not_depend_on_the_number_of_workers(tmp_path, tuner):
    # A Gaussian process takes its time.
    asked = settings(tuner, trials=6 if tuner == "bayesian" else 10)
    alone = run(tmp_path / "one", asked, Pool(1)).sweep
    assert asked.trials - 2 <= len(alone.trials) <= asked.trials
    for num_workers in (2, 8):
        pool = Pool(num_workers, seed=num_workers)
        many = run(tmp_path / str(num_workers), asked, pool).sweep
        assert state(alone) == state(many)
        assert alone.best.number == many.best.number


class Killed(BaseException):
    """Ends the driver like a SIGKILL: nothing catches it."""


def killing_journal(monkeypatch, at, when):
    """Lets the driver die at the write number `at`: before, in the middle of it, or after."""
    append, count = journal.Journal.append, [0]

    def dying(self, *records):
        count[0] += 1
        if count[0] != at:
            return append(self, *records)
        if when == "during":
            line = journal.line_of(records)
            journal.os.pwrite(self._file, line[: len(line) // 2], self._end)
        elif when == "after":
            append(self, *records)
        raise Killed

    monkeypatch.setattr(journal.Journal, "append", dying)


@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize("tuner", ["random", "grid", "coarse_to_fine", "hyperband"])
def test_a_driver_killed_at_any_write_loses_and_repeats_nothing(tmp_path, monkeypatch, tuner, when):
    # The others take two generations; a grid has eight points at least, and brackets as many.
    trials = 8 if tuner in ("grid", "hyperband") else 4
    asked = settings(tuner, replicates=2, trials=trials, generation_size=2)
    whole = run(tmp_path / "whole", asked, Pool(2)).sweep
    num_writes = 1 + len({t.generation for t in whole.trials}) + 2 * len(whole.trials)
    for at in range(1, num_writes + 1):
        folder = tmp_path / str(at)
        with monkeypatch.context() as patch:
            killing_journal(patch, at, when)
            with pytest.raises(Killed):
                run(folder, asked, Pool(2, seed=at))
        recorded = {
            (r["trial"], r["replicate"])
            for r in journal.read(folder / run_directory.JOURNAL)[0]
            if r["kind"] == "result"
        }
        pool = Pool(2, seed=at)
        resumed = run(folder, asked, pool)
        assert state(resumed.sweep) == state(whole)
        assert not recorded & set(pool.started)
        assert set(pool.started.values()) <= {1}
        results = [r for r in resumed.journal.records if r["kind"] == "result"]
        assert len(results) == 2 * len(whole.trials)


def test_more_trials_go_on_where_the_sweep_had_ended(tmp_path):
    whole = run(tmp_path / "whole", settings(trials=10), Pool(2)).sweep
    run(tmp_path / "more", settings(trials=4), Pool(2))
    pool = Pool(2)
    more = run(tmp_path / "more", settings(trials=10), pool).sweep
    assert [t.values for t in more.trials] == [t.values for t in whole.trials]
    assert {key[0] for key in pool.started} == set(range(4, 10))


def test_another_space_goes_on_with_all_trials_kept(tmp_path):
    before = run(tmp_path, settings(trials=4), Pool()).sweep
    narrow = settings(trials=8, searches={**SEARCHES, "learning_rate": "0.009:0.011:log"})
    after = run(tmp_path, narrow, Pool()).sweep
    assert state(after)[:4] == state(before)
    assert all(0.009 <= t.values["learning_rate"] <= 0.011 for t in after.trials[4:])
    assert after.best.number >= 4
    assert len({t.values["learning_rate"] for t in after.trials}) == 8


def test_another_objective_ranks_all_trials_anew(tmp_path):
    run(tmp_path, settings(trials=4), Pool())
    sweep = run(tmp_path, settings(trials=4, objective="val_loss"), Pool()).sweep
    losses = [min(row["val_loss"] for row in t.results[0].curve) for t in sweep.trials]
    assert sweep.best.number == int(np.argmin(losses))


def test_a_trial_whose_worker_dies_runs_again_and_is_given_up_in_the_end(tmp_path):
    deaths = collections.Counter()

    def dying(task):
        number = int(task.folder.split("/")[-2])
        deaths[number] += 1
        if number == 2 or (number == 5 and deaths[5] < 3):
            return None
        return trained(task)

    sweep = run(tmp_path, settings(), Pool(2, answer=dying)).sweep
    assert deaths[5] == 3
    assert deaths[2] == sweeps.MAX_LOST
    assert sweep.status(sweep.trials[5]) == sweeps.COMPLETE
    assert "its worker died" in sweep.reason(sweep.trials[2])
    assert len(sweep.finished()) == 10


def test_infeasible_trials_are_kept_with_their_reason_and_never_best(tmp_path):
    def failing(task):
        if float(task.values["learning_rate"]) > 0.005:
            return Outcome(Result(sweeps.INFEASIBLE, "not finite: loss"))
        return trained(task)

    sweep = run(tmp_path, settings(trials=12), Pool(2, answer=failing)).sweep
    bad = [t for t in sweep.trials if sweep.status(t) == sweeps.INFEASIBLE]
    assert bad
    assert {sweep.reason(t) for t in bad} == {"not finite: loss"}
    assert sweep.best.values["learning_rate"] <= 0.005
    assert sweep.score(bad[0]) is None


def test_the_first_trials_all_failing_for_one_reason_end_it_until_that_is_mended(tmp_path):
    def broken(task):
        return Outcome(Result(sweeps.INFEASIBLE, "TypeError: no"))

    pool = Pool(2, answer=broken)
    with pytest.raises(drivers.AllTrialsFailedError, match="first 5 trials failed: TypeError: no"):
        run(tmp_path, settings(), pool)
    assert sum(pool.started.values()) <= 6
    whole = run(tmp_path / "whole", settings(), Pool(2)).sweep
    assert state(run(tmp_path, settings(), Pool(2)).sweep) == state(whole)


@pytest.mark.parametrize("code", [5, 3])
def test_a_fault_of_the_machine_is_no_fault_of_the_trial(tmp_path, code):
    def full(task):
        return Outcome(Result(sweeps.INFEASIBLE, "No space left on device"), fault=code)

    with pytest.raises(tuning.EnvironmentFaultError, match="No space left") as error:
        run(tmp_path, settings(), Pool(2, answer=full))
    assert error.value.exit_code == code
    sweep = run(tmp_path, settings(), Pool(2)).sweep
    assert {sweep.status(t) for t in sweep.trials} == {sweeps.COMPLETE}


@pytest.mark.parametrize("pruning", ["median", "successive_halving"])
def test_pruning_is_decided_by_earlier_generations_alone(tmp_path, pruning):
    asked = settings(pruning=pruning, trials=24)
    alone = run(tmp_path / "one", asked, Pool(1)).sweep
    many = run(tmp_path / "many", asked, Pool(5, seed=2)).sweep
    assert state(alone) == state(many)
    pruned = [t for t in alone.trials if alone.status(t) == sweeps.PRUNED]
    assert 4 <= len(pruned) < 20
    assert all(t.generation > 0 for t in pruned)
    assert alone.status(alone.best) == sweeps.COMPLETE
    for trial in (alone.trials[4], alone.trials[-1]):
        earlier = [t for t in alone.trials if t.generation < trial.generation]
        best = sorted((t.results[0].curve[0]["val_accuracy"] for t in earlier), reverse=True)
        third = -(-len(earlier) // 3)  # Rounded up: the worst of the best third passes.
        bar = np.median(best) if pruning == "median" else best[third - 1]
        assert trial.thresholds[1] == pytest.approx(bar)
    assert len(earlier) > 12


@pytest.mark.parametrize("pruning", ["median", "successive_halving"])
@pytest.mark.parametrize("objective", ["val_accuracy", "val_loss"])
def test_pruning_compares_the_best_scores_so_far_in_their_direction(tmp_path, pruning, objective):
    def bouncing(task):
        curve = trained(dataclasses.replace(task, thresholds={})).result.curve
        for row in curve[1::2]:
            row.update(val_accuracy=row["val_accuracy"] / 2, val_loss=row["val_loss"] + 1)
        return Outcome(Result(sweeps.COMPLETE, "", curve, 1.0))

    asked = settings(pruning=pruning, objective=objective, trials=16)
    sweep = run(tmp_path, asked, Pool(answer=bouncing)).sweep
    *_, last = sweep.trials
    curves = np.array(
        [
            [row[objective] for row in trial.results[0].curve]
            for trial in sweep.trials
            if trial.generation < last.generation
        ]
    )
    sign = 1 if objective == "val_loss" else -1
    ranked = np.sort(np.minimum.accumulate(sign * curves, axis=1), axis=0)
    third = -(-len(curves) // 3)
    bars = np.median(ranked, axis=0) if pruning == "median" else ranked[third - 1]
    assert len(last.thresholds) > 1
    for epoch, bar in last.thresholds.items():
        assert bar == pytest.approx(sign * bars[epoch - 1])


def test_replicates_have_seeds_of_their_own_and_are_ranked_by_their_mean(tmp_path):
    driver = run(tmp_path, settings(replicates=3), Pool(2))
    sweep = driver.sweep
    seeds = {driver.task(t.number, r).seed for t in sweep.trials for r in range(3)}
    assert len(seeds) == 30
    trial = sweep.trials[0]
    best = [max(row["val_accuracy"] for row in trial.results[r].curve) for r in range(3)]
    assert sweep.score(trial) == pytest.approx(np.mean(best))
    assert sweep.spread(trial) == pytest.approx(np.std(best, ddof=1))
    assert sweep.best.number == int(np.argmax([sweep.score(t) for t in sweep.trials]))


def test_only_the_best_trials_keep_their_folders(tmp_path):
    def leaving(task):
        pathlib.Path(task.folder).mkdir(parents=True)
        return trained(task)

    sweep = run(tmp_path, settings(), Pool(3, answer=leaving), keep_models=2).sweep
    kept = sorted(path.name for path in (tmp_path / "trials").iterdir())
    assert kept == sorted(f"{t.number:05d}" for t in sweep.ranked()[:2])


def test_a_sweep_whose_time_is_over_goes_on_later(tmp_path):
    driver = run(tmp_path, settings(), Pool(), max_minutes=1e-9)
    assert not driver.done
    assert len(driver.sweep.finished()) < 10
    assert run(tmp_path, settings(), Pool()).done


def test_the_test_set_is_used_once_for_the_chosen_trial(tmp_path):
    folder = tmp_path / "run"
    for _ in range(2):
        folder.mkdir(exist_ok=True)
        directory = run_directory.RunDirectory(folder)
        with journal.Journal(folder / run_directory.JOURNAL) as records:
            driver = tuning.Driver(
                directory, records, hp.declarations(BASE), settings(replicates=2), tuning.Plan()
            )
            pool = Pool(2)
            driver.train(pool)
            chosen = driver.choose(pool)
        assert chosen.trial == driver.sweep.best.number
        assert [each["test_accuracy"] for each in chosen.metrics] == [0.5, 1.5]
        mean = tuning.mean_of(chosen.metrics)
        assert mean["test_accuracy"] == 1.0
        assert mean["test_accuracy_spread"] == pytest.approx(np.sqrt(0.5))
        assert mean["dataset"] == "digits"
        assert os.readlink(folder / "best") == f"trials/{chosen.trial:05d}/0"
        (folder / "best").unlink()  # As if a kill had come in between.
    kinds = [record["kind"] for record in records.records]
    assert kinds.count("chosen") == 1


def test_best_flags_hold_what_the_best_trial_was_trained_with(tmp_path):
    driver = run(tmp_path, settings(), Pool())
    flags = run_directory.parse_flags(driver.best_flags())
    best = driver.sweep.best
    assert float(flags["learning_rate"][0]) == best.values["learning_rate"]
    assert flags["seed"] == [str(driver.task(best.number, 0).seed)]
    trained = MnistSoftmax.from_texts({name: texts[0] for name, texts in flags.items()})
    matter = {name for name in hp.declarations(BASE) if trained.is_active(name)}
    assert set(flags) == {*matter, "seed", "dataset"}


def test_best_flags_name_the_folder_of_the_data(tmp_path):
    driver = run(tmp_path / "sweep", settings(), Pool(), data_dir=tmp_path)
    assert f"--data_dir={tmp_path}\n" in driver.best_flags()


def chosen(folder, pool, **others):
    """Runs or resumes a sweep of two trials, and returns its choice."""
    folder.mkdir(exist_ok=True)
    directory = run_directory.RunDirectory(folder)
    with journal.Journal(folder / run_directory.JOURNAL) as records:
        asked = settings(trials=2, **others)
        driver = tuning.Driver(directory, records, hp.declarations(BASE), asked, tuning.Plan())
        driver.train(pool)
        return driver.choose(pool)


def test_the_test_set_is_evaluated_for_replicates_that_came_later(tmp_path):
    assert len(chosen(tmp_path, Pool()).metrics) == 1
    assert len(chosen(tmp_path, Pool(), replicates=3).metrics) == 3


def test_workers_that_always_die_at_the_test_set_end_the_sweep(tmp_path):
    class Dying(Pool):
        deaths = 0

        def next_outcome(self, timeout):
            outcome = super().next_outcome(timeout)
            if outcome is None or not isinstance(outcome[1], dict):
                return outcome
            self.deaths += 1
            assert self.deaths <= sweeps.MAX_LOST
            return outcome[0], None

    with pytest.raises(tuning.EnvironmentFaultError, match="died 5 times while it evaluated the"):
        chosen(tmp_path, Dying())
    assert chosen(tmp_path, Pool()).metrics


@pytest.mark.parametrize("change", [{"dataset": "mnist"}, {"data_flags": {"image_size": "8"}}])
def test_a_sweep_is_not_extended_to_other_data(tmp_path, change):
    run(tmp_path, settings(trials=2), Pool())
    asked = dataclasses.replace(settings(trials=3), **change)
    with pytest.raises(run_directory.ChangedFlagsError, match="holds a search on digits, whose"):
        run(tmp_path, asked, Pool())


def test_a_sweep_does_not_go_on_with_other_data(tmp_path):
    def pool(digest):
        digests = {"train": digest}
        return Pool(answer=lambda task: dataclasses.replace(trained(task), digests=digests))

    for trials in (2, 3):
        run(tmp_path, settings(trials=trials), pool("one"))
    with pytest.raises(tuning.EnvironmentFaultError, match="trial 3: expected the data") as error:
        run(tmp_path, settings(trials=4), pool("another"))
    assert error.value.exit_code == 3
    driver = run(tmp_path, settings(trials=4), pool("one"))
    assert len(driver.sweep.finished()) == 4
    assert [record["kind"] for record in driver.journal.records].count("data") == 1
