"""What training prints: one row per epoch; of many short epochs, about ten rows."""

import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

import keras

_COLUMNS = 80
# Up to this many epochs, all have a row; of more epochs, this many, and one after a pause.
_ALL, _SOME = 20, 10
_AT_LEAST_SECONDS = 10.0
_KNOWN_SECONDS = 5.0  # The time left is shown after this.


class EpochLines(keras.callbacks.Callback):
    """Prints a row per epoch below a row of titles; on a terminal, also a progress line.

    If there are more than 20 epochs, it shows every n-th, the first, the last and the best one, and
    at least one every ten seconds. history.csv has all of them.

    Args:
        live: whether to draw a progress line with the current step and, once it is known, the time
            left.

    Attributes:
        best_epoch: function that returns the best epoch so far, counted from 1, or `None`.
    """

    def __init__(self, live: bool = False) -> None:
        super().__init__()
        self.best_epoch: Callable[[], int | None] = lambda: None
        self._live = live and sys.stdout.isatty()
        self._drawn = 0
        self._titles: list[str] = []
        self._row = self._best_row = ""  # The latest and the best, if not shown yet.
        self._shown_at = float("-inf")
        self._entered_at = 0.0
        self._epoch = 0
        self._known_from: tuple[float, float] | None = None  # A time, and the epochs done by then.

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch, self._entered_at = epoch, time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._known_from is None:
            self._draw("compiling the first step")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if not self._live:
            return
        epochs, steps = self.params["epochs"], self.params["steps"]
        parts = [f"epoch {self._epoch + 1}/{epochs}", f"step {batch + 1}/{steps}"]
        parts += [f"loss {_number(logs['loss'])}"] if logs and "loss" in logs else []
        done = self._epoch + (batch + 1) / steps
        self._draw(", ".join([*parts, *self._time_left(done)]))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        now = time.perf_counter()
        values = {n: v for n, v in (logs or {}).items() if isinstance(v, float)}
        if not self._titles:
            self._begin(values)
        cells = [f"{epoch + 1}/{self.params['epochs']}"]
        cells += [_number(values[name]) if name in values else "" for name in self._titles[1:-1]]
        self._row = self._line([*cells, f"{now - self._entered_at:.1f}"])
        if self.best_epoch() == epoch + 1:
            self._best_row = self._row
        if self._is_due(epoch, now):
            self._show(now)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.clear()
        if self._row:
            self._show(time.perf_counter())
        if self._best_row:
            print(f"best epoch:\n{self._best_row}", flush=True)

    def clear(self) -> None:
        """Erases the progress line, so that the next output starts on an empty line."""
        if self._drawn:
            print(" " * self._drawn, end="\r", flush=True)
        self._drawn = 0

    def _begin(self, values: dict[str, Any]) -> None:
        """Prints the titles of as many columns as fit; losses come first."""
        by_room = sorted(values, key=lambda name: name not in ("loss", "val_loss"))
        in_order = sorted(by_room, key=_group)
        chosen: list[str] = []
        for name in by_room:
            fitting = [n for n in in_order if n in (*chosen, name)]
            if len(self._line(self._header(fitting), self._header(fitting))) <= _COLUMNS:
                chosen.append(name)
        self._titles = self._header([name for name in in_order if name in chosen])
        self.clear()
        print(self._line(self._titles), flush=True)
        if len(chosen) < len(values):
            print(f"and {len(values) - len(chosen)} more metrics that do not fit here")

    def _header(self, names: list[str]) -> list[str]:
        return ["epoch".rjust(2 * len(str(self.params["epochs"])) + 1), *names, "seconds"]

    def _line(self, cells: list[str], titles: list[str] | None = None) -> str:
        widths = [max(len(title), 8) for title in titles or self._titles]
        return "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))

    def _is_due(self, epoch: int, now: float) -> bool:
        epochs = self.params["epochs"]
        every = 1 if epochs <= _ALL else -(-epochs // _SOME)
        waited = now - self._shown_at >= _AT_LEAST_SECONDS  # Also before the first epoch.
        return (epoch + 1) % every == 0 or epoch + 1 == epochs or waited

    def _show(self, now: float) -> None:
        self.clear()
        print(self._row, flush=True)
        if self._best_row == self._row:
            self._best_row = ""
        self._row, self._shown_at = "", now

    def _draw(self, text: str) -> None:
        if self._live:
            text = text[: min(shutil.get_terminal_size().columns, _COLUMNS) - 1]
            # So that other output starts at the left.
            print(text.ljust(self._drawn), end="\r", flush=True)
            self._drawn = max(len(text), self._drawn)

    def _time_left(self, done: float) -> list[str]:
        """Returns the estimated time left, by the pace since the first step, which compiles."""
        now = time.perf_counter()
        if self._known_from is None:
            self._known_from = now, done
        since, before = self._known_from
        if now - since < _KNOWN_SECONDS or done <= before:
            return []
        left = (self.params["epochs"] - done) * (now - since) / (done - before)
        minutes, seconds = divmod(round(left), 60)
        return [f"about {minutes}:{seconds:02} left"]


def _group(name: str) -> int:
    return 2 if name == "learning_rate" else int(name.startswith("val_"))


def _number(value: float) -> str:
    """Returns a number with four decimals; very small and large ones with four digits."""
    plain = value == 0.0 or 1e-3 <= abs(value) < 1e4
    return f"{value:.4f}" if plain else f"{value:.2e}"
