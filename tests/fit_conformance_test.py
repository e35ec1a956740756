"""What Keras's `fit` does, `training.fit` does to the same numbers.

Each scenario is trained twice from the same weights, on the same batches in the same order: by
Keras's `fit` through tf.data, and by ours. Then History, the weights after every epoch, the
optimizer's variables and the calls of callbacks are compared.
"""

import dataclasses
import functools
import pathlib
import types
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import processes
import pytest
import tensorflow as tf
from keras import layers, ops

from tfcourse import batching, training

EXAMPLES, FEATURES, CLASSES, BATCH, EPOCHS = 20, 4, 3, 8, 2
# Some steps in float32, in which compilers add in another order.
FLOAT32 = {"rtol": 2e-4, "atol": 2e-5}
LOWER = {"rtol": 3e-2, "atol": 2e-2}


def arrays(seed: int, shape: tuple[int, ...] = (FEATURES,)) -> npt.NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(EXAMPLES, *shape)).astype("float32")


def of_classes(shape: tuple[int, ...] = (FEATURES,)) -> types.SimpleNamespace:
    """Returns training and validation sets with a class per example."""
    splits = []
    for seed in (1, 2):
        features = arrays(seed, shape)
        labels = features.reshape(EXAMPLES, -1)[:, :CLASSES].argmax(axis=1).astype("int32")
        splits.append(types.SimpleNamespace(features=features, labels=labels))
    return types.SimpleNamespace(train=splits[0], validation=splits[1])


@functools.cache
def unchanging() -> types.SimpleNamespace:
    """Returns those of `of_classes`, as arrays that cannot change, and so share programs."""
    data = of_classes()
    for split in vars(data).values():
        for array in vars(split).values():
            array.flags.writeable = False
    return data


def with_labels(convert: Callable[[types.SimpleNamespace], Any]) -> Callable[[], Any]:
    """Returns a maker of sets whose labels `convert` makes of a split of `of_classes`."""

    def make() -> types.SimpleNamespace:
        data = of_classes()
        for split in vars(data).values():
            split.labels = convert(split)
        return data

    return make


def one_hot(split: types.SimpleNamespace) -> npt.NDArray[np.float32]:
    return np.eye(CLASSES, dtype="float32")[split.labels]


def numbers(split: types.SimpleNamespace) -> npt.NDArray[np.float32]:
    return np.abs(split.features[:, :2]) + 0.5


def binary(split: types.SimpleNamespace) -> npt.NDArray[np.float32]:
    return (split.labels == 0).astype("float32")[:, None]


def dense(*hidden: keras.Layer, outputs: int = CLASSES, **options: Any) -> keras.Model:
    middle = hidden or (layers.Dense(5, activation="tanh"),)
    return keras.Sequential([keras.Input((FEATURES,)), *middle, layers.Dense(outputs, **options)])


def compiled(model: keras.Model, **arguments: Any) -> keras.Model:
    arguments = {
        "optimizer": keras.optimizers.SGD(0.1),
        "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "metrics": ["accuracy"],
        **arguments,
    }
    model.compile(**arguments)
    return model


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One way of training.

    Attributes:
        build: returns a compiled model; called once per `fit`, after the seed is set.
        data: returns an object with `train` and `validation`.
        fit: returns arguments of both `fit`s, such as callbacks, made anew for each.
        monitor: decides which epoch is best in ours.
        tolerance: of all comparisons.
        xla: whether the compiled path can have the same numbers.
        epochs: of the training.
        whole: whether all batches are whole, where a smaller last one is computed as the others
            are: it takes a trace of its own.
    """

    build: Callable[[], keras.Model]
    data: Callable[[], Any] = unchanging
    fit: Callable[[], Mapping[str, Any]] = dict
    monitor: str = "val_loss"
    tolerance: Mapping[str, float] = dataclasses.field(default_factory=lambda: FLOAT32)
    xla: bool = True
    epochs: int = EPOCHS
    whole: bool = False


class Spy(keras.callbacks.Callback):
    """Notes what callbacks are called with, and the weights after every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int | None, dict[str, Any]]] = []
        self.weights: list[list[npt.NDArray[Any]]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._note("on_epoch_end", epoch, logs)
        self.weights.append(self.model.get_weights())

    def on_train_end(self, logs: Any = None) -> None:
        self._note("on_train_end", None, logs)
        self.weights.append(self.model.get_weights())

    def _note(self, hook: str, at: int | None, logs: Any) -> None:
        self.calls.append((hook, at, dict(logs or {})))


def _noting(hook: str, takes_index: bool) -> Callable[..., None]:
    if takes_index:
        return lambda self, at, logs=None: self._note(hook, at, logs)
    return lambda self, logs=None: self._note(hook, None, logs)


for _part in ("train", "test"):
    for _end in ("begin", "end"):
        setattr(Spy, f"on_{_part}_batch_{_end}", _noting(f"on_{_part}_batch_{_end}", True))
        if (_part, _end) != ("train", "end"):
            setattr(Spy, f"on_{_part}_{_end}", _noting(f"on_{_part}_{_end}", False))
setattr(Spy, "on_epoch_begin", _noting("on_epoch_begin", True))  # noqa: B010


@dataclasses.dataclass
class Trained:
    """What a training left."""

    model: keras.Model
    spy: Spy
    history: dict[str, Any]


def keras_fit(scenario: Scenario) -> Trained:
    model, data, spy = _start(scenario)
    model.run_eagerly = True  # The same numbers; to trace its steps would take most of the time.
    number = len(keras.tree.flatten(data.train.labels)[0])
    arguments = dict(scenario.fit())
    callbacks = [*arguments.pop("callbacks", ()), spy]
    examples = data.train.features, data.train.labels

    def batches() -> Any:
        for epoch in range(scenario.epochs):
            order = batching.epoch_permutation(number, 1, epoch).numpy()
            for start in range(0, number, BATCH):
                rows = order[start : start + BATCH]
                yield keras.tree.map_structure(lambda array, rows=rows: array[rows], examples)

    signature = keras.tree.map_structure(
        lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), examples
    )
    steps = -(-number // BATCH)
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    history = model.fit(
        dataset.apply(tf.data.experimental.assert_cardinality(scenario.epochs * steps)),
        steps_per_epoch=steps,
        epochs=scenario.epochs,
        validation_data=(data.validation.features, data.validation.labels),
        validation_batch_size=1000,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
        **arguments,
    )
    return Trained(model, spy, history.history)


def our_fit(scenario: Scenario, **options: Any) -> Trained:
    model, data, spy = _start(scenario)
    arguments = dict(scenario.fit())
    callbacks = [*arguments.pop("callbacks", ()), spy]
    history = training.fit(
        model,
        data,
        epochs=scenario.epochs,
        batch_size=BATCH,
        seed=1,
        monitor=scenario.monitor,
        steps_per_block=1,
        verbose=0,
        callbacks=callbacks,
        **{**arguments, **options},
    )
    return Trained(model, spy, history.history)


def _start(scenario: Scenario) -> tuple[keras.Model, Any, Spy]:
    training.set_seed(1)
    data = whole_batches(scenario.data) if scenario.whole else scenario.data()
    return scenario.build(), data, Spy()


@functools.cache
def whole_batches(make: Callable[[], Any]) -> types.SimpleNamespace:
    """Returns `make()` without the examples of the smaller last batch."""
    data = make()
    splits = {
        name: types.SimpleNamespace(**of_whole_batches(vars(split)))
        for name, split in vars(data).items()
    }
    return types.SimpleNamespace(**splits)


def assert_same(ours: Trained, theirs: Trained, tolerance: Mapping[str, float]) -> None:
    for name, values in theirs.history.items():
        assert name in ours.history
        np.testing.assert_allclose(ours.history[name], values, err_msg=name, **tolerance)
    # Ours tells the learning rate of every epoch, too.
    assert set(ours.history) - set(theirs.history) <= {"learning_rate"}
    assert len(ours.spy.weights) == len(theirs.spy.weights)
    for number, (mine, other) in enumerate(zip(ours.spy.weights, theirs.spy.weights, strict=True)):
        for i, (a, b) in enumerate(zip(mine, other, strict=True)):
            np.testing.assert_allclose(
                a.astype("float32"),
                b.astype("float32"),
                err_msg=f"weight {i} at end {number}",
                **tolerance,
            )
    assert [call[:2] for call in ours.spy.calls] == [call[:2] for call in theirs.spy.calls]
    for (hook, at, mine), (_, _, other) in zip(ours.spy.calls, theirs.spy.calls, strict=True):
        for name, value in other.items():
            assert name in mine, (hook, name)
            np.testing.assert_allclose(mine[name], value, err_msg=f"{hook} {at}", **tolerance)
        assert set(mine) - set(other) <= {"learning_rate"}, hook


def heads() -> keras.Model:
    """Returns a model with two inputs by name and two outputs by name."""
    inputs = {name: keras.Input((FEATURES,), name=name) for name in ("left", "right")}
    merged = layers.Concatenate()([inputs["left"], inputs["right"]])
    outputs = {
        "kind": layers.Dense(CLASSES, name="kind")(merged),
        "size": layers.Dense(2, name="size")(merged),
    }
    return keras.Model(inputs, outputs)


def of_heads() -> types.SimpleNamespace:
    data = of_classes()
    for split in vars(data).values():
        labels = {"kind": split.labels, "size": numbers(split)}
        features = {"left": split.features, "right": split.features[:, ::-1].copy()}
        split.labels, split.features = of_whole_batches(labels), of_whole_batches(features)
    return data


def of_whole_batches(arrays: Any) -> Any:
    """Returns as many examples as fill batches.

    Of several outputs, Keras's losses are means of batches where it does not know their size, so
    that a smaller last batch counts as much as the others; ours are means of examples.
    """
    return keras.tree.map_structure(lambda array: array[: EXAMPLES // BATCH * BATCH], arrays)


# Losses of one kind of label are computed side by side, each by a head of its own.
def with_losses(losses: Mapping[str, Any], activation: str, outputs: int) -> Callable[[], Any]:
    def build() -> keras.Model:
        inputs = keras.Input((FEATURES,))
        outs = {n: layers.Dense(outputs, activation=activation, name=n)(inputs) for n in losses}
        return compiled(keras.Model(inputs, outs), loss=dict(losses), metrics=None)

    return build


def for_losses(losses: Mapping[str, Any], label: Callable[[Any], Any]) -> Callable[[], Any]:
    def make() -> types.SimpleNamespace:
        data = of_classes()
        for split in vars(data).values():
            labels = dict.fromkeys(losses, label(split))
            split.labels = of_whole_batches(labels)
            split.features = of_whole_batches(split.features)
        return data

    return make


ONE_HOT_LOSSES = {
    "a": keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
    "b": keras.losses.CategoricalFocalCrossentropy(),
    "c": keras.losses.KLDivergence(),
    "d": keras.losses.CategoricalHinge(),
    "e": keras.losses.CosineSimilarity(),
    "f": keras.losses.Tversky(),
    "g": "binary_crossentropy",
    "h": keras.losses.BinaryFocalCrossentropy(),
    "i": keras.losses.Hinge(),
    "j": keras.losses.SquaredHinge(),
}
NUMBER_LOSSES = {
    "a": "mse",
    "b": "mae",
    "c": "mape",
    "d": "msle",
    "e": keras.losses.Huber(0.5),
    "f": keras.losses.LogCosh(),
    "g": keras.losses.Poisson(),
    "h": keras.losses.MeanSquaredError(reduction="sum"),
}
ONE_HOT_METRICS = [
    "accuracy",
    keras.metrics.TopKCategoricalAccuracy(2, name="top"),
    keras.metrics.AUC(num_thresholds=20, multi_label=True, num_labels=CLASSES),
    keras.metrics.Precision(),
    keras.metrics.Recall(class_id=1),
    keras.metrics.F1Score(average="macro"),
    keras.metrics.FBetaScore(name="of_each_class"),
    keras.metrics.CategoricalCrossentropy(name="ce"),
    keras.metrics.OneHotMeanIoU(CLASSES),
    keras.metrics.PrecisionAtRecall(0.5, num_thresholds=20),
]
NUMBER_METRICS = ["mse", "mae", "mape", keras.metrics.RootMeanSquaredError(), "cosine_similarity"]


def functional_metric(labels: Any, outputs: Any) -> Any:
    return ops.mean(ops.max(outputs, axis=-1))


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(5, activation="relu")
        self.last = layers.Dense(CLASSES)

    def call(self, inputs: Any, training: bool = False) -> Any:
        hidden = self.first(inputs)
        self.add_loss(0.01 * ops.sum(ops.square(hidden)))
        return self.last(hidden)


class OwnSteps(keras.Sequential):
    def train_step(self, data: Any) -> dict[str, Any]:
        features, labels = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(features, labels, self(features, training=True))
        weights = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return {"loss": loss, "twice": 2 * loss}

    def test_step(self, data: Any) -> dict[str, Any]:
        features, labels = data
        loss = self.compute_loss(features, labels, self(features, training=False))
        return {"loss": loss, "twice": 2 * loss}


class Convolving(keras.Layer):
    """Convolves without a layer whose name says so."""

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(3, 3, input_shape[-1], 2))

    def call(self, inputs: Any) -> Any:
        return ops.relu(ops.conv(inputs, self.kernel, padding="same"))


class Printing(keras.Layer):
    """What XLA has no kernel for."""

    def call(self, inputs: Any) -> Any:
        with tf.control_dependencies([tf.print("in a step", output_stream="file:///dev/null")]):
            return tf.identity(inputs)


class StopAt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if int(self.model.optimizer.iterations.numpy()) == 5:
            self.model.stop_training = True


def images(*hidden: keras.Layer, dtype: Any = None, **arguments: Any) -> keras.Model:
    with_dtype = {"dtype": dtype} if dtype else {}
    model = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            *hidden,
            layers.Flatten(**with_dtype),
            layers.Dense(CLASSES, **with_dtype),
        ]
    )
    return compiled(model, **arguments)


def of_images() -> types.SimpleNamespace:
    return of_classes((4, 4, 2))


def under(policy: str, build: Callable[[], keras.Model]) -> Callable[[], keras.Model]:
    def built() -> keras.Model:
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            return build()
        finally:
            keras.config.set_dtype_policy(before)

    return built


def with_weight_decay() -> keras.Model:
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return compiled(dense(layers.Dense(5, bias_initializer="ones")), optimizer=optimizer)


def regularized() -> keras.Model:
    hidden = layers.Dense(5, kernel_regularizer="l2", activity_regularizer="l1", use_bias=False)
    constrained = layers.Dense(4, kernel_constraint=keras.constraints.MaxNorm(0.5))
    return compiled(
        dense(hidden, constrained),
        optimizer=keras.optimizers.Adam(0.01, clipnorm=0.1, weight_decay=0.01),
    )


def frozen() -> keras.Model:
    hidden = [layers.Dense(5), layers.BatchNormalization()]
    for layer in hidden:
        layer.trainable = False
    return compiled(dense(*hidden))


def masked() -> keras.Model:
    sequence = [layers.Reshape((2, 2)), layers.Masking(), layers.LSTM(3), layers.GRU(2)]
    sequence[2].return_sequences = True
    return compiled(dense(*sequence))


def sgd(**options: Any) -> Callable[[], keras.Model]:
    return lambda: compiled(dense(), optimizer=keras.optimizers.SGD(0.1, **options))


def early_stopping() -> dict[str, Any]:
    restoring = keras.callbacks.EarlyStopping(
        "val_loss", mode="max", patience=2, restore_best_weights=True
    )
    return {"callbacks": [restoring]}


SCENARIOS = {
    "labels and accuracy": Scenario(lambda: compiled(dense()), monitor="val_accuracy"),
    "no metrics": Scenario(lambda: compiled(dense(), metrics=None), whole=True),
    "metrics under other names": Scenario(
        lambda: compiled(
            dense(),
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="hits"), functional_metric],
            weighted_metrics=["sparse_top_k_categorical_accuracy"],
        ),
        monitor="val_hits",
    ),
    "losses of one-hot labels": Scenario(
        with_losses(ONE_HOT_LOSSES, "softmax", CLASSES), for_losses(ONE_HOT_LOSSES, one_hot)
    ),
    "losses of numbers": Scenario(
        with_losses(NUMBER_LOSSES, "softplus", 2), for_losses(NUMBER_LOSSES, numbers)
    ),
    "metrics of one-hot labels": Scenario(
        lambda: compiled(
            dense(activation="softmax"),
            loss="categorical_crossentropy",
            metrics=[
                keras.metrics.deserialize(keras.metrics.serialize(m))
                if not isinstance(m, str)
                else m
                for m in ONE_HOT_METRICS
            ],
        ),
        with_labels(one_hot),
        whole=True,
    ),
    "metrics of numbers": Scenario(
        lambda: compiled(dense(outputs=2), loss="mse", metrics=[*NUMBER_METRICS[:3], "r2_score"]),
        with_labels(numbers),
        monitor="val_mae",
        whole=True,
    ),
    "one output for two classes": Scenario(
        lambda: compiled(
            dense(outputs=1, activation="sigmoid"),
            loss="binary_crossentropy",
            metrics=["accuracy", keras.metrics.AUC(num_thresholds=20, name="auc")],
        ),
        with_labels(binary),
        whole=True,
    ),
    "labels in a column": Scenario(
        lambda: compiled(dense()), with_labels(lambda split: split.labels[:, None]), whole=True
    ),
    "dict inputs, several outputs": Scenario(
        lambda: compiled(
            heads(),
            loss={
                "kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                "size": "mse",
            },
            loss_weights={"kind": 1.0, "size": 0.3},
            metrics={"kind": ["accuracy"], "size": ["mae"]},
        ),
        of_heads,
        monitor="val_kind_accuracy",
    ),
    "subclassed, add_loss": Scenario(lambda: compiled(Subclassed())),
    "own steps with their own logs": Scenario(
        lambda: compiled(OwnSteps([keras.Input((FEATURES,)), layers.Dense(CLASSES)]), metrics=None)
    ),
    "moving averages of weights": Scenario(
        sgd(use_ema=True, ema_momentum=0.5), epochs=1, whole=True
    ),
    "moving averages overwrite weights": Scenario(
        sgd(use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2), epochs=1
    ),
    "SwapEMAWeights": Scenario(
        sgd(use_ema=True, ema_momentum=0.5),
        fit=lambda: {"callbacks": [keras.callbacks.SwapEMAWeights()]},
        whole=True,
    ),
    "SwapEMAWeights on epochs": Scenario(
        sgd(use_ema=True, ema_momentum=0.5),
        fit=lambda: {"callbacks": [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)]},
        whole=True,
    ),
    "stop_training inside an epoch": Scenario(
        sgd(), fit=lambda: {"callbacks": [StopAt()]}, epochs=3
    ),
    "EarlyStopping restores": Scenario(sgd(), fit=early_stopping, epochs=4),
    "ReduceLROnPlateau": Scenario(
        sgd(),
        fit=lambda: {
            "callbacks": [
                keras.callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=1.0, factor=0.1)
            ]
        },
        epochs=4,
    ),
    "LearningRateScheduler": Scenario(
        sgd(),
        fit=lambda: {
            "callbacks": [keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch))]
        },
    ),
    "schedule": Scenario(
        lambda: compiled(
            dense(),
            optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 6)),
        )
    ),
    "regularizers, constraints, clipping": Scenario(regularized),
    "weight decay with exclusions": Scenario(with_weight_decay, whole=True),
    "gradient accumulation": Scenario(
        lambda: compiled(
            dense(),
            optimizer=keras.optimizers.Adam(
                0.01, gradient_accumulation_steps=2, global_clipnorm=0.1
            ),
        )
    ),
    "class weights": Scenario(sgd(), fit=lambda: {"class_weight": {0: 3.0, 1: 0.5, 2: 0.0}}),
    "class weights, labels in a column": Scenario(
        sgd(),
        with_labels(lambda split: split.labels[:, None]),
        fit=lambda: {"class_weight": {0: 3.0, 1: 0.5, 2: 0.0}},
        whole=True,
    ),
    "batch norm and dropout": Scenario(
        lambda: compiled(dense(layers.Dense(6), layers.BatchNormalization(), layers.Dropout(0.3))),
        xla=False,  # XLA draws other numbers.
    ),
    "augmentation": Scenario(
        lambda: images(layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomContrast(0.1)),
        of_images,
        whole=True,
    ),
    "recurrent layers with a mask": Scenario(masked, whole=True),
    "own convolution": Scenario(lambda: images(Convolving()), of_images, whole=True),
    "convolution and batch norm": Scenario(
        lambda: images(layers.Conv2D(2, 3), layers.BatchNormalization()), of_images
    ),
    "printing": Scenario(lambda: compiled(dense(Printing(), layers.Dense(4))), whole=True),
    "frozen layers": Scenario(frozen, whole=True),
    "run_eagerly": Scenario(lambda: compiled(dense(), run_eagerly=True)),
    "bfloat16": Scenario(
        under("bfloat16", lambda: images(layers.Conv2D(2, 3), layers.BatchNormalization())),
        of_images,
        tolerance=LOWER,
        whole=True,
    ),
    "float16": Scenario(
        under("float16", lambda: images(layers.Conv2D(2, 3), layers.BatchNormalization())),
        of_images,
        tolerance=LOWER,
        whole=True,
    ),
    "mixed_bfloat16": Scenario(
        under("mixed_bfloat16", lambda: images(layers.Conv2D(2, 3), layers.BatchNormalization())),
        of_images,
        tolerance=LOWER,
        whole=True,
    ),
    "mixed_float16": Scenario(
        under(
            "mixed_float16", lambda: compiled(dense(layers.Dense(4), layers.LayerNormalization()))
        ),
        tolerance=LOWER,
        whole=True,
    ),
    "float64": Scenario(under("float64", lambda: compiled(dense())), whole=True),
}


@pytest.fixture(scope="module")
def by_keras() -> Callable[[str], Trained]:
    kept: dict[str, Trained] = {}

    def trained(name: str) -> Trained:
        if name not in kept:
            kept[name] = keras_fit(SCENARIOS[name])
        return kept[name]

    return trained


@pytest.mark.xla
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_compiled_path_is_keras_fit(by_keras: Callable[[str], Trained], name: str) -> None:
    if not SCENARIOS[name].xla:
        pytest.skip("XLA draws other random numbers")
    with training.shared_programs():  # Some scenarios differ in their callbacks alone.
        ours = our_fit(SCENARIOS[name])
    assert_same(ours, by_keras(name), SCENARIOS[name].tolerance)


# Losses, metrics and optimizers are computed by the model's own step on both paths. What differs
# is who hands over batches and logs, and what is traced without XLA.
STREAMED = (
    *("labels and accuracy", "metrics under other names", "labels in a column"),
    *("dict inputs, several outputs", "own steps with their own logs", "subclassed, add_loss"),
    *("moving averages overwrite weights", "SwapEMAWeights", "SwapEMAWeights on epochs"),
    *("stop_training inside an epoch", "EarlyStopping restores", "ReduceLROnPlateau"),
    *("LearningRateScheduler", "schedule", "gradient accumulation"),
    *("class weights", "class weights, labels in a column", "batch norm and dropout"),
    *("printing", "run_eagerly", "mixed_float16"),
    # As for users: TensorFlow optimizes the graph, and XLA leaves it alone.
    pytest.param("convolution and batch norm", marks=pytest.mark.xla),
)


@pytest.mark.parametrize("name", STREAMED)
def test_the_path_through_tf_data_is_keras_fit(
    by_keras: Callable[[str], Trained], name: str
) -> None:
    ours = our_fit(SCENARIOS[name], in_memory_steps=False)
    assert_same(ours, by_keras(name), SCENARIOS[name].tolerance)


# Devices are made before TensorFlow looks for them, which takes a process of its own.
ON_TWO_DEVICES = """
import tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(processor, two)
import fit_conformance_test as table
from tfcourse import training
from tfcourse.system import devices
strategy = devices.strategy("mirrored")
assert strategy.num_replicas_in_sync == 2
for name in table.SHARED:
    scenario = table.SCENARIOS[name]
    theirs = table.keras_fit(scenario)
    with training.on_devices(strategy):
        ours = table.our_fit(scenario)
    table.assert_same(ours, theirs, table.OTHER_ORDER)
    print("same:", name)
"""
OTHER_ORDER = {"rtol": 1e-3, "atol": 1e-4}
SHARED = (
    "labels in a column",
    "metrics of one-hot labels",
    "moving averages of weights",
    "schedule",
    "class weights",
    "convolution and batch norm",
    "stop_training inside an epoch",
    "weight decay with exclusions",
)


def test_two_devices_are_keras_fit_on_one() -> None:
    here = pathlib.Path(__file__).parent
    done = processes.command("-c", ON_TWO_DEVICES, path=here, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [line for line in done.stdout.splitlines() if line.startswith("same: ")] == [
        f"same: {name}" for name in SHARED
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("regularizers, constraints, clipping", "activity_regularizer"),
        ("gradient accumulation", "optimizer.gradient_accumulation_steps"),
        ("moving averages overwrite weights", "ema_overwrite_frequency"),
        ("dict inputs, several outputs", "functional models with one output"),
        ("own steps with their own logs", "train_step"),
    ],
)
def test_several_devices_refuse_what_they_compute_otherwise(name: str, told: str) -> None:
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with training.on_devices(strategy), pytest.raises(ValueError, match=told):
        our_fit(SCENARIOS[name])


def test_several_devices_refuse_a_method_put_on_a_model_itself() -> None:
    def build() -> keras.Model:
        model = compiled(dense())
        stock = model.compute_loss
        model.compute_loss = lambda *args, **kwargs: 2.0 * stock(*args, **kwargs)
        return model

    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with training.on_devices(strategy), pytest.raises(ValueError, match="on a model itself"):
        our_fit(Scenario(build))
