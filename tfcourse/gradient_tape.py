"""Gradient descent with `tf.GradientTape`: a quadratic, linear and logistic regression.

The quadratic is the first program of the course's TensorFlow chapter. What its parts became:

    TensorFlow 1                                    TensorFlow 2
    ------------------------------------------      ------------------------------------------
    graph                                           traced function
      built line by line, run later                   @tf.function
                                                      def quadratic_step(w, coefficients, ...):
    placeholder                                     tensor argument
      x = tf.placeholder(tf.float32, [3, 1])          `coefficients`, float [3]
      feed_dict={x: coefficients}                     quadratic_step(w, coefficients, ...)
    variable                                        variable, with its value from the start
      w = tf.Variable(0, dtype=tf.float32)            w = tf.Variable(0.0)
      session.run(tf.global_variables_initializer())
    session                                         eager: a call computes
      session.run(train)                              quadratic_step(w, coefficients, ...)
      session.run(w)                                  w.numpy()
    optimizer that rewrites the graph               tape that records the forward pass
      GradientDescentOptimizer(0.01).minimize(cost)   tape.gradient(cost, w)

As with the placeholder, other coefficients are other input to the same traced function; it is
not traced again. The left column still runs, under `tf.compat.v1`:
`python -m recipes.quadratic --beside=tensorflow_1` compares the two, step by step.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Precision = Literal["float32", "float64"]
Hypothesis = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # h, of theta and features.
Path = npt.NDArray[np.floating]  # A point before the first and after each step.

# x and y of the linear regression in the course's PyTorch example.
FIFTEEN_POINTS = np.array(
    [
        *[(3.3, 1.7), (4.4, 2.76), (5.5, 2.09), (6.71, 3.19), (6.93, 1.694)],
        *[(4.168, 1.573), (9.779, 3.366), (6.182, 2.596), (7.59, 2.53), (2.167, 1.221)],
        *[(7.042, 2.827), (10.791, 3.465), (5.313, 1.65), (7.997, 2.904), (3.1, 1.3)],
    ]
)


def quadratic(w: tf.Variable, coefficients: tf.Tensor) -> tf.Tensor:
    """Returns the cost c0 w^2 + c1 w + c2; [1, -10, 25] is (w - 5)^2."""
    c0, c1, c2 = tf.unstack(coefficients)
    return c0 * w**2 + c1 * w + c2


@tf.function(jit_compile=True)
def quadratic_step(w: tf.Variable, coefficients: tf.Tensor, learning_rate: tf.Tensor) -> tf.Tensor:
    """Moves the variable `w` one step down the quadratic and returns the cost before it.

    w <- w - learning_rate * d cost / d w
    """
    with tf.GradientTape() as tape:
        cost = quadratic(w, coefficients)
    w.assign_sub(learning_rate * tape.gradient(cost, w))
    return cost


def minimize_quadratic(
    coefficients: Sequence[float],
    *,
    learning_rate: float = 0.01,
    steps: int = 1000,
    initial_w: float = 0.0,
    dtype: Precision = "float64",
) -> Path:
    """Minimizes c0 w^2 + c1 w + c2 by gradient descent.

    Args:
        coefficients: `(c0, c1, c2)`, `c0 > 0`: else there is no minimum.
        learning_rate: > 0. From 1 / c0 on, w no longer comes closer to the minimum.
        steps: >= 0.
        initial_w: w before the first step.
        dtype: in float32, w stalls once a step is too short to change its
            last digit: for (w - 5)^2 near 4.99999.

    Returns:
        w before the first and after each step, of `dtype` and shape `[steps + 1]`.

    Examples:
        >>> path = tfcourse.gradient_tape.minimize_quadratic([1, -10, 25], steps=2)
        >>> path.round(4)
        array([0.   , 0.1  , 0.198])
    """
    _check_quadratic(coefficients, learning_rate)
    if steps < 0:
        raise ValueError(f"`steps` must be >= 0. Received: steps={steps}")
    w = tf.Variable(initial_w, dtype=dtype)
    given = tf.constant(coefficients, dtype), tf.constant(learning_rate, dtype)
    path = [w.numpy()]
    for _ in range(steps):
        quadratic_step(w, *given)
        path.append(w.numpy())
    return np.array(path)


def quadratic_closed_form(
    coefficients: Sequence[float],
    step: int | npt.NDArray[np.integer],
    *,
    learning_rate: float = 0.01,
    initial_w: float = 0.0,
) -> npt.NDArray[np.float64] | np.float64:
    """Returns where gradient descent must be after `step` steps.

    The gradient 2 c0 w + c1 is 0 at w* = -c1 / (2 c0), and every step multiplies the distance to
    w* by the same factor:

        w_n = w* + (w_0 - w*) (1 - 2 learning_rate c0)^n

    For (w - 5)^2 from 0 with the rate 0.01 this is 5 (1 - 0.98^n).

    Args:
        coefficients: `(c0, c1, c2)`, `c0 > 0`.
        step: n, one or many.
        learning_rate: > 0.
        initial_w: w_0.

    Returns:
        w_n, in the shape of `step`.

    Examples:
        >>> tfcourse.gradient_tape.quadratic_closed_form([1, -10, 25], np.array([0, 1, 2])).round(4)
        array([0.   , 0.1  , 0.198])
    """
    _check_quadratic(coefficients, learning_rate)
    c0, c1, _ = coefficients
    minimum = -c1 / (2 * c0)
    return minimum + (initial_w - minimum) * (1 - 2 * learning_rate * c0) ** np.asarray(step)


def _check_quadratic(coefficients: Sequence[float], learning_rate: float) -> None:
    if len(coefficients) != 3 or not np.isfinite(coefficients).all() or coefficients[0] <= 0:
        raise ValueError(
            "`coefficients` must be three finite numbers, the first > 0. "
            f"Received: coefficients={coefficients}"
        )
    _check_learning_rate(learning_rate)


def _check_learning_rate(learning_rate: float) -> None:
    if not 0 < learning_rate < float("inf"):
        raise ValueError(
            f"`learning_rate` must be finite and > 0. Received: learning_rate={learning_rate}"
        )


def predict(theta: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
    """Returns h(x) = theta_0 + theta_1 x_1 + ... for each row x of `features`."""
    return theta[0] + tf.linalg.matvec(features, theta[1:])


def probability(theta: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
    """Returns h(x) = sigmoid(theta_0 + theta_1 x_1 + ...), the probability of the label 1."""
    return tf.sigmoid(predict(theta, features))


def mean_squared_error(theta: tf.Tensor, features: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Returns the mean of (h(x) - y)^2 over the examples."""
    return tf.reduce_mean(tf.square(predict(theta, features) - targets))


@tf.function(jit_compile=True)
def mean_squared_error_step(
    theta: tf.Variable, features: tf.Tensor, targets: tf.Tensor, learning_rate: tf.Tensor
) -> tf.Tensor:
    """Moves the variable `theta` one step down the mean squared error, which it returns.

        theta <- theta - learning_rate * d MSE / d theta

    The square brings a factor 2 into the gradient that `theta_update` does not have.
    """
    with tf.GradientTape() as tape:
        cost = mean_squared_error(theta, features, targets)
    theta.assign_sub(learning_rate * tape.gradient(cost, theta))
    return cost


@tf.function(jit_compile=True)
def theta_update(
    theta: tf.Tensor,
    features: tf.Tensor,
    targets: tf.Tensor,
    alpha: tf.Tensor,
    h: Hypothesis = predict,
) -> tf.Tensor:
    """Returns theta after one step on a batch of b examples, as the slide writes it.

        theta_j := theta_j - alpha * (1/b) * sum_k (h(x_k) - y_k) * x_kj

    All j at once, from the old theta; j = 0 is the bias, with x_k0 = 1. With `predict` this is
    gradient descent on half the mean squared error, with `probability` on the cross-entropy.

    Args:
        theta: float `[1 + features]`.
        features: float `[b, features]`.
        targets: float `[b]`.
        alpha: float `[]`, the learning rate.
        h: `predict` or `probability`.
    """
    errors = h(theta, features) - targets
    x = tf.concat([tf.ones_like(targets)[:, tf.newaxis], features], axis=1)
    return theta - alpha * tf.reduce_mean(errors[:, tf.newaxis] * x, axis=0)


def linear_regression(
    features: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    learning_rate: float,
    batch_size: int,
    epochs: int = 1,
    seed: int | None = None,
    dtype: Precision = "float64",
    h: Hypothesis = predict,
) -> Path:
    """Fits h(x) = theta_0 + theta_1 x_1 + ... by `theta_update`, from theta = 0.

    With m examples, `batch_size` = m is batch gradient descent (one step per epoch), 1 is
    stochastic gradient descent (m steps), and what lies between is mini-batch gradient descent
    (ceil(m / b) steps; the last batch may be smaller, and its mean is over its true size).

    Args:
        features: shape `[m, features]`. Those of a polynomial are the powers of x.
        targets: shape `[m]`.
        learning_rate: > 0, the slide's alpha. Half the mean squared error is minimized, so
            0.002 here takes the steps that 0.001 takes on the mean squared error.
        batch_size: b, in [1, m].
        epochs: >= 0, passes over the examples.
        seed: None goes through the examples in order, as on the slide: the batches start at
            i = 1, 11, ..., 991. An int shuffles every epoch, a pure function of (seed, epoch).
        dtype: of theta and of all that is computed.
        h: `probability` makes it logistic regression, with `targets` 0 and 1.

    Returns:
        theta before the first and after each step, of shape `[steps + 1, 1 + features]`.
    """
    xs, ys = _examples(features, targets, dtype)
    m = len(ys)
    _check_learning_rate(learning_rate)
    if not 1 <= batch_size <= m:
        raise ValueError(f"`batch_size` must lie in [1, {m}]. Received: batch_size={batch_size}")
    if epochs < 0:
        raise ValueError(f"`epochs` must be >= 0. Received: epochs={epochs}")
    alpha = tf.constant(learning_rate, dtype)
    theta = tf.zeros(1 + xs.shape[1], dtype)
    path = [theta.numpy()]
    for epoch in range(epochs):
        x, y = xs, ys
        if seed is not None:
            order = tf.random.experimental.stateless_shuffle(
                tf.range(m), seed=[seed, epoch], alg="philox"
            )
            x, y = tf.gather(xs, order), tf.gather(ys, order)
        for start in range(0, m, batch_size):  # The slide counts from 1.
            end = start + batch_size
            theta = theta_update(theta, x[start:end], y[start:end], alpha, h)
            path.append(theta.numpy())
    return np.array(path)


def least_squares(features: npt.ArrayLike, targets: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Returns the theta of smallest mean squared error, where gradient descent should end.

        theta = (X^T X)^-1 X^T y, with a first column of ones in X

    It is solved without forming X^T X, whose condition number is that of X squared.

    Examples:
        >>> x, y = tfcourse.gradient_tape.FIFTEEN_POINTS.T
        >>> tfcourse.gradient_tape.least_squares(x[:, np.newaxis], y).round(4)
        array([0.7477, 0.26  ])
    """
    xs, ys = _examples(features, targets, "float64")
    x = np.column_stack([np.ones(len(ys)), xs])
    return np.linalg.lstsq(x, ys.numpy())[0]


def _examples(
    features: npt.ArrayLike, targets: npt.ArrayLike, dtype: Precision
) -> tuple[tf.Tensor, tf.Tensor]:
    xs, ys = tf.constant(features, dtype), tf.constant(targets, dtype)
    if xs.shape.rank != 2 or ys.shape != xs.shape[:1]:
        raise ValueError(
            "`features` must have the shape [m, features] and `targets` [m]. "
            f"Received: features.shape={xs.shape}, targets.shape={ys.shape}"
        )
    return xs, ys
