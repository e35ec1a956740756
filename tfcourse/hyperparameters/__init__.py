"""Hyperparameters, each declared once: flag, checks, record and search range.

A recipe declares a frozen dataclass. Every field states its default, its help text, the interval of
allowed values, and the range and scale for searches:

    >>> import dataclasses
    >>> from tfcourse.choices import OPTIMIZERS, takers
    >>> from tfcourse.hyperparameters import Hyperparameters, choice, number
    >>> @dataclasses.dataclass(frozen=True)
    ... class Regression(Hyperparameters):
    ...     optimizer: str = choice("momentum", OPTIMIZERS, "Update rule.")
    ...     learning_rate: float = number(
    ...         0.1, "Step size.", interval="(0, inf)", search=(1e-4, 1.0), scale="log")
    ...     beta: float = number(
    ...         0.9, "Decay rate of the average.", interval="[0, 1)", search=(0.9, 0.999),
    ...         scale="one_minus_log", active_when=("optimizer", takers(OPTIMIZERS, "beta")))
    >>> Regression(beta=0.95).arguments_of("optimizer")
    {'beta': 0.95}

Nothing here imports TensorFlow, so that flags are checked before it loads.
"""

from tfcourse.hyperparameters.declared import Hyperparameters, declarations
from tfcourse.hyperparameters.fields import (
    PRECISIONS,
    batch_size,
    choice,
    combinations,
    integer,
    integers,
    number,
    several,
    sides,
    text,
    texts,
)
from tfcourse.hyperparameters.kinds import (
    BatchSize,
    Choice,
    Declaration,
    Integer,
    Integers,
    Interval,
    Number,
    Several,
    Sides,
    Text,
    Texts,
)
from tfcourse.hyperparameters.spelling import decimal, format_texts, parse_texts, printable

__all__ = [
    "PRECISIONS",
    "BatchSize",
    "Choice",
    "Declaration",
    "Hyperparameters",
    "Integer",
    "Integers",
    "Interval",
    "Number",
    "Several",
    "Sides",
    "Text",
    "Texts",
    "batch_size",
    "choice",
    "combinations",
    "decimal",
    "declarations",
    "format_texts",
    "integer",
    "integers",
    "number",
    "parse_texts",
    "printable",
    "several",
    "sides",
    "text",
    "texts",
]
