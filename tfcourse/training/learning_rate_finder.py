"""Finds a learning rate in a few hundred steps: raises the rate until the loss diverges."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfcourse import averages, batching, training_data
from tfcourse.training import input_checks, learning_rate_rules
from tfcourse.training.checkpoints import checkpoint
from tfcourse.training.compilation.steps import InMemorySteps
from tfcourse.training.keras_internals import build_for, following, steps_of
from tfcourse.training.learning_rate_rules import Floats

# The average covers about 10 steps, half a decade of 150 from 1e-6 to 10; fastai's 0.98 covers
# 50, and would find the steepest place a decade or two too late.
_BETA = 0.9
# The loss has diverged if the smoothed loss is this many times its minimum, as in fastai.
_DIVERGED = 4.0


@dataclasses.dataclass(frozen=True)
class LearningRateCurve:
    """The loss at rising learning rates.

    Attributes:
        rates: float64 array [steps], evenly spaced on a log axis.
        losses: float64 array [steps], the loss of each batch before its step.
        smoothed: float64 array [steps], their bias-corrected exponentially weighted average.
        suggestions: `{rule: rate}` for the rules of `learning_rate_rules.RULES` that find a rate.
    """

    rates: Floats
    losses: Floats
    smoothed: Floats
    suggestions: Mapping[str, float]

    @property
    def suggestion(self) -> float | None:
        """The rate where `smoothed` falls most steeply, before its minimum, or `None`."""
        return self.suggestions.get("steep")


class _Rising(keras.optimizers.schedules.LearningRateSchedule):
    """`low * (high / low)^((step - first) / (num_steps - 1))`."""

    def __init__(self, low: float, high: float, num_steps: int, first: int) -> None:
        self._start, self._first = low, first
        self._growth = math.log(high / low) / (num_steps - 1)

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        return self._start * ops.exp(self._growth * ops.cast(step - self._first, "float32"))


def find_learning_rate(
    model: keras.Model,
    data: training_data.Data,
    *,
    batch_size: int | Literal["full"],
    seed: int,
    low: float = 1e-6,
    high: float = 10.0,
    num_steps: int = 150,
) -> LearningRateCurve:
    """Trains `model` at a rate that rises from `low` to `high`, then restores its state.

    It stops early if the smoothed loss is 4 times the smallest so far, or not finite. If the
    smallest is below 0, it stops after a rise of three times the first loss, or the smallest.

    Reference: the range test of Smith, 2015, https://arxiv.org/abs/1506.01186; the suggestion is
    fastai's `steep`, applied only before the smallest loss. It is a safe start, not an optimum: on
    MNIST with one_cycle, rates up to 10 times as high trained better in two epochs. The suggestions
    of fastai's other rules are returned too, for comparison.

    Args:
        model: compiled and built `keras.Model` with the stock `train_step`; its own learning rate
            or schedule does not matter.
        data: has `train` with `features` and `labels`.
        batch_size: int >= 1, or "full".
        seed: int, orders the examples.
        low: float > 0, the first rate.
        high: float > `low`, the last rate.
        num_steps: int >= 20.

    Returns:
        `LearningRateCurve`. All variables of `model` and its optimizer are as before.

    Raises:
        ValueError: an argument is out of range.
    """
    if not 0.0 < low < high < math.inf:
        raise ValueError(f"It takes 0 < `low` < `high`. Received: low={low}, high={high}")
    if num_steps < 20:
        raise ValueError(f"`num_steps` must be >= 20. Received: num_steps={num_steps}")
    input_checks.check_compiled(model)
    input_checks.check_split("data.train", getattr(data, "train", data))
    size = batching.resolve_batch_size(batch_size, len(data.train.labels))
    build_for(model, training_data.first_examples(data.train, size))
    variables = checkpoint.variables_of(model)
    before, optimizer = checkpoint.arrays_of(variables), model.optimizer
    rising = _Rising(low, high, num_steps, steps_of(optimizer))
    try:
        with following(optimizer, rising):
            losses = _losses(model, data.train, size, seed, num_steps)
    finally:
        checkpoint.assign(variables, before)
    rates = low * (high / low) ** (np.arange(len(losses)) / (num_steps - 1))
    smoothed = averages.exponentially_weighted_average(losses, _BETA, bias_correction=True)
    suggestions = learning_rate_rules.suggestions(rates, smoothed)
    return LearningRateCurve(rates, np.array(losses), smoothed, suggestions)


def _losses(
    model: keras.Model, split: training_data.Split, batch_size: int, seed: int, num_steps: int
) -> list[float]:
    """Returns the loss of each step, up to the last one before divergence."""
    # XLA would take longer to compile than all these steps take without it.
    steps = InMemorySteps(model, split, batch_size, seed, jit_compile=False)
    per_epoch = len(split.labels) // batch_size  # A smaller last batch would only add noise.
    average = averages.ExponentiallyWeightedAverage(_BETA, bias_correction=True)
    losses: list[float] = []
    smallest = math.inf
    for step in range(num_steps):
        epoch, place = divmod(step, per_epoch)
        if place == 0:
            steps.start_epoch(epoch)
        model.reset_metrics()
        steps.train(place, place + 1)
        loss = float(model.get_metrics_result()["loss"])
        if not math.isfinite(loss):
            break
        smoothed = float(average.update(loss))
        smallest = min(smallest, smoothed)
        # Below 0, where a loss like Poisson's may fall, a rise is compared with the first loss.
        first = losses[0] if losses else loss
        scale = smallest if smallest > 0 else max(abs(first), -smallest)
        if smoothed - smallest > (_DIVERGED - 1.0) * scale:
            break
        losses.append(loss)
    return losses
