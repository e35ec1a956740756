"""Formats that a classifier is exported to: how each is written, and how it is read again."""

import importlib.util
import pathlib
import tempfile

import keras
import tensorflow as tf

from tfcourse import quiet_import

_ONNX_OPSET = 18


class MissingPackageError(Exception):
    """A format's package is not installed; the message says how to install it."""

    exit_code = 5


class SavedModel:
    """TensorFlow's own format: a folder. Categories go in as texts."""

    texts = True
    packages = ()  # Names of modules, and of what pip installs.

    def write(self, classifier, serving, path):
        """Writes `serving` to `path`."""
        archive = keras.export.ExportArchive()
        archive.track(classifier.model)
        archive.add_endpoint("serve", serving.function, list(serving.inputs.values()))
        archive.write_out(str(path), verbose=False)

    def load(self, path):
        """Returns `(function, runtime)`: of inputs by name to probabilities, and what runs it."""
        loaded = tf.saved_model.load(str(path))
        serve = loaded.signatures["serving_default"]

        def run(**inputs):
            return serve(**{n: tf.constant(v) for n, v in inputs.items()})["probabilities"].numpy()

        run.keeps = loaded  # A signature alone lets go of its variables.
        return run, f"TensorFlow {tf.__version__}"


class LiteRT:
    """LiteRT, formerly TensorFlow Lite: a file for phones and small devices."""

    texts = False
    packages = (("ai_edge_litert", "ai-edge-litert"),)

    def write(self, classifier, serving, path):
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            SavedModel().write(classifier, serving, pathlib.Path(folder, "model"))
            converter = tf.lite.TFLiteConverter.from_saved_model(str(pathlib.Path(folder, "model")))
            with quiet_import.silenced():
                path.write_bytes(converter.convert())

    def load(self, path):
        from ai_edge_litert.interpreter import Interpreter

        with quiet_import.silenced():
            interpreter = Interpreter(model_path=str(path), num_threads=1)
            serve = interpreter.get_signature_runner("serving_default")
        return lambda **inputs: serve(**inputs)["probabilities"], "LiteRT, one thread"


class Onnx:
    """ONNX: a file for other runtimes."""

    texts = False
    packages = (("onnx", "onnx"), ("tf2onnx", "tf2onnx"), ("onnxruntime", "onnxruntime"))

    def write(self, classifier, serving, path):
        import tf2onnx

        tf2onnx.convert.from_function(
            serving.function,
            input_signature=list(serving.inputs.values()),
            opset=_ONNX_OPSET,
            output_path=str(path),
        )

    def load(self, path):
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        runtime = f"ONNX Runtime {onnxruntime.__version__}"
        return lambda **inputs: session.run(["probabilities"], inputs)[0], runtime


FORMATS = {"saved_model": SavedModel(), "litert": LiteRT(), "onnx": Onnx()}


def check_installed(name):
    """Raises `MissingPackageError` unless the packages of a format are there."""
    packages = FORMATS[name].packages
    missing = [package for module, package in packages if not importlib.util.find_spec(module)]
    if missing:
        raise MissingPackageError(
            f"`format={name}` needs {' and '.join(missing)}: pip install {' '.join(missing)}"
        )


def size_of(path):
    """Returns the bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
