"""A program that is traced once, and compiled by XLA if that is possible and faster."""

import concurrent.futures
import functools
import re
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfcourse.training.compilation.gradient_internals import forget_gradients

_CONVOLUTION = re.compile(r"(Depthwise)?Conv\dD")
_ON_GPU = re.compile(rf"{_CONVOLUTION.pattern}|MaxPool(3D)?Grad")
# What XLA calls the program, differently for every trace.
_PROGRAM = re.compile(r" graph __inference_\w+(\[[^]]*\])?")
_said: set[tuple[str, str]] = set()


class Traced:
    """A function as it was traced with the arguments of its first call.

    XLA compiles it unless it contains an operation without an XLA kernel, which is found before it
    runs, or operations that TensorFlow should run; see `steps.compiles_with_xla`.

    Args:
        function: called with whether XLA compiles it, and the arguments.
        xla: whether XLA should compile it.
        name: the model's, for messages.
        meanwhile: function without arguments, called while XLA compiles and Python is idle.
        autograph: whether AutoGraph rewrites the function, and what it calls, before it is traced.
            This takes half as long as the trace.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        xla: bool,
        name: str,
        *,
        meanwhile: Callable[[], None] | None = None,
        autograph: bool = False,
    ) -> None:
        self._function = function
        self._xla = xla
        self._name = name
        self._meanwhile = meanwhile
        self._autograph = autograph
        self._traced: Any = None

    def __call__(self, *arguments: Any) -> Any:
        if self._traced is not None:
            return self._traced(*arguments)
        if self._xla:
            self._traced = self._trace(True, arguments)
            if not is_left(self._traced.graph):
                try:
                    return self._first_call(arguments)
                except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
                    why = _PROGRAM.sub("", error.message.strip().splitlines()[0])
                    say_once(self._name, f"training without XLA, which says: {why[:300]}")
        self._traced = self._trace(False, arguments)
        return self._traced(*arguments)

    def _first_call(self, arguments: tuple[Any, ...]) -> Any:
        if self._meanwhile is None or not on_cpu():  # A device scope applies to one thread.
            return self._traced(*arguments)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            compiled = pool.submit(self._traced, *arguments)
            self._meanwhile()
            return compiled.result()

    def _trace(self, xla: bool, arguments: tuple[Any, ...]) -> Any:
        # Calling the `tf.function` itself would warn if a process trains several models.
        function = functools.partial(self._function, xla)
        program = tf.function(function, jit_compile=xla, autograph=self._autograph)
        traced = program.get_concrete_function(*arguments)
        forget_gradients(traced.graph)
        return traced


def on_cpu() -> bool:
    """Returns whether there is no GPU to train on."""
    return not tf.config.list_logical_devices("GPU")


def is_left(graph: tf.Graph) -> bool:
    """Returns whether a traced program has operations that XLA should not compile here."""
    functions = graph.as_graph_def().library.function
    types = {node.op for function in functions for node in function.node_def}
    types |= {operation.type for operation in graph.get_operations()}
    left = _CONVOLUTION if on_cpu() else _ON_GPU
    return any(left.match(kind) for kind in types)


def say_once(name: str, why: str) -> None:
    """Prints a line about the models of this `name`, once per process."""
    if (name, why) not in _said:
        _said.add((name, why))
        print(f"{name}: {why}", flush=True)
