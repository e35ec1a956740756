r"""Trains on your own data: a table, arrays, images, or a set of TensorFlow Datasets.

    python -m recipes.classify --dataset=csv:flowers.csv --label=species
    python -m recipes.classify --dataset=images:photos --image_size=64
    python -m recipes.classify --dataset=csv:cars.csv --label=price  # A quantity: regression.

Settings that you leave out are chosen by the kind and size of the data (docs/your_data.md).
"""

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Literal

import tfcourse
from recipes import mnist_softmax
from tfcourse import command_line
from tfcourse.choices import MODELS, takers
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, batch_size, choice, integer, integers, number
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

    from tfcourse.tuning import RecipeHyperModel

# Steps that a training takes, so that small sets are seen more often, and its limits in epochs.
STEPS = 2000
FEWEST_EPOCHS, MOST_EPOCHS = 10, 100
# Weight decay acts as prior knowledge, which counts more the fewer rows there are. From 600 rows
# on, it has its minimum.
DECAY_ROWS, LEAST_DECAY = 60.0, 0.1
MOST_DECAY_PER_STEP = 0.1  # At the highest rate.


@dataclasses.dataclass(frozen=True)
class Classify(mnist_softmax.MnistSoftmax):
    model: str = choice(
        "auto",
        {"auto": None, **MODELS},
        "Network; auto takes small_cnn for images of at least 8 x 8, else batch_norm_mlp.",
        group="Model",
    )
    hidden_units: tuple[int, ...] = integers(
        (128, 64),
        "Widths of the hidden layers.",
        search=((32,), (128, 64), (512, 256)),
        active_when=("model", ("auto", *takers(MODELS, "hidden_units"))),
    )
    dropout: float = number(
        0.3,
        "Fraction of activations set to zero in training.",
        interval="[0, 1)",
        search=(0.0, 0.5),
        active_when=("model", ("auto", *takers(MODELS, "dropout"))),
    )
    epochs: int = integer(
        0, "Passes over the training set; 0 chooses the number by its size.", interval="[0, inf)"
    )
    batch_size: int | Literal["full", "auto"] = batch_size(  # type: ignore[assignment]
        "auto",
        "Examples per step; auto takes about 16 for fewer than 1000 examples, else the course's "
        "guideline: a power of two that makes at least 100 steps per epoch, or 16.",
        search=(16, 512),
        choices=("auto",),
    )
    learning_rate: float = number(
        1e-2,
        "Step size, before any decay.",
        interval="(0, 1000]",
        search=(1e-4, 1.0),
        scale="log",
        group="Optimizer",
    )
    monitor: str = choice(
        "val_loss",
        ("val_loss", "val_accuracy"),
        "Metric that chooses the best epoch, and that --early_stopping watches.",
    )
    early_stopping: int = integer(
        0,
        "Stops after this many epochs without a better --monitor; 0 never stops early.",
        interval="[0, inf)",
    )
    weight_decay: float | Literal["auto"] = number(
        "auto",
        "Fraction of each weight that a step at rate 1 removes; auto takes 60 / training examples, "
        "from 0.1 to 0.1 / rate.",
        interval="[0, inf)",
        choices=("auto",),
        group="Optimizer",
    )
    class_weight: str = choice(
        "none",
        ("none", "balanced"),
        "Weights of the examples in the loss: balanced gives every class the same total weight.",
    )

    def __post_init__(self) -> None:
        Hyperparameters.__post_init__(self)  # Combinations are checked once they are settled.


def settled(hyperparameters: Classify, data: Dataset) -> mnist_softmax.MnistSoftmax:
    """Returns the `MnistSoftmax` that `hyperparameters` mean for `data`."""
    names = [field.name for field in dataclasses.fields(mnist_softmax.MnistSoftmax)]
    values = {name: getattr(hyperparameters, name) for name in names}
    if data.target and hyperparameters.class_weight != "none":
        raise ValueError(
            f"`class_weight` weighs classes, and {data.target.name} is a quantity. Leave it out, "
            "or treat the label as classes with `task=classification`"
        )
    if data.target and hyperparameters.monitor != "val_loss":
        raise ValueError(
            f"`monitor` must be val_loss where the label is a quantity, as {data.target.name} is. "
            f"Received: monitor={hyperparameters.monitor}"
        )
    num_examples = len(data.train)
    if values["model"] == "auto":
        values["model"] = _model(data.input_shape)
        _check_taken(hyperparameters, values["model"])
    if values["batch_size"] == "auto":
        values["batch_size"] = _batch_size(
            num_examples, _bytes_per_example(data.input_shape, values)
        )
    if values["epochs"] == 0:
        steps = tfcourse.batching.steps_per_epoch(num_examples, values["batch_size"])
        values["epochs"] = min(max(round(STEPS / steps), FEWEST_EPOCHS), MOST_EPOCHS)
    if values["weight_decay"] == "auto":
        values["weight_decay"] = _weight_decay(num_examples, values["learning_rate"])
    return mnist_softmax.checked(mnist_softmax.MnistSoftmax(**values), data)


def _check_taken(hyperparameters: Classify, model: str) -> None:
    """Raises `ValueError` if an option is set that the chosen model ignores."""
    for name, value in hyperparameters.arguments_of("model").items():
        if name not in MODELS[model].takes and value != getattr(Classify, name):
            raise ValueError(
                f"`{name}` has no effect on {model}, which `model=auto` takes for this data. "
                f"Leave it out, or take another `model`"
            )


def settled_model(hyperparameters: Classify, data: Dataset) -> Classify:
    """Returns `hyperparameters` with the model that is trained on `data`."""
    return dataclasses.replace(hyperparameters, model=settled(hyperparameters, data).model)


def settled_batch_size(hyperparameters: Classify, data: Dataset) -> int | Literal["full"]:
    """Returns the number of examples per step on `data`."""
    return settled(hyperparameters, data).batch_size


def _model(input_shape: tuple[int, ...]) -> str:
    return "small_cnn" if mnist_softmax.suits_small_cnn(input_shape) else "batch_norm_mlp"


def _batch_size(num_examples: int, bytes_per_example: int) -> int:
    """Returns the guideline's size; below 1,000 examples, the size that it has for 1,000.

    With a whole small set in every step, an epoch would be one step. Batches have about equal
    sizes, because a last batch of one or two examples would distort batch normalization's averages.
    """
    enough = max(num_examples, tfcourse.batching.FULL_BATCH_BELOW)
    try:
        size = tfcourse.batching.guideline_batch_size(enough, bytes_per_example)
    except ValueError:  # The model's own check decides whether these few fit.
        size = tfcourse.batching.SMALLEST_BATCH
    if num_examples >= enough:
        return size
    return math.ceil(num_examples / math.ceil(num_examples / size))


def _weight_decay(num_examples: int, learning_rate: float) -> float:
    """Returns the decay for a set of that size; no step removes more than `MOST_DECAY_PER_STEP`.

    With 20 rows, a training has 200 steps, in which a decay of 0.1 would have no effect:
    predictions soon become overconfident, and the validation loss is lowest before the network has
    learned much.
    """
    most = MOST_DECAY_PER_STEP / learning_rate
    return min(max(LEAST_DECAY, DECAY_ROWS / num_examples), most)


def _bytes_per_example(input_shape: tuple[int, ...], values: dict[str, Any]) -> int:
    """Returns the bytes of an example in a step: its features, and twice all activations."""
    activations = 0
    if values["model"] == "batch_norm_mlp":
        activations = 3 * sum(values["hidden_units"])
    if values["model"] == "small_cnn":
        activations = 3 * 16 * 2 * math.prod(input_shape[:2])  # The first stage has half of them.
    return 4 * (math.prod(input_shape) + 2 * activations)


def build(hyperparameters: Classify, data: Dataset, seed: int) -> "keras.Model":
    """Returns the compiled model for `data`."""
    return mnist_softmax.build(settled(hyperparameters, data), data, seed)


def train(
    hyperparameters: Classify,
    data: Dataset,
    seed: int,
    run: RunDirectory | None = None,
    **fit_arguments: Any,
) -> "tuple[keras.Model, keras.callbacks.History]":
    """Returns the trained model, with the weights of its best epoch, and its `History`."""
    chosen = settled(hyperparameters, data)
    if hyperparameters.class_weight == "balanced":
        weights = tfcourse.training.balanced_class_weights(data.train.labels, data.num_classes)
        fit_arguments = {"class_weight": weights, **fit_arguments}
    fit_arguments = {"monitor": hyperparameters.monitor, **fit_arguments}
    return mnist_softmax.train(chosen, data, seed, run, **fit_arguments)


def hypermodel(data: Dataset, base: Classify | None = None, **arguments: Any) -> "RecipeHyperModel":
    """Returns this recipe as a `keras_tuner.HyperModel`; see `tfcourse.tuning`."""
    base = settled_model(base or Classify(), data)
    return tfcourse.tuning.RecipeHyperModel(build, train, base, data, **arguments)


def main(
    hyperparameters: Classify, data: Dataset, options: command_line.Options, run: RunDirectory
) -> dict[str, Any]:
    print(f"{data.origin}: {len(data.train):,} training examples of {_label(data)}")
    chosen = settled(hyperparameters, data)
    size = tfcourse.batching.resolve_batch_size(chosen.batch_size, len(data.train))
    print(
        f"{chosen.model}, {chosen.epochs} epochs, batches of {size}, "
        f"weight decay {chosen.weight_decay:.3g}"
    )
    model, history = train(hyperparameters, data, options.seed, run)
    metrics = tfcourse.training.final_metrics(model, history, data)
    print(tfcourse.training.summary(metrics))
    tfcourse.training.save_model(model, run)
    tfcourse.reports.draw_curves(run.path)
    if hyperparameters.augment:
        mnist_softmax.draw_augmented(chosen, data, run)
    settled_names = ("model", "batch_size", "weight_decay")
    settings = {name: getattr(chosen, name) for name in settled_names}
    return {**metrics, **settings}


def _label(data: Dataset) -> str:
    """Returns a description of the label, and how to change it."""
    if data.target:
        name = data.target.name
        return f"{name}, a quantity: regression (--task=classification treats it as classes)"
    return f"{data.num_classes} classes"


if __name__ == "__main__":
    command_line.run(
        main,
        Classify,
        dataset="digits",
        smoke={"epochs": 2, "warmup_epochs": 0},
        build=build,
        train=train,
        settle=settled_model,
        batch_size=settled_batch_size,
        results=("batch_size", "weight_decay"),
    )
