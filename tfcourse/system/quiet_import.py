"""Imports TensorFlow and Keras without their start-up messages and unneeded packages."""

import contextlib
import ctypes
import gc
import importlib
import os
import sys
import tempfile
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from tfcourse.system import nvidia

Prepared = TypeVar("Prepared")

# What they import if it is there, for a wrapper, a converter, frames given to Keras's `fit` and
# pictures in notebooks: a third of the time that the import takes.
_OPTIONAL = ("IPython", "jax", "matplotlib", "pandas", "sklearn")
# Flags of XLA, known to the versions of TensorFlow that are admitted. The first one also leaves out
# kernels that add in any order.
_CHOOSING_KERNELS = ("xla_gpu_deterministic_ops", "xla_gpu_autotune_level")

# In TensorFlow 2.20, `absl::SetMinLogLevel`.
_SET_LOG_LEVEL = "_ZN4absl12lts_2025012714SetMinLogLevelENS0_18LogSeverityAtLeastE"


class BackendError(Exception):
    """A variable of the environment keeps this program from training with TensorFlow."""

    exit_code = 5


def import_tensorflow(
    num_threads: int | None = None, prepare: Callable[[], Prepared] | None = None
) -> Prepared | None:
    """Imports TensorFlow and Keras and initializes their devices, silently.

    They allocate a GPU's memory as needed, not all of it, so that other processes can share it. The
    hidden messages report, on every machine without a GPU, that there is none. In this process,
    Keras has no scikit-learn wrappers and no `keras.visualization`, and rejects pandas frames,
    unless those packages were imported before. The packages themselves can be imported as usual.

    Args:
        num_threads: the threads that TensorFlow uses from now on; `None` for one per core.
        prepare: called before the devices are initialized.

    Returns:
        The result of `prepare`.

    Raises:
        BackendError: KERAS_BACKEND names another backend, or a number of threads is negative.
    """
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # Overrides keras.json.
    if backend != "tensorflow":
        raise BackendError(
            f"KERAS_BACKEND is {backend!r}, and this program trains with TensorFlow; unset it"
        )
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        if os.environ.get(name, "").strip().startswith("-"):  # TensorFlow would abort the process.
            raise BackendError(f"{name} is {os.environ[name]!r}; set 0 or more, or unset it")
    nvidia.load_cusolver()
    is_first = "tensorflow" not in sys.modules
    with silenced():
        with _hidden(_OPTIONAL), not_collecting():
            import keras
            import tensorflow as tf

            if is_first:
                gc.freeze()  # To look through it later would take 0.2 s each time.
        # Other settings in keras.json would change results without a record.
        keras.config.set_floatx("float32")
        keras.config.set_epsilon(1e-7)
        keras.config.set_image_data_format("channels_last")
        if num_threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(num_threads)
            tf.config.threading.set_inter_op_parallelism_threads(num_threads)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        pin_kernels()
        compute_exactly()
        _log_as_asked()
        prepared = prepare() if prepare else None
        tf.config.list_logical_devices()
    return prepared


def import_part(name: str) -> types.ModuleType:
    """Imports a module, silently where TensorFlow comes with it for the first time.

    Then it says nothing of GPUs at its first step either, unless TF_CPP_MIN_LOG_LEVEL is set.
    """
    if "tensorflow" in sys.modules:
        return importlib.import_module(name)
    is_set = "TF_CPP_MIN_LOG_LEVEL" in os.environ
    with contextlib.ExitStack() as stack:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with contextlib.suppress(OSError):  # No stderr, or no folder for temporary files.
            stack.enter_context(silenced())
        stack.enter_context(not_collecting())
        module = importlib.import_module(name)
    if not is_set and "tensorflow" not in sys.modules:
        del os.environ["TF_CPP_MIN_LOG_LEVEL"]
    return module


def _log_as_asked() -> None:
    """Makes TensorFlow 2.20 heed TF_CPP_MIN_LOG_LEVEL in all its parts, as later versions do."""
    import tensorflow as tf

    level = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "")
    if tf.__version__.startswith("2.20.") and level in ("1", "2", "3"):
        library = os.path.join(tf.sysconfig.get_lib(), "libtensorflow_framework.so.2")
        with contextlib.suppress(OSError, AttributeError):  # Not so named on other systems.
            getattr(ctypes.CDLL(library), _SET_LOG_LEVEL)(int(level))


def pin_kernels() -> None:
    """Makes XLA choose the same kernels on a GPU in every process.

    By default, XLA times several kernels whenever it compiles, and uses the fastest, which may
    differ each time and change the last bits. Such settings in XLA_FLAGS are kept. Call this before
    XLA compiles anything.
    """
    import tensorflow as tf

    given = os.environ.get("XLA_FLAGS", "")
    if tf.config.list_physical_devices("GPU") and not any(n in given for n in _CHOOSING_KERNELS):
        os.environ["XLA_FLAGS"] = f"{given} --{_CHOOSING_KERNELS[0]}=true".strip()


def compute_exactly() -> None:
    """Makes a GPU multiply float32 in full precision.

    By default, TensorFlow rounds the factors to TF32, 10 of 23 bits, on GPUs that support it.
    """
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_tensor_float_32_execution(False)


@contextlib.contextmanager
def not_collecting() -> Iterator[None]:
    """Context: Python collects no garbage.

    TensorFlow's import makes hardly any, and to look for it takes a quarter of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def _hidden(names: Iterable[str]) -> Iterator[None]:
    """Context: packages that are not imported yet look as if they were not installed."""
    hidden = [name for name in names if name not in sys.modules]
    missing: dict[str, Any] = dict.fromkeys(hidden)  # None hides a package.
    sys.modules.update(missing)
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Context: hides output to the file descriptor of stderr; shows it if the block fails."""
    with tempfile.TemporaryFile() as remarks:
        stderr = os.dup(2)
        os.dup2(remarks.fileno(), 2)
        try:
            yield
        except BaseException:
            remarks.seek(0)
            os.write(stderr, remarks.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
