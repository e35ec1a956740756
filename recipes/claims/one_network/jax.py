"""The network in JAX: the loss is a function of the weights, `value_and_grad` its derivative."""

import jax
import jax.numpy as jnp
import numpy as np


class Network:
    def __init__(self, weights, learning_rate):
        self.weights = [jnp.asarray(array) for array in weights]
        self.learning_rate = learning_rate

    def train(self, images, labels, batch_size):
        """Takes a step of gradient descent on each batch; returns the mean loss."""
        losses = []
        for start in range(0, len(labels), batch_size):
            batch = images[start : start + batch_size], labels[start : start + batch_size]
            self.weights, loss = step(self.weights, *batch, self.learning_rate)
            losses.append(loss)
        return float(np.mean(losses))


def loss_of(weights, x, labels):
    w1, b1, w2, b2 = weights
    log_probabilities = jax.nn.log_softmax(jax.nn.relu(x @ w1 + b1) @ w2 + b2)
    return -jnp.take_along_axis(log_probabilities, labels[:, None], axis=1).mean()


@jax.jit
def step(weights, x, labels, learning_rate):
    loss, gradients = jax.value_and_grad(loss_of)(weights, x, labels)
    return [w - learning_rate * g for w, g in zip(weights, gradients, strict=True)], loss
