"""What is compiled to train a model, and how trainings of one process share it.

Compiling takes longer than a short training. In a sweep many of them differ only in what lies in
variables: weights, slots, seeds, learning rates. Inside `shared_programs` such a training lends its
weights to the model whose program is there already, and takes them back when it is done.
"""

import collections
import contextlib
import json

import keras

from tfcourse.training import in_memory, streaming
from tfcourse.training.evaluation import Evaluator
from tfcourse.training.stepping import RateTable, copy_state

_MAX_PROGRAMS = 4
_shared = None  # {key: Program}, the one used last at the end; `None` while nothing is shared.


class Program:
    """The compiled training steps and the compiled evaluation of one model.

    Args:
        model: compiled and built `keras.Model`.
        table: `RateTable` that its optimizer follows, or `None`.
        class_weights: float32 [classes] or `None`.

    Attributes:
        schedule: what the table is to hold in the next training.
        is_alone: whether no other process takes part in the training.
        is_chief: whether this process, of all that take part, writes the results.
    """

    is_alone = is_chief = True

    def __init__(self, model, table=None, class_weights=None):
        self.model = model
        self.evaluator = Evaluator(model)
        self.schedule = None
        self._table = table
        self._class_weights = class_weights
        self._steps = None
        self._is_fresh = True

    def steps(self, split, batch_size, seed, path):
        """Returns what takes the steps; a second time in one training, it is made anew."""
        if self._steps is not None and self._is_fresh:
            self._steps.seed = seed
        else:
            # A run may have begun on a machine in whose memory the data fitted.
            fits = path["in_memory"] and not hasattr(split.features, "read")
            kind = in_memory.InMemorySteps if fits else streaming.StreamingSteps
            self._steps = kind(
                self.model,
                split,
                batch_size,
                seed,
                jit_compile=path["xla"],
                class_weights=self._class_weights,
            )
        self._is_fresh = False
        return self._steps

    def newest(self, checkpoints):
        """Returns `(arrays, state)` to go on from, or `None`."""
        return checkpoints.newest()

    @contextlib.contextmanager
    def standing_in_for(self, model):
        """While it is open, the program's model has the state of `model`, which gets it back."""
        if self._table is not None:
            self._table.set_to(self.schedule)
        if self.model is not model:
            copy_state(model, self.model)
        self._is_fresh = True
        try:
            yield
        finally:
            if self.model is not model:
                copy_state(self.model, model)
                model.history = self.model.history
                model.stop_training = self.model.stop_training


@contextlib.contextmanager
def shared_programs():
    """Lets trainings inside share programs; a model that `fit` has trained may be used again.

    Programs outlive the context, up to four of them, for the next one.
    """
    global _shared
    before, _shared = _shared, _kept
    try:
        yield
    finally:
        _shared = before


_kept = collections.OrderedDict()


def program_for(model, split, batch_size, num_steps, path, class_weights=None):
    """Returns the `Program` that trains `model`, new or shared.

    Args:
        model: compiled and built `keras.Model`.
        split: the training set.
        batch_size: int.
        num_steps: int, steps of the whole training.
        path: dict, how the steps are taken.
        class_weights: float32 [classes] or `None`.
    """
    key = (
        _key(model, split, batch_size, num_steps, path, class_weights)
        if _shared is not None
        else None
    )
    if key is None:
        return Program(model, class_weights=class_weights)
    optimizer = model.optimizer
    rate = optimizer._learning_rate
    scheduled = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
    if key not in _shared:
        table = RateTable(_padded(num_steps)) if scheduled else None
        if scheduled:
            optimizer._learning_rate = table
        _shared[key] = Program(model, table, class_weights)
    _shared[key].schedule = rate
    _shared.move_to_end(key)
    while len(_shared) > _MAX_PROGRAMS:
        _shared.popitem(last=False)
    return _shared[key]


def forget_shared_programs():
    """Drops all programs that are kept."""
    _kept.clear()


def _padded(num_steps):
    """Returns a power of two beyond `num_steps`, so that trainings of other lengths fit too."""
    return 1 << num_steps.bit_length()


def _key(model, split, batch_size, num_steps, path, class_weights):
    """Returns all that a program has as constants, as a text; `None` where that can't be told."""
    if not path["in_memory"]:
        return None
    try:
        compiled = model.get_compile_config()
        settings = compiled["optimizer"]["config"]
        rate = settings.pop("learning_rate")
        described = [
            type(model).__name__,
            model.get_config(),
            compiled,
            id(split.features),
            batch_size,
            _padded(num_steps) if isinstance(rate, dict) else None,
            path,
            None if class_weights is None else class_weights.tolist(),
        ]
        text = json.dumps(described, sort_keys=True)
        # Keras numbers the layers that a process has made: they are told by their position.
        for position, layer in enumerate(model._flatten_layers()):
            text = text.replace(f'"{layer.name}"', f'"layer {position}"')
        return text
    except (AttributeError, KeyError, NotImplementedError, TypeError, ValueError):
        return None
