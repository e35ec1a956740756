"""The network by hand in NumPy: the backward pass is the chain rule, written out.

h = max(0, x W1 + b1)        z = h W2 + b2        loss = -mean log softmax(z)_label
"""

import numpy as np


class Network:
    def __init__(self, weights, learning_rate):
        self.w1, self.b1, self.w2, self.b2 = (array.copy() for array in weights)
        self.learning_rate = np.float32(learning_rate)

    def train(self, images, labels, batch_size):
        """Takes a step of gradient descent on each batch; returns the mean loss."""
        losses = []
        for start in range(0, len(labels), batch_size):
            end = start + batch_size
            losses.append(self.step(images[start:end], labels[start:end]))
        return np.mean(losses)

    def step(self, x, labels):
        rows = np.arange(len(x))
        # The forward pass.
        h = np.maximum(x @ self.w1 + self.b1, 0)
        z = h @ self.w2 + self.b2
        z = z - z.max(axis=1, keepdims=True)  # So that no exponential overflows.
        log_probabilities = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        loss = -log_probabilities[rows, labels].mean()
        # The backward pass: d loss / d z, and from there back to the weights.
        dz = np.exp(log_probabilities)
        dz[rows, labels] -= 1
        dz /= len(x)
        dh = dz @ self.w2.T * (h > 0)
        gradients = x.T @ dh, dh.sum(axis=0), h.T @ dz, dz.sum(axis=0)
        # The step of gradient descent.
        for weight, gradient in zip((self.w1, self.b1, self.w2, self.b2), gradients, strict=True):
            weight -= self.learning_rate * gradient
        return loss
