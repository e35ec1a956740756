"""The slide's TensorFlow 1 program, which `tf.compat.v1` still runs.

Its lines are the slide's. Only the explicit graph, which TensorFlow 1 had by default, and the list
that records w after each step are new.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow
import tensorflow.compat.v1 as tf


def minimize_quadratic(
    coefficients: Sequence[float],
    *,
    learning_rate: float = 0.01,
    steps: int = 1000,
    initial_w: float = 0.0,
) -> npt.NDArray[np.float32]:
    """Minimizes c0 w^2 + c1 w + c2 by gradient descent, in a session.

    Args:
        coefficients: `(c0, c1, c2)`.
        learning_rate: > 0.
        steps: >= 0.
        initial_w: w before the first step.

    Returns:
        w before the first and after each step, `[steps + 1]`.
    """
    array = np.reshape(coefficients, (3, 1))
    with tensorflow.Graph().as_default():
        # The graph: these lines compute nothing, they say how to compute.
        w = tf.Variable(initial_w, dtype=tf.float32)
        x = tf.placeholder(tf.float32, [3, 1])
        cost = x[0][0] * w**2 + x[1][0] * w + x[2][0]
        train = tf.train.GradientDescentOptimizer(learning_rate).minimize(cost)
        init = tf.global_variables_initializer()
        # The session computes; what it is fed takes the placeholder's place.
        with tf.Session() as session:
            session.run(init)
            path = [session.run(w)]
            for _ in range(steps):
                session.run(train, feed_dict={x: array})
                path.append(session.run(w))
    return np.array(path)
