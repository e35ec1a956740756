"""What can be changed of an optimizer while it trains."""

import keras

_DECAY_RATES = ("beta", "beta_1", "beta_2")


class ScaledSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule times a constant factor."""

    def __init__(self, schedule, factor):
        self.schedule = schedule
        self.factor = factor

    def __call__(self, step):
        return self.schedule(step) * self.factor

    def get_config(self):
        return {"schedule": self.schedule, "factor": self.factor}


class OptimizerSettings:
    """The rate's factor and the betas of an optimizer, read and set; its slots stay.

    All but a constant learning rate are constants of a compiled program: after `set` or
    `restore` the training step has to be traced anew.

    Args:
        optimizer: built `keras.optimizers.Optimizer`.
    """

    def __init__(self, optimizer):
        self._optimizer = optimizer
        rate = optimizer._learning_rate
        scheduled = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
        self._schedule = rate if scheduled else None
        self._factor = 1.0

    def state(self):
        """Returns the settings that are not variables, JSON-able."""
        betas = {
            n: getattr(self._optimizer, n) for n in _DECAY_RATES if hasattr(self._optimizer, n)
        }
        return {"learning_rate_factor": self._factor, **betas}

    def restore(self, state):
        """Sets what `state` returned; the slots are as they were saved with it."""
        for name, value in state.items():
            if name == "learning_rate_factor":
                self._scale(value)
            else:
                setattr(self._optimizer, name, value)

    def set(self, name, value):
        """Sets one setting from here on.

        A new rate under a schedule scales the schedule. A new decay rate of an average of
        gradients keeps the average itself: what is stored is a sum, `1 / (1 - beta)` times it.

        Raises:
            ValueError: the optimizer has no such setting, or the rate can't be scaled.
        """
        optimizer = self._optimizer
        if name == "learning_rate" and self._schedule is None:
            optimizer.learning_rate = value
        elif name == "learning_rate":
            scheduled = float(self._schedule(optimizer.iterations))
            if not scheduled > 0.0:
                raise ValueError(f"the schedule's rate is {scheduled} here and can't be scaled")
            self._scale(value / scheduled)
        elif hasattr(optimizer, name):
            before = getattr(optimizer, name)
            setattr(optimizer, name, value)
            if name != "beta_2":
                for weighted_sum in getattr(optimizer, "_weighted_sums", ()):
                    weighted_sum.assign(weighted_sum * ((1.0 - before) / (1.0 - value)))
        else:
            raise ValueError(f"{optimizer.name} has no {name}")

    def _scale(self, factor):
        self._factor = factor
        if self._schedule is not None:
            scaled = ScaledSchedule(self._schedule, factor) if factor != 1.0 else self._schedule
            self._optimizer._learning_rate = scaled
