"""The doctor, which draws pictures and so loads only when it is called."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import keras

from tfcourse import batching

if TYPE_CHECKING:
    from tfcourse.diagnosis import Diagnosis


def diagnose(
    model: keras.Model,
    data: batching.Data,
    *,
    batch_size: int | Literal["full"],
    seed: int,
    checks: Iterable[str] | None = None,
) -> "Diagnosis":
    """Looks for what keeps `model` from training well; see `tfcourse.diagnosis.diagnose`."""
    from tfcourse import diagnosis

    return diagnosis.diagnose(model, data, batch_size=batch_size, seed=seed, checks=checks)
