import errno
import hashlib
import os
import secrets
import socket
import subprocess
import sys
import threading

import pytest

from tfcourse import files, run_directory

HOLD = """
import sys, time
from tfcourse import files
with files.lock(sys.argv[1]):
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
                files.LockedError, match=f"^process {owner.pid} on {os.uname().nodename}"
            ),
            files.lock(path),
        ):
            pass
    assert files.is_locked(path)
    owner.kill()
    owner.wait()
    assert not files.is_locked(path)
    with files.lock(path):
        assert path.read_text() == f"process {os.getpid()} on {socket.gethostname()}\n"


def test_who_has_a_purpose_waits_and_says_so(tmp_path, owner, caplog):
    threading.Timer(0.5, owner.kill).start()
    with files.lock(tmp_path / "lock", purpose="reading digits"):
        assert owner.wait()
    assert "Waiting for another process that is reading digits" in caplog.text


@pytest.mark.parametrize("make", ["link", "pipe"])
def test_a_lock_is_taken_on_a_regular_file_alone(tmp_path, mine, make):
    path = tmp_path / "run.lock"
    path.symlink_to(mine) if make == "link" else os.mkfifo(path)
    for use in (files.lock(path).__enter__, lambda: files.is_locked(path)):
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
