"""What the course's three decays share: they count in epochs."""

from typing import Any, Self

from keras import ops

from tfcourse import checked
from tfcourse.schedules.schedule import Rates, Schedule, Steps, Training


class EpochDecay(Schedule):
    """What the three decays share: the initial rate, and the epochs that have passed.

    Examples:
        >>> class Halving(tfcourse.schedules.EpochDecay):
        ...     def __call__(self, step):
        ...         return self.initial_learning_rate * 0.5 ** self.epochs(step)
        >>> tfcourse.schedules.values(Halving(0.1, steps_per_epoch=2), 4)
        array([0.1 , 0.1 , 0.05, 0.05], dtype=float32)
    """

    def __init__(
        self, initial_learning_rate: float, steps_per_epoch: int, continuous: bool = False
    ) -> None:
        self.initial_learning_rate = checked.number("initial_learning_rate", initial_learning_rate)
        self.steps_per_epoch = checked.count("steps_per_epoch", steps_per_epoch)
        self.continuous = checked.flag("continuous", continuous)

    @classmethod
    def of(cls, learning_rate: float, training: Training, **hyperparameters: Any) -> Self:
        return cls(
            learning_rate,
            training.steps_per_epoch,
            continuous=training.continuous,
            **hyperparameters,
        )

    def epochs(self, step: Steps) -> Rates:
        """Returns the epochs before `step`: whole ones, or with a fraction if `continuous`."""
        if self.continuous:
            return ops.cast(step, "float32") / self.steps_per_epoch
        # Divided as integers: float32 rounds steps beyond 2**24, and quotients before that.
        return ops.cast(step // self.steps_per_epoch, "float32")

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "steps_per_epoch": self.steps_per_epoch,
            "continuous": self.continuous,
        }
