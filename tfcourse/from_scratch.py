"""A neural network in NumPy, with a handwritten forward and backward pass.

It has the form of the models in `tfcourse.models`: any number of hidden layers with or without
batch normalization, none at all for softmax regression, and softmax cross-entropy as the loss. A
framework writes the second half of this file for you.

Each layer is a dict of arrays: `weights` and `biases`; with batch normalization `weights`, `gamma`
and `beta` (which does the work of the biases), with `moving_mean` and `moving_variance` beside
them. Gradients are a list of such dicts.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from tfcourse import checked

Array = npt.NDArray[np.floating]
Layer = dict[str, Array]  # name -> array, such as "weights".
Activation = Literal["relu", "sigmoid"]

EPSILON = 1e-3  # Of batch normalization, and
MOMENTUM = 0.9  # of its moving averages, as in tfcourse.models.

# name -> (activation g(z), its derivative in terms of the activation a = g(z))
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], npt.NDArray]]] = {
    "relu": (lambda z: np.maximum(z, 0), lambda a: a > 0),
    # The tanh form of 1 / (1 + exp(-z)), which cannot overflow.
    "sigmoid": (lambda z: (1 + np.tanh(z / 2)) / 2, lambda a: a * (1 - a)),
}


def initialize(
    sizes: Sequence[int],
    *,
    seed: int,
    batch_norm: bool = False,
    dtype: Literal["float32", "float64"] = "float64",
) -> list[Layer]:
    """Returns the layers of a network with random weights.

    Weights are uniform in +-sqrt(6 / (inputs + outputs)), which keeps the scale of both passes
    about the same in all layers. Everything else starts at 0, except gamma and the moving variance,
    which start at 1.

    Reference: Glorot and Bengio, 2010, http://proceedings.mlr.press/v9/glorot10a.html

    Args:
        sizes: two or more ints >= 1: inputs, hidden units of each layer, classes. `(784, 10)` is
            softmax regression.
        seed: >= 0.
        batch_norm: whether hidden layers are batch-normalized.
        dtype: dtype of the arrays.

    Raises:
        ValueError: if `sizes` is too short or contains a number below 1.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"`sizes` must be two or more ints >= 1. Received: sizes={sizes}")
    rng = np.random.default_rng(seed)
    layers = []
    for number, (inputs, units) in enumerate(itertools.pairwise(sizes), start=1):
        limit = np.sqrt(6 / (inputs + units))
        layer = {"weights": rng.uniform(-limit, limit, (inputs, units)).astype(dtype)}
        if batch_norm and number < len(sizes) - 1:
            layer |= {name: np.ones(units, dtype) for name in ("gamma", "moving_variance")}
            layer |= {name: np.zeros(units, dtype) for name in ("beta", "moving_mean")}
        else:
            layer["biases"] = np.zeros(units, dtype)
        layers.append(layer)
    return layers


def forward(
    layers: list[Layer], inputs: Array, *, activation: Activation = "relu", training: bool = False
) -> tuple[Array, list[Layer]]:
    """Returns the logits, and what the backward pass needs from each layer.

        z = a W + b            or, normalized,    zh = (a W - mu) / sqrt(var + epsilon)
        a = g(z)                                  z  = gamma zh + beta

    In training, mu and var are those of the batch, otherwise the moving averages. The last layer
    has no g: its z are the logits.

    Args:
        layers: as from `initialize`.
        inputs: shape `[examples, inputs]`.
        activation: g of the hidden layers.
        training: whether to normalize by the batch.

    Returns:
        `(logits, cache)`: shape `[examples, classes]`, and one dict per layer.

    Raises:
        ValueError: if `activation` is unknown.
    """
    g, _ = ACTIVATIONS[checked.one_of("activation", activation, ACTIVATIONS)]
    a = inputs
    cache: list[Layer] = []
    for layer in layers:
        step = {"inputs": a}
        z = a @ layer["weights"]
        if "gamma" in layer:
            if training:
                step["mean"], step["variance"] = z.mean(axis=0), z.var(axis=0)
            else:
                step["mean"], step["variance"] = layer["moving_mean"], layer["moving_variance"]
            step["normalized"] = (z - step["mean"]) / np.sqrt(step["variance"] + EPSILON)
            z = layer["gamma"] * step["normalized"] + layer["beta"]
        else:
            z = z + layer["biases"]
        a = z if layer is layers[-1] else g(z)
        cache.append({**step, "outputs": a})
    return a, cache


def cross_entropy(logits: Array, one_hot_labels: Array) -> tuple[np.floating, Array]:
    """Returns the mean softmax cross-entropy, and its gradient with respect to the logits.

        loss = -mean over examples of sum_c y_c log(softmax(z)_c)
        d loss / d z = (softmax(z) - y) / examples

    log(softmax(z)) is computed as z - log(sum exp(z)), with the largest z subtracted before.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -(one_hot_labels * log_probabilities).sum(axis=1).mean()
    return loss, (np.exp(log_probabilities) - one_hot_labels) / len(logits)


def backward(
    layers: list[Layer], cache: list[Layer], d_logits: Array, *, activation: Activation = "relu"
) -> list[Layer]:
    """Returns the gradients of the loss, from the last layer to the first by the chain rule.

        dz = da * g'(z)        dW = a_in^T dz        da_in = dz W^T
        db = sum dz            over the examples

    and, where z = gamma zh + beta is normalized (mu and var depend on the batch as well):

        dbeta = sum dz         dgamma = sum dz zh
        dz <- gamma / sqrt(var + epsilon) * (dz - mean(dz) - zh mean(dz zh))

    Args:
        layers: as from `initialize`.
        cache: as from `forward` with `training=True`.
        d_logits: gradient with respect to the logits, as from `cross_entropy`.
        activation: as in `forward`.

    Returns:
        For each layer, the gradients by the names of its trainable arrays.
    """
    _, derivative = ACTIVATIONS[activation]
    gradients: list[Layer] = []
    dz = d_logits
    for layer, step in zip(reversed(layers), reversed(cache), strict=True):
        if layer is not layers[-1]:
            dz = dz * derivative(step["outputs"])
        if "gamma" in layer:
            zh = step["normalized"]
            gradient = {"gamma": (dz * zh).sum(axis=0), "beta": dz.sum(axis=0)}
            centred = dz - dz.mean(axis=0) - zh * (dz * zh).mean(axis=0)
            dz = layer["gamma"] / np.sqrt(step["variance"] + EPSILON) * centred
        else:
            gradient = {"biases": dz.sum(axis=0)}
        gradients.insert(0, {"weights": step["inputs"].T @ dz, **gradient})
        dz = dz @ layer["weights"].T
    return gradients


def train_step(
    layers: list[Layer],
    inputs: Array,
    one_hot_labels: Array,
    *,
    learning_rate: float,
    activation: Activation = "relu",
) -> tuple[np.floating, list[Layer]]:
    """Returns the loss on a batch, and the layers after one step of gradient descent.

        w <- w - learning_rate * d loss / d w

    The moving averages of batch normalization are updated with the batch's mean and variance.

    Examples:
        >>> layers = tfcourse.from_scratch.initialize((2, 3), seed=0)
        >>> x, y = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0, 0.0]])
        >>> first, layers = tfcourse.from_scratch.train_step(layers, x, y, learning_rate=1.0)
        >>> second, layers = tfcourse.from_scratch.train_step(layers, x, y, learning_rate=1.0)
        >>> bool(second < first)
        True
    """
    logits, cache = forward(layers, inputs, activation=activation, training=True)
    loss, d_logits = cross_entropy(logits, one_hot_labels)
    gradients = backward(layers, cache, d_logits, activation=activation)
    updated = []
    for layer, step, gradient in zip(layers, cache, gradients, strict=True):
        new = {name: layer[name] - learning_rate * gradient[name] for name in gradient}
        if "gamma" in layer:
            for name in ("mean", "variance"):
                average = layer[f"moving_{name}"]
                new[f"moving_{name}"] = MOMENTUM * average + (1 - MOMENTUM) * step[name]
        updated.append(new)
    return loss, updated


def predict(
    layers: list[Layer], inputs: Array, *, activation: Activation = "relu"
) -> npt.NDArray[np.intp]:
    """Returns the index of the likeliest class of each example, shape `[examples]`."""
    logits, _ = forward(layers, inputs, activation=activation)
    return logits.argmax(axis=1)


def matrix_product(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> list[list[float]]:
    """Returns the matrix product of two lists of rows, in Python loops: compare with `a @ b`.

    Examples:
        >>> tfcourse.from_scratch.matrix_product([[1, 2], [3, 4]], [[5, 6], [7, 8]])
        [[19, 22], [43, 50]]
    """
    return [
        [sum(row[k] * b[k][column] for k in range(len(b))) for column in range(len(b[0]))]
        for row in a
    ]
