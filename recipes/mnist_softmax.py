r"""Classifies handwritten digits with batch normalization and softmax.

    python -m recipes.mnist_softmax --flagfile=configs/mnist_softmax.flags
    python -m recipes.mnist_softmax --dataset=digits --hidden_units=64 --epochs=5

The headers of configs/mnist_softmax*.flags list the accuracies that it reaches.
"""

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, Literal

import tfcourse
from tfcourse import command_line
from tfcourse.choices import AUGMENTATIONS, MODELS, OPTIMIZERS, SCHEDULES, takers
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import (
    PRECISIONS,
    Hyperparameters,
    batch_size,
    choice,
    combinations,
    integer,
    integers,
    number,
    several,
)
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

    from tfcourse.tuning import RecipeHyperModel


@dataclasses.dataclass(frozen=True)
class MnistSoftmax(Hyperparameters):
    model: str = choice("batch_norm_mlp", MODELS, "Network.", group="Model")
    hidden_units: tuple[int, ...] = integers(
        (512, 256),
        "Widths of the hidden layers.",
        search=((128,), (256, 128), (512, 256)),
        active_when=("model", takers(MODELS, "hidden_units")),
    )
    dropout: float = number(
        0.0,
        "Fraction of activations set to zero in training.",
        interval="[0, 1)",
        search=(0.0, 0.5),
        active_when=("model", takers(MODELS, "dropout")),
    )
    augment: tuple[str, ...] = several(
        (),
        AUGMENTATIONS,
        "Random changes to the training images, different in every epoch.",
        group="Data",
    )
    augment_strength: float = number(
        0.1,
        "Largest shift and zoom (share of the image size) and rotation (share of 90 degrees).",
        interval="(0, 1]",
        # A flipped image is exactly that.
        active_when=("augment", [c for c in combinations(AUGMENTATIONS) if c != ("flip",)]),
    )
    epochs: int = integer(20, "Passes over the training set.", interval="[1, inf)", search=(2, 20))
    batch_size: int | Literal["full"] = batch_size(128, "Examples per step.", search=(32, 512))
    optimizer: str = choice(
        "adam", OPTIMIZERS, "Update rule.", search=("momentum", "adam"), group="Optimizer"
    )
    learning_rate: float = number(
        1e-3,
        "Step size, before any decay.",
        interval="(0, 1000]",
        search=(1e-4, 1.0),
        scale="log",
        group="Optimizer",
    )
    beta: float | Literal["cycled"] = number(
        0.9,
        "Decay rate of the average of gradients (momentum, nesterov) or of their squares "
        "(rmsprop). cycled goes from 0.95 to 0.85 and back, against the rate of one_cycle.",
        interval="[0, 1)",
        search=(0.9, 0.999),
        scale="one_minus_log",
        choices=("cycled",),
        active_when=("optimizer", takers(OPTIMIZERS, "beta")),
    )
    beta_1: float | Literal["cycled"] = number(
        0.9,
        "Decay rate of Adam's average of gradients, or Lion's weight of it in a step. cycled goes "
        "from 0.95 to 0.85 and back, against the rate of one_cycle.",
        interval="[0, 1)",
        choices=("cycled",),
        active_when=("optimizer", takers(OPTIMIZERS, "beta_1")),
    )
    beta_2: float = number(
        0.999,
        "Decay rate of Adam's average of squared gradients.",
        interval="[0, 1)",
        active_when=("optimizer", takers(OPTIMIZERS, "beta_2")),
    )
    weight_decay: float | Literal["auto"] = number(
        "auto",
        "Fraction of each weight that a step at learning rate 1 removes; auto takes 0.01 with "
        "adamw, else 0.",
        interval="[0, inf)",
        choices=("auto",),
        group="Optimizer",
    )
    clip_norm: float = number(
        0.0,
        "Largest norm of the gradient of all weights together; 0 sets no limit.",
        interval="[0, inf)",
        group="Optimizer",
    )
    schedule: str = choice(
        "one_cycle", SCHEDULES, "How the learning rate changes over time.", group="Optimizer"
    )
    decay_rate: float = number(
        0.95,
        "Decay of the learning rate per epoch.",
        interval="(0, 1]",
        active_when=("schedule", takers(SCHEDULES, "decay_rate")),
    )
    warmup_epochs: int = integer(
        0,
        "Epochs at the start in which the learning rate rises.",
        interval="[0, inf)",
        group="Optimizer",
    )
    label_smoothing: float = number(
        0.0,
        "Share of each label that is spread over all classes, in the training loss only.",
        interval="[0, 1)",
    )
    precision: Literal["float32", "mixed_bfloat16"] = choice(
        "float32",
        PRECISIONS,
        "Precision of activations; weights stay in float32.",
        group="Model",
    )
    early_stopping: int = integer(
        0,
        "Stops after this many epochs without a better validation accuracy; 0 never stops early.",
        interval="[0, inf)",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if SCHEDULES[self.schedule].spans_training and self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"`warmup_epochs` must be less than `epochs` with `schedule={self.schedule}`. "
                f"Received: warmup_epochs={self.warmup_epochs}, epochs={self.epochs}"
            )
        for name, value in self.arguments_of("optimizer").items():
            if value == "cycled" and name != OPTIMIZERS[self.optimizer].momentum:
                raise ValueError(
                    f"`{name}=cycled` is for an average of gradients, which "
                    f"`optimizer={self.optimizer}` does not step along. Take a number"
                )
            if value == "cycled" and self.schedule != "one_cycle":
                raise ValueError(
                    f"`{name}=cycled` goes against the rate of `schedule=one_cycle`. Take a "
                    f"number, or that schedule. Received: schedule={self.schedule}"
                )


def checked(hyperparameters: MnistSoftmax, data: Dataset) -> MnistSoftmax:
    """Returns `hyperparameters` after checking them against `data`.

    Raises:
        ValueError: one does not fit the data; the message names it.
    """
    hp = hyperparameters
    if hp.label_smoothing and data.target:
        raise ValueError(
            f"`label_smoothing` is for classes, and {data.target.name} is a quantity. Leave it "
            f"out. Received: label_smoothing={hp.label_smoothing}"
        )
    if hp.augment and len(data.input_shape) != 3:
        raise ValueError(
            f"`augment` is for images, and {data.name} is a table. Leave it out. "
            f"Received: augment={','.join(hp.augment)}"
        )
    if hp.model == "small_cnn" and not suits_small_cnn(data.input_shape):
        raise ValueError(
            "`model=small_cnn` is for images with sides of at least 8. Take another `model`. "
            f"Received: {data.name} of shape {data.input_shape}"
        )
    size = tfcourse.batching.resolve_batch_size(hp.batch_size, len(data.train))
    if hp.model == "batch_norm_mlp" and size == 1:
        raise ValueError(
            "`batch_size` must be 2 or more with `model=batch_norm_mlp`: an example normalized by "
            f"itself is 0. Received: batch_size={hp.batch_size}"
        )
    return hp


def suits_small_cnn(input_shape: tuple[int, ...]) -> bool:
    """Returns whether the inputs are images large enough for three stages."""
    return len(input_shape) == 3 and min(input_shape[:2]) >= 8


def build(hyperparameters: MnistSoftmax, data: Dataset, seed: int) -> "keras.Model":
    """Returns the compiled model for `data`."""
    hp = hyperparameters
    tfcourse.training.set_seed(seed)
    tfcourse.training.set_precision(hp.precision)
    network = functools.partial(
        tfcourse.models.build,
        hp.model,
        data.input_shape,
        data.num_outputs,
        augment=hp.augment,
        augment_strength=hp.augment_strength,
        **hp.arguments_of("model"),
    )
    schedule = tfcourse.schedules.build(
        hp.schedule,
        hp.learning_rate,
        steps_per_epoch=tfcourse.batching.steps_per_epoch(len(data.train.labels), hp.batch_size),
        epochs=hp.epochs,
        warmup_epochs=hp.warmup_epochs,
        **hp.arguments_of("schedule"),
    )
    return tfcourse.training.built_for(network, _optimizer(hp, schedule), data, hp.label_smoothing)


def _optimizer(
    hp: MnistSoftmax, schedule: "keras.optimizers.schedules.LearningRateSchedule"
) -> "keras.Optimizer":
    arguments = hp.arguments_of("optimizer")
    momentum = OPTIMIZERS[hp.optimizer].momentum
    if arguments.get(momentum) == "cycled":
        arguments[momentum] = tfcourse.schedules.CycledMomentum.against(schedule)
    if hp.weight_decay != "auto":  # Else it is the optimizer's own.
        arguments["weight_decay"] = hp.weight_decay or None
    return tfcourse.optimizers.OPTIMIZERS[hp.optimizer](
        schedule, global_clipnorm=hp.clip_norm or None, **arguments
    )


def train(
    hyperparameters: MnistSoftmax,
    data: Dataset,
    seed: int,
    run: RunDirectory | None = None,
    **fit_arguments: Any,
) -> "tuple[keras.Model, keras.callbacks.History]":
    """Returns the trained model, with the weights of its best epoch, and its `History`."""
    model = build(hyperparameters, data, seed)
    history = tfcourse.training.fit(
        model,
        data,
        epochs=hyperparameters.epochs,
        batch_size=hyperparameters.batch_size,
        early_stopping=hyperparameters.early_stopping,
        seed=seed,
        run=run,
        **fit_arguments,
    )
    return model, history


def hypermodel(
    data: Dataset, base: MnistSoftmax | None = None, **arguments: Any
) -> "RecipeHyperModel":
    """Returns this recipe as a `keras_tuner.HyperModel`; see `tfcourse.tuning`."""
    return tfcourse.tuning.RecipeHyperModel(build, train, base or MnistSoftmax(), data, **arguments)


def main(
    hyperparameters: MnistSoftmax, data: Dataset, options: command_line.Options, run: RunDirectory
) -> dict[str, Any]:
    print(f"{data.name}: {len(data.train):,} training images from {data.origin}")
    model, history = train(hyperparameters, data, options.seed, run)
    metrics = tfcourse.training.final_metrics(model, history, data)
    print(tfcourse.training.summary(metrics))
    tfcourse.training.save_model(model, run)
    tfcourse.reports.draw_curves(run.path)
    if hyperparameters.augment:
        draw_augmented(hyperparameters, data, run)
    return {**metrics, "weight_decay": model.optimizer.weight_decay or 0.0}


def draw_augmented(hyperparameters: MnistSoftmax, data: Dataset, run: RunDirectory) -> None:
    """Writes augmented.png: images of the training set as the model sees them."""
    layers = tfcourse.models.augmentation(
        hyperparameters.augment, hyperparameters.augment_strength, seed=0
    )
    tfcourse.reports.draw_augmented(layers, data.train, run.path / "augmented.png")


if __name__ == "__main__":
    command_line.run(
        main,
        MnistSoftmax,
        dataset="mnist,digits",
        smoke={"dataset": "digits", "epochs": 2, "warmup_epochs": 0},
        build=build,
        train=train,
        settle=checked,
        results=("weight_decay",),
    )
