"""The first steps of a training, which most checks examine: recorded, repeated and undone.

The training split is divided into two halves. A model is trained on each, from the same start, so
that every example is judged by a model that has not seen it.
"""

import contextlib
import dataclasses
import math
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfcourse import batching
from tfcourse.diagnosis.examples import Floats, Labels, Rows, take
from tfcourse.training.checkpoints import checkpoint
from tfcourse.training.compilation.stepping import RateTable
from tfcourse.training.keras_internals import following, inner_of, schedule_of

if TYPE_CHECKING:
    from tfcourse.diagnosis.subject import Subject

State = dict[str, npt.NDArray[Any]]

STEPS = 150
KEPT = (0, 1, 10, 100)  # Steps after which the state is kept.
_UPDATES = (2, 5, 10, 20, 30, 50, 70, 100)  # Steps whose updates are measured.
# Steps at which the rate of a schedule is evaluated.
_SCHEDULED = np.unique(np.geomspace(1, 1e5, 200).astype(int)) - 1


@dataclasses.dataclass(frozen=True)
class Course:
    """The record of a short training.

    Attributes:
        rows: the rows of the training split that were trained on.
        losses: [steps], the loss of each batch before its step; ends if one is not finite.
        states: all variables by the number of steps; those after the last step have the key -1.
        updates: by kernel that is not 0 at first, {step: norm of its change relative to its own}.
    """

    rows: Rows
    losses: Floats
    states: dict[int, State]
    updates: dict[str, dict[int, float]]

    @property
    def end(self) -> State:
        """All variables after the last step."""
        return self.states[-1]


class Program:
    """A training step of the subject's model, traced once, as the model is called at that time."""

    def __init__(self, subject: "Subject") -> None:
        self._subject, model = subject, subject.model
        self._step = model.train_step
        if not model.run_eagerly:
            specs = tuple(
                tf.TensorSpec([None, *array.shape[1:]], array.dtype) for array in subject.batch
            )
            # Calling the `tf.function` itself would warn if a process trains several models.
            self._step = tf.function(model.train_step).get_concrete_function(specs)

    def train(
        self,
        rows: Rows,
        num_steps: int = STEPS,
        *,
        batch_size: int | None = None,
        zeroed: bool = False,
        kept: Collection[int] = (),
        enough: float = -math.inf,
    ) -> Course:
        """Takes steps from the current state.

        Args:
            rows: rows of the training split.
            batch_size: by default the subject's, or all rows if there are fewer.
            zeroed: whether to set all features to 0.
            kept: numbers of steps after which to record the state.
            enough: a loss at which to stop.
        """
        model = self._subject.model
        variables = checkpoint.variables_of(model)
        kernels = {
            short_path(w.path): w
            for w in model.trainable_variables
            if len(w.shape) >= 2 and w.numpy().any()
        }
        losses: list[float] = []
        states = {0: checkpoint.arrays_of(variables)} if 0 in kept else {}
        updates: dict[str, dict[int, float]] = {name: {} for name in kernels}
        batches = self._batches(rows, batch_size or self._subject.batch_size, zeroed)
        for step in range(1, num_steps + 1):
            measured = kept and step in _UPDATES
            before = {n: w.numpy().astype(float) for n, w in kernels.items()} if measured else {}
            loss = self._take_step(next(batches))
            for name, old in before.items():
                change = np.linalg.norm(kernels[name].numpy() - old)
                updates[name][step] = float(change / max(float(np.linalg.norm(old)), 1e-30))
            losses.append(loss)
            if step in kept:
                states[step] = checkpoint.arrays_of(variables)
            if not math.isfinite(loss) or loss < enough:
                break
        states[-1] = checkpoint.arrays_of(variables)
        return Course(rows, np.array(losses), states, updates)

    def _take_step(self, batch: tuple[Floats, Labels]) -> float:
        self._subject.model.reset_metrics()
        logs = self._step(tuple(map(tf.convert_to_tensor, batch)))
        return float(logs["loss"])

    def _batches(
        self, rows: Rows, batch_size: int, zeroed: bool
    ) -> Iterator[tuple[Floats, Labels]]:
        size, epoch = min(batch_size, len(rows)), 0
        while True:
            order = np.asarray(batching.epoch_permutation(len(rows), self._subject.seed, epoch))
            for start in range(0, len(rows) - size + 1, size):
                chosen = rows[order[start : start + size]]
                features, labels = take(self._subject.data.train, chosen)
                yield (np.zeros_like(features) if zeroed else features), labels
            epoch += 1


class ShortTraining:
    """The trainings that several checks share, each run when it is first needed."""

    def __init__(self, subject: "Subject") -> None:
        self._subject = subject
        self._program: Program | None = None
        self._courses: dict[str, Course] = {}
        order = np.random.default_rng(subject.seed).permutation(subject.num_examples)
        middle = (len(order) + 1) // 2
        self._rows = {"first": order[:middle], "second": order[middle:], "zeroed": order[:middle]}

    def course(self, name: str) -> Course:
        """Returns the training on the "first" or "second" half, or the first one "zeroed"."""
        if name not in self._courses:
            self._subject.put_back()
            self._program = self._program or Program(self._subject)
            kept = KEPT if name == "first" else ()
            self._courses[name] = self._program.train(
                self._rows[name], zeroed=name == "zeroed", kept=kept
            )
        return self._courses[name]


def rate_at(subject: "Subject", step: int) -> float:
    """Returns the learning rate of a step, counted from 1."""
    schedule = schedule_of(subject.model.optimizer)
    return highest_rate(subject) if schedule is None else float(schedule(step - 1))


def highest_rate(subject: "Subject") -> float:
    """Returns the learning rate; for a schedule, the highest one."""
    schedule = schedule_of(subject.model.optimizer)
    if schedule is None:
        return float(inner_of(subject.model.optimizer).learning_rate)
    return max(float(schedule(step)) for step in _SCHEDULED.tolist())


@contextlib.contextmanager
def at_rate(subject: "Subject") -> Iterator[RateTable]:
    """Context: the learning rate is constant, and set by assigning to the yielded variable."""
    table = RateTable(1)
    with following(subject.model.optimizer, table):
        yield table


def short_path(path: str) -> str:
    """Returns the name of a variable without that of its model: "hidden_1/kernel"."""
    return "/".join(path.split("/")[-2:])
