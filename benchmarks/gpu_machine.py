"""Where the checks of a GPU run their commands, which share trainings and an end."""

import collections
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from typing import Any

from tfcourse.system import files


class NotRunError(Exception):
    """A check can't be made here; the message says why."""


class FailedError(Exception):
    """A check came out otherwise than it must."""


@dataclasses.dataclass
class Machine:
    """Where the checks run, and how large they are."""

    folder: pathlib.Path
    smoke: bool
    end: float  # `time.monotonic()` at which nothing more begins.
    gpus: list[str] = dataclasses.field(default_factory=list)
    # Checks that run side by side share trainings.
    locks: dict[str, threading.Lock] = dataclasses.field(
        default_factory=lambda: collections.defaultdict(threading.Lock)
    )

    def run(self, *words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Returns a command that has ended with `code`."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise NotRunError("no time was left")
        try:
            done = subprocess.run(
                [sys.executable, *map(str, words)],
                capture_output=True,
                text=True,
                timeout=left,
                encoding="utf-8",
            )
        except subprocess.TimeoutExpired:
            raise FailedError("no time was left to end it") from None
        if done.returncode != code:
            last = (done.stderr.strip().splitlines() or ["nothing on stderr"])[-1]
            raise FailedError(f"exit code {done.returncode}, expected {code}: {last[:300]}")
        return done

    def train_command(self, name: str, *flags: str) -> list[str]:
        """Returns the arguments of Python that train in the folder `name`."""
        data = os.environ.get("TFCOURSE_MNIST_DIR")
        folder = [f"--data_dir={data}"] if data and not self.smoke else []
        chosen = f"--dataset={'digits' if self.smoke else 'mnist'}"
        return [
            "-m",
            "recipes.mnist_softmax",
            chosen,
            *folder,
            *flags,
            f"--run_dir={self.path(name)}",
        ]

    def train(self, name: str, *flags: str) -> dict[str, Any]:
        """Returns metrics.json of a training in the folder `name`, which is done once."""
        with self.locks[name]:
            if not (self.path(name) / "metrics.json").exists():
                self.run(*self.train_command(name, *flags))
        return json.loads((self.path(name) / "metrics.json").read_text(encoding="utf-8"))

    def path(self, name: str) -> pathlib.Path:
        return self.folder / name

    def weights(self, name: str) -> str:
        return files.sha256(self.path(name) / "weights.arrays")

    def needs_gpu(self) -> None:
        if not self.gpus:
            raise NotRunError("it needs 1 GPU")
