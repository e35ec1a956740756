"""Exports a classifier, loads the result, and compares its predictions."""

import contextlib
import dataclasses
import pathlib
import statistics
import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfcourse.datasets.examples import FloatArray
from tfcourse.inference import formats
from tfcourse.inference.classifier import Classifier
from tfcourse.inference.formats import Run
from tfcourse.inference.serving import Inputs, raw_examples, serving
from tfcourse.system import files, quiet_import
from tfcourse.training.keras_internals import all_layers

# Of a probability, or in standard deviations: more than rounding, less than a scaling mistake.
TOLERANCE = 1e-4
LATENCY_EXAMPLES = (1, 128)
_LATENCY_SECONDS = 1.0
_LATENCY_RUNS = 50


class ExportMismatchError(Exception):
    """The exported model's predictions differ; it was removed."""

    exit_code = 1


def export(
    classifier: Classifier,
    name: str,
    path: pathlib.Path,
    features: FloatArray,
    *,
    tolerance: float = TOLERANCE,
) -> dict[str, Any]:
    """Exports to `path`; returns a JSON-able description of the exported model.

    The exported model includes the preprocessing; `tfcourse.inference.serving` describes its
    inputs. It is loaded again and predicts real examples. If its predictions differ from the
    classifier's, it is removed. It computes in float32, whatever the training precision was: the
    weights are float32 in any case, and not every format supports bfloat16.

    Args:
        classifier: the classifier to export.
        name: a key of `formats.FORMATS`.
        path: must not exist yet, in an existing folder.
        features: [examples, *input_shape], real examples for the comparison.
        tolerance: the largest allowed difference in a probability; for a quantity, in standard
            deviations.

    Raises:
        MissingPackageError: a package that the format needs is not installed.
        ExportMismatchError: a prediction differs by more than `tolerance`.
    """
    formats.check_installed(name)
    with _in_float32(classifier.model):
        # A copy has no program yet that was traced in another precision.
        return _export(dataclasses.replace(classifier), name, path, features, tolerance)


def _export(
    classifier: Classifier, name: str, path: pathlib.Path, features: FloatArray, tolerance: float
) -> dict[str, Any]:
    chosen = formats.FORMATS[name]
    served = serving(classifier, texts=chosen.texts)
    inputs, features = raw_examples(classifier, features, texts=chosen.texts)
    target = classifier.target
    told = "predictions" if target else "probabilities"
    expected = classifier.predictions(features) if target else classifier.probabilities(features)
    if target:
        # For a quantity, in standard deviations; float32 has no smaller steps.
        tolerance *= target.standard_deviation
        tolerance += float(np.spacing(np.float32(np.abs(expected).max())))
    with files.new_folder(path) as folder:
        written = folder / path.name
        chosen.write(classifier, served, written)
        run, runtime = chosen.load(written, served.output)
        with quiet_import.silenced():  # Runtimes may print when they start.
            found = run(**inputs)
        difference = _difference(found, expected)
        if not difference <= tolerance:  # A NaN is no small difference.
            raise ExportMismatchError(
                f"{name}: the exported model's {told} differ by up to {difference:.2g} "
                f"from this program's; the limit is {tolerance:g}. {path} was not written"
            )
        latency = {n: _latency(run, _repeated(inputs, n)) for n in LATENCY_EXAMPLES}
        size = formats.size_of(written)
        written.rename(path)
    return {
        "format": name,
        "runtime": runtime,
        "bytes": size,
        "compared_examples": len(expected),
        "largest_difference": difference,
        "tolerance": tolerance,
        "median_milliseconds": {str(n): ms for n, ms in latency.items()},
        "inputs": {n: _described(spec) for n, spec in served.inputs.items()},
        "columns": served.columns,
        "categories": served.categories,
        "output": f"{served.output}, float32 [examples{'' if target else ', classes'}]",
        "class_names": list(classifier.class_names),
        **({"target": target.name} if target else {}),
        "tensorflow": tf.__version__,
    }


@contextlib.contextmanager
def _in_float32(model: keras.Model) -> Iterator[None]:
    """Context: all layers of `model` compute in float32, without TF32 on a GPU.

    Its weights are unchanged.
    """
    layers = all_layers(model)
    policies = [layer.dtype_policy for layer in layers]
    rounds = tf.config.experimental.tensor_float_32_execution_enabled()
    for layer in layers:
        layer.dtype_policy = "float32"
    quiet_import.compute_exactly()
    try:
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            layer.dtype_policy = policy
        tf.config.experimental.enable_tensor_float_32_execution(rounds)


def _difference(found: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    if found.shape != expected.shape:
        return float("inf")
    return float(np.abs(found - expected).max())


def _latency(run: Run, inputs: Inputs) -> float:
    """Returns the median duration of a call in milliseconds, after warm-up."""
    for _ in range(3):
        run(**inputs)
    seconds: list[float] = []
    end = time.perf_counter() + _LATENCY_SECONDS
    while not seconds or (len(seconds) < _LATENCY_RUNS and time.perf_counter() < end):
        started = time.perf_counter()
        run(**inputs)
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)


def _repeated(inputs: Inputs, num_examples: int) -> Inputs:
    """Returns `num_examples` examples, repeated if there are fewer."""
    return {n: np.resize(v, (num_examples, *v.shape[1:])) for n, v in inputs.items()}


def _described(spec: tf.TensorSpec) -> dict[str, Any]:
    return {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
