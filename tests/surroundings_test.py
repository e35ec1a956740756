"""What a program meets around it: streams that are closed or narrow, a full disk, limits."""

import contextlib
import errno
import fcntl
import io
import logging
import os
import pathlib
import resource
import signal
import subprocess
import sys

import h5py
import processes
import pytest
import tensorflow as tf

from tfcourse import run_directory, training
from tfcourse.command_line import exit_codes, streams
from tfcourse.system import files, out_of_memory
from tfcourse.training import interruption

FULL = "No space left on device"

PROGRAM = """
import os, sys
from tfcourse.command_line import exit_codes

def main():
    open("before", "w").close()
    descriptor = os.open("file", os.O_WRONLY | os.O_CREAT)
    assert descriptor > 2, "a file where others print"
    print("gr\\xf6\\xdfer als \\u65e5\\u672c \\u2501\\u2501 \\u2026", flush=True)
    print("\\udcff and \\U0001f600", file=sys.stderr)
    open("after", "w").close()

with exit_codes.exits(main):
    main()
"""


@pytest.fixture
def program(tmp_path):
    """Returns a function of a shell's redirections that runs `PROGRAM`: (code, output, files)."""

    file = tmp_path.with_name(f"{tmp_path.name}.py")
    file.write_text(PROGRAM, encoding="utf-8")

    def run(redirections="", **environment):
        done = subprocess.run(
            ["sh", "-c", f'exec "$0" "$1" {redirections}', sys.executable, str(file)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(processes.ROOT), **environment},
            capture_output=True,
            timeout=60,
        )
        return done.returncode, done.stdout, done.stderr, sorted(p.name for p in tmp_path.iterdir())

    return run


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_characters_that_the_output_has_not_end_nothing(program, environment):
    code, output, errors, left = program(**environment)
    assert (code, left) == (0, ["after", "before", "file"])
    assert output.endswith(b" als \\u65e5\\u672c -- ...\n")
    assert errors == b"\\udcff and \\U0001f600\n"


def test_what_can_be_written_is_written_as_it_is(program):
    code, output, _, _ = program(PYTHONIOENCODING="utf-8")
    assert (code, output.decode()) == (0, "gr\xf6\xdfer als \u65e5\u672c \u2501\u2501 \u2026\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_end_nothing_and_are_no_files(program, closed):
    code, _, errors, left = program(closed)
    assert (code, left) == (0, ["after", "before", "file"]), errors


def test_output_on_a_full_disk_is_told_once(program):
    if not pathlib.Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    code, _, errors, _ = program("> /dev/full")
    assert code == 5
    assert errors.decode().count("\n") == 1
    assert FULL in errors.decode()


@pytest.mark.parametrize("closed", ["2> /dev/full", "> /dev/full 2>&1", "2>&-"])
def test_an_error_that_nobody_can_be_told_keeps_its_exit_code(tmp_path, closed):
    if not pathlib.Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    lines = """
from tfcourse.command_line import exit_codes
with exit_codes.exits():
    raise exit_codes.UsageError("wrong")
"""
    (tmp_path / "program.py").write_text(lines)
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" program.py {closed}', sys.executable],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(processes.ROOT)},
        timeout=60,
    )
    assert done.returncode == 2


def test_what_names_hold_does_not_reach_the_terminal():
    message = exit_codes._message(exit_codes.UsageError("a\x1b[31m\x07\udcff\tb\nc\x9b"))
    assert message == "error: a\\x1b[31m\\x07\\udcff\\tb\nc\\x9b"
    record = logging.LogRecord("a", logging.WARNING, "", 1, "%s", ("\x1b[2J\nb",), None)
    assert exit_codes._log_with_flags(record)
    assert record.getMessage() == "\\x1b[2J\nb"


def raised_from(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.ResourceExhaustedError(None, None, f"tensorboard/events; {FULL}"),
        tf.errors.UnknownError(None, None, "x; Input/output error"),
        tf.errors.FailedPreconditionError(None, None, "x; Read-only file system"),
        tf.errors.PermissionDeniedError(None, None, "x; Permission denied"),
        tf.errors.ResourceExhaustedError(None, None, "x; Too many open files"),
        raised_from(RuntimeError("could not save"), OSError(errno.ENOSPC, FULL)),
        RuntimeError(f"Can't decrement id ref count (errno = 28, error message = '{FULL}')"),
        RuntimeError("can't start new thread"),
        ImportError("a.so: cannot open shared object file: Too many open files"),
    ],
    ids=lambda error: str(error)[-30:],
)
def test_what_the_system_refuses_is_no_bug_and_not_about_memory(error):
    assert exit_codes.code(error) == 5
    assert not out_of_memory.is_out_of_memory(error)
    message = exit_codes._message(error)
    assert message.startswith("error: the system refused: ")
    assert len(message.splitlines()) == 1


def test_a_linker_without_memory_is_out_of_memory():
    error = ImportError("a.so: failed to map segment from shared object")
    assert exit_codes.code(error) == 7
    assert exit_codes.code(ImportError("a.so: failed to map ...: Operation not permitted")) == 1


def test_bugs_are_still_bugs():
    assert exit_codes.code(KeyError(FULL)) == 1
    assert exit_codes.code(ImportError("No module named 'x'")) == 1
    assert "bug" in exit_codes._message(AssertionError(FULL))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 KiB; only an administrator can mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no disk can be mounted: {error}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder, left):
    """Fills a disk but for so many bytes."""
    (folder / "filler").unlink(missing_ok=True)
    status = os.statvfs(folder)
    size = max(status.f_bavail * status.f_frsize - left, 0)
    (folder / "filler").write_bytes(bytes(size))


def test_a_disk_that_fills_up_at_any_write_keeps_what_was_there(small_disk):
    path = small_disk / "file"
    files.write_file(path, b"old" * 1000)
    outcomes = []
    for left in range(0, 40_000, 4096):
        fill(small_disk, left)
        before, new = path.read_bytes(), os.urandom(20_000)
        error = None
        try:
            files.write_file(path, new)
        except OSError as caught:
            error = caught
        outcomes.append(error.errno if error else None)
        if error:
            assert str(path) in str(error)
            assert exit_codes.code(error) == 5
        assert path.read_bytes() == (before if error else new)
        assert sorted(p.name for p in small_disk.iterdir()) == ["file", "filler"]
    assert set(outcomes) == {None, errno.ENOSPC}


def test_libraries_that_meet_a_full_disk_end_with_5(small_disk):
    fill(small_disk, 0)

    def tensorboard():
        writer = tf.summary.create_file_writer(str(small_disk / "tensorboard"))
        with writer.as_default():
            for step in range(1000):
                tf.summary.scalar("loss", 1.0, step)
        writer.close()

    def export():
        module = tf.Module()
        module.variable = tf.Variable(tf.zeros(1000))
        tf.saved_model.save(module, str(small_disk / "export"))

    def hdf5():
        with h5py.File(small_disk / "a.h5", "w") as file:
            file["a"] = bytes(100_000)

    for write in (tensorboard, export, hdf5):
        with pytest.raises((OSError, RuntimeError, tf.errors.OpError)) as error:
            write()
        assert exit_codes.code(error.value) == 5, repr(error.value)
        assert "bug" not in exit_codes._message(error.value)


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with (
        pytest.raises(OSError, match="No locks available: this file system has no") as error,
        run_directory.open_run(tmp_path / "run", {}, recipe="t"),
    ):
        pass
    assert exit_codes.code(error.value) == 5
    assert str(tmp_path) in str(error.value)
    assert not run_directory.is_in_use(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGXCPU])
def test_what_slurm_sends_before_it_kills_is_a_request_to_stop(number):
    before = signal.getsignal(number)
    with interruption.held_signals() as request:
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        assert request.signal_number == number
    assert signal.getsignal(number) == before
    assert training.Interrupted("", number).exit_code == 143


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGXCPU"])
def test_outside_of_training_too(name):
    then = f"import os, signal; os.kill(os.getpid(), signal.{name}); signal.pause()"
    lines = f"from tfcourse.command_line import exit_codes\nwith exit_codes.exits():\n    {then}"
    done = processes.python("-c", lines)
    assert (done.returncode, done.stderr) == (143, f"stopped by {name}\n")


def test_a_limit_on_open_files_is_a_sentence(tmp_path):
    with contextlib.ExitStack() as stack:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        lowest = stack.enter_context(open(os.devnull)).fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        with pytest.raises(OSError, match="Too many open files") as error:
            files.write_file(tmp_path / "file", b"x")
    assert exit_codes.code(error.value) == 5


def test_streams_that_are_no_files_stay(monkeypatch):
    output = io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    streams.prepare()
    streams.give_up()
    print("\xfc")
    assert output.getvalue() == "\xfc\n"
