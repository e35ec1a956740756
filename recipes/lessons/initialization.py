"""The scale of the initial weights decides what reaches the last layer."""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

import tfcourse
from tfcourse.reports import style

Array = npt.NDArray[np.floating]
WIDTH = 64
BATCH_SIZE = 64
LEARNING_RATE = 0.1
TEXT = """
This lesson measures the activations of {depth:.0f} ReLU layers of {width:.0f} units before the
first step, on the digits. With He's weights, whose variance is 2 / inputs, their standard deviation
is {first_sd_he:.2f} in the first layer and {sd_he:.2f} in the last. Glorot's weights, Keras's
default, ignore that ReLU drops half of its input: {sd_glorot:.3f} in the last layer. Weights with a
standard deviation of 0.01 shrink the activations to {sd_small:.0e}, and a standard deviation of 1
lets them grow to {sd_large:.0e}. After {steps:.0f} steps of gradient descent at
{learning_rate:g}, the training loss is {loss_he:.3f} with He's weights, {loss_glorot:.3f} with
Glorot's, {loss_zeros:.2f} with all weights 0, and {loss_small:.2f} with a standard deviation of
0.01. Guessing among ten classes has a loss of ln 10 = 2.30, and the loss stays there if no gradient
gets through. With a standard deviation of 1, the last step with a finite loss is step
{finite_large:.0f}.
"""


def first_layers(name: str, sizes: list[int], seed: int) -> list[dict[str, Array]]:
    """Returns layers in the form of `tfcourse.from_scratch`, with Keras's initial weights."""
    import keras

    kind, arguments = {
        "zeros": (keras.initializers.Zeros, {}),
        "small": (keras.initializers.RandomNormal, {"stddev": 0.01}),
        "large": (keras.initializers.RandomNormal, {"stddev": 1.0}),
        "glorot": (keras.initializers.GlorotUniform, {}),
        "he": (keras.initializers.HeNormal, {}),
    }[name]
    layers = []
    for number, (inputs, units) in enumerate(itertools.pairwise(sizes)):
        seeded = {} if name == "zeros" else {"seed": seed + number}
        weights = keras.ops.convert_to_numpy(kind(**arguments, **seeded)((inputs, units)))
        layers.append({"weights": weights.astype("float32"), "biases": np.zeros(units, "float32")})
    return layers


def deviations(layers: list[dict[str, Array]], inputs: Array) -> list[float]:
    """Returns the standard deviation of each hidden layer's activations."""
    _, cache = tfcourse.from_scratch.forward(layers, inputs)
    return [float(step["outputs"].std()) for step in cache[:-1]]


def losses(
    layers: list[dict[str, Array]], inputs: Array, labels: Array, steps: int, seed: int
) -> list[float]:
    """Returns the loss on all examples, every ten steps, until it is no longer finite."""
    rng = np.random.default_rng(seed)
    curve: list[float] = []
    with np.errstate(all="ignore"):
        for step in range(steps + 1):
            if step % 10 == 0:
                logits, _ = tfcourse.from_scratch.forward(layers, inputs)
                curve.append(float(tfcourse.from_scratch.cross_entropy(logits, labels)[0]))
                if not np.isfinite(curve[-1]):
                    break
            batch = rng.choice(len(inputs), BATCH_SIZE, replace=False)
            _, layers = tfcourse.from_scratch.train_step(
                layers, inputs[batch], labels[batch], learning_rate=LEARNING_RATE
            )
    return curve


def show(path: style.File, seed: int, quick: bool = False) -> dict[str, Any]:
    """Measures activations by depth and the loss by step; draws both."""
    depth, steps = (3, 20) if quick else (10, 400)
    data = tfcourse.datasets.load("digits")
    pixels = np.asarray(data.train.features).reshape(len(data.train.labels), -1)
    inputs = ((pixels - pixels.mean()) / pixels.std()).astype("float32")
    labels = np.eye(data.num_classes, dtype="float32")[data.train.labels]
    sizes = [inputs.shape[1], *[WIDTH] * depth, data.num_classes]
    names = {"he": "He", "glorot": "Glorot", "large": "sd 1", "small": "sd 0.01", "zeros": "zeros"}
    curves, spreads = {}, {}
    for name in names:
        layers = first_layers(name, sizes, seed)
        spreads[name] = deviations(layers, inputs)
        curves[name] = losses(layers, inputs, labels, steps, seed)
    _draw(path, {names[n]: (spreads[n], curves[n]) for n in names}, depth)
    return {
        **{f"sd_{name}": values[-1] for name, values in spreads.items()},
        "first_sd_he": spreads["he"][0],
        "finite_large": 10 * (int(np.isfinite(curves["large"]).sum()) - 1),
        **{f"loss_{name}": curve[-1] for name, curve in curves.items() if np.isfinite(curve[-1])},
        "depth": depth, "width": WIDTH, "steps": steps, "learning_rate": LEARNING_RATE,
    }  # fmt: skip


def _draw(
    path: style.File, measured: dict[str, tuple[list[float], list[float]]], depth: int
) -> None:
    with style.picture(path, columns=2, width=4.9) as axes:
        spread, loss = axes[0]
        at = np.arange(1, depth + 1)
        for number, (name, (deviations, curve)) in enumerate(measured.items()):
            look = {"color": style.COLOURS[number], "label": name, "lw": 3 - 0.4 * number}
            if any(deviations):
                spread.semilogy(at, deviations, ".-", **look)
            if np.isfinite(curve[-1]):
                at_steps = 10 * np.arange(len(curve))
                loss.plot(at_steps, curve, ls="--" if number == 4 else "-", **look)
        spread.set(title="standard deviation of activations", xlabel="layer")
        spread.set_xticks(at)
        loss.set(title="training loss", xlabel="step", ylim=(0, 4))
        for ax in (spread, loss):
            style.label_lines(ax, gap=0.09)
