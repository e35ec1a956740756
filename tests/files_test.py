import errno
import fcntl
import hashlib
import os
import pathlib
import secrets
import socket
import stat
import subprocess
import sys
import threading

import pytest

from recipes import compare, evaluate, example, export, predict
from tfcourse import run_directory
from tfcourse.system import files, locks

HOLD = """
import sys, time
from tfcourse.system import locks
with locks.lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("mine")
    return path


@pytest.fixture
def owner(tmp_path):
    """A process that holds the lock `lock` in the folder of the test."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ}) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


@pytest.mark.parametrize("data", ["text", b"text", [b"te", memoryview(b"xt")]])
def test_a_file_is_written_whole_and_alone(tmp_path, data):
    files.write_file(tmp_path / "file", data)
    assert (tmp_path / "file").read_bytes() == b"text"
    assert os.listdir(tmp_path) == ["file"]


def test_a_written_file_has_the_permissions_of_any_other(tmp_path, mine):
    files.write_file(tmp_path / "file", "text")
    assert (tmp_path / "file").stat().st_mode == mine.stat().st_mode


def test_a_long_name_has_a_shorter_temporary_one(tmp_path):
    files.write_file(tmp_path / ("é" * 127), "text")
    assert os.listdir(tmp_path) == ["é" * 127]


def test_a_link_is_replaced_and_its_target_stays(tmp_path, mine):
    (tmp_path / "file").symlink_to(mine)
    files.write_file(tmp_path / "file", "text")
    assert mine.read_text() == "mine"
    assert not (tmp_path / "file").is_symlink()


def test_a_temporary_name_that_is_taken_is_never_opened(tmp_path, mine, monkeypatch):
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0" * (2 * size))
    (tmp_path / f".file.{'0' * 16}.tmp").symlink_to(mine)
    with pytest.raises(FileExistsError, match="file"):
        files.write_file(tmp_path / "file", "text")
    assert mine.read_text() == "mine"


def test_of_many_writers_at_once_one_wins_whole(tmp_path):
    texts = [str(number) * 100_000 for number in range(8)]
    threads = [
        threading.Thread(target=files.write_file, args=(tmp_path / "file", text)) for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "file").read_text() in texts
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_is_flushed_then_named_then_its_folder_flushed(tmp_path, monkeypatch):
    done, fsync, replace = [], os.fsync, os.replace

    def flushed(descriptor):
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        done.append("folder" if is_folder else "file")
        fsync(descriptor)

    def renamed(old, new):
        done.append("name")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    files.write_file(tmp_path / "file", "text")
    assert done == ["file", "name", "folder"]
    files.write_file(tmp_path / "file", "text", durable=False)
    assert done[3:] == ["name"]


def test_leftovers_are_told_by_their_names(tmp_path):
    left = tmp_path / ".a.b.0123456789abcdef.tmp"
    for path in (left, tmp_path / ".a.tmp", tmp_path / "a.0123456789abcdef.tmp"):
        path.touch()
    assert list(files.leftovers(tmp_path)) == [(left, "a.b")]
    assert not list(files.leftovers(tmp_path / "none"))


def test_a_held_lock_names_its_owner_until_that_is_dead(tmp_path, owner):
    path = tmp_path / "lock"
    for _ in range(2):  # Being asked for, it keeps its owner's name.
        with (
            pytest.raises(
                locks.LockedError, match=f"^process {owner.pid} on {os.uname().nodename}"
            ),
            locks.lock(path),
        ):
            pass
    assert locks.is_locked(path)
    owner.kill()
    owner.wait()
    assert not locks.is_locked(path)
    with locks.lock(path):
        assert path.read_text() == f"process {os.getpid()} on {socket.gethostname()}\n"


def test_who_has_a_purpose_waits_and_says_so(tmp_path, owner, caplog):
    threading.Timer(0.5, owner.kill).start()
    with locks.lock(tmp_path / "lock", purpose="reading digits"):
        assert owner.wait()
    assert "Waiting for another process that is reading digits" in caplog.text


@pytest.mark.parametrize("make", ["link", "pipe"])
def test_a_lock_is_taken_on_a_regular_file_alone(tmp_path, mine, make):
    path = tmp_path / "run.lock"
    path.symlink_to(mine) if make == "link" else os.mkfifo(path)
    for use in (locks.lock(path).__enter__, lambda: locks.is_locked(path)):
        with pytest.raises(OSError, match=r"run\.lock") as caught:
            use()
        assert caught.value.errno == (errno.ELOOP if make == "link" else errno.EINVAL)
    assert mine.read_text() == "mine"


def test_a_run_is_not_opened_through_a_link_for_its_lock(tmp_path, mine):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.lock").symlink_to(mine)
    with (
        pytest.raises(OSError, match="a link, which is not followed"),
        run_directory.open_run(tmp_path / "run", {}, recipe="t"),
    ):
        pass
    assert mine.read_text() == "mine"


def test_a_digest_is_sha256s(mine):
    assert files.sha256(mine) == hashlib.sha256(b"mine").hexdigest()


@pytest.mark.parametrize(
    ("error", "line"), [(ValueError("one\ntwo"), "one"), (ValueError(), "ValueError")]
)
def test_the_first_line_of_an_error(error, line):
    assert files.first_line(error) == line


ODD = {
    "a pipe": lambda path: os.mkfifo(path),
    "a folder": lambda path: path.mkdir(),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "too long": lambda path: path.write_text("[" + " " * 100 + "]"),
    "sparse": lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 40),
    "not UTF-8": lambda path: path.write_bytes(b'{"a": "\xff"}'),
    "a list": lambda path: path.write_text("[]"),
    "empty": lambda path: path.touch(),
    "cut": lambda path: path.write_text('{"a": '),
    "half a character": lambda path: path.write_text('{"a": "\\ud800"}'),
    "half a character as a name": lambda path: path.write_text('{"\\uDFFF": 1}'),
    "a long number": lambda path: path.write_text('{"a": ' + "9" * 301 + "}"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_json_object_is_one_error_that_names_the_file(tmp_path, name):
    path = tmp_path / "metrics.json"
    ODD[name](path)
    with pytest.raises(files.ContentError, match=r"metrics\.json"):
        files.read_json_object(path, 400 if "number" in name else 90)


def test_what_nests_too_deep_is_no_json(tmp_path):
    (tmp_path / "file").write_text('{"a": ' + "[" * 100_000)
    with pytest.raises(files.ContentError, match="nests too deep"):
        files.read_json_object(tmp_path / "file", 1 << 20)


def test_a_pair_of_surrogates_is_a_character_and_300_digits_a_number(tmp_path):
    (tmp_path / "file").write_text('{"a": "\\ud83d\\ude00", "b": ' + "9" * 300 + "}")
    assert files.read_json_object(tmp_path / "file", 1000) == {"a": "😀", "b": 10**300 - 1}


def test_a_file_is_read_up_to_its_limit_and_not_beyond_by_a_byte(mine):
    assert files.read_bytes(mine, max_bytes=4) == b"mine"
    with pytest.raises(files.ContentError, match="is 4 bytes; the limit is 3"):
        files.read_bytes(mine, max_bytes=3)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_a_file_that_says_it_is_empty_is_read_up_to_its_limit_too():
    size = len(pathlib.Path("/proc/self/limits").read_bytes())  # As if it grew meanwhile.
    assert files.read_bytes("/proc/self/limits", max_bytes=size)
    with pytest.raises(files.ContentError, match=f"is {size:,} bytes"):
        files.read_bytes("/proc/self/limits", max_bytes=size - 1)


def test_a_loop_of_links_and_a_missing_file_are_told_by_the_system(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, code in (("loop", errno.ELOOP), ("none", errno.ENOENT)):
        with pytest.raises(OSError, match=name) as caught:
            files.read_text(tmp_path / name, 10)
        assert caught.value.errno == code


def test_a_new_folder_is_nobody_elses_and_goes(tmp_path):
    with files.new_folder(tmp_path / "model") as folder:
        (folder / "file").touch()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert [name for _, name in files.leftovers(tmp_path)] == ["model"]
    assert not os.listdir(tmp_path)


def test_leftover_files_and_folders_are_removed_and_links_not_followed(tmp_path, mine):
    for number, make in enumerate(("mkdir", "touch", "link")):
        path = tmp_path / f".a.{number:016x}.tmp"
        path.symlink_to(mine) if make == "link" else getattr(path, make)()
    for path, _ in list(files.leftovers(tmp_path)):
        files.remove(path)
    assert os.listdir(tmp_path) == ["mine.txt"]
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("path", ["~nobody-at-all/x", "x" * 256, "é" * 128, "a/" * 2000, "a\0b"])
def test_what_can_not_be_a_path_is_refused(path):
    with pytest.raises(files.PathError):
        files.expanded(path)


def test_a_missing_home_is_refused(monkeypatch):
    def missing(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(files.pathlib.Path, "expanduser", missing)
    with pytest.raises(files.PathError, match="no home"):
        files.expanded("~/x")


@pytest.mark.parametrize("name", ["tensorboard", "trials", "checkpoints", "nudge_requests"])
def test_a_run_writes_into_no_folder_behind_a_link(tmp_path, name):
    for folder in ("run", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "run" / name).symlink_to(tmp_path / "other")
    with (
        pytest.raises(run_directory.RunDirectoryError, match=f"{name} is a link"),
        run_directory.open_run(tmp_path / "run", {}, recipe="t"),
    ):
        pass


@pytest.mark.parametrize("name", ["checkpoints", "tensorboard", "nudge_requests"])
@pytest.mark.parametrize("make", [pathlib.Path.touch, os.mkfifo])
def test_a_run_is_not_opened_where_a_folder_of_it_is_none(tmp_path, name, make):
    (tmp_path / "flags.txt").touch()
    make(tmp_path / name)
    with (
        pytest.raises(run_directory.RunDirectoryError, match=f"{name} is not a folder"),
        run_directory.open_run(tmp_path, {}, recipe="t"),
    ):
        pass


@pytest.mark.parametrize("text", ["[]", "5", "null", "[" * 5000, '{"a": 9' + "9" * 400 + "}"])
def test_metrics_that_are_no_object_are_refused(tmp_path, text):
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(run_directory.RunDirectoryError, match=r"metrics\.json"):
        run_directory.RunDirectory(tmp_path).read_metrics()


@pytest.mark.parametrize("rows", ["", "epoch\n", "epoch,loss\n1\n", "epoch\nx\n", "a" * 200_000])
def test_a_damaged_history_is_one_error(tmp_path, rows):
    (tmp_path / "history.csv").write_text(rows)
    with pytest.raises(files.ContentError, match=r"history\.csv"):
        run_directory.read_history(tmp_path)


def test_more_flags_than_are_read_again_are_not_written(tmp_path):
    run = run_directory.RunDirectory(tmp_path)
    with pytest.raises(run_directory.RunDirectoryError, match=r"flags\.txt would be"):
        run.write_flags({"a": ["x" * run_directory.MAX_FLAGS_BYTES]})
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("line", ["--epochs=abc", "--epochs=-1", f"--epochs={'9' * 5000}", "--a=1"])
def test_epochs_that_are_no_number_are_a_damaged_file(tmp_path, line):
    (tmp_path / "flags.txt").write_text(f"{line}\n")
    (tmp_path / "metrics.json").write_text('{"continued_from": []}')
    with (
        pytest.raises((files.ContentError, run_directory.ChangedFlagsError)),
        run_directory.open_run(tmp_path, {"epochs": ["5"]}, recipe="t"),
    ):
        pass


def test_a_lock_that_has_another_name_is_left_as_it_is(tmp_path, mine):
    os.link(mine, tmp_path / "run.lock")
    with pytest.raises(OSError, match="another name") as caught:
        locks.lock(tmp_path / "run.lock").__enter__()
    assert caught.value.errno == errno.EMLINK
    assert mine.read_text() == "mine"


def test_a_lock_that_is_somebody_elses_file_is_left_as_it_is(mine):
    with pytest.raises(OSError, match="not a lock of this program"):
        locks.lock(mine).__enter__()
    assert mine.read_text() == "mine"


def test_a_lock_that_its_owner_removed_meanwhile_is_none(tmp_path, monkeypatch):
    flock = fcntl.flock

    def late(file, how):
        (tmp_path / "lock").unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(locks.LockedError, match="start again"):
        locks.lock(tmp_path / "lock").__enter__()


@pytest.mark.parametrize("folder", ["run", "a/b/run"])
def test_a_run_that_fails_at_once_leaves_nothing(tmp_path, folder):
    with pytest.raises(KeyError), run_directory.open_run(tmp_path / folder, {}, recipe="t"):
        raise KeyError
    assert not os.listdir(tmp_path)


def test_an_empty_folder_stays_where_the_run_fails_at_once(tmp_path):
    with pytest.raises(KeyError), run_directory.open_run(tmp_path, {}, recipe="t"):
        raise KeyError
    assert tmp_path.is_dir()
    assert not os.listdir(tmp_path)


def test_a_run_that_has_written_something_stays(tmp_path):
    def fail():
        with run_directory.open_run(tmp_path, {}, recipe="t") as run:
            run.write("curves.png", "x")
            raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            fail()
    assert {"curves.png", "flags.txt", "run.lock"} == set(os.listdir(tmp_path))


def test_a_run_that_fails_at_once_leaves_a_folder_of_others_as_it_was(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(KeyError), run_directory.open_run(tmp_path, {}, recipe="t"):
        raise KeyError
    assert os.listdir(tmp_path) == ["notes.txt"]
    os.mkfifo(tmp_path / "flags.txt")
    with (
        pytest.raises(run_directory.RunDirectoryError, match="not a regular file"),
        run_directory.open_run(tmp_path, {}, recipe="t"),
    ):
        pass
    assert set(os.listdir(tmp_path)) == {"notes.txt", "flags.txt"}


@pytest.mark.parametrize("has_checkpoint", [False, True], ids=["at once", "later"])
def test_a_finished_run_that_fails_at_once_with_more_epochs_stays_finished(
    tmp_path, has_checkpoint
):
    with run_directory.open_run(tmp_path, {"epochs": ["3"]}, recipe="t") as run:
        run.write("checkpoints/1.ckpt", "x")
        run.write_metrics({"total": 1})
    before = {name: (tmp_path / name).read_bytes() for name in ("flags.txt", "metrics.json")}

    def fail():
        with run_directory.open_run(tmp_path, {"epochs": ["5"]}, recipe="t") as run:
            assert not (tmp_path / "metrics.json").exists()
            if has_checkpoint:
                run.write("checkpoints/2.ckpt", "x")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    after = {n: (tmp_path / n).read_bytes() for n in before if (tmp_path / n).exists()}
    assert (after == before) is not has_checkpoint
    assert ("metrics.json" in after) is not has_checkpoint


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((name, "must be printable text") for name in ("a\nb.csv", "\x1b[2J.csv", "\udcff.csv")),
        *((f"run/{name}", "belongs to the run") for name in ("history.csv", "metrics.json")),
        ("n" * 300, "can't be a path"),
    ],
)
def test_what_no_program_may_write_is_refused(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/flags.txt").touch()
    with pytest.raises(ValueError, match=message):
        run_directory.output(name, "output")


@pytest.mark.parametrize(
    "make",
    [
        lambda name: predict.Prediction(run_dir="run", input="a", output=f"{name}.csv"),
        lambda name: evaluate.Evaluation(run_dir="run", output=name),
        lambda name: export.Export(run_dir="run", output=name),
        lambda name: compare.Comparison(run_dirs=("run", "a"), picture=f"{name}.png"),
        lambda name: example.Example(output=f"{name}/digits.npz"),
    ],
    ids=("predict", "evaluate", "export", "compare", "example"),
)
def test_each_program_refuses_an_output_that_is_no_text(make):
    with pytest.raises(ValueError, match="must be printable text"):
        make("a\udcff")


def test_a_folder_of_results_can_be_no_file_and_a_file_no_folder(tmp_path):
    (tmp_path / "mine").touch()
    (tmp_path / "c.csv").mkdir()
    with pytest.raises(ValueError, match="mine is not a folder"):
        evaluate.Evaluation(run_dir="run", output=str(tmp_path / "mine"))
    with pytest.raises(ValueError, match=r"c.csv is a folder"):
        predict.Prediction(run_dir="run", input="a", output=str(tmp_path / "c.csv"))
