"""The options for reading data, each declared once as flag, check and record."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from tfcourse.datasets.table_files import legacy_encodings
from tfcourse.hyperparameters import Hyperparameters, choice, sides, text, texts
from tfcourse.hyperparameters.spelling import parse_texts


@dataclasses.dataclass(frozen=True)
class Reading(Hyperparameters):
    """How to read a table or images.

    Columns may also be a list, or a text as for the flag; and a size one number.

    Raises:
        ValueError: a value is not allowed; the message names it.
    """

    label: str | None = text(None, "Column of a table to predict.", optional=True)
    task: Literal["auto", "classification", "regression"] = choice(
        "auto",
        ("auto", "classification", "regression"),
        "What the label is: classes, or a quantity; auto decides by its values.",
    )
    missing: Literal["refuse", "impute"] = choice(
        "impute",
        ("refuse", "impute"),
        "How to treat missing values in a table: fill them in, or report an error.",
    )
    missing_values: tuple[str, ...] = texts(
        (), "Additional texts that mean a missing value.", optional=True
    )
    header: Literal["yes", "no"] = choice(
        "yes",
        ("yes", "no"),
        "Whether the first line names the columns; otherwise they are 1, 2, ...",
    )
    encoding: str | None = text(
        None,
        "Encoding of text that is not UTF-8, such as cp1251; else it is guessed.",
        optional=True,
    )
    categorical: tuple[str, ...] = texts(
        (), "Columns of numbers that are treated as categories.", optional=True
    )
    ignore: tuple[str, ...] = texts((), "Columns that are left out.", optional=True)
    keep: tuple[str, ...] = texts(
        (),
        "Columns to use although they look like identifiers or hold many different texts.",
        optional=True,
    )
    image_size: tuple[int, int] | None = sides(
        None,
        "HEIGHT,WIDTH that images are resized to; one number makes squares.",
        interval="[1, 8192]",
        optional=True,
    )
    labels: str | None = text(
        None, "Table that names the class of each image in a folder.", optional=True
    )
    on_error: Literal["refuse", "skip"] = choice(
        "refuse", ("refuse", "skip"), "What to do with images that can't be read."
    )

    def __post_init__(self) -> None:
        if isinstance(self.label, int | np.integer):  # Names of columns may be numbers.
            object.__setattr__(self, "label", str(self.label))
        for name in ("categorical", "ignore", "keep", "missing_values"):
            given: object = getattr(self, name)
            items = parse_texts(given) if isinstance(given, str) else _plain(given)
            if isinstance(items, list | tuple):
                object.__setattr__(self, name, tuple(map(str, items)))
        size = _plain(self.image_size)
        if size is not None:
            lengths = tuple(size) if isinstance(size, list | tuple) else (size,)
            object.__setattr__(self, "image_size", lengths * 2 if len(lengths) == 1 else lengths)
        super().__post_init__()
        if self.encoding is not None and not legacy_encodings.is_one(self.encoding):
            raise ValueError(
                "`encoding` must be one that Python knows, such as cp1251 or shift_jis. Received: "
                f"{self.encoding!r}"
            )

    def check_used(self, source: str, uses: Sequence[str]) -> None:
        """Checks that `source` supports every option that is set; `uses` lists the supported ones.

        Raises:
            ValueError: an option is not supported.
        """
        unused = self.to_texts().keys() - set(uses)
        if unused:
            takes = ", ".join(f"`{name}`" for name in uses) or "no options of its own"
            raise ValueError(f"{source} does not go with `{min(unused)}`. It takes {takes}")


def _plain(value: Any) -> Any:
    """Returns an array or an index as a list, and a number of NumPy as Python's."""
    return value.tolist() if hasattr(value, "tolist") else value
