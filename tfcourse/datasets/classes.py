"""Numbers the classes of labels."""

import collections
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from absl import logging

from tfcourse.datasets import shown
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import IntArray
from tfcourse.datasets.values import spellings
from tfcourse.datasets.values.cells import as_category, is_missing

# One to train on, and with stratified splits at most one each for validation and test.
MIN_EXAMPLES = 3
MAX_CLASSES = 10_000
_SHOWN = 10


def number(
    where: str,
    cells: Iterable[Any],
    place: Callable[[int], object],
    min_examples: int = MIN_EXAMPLES,
    *,
    are_names: bool = False,
) -> tuple[IntArray, tuple[str, ...]]:
    """Returns labels [examples] and the names of the classes, in order.

    Args:
        where: name of the labels for messages: "iris.csv, column 'species'".
        cells: texts or integers.
        place: returns the origin of a position, for messages.
        min_examples: the smallest number of examples that a class may have.
        are_names: whether the labels are names of folders, of which NA is one like any other.

    Raises:
        DataError: a label is missing, a class has too few examples, or there is only one.
    """
    names: list[str] = []
    known: dict[Any, str] = {}
    first: dict[str, int] = {}
    for row, cell in enumerate(cells):
        name = known.get(cell)
        if name is None:
            if not are_names and is_missing(cell):
                raise DataError(
                    f"{place(row)}: expected a label in {where}; received none. Fill it in, or "
                    "remove the example."
                )
            name = known[cell] = as_category(cell)
            first.setdefault(name, row)
        names.append(name)
    counts = collections.Counter(names)
    if len(counts) < 2:
        raise DataError(
            f"{where}: expected at least two classes; received {shown.quoted(names[0])} alone. Add "
            "examples of another class, or name another label."
        )
    rare = [name for name, count in counts.items() if count < min_examples]
    if rare:
        others = f", and as few of {len(rare) - 1} more classes" if rare[1:] else ""
        raise DataError(
            f"{where}: expected at least {min_examples} examples of each class; received "
            f"{counts[rare[0]]} of {shown.quoted(rare[0])} ({place(first[rare[0]])}){others}. "
            "Merge rare "
            "classes or remove them; a quantity is not a class."
        )
    if len(counts) > MAX_CLASSES:
        raise DataError(f"{where}: expected at most {MAX_CLASSES} classes; received {len(counts)}.")
    ordered = in_order(counts)
    numbers = {name: number for number, name in enumerate(ordered)}
    return np.array([numbers[name] for name in names], np.int32), tuple(ordered)


def too_rare(where: str, unit: str, counts: Mapping[str, int]) -> set[str]:
    """Returns the classes to leave out, which have too few examples to be split, and reports them.

    It returns none if fewer than two classes or less than half of the examples would be left;
    `number` then raises an error.

    Args:
        where: name of the labels for messages.
        unit: what the examples are, "images".
        counts: the number of training examples by class.
    """
    rare = {name: count for name, count in counts.items() if count < MIN_EXAMPLES}
    is_most = 2 * sum(rare.values()) > sum(counts.values())
    if not rare or is_most or len(counts) - len(rare) < 2:
        return set()
    named = ", ".join(f"{shown.text(name)} ({rare[name]})" for name in in_order(rare)[:_SHOWN])
    more = f" and {len(rare) - _SHOWN} more" if len(rare) > _SHOWN else ""
    logging.warning(
        "%s: left out the classes with under %d %s for training: %s%s.",
        *(where, MIN_EXAMPLES, unit, named, more),
    )
    return {*rare}


def in_order(names: Iterable[str]) -> list[str]:
    """Returns the names of classes in order: numbers as numbers, all else as texts."""
    ordered = sorted(names)
    are_numbers = all(map(spellings.DECIMAL.fullmatch, ordered))
    return sorted(ordered, key=float) if are_numbers else ordered
