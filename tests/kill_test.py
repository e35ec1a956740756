import builtins
import os
import pathlib

import keras
import numpy as np
import processes
import pytest

from tfcourse import run_directory
from tfcourse.training.checkpoints import checkpoint

VALUES = [np.full((40, 30), value, np.float32) for value in range(1, 6)]


class Killed(BaseException):
    """Ends a write where a kill would: what comes after it in the write does not happen."""


class Model:
    """As much of a model as a checkpoint needs."""

    def __init__(self):
        self.variables = [keras.Variable(np.zeros((40, 30)), dtype="float32", name="kernel")]
        self.metrics_variables = []
        self.optimizer = self
        self._set = False


def save_all(folder):
    """Writes five checkpoints one after the other."""
    model = Model()
    with run_directory.open_run(folder, {}, recipe="test") as run:
        checkpoints = checkpoint.Checkpoints(run, model)
        for number, value in enumerate(VALUES, start=1):
            model.variables[0].assign(value)
            arrays = checkpoint.arrays_of(model.variables)
            checkpoints.save(arrays, {"epoch": number, "step": number % 2})


def newest(folder):
    """Opens the folder as the next start does, and returns the array and the state it finds."""
    with run_directory.open_run(folder, {}, recipe="test") as run:
        found = checkpoint.Checkpoints(run, Model()).newest()
    assert not list(folder.rglob(".*")), "a temporary file was left"
    return found and (next(iter(found[0].values())), found[1])


class Points:
    """Counts the points of all writes and kills at one of them."""

    def __init__(self, patch, kill_at):
        self.names = []
        self._kill_at = kill_at
        self._patch = patch
        patch.setattr(builtins, "open", self._opening(builtins.open))
        for name in ("fsync", "replace"):
            patch.setattr(os, name, self._around(name, getattr(os, name)))
        patch.setattr(pathlib.Path, "unlink", self._around("unlink", pathlib.Path.unlink))

    def _reach(self, name):
        # After the kill nothing more happens: the clean-up of an exception is none of a kill.
        self.names.append(name)
        if len(self.names) - 1 >= self._kill_at:
            raise Killed

    def _around(self, name, function):
        def wrapped(*arguments, **named):
            self._reach(f"before {name}")
            result = function(*arguments, **named)
            self._reach(f"after {name}")
            return result

        return wrapped

    def _opening(self, function):
        def wrapped(path, mode="r", **named):
            if mode != "xb":
                return function(path, mode, **named)
            self._reach("before open")
            file = function(path, mode, **named)
            try:
                self._reach("after open")
            except Killed:
                file.close()
                raise
            return HalfWritten(file, self._reach)

        return wrapped


class HalfWritten:
    """A file that is killed after half of its bytes, or after all of them."""

    def __init__(self, file, reach):
        self._file = file
        self._reach = reach

    def writelines(self, parts):
        data = b"".join(bytes(part) for part in parts)
        self._file.write(data[: len(data) // 2])
        self._file.flush()
        self._reach("half the bytes")
        self._file.write(data[len(data) // 2 :])
        self._reach("all the bytes")

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._file.close()


def killed_at(folder, point):
    """Returns the names of the points that were reached before the kill at `point`."""
    with pytest.MonkeyPatch.context() as patch:
        points = Points(patch, point)
        try:
            save_all(folder)
        except Killed:
            return points.names
    return None


def test_a_kill_at_any_point_of_any_write_leaves_the_old_or_the_new_state(tmp_path):
    reached, point = [], 0
    while (names := killed_at(tmp_path / str(point), point)) is not None:
        reached = names
        folder = tmp_path / str(point)
        whole_files = sum(name == "after replace" for name in names)
        if (folder / "flags.txt").exists():
            found = newest(folder)
            # flags.txt is the first file; a rename counts from the moment it is done.
            saved = whole_files - 1
            assert (found is None) == (saved <= 0), names[-1]
            if found:
                np.testing.assert_array_equal(found[0], VALUES[saved - 1])
                assert found[1] == {"epoch": saved, "step": saved % 2}
        point += 1
    assert point > 60
    assert {"half the bytes", "before fsync", "before replace", "after replace"} <= set(reached)


def test_processes_that_are_killed_end_as_one_that_is_not():
    # The long form, with a hundred kills for each of three classes: python -m tests.soak
    # This seed kills one run at three steps, two of them inside a write.
    result = processes.command("tests.soak", "--kills=3", "--classes=1", "--seed=19", timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
    kills, _, resumed, identical, exact = result.stdout.splitlines()[-1].split("|")[3:8]
    assert int(kills) >= 3
    assert kills == resumed == identical == exact
