r"""Predicts the class, or the quantity, of new examples with a trained model.

    python -m recipes.predict --run_dir=latest --input=digits.npz --output=labels.csv

--input names an image, a folder of images, a table with the columns used in training, or arrays
(.npz with x, or .npy), with the same raw values as the training data. It needs no labels. A table
may have more columns, in any order. If gray images look like negatives of the training images, a
warning says so; --invert exchanges black and white. --output is a .csv or .json file. For
each example, it holds the value of the column --id, or the source; then the most likely label and
the probability of every class, or for regression the `prediction`.
"""

import csv
import dataclasses
import io
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from absl import logging

from tfcourse import command_line, inference, run_directory
from tfcourse.hyperparameters import Hyperparameters, choice, text
from tfcourse.system import files, quiet_import

SUFFIXES = (".csv", ".json")
_DIGITS = 7  # What float32 holds.
_OWN = ("label", "probabilities", "prediction")  # Columns of the output.


@dataclasses.dataclass(frozen=True)
class Prediction(Hyperparameters):
    run_dir: str = text(None, "Run directory, `latest`, or a sweep's, for its best trial.")
    input: str = text(None, "File or folder of new examples.")
    output: str = text(None, "File to write: .csv or .json.")
    id: str | None = text(None, "Column that identifies the rows in the output.", optional=True)
    other_sizes: str = choice(
        "refuse", ("refuse", "resize"), "What to do with images of other sizes."
    )
    recipe: str = text("", "Module of the recipe, if it is not in `recipes`.")

    def __post_init__(self) -> None:
        super().__post_init__()
        output = run_directory.output(self.output, "output")
        if output.is_dir():
            raise ValueError(f"`output`: {self.output} is a folder; name a file")
        if output.suffix not in SUFFIXES:
            raise ValueError(f"`output` must name a .csv or .json file. Received: {self.output!r}")
        if not output.absolute().parent.is_dir():
            raise ValueError(f"`output`: {output.parent} is not a folder; create it first")
        if self.id in _OWN or (self.id or "").startswith("probability_"):
            raise ValueError(
                f"`id` must not be the name of one of the output's own columns. Received: "
                f"{self.id!r}"
            )
        if os.path.realpath(output) == os.path.realpath(files.expanded(self.input)):
            raise ValueError(f"`output` would overwrite `input`. Received: {self.output!r}")


Record = dict[str, Any]  # The output for one example, in order.


def class_records(
    probabilities: npt.NDArray[np.float64], class_names: Sequence[str]
) -> Iterator[Record]:
    """Yields the likeliest label and the probabilities of each example."""
    for row in probabilities:
        numbers = {name: _rounded(p) for name, p in zip(class_names, row, strict=True)}
        yield {"label": class_names[row.argmax()], "probabilities": numbers}


def quantity_records(predictions: npt.NDArray[np.float64]) -> Iterator[Record]:
    """Yields the prediction of each example."""
    return ({"prediction": _rounded(prediction)} for prediction in predictions)


def _rounded(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")


def as_csv(records: Sequence[Record]) -> str:
    """Returns a table with a row per example as text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    rows = [_flat(record) for record in records]
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return buffer.getvalue()


def _flat(record: Record) -> dict[str, str]:
    """Returns a record without nesting, its numbers as texts."""
    flat: dict[str, str] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= {f"probability_{key}": f"{number:.{_DIGITS}g}" for key, number in value.items()}
        else:
            flat[name] = f"{value:.{_DIGITS}g}" if isinstance(value, float) else value
    return flat


def as_json(records: Sequence[Record]) -> str:
    """Returns a list with an object per example as text."""
    return json.dumps(records, indent=1, ensure_ascii=False) + "\n"


def main(prediction: Prediction, invert: bool = False) -> None:
    # Folders that are not runs, and data that does not fit, are errors before TensorFlow loads.
    run_dir = command_line.run_named(prediction.run_dir)
    record = inference.read(run_dir)
    examples = record.preprocessing.read(
        prediction.input,
        resize=prediction.other_sizes == "resize",
        labels=False,
        identifier=prediction.id,
    )
    features = examples.features
    if invert:
        features = inference.inverted(record.preprocessing, features)
    if told := inference.looks_inverted(record, features):
        mend = "Leave --invert out" if invert else "--invert exchanges black and white"
        logging.warning("%s. They look inverted: %s", told[0].upper() + told[1:], mend)
    quiet_import.import_tensorflow()
    classifier = inference.load_run(run_dir, prediction.recipe or None)
    if classifier.target:
        found = quantity_records(classifier.predictions(features))
    else:
        found = class_records(classifier.probabilities(features), classifier.class_names)
    first, names = prediction.id or "input", examples.identifiers or examples.places
    records = [{first: name, **record} for name, record in zip(names, found, strict=True)]
    output = files.expanded(prediction.output)
    write = as_csv if output.suffix == ".csv" else as_json
    # A file's name need not be UTF-8: what can't be said is written as JSON escapes it.
    text = write(records).encode(errors="backslashreplace")
    files.write_file(output, text, durable=False)
    told = "1 prediction is" if len(records) == 1 else f"{len(records):,} predictions are"
    print(f"{told} in {output}")


if __name__ == "__main__":
    command_line.run_tool(main, Prediction, invert="Exchanges black and white in images.")
