"""What recipes.claims.frameworks measures of each implementation: code, losses, speed."""

import io
import time
import tokenize
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

import tfcourse

if TYPE_CHECKING:
    from recipes.claims.frameworks import Frameworks

# Tokens that are no code, and strings that stand alone: docstrings.
_NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


def lines_of_code(source: str) -> int:
    """Returns how many lines of Python source hold code: no blank line, comment, docstring."""
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
    hp: "Frameworks",
) -> dict[str, np.ndarray]:
    """Returns `{name: loss of each step}`, float64 [steps] each."""
    size = tfcourse.batching.resolve_batch_size(hp.batch_size, len(labels))
    losses: dict[str, list[float]] = {}
    for name, module in found.items():
        network = module.Network(weights, hp.learning_rate)
        losses[name] = []
        for step in range(hp.steps):
            rows = np.arange(step * size, (step + 1) * size) % len(labels)
            losses[name].append(float(network.train(images[rows], labels[rows], size)))
    return {name: np.array(values) for name, values in losses.items()}


def examples_per_second(
    found: Mapping[str, ModuleType],
    weights: Sequence[np.ndarray],
    images: np.ndarray,
    labels: np.ndarray,
    hp: "Frameworks",
) -> dict[str, np.ndarray]:
    """Returns `{name: float array [rounds]}`; the rounds of all take turns."""
    size = tfcourse.batching.resolve_batch_size(hp.batch_size, len(labels))
    contestants = {
        name: module.Network(weights, hp.learning_rate) for name, module in found.items()
    }
    for network in contestants.values():
        network.train(images, labels, size)  # What compiles, compiles here.
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(hp.rounds):
        for name, network in contestants.items():
            started = time.perf_counter()
            network.train(images, labels, size)
            speeds[name].append(len(labels) / (time.perf_counter() - started))
    return {name: np.array(values) for name, values in speeds.items()}


def time_matrix_products(sizes: Sequence[int], seed: int) -> tuple[list[float], list[float]]:
    """Returns `(seconds in Python loops, seconds in NumPy)`, lists, a number a size."""
    rng = np.random.default_rng(seed)
    loops, numpy = [], []
    for size in sizes:
        a, b = rng.normal(size=(2, size, size))
        product = tfcourse.from_scratch.matrix_product
        loops.append(median_seconds(product, a.tolist(), b.tolist(), repeats=1))
        numpy.append(median_seconds(np.matmul, a, b, repeats=50))
    return loops, numpy


def median_seconds(function: Callable[..., Any], *arguments: Any, repeats: int) -> float:
    """Returns the seconds of a call, the median of five rounds of so many repeats."""
    rounds = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(repeats):
            function(*arguments)
        rounds.append((time.perf_counter() - started) / repeats)
    return float(np.median(rounds))
