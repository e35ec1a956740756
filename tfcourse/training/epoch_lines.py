"""What training prints of its epochs: of hundreds of short ones, about ten."""

import time
from typing import Any

import keras

# Up to so many epochs are all shown; of more that are short, so many.
_ALL, _SOME = 20, 10
_SHORT_SECONDS = 1.0


class EpochLines(keras.callbacks.ProgbarLogger):
    """Keras's lines of progress; of more than 20 epochs of less than a second, every n-th.

    The first, the last, and whatever follows a longer epoch are shown, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown = True
        self._entered_at = 0.0
        self._seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        every = 1 if self.epochs <= _ALL else -(-self.epochs // _SOME)
        due = epoch == 0 or epoch + 1 == self.epochs or (epoch + 1) % every == 0
        self._shown = due or self._seconds >= _SHORT_SECONDS
        self._entered_at = time.perf_counter()
        if self._shown:
            super().on_epoch_begin(epoch, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._shown:
            super().on_train_batch_end(batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._seconds = time.perf_counter() - self._entered_at
        if self._shown:
            super().on_epoch_end(epoch, logs)
