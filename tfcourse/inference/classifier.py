"""Loads a trained model from a run directory, without running code from it."""

import contextlib
import dataclasses
import functools
import importlib
import importlib.util
import math
import os
import pathlib
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy import special

from tfcourse import datasets, run_directory, training
from tfcourse import hyperparameters as hp
from tfcourse.datasets import memory
from tfcourse.datasets.dataset import Preprocessing
from tfcourse.datasets.examples import FloatArray
from tfcourse.datasets.streamed import StreamedFeatures
from tfcourse.datasets.tables.targets import NumericTarget
from tfcourse.inference import records
from tfcourse.inference.records import NotARunError, RunFileError
from tfcourse.system import files, machine, out_of_memory
from tfcourse.training.checkpoints import saved_arrays
from tfcourse.training.outputs import check_outputs

# Besides the weights, the optimizer may have twice as much; metrics and counters are small.
_TIMES_WEIGHTS = 4
_OTHER_BYTES = 1 << 20
_OTHER_VARIABLES = 40
# Examples of the stand-in if the run does not record how many it had.
_EXAMPLES = 1000
_OURS = re.compile(r"recipes\.[A-Za-z_]\w*", re.ASCII)


@dataclasses.dataclass(frozen=True, eq=False)
class Classifier:
    """A trained model for classes or a quantity, with everything needed to use it.

    Attributes:
        model: takes preprocessed examples; returns logits, or one number for a quantity.
        record: the texts of its run directory.
    """

    model: keras.Model
    record: records.RunRecord

    @property
    def preprocessing(self) -> Preprocessing:
        """Has `transform` for raw values in memory, and `read` for files; see `datasets`."""
        return self.record.preprocessing

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the probabilities; empty for a quantity."""
        return self.preprocessing.class_names

    @property
    def target(self) -> NumericTarget | None:
        """The quantity that the model predicts; `None` for classes."""
        return self.preprocessing.target

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example, such as (28, 28, 1)."""
        return self.preprocessing.input_shape

    def probabilities(self, features: FloatArray | StreamedFeatures) -> npt.NDArray[np.float64]:
        """Returns [examples, classes], each row in [0, 1] with sum 1.

        Args:
            features: [examples, *input_shape], as returned by `preprocessing`.
        """
        if self.target:
            raise ValueError("The model predicts a quantity: use `predictions`.")
        return special.softmax(self._outputs(features).astype(np.float64), axis=1)

    def predictions(self, features: FloatArray | StreamedFeatures) -> npt.NDArray[np.float64]:
        """Returns the quantity [examples], in its own units.

        Args:
            features: as for `probabilities`.
        """
        if self.target is None:
            raise ValueError("The model predicts classes: use `probabilities`.")
        return self.target.in_units(self._outputs(features)[:, 0])

    def _outputs(self, features: FloatArray | StreamedFeatures) -> npt.NDArray[Any]:
        count, *shape = features.shape
        if tuple(shape) != self.input_shape or not count:
            raise ValueError(
                f"`features` must be preprocessed examples, each of shape {self.input_shape}. "
                f"Received: shape {features.shape}"
            )
        return self._evaluator.predict(features)

    @functools.cached_property
    def _evaluator(self) -> training.Evaluator:
        return training.Evaluator(self.model)


def load_run(path: os.PathLike[str] | str, recipe: str | None = None) -> Classifier:
    """Returns the `Classifier` of a run directory, with the weights of the best epoch.

    The recipe's `build` makes the model from the recorded flags, and its weights are set from the
    plain arrays in weights.arrays. Neither model.keras nor a checkpoint is opened. The random seed
    and TensorFlow's determinism are set, as before a training.

    Args:
        path: a run directory; for a sweep's, its best trial is loaded.
        recipe: the module that made the run, which is imported by this name. `None` means the one
            named in flags.txt, which must be in the package `recipes`.

    Raises:
        NotARunError: `path` is not a run of a classifier, or its recipe is unknown.
        RunFileError: a text file of the run is damaged or malicious.
        training.CheckpointError: weights.arrays is missing, damaged, malicious or another model's.
    """
    record = records.read(path)
    module, kind = _recipe(record, recipe)
    hyperparameters = _hyperparameters(record, kind)
    weights = record.path / "weights.arrays"
    model = _built(record, module.build, hyperparameters, _limits(weights))
    training.load_weights(model, weights)
    return Classifier(model, record)


def _limits(weights: pathlib.Path) -> tuple[int, int]:
    """Returns the most bytes and variables that the model for a weights file may have.

    Anyone can claim a huge layer in flags.txt, but must then send its weights too.
    """
    if not weights.is_file():
        raise training.CheckpointError(f"{weights} is missing: the run is not finished")
    try:
        num_variables = saved_arrays.num_arrays(weights)
    except (OSError, saved_arrays.DamagedError) as error:
        raise training.CheckpointError(f"{weights} can't be loaded: {error}") from None
    num_bytes = _TIMES_WEIGHTS * weights.stat().st_size + _OTHER_BYTES
    # A sparse file can claim any size without using the disk.
    num_bytes = min(num_bytes, int(memory.SHARE * machine.available_bytes()))
    return num_bytes, _TIMES_WEIGHTS * num_variables + _OTHER_VARIABLES


def _recipe(record: records.RunRecord, name: str | None) -> tuple[ModuleType, type]:
    """Returns the recipe's module and its class of hyperparameters."""
    module_name = name or record.recipe
    if name is None and not _OURS.fullmatch(module_name):
        raise NotARunError(
            f"{record.path} was made by {module_name!r}, and a file may only name modules of "
            f"`recipes` to import. If you trust that module, add `recipe={module_name}`"
        )
    try:
        found = importlib.util.find_spec(module_name)
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise NotARunError(
            f"{record.path} was made by the recipe {module_name!r}, which is not there; name the "
            "module that made it, such as `recipe=my_recipe`"
        )
    module = importlib.import_module(module_name)
    kinds = [
        item
        for item in vars(module).values()
        if isinstance(item, type)
        and issubclass(item, hp.Hyperparameters)
        and item.__module__ == module.__name__
    ]
    if len(kinds) != 1 or not callable(getattr(module, "build", None)):
        raise NotARunError(
            f"{record.path}: {module_name} has no `build` with one class of hyperparameters, so "
            "its runs hold no classifier"
        )
    return module, kinds[0]


def _hyperparameters(record: records.RunRecord, kind: type) -> hp.Hyperparameters:
    """Returns an instance of `kind` with the recorded values, and defaults for the rest."""
    values, flags = {}, record.path / run_directory.FLAGS
    for name, declaration in hp.declarations(kind).items():
        if name in record.flags:
            try:
                values[name] = declaration.parse(record.flags[name][-1])
            except ValueError as error:
                raise RunFileError(f"{flags} is damaged: {name} {_short(error)}") from None
    try:
        return kind(**values)
    except ValueError as error:
        raise RunFileError(f"{flags} is damaged: {_short(error)}") from None


def _short(error: Exception) -> str:
    return files.first_line(error)[:300]


def _built(
    record: records.RunRecord,
    build: Callable[..., keras.Model],
    hyperparameters: hp.Hyperparameters,
    limits: tuple[Any, ...],
) -> keras.Model:
    """Returns the model from `build`, before its weights are set."""
    policy = keras.config.dtype_policy()
    try:
        with _at_most(*limits):
            model = build(hyperparameters, _stand_in(record), 0)
            if not model.built:  # Subclassed models need a call.
                model(tf.zeros((1, *record.preprocessing.input_shape)))
            check_outputs(model, of_recipe=True)
    except Exception as error:
        if out_of_memory.is_out_of_memory(error):
            raise
        raise RunFileError(f"{record.path}: its model can't be built: {_short(error)}") from None
    finally:
        keras.config.set_dtype_policy(policy)  # The recipe has changed it globally.
    example = keras.KerasTensor((None, *record.preprocessing.input_shape))
    shape = model.compute_output_spec(example).shape
    num_classes = len(record.preprocessing.class_names)
    if shape != (None, num_classes or 1):
        wanted = f"a logit for each of {num_classes} classes" if num_classes else "one number"
        raise RunFileError(f"{record.path}: its model returns {shape}, not {wanted}")
    return model


def _stand_in(record: records.RunRecord) -> datasets.Dataset:
    """Returns a `Dataset` that looks like the training data but takes no memory."""
    preprocessing = record.preprocessing
    # A recipe may choose its network by the number of examples.
    examples = record.metrics.get("train_examples")
    if type(examples) is not int or not 0 < examples < 1 << 40:
        examples = _EXAMPLES
    split = datasets.Split(
        np.broadcast_to(np.float32(0), (1, *preprocessing.input_shape)),
        np.broadcast_to(np.int32(0), examples),
    )
    return datasets.Dataset(
        name="stand-in",
        train=split,
        validation=split,
        test=split,
        class_names=preprocessing.class_names,
        origin=preprocessing.source,
        preprocessing=preprocessing,
        target=preprocessing.target,
    )


@contextlib.contextmanager
def _at_most(num_bytes: int, num_variables: int) -> Iterator[None]:
    """Context: raises an error if a model needs more variables or bytes, before they are made."""
    bytes_left, variables_left = num_bytes, num_variables

    def create(next_creator: Callable[..., tf.Variable], **arguments: Any) -> tf.Variable:
        nonlocal bytes_left, variables_left
        value = arguments["initial_value"]
        if callable(value):
            with tf.Graph().as_default():  # Values take no memory here.
                symbolic = value()
            bytes_left -= math.prod(symbolic.shape) * symbolic.dtype.size
        variables_left -= 1
        if bytes_left < 0 or variables_left < 0:
            raise RunFileError(
                f"it takes more than {num_bytes:,} bytes or {num_variables:,} variables, and the "
                "file of its weights does not hold so many"
            )
        return next_creator(**arguments)

    with tf.variable_creator_scope(create):
        yield
