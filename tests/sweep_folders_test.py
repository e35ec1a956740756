import os

import pytest

from tfcourse import run_directory
from tfcourse.tuning import folders, journal, sweeps


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("mine")
    return tmp_path / "mine"


@pytest.fixture
def sweep(tmp_path):
    (tmp_path / "sweep/trials/00001/0").mkdir(parents=True)
    return tmp_path / "sweep"


IN_THE_WAY = {
    "best: a folder": lambda sweep, mine: (sweep / "best").mkdir(),
    "best: a file": lambda sweep, mine: (sweep / "best").touch(),
    "best: a link elsewhere": lambda sweep, mine: (sweep / "best").symlink_to(mine),
    "best: a link upwards": lambda sweep, mine: (sweep / "best").symlink_to("trials/../../x/0"),
    "trials: a file": lambda sweep, mine: (sweep / "trials").touch(),
    "trials: a link": lambda sweep, mine: (sweep / "trials").symlink_to(mine),
    "a trial: a link": lambda sweep, mine: (sweep / "trials/00000").symlink_to(mine),
    "a trial: a file": lambda sweep, mine: (sweep / "trials/00000").touch(),
    "a trial to come": lambda sweep, mine: (sweep / "trials/00002").mkdir(),
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_what_stands_in_the_way_is_told_before_the_start(sweep, mine, name):
    if name.startswith("trials"):
        os.removedirs(sweep / "trials/00001/0")
        sweep.mkdir(exist_ok=True)
    IN_THE_WAY[name](sweep, mine)
    with pytest.raises(run_directory.RunDirectoryError, match="this sweep did not make"):
        folders.check(sweep, 2)
    assert (mine / "file").read_text() == "mine"


def test_what_is_a_sweeps_own_or_nobody_asks_for_is_let_be(sweep):
    folders.check(sweep.parent / "new", 0)
    folders.name_best(sweep, 1)
    (sweep / "trials/notes.txt").touch()
    folders.check(sweep, 2)
    assert (sweep / "best").resolve() == (sweep / "trials/00001/0").resolve()
    folders.name_best(sweep, 0)
    assert os.readlink(sweep / "best") == "trials/00000/0"


def test_a_best_of_somebody_else_is_never_replaced(sweep, mine):
    (sweep / "best").symlink_to(mine)
    with pytest.raises(run_directory.RunDirectoryError, match="did not make"):
        folders.name_best(sweep, 1)
    assert os.readlink(sweep / "best") == str(mine)


def test_only_replicates_are_removed_and_no_link_is_followed(sweep, mine):
    trial = sweep / "trials/00001"
    (trial / "0/flags.txt").touch()
    (trial / "1").symlink_to(mine)
    (trial / "notes.txt").touch()
    folders.remove(sweep, 1)
    assert sorted(path.name for path in trial.iterdir()) == ["1", "notes.txt"]
    assert (mine / "file").read_text() == "mine"
    (sweep / "trials/00000").symlink_to(mine)
    folders.remove(sweep, 0)
    folders.remove(sweep, 5)
    assert (mine / "file").read_text() == "mine"


ODD = [
    [{"kind": "ask"}],
    [{"kind": "x"}],
    [{}],
    [{"kind": []}],
    [{"kind": "lost", "trial": 0}],
    [{"kind": "void", "trials": 5}],
    [{"kind": "result", "trial": "x", "replicate": 0}],
    [{"kind": "sweep", "space": 5}],
]


@pytest.mark.parametrize("records", ODD, ids=str)
def test_records_that_are_none_of_a_sweep_are_refused(tmp_path, records):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(journal.line_of(records))
    found, _ = journal.read(path)
    with pytest.raises(journal.JournalError, match=r"journal\.jsonl holds records"):
        sweeps.read(path, found)


@pytest.mark.parametrize("text", [b"5", b"{}", b"[5]", b"[[]]", b"[" * 5000, b'[{"a": "\\ud800"}]'])
def test_a_line_that_is_no_list_of_records_is_damaged(tmp_path, text):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"%08x %d %s\n" % (journal.zlib.crc32(text), len(text), text))
    with pytest.raises(journal.JournalError, match="line 1: damaged"):
        journal.Journal(path)


def test_a_journal_is_not_opened_through_a_link(tmp_path, mine):
    (tmp_path / "journal.jsonl").symlink_to(mine / "file")
    with pytest.raises(OSError, match="a link, which is not followed"):
        journal.Journal(tmp_path / "journal.jsonl")
    assert (mine / "file").read_text() == "mine"


def test_an_endless_line_is_damaged(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_MAX_LINE_BYTES", 100)
    (tmp_path / "journal.jsonl").write_bytes(b"x" * 1000)
    with pytest.raises(journal.JournalError, match="line 1: damaged"):
        journal.read(tmp_path / "journal.jsonl")
    with pytest.raises(journal.JournalError, match="the limit is 100"):
        journal.line_of([{"a": "x" * 100}])
