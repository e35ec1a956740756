"""The subject of a diagnosis: a compiled model and its data, restored after every check."""

import contextlib
import dataclasses
import functools
import random
from collections.abc import Iterator
from typing import Any, Literal, Self

import keras
import numpy as np
import tensorflow as tf

from tfcourse import batching, training_data
from tfcourse.diagnosis import interception
from tfcourse.diagnosis.examples import Floats, Labels, spread, take
from tfcourse.diagnosis.short_training import ShortTraining, State
from tfcourse.diagnosis.task import Task, task_of
from tfcourse.training import input_checks
from tfcourse.training.checkpoints import checkpoint
from tfcourse.training.evaluation import Evaluator
from tfcourse.training.keras_internals import build_for, inner_of

_SAMPLE = 1000  # Examples that are enough for a mean.


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """A model, its data, and what several checks need from both.

    Attributes:
        model: compiled and built, with one input and one output.
        data: has `train` and `validation`.
        batch_size: examples per step.
        seed: determines the order of the examples.
        task: the kind of the labels and the outputs.
        start: the initial state of all variables, to which the model is restored.
    """

    model: keras.Model
    data: training_data.Data
    batch_size: int
    seed: int
    task: Task
    start: State

    @classmethod
    def of(
        cls,
        model: keras.Model,
        data: training_data.Data,
        batch_size: int | Literal["full"],
        seed: int,
    ) -> Self:
        """Returns the subject for a compiled model; builds the model if necessary.

        Raises:
            ValueError: the model has several inputs or outputs, or is not compiled, or `batch_size`
                is out of range.
            DataError: a label or a feature is one that no training can use, as for `fit`.
        """
        input_checks.check_compiled(model)
        for what, given in (
            ("features", training_data.kept_features(data.train)),
            ("labels", data.train.labels),
        ):
            if isinstance(given, dict | tuple | list):
                raise ValueError(
                    f"diagnose takes a model with one input and one output. Received: {what} of "
                    f"type {type(given).__name__}"
                )
        if len(getattr(model, "outputs", None) or [None]) > 1:
            raise ValueError(
                "diagnose takes a model with one input and one output. Received: "
                f"{len(model.outputs)} outputs"
            )
        input_checks.check_data(data)
        input_checks.check_form_of_labels(model, data)
        size = batching.resolve_batch_size(batch_size, len(data.train.labels))
        build_for(model, training_data.first_examples(data.train, size))
        input_checks.check_labels(model, data)
        if getattr(data.train, "pixels", None) is None:  # Bytes are finite.
            input_checks.check_finite("train", data.train)
        start = checkpoint.arrays_of(checkpoint.variables_of(model))
        return cls(model, data, size, seed, task_of(model, data), start)

    def put_back(self, state: State | None = None) -> None:
        """Restores all variables of the model and its optimizer, by default to the start."""
        checkpoint.assign(checkpoint.variables_of(self.model), state or self.start)

    @contextlib.contextmanager
    def preserved(self) -> Iterator[None]:
        """Context: restores the model, its optimizer and the random states of Python and NumPy."""
        drawn, drawn_by_numpy = random.getstate(), np.random.get_state()
        try:
            yield
        finally:
            self.put_back()
            random.setstate(drawn)
            np.random.set_state(drawn_by_numpy)

    @property
    def is_trained(self) -> bool:
        """Whether the optimizer has taken steps already."""
        return int(inner_of(self.model.optimizer).iterations) > 0

    @functools.cached_property
    def batch(self) -> tuple[Floats, Labels]:
        """The first batch of training, features and labels."""
        order = np.asarray(batching.epoch_permutation(self.num_examples, self.seed, 0))
        return take(self.data.train, order[: self.batch_size])

    @functools.cached_property
    def examples(self) -> tuple[Floats, Labels]:
        """At most 1,000 examples of the training split."""
        return self._sample(self.data.train, _SAMPLE)

    @functools.cached_property
    def unseen(self) -> tuple[Floats, Labels]:
        """At most 2,000 examples of the validation split."""
        return self._sample(self.data.validation, 2 * _SAMPLE)

    def _sample(self, split: training_data.Split, most: int) -> tuple[Floats, Labels]:
        """Returns examples in random order: if sorted, a batch would have a single class."""
        rows = spread(len(split.labels), most)
        return take(split, np.random.default_rng(self.seed).permutation(rows))

    @functools.cached_property
    def short(self) -> ShortTraining:
        """The short training with the first steps."""
        return ShortTraining(self)

    @property
    def num_examples(self) -> int:
        """The number of training examples."""
        return len(self.data.train.labels)

    @functools.cached_property
    def _evaluator(self) -> Evaluator:
        return Evaluator(self.model)

    def predict(self, features: Floats) -> Floats:
        """Returns the outputs at inference, float32."""
        return self._evaluator.predict(features)

    def forward(self, features: Floats, *, training: bool) -> tf.Tensor:
        """Returns the outputs on one batch, without dropout and other noise."""
        with interception.without_noise(self.model):
            return self.model(tf.convert_to_tensor(features), training=training)

    def loss(self, outputs: Any, labels: Labels) -> tf.Tensor:
        """Returns the compiled loss of one batch, without penalties on weights."""
        labels = tf.convert_to_tensor(labels)
        model = self.model
        whole = model.compute_loss(None, labels, tf.convert_to_tensor(outputs))
        penalties = [tf.cast(each, whole.dtype) for each in model.losses]
        return whole - tf.add_n(penalties) if penalties else whole

    def mean_loss(self, features: Floats, labels: Labels, *, training: bool) -> float:
        """Returns the mean loss; in training mode batches are normalized by their own moments."""
        if not training:
            return float(self.loss(self.predict(features), labels))
        size = min(self.batch_size, len(labels))
        losses = [
            float(self.loss(self.forward(features[s : s + size], training=True), labels[s:][:size]))
            for s in range(0, len(labels) - size + 1, size)
        ]
        return float(np.mean(losses))
