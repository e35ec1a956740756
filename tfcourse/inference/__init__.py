"""A trained model, loaded from its run directory: predict, evaluate, export.

    classifier = tfcourse.inference.load_run("runs/mnist_softmax/A")
    features = classifier.preprocessing.transform(images)  # Raw, as in training.
    probabilities = classifier.probabilities(features)  # [images, classes]

A run directory is only data: no code from it is run.
"""

import importlib
from typing import TYPE_CHECKING, Any

from tfcourse.inference.inputs import changed, inverted, load_split, looks_inverted
from tfcourse.inference.records import NotARunError, RunFileError, read

if TYPE_CHECKING:
    from tfcourse.inference.classifier import Classifier, load_run
    from tfcourse.inference.exporting import ExportMismatchError, export
    from tfcourse.inference.formats import MissingPackageError, check_installed
else:
    # These need TensorFlow; runs and examples are read and checked without it.
    _MODULES = {
        "Classifier": "classifier",
        "ExportMismatchError": "exporting",
        "MissingPackageError": "formats",
        "check_installed": "formats",
        "export": "exporting",
        "load_run": "classifier",
    }

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


__all__ = [
    "Classifier",
    "ExportMismatchError",
    "MissingPackageError",
    "NotARunError",
    "RunFileError",
    "changed",
    "check_installed",
    "export",
    "inverted",
    "load_run",
    "load_split",
    "looks_inverted",
    "read",
]


def __dir__() -> list[str]:
    return __all__
