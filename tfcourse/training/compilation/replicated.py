"""Training on several devices: each takes a part of every batch, and the gradients are summed.

Of a batch of b examples, device r takes b_r examples and computes the gradient of

    b_r / b * mean loss of its examples

These gradients add up to the gradient of the batch's mean loss, so a step equals that of a single
device, up to the order of additions. They are summed before the optimizer, which may clip the sum.
Batch normalization takes its moments over the whole batch. Anything that can't be combined like
this is an error. Keras's `fit` can't train on several machines (keras#20585), so the loop is
written out here.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfcourse import batching, layers, training_data
from tfcourse.training import class_weighting
from tfcourse.training.checkpoints import checkpoint, saved_arrays
from tfcourse.training.compilation import programs
from tfcourse.training.compilation.compiled import Compiled
from tfcourse.training.compilation.resident import resident
from tfcourse.training.keras_internals import (
    all_layers,
    build_for,
    decays,
    has_own_logs,
    inner_of,
    leave_gradients_unsummed,
    schedule_of,
)

_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)
_strategy: tf.distribute.Strategy | None = None


class WorkerLostError(Exception):
    """Another machine is gone; the message says how to continue."""

    exit_code = 5


@contextlib.contextmanager
def on_devices(strategy: tf.distribute.Strategy | None) -> Iterator[None]:
    """Context: trainings inside split each batch among a strategy's devices; `None` changes
    nothing.

    Args:
        strategy: `tf.distribute.MirroredStrategy`, `MultiWorkerMirroredStrategy` or `None`.
    """
    global _strategy
    before, _strategy = _strategy, strategy
    try:
        yield
    finally:
        _strategy = before


def current_strategy() -> tf.distribute.Strategy | None:
    """Returns the strategy of the innermost `on_devices`, or `None`."""
    return _strategy


def check_trainable(model: keras.Model) -> None:
    """Checks that several devices get the same results with `model` as one device.

    Raises:
        ValueError: names the part of the model whose results can't be combined.
    """
    optimizer = inner_of(model.optimizer)
    names = ("gradient_accumulation_steps", "ema_overwrite_frequency")
    refused = [f"optimizer.{name}" for name in names if getattr(optimizer, name, None)]
    for layer in all_layers(model):
        if isinstance(layer, layers.BatchNormalization) or getattr(layer, "renorm", False):
            refused.append(f"{layer.name}, whose moments are of a part; take Keras's, plain")
        elif _keeps_state(layer):
            refused.append(f"{layer.name}, which keeps numbers that are not trained")
        if isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False):
            refused.append(f"the mask of {layer.name}")
        if getattr(layer, "activity_regularizer", None):
            refused.append(f"activity_regularizer of {layer.name}")
    for loss in keras.tree.flatten(model.loss):
        reduction = getattr(loss, "reduction", "mean")
        if reduction not in ("sum_over_batch_size", "mean"):
            refused.append(f"a loss with reduction={reduction!r}")
    if {"call", "compute_loss"} & vars(model).keys():
        refused.append("methods put on a model itself, not on its class")
    if has_own_logs(model) or len(getattr(model, "outputs", None) or ()) != 1:
        refused.append("anything but functional models with one output and Keras's train_step")
    if refused:
        raise ValueError(
            f"Several devices can't train {'; '.join(refused)}. Received: model={model.name}"
        )


def _keeps_state(layer: keras.layers.Layer) -> bool:
    """Returns whether the result of `layer` depends on variables that no optimizer changes.

    Each device would change its own, or a copy of the layer would not have what was made of them.
    """
    if isinstance(layer, keras.layers.Normalization):
        return bool(layer.weights)  # None if its mean and variance are given.
    if isinstance(layer, keras.layers.BatchNormalization) or not layer.trainable:
        return False
    inner = {id(weight) for each in all_layers(layer)[1:] for weight in each.weights}
    return any(id(weight) not in inner for weight in layer.non_trainable_weights)


def check_built_outside(model: keras.Model) -> None:
    """Raises `ValueError` if `model` was built inside a strategy's scope."""
    if type(model.distribute_strategy) is not type(tf.distribute.get_strategy()):
        raise ValueError(
            "Several devices train a model that was built outside of a strategy's scope. Received: "
            f"model={model.name}, built inside of one. Build it without, and call `fit` inside of "
            "`tfcourse.training.on_devices(strategy)`"
        )


class ReplicatedProgram(programs.Program):
    """Trains a model through a copy whose variables are on every device of a strategy.

    Args:
        strategy: `tf.distribute.Strategy`.
        model: compiled and built `keras.Model` with the stock `train_step` and one output.
        *others: the other arguments of `Program`.
    """

    def __init__(self, strategy: tf.distribute.Strategy, model: keras.Model, *others: Any) -> None:
        super().__init__(model, *others)
        self._strategy = strategy
        resolver = strategy.cluster_resolver
        several = resolver is not None and bool(resolver.cluster_spec().as_dict())
        self.is_alone = not several
        self.is_chief = not several or resolver.task_id == 0

    def _take(self) -> Compiled:
        split, size = self.split, self._batch_size
        twin = _twin(self.model, self._strategy, (split.features[:size], split.labels[:size]))
        steps = ReplicatedSteps(twin, split, size, self._seed, self._strategy, self._class_weights)
        return Compiled(twin, steps)

    def newest(
        self, checkpoints: checkpoint.Checkpoints
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Returns the chief's `checkpoints.newest()` on every worker."""
        found = checkpoints.newest() if self.is_chief else None
        if self.is_alone:
            return found
        data = b"".join(bytes(part) for part in saved_arrays.pack(*found)) if found else b""
        length = int(self._sum_over_workers(np.array([len(data)], "int32"))[0])
        if length == 0:
            return None
        mine = np.frombuffer(data, "uint8") if found else np.zeros(length, "uint8")
        received = self._sum_over_workers(mine.astype("int32"))
        return saved_arrays.unpack(received.astype("uint8").tobytes())

    def _sum_over_workers(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns the chief's array; the other workers pass zeros of its shape."""

        def sum_of_first_devices(values: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            first = tf.cast(tf.equal(context.replica_id_in_sync_group, 0), values.dtype)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, values * first)

        run = tf.function(
            lambda values: self._strategy.run(sum_of_first_devices, args=(values,)), autograph=False
        )
        with _naming_lost_workers():
            summed = run(tf.constant(array))
        return self._strategy.experimental_local_results(summed)[0].numpy()


class ReplicatedSteps:
    """Runs training steps on a strategy's devices, with the batches of `InMemorySteps`.

    Args:
        model: compiled and built `keras.Model`. Its layers and optimizer were made under
            `strategy`, its metrics were not.
        split: training features and labels as arrays.
        batch_size: int in [1, number of examples], for all devices together.
        seed: int, determines the order of the examples.
        strategy: `tf.distribute.Strategy`.
        class_weights: float [classes], the weight of a class's examples in the loss, or `None`.
    """

    def __init__(
        self,
        model: keras.Model,
        split: training_data.Split,
        batch_size: int,
        seed: int,
        strategy: tf.distribute.Strategy,
        class_weights: npt.NDArray[np.float32] | None = None,
    ) -> None:
        self._model = model
        self._features = resident(split.features)
        self._labels = resident(split.labels)
        self._num_examples = len(split.labels)
        self._batch_size = batch_size
        self._strategy = strategy
        self._class_weights = class_weights
        self.seed = seed
        self._order: tf.Tensor = None
        self._step = tf.function(
            self._run_step, input_signature=[tf.TensorSpec([None], tf.int32)], autograph=False
        )

    def start_epoch(self, epoch: int) -> None:
        """Sets the order of the examples for `epoch`, counted from 0."""
        self._order = batching.epoch_permutation(self._num_examples, self.seed, epoch)

    def train(self, first: int, last: int) -> None:
        """Takes the steps `first` to `last - 1` of the epoch.

        Raises:
            WorkerLostError: another machine is gone.
        """
        with _naming_lost_workers():
            for step in range(first, last):
                self._step(self._order[step * self._batch_size : (step + 1) * self._batch_size])

    def _run_step(self, indices: tf.Tensor) -> None:
        # Gathered once, because gathering on each device would copy the whole set to all of them.
        features, labels = tf.gather(self._features, indices), tf.gather(self._labels, indices)
        batch = class_weighting.weighted((features, labels), self._class_weights)
        outputs, loss = self._strategy.run(self._run_part, args=batch)
        # The metrics' variables belong to this process, and every device has all outputs.
        outputs, loss = (
            self._strategy.experimental_local_results(value)[0] for value in (outputs, loss)
        )
        self._model.compute_metrics(None, labels, outputs, *batch[2:])
        (tracker,) = (metric for metric in self._model.metrics if metric.name == "loss")
        tracker.update_state(loss, sample_weight=tf.size(indices))

    def _run_part(
        self, features: tf.Tensor, labels: tf.Tensor, *weights_of: tf.Tensor
    ) -> list[tf.Tensor]:
        """Runs this device's part of a step; returns the whole batch's outputs and loss."""
        model = self._model
        context = tf.distribute.get_replica_context()
        number, count = context.replica_id_in_sync_group, context.num_replicas_in_sync
        size = tf.shape(labels)[0]
        start, end = number * size // count, (number + 1) * size // count
        with tf.GradientTape() as tape:
            outputs = model(features[start:end], training=True)
            # Keras divides by the number of devices, as if all parts had the same size.
            part = [each[start:end] for each in (labels, *weights_of)]
            loss = model.compute_loss(None, part[0], outputs, *part[1:], training=True)
            share = tf.cast(count * (end - start), loss.dtype) / tf.cast(size, loss.dtype)
            loss = tf.math.multiply_no_nan(loss, share)  # The mean over no examples is NaN.
            scaled = model.optimizer.scale_loss(loss)  # For float16.
        weights = model.trainable_variables
        pairs = zip(tape.gradient(scaled, weights), weights, strict=True)
        gradients, weights = zip(*[pair for pair in pairs if pair[0] is not None], strict=True)
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, list(gradients))
        model.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        around = [[start, size - end], *[[0, 0]] * (len(outputs.shape) - 1)]
        outputs = tf.pad(tf.cast(outputs, tf.float32), around)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, [outputs, loss])


def _twin(
    model: keras.Model, strategy: tf.distribute.Strategy, batch: tuple[Any, Any]
) -> keras.Model:
    """Returns a copy of `model` with its layers and optimizer on the devices of `strategy`."""
    with strategy.scope():
        twin = keras.models.clone_model(model)
        optimizer = _optimizer_like(model, twin.trainable_variables)
        optimizer.build(twin.trainable_variables)
    leave_gradients_unsummed(optimizer)
    for layer in all_layers(twin):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
    compiled = {n: v for n, v in model.get_compile_config().items() if n != "optimizer"}
    compiled = keras.saving.deserialize_keras_object(compiled)
    twin.compile(optimizer=optimizer, auto_scale_loss=False, **compiled)
    # Outside of the scope, so that each process has its own metrics.
    build_for(twin, batch)
    return twin


def _optimizer_like(model: keras.Model, variables: list[keras.Variable]) -> keras.Optimizer:
    """Returns a copy of the optimizer of `model` for `variables`."""
    inner = inner_of(model.optimizer)
    settings = inner.get_config()
    settings["learning_rate"] = schedule_of(inner) or settings["learning_rate"]
    optimizer = type(inner).from_config(settings)
    pairs = zip(model.trainable_variables, variables, strict=True)
    excluded = [theirs for mine, theirs in pairs if not decays(inner, mine)]
    if excluded:
        optimizer.exclude_from_weight_decay(var_list=excluded)
    if inner is not model.optimizer:
        outer = model.optimizer
        optimizer = type(outer)(optimizer, outer.initial_scale, outer.dynamic_growth_steps)
    return optimizer


@contextlib.contextmanager
def _naming_lost_workers() -> Iterator[None]:
    try:
        yield
    except _LOST as error:
        raise WorkerLostError(
            f"another worker is gone ({type(error).__name__}); start all of them again with the "
            "same commands, and the run goes on from its last checkpoint"
        ) from None
