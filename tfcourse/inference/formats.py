"""The export formats: how each is written and read again."""

import importlib.util
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfcourse.inference.classifier import Classifier
from tfcourse.inference.serving import Serving
from tfcourse.system import quiet_import

_ONNX_OPSET = 18


class MissingPackageError(Exception):
    """A format's package is not installed; the message says how to install it."""

    exit_code = 5


Run = Callable[..., npt.NDArray[np.float32]]  # From inputs by name to the output.
Packages = tuple[tuple[str, str], ...]  # Names of modules, and of their packages.


class Format(Protocol):
    """How one format is written and read again."""

    texts: ClassVar[bool]  # Whether categories are passed as texts.
    packages: ClassVar[Packages]

    def write(self, classifier: Classifier, serving: Serving, path: pathlib.Path) -> None:
        """Writes `serving` to `path`."""
        ...

    def load(self, path: pathlib.Path, output: str = "probabilities") -> tuple[Run, str]:
        """Returns a function that runs the file and returns its `output`, and the runtime."""
        ...


class SavedModel:
    """TensorFlow's own format: a folder. Categories are passed as texts."""

    texts: ClassVar[bool] = True
    packages: ClassVar[Packages] = ()

    def write(self, classifier: Classifier, serving: Serving, path: pathlib.Path) -> None:
        archive = keras.export.ExportArchive()
        archive.track(classifier.model)
        archive.add_endpoint("serve", serving.function, list(serving.inputs.values()))
        archive.write_out(str(path), verbose=False)

    def load(self, path: pathlib.Path, output: str = "probabilities") -> tuple[Run, str]:
        loaded = tf.saved_model.load(str(path))

        def run(**inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
            # Kept here, because a signature alone does not keep its variables alive.
            serve = loaded.signatures["serving_default"]
            found = serve(**{n: tf.constant(v) for n, v in inputs.items()})[output]
            return np.asarray(found)

        return run, f"TensorFlow {tf.__version__}"


class LiteRT:
    """LiteRT, formerly TensorFlow Lite: a file for phones and small devices."""

    texts: ClassVar[bool] = False
    packages: ClassVar[Packages] = (("ai_edge_litert", "ai-edge-litert"),)

    def write(self, classifier: Classifier, serving: Serving, path: pathlib.Path) -> None:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            SavedModel().write(classifier, serving, pathlib.Path(folder, "model"))
            converter = tf.lite.TFLiteConverter.from_saved_model(str(pathlib.Path(folder, "model")))
            with quiet_import.silenced():
                path.write_bytes(converter.convert())

    def load(self, path: pathlib.Path, output: str = "probabilities") -> tuple[Run, str]:
        from ai_edge_litert.interpreter import Interpreter

        with quiet_import.silenced():
            interpreter = Interpreter(model_path=str(path), num_threads=1)
            serve = interpreter.get_signature_runner("serving_default")
        return lambda **inputs: serve(**inputs)[output], "LiteRT, one thread"


class Onnx:
    """ONNX: a file for other runtimes."""

    texts: ClassVar[bool] = False
    packages: ClassVar[Packages] = (
        ("onnx", "onnx"),
        ("tf2onnx", "tf2onnx"),
        ("onnxruntime", "onnxruntime"),
    )

    def write(self, classifier: Classifier, serving: Serving, path: pathlib.Path) -> None:
        import tf2onnx

        tf2onnx.convert.from_function(
            serving.function,
            input_signature=list(serving.inputs.values()),
            opset=_ONNX_OPSET,
            output_path=str(path),
        )

    def load(self, path: pathlib.Path, output: str = "probabilities") -> tuple[Run, str]:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        runtime = f"ONNX Runtime {onnxruntime.__version__}"
        return lambda **inputs: session.run([output], inputs)[0], runtime


FORMATS: dict[str, Format] = {"saved_model": SavedModel(), "litert": LiteRT(), "onnx": Onnx()}


def check_installed(name: str) -> None:
    """Raises `MissingPackageError` if a package that the format needs is missing."""
    packages = FORMATS[name].packages
    missing = [package for module, package in packages if not importlib.util.find_spec(module)]
    if missing:
        raise MissingPackageError(
            f"`format={name}` needs {' and '.join(missing)}: pip install {' '.join(missing)}"
        )


def size_of(path: pathlib.Path) -> int:
    """Returns the size in bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
