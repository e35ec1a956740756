r"""Says what a trained classifier makes of new examples.

    python -m recipes.predict --run_dir=runs/mnist_softmax/A --input=digits.npz --output=labels.csv

--input names an image, a folder of images, a CSV file with the columns trained on, or arrays (.npz
with x, or .npy), all as raw as those trained on. --output, by its suffix .csv or .json, holds for
each example where it came from, the likeliest label, and the probability of every class.
"""

import csv
import dataclasses
import io
import json
import pathlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfcourse import command_line, files, quiet_import
from tfcourse.hyperparameters import Hyperparameters, choice, text

SUFFIXES = (".csv", ".json")
_DIGITS = 7  # What float32 holds.


@dataclasses.dataclass(frozen=True)
class Prediction(Hyperparameters):
    run_dir: str = text(None, "Folder of the run, or of a sweep, which stands for its best trial.")
    input: str = text(None, "File or folder of new examples.")
    output: str = text(None, "File to write: .csv or .json.")
    other_sizes: str = choice("refuse", ("refuse", "resize"), "What to do with other image sizes.")
    recipe: str = text("", "Module that made the run, where it is not one of `recipes`.")

    def __post_init__(self) -> None:
        super().__post_init__()
        output = pathlib.Path(self.output).expanduser()
        if output.suffix not in SUFFIXES or output.is_dir():
            raise ValueError(f"`output` must name a .csv or .json file. Received: {self.output!r}")
        if not output.absolute().parent.is_dir():
            raise ValueError(f"`output`: {output.parent} is no folder; make it first")
        if output.resolve() == pathlib.Path(self.input).expanduser().resolve():
            raise ValueError(f"`output` would overwrite `input`. Received: {self.output!r}")


def as_csv(
    places: Sequence[str], probabilities: npt.NDArray[np.float64], class_names: Sequence[str]
) -> str:
    """Returns a table with a row per example as text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["input", "label", *(f"probability_{name}" for name in class_names)])
    for place, row in zip(places, probabilities, strict=True):
        numbers = [f"{probability:.{_DIGITS}g}" for probability in row]
        writer.writerow([place, class_names[row.argmax()], *numbers])
    return buffer.getvalue()


def as_json(
    places: Sequence[str], probabilities: npt.NDArray[np.float64], class_names: Sequence[str]
) -> str:
    """Returns a list with an object per example as text."""
    examples = [
        {
            "input": place,
            "label": class_names[row.argmax()],
            "probabilities": {
                name: float(f"{probability:.{_DIGITS}g}")
                for name, probability in zip(class_names, row, strict=True)
            },
        }
        for place, row in zip(places, probabilities, strict=True)
    ]
    return json.dumps(examples, indent=1, ensure_ascii=False) + "\n"


def main(prediction: Prediction) -> None:
    quiet_import.import_tensorflow()
    from tfcourse import inference

    classifier = inference.load_run(prediction.run_dir, prediction.recipe or None)
    examples = inference.read_examples(
        classifier.preprocessing, prediction.input, resize=prediction.other_sizes == "resize"
    )
    probabilities = classifier.probabilities(examples.features)
    output = pathlib.Path(prediction.output).expanduser()
    write = as_csv if output.suffix == ".csv" else as_json
    content = write(examples.places, probabilities, classifier.class_names)
    files.write_file(output, content, durable=False)
    print(f"{len(probabilities):,} predictions are in {output}")


if __name__ == "__main__":
    command_line.run_tool(main, Prediction)
