import importlib.metadata
import os
import pathlib
import re
import sys
import time

import processes
import pytest

from tfcourse.command_line import compile_cache
from tfcourse.system import machine


@pytest.fixture(autouse=True)
def _as_before_the_import(fresh_home, monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2.21.0")


def told():
    """Returns the TF_XLA_FLAGS that TensorFlow finds when it is imported."""
    found = []
    with compile_cache.kept(lambda: found.append(os.environ.get("TF_XLA_FLAGS", ""))):
        pass
    return found[0]


def seen(**compiled):
    """Returns `{name: bytes}` of what XLA finds in a run that compiles `compiled` besides."""
    flags = []
    with compile_cache.kept(lambda: flags.append(os.environ.get("TF_XLA_FLAGS", ""))):
        assert "TF_XLA_FLAGS" not in os.environ  # Processes that the run starts have their own.
        found = re.search(r"cache_directory=(\S+)", flags[0])
        if not found:
            return None
        folder = pathlib.Path(found[1])
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        for name, data in compiled.items():
            (folder / f"{name}.pb").write_bytes(data)
    assert not folder.exists()
    return before


def kept():
    return sorted(compile_cache.directory().glob("*/*"))


def test_what_one_run_has_compiled_is_there_for_the_next():
    assert seen(a=b"1", b=b"2") == {}
    assert seen(c=b"3") == {"a.pb": b"1", "b.pb": b"2"}
    assert seen() == {"a.pb": b"1", "b.pb": b"2", "c.pb": b"3"}
    assert {path.stat().st_mode & 0o777 for path in compile_cache.directory().rglob("*/")} == {
        0o700
    }


def test_a_run_that_fails_keeps_nothing():
    with pytest.raises(KeyError), compile_cache.kept(lambda: None):
        raise KeyError
    assert kept() == []
    assert "TF_XLA_FLAGS" not in os.environ


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: os.truncate(path, 3),
        lambda path: os.truncate(path, 0),
        lambda path: path.write_bytes(os.urandom(1000)),
        lambda path: path.rename(path.with_name(path.name[:-3] + "abc")),
        lambda path: (path.rename(path.with_name("x")), path.symlink_to(path.with_name("x"))),
    ],
)
def test_what_is_not_whole_is_neither_seen_nor_kept(damage):
    seen(a=b"program" * 100)
    damage(kept()[0])
    assert seen(b=b"2") == {}
    assert seen() == {"b.pb": b"2"}


def test_foreign_files_are_not_seen():
    seen(a=b"1")
    (kept()[0].parent / "b.pb").write_bytes(b"2")
    assert seen() == {"a.pb": b"1"}


@pytest.mark.parametrize("change", ["version", "XLA_FLAGS", "TF_NUM_INTRAOP_THREADS", "processor"])
def test_programs_for_anything_else_are_not_seen(change, monkeypatch):
    seen(a=b"1")
    with monkeypatch.context() as patch:
        if change == "version":
            patch.setattr(importlib.metadata, "version", lambda name: "2.20.1")
        elif change == "processor":
            another = {"model name": "another", "flags": "sse2"}
            patch.setattr(machine, "processor", lambda: another)
        else:
            patch.setenv(change, "7")
        assert seen() == {}
    assert seen() == {"a.pb": b"1"}


@pytest.mark.parametrize("version", ["2.19.1", "2.22.0", "2.2.0"])
def test_a_tensorflow_that_may_not_know_the_flags_gets_none(version, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    assert seen() is None


def test_flags_of_ones_own_stay(monkeypatch):
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_auto_jit=0")
    assert told().startswith("--tf_xla_auto_jit=0 --tf_xla_persistent_cache_directory=/")
    assert os.environ["TF_XLA_FLAGS"] == "--tf_xla_auto_jit=0"
    mine = "--tf_xla_persistent_cache_directory=mine"
    monkeypatch.setenv("TF_XLA_FLAGS", mine)
    assert told() == mine == os.environ["TF_XLA_FLAGS"]


def test_a_folder_that_others_may_write_to_is_refused(caplog):
    seen(a=b"1")
    compile_cache.directory().chmod(0o770)
    assert seen() is None
    assert "closed to others' writing" in caplog.text
    compile_cache.directory().chmod(0o700)
    assert seen() == {"a.pb": b"1"}


def test_a_link_is_refused(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    compile_cache.directory().parent.mkdir(parents=True)
    compile_cache.directory().symlink_to(theirs)
    assert seen() is None
    assert list(theirs.iterdir()) == []


def test_a_home_that_can_not_be_written_to_costs_nothing_but_time(fresh_home, monkeypatch):
    (fresh_home / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(fresh_home / "file"))
    assert seen() is None
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert seen() is None


def test_the_oldest_go_where_there_are_too_many(monkeypatch):
    monkeypatch.setattr(compile_cache, "MAX_BYTES", 10)
    seen(a=b"1" * 4)
    os.utime(kept()[0], (1, 1))
    seen(b=b"2" * 4)
    seen(c=b"3" * 4, d=b"4" * 11)
    assert set(seen()) == {"b.pb", "c.pb"}


def test_what_a_kill_left_goes_after_a_day():
    seen(a=b"1")
    new, old = (kept()[0].with_name(f".run.{digit * 16}.tmp") for digit in "01")
    for path in new, old:
        path.mkdir()
    os.utime(old, (time.time() - 90000,) * 2)
    seen()
    assert new.exists()
    assert not old.exists()


def test_results_are_the_same_bit_for_bit_without_with_a_new_and_with_a_kept_program(tmp_path):
    results = []
    for number, flags in enumerate((["--nocompile_cache"], [], [])):
        done = processes.command(
            *("recipes.mnist_softmax", "--smoke", "--model=softmax_regression"),
            *(f"--run_dir={tmp_path}/{number}", *flags),
            tensorflow=False,
            xla=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        results.append((tmp_path / str(number) / "weights.arrays").read_bytes())
        assert len(kept()) == min(number, 1)
    assert len(set(results)) == 1
    assert "compile_cache" not in (tmp_path / "0" / "flags.txt").read_text()
