"""The best trial is trained again with other seeds, each once, whatever dies in between."""

import contextlib
import json
import pathlib
import re

import numpy as np
import pytest
import sweep_examples as examples
from searching_test import search, swept
from sweep_driver_test import Killed, killing_journal, run, settings, state
from sweep_pool import Pool, trained

from tfcourse import run_directory, tuning
from tfcourse.run_directory import flag_records
from tfcourse.tuning import journal, sweeps
from tfcourse.tuning.records import Confirmed, Result
from tfcourse.tuning.report.page import write_sweep_report
from tfcourse.tuning.report.progress import Progress
from tfcourse.tuning.task import Outcome

# keras-tuner reads the current thread's name the old way.
pytestmark = pytest.mark.filterwarnings(
    "ignore:(currentThread|getName):DeprecationWarning:keras_tuner"
)


def confirmed(folder, pool, confirm=5, **others):
    return run(folder, settings(trials=4, **others), pool, confirm=confirm)


def test_the_best_trial_alone_is_trained_again_with_seeds_of_its_own(tmp_path):
    pool = Pool(2)
    driver = confirmed(tmp_path, pool, replicates=2)
    sweep = driver.sweep
    best = sweep.best.number
    assert {key for key in pool.started if key[1] >= 2} == {(best, r) for r in range(2, 7)}
    assert state(sweep) == state(run(tmp_path / "plain", driver.sweep.settings, Pool()).sweep)
    found = tuning.confirmation_of(sweep)
    assert list(found.scores) == [driver.task(best, r).seed for r in range(2, 7)]
    assert not {*found.scores} & {driver.task(t, r).seed for t in range(4) for r in range(2)}
    curves = [trained(driver.task(best, r)).result.curve for r in range(2, 7)]
    scores = [max(row["val_accuracy"] for row in curve) for curve in curves]
    assert [*found.scores.values()] == scores
    assert found.best == sweep.score(sweep.best)
    # 2.776 standard errors: Student's t at four degrees of freedom.
    reach = 2.776445 * np.std(scores, ddof=1) / np.sqrt(5)
    assert found.interval == pytest.approx((np.mean(scores) - reach, np.mean(scores) + reach))
    assert f"# {found}.\n" in driver.best_flags()


@pytest.mark.parametrize(("before", "now"), [(1, 3), (3, 1)])
def test_no_seed_both_ranks_and_confirms_if_the_replicates_change(tmp_path, before, now):
    confirmed(tmp_path, Pool(), confirm=2, replicates=before)
    driver = confirmed(tmp_path, Pool(), confirm=2, replicates=now)
    best = driver.sweep.best
    assert len(best.results) == 3
    ranking = {driver.task(best.number, replicate).seed for replicate in best.results}
    confirming = tuning.confirmation_of(driver.sweep).scores
    assert len(confirming) == 2
    assert not ranking & {*confirming}


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_a_driver_killed_while_it_confirms_repeats_no_seed(tmp_path, monkeypatch, when):
    whole = confirmed(tmp_path / "whole", Pool(2), confirm=3).sweep
    for at in range(7, 10):  # The settings, the asks, four results; then the seeds.
        folder = tmp_path / str(at)
        with monkeypatch.context() as patch:
            killing_journal(patch, at, when)
            with pytest.raises(Killed):
                confirmed(folder, Pool(2, seed=at), confirm=3)
        records = journal.read(folder / run_directory.JOURNAL)[0]
        done = {r["replicate"] for r in records if r["kind"] == "confirmed"}
        assert len(done) == at - 7 + (when == "after")
        pool = Pool(2, seed=at)
        resumed = confirmed(folder, pool, confirm=3).sweep
        assert {replicate for _, replicate in pool.started} == {1, 2, 3} - done
        assert tuning.confirmation_of(resumed) == tuning.confirmation_of(whole)


def test_a_confirmation_goes_on_to_more_seeds_and_outlives_a_lost_worker(tmp_path):
    first = tuning.confirmation_of(confirmed(tmp_path, Pool(), confirm=2).sweep)
    died = set()

    def dying(task):  # Once for each seed.
        if task.seed in died:
            return trained(task)
        return died.add(task.seed)

    pool = Pool(2, answer=dying)
    more = tuning.confirmation_of(confirmed(tmp_path, pool, confirm=4).sweep)
    assert [*more.scores.items()][:2] == [*first.scores.items()]
    assert len(more.scores) == 4
    assert [*pool.started.values()] == [2, 2]


def test_no_training_that_confirms_is_pruned(tmp_path):
    driver = run(tmp_path, settings(trials=24, pruning="median"), Pool(), confirm=5)
    trial = next(trial for trial in driver.sweep.trials if trial.thresholds)
    assert driver.task(trial.number, 0).thresholds == trial.thresholds
    assert [driver.task(trial.number, r).thresholds for r in (1, 5)] == [{}, {}]


def luckless(task):
    """A training that is worse wherever it can no longer be chosen."""
    outcome = trained(task)
    if pathlib.Path(task.folder).name == "0":
        return outcome
    curve = [{**row, "val_accuracy": row["val_accuracy"] - 0.2} for row in outcome.result.curve]
    return Outcome(Result(sweeps.COMPLETE, "", curve, 1.0))


def failing(task):
    fails = pathlib.Path(task.folder).name == "3"
    return Outcome(Result(sweeps.INFEASIBLE, "not finite: at step 2")) if fails else trained(task)


@pytest.mark.parametrize(
    ("answer", "is_worse", "said"),
    [
        (trained, False, "by which it was chosen holds$"),
        (luckless, True, r"clearly worse than 0\.\d+, .* \(the winner's curse\). Count on 0\.\d+$"),
        (failing, True, r"0\.\d+, failed, 0.* 1 failed: not finite: at step 2$"),
    ],
)
def test_a_confirmation_says_whether_the_best_holds(tmp_path, answer, is_worse, said):
    found = tuning.confirmation_of(confirmed(tmp_path, Pool(answer=answer)).sweep)
    assert found.is_worse == is_worse
    assert re.search(said, str(found))


def test_a_larger_loss_is_worse_and_one_training_tells_nothing():
    scores = dict(enumerate([0.1, 0.11, 0.12]))
    assert not tuning.Confirmation(0, "val_loss", 0.2, scores).is_worse
    assert tuning.Confirmation(0, "val_loss", 0.05, scores).is_worse
    one = tuning.Confirmation(0, "val_loss", 0.05, {1: 0.1})
    assert not one.is_worse
    assert "A single training can't show" in str(one)


def test_metrics_report_flagfile_and_terminal_tell_of_it(tmp_path, monkeypatch, capsys):
    sweep = search(tmp_path / "python", confirm=5)
    found = tuning.confirmation_of(sweep)
    metrics = swept(tmp_path / "flags", monkeypatch, confirm=5)
    assert f"\n{found}\n" in capsys.readouterr().out
    told = json.loads(json.dumps(metrics["confirmation"]))
    assert told["mean"] == found.mean
    assert told["interval_95"] == [*found.interval]
    assert [(each["seed"], each["score"]) for each in told["seeds"]] == [*found.scores.items()]
    for folder in ("python", "flags"):
        assert str(found) in (tmp_path / folder / "report.html").read_text()
        assert str(found) in (tmp_path / folder / "best.flags").read_text()


def test_a_worse_confirmation_is_a_caution_of_the_report(tmp_path):
    sweep = examples.large_sweep(20)
    best = sweep.best.number
    for replicate in (1, 2):
        curve = [{"epoch": 1, "val_accuracy": 0.5 + 0.01 * replicate}]
        sweep.apply(Confirmed(best, replicate, Result(sweeps.COMPLETE, "", curve)))
    assert sweep.best.number == best
    write_sweep_report(sweep, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert '<p class="caution">Trained again with 2 other seeds: val_accuracy 0.5150' in text


def test_a_finished_sweep_goes_on_where_it_is_to_be_confirmed(tmp_path):
    flags = {"sweep": ["random"], "trials": ["4"], "confirm": ["0"]}
    older = {name: flags[name] for name in ("sweep", "trials")}
    for before, asked, goes_on in ((flags, "5", True), (older, "5", True), (older, "0", False)):
        (tmp_path / "flags.txt").write_text(run_directory.flags_text(before, "m"))
        wanted = {**flags, "confirm": [asked]}
        settled = flag_records.settle_sweep(tmp_path, wanted, begun=True, extend=False)
        assert settled == (wanted, goes_on)


def test_while_it_is_confirmed_the_table_names_the_seed_and_no_time():
    sweep = examples.large_sweep(4)
    running = [sweeps.Running(sweep.best.number, 2, 0.0)]
    moment = Progress(sweep).moment(running)
    planned = sweep.settings.trials
    assert moment.running[0].label == f"{sweep.best.number} (seed 2)"
    assert planned == 4
    assert moment.seconds_left(10.0) is None


def test_a_sweep_out_of_time_names_the_seeds_that_are_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tuning.Driver, "train", lambda *_: False)
    monkeypatch.setattr(tuning.Driver, "unconfirmed", lambda _: [(0, 1), (0, 2)])
    with contextlib.suppress(AttributeError):
        assert swept(tmp_path / "sweep", monkeypatch, confirm=5) is None
    assert "2 of 5 seeds of --confirm are missing." in capsys.readouterr().out
