"""Every private or patched part of Keras that training uses: why, and what could replace it.

Everywhere else, only public names are used, with one exception: Keras's documentation of custom
optimizers calls `self._get_variable_index(variable)` in `update_step`, and so do ours.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import keras
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule


def rate_of(optimizer: keras.Optimizer) -> Any:
    """Returns the source of the optimizer's learning rate: a variable, a schedule or a function.

    `optimizer.learning_rate` returns the current rate instead. Can go once there is a public
    getter.
    """
    return optimizer._learning_rate


def inner_of(optimizer: keras.Optimizer) -> keras.Optimizer:
    """Returns the optimizer that takes the steps: the one inside a `LossScaleOptimizer`."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def variable_begun_by(value: Any) -> keras.Variable | None:
    """Returns the variable that TensorFlow is about to make with the initializer `value`.

    Keras passes a function whose closure holds the variable. A strategy with several processes
    passes another function, for which this returns `None`. Can go once the shape is passed too.
    """
    names = getattr(getattr(value, "__code__", None), "co_freevars", ())
    found = value.__closure__[names.index("self")].cell_contents if "self" in names else None
    return found if isinstance(found, keras.Variable) else None


def schedule_of(optimizer: keras.Optimizer) -> LearningRateSchedule | None:
    """Returns the schedule that the optimizer's learning rate follows, or `None`.

    Can go once there is a public getter.
    """
    rate = rate_of(inner_of(optimizer))
    return rate if isinstance(rate, LearningRateSchedule) else None


def steps_of(optimizer: keras.Optimizer) -> int:
    """Returns the number of steps that is passed to schedules.

    `optimizer.iterations` counts updates, of which there are fewer if gradients are accumulated.
    Can go once there is a public counter.
    """
    return int(inner_of(optimizer)._iterations)


@contextlib.contextmanager
def following(optimizer: keras.Optimizer, schedule: LearningRateSchedule) -> Iterator[None]:
    """Context: the optimizer's learning rate follows `schedule`.

    The public setter drops the variable of a constant rate for good. Can go once it can restore
    that variable.
    """
    optimizer = inner_of(optimizer)
    before = optimizer._learning_rate
    optimizer._learning_rate = schedule
    try:
        yield
    finally:
        optimizer._learning_rate = before


def become(optimizer: keras.Optimizer, other: keras.Optimizer) -> None:
    """Makes `optimizer` and `other` share all attributes, so that setting either's rate sets both.

    Both have the same class. Keras tracks single assignments, so all attributes are replaced at
    once.
    """
    object.__setattr__(optimizer, "__dict__", vars(other))


def has_decay_exclusions(optimizer: keras.Optimizer) -> bool:
    """Returns whether some variables are excluded from weight decay.

    Can go once `optimizer.get_config()` includes it.
    """
    names = ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern")
    return any(getattr(optimizer, name, None) for name in names)


def decays(optimizer: keras.Optimizer, variable: keras.Variable) -> bool:
    """Returns whether the optimizer's weight decay, if it has one, applies to `variable`.

    Can go once `optimizer.get_config()` includes it.
    """
    return optimizer._use_weight_decay(variable)


def leave_gradients_unsummed(optimizer: keras.Optimizer) -> None:
    """Makes an optimizer on several devices expect gradients that are already summed.

    By default, it sums them itself, but only after clipping those of each device. Can go once Keras
    sums first.
    """
    inner_of(optimizer)._all_reduce_sum_gradients = list


def all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns `model` and all its layers, including those inside other layers.

    `model.layers` has only the outermost layers. Can go once Keras has a public recursion over
    layers.
    """
    return list(model._flatten_layers())


def last_layer(model: keras.Model) -> keras.Operation | None:
    """Returns the layer that makes the output of a functional model; `None` for other models.

    Can go once tensors have a public reference to the layer that made them.
    """
    outputs: Any = getattr(model, "outputs", None)
    if not outputs or len(outputs) != 1:
        return None
    layer = outputs[0]._keras_history.operation
    return last_layer(layer) if isinstance(layer, keras.Model) else layer


def build_for(model: keras.Model, batch: tuple[Any, ...], *, quickly: bool = False) -> None:
    """Makes all variables of a compiled model: weights, metrics and the optimizer's slots.

    Keras's `fit` does the same before its first step. Public methods would take a step, or leave
    out the metrics. Can go once there is a public way to build for a batch.

    Args:
        model: compiled `keras.Model`.
        batch: `(features, labels)`.
        quickly: whether to skip, if that makes the same variables, the graphs in which Keras calls
            the model, metrics and loss once. They take a seventh of a short trial. Mismatches then
            show when a step is traced.
    """
    if quickly and hasattr(batch[1], "dtype") and _is_known_to_build(model):
        labels = keras.KerasTensor(batch[1].shape, keras.backend.standardize_dtype(batch[1].dtype))
        (output,) = model.outputs
        predictions = keras.KerasTensor((len(batch[1]), *output.shape[1:]), output.dtype)
        for part in (model._compile_metrics, model._compile_loss):
            if part is not None and not part.built:
                part.build(labels, predictions)
    model._symbolic_build(data_batch=batch)


def _is_known_to_build(model: keras.Model) -> bool:
    """Returns whether the metrics and loss of `model` make all variables from the shapes alone.

    Some metrics make theirs only when they first see values.
    """
    asked = getattr(model._compile_metrics, "_user_metrics", [])
    weighted = getattr(model._compile_metrics, "_user_weighted_metrics", None)
    return (
        type(model).__module__.startswith("keras.")
        and model.built
        and len(model.outputs or ()) == 1
        and not overrides(model, "compute_metrics", "compute_loss", "_compute_loss")
        and weighted is None
        and isinstance(asked, list)
        and all(each == "accuracy" or _is_plain_mean(each) for each in asked)
    )


def _is_plain_mean(metric: object) -> bool:
    plain = isinstance(metric, keras.metrics.MeanMetricWrapper)
    return plain and type(metric).__module__.startswith("keras.")


def refuses_xla(model: keras.Model) -> bool:
    """Returns whether `model` was compiled with `jit_compile=False`, as far as this can be
    determined.

    Without a GPU and with deterministic operations, Keras turns "auto" into `False` too. Can go
    once Keras keeps the original argument.
    """
    return not model.jit_compile and model._resolve_auto_jit_compile()


def has_own_logs(model: keras.Model) -> bool:
    """Returns whether the training step is not Keras's own, so that it may return its own logs."""
    return overrides(model, "train_step", "compute_metrics", "get_metrics_result")


def overrides(model: keras.Model, *names: str) -> bool:
    """Returns whether the class of `model`, or the model itself, overrides one of these methods."""
    own, kind, stock = vars(model), type(model), keras.Model
    return any(name in own or getattr(kind, name) is not getattr(stock, name) for name in names)


def metrics_or_logs(model: keras.Model, logs: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Returns the metrics of `model`, or the last step's logs if these have other names."""
    return model._get_metrics_result_or_logs(logs) if logs else model.get_metrics_result()


def reset_metrics(model: keras.Model) -> None:
    """Does what `model.reset_metrics()` does; for means, in a third of the time.

    Keras checks and converts each zero. That happens twice per epoch, and takes a tenth of a short
    one. Can go once Keras resets means as fast.
    """
    if overrides(model, "reset_metrics"):
        model.reset_metrics()
        return
    for metric in model.metrics:
        for each in metric.metrics if metric is model._compile_metrics else [metric]:
            if getattr(each.reset_state, "__func__", None) is not keras.metrics.Mean.reset_state:
                each.reset_state()
                continue
            for variable in (each.total, each.count):
                value = variable.value
                value.assign(tf.constant(0, value.dtype), read_value=False)


def direction_of(model: keras.Model, metric: str) -> Literal["min", "max"] | None:
    """Returns the direction in which a metric improves, as Keras's callbacks infer it, or `None`.

    Can go once metrics have a public direction.

    Args:
        model: compiled and built.
        metric: its name in the logs of an epoch.
    """
    if metric.endswith("loss"):
        return "min"
    # With several outputs, the name begins with that of the output.
    words = metric.removeprefix("val_").split("_")
    for start in range(len(words)):
        callback = keras.callbacks.EarlyStopping("_".join(words[start:]))
        callback.set_model(model)
        try:
            callback._set_monitor_op()
        except ValueError:
            continue
        return "min" if callback.monitor_op is keras.ops.less else "max"
    return None


def final_values(model: keras.Model) -> list[keras.Variable]:
    """Returns the final values of the variables of `model`: averaged weights if the optimizer uses
    EMA.

    Can go once `optimizer.finalize_variable_values` can be undone.
    """
    optimizer = inner_of(model.optimizer)
    averages: dict[int, keras.Variable] = {}
    if getattr(optimizer, "use_ema", False):
        pairs = zip(
            optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True
        )
        averages = {id(variable): average for variable, average in pairs}
    return [averages.get(id(variable), variable) for variable in model.variables]


def set_direction(callback: keras.callbacks.Callback) -> None:
    """Makes a callback infer the direction of its metric, as it does in its first epoch.

    This also flips the sign of `min_delta`, so it must not be called twice. Can go once Keras's
    callbacks save their own state.
    """
    callback._set_monitor_op()


def remade_attributes(callback: keras.callbacks.Callback) -> frozenset[str]:
    """Returns the attributes that Keras sets when training begins, which must not be restored.

    Can go once Keras's callbacks save their own state.
    """
    names = ["params", "_model", "validation_data", "monitor_op"]
    if isinstance(callback, keras.callbacks.CSVLogger):
        names += ["csv_file", "writer", "append_header"]
    if isinstance(callback, keras.callbacks.TensorBoard):
        counts = ("_global_train_batch", "_global_test_batch")
        names += [name for name in vars(keras.callbacks.TensorBoard()) if name not in counts]
        names += ["_log_write_dir", "_train_dir", "_val_dir", "_should_write_train_graph"]
        names += ["_train_step", "_val_step", "_epoch_start_time"]
    if isinstance(callback, keras.callbacks.ProgbarLogger):
        names += vars(keras.callbacks.ProgbarLogger())
    if isinstance(callback, keras.callbacks.History):
        names += ["history", "epoch"]
    return frozenset(names)
