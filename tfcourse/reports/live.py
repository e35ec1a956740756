"""A picture of a training in a notebook, updated while the cell runs.

Import it by its full name, because Keras takes seconds to load:

    from tfcourse.reports.live import LiveCurves
"""

import io
import time
from collections.abc import Callable
from typing import BinaryIO

import keras
from IPython.display import DisplayHandle, Image

from tfcourse.reports.curves import History, draw_history

Logs = dict[str, float] | None

_SHARE_OF_TIME = 0.2  # For drawing.


class LivePicture:
    """One output of a cell, updated so that drawing takes at most a fifth of the time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._handle: DisplayHandle | None = None
        self._due = -float("inf")

    def show(self, draw: Callable[[BinaryIO], None], *, last: bool = False) -> None:
        """Shows the picture that `draw(file)` writes, if an update is due or this is the `last`."""
        begun = self._clock()
        if begun < self._due and not last:
            return
        file = io.BytesIO()
        draw(file)
        image = Image(data=file.getvalue(), format="png")
        if self._handle is None:
            self._handle = DisplayHandle()
            self._handle.display(image)
        else:
            self._handle.update(image)
        now = self._clock()
        self._due = now + (now - begun) * (1 / _SHARE_OF_TIME - 1)


class LiveCurves(keras.callbacks.Callback):
    """Shows loss and accuracy by epoch in the notebook: `fit(..., callbacks=[LiveCurves()])`."""

    not_kept = ("_picture",)  # A resumed training draws it again from the history.

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        super().__init__()
        self._clock = clock

    def on_train_begin(self, logs: Logs = None) -> None:
        self._picture = LivePicture(self._clock)
        self._history: History = {"epoch": []}

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._history["epoch"].append(epoch + 1)
        for name, value in (logs or {}).items():
            self._history.setdefault(name, []).append(value)
        self._picture.show(self._draw)

    def on_train_end(self, logs: Logs = None) -> None:
        if self._history["epoch"]:
            self._picture.show(self._draw, last=True)

    def _draw(self, file: BinaryIO) -> None:
        draw_history(self._history, file)
