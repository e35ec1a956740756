"""The network in TensorFlow: a tape records the forward pass and takes the derivative."""

import tensorflow as tf


class Network:
    def __init__(self, weights, learning_rate):
        self.variables = [tf.Variable(array) for array in weights]
        self.learning_rate = learning_rate

    def train(self, images, labels, batch_size):
        """Takes a step of gradient descent on each batch; returns the mean loss."""
        losses = []
        for start in range(0, len(labels), batch_size):
            end = start + batch_size
            losses.append(self.step(images[start:end], labels[start:end]))
        return tf.reduce_mean(losses).numpy()

    @tf.function(jit_compile=True)
    def step(self, x, labels):
        with tf.GradientTape() as tape:
            w1, b1, w2, b2 = self.variables
            z = tf.nn.relu(x @ w1 + b1) @ w2 + b2
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, z))
        gradients = tape.gradient(loss, self.variables)
        for variable, gradient in zip(self.variables, gradients, strict=True):
            variable.assign_sub(self.learning_rate * gradient)
        return loss
