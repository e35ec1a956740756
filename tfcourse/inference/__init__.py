"""A trained classifier out of its run directory: to predict, to evaluate, to export.

    classifier = tfcourse.inference.load_run("runs/mnist_softmax/A")
    features = classifier.preprocessing.transform(images)  # As raw as those trained on.
    probabilities = classifier.probabilities(features)  # [images, classes]

A run directory is data: no code comes out of it.
"""

from tfcourse.inference.classifier import Classifier, load_run
from tfcourse.inference.exporting import ExportMismatchError, export
from tfcourse.inference.formats import MissingPackageError, check_installed
from tfcourse.inference.inputs import changed, load_split, read_examples
from tfcourse.inference.records import NotARunError, RunFileError

__all__ = [
    "Classifier",
    "ExportMismatchError",
    "MissingPackageError",
    "NotARunError",
    "RunFileError",
    "changed",
    "check_installed",
    "export",
    "load_run",
    "load_split",
    "read_examples",
]
