"""The preprocessing of raw examples: fitted on the training split, saved with the model.

    fitted = preprocessing.from_json((run_dir / "preprocessing.json").read_text(encoding="utf-8"))
    examples = fitted.read("new.csv")  # features float32, labels or None, and where each came from
    logits = model.predict(examples.features)

`fitted` is a `TablePreprocessing`, an `ArrayPreprocessing` or an `ImagePreprocessing`. Each has
`class_names`, `input_shape`, `source`, `transform` for raw values in memory, and `read` for files
of new examples.
"""

import dataclasses
import json
from typing import Any

from tfcourse.datasets import fields
from tfcourse.datasets.arrays.array_preprocessing import ArrayPreprocessing, ImagePreprocessing
from tfcourse.datasets.dataset import Preprocessing
from tfcourse.datasets.tables.columns import CategoricalColumn, NumericColumn
from tfcourse.datasets.tables.table_preprocessing import TablePreprocessing
from tfcourse.datasets.tables.targets import NumericTarget
from tfcourse.system import files

FORMAT = 1
MAX_CHARACTERS = 64 << 20

KINDS: dict[str, Any] = {
    "table": TablePreprocessing,
    "arrays": ArrayPreprocessing,
    "images": ImagePreprocessing,
}
COLUMN_KINDS: dict[str, Any] = {"numeric": NumericColumn, "categorical": CategoricalColumn}


def to_json(fitted: Preprocessing) -> str:
    """Returns a text from which `from_json` makes an equal preprocessing."""
    described = {"format": FORMAT, **_described(KINDS, fitted)}
    if isinstance(fitted, TablePreprocessing):
        described["columns"] = [_described(COLUMN_KINDS, column) for column in fitted.columns]
    if fitted.target is None:
        described.pop("target", None)
    return json.dumps(described, indent=1, allow_nan=False) + "\n"


def from_json(text: str) -> Preprocessing:
    """Returns the preprocessing that `to_json` wrote.

    Raises:
        ValueError: names the field that `to_json` can't have written.
    """
    fields.check(
        "preprocessing",
        len(text),
        len(text) <= MAX_CHARACTERS,
        f"of at most {MAX_CHARACTERS} characters",
    )
    try:
        read = files.parse_json(text, object_pairs_hook=_without_repetitions)
    except ValueError as error:
        raise ValueError(f"preprocessing must be JSON. Received: {error}") from None
    fields.check("preprocessing", read, isinstance(read, dict), "an object")
    written = read.pop("format", None)
    fields.check("format", written, type(written) is int and written == FORMAT, str(FORMAT))
    columns = read.get("columns")
    if isinstance(columns, list):
        read["columns"] = [
            _made(COLUMN_KINDS, f"columns[{position}]", column)
            for position, column in enumerate(columns)
        ]
    if "target" in read:
        read["target"] = _target(read["target"])
    return _made(KINDS, "preprocessing", read)


def _target(read: Any) -> NumericTarget:
    names = {field.name for field in dataclasses.fields(NumericTarget)}
    is_one = isinstance(read, dict) and read.keys() == names
    fields.check("target", read, is_one, f"an object of {sorted(names)}")
    return NumericTarget(**read)


def _made(kinds: dict[str, Any], where: str, read: Any) -> Any:
    """Returns the instance that `read`, a dict with a kind, describes."""
    fields.check(where, read, isinstance(read, dict), "an object")
    kind = read.pop("kind", None)
    known = isinstance(kind, str) and kind in kinds
    fields.check(f"{where}.kind", kind, known, f"one of {', '.join(kinds)}")
    declared = dataclasses.fields(kinds[kind])
    expected = {field.name for field in declared}
    # Newer fields have defaults, because older runs lack them.
    needed = {field.name for field in declared if field.default is dataclasses.MISSING}
    is_complete = needed <= read.keys() <= expected
    fields.check(where, sorted(read), is_complete, f"an object of {sorted(expected)}")
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in read.items()}
    try:
        return kinds[kind](**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _described(kinds: dict[str, Any], instance: Any) -> dict[str, Any]:
    kind = next(name for name, kind in kinds.items() if kind is type(instance))
    return {"kind": kind, **dataclasses.asdict(instance)}


def _without_repetitions(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"a name twice in {sorted(names)[:20]}")
    return dict(pairs)
