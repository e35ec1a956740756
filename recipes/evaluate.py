r"""Measures a trained model on a split of its data, or on new labeled examples.

    python -m recipes.evaluate --run_dir=latest --split=test
    python -m recipes.evaluate --run_dir=latest --input=digits.npz

It prints the accuracy with its 95 % interval, and writes evaluation.json, confusion.png and
calibration.png into --output, by default RUN_DIR/evaluation/NAME. For regression, it reports RMSE,
MAE and R2 in the label's units, and draws predictions.png instead.
"""

import dataclasses
import io
import json
import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import tfcourse
from tfcourse import command_line, datasets, measures, run_directory
from tfcourse.datasets.dataset import SPLITS
from tfcourse.hyperparameters import Hyperparameters, choice, integer, text
from tfcourse.system import files, quiet_import

if TYPE_CHECKING:
    from tfcourse.datasets.dataset import Preprocessing
    from tfcourse.datasets.examples import LabelArray
    from tfcourse.datasets.streamed import StreamedFeatures
    from tfcourse.datasets.tables.targets import NumericTarget
    from tfcourse.inference import Classifier

NOTES = {
    "train": "The model was fitted to these examples: on new ones it will do worse.",
    "validation": "These examples chose the model's best epoch: on new ones it may do worse.",
    "test": "The run's metrics.json already used the test set. The result is unbiased as long as "
    "you choose nothing by it.",
    "input": "",
}


@dataclasses.dataclass(frozen=True)
class Evaluation(Hyperparameters):
    run_dir: str = text(None, "Run directory, `latest`, or a sweep's, for its best trial.")
    split: str = choice("validation", SPLITS, "Split of the run's own data.")
    input: str = text("", "File or folder of labeled examples, used instead of --split.")
    output: str = text("", "Folder for the results; by default RUN_DIR/evaluation/NAME.")
    data_dir: str = text("", "Folder with the original or prepared data files.")
    bins: int = integer(15, "Confidence bins of the calibration.", interval="[1, 1000]")
    other_sizes: str = choice(
        "refuse", ("refuse", "resize"), "What to do with images of other sizes."
    )
    recipe: str = text("", "Module of the recipe, if it is not in `recipes`.")

    def __post_init__(self) -> None:
        super().__post_init__()
        folder = run_directory.output(self.output, "output")
        if os.path.lexists(folder) and not folder.is_dir():
            raise ValueError(f"`output`: {self.output} is not a folder; name another")
        refuse_data_beside_input(self.input, self.data_dir)
        if self.input and self.split != "validation":
            raise ValueError(
                f"`split` is of the run's own data; leave it out with `input`. Received: "
                f"{self.split!r}"
            )


def refuse_data_beside_input(given: str, data_dir: str) -> None:
    """Raises `ValueError` if the run's own data is located although it is not read."""
    if given and data_dir:
        raise ValueError(
            f"`data_dir` is of the run's own data; leave it out with `input`. Received: "
            f"{data_dir!r}"
        )


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
    in_class = counts.sum(axis=1)
    missed = (in_class > 0) & (counts.sum(axis=0) == 0)
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
            "most_frequent_class": class_names[int(in_class.argmax())],
            "baseline_accuracy": int(in_class.max()) / len(labels),
            "never_predicted": [class_names[n] for n in np.flatnonzero(missed).tolist()],
        },
        counts,
        calibration,
    )


def evaluate_quantity(
    predictions: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    target: "NumericTarget",
) -> dict[str, Any]:
    """Returns the JSON-able results for predictions of a quantity, in its units."""
    errors = measures.regression_errors(values, predictions, target.mean)
    return {"examples": len(values), "target": target.name, **errors}


def _shares(parts: npt.NDArray[Any], wholes: npt.NDArray[Any]) -> list[float | None]:
    """Returns a quotient per class; `None` if a class does not occur."""
    return [int(p) / int(w) if w else None for p, w in zip(parts, wholes, strict=True)]


# Name, note, features and labels of the evaluated examples.
_Evaluated = tuple[str, str, "npt.NDArray[np.float32] | StreamedFeatures", "LabelArray"]


def given_examples(evaluation: Evaluation, preprocessing: "Preprocessing") -> _Evaluated:
    """Returns the examples in --input."""
    resize = evaluation.other_sizes == "resize"
    examples = preprocessing.read(evaluation.input, resize=resize)
    if examples.labels is None:
        raise datasets.DataError(
            f"{evaluation.input}: expected labels; received none. An .npz file has them in y, a "
            "table in the column of the label, images in the names of their folders or in a table "
            "beside them."
        )
    name = pathlib.Path(os.path.abspath(files.expanded(evaluation.input))).stem
    if name in ("", *SPLITS):  # The names of the run's own splits.
        name = f"input_{name}"
    return name, NOTES["input"], examples.features, examples.labels


def own_examples(evaluation: Evaluation, classifier: "Classifier") -> _Evaluated:
    """Returns the examples in --split."""
    name = evaluation.split
    split = tfcourse.inference.load_split(classifier, name, evaluation.data_dir or None)
    changed = tfcourse.inference.changed(classifier, name, split)
    note = " ".join(filter(None, (changed, NOTES[name])))
    return name, note, split.features, split.labels


def write(folder: pathlib.Path, results: dict[str, Any], pictures: dict[str, io.BytesIO]) -> None:
    """Writes the results and their pictures into `folder`, after making all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        files.write_file(folder / name, picture.getvalue(), durable=False)
    files.write_file(folder / "evaluation.json", json.dumps(results, indent=1) + "\n")


def _of_classes(
    classifier: "Classifier", features: Any, labels: npt.NDArray[Any], num_bins: int
) -> tuple[dict[str, Any], dict[str, io.BytesIO], str]:
    """Returns `(results, pictures, sentence)`."""
    names = classifier.class_names
    found, counts, calibration = evaluate(
        classifier.probabilities(features), labels, names, num_bins
    )
    pictures = {"confusion.png": io.BytesIO(), "calibration.png": io.BytesIO()}
    tfcourse.reports.draw_confusion(counts, names, pictures["confusion.png"])
    tfcourse.reports.draw_calibration(calibration, pictures["calibration.png"])
    missed = found["never_predicted"]
    never = f"; never predicted: {', '.join(missed[:20])}" if missed else ""
    low, high = found["accuracy_interval_95"]
    sentence = (
        f"accuracy {100 * found['accuracy']:.2f} % of {len(labels):,} examples "
        f"(95 % interval {100 * low:.2f} to {100 * high:.2f} %), loss {found['loss']:.4f}, "
        f"expected calibration error {100 * found['expected_calibration_error']:.2f} %\n"
        f"Always predicting {found['most_frequent_class']!r}, the most frequent class, would reach "
        f"{100 * found['baseline_accuracy']:.2f} %{never}"
    )
    return found, pictures, sentence


def _of_quantity(
    classifier: "Classifier", features: Any, labels: npt.NDArray[Any], target: "NumericTarget"
) -> tuple[dict[str, Any], dict[str, io.BytesIO], str]:
    """Returns `(results, pictures, sentence)`."""
    predictions, values = classifier.predictions(features), target.in_units(labels)
    found = evaluate_quantity(predictions, values, target)
    pictures = {"predictions.png": io.BytesIO()}
    tfcourse.reports.draw_errors(values, predictions, target.name, pictures["predictions.png"])
    low, high = found["rmse_interval_95"]
    r2 = "" if found["r2"] is None else f", R2 {found['r2']:.4f}"
    sentence = (
        f"RMSE {found['rmse']:.4g} of {target.name} over {len(values):,} examples (95 % interval "
        f"{low:.4g} to {high:.4g}; {found['baseline_rmse']:.4g} by always predicting the mean), "
        f"MAE {found['mae']:.4g}{r2}"
    )
    return found, pictures, sentence


def main(evaluation: Evaluation) -> None:
    # Folders that are not runs, and data that does not fit, are errors before TensorFlow loads.
    run_dir = command_line.run_named(evaluation.run_dir)
    preprocessing = tfcourse.inference.read(run_dir).preprocessing
    given = given_examples(evaluation, preprocessing) if evaluation.input else None
    quiet_import.import_tensorflow()
    classifier = tfcourse.inference.load_run(run_dir, evaluation.recipe or None)
    name, note, features, labels = given or own_examples(evaluation, classifier)
    if classifier.target:
        if evaluation.bins != Evaluation.bins:
            raise command_line.UsageError("--bins is for classes; this run predicts a quantity")
        found, pictures, sentence = _of_quantity(classifier, features, labels, classifier.target)
    else:
        found, pictures, sentence = _of_classes(classifier, features, labels, evaluation.bins)
    inside = classifier.record.path / "evaluation"
    if not evaluation.output and (inside.is_symlink() or (inside / name).is_symlink()):
        raise command_line.UsageError(f"{inside} is a link, which is not followed: pass --output")
    folder = pathlib.Path(evaluation.output or inside / name)
    folder = files.expanded(folder)
    write(folder, {"on": evaluation.input or name, "note": note, **found}, pictures)
    print(f"{name}: {sentence}")
    if note:
        print(note)
    drawn = (
        "The predictions are"
        if classifier.target
        else "The confusion matrix and the calibration are"
    )
    print(f"{drawn} in {folder}")


if __name__ == "__main__":
    command_line.run_tool(main, Evaluation)
