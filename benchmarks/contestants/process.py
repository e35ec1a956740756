"""A contestant's process, seen from the driver."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.contestants import CONTESTANTS, FLOOR

_ROOT = pathlib.Path(__file__).parents[2]
_ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
# The usual table is about the CPU.
_WITHOUT_GPU = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
# They share a GPU's memory, and multiply in float32: TF32 is the default of some only.
_WITH_GPU = {
    "NVIDIA_TF32_OVERRIDE": "0",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


class ContestantFailedError(Exception):
    """A contestant's process ended early; the message has its last words."""


class Process:
    """Starts a contestant on `task`, a dict of `Task`'s fields; a context manager that ends it."""

    def __init__(self, name: str, task: Mapping[str, Any], *, on_gpu: bool = False) -> None:
        contestant = {**CONTESTANTS, **FLOOR}[name]
        self._device = _WITH_GPU if on_gpu else _WITHOUT_GPU
        self._module = contestant.module
        self._task = {**task, "variant": contestant.variant}

    def __enter__(self) -> "Process":
        task = json.dumps({**self._task, "started": time.time()})
        with contextlib.ExitStack() as stack:
            self._errors = stack.enter_context(tempfile.TemporaryFile("w+"))
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.contestants.worker", self._module, task],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd=_ROOT,
                env={**os.environ, **_ENVIRONMENT, **self._device},
                text=True,
            )
            self._process = stack.enter_context(process)
            self._closing = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        if kind:
            self._process.kill()
        self._closing.close()

    def threads(self) -> int | str:
        """Waits until the contestant stands ready; returns how many threads it takes."""
        return self._answer()["threads"]

    def train_epoch(self) -> dict[str, Any]:
        """Has the contestant train one epoch; returns its seconds, loss and accuracy."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._answer()

    def result(self) -> dict[str, Any]:
        """Returns what a race or a command ends with."""
        return self._answer()

    def wait(self) -> None:
        """Waits until the process has gone."""
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            words = self._errors.read().strip().splitlines()
            raise ContestantFailedError(words[-1] if words else f"exit {self._process.returncode}")
        return json.loads(line)
