r"""Says what a trained model makes of new examples: the class, or the quantity.

    python -m recipes.predict --run_dir=runs/mnist_softmax/A --input=digits.npz --output=labels.csv

--input names an image, a folder of images, a CSV file with the columns trained on, or arrays (.npz
with x, or .npy), all as raw as those trained on. It needs no labels, and may have more columns, in
any order. --output, by its suffix .csv or .json, holds for each example what the column --id says
of it, or else where it came from; then the likeliest label and the probability of every class, or
the `prediction` of a quantity.
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

from tfcourse import command_line, files, inference, quiet_import
from tfcourse.hyperparameters import Hyperparameters, choice, text

SUFFIXES = (".csv", ".json")
_DIGITS = 7  # What float32 holds.
_OWN = ("label", "probabilities", "prediction")  # Of the output.


@dataclasses.dataclass(frozen=True)
class Prediction(Hyperparameters):
    run_dir: str = text(None, "Folder of the run, or of a sweep, which stands for its best trial.")
    input: str = text(None, "File or folder of new examples.")
    output: str = text(None, "File to write: .csv or .json.")
    id: str | None = text(None, "Column that says which row is which.", optional=True)
    other_sizes: str = choice("refuse", ("refuse", "resize"), "What to do with other image sizes.")
    recipe: str = text("", "Module that made the run, where it is not one of `recipes`.")

    def __post_init__(self) -> None:
        super().__post_init__()
        output = files.expanded(self.output)
        if output.suffix not in SUFFIXES or output.is_dir():
            raise ValueError(f"`output` must name a .csv or .json file. Received: {self.output!r}")
        if not output.absolute().parent.is_dir():
            raise ValueError(f"`output`: {output.parent} is no folder; make it first")
        if self.id in _OWN or (self.id or "").startswith("probability_"):
            raise ValueError(
                f"`id` must not be called as a column that the output has of its own. Received: "
                f"{self.id!r}"
            )
        if os.path.realpath(output) == os.path.realpath(files.expanded(self.input)):
            raise ValueError(f"`output` would overwrite `input`. Received: {self.output!r}")


Record = dict[str, Any]  # What is said of one example, in order.


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


def main(prediction: Prediction) -> None:
    # What is no run and what does not fit it are refused before TensorFlow loads.
    examples = inference.read_examples(
        inference.read(prediction.run_dir).preprocessing,
        prediction.input,
        resize=prediction.other_sizes == "resize",
        labels=False,
        identifier=prediction.id,
    )
    quiet_import.import_tensorflow()
    classifier = inference.load_run(prediction.run_dir, prediction.recipe or None)
    if classifier.target:
        found = quantity_records(classifier.predictions(examples.features))
    else:
        found = class_records(classifier.probabilities(examples.features), classifier.class_names)
    first, names = prediction.id or "input", examples.identifiers or examples.places
    records = [{first: name, **record} for name, record in zip(names, found, strict=True)]
    output = files.expanded(prediction.output)
    write = as_csv if output.suffix == ".csv" else as_json
    # A file's name need not be UTF-8: what can't be said is written as JSON escapes it.
    text = write(records).encode(errors="backslashreplace")
    files.write_file(output, text, durable=False)
    print(f"{len(records):,} predictions are in {output}")


if __name__ == "__main__":
    command_line.run_tool(main, Prediction)
