"""Classifiers: softmax regression, a batch-normalized MLP, and a small CNN.

Every model takes images `[batch, height, width, channels]` with values in [0, 1] and returns logits
`[batch, num_classes]`; the softmax is part of the loss, where it is numerically stable. With one
output, each model predicts a quantity instead, and softmax regression is the course's linear
regression.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from tfcourse import checked, choices

# For batch normalization's moving averages, over about the last 10 batches. Keras's 0.99 averages
# over 100: in a run of a few hundred steps, the averages would still be close to their start.
_MOMENTUM = 0.9


def softmax_regression(input_shape: Sequence[int], num_classes: int) -> keras.Model:
    """Returns the linear classifier `logits = W x + b`; with one output, linear regression.

    Args:
        input_shape: the shape of one example.
        num_classes: >= 2, or 1 for a quantity.

    Examples:
        >>> tfcourse.models.softmax_regression((28, 28, 1), 10).count_params()
        7850
    """
    return keras.Sequential(
        [keras.Input(input_shape), layers.Flatten(), _last(num_classes, zero=True)],
        name="softmax_regression" if num_classes > 1 else "linear_regression",
    )


def _last(num_outputs: int, zero: bool = False) -> layers.Dense:
    """Returns the last layer: logits, or one number, in float32.

    Args:
        num_outputs: >= 1.
        zero: whether the weights of a single output start at 0, as in the course's linear
            regression.
    """
    if checked.count("num_classes", num_outputs) > 1:
        return layers.Dense(num_outputs, name="logits")
    initializer = "zeros" if zero else "glorot_uniform"
    return layers.Dense(1, kernel_initializer=initializer, name="prediction", dtype="float32")


def batch_norm_mlp(
    input_shape: Sequence[int],
    num_classes: int,
    hidden_units: Sequence[int] = (512, 256),
    dropout: float = 0.0,
) -> keras.Model:
    """Returns a multi-layer perceptron with batch normalization before every activation.

    A hidden layer is Dense -> BatchNormalization -> ReLU -> Dropout. The dense layers have no
    bias: batch normalization would subtract it, and its own `beta` takes the place.

    Args:
        input_shape: the shape of one example.
        num_classes: >= 2, or 1 for a quantity.
        hidden_units: >= 1, the width of each hidden layer.
        dropout: in [0, 1), the share of activations zeroed in training.

    Reference: Ioffe & Szegedy, 2015, https://arxiv.org/abs/1502.03167, section 3.2.

    Examples:
        >>> model = tfcourse.models.batch_norm_mlp((28, 28, 1), 10, hidden_units=(512, 256))
        >>> model.output_shape
        (None, 10)
    """
    # As one list, because Keras would rebuild the whole model with every added layer.
    stack = [keras.Input(input_shape), layers.Flatten()]
    for number, units in enumerate(hidden_units, start=1):
        stack.append(layers.Dense(units, use_bias=False, name=f"hidden_{number}"))
        stack.append(layers.BatchNormalization(momentum=_MOMENTUM, name=f"batch_norm_{number}"))
        stack.append(layers.ReLU(name=f"relu_{number}"))
        if checked.below_one("dropout", dropout):
            stack.append(layers.Dropout(dropout, name=f"dropout_{number}"))
    return keras.Sequential([*stack, _last(num_classes)], name="batch_norm_mlp")


def plain_mlp(
    input_shape: Sequence[int],
    num_classes: int,
    hidden_units: Sequence[int] = (100, 100, 100),
    *,
    activation: str = "sigmoid",
    batch_norm: bool = False,
    momentum: float = 0.99,
    initial_sd: float | None = None,
) -> keras.Model:
    """Returns a multi-layer perceptron to compare with and without batch normalization.

    A hidden layer is Dense -> activation, or Dense -> BatchNormalization -> activation. It has the
    options of the paper's experiment; for real use, take `batch_norm_mlp`.

    Args:
        input_shape: the shape of one example.
        num_classes: >= 2.
        hidden_units: >= 1, the width of each hidden layer.
        activation: a name of `keras.activations`.
        batch_norm: whether to normalize before every activation.
        momentum: in [0, 1), the decay rate of the moving averages.
        initial_sd: > 0, standard deviation of normally distributed initial weights; by default,
            Keras's Glorot uniform ones are used.

    Reference: Ioffe & Szegedy, 2015, https://arxiv.org/abs/1502.03167, section 4.1.
    """

    def dense(units: int, name: str, use_bias: bool = True) -> layers.Dense:
        kernel = (
            keras.initializers.RandomNormal(stddev=initial_sd) if initial_sd else "glorot_uniform"
        )
        return layers.Dense(units, use_bias=use_bias, kernel_initializer=kernel, name=name)

    model = keras.Sequential([keras.Input(input_shape), layers.Flatten()], name="plain_mlp")
    for number, units in enumerate(hidden_units, start=1):
        model.add(dense(units, f"hidden_{number}", use_bias=not batch_norm))
        if batch_norm:
            model.add(layers.BatchNormalization(momentum=momentum, name=f"batch_norm_{number}"))
        model.add(layers.Activation(activation, name=f"activation_{number}"))
    model.add(dense(num_classes, "logits"))
    return model


def small_cnn(
    input_shape: Sequence[int],
    num_classes: int,
    filters: Sequence[int] = (16, 32, 64),
    dropout: float = 0.0,
) -> keras.Model:
    """Returns a convolutional network: a stage halves the image, the last layer is linear.

    A stage is 3x3 convolution without bias -> BatchNormalization -> ReLU -> 2x2 max-pooling.

    Args:
        input_shape: `(height, width, channels)`; both sides at least 2 ** len(filters).
        num_classes: >= 2, or 1 for a quantity.
        filters: >= 1, the channels of each stage.
        dropout: in [0, 1), the share of features zeroed before the last layer.

    Raises:
        ValueError: `input_shape` is not an image, or is too small to be halved that often.

    Examples:
        >>> tfcourse.models.small_cnn((28, 28, 1), 10).count_params()
        29402
    """
    if len(input_shape) != 3 or min(input_shape[:2]) < 2 ** len(filters):
        raise ValueError(
            f"`input_shape` must be (height, width, channels) with sides of at least "
            f"{2 ** len(filters)}. Received: input_shape={input_shape}"
        )
    stack = [keras.Input(input_shape)]
    for number, channels in enumerate(filters, start=1):
        convolution = layers.Conv2D(
            channels, 3, padding="same", use_bias=False, name=f"conv_{number}"
        )
        stack.append(convolution)
        stack.append(layers.BatchNormalization(momentum=_MOMENTUM, name=f"batch_norm_{number}"))
        stack.append(layers.ReLU(name=f"relu_{number}"))
        stack.append(layers.MaxPooling2D(name=f"pool_{number}"))
    stack.append(layers.Flatten())
    if checked.below_one("dropout", dropout):
        stack.append(layers.Dropout(dropout, name="dropout"))
    return keras.Sequential([*stack, _last(num_classes)], name="small_cnn")


def augmentation(
    kinds: Sequence[str], strength: float = 0.1, seed: int | None = None
) -> list[layers.Layer]:
    """Returns Keras layers that change images at random.

    When an image is moved, its border pixels are repeated. In a model, the layers follow the input,
    see `augmented`. Called directly, they assume training unless `training=False` is passed.

    Args:
        kinds: names from `choices.AUGMENTATIONS`, applied in that order.
        strength: in (0, 1]. Images are shifted and zoomed by at most this share of their size, and
            rotated by at most this share of a right angle in either direction. A flip mirrors half
            of the images horizontally.
        seed: `None` draws a seed.

    Raises:
        ValueError: an argument lies outside its range.

    Examples:
        >>> [layer.name for layer in tfcourse.models.augmentation(("flip", "shift"))]
        ['augment_flip', 'augment_shift']
    """
    for kind in kinds:
        checked.one_of("kinds", kind, choices.AUGMENTATIONS)
    checked.number("strength", strength, maximum=1.0)
    # Always in float32, because bfloat16 has only three digits for the position of a pixel.
    shared: dict[str, Any] = {"seed": seed, "dtype": "float32"}
    moved = {"fill_mode": "nearest", **shared}
    made = {
        "flip": lambda name: layers.RandomFlip("horizontal", name=name, **shared),
        "shift": lambda name: layers.RandomTranslation(strength, strength, name=name, **moved),
        "rotate": lambda name: layers.RandomRotation(strength / 4, name=name, **moved),
        "zoom": lambda name: layers.RandomZoom(strength, name=name, **moved),
    }
    return [made[kind](f"augment_{kind}") for kind in choices.AUGMENTATIONS if kind in kinds]


def augmented(model: keras.Model, kinds: Sequence[str], strength: float) -> keras.Model:
    """Returns a sequential `model`, not compiled yet, after the layers of `augmentation`.

    It shares the layers of `model`, so its initial weights are the same as without augmentation.

    Raises:
        ValueError: `model` does not take images.
    """
    input_shape = model.input_shape[1:]
    if len(input_shape) != 3:
        raise ValueError(
            f"`augment` is for images. Received: augment={tuple(kinds)} and examples of shape "
            f"{input_shape}"
        )
    inputs = outputs = keras.Input(input_shape)
    for layer in augmentation(kinds, strength):
        # Keras's default for these layers is training, so `model(images)` would change the images.
        outputs = layer(outputs, training=False)
    for layer in model.layers:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs, name=model.name)


MODELS: dict[str, Callable[..., keras.Model]] = {
    name: choice.load() for name, choice in choices.MODELS.items()
}


def build(
    name: str,
    input_shape: Sequence[int],
    num_classes: int,
    *,
    augment: Sequence[str] = (),
    augment_strength: float = 0.1,
    **hyperparameters: Any,
) -> keras.Model:
    """Returns the model called `name`, not compiled yet.

    Args:
        name: a key of `MODELS`.
        input_shape: the shape of one example.
        num_classes: >= 2, or 1 for a quantity.
        augment: names from `choices.AUGMENTATIONS`; see `augmented`.
        augment_strength: in (0, 1].
        **hyperparameters: the model's hyperparameters.

    Raises:
        ValueError: an argument lies outside its range.

    Examples:
        >>> tfcourse.models.build("softmax_regression", (8, 8, 1), 10).count_params()
        650
    """
    model = MODELS[checked.one_of("name", name, MODELS)](
        input_shape, num_classes, **hyperparameters
    )
    return augmented(model, augment, augment_strength) if augment else model
