"""A search from Python and --sweep leave the same files; workers that answer at once train."""

import contextlib
import dataclasses
import re
import types

import pytest
import sweep_pool
from sweep_pool import Pool

from recipes.classify import Classify
from recipes.mnist_softmax import MnistSoftmax, train
from tfcourse import datasets, run_directory, tuning
from tfcourse.command_line import sweeping
from tfcourse.command_line.options import SweepOptions
from tfcourse.tuning import space as search_space
from tfcourse.tuning.settings import settings_of
from tfcourse.tuning.task import Outcome

# keras-tuner reads the current thread's name the old way.
pytestmark = pytest.mark.filterwarnings(
    "ignore:(currentThread|getName):DeprecationWarning:keras_tuner"
)
BASE = MnistSoftmax(model="softmax_regression", epochs=4)
SEARCHES = {"learning_rate": "1e-4:1:log", "optimizer": "momentum,adam"}
FIXED = ("epochs", "dropout", "hidden_units", "beta", "batch_size")


def search(folder, pool=None, **changes):
    about = {"dataset": "digits", "trials": 8, "searches": SEARCHES, "fixed": FIXED, **changes}
    return tuning.search(train, about.pop("base", BASE), folder, pool or Pool(2), **about)


def swept(folder, monkeypatch, confirm=0, **changes):
    """Runs what --sweep runs once the flags are read."""
    space = search_space.space_of(BASE, SEARCHES, FIXED)
    asked = SweepOptions(
        settings=settings_of(train, BASE, space, dataset="digits", trials=8, **changes),
        searches=SEARCHES,
        fixed=FIXED,
        path="",
        num_workers=2,
        scheduler=None,
        resources={},
        keep_models=3,
        max_minutes=0.0,
        confirm=confirm,
        extend=False,
    )
    options = types.SimpleNamespace(
        dataset="digits", data_dir=None, reading=datasets.Reading(), sweep=asked
    )
    monkeypatch.setattr(tuning, "Workers", lambda *_: contextlib.nullcontext(Pool(2)))
    folder.mkdir()
    data = datasets.load("digits")
    return sweeping.sweep(BASE, options, run_directory.RunDirectory(folder), data)


def files(folder):
    """Returns {path: content} of all that lies in `folder`, links by where they lead."""
    return {
        path.relative_to(folder).as_posix(): (
            path.readlink() if path.is_symlink() else path.read_bytes()
        )
        for path in folder.rglob("*")
        if (path.is_symlink() or path.is_file()) and path.name != run_directory.LOCK
    }


@pytest.mark.parametrize(
    "asked", [{}, {"tuner": "coarse_to_fine", "replicates": 2, "pruning": "median", "seed": 5}]
)
def test_python_and_the_command_line_leave_the_same_files(tmp_path, monkeypatch, asked):
    sweep = search(tmp_path / "python", **asked)
    metrics = swept(tmp_path / "flags", monkeypatch, **asked)
    left, by_flags = files(tmp_path / "python"), files(tmp_path / "flags")
    for folder, found in (("python", left), ("flags", by_flags)):  # A report says where and when.
        report = found["report.html"].replace(str(tmp_path / folder).encode(), b"FOLDER")
        found["report.html"] = re.sub(rb"\d{4}-\d\d-\d\d \d\d:\d\d", b"DATE", report)
    assert left == by_flags
    names = ("journal.jsonl", "trials.csv", "curves.csv", "best.flags", "report.html", "best")
    assert {*names} <= {*left}
    assert sweep.chosen.trial == sweep.best.number == metrics["trial"]
    assert sweep.chosen.metrics[0]["test_accuracy"] == 0.5


def test_a_search_that_is_called_again_goes_on_or_only_tells(tmp_path):
    search(tmp_path, trials=4)
    pool = Pool(2)
    assert len(search(tmp_path, pool, trials=8).trials) == 8
    assert {number for number, _ in pool.started} == {4, 5, 6, 7}
    before, pool = files(tmp_path), Pool(2)
    search(tmp_path, pool, trials=8)
    assert not pool.started
    assert files(tmp_path) == before


def test_more_trials_are_further_rounds_of_the_same_search(tmp_path):
    for trials in (12, 18, 24, 24):
        sweep = search(tmp_path / "grown", tuner="coarse_to_fine", trials=trials)
    assert [trial.note["round"] for trial in sweep.trials] == [n // 4 + 1 for n in range(24)]
    assert [phase.trials for phase in sweep.phases] == [12, 18, 24]
    whole = search(tmp_path / "whole", tuner="coarse_to_fine", trials=24, generation_size=4)
    assert [trial.values for trial in sweep.trials] == [trial.values for trial in whole.trials]
    anew = search(tmp_path / "grown", tuner="coarse_to_fine", trials=30, generation_size=6)
    assert anew.trials[24].note["round"] == 1


def test_trials_without_any_score_are_named(tmp_path):
    def scoreless(task):
        result = sweep_pool.trained(task).result
        curve = [{**row, "val_accuracy": None} for row in result.curve]
        return Outcome(dataclasses.replace(result, curve=curve))

    with pytest.raises(tuning.AllTrialsFailedError, match="with a finite val_accuracy"):
        search(tmp_path, Pool(2, scoreless))


def test_without_a_report_there_is_only_the_journal(tmp_path):
    sweep = search(tmp_path, report=False, keep_models=0)
    assert sweep.chosen is None
    assert {*files(tmp_path)} == {"journal.jsonl"}


def test_only_one_process_searches_in_a_folder(tmp_path):
    search(tmp_path, trials=4)
    before = files(tmp_path)
    with run_directory.open_search(tmp_path):
        with pytest.raises(run_directory.RunDirectoryError, match=r"in use by process .* `folder`"):
            search(tmp_path, trials=8)
        with (
            pytest.raises(run_directory.RunDirectoryError),
            run_directory.open_run(tmp_path, {"sweep": ["random"]}, recipe="t"),
        ):
            pass
    assert files(tmp_path) == before
    assert len(search(tmp_path, trials=8).trials) == 8


def test_a_search_goes_through_no_link_and_leaves_nothing_where_it_can_not_begin(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    folder = tmp_path / "search"
    folder.mkdir()
    (folder / "tensorboard").symlink_to(mine)
    with pytest.raises(run_directory.RunDirectoryError, match="is a link"):
        search(folder)
    assert [path.name for path in folder.iterdir()] == ["tensorboard"]
    (tmp_path / "file").write_text("mine")
    with pytest.raises(run_directory.RunDirectoryError, match=r"`folder`: .* is not a folder"):
        search(tmp_path / "file")


def test_a_search_whose_folder_is_replaced_ends(tmp_path):
    folder = tmp_path / "search"

    def replaced(task):
        if folder.exists():
            folder.rename(tmp_path / "moved")
            folder.mkdir()
        return sweep_pool.trained(task)

    with pytest.raises(run_directory.RunDirectoryError, match="removed or replaced"):
        search(folder, Pool(1, replaced))
    assert not folder.exists()  # It was empty.


def test_a_search_out_of_time_tells_what_there_is(tmp_path):
    sweep = search(tmp_path, max_minutes=1e-9)
    assert sweep.chosen is None
    assert {"trials.csv", "report.html"} <= {*files(tmp_path)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"workers": 2}, "Received: workers=2"),
        ({"keep_models": 0}, "Received: keep_models=0"),
        ({"searches": {"rate": "1:2"}}, "no hyperparameter 'rate'"),
        ({"base": Classify(), "tuner": "hyperband"}, "Received: epochs=0"),
    ],
)
def test_what_makes_no_search_is_refused_before_it_begins(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        search(tmp_path / "new", **changes)
    assert not (tmp_path / "new").exists()
