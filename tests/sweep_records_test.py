"""Journals that an earlier version has written are read, written and gone on with as they are."""

import json
import pathlib

import fuzz_damage
import hypothesis
import pytest
import sweep_examples
from sweep_driver_test import state
from sweep_pool import Pool

from recipes.mnist_softmax import MnistSoftmax
from tfcourse import hyperparameters as hp
from tfcourse import run_directory, tuning
from tfcourse.tuning import journal, records, report, sweeps
from tfcourse.tuning.task import Outcome, Task

# keras-tuner reads the current thread's name the old way.
pytestmark = pytest.mark.filterwarnings(
    "ignore:(currentThread|getName):DeprecationWarning:keras_tuner"
)
# Two sweeps of mnist_softmax on the digits by version 0.1.0 at commit 2a77318.
FOLDER = pathlib.Path(__file__).parent / "data" / "sweep_journal"
NAMES = ("random", "coarse_to_fine")


def lines_of(name):
    """Returns the lines of a journal, as bytes."""
    return (FOLDER / f"{name}.jsonl").read_bytes().splitlines(keepends=True)


def records_of(line, tmp_path):
    (tmp_path / "line").write_bytes(line)
    return journal.read(tmp_path / "line")[0]


def sweep_of(name):
    found, _ = journal.read(FOLDER / f"{name}.jsonl")
    return sweeps.read(name, found)


@pytest.mark.parametrize("name", NAMES)
def test_every_line_is_written_again_to_the_byte(tmp_path, name):
    for line in lines_of(name):
        read = [records.from_json(each) for each in records_of(line, tmp_path)]
        assert journal.line_of([record.to_json() for record in read]) == line


def test_records_that_no_sweep_needs_are_written_again_too():
    for fields in ({"kind": "lost", "trial": 3}, {"kind": "void", "trials": [0, 1]}):
        assert records.from_json(fields).to_json() == fields


def test_the_state_is_what_the_journal_says():
    sweep = sweep_of("random")
    assert [phase.trials for phase in sweep.phases] == [3, 5]
    assert sweep.best.number == sweep.chosen.trial == 0
    assert sweep.score(sweep.best) == 0.8814814686775208
    assert sweep.chosen.metrics[0]["test_accuracy"] == 0.885185182094574
    sweep = sweep_of("coarse_to_fine")
    assert sweep.trials[0].values["hidden_units"] == (32, 16)
    assert set(sweep.trials[4].thresholds) == {1, 2}
    assert [len(trial.results) for trial in sweep.trials] == [2, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("name", NAMES)
def test_a_sweep_goes_on_from_any_line_to_the_same_trials(tmp_path, name):
    whole, lines = sweep_of(name), lines_of(name)

    def recorded(task):
        *_, number, replicate = pathlib.Path(task.folder).parts
        return Outcome(whole.trials[int(number)].results[int(replicate)])

    for end in range(1, len(lines) + 1):
        folder = tmp_path / str(end)
        folder.mkdir()
        path = folder / run_directory.JOURNAL
        path.write_bytes(b"".join(lines[:end]))
        with journal.Journal(path) as opened:
            driver = tuning.Driver(
                run_directory.RunDirectory(folder),
                opened,
                hp.declarations(MnistSoftmax),
                whole.settings,
                tuning.Plan(),
            )
            pool = Pool(answer=recorded)
            assert driver.train(pool)
        trained = sum(len(t.results) for t in whole.trials) - sum(
            each["kind"] == "result" for line in lines[:end] for each in records_of(line, folder)
        )
        assert sum(pool.started.values()) == trained
        # A journal that was cut before the second phase has asked for all trials in its first.
        points = [(t.number, t.values, t.positions, t.generation) for t in whole.trials]
        again = driver.sweep.trials
        assert [(t.number, t.values, t.positions, t.generation) for t in again] == points
        assert [each[-1] for each in state(driver.sweep)] == [each[-1] for each in state(whole)]


def test_a_task_survives_being_written_as_json():
    task = Task(
        *("recipe", "module", "train", "Class", "", {"epochs": "1"}, 7),
        *({"epochs": ["1"]}, "digits", None, {}, "/folder", "val_loss", {1: 0.5, 3: 0.25}),
    )
    fields = journal.json.loads(journal.json.dumps(task.to_json()))
    assert Task.from_json(fields) == task


def forged(change):
    """Returns the records of a sweep, changed by a function of them as a list."""
    found = [records.to_json() for records in EVERY_KIND]
    found = json.loads(json.dumps(found))
    change(found)
    return found


EVERY_KIND = (
    sweep_examples.phase(),
    sweep_examples.ask(0, sweep_examples.values(0.1)),
    sweep_examples.ask(1, sweep_examples.values(0.2, optimizer="momentum")),
    sweep_examples.result(0, [0.5, 0.75]),
    sweep_examples.result(1, [0.5, 0.25]),
    records.Confirmed(0, 1, records.Result(records.COMPLETE, "", [{"epoch": 1}], 1.0)),
    records.Lost(1),
    records.Chosen(0, [{"test_accuracy": 0.5}]),
    records.Void([0]),
    records.Data({"train": "0123"}),
)
ODD = {
    "no curve": (3, "curve", None),
    "rows": (3, "curve", [{"epoch": "x"}]),
    "metric": (3, "curve", [{"epoch": 1, "val_accuracy": "x"}]),
    "seconds": (3, "seconds", "x"),
    "status": (3, "status", "done"),
    "before the first": (3, "trial", -1),
    "after the last": (3, "trial", 2),
    "true": (6, "trial", True),
    "replicate": (3, "replicate", -1),
    "number": (1, "trial", 7),
    "option": (1, "values", {"optimizer": "sgd"}),
    "value": (1, "values", {"learning_rate": "x"}),
    "negative": (1, "values", {"learning_rate": -1.0}),
    "axis": (1, "values", {"rate": 0.1}),
    "note": (1, "note", "x"),
    "positions": (1, "positions", {"learning_rate": None}),
    "tuner": (0, "tuner", "x"),
    "trials": (0, "trials", 0),
    "objective": (0, "objective", 3),
    "base": (0, "base", {"epochs": 3}),
    "chosen": (7, "trial", 99),
    "metrics": (7, "metrics", []),
    "digests": (9, "digests", {"train": 1}),
    "texts": (7, "metrics", ["x"]),
}


@pytest.mark.parametrize(("index", "name", "value"), ODD.values(), ids=ODD)
def test_an_odd_record_with_the_right_checksum_is_refused(index, name, value):
    with pytest.raises(journal.JournalError, match="none of a sweep"):
        sweeps.read("journal", forged(lambda found: found[index].update({name: value})))


@hypothesis.settings(database=None, deadline=None, max_examples=150, derandomize=True)
@hypothesis.given(found=fuzz_damage.forged_json(forged(lambda found: None)))
def test_what_is_read_from_a_forged_journal_can_be_shown(found):
    try:
        sweep = sweeps.read("journal", found)
    except journal.JournalError:
        return
    report.trials_csv(sweep)
    report.curves_csv(sweep)
    if sweep.chosen:
        records.mean_of(sweep.chosen.metrics)
    for trial in sweep.trials:
        sweep.status(trial), sweep.score(trial), sweep.spread(trial), sweep.reason(trial)
