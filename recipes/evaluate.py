r"""Measures a trained classifier on a split of its data, or on new labelled examples.

    python -m recipes.evaluate --run_dir=runs/mnist_softmax/A --split=test
    python -m recipes.evaluate --run_dir=runs/mnist_softmax/A --input=new.npz

It prints the accuracy with its 95 % interval, and writes evaluation.json, confusion.png and
calibration.png into --output, by default RUN_DIR/evaluation/NAME.
"""

import dataclasses
import io
import json
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import tfcourse
from tfcourse import command_line, datasets, files, measures, quiet_import
from tfcourse.hyperparameters import Hyperparameters, choice, integer, text

if TYPE_CHECKING:
    from tfcourse.datasets.streamed import StreamedFeatures
    from tfcourse.inference import Classifier

SPLITS = ("train", "validation", "test")
NOTES = {
    "train": "The model was fitted to these examples: on new ones it will do worse.",
    "validation": "These examples chose the model's best epoch: on new ones it may do worse.",
    "test": "The run's own metrics.json has used the test set before. It is unbiased as long as "
    "nothing is chosen by it.",
    "input": "",
}


@dataclasses.dataclass(frozen=True)
class Evaluation(Hyperparameters):
    run_dir: str = text(None, "Folder of the run, or of a sweep, which stands for its best trial.")
    split: str = choice(
        "validation", SPLITS, "Part of the data trained on, unless --input is given."
    )
    input: str = text("", "File or folder of labelled examples, instead of --split.")
    output: str = text("", "Folder to write; by default RUN_DIR/evaluation/NAME.")
    data_dir: str = text("", "Folder of the original or the prepared files of the data.")
    bins: int = integer(15, "Bins of confidence in the calibration.", interval="[1, 1000]")
    other_sizes: str = choice("refuse", ("refuse", "resize"), "What to do with other image sizes.")
    recipe: str = text("", "Module that made the run, where it is not one of `recipes`.")


def evaluate(
    probabilities: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int32],
    class_names: Sequence[str],
    num_bins: int,
) -> tuple[dict[str, Any], npt.NDArray[np.int64], measures.Calibration]:
    """Returns `(results, confusion matrix, Calibration)`; the results are JSON-able."""
    from sklearn.metrics import confusion_matrix  # Takes a second.

    predictions = probabilities.argmax(axis=1)
    right = int((predictions == labels).sum())
    low, high = measures.wilson_interval(right, len(labels))
    counts = confusion_matrix(labels, predictions, labels=range(len(class_names)))
    calibration = measures.calibration(probabilities, labels, num_bins)
    return (
        {
            "examples": len(labels),
            "accuracy": right / len(labels),
            "accuracy_interval_95": [low, high],
            "loss": measures.log_loss(probabilities, labels),
            "expected_calibration_error": calibration.expected_error,
            "mean_confidence": float(probabilities.max(axis=1).mean()),
            "class_names": list(class_names),
            "confusion": counts.tolist(),
            "recall": _shares(counts.diagonal(), counts.sum(axis=1)),
            "precision": _shares(counts.diagonal(), counts.sum(axis=0)),
        },
        counts,
        calibration,
    )


def _shares(parts: npt.NDArray[Any], wholes: npt.NDArray[Any]) -> list[float | None]:
    """Returns a quotient per class; `None` where a class does not occur."""
    return [int(p) / int(w) if w else None for p, w in zip(parts, wholes, strict=True)]


def examples_of(
    evaluation: Evaluation, classifier: "Classifier"
) -> tuple[str, str, "npt.NDArray[np.float32] | StreamedFeatures", npt.NDArray[np.int32]]:
    """Returns `(name, note, features, labels)` of what there is to evaluate on."""
    if not evaluation.input:
        split = tfcourse.inference.load_split(
            classifier, evaluation.split, evaluation.data_dir or None
        )
        return evaluation.split, NOTES[evaluation.split], split.features, split.labels
    examples = tfcourse.inference.read_examples(
        classifier.preprocessing, evaluation.input, resize=evaluation.other_sizes == "resize"
    )
    if examples.labels is None:
        raise datasets.DataError(
            f"{evaluation.input}: expected labels; received none. An .npz file has them in y, a "
            "CSV file in the column trained on, a folder of images in folders called like the "
            "classes."
        )
    name = pathlib.Path(evaluation.input).expanduser().absolute().stem
    return name, NOTES["input"], examples.features, examples.labels


def write(
    folder: pathlib.Path,
    results: dict[str, Any],
    counts: npt.NDArray[np.int64],
    calibration: measures.Calibration,
) -> None:
    """Writes the results and their pictures into `folder`, once all are made."""
    pictures = {"confusion.png": io.BytesIO(), "calibration.png": io.BytesIO()}
    names = results["class_names"]
    tfcourse.reports.draw_confusion(counts, names, pictures["confusion.png"])
    tfcourse.reports.draw_calibration(calibration, pictures["calibration.png"])
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        files.write_file(folder / name, picture.getvalue(), durable=False)
    files.write_file(folder / "evaluation.json", json.dumps(results, indent=1) + "\n")


def main(evaluation: Evaluation) -> None:
    quiet_import.import_tensorflow()
    classifier = tfcourse.inference.load_run(evaluation.run_dir, evaluation.recipe or None)
    name, note, features, labels = examples_of(evaluation, classifier)
    results, counts, calibration = evaluate(
        classifier.probabilities(features), labels, classifier.class_names, evaluation.bins
    )
    results = {"on": evaluation.input or name, "note": note, **results}
    folder = pathlib.Path(evaluation.output or classifier.record.path / "evaluation" / name)
    write(folder.expanduser(), results, counts, calibration)
    low, high = results["accuracy_interval_95"]
    print(
        f"{name}: accuracy {100 * results['accuracy']:.2f} % of {len(labels):,} examples "
        f"(95 % interval {100 * low:.2f} to {100 * high:.2f} %), loss {results['loss']:.4f}, "
        f"expected calibration error {100 * results['expected_calibration_error']:.2f} %"
    )
    if note:
        print(note)
    print(f"The confusion matrix and the calibration are in {folder}")


if __name__ == "__main__":
    command_line.run_tool(main, Evaluation)
