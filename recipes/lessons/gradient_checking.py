"""Whether a gradient is right: finite differences against the tape."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tfcourse.reports import style

Array = npt.NDArray[np.floating]
INPUTS, UNITS, CLASSES, EXAMPLES = 4, 8, 3, 20
TEXT = """
The gradient of a small network from `tf.GradientTape` is compared with finite differences, for all
{parameters:.0f} weights. The relative error has a valley: a large epsilon measures a chord instead
of the slope, and a small one loses the difference in rounding. With two-sided differences in
float64, the best epsilon is {best_epsilon_central:.0e}, with an error of
{best_error_central:.0e}. One-sided differences reach {best_error_forward:.0e}, and float32 only
{best_error_float32:.0e} (with {best_epsilon_float32:.0e}). A wrong gradient, here without the
factor 1 - a^2 of tanh, has an error of at least {best_error_faulty:.2f}. So an error below
1e-6 means that the gradient is right, and an error above 1e-2 that it is wrong; in between, look
closer.
"""


def network(seed: int) -> tuple[Array, Array, Array]:
    """Returns weights [n], inputs [examples, inputs] and one-hot labels."""
    rng = np.random.default_rng(seed)
    count = INPUTS * UNITS + UNITS + UNITS * CLASSES + CLASSES
    labels = np.eye(CLASSES)[rng.integers(CLASSES, size=EXAMPLES)]
    return rng.normal(0, 0.7, count), rng.normal(size=(EXAMPLES, INPUTS)), labels


def cost(w: Any, x: Any, y: Any) -> Any:
    """Returns the mean cross-entropy of softmax(W2 tanh(W1 x + b1) + b2), for each row of `w`."""
    import tensorflow as tf

    sizes = (INPUTS * UNITS, UNITS, UNITS * CLASSES, CLASSES)
    first, b1, second, b2 = tf.split(w, sizes, axis=-1)
    rows = tf.shape(w)[:-1]
    first = tf.reshape(first, tf.concat([rows, (INPUTS, UNITS)], 0))
    second = tf.reshape(second, tf.concat([rows, (UNITS, CLASSES)], 0))
    a = tf.tanh(x @ first + b1[..., tf.newaxis, :])
    logits = a @ second + b2[..., tf.newaxis, :]
    return -tf.reduce_mean(tf.reduce_sum(y * tf.nn.log_softmax(logits), axis=-1), axis=-1)


def tape_gradient(w: Array, x: Array, y: Array) -> Array:
    """Returns the gradient by the tape, in the precision of the arguments."""
    import tensorflow as tf

    w, x, y = (tf.constant(array) for array in (w, x, y))
    with tf.GradientTape() as tape:
        tape.watch(w)
        value = cost(w, x, y)
    return tape.gradient(value, w).numpy()


def faulty_gradient(w: Array, x: Array, y: Array) -> Array:
    """Returns the gradient without the derivative of tanh, 1 - a^2: a common mistake."""
    first = w[: INPUTS * UNITS].reshape(INPUTS, UNITS)
    a = np.tanh(x @ first + w[INPUTS * UNITS :][:UNITS])
    second = w[-UNITS * CLASSES - CLASSES : -CLASSES].reshape(UNITS, CLASSES)
    logits = a @ second + w[-CLASSES:]
    d_logits = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) - y) / len(x)
    d_a = d_logits @ second.T
    parts = (x.T @ d_a, d_a.sum(axis=0), a.T @ d_logits, d_logits.sum(axis=0))
    return np.concatenate([part.ravel() for part in parts])


def differences(
    w: Array, x: Array, y: Array, epsilon: float, side: Literal["central", "forward"]
) -> Array:
    """Returns (f(w + eps e) - f(w - eps e)) / 2 eps for each unit vector e, or one-sided."""
    moved = np.diag(np.full(len(w), epsilon, w.dtype))  # A float64 would lift it out of float32.
    above, below = cost(w + moved, x, y), cost(w - moved if side == "central" else w, x, y)
    return np.asarray(above - below) / ((2 if side == "central" else 1) * epsilon)


def relative_error(a: Array, b: Array) -> float:
    """Returns ||a - b|| / (||a|| + ||b||)."""
    return float(np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b)))


def show(path: style.File, seed: int, quick: bool = False) -> dict[str, Any]:
    """Measures the relative error by epsilon, and draws it."""
    epsilons = np.geomspace(1e-12, 1.0, 7 if quick else 37)
    double = network(seed)
    single = tuple(array.astype("float32") for array in double)
    exact = tape_gradient(*double)
    arms: dict[str, tuple[str, Any, Array, Any]] = {
        "central": ("two-sided, float64", double, exact, "central"),
        "forward": ("one-sided, float64", double, exact, "forward"),
        "float32": ("two-sided, float32", single, tape_gradient(*single), "central"),
        "faulty": ("two-sided, gradient with a fault", double, faulty_gradient(*double), "central"),
    }
    metrics: dict[str, Any] = {"parameters": len(exact)}
    lines = {}
    for name, (label, (w, x, y), gradient, side) in arms.items():
        errors = np.array(
            [relative_error(gradient, differences(w, x, y, e, side)) for e in epsilons]
        )
        metrics[f"best_error_{name}"] = float(errors.min())
        metrics[f"best_epsilon_{name}"] = float(epsilons[errors.argmin()])
        lines[label] = errors
    with style.picture(path, width=7.4, height=3.8) as axes:
        ax = axes[0, 0]
        for label, errors in lines.items():
            ax.loglog(epsilons, errors, ".-", label=label)
        ax.set(title="relative error of a gradient", xlabel="epsilon", ylim=(1e-12, 3))
        style.label_lines(ax, gap=0.08)
    return metrics
