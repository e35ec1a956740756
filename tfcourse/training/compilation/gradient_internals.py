"""Lets go of what TensorFlow keeps for the gradients of a program that nobody differentiates.

TensorFlow never forgets the gradient of a `tf.custom_gradient` in a graph. The gradient holds the
graph, and the graph the weights of its model and its data. Keras's optimizers have one in each
step: without this, each training of a process would stay in its memory. It needs a private part
of TensorFlow, and can go once gradients go with their graph.
"""

from collections.abc import Iterator

import tensorflow as tf
from tensorflow.python.framework import ops

_BRANCHES = ("body", "cond", "then_branch", "else_branch")


def forget_gradients(graph: tf.Graph) -> None:
    """Forgets the custom gradients in `graph`, which can't be differentiated afterwards.

    Those in another `tf.function` that it calls are kept: others may call it too.
    """
    for name in set(_custom_gradients(graph)):
        ops.gradient_registry._registry.pop(name, None)


def _custom_gradients(graph: tf.Graph) -> Iterator[str]:
    definition = graph.as_graph_def()
    functions = {each.signature.name: each.node_def for each in definition.library.function}
    nodes = list(definition.node)
    while nodes:
        attributes = nodes.pop().attr
        if "_gradient_op_type" in attributes:
            yield attributes["_gradient_op_type"].s.decode()
        for branch in (name for name in _BRANCHES if name in attributes):
            nodes.extend(functions[attributes[branch].func.name])
