"""The measurements of each implementation for recipes.claims.frameworks: code, losses, speed."""

import io
import time
import tokenize
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

import tfcourse

# Tokens that are no code, and strings that stand alone: docstrings.
_NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


def lines_of_code(source: str) -> int:
    """Returns the lines of code in a Python source, without blank lines, comments, docstrings."""
    lines: set[int] = set()
    statement: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE | {tokenize.ENDMARKER}:
            statement.append(token)
        if token.type == tokenize.NEWLINE:
            if [part.type for part in statement] != [tokenize.STRING]:
                lines |= {n for t in statement for n in range(t.start[0], t.end[0] + 1)}
            statement = []
    return len(lines)


def losses_by_step(
    found: Mapping[str, ModuleType],
    weights: Sequence[np.ndarray],
    images: np.ndarray,
    labels: np.ndarray,
    size: int,
    *,
    learning_rate: float,
    steps: int,
) -> dict[str, np.ndarray]:
    """Returns `{name: loss of each step}`, float64 [steps] each."""
    losses: dict[str, list[float]] = {}
    for name, module in found.items():
        network = module.Network(weights, learning_rate)
        losses[name] = []
        for step in range(steps):
            rows = np.arange(step * size, (step + 1) * size) % len(labels)
            losses[name].append(float(network.train(images[rows], labels[rows], size)))
    return {name: np.array(values) for name, values in losses.items()}


def speeds(
    found: Mapping[str, ModuleType],
    weights: Sequence[np.ndarray],
    images: np.ndarray,
    labels: np.ndarray,
    size: int,
    *,
    learning_rate: float,
    rounds: int,
) -> dict[str, dict[str, Any]]:
    """Returns `{name: {"examples_per_second": [rounds], "first_seconds": float}}`.

    The rounds of all implementations take turns. The first pass, which may compile, is timed
    separately.
    """
    contestants = {name: module.Network(weights, learning_rate) for name, module in found.items()}

    def seconds(network: Any) -> float:
        started = time.perf_counter()
        network.train(images, labels, size)
        return time.perf_counter() - started

    measured: dict[str, dict[str, Any]] = {
        name: {"examples_per_second": [], "first_seconds": seconds(network)}
        for name, network in contestants.items()
    }
    for _ in range(rounds):
        for name, network in contestants.items():
            measured[name]["examples_per_second"].append(len(labels) / seconds(network))
    return measured


def time_matrix_products(
    sizes: Sequence[int], seed: int
) -> tuple[list[list[float]], list[list[float]]]:
    """Returns `(seconds in Python loops, seconds in NumPy)`, a list of rounds per size."""
    rng = np.random.default_rng(seed)
    loops: list[list[float]] = []
    numpy: list[list[float]] = []
    for size in sizes:
        a, b = rng.normal(size=(2, size, size))
        product = tfcourse.from_scratch.matrix_product
        loops.append(seconds_of(product, a.tolist(), b.tolist(), repeats=1))
        numpy.append(seconds_of(np.matmul, a, b, repeats=50))
    return loops, numpy


def seconds_of(function: Callable[..., Any], *arguments: Any, repeats: int) -> list[float]:
    """Returns the seconds per call, in five rounds of `repeats` calls."""
    rounds = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(repeats):
            function(*arguments)
        rounds.append((time.perf_counter() - started) / repeats)
    return rounds
