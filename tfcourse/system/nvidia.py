"""Asks NVIDIA's driver about GPUs: whether there is one, why not, and its free memory.

TensorFlow reports the first only in log messages, and the last not at all. Nothing here imports
TensorFlow.
"""

import contextlib
import ctypes
import importlib.util
import os
import pathlib
from typing import Any

_LIBRARIES = {
    "cuda": ("libcuda.so.1", "nvcuda.dll"),
    "management": ("libnvidia-ml.so.1", "nvml.dll"),
}


def _library(name: str) -> Any:
    """Returns one of the driver's libraries.

    Raises:
        OSError: the library does not exist.
    """
    return ctypes.CDLL(_LIBRARIES[name][os.name == "nt"])


def load_cusolver() -> None:
    """Loads cuSOLVER from where pip installs it, before TensorFlow looks for it.

    `pip install "tensorflow[and-cuda]"` installs CUDA's libraries beside TensorFlow. TensorFlow
    2.21 searches the folders of all of them except this one (the RUNPATH of
    libtensorflow_framework.so.2), and uses no GPU if a library is missing. A library that is
    already loaded is found by its name. Without a driver, nothing is loaded.
    """
    try:
        _library("cuda")
    except OSError:
        return
    package = importlib.util.find_spec("nvidia")
    for folder in (package and package.submodule_search_locations) or ():
        for path in pathlib.Path(folder, "cusolver", "lib").glob("libcusolver.so.*"):
            with contextlib.suppress(OSError):
                ctypes.CDLL(str(path))


def why_none(built_with_cuda: bool) -> str:
    """Returns the likely reason why TensorFlow finds no GPU.

    Args:
        built_with_cuda: whether TensorFlow was built with CUDA.
    """
    if not built_with_cuda:
        return "this TensorFlow is built without CUDA, as all are for macOS and Windows"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.partition(",")[0].strip() in ("", "-1"):
        return f"CUDA_VISIBLE_DEVICES={visible!r} hides them"
    try:
        driver = _library("cuda")
    except OSError as error:
        return f"there is no NVIDIA driver ({error})"
    if code := driver.cuInit(0):
        return f"the NVIDIA driver says {_error_name(driver, code)}"
    count = ctypes.c_int(0)
    driver.cuDeviceGetCount(ctypes.byref(count))
    if not count.value:
        return "the NVIDIA driver finds none"
    return "TensorFlow can't load CUDA's libraries: pip install \"tensorflow[and-cuda]\""


def _error_name(driver: Any, code: int) -> str:
    name = ctypes.c_char_p()
    driver.cuGetErrorName(code, ctypes.byref(name))
    return f"{(name.value or b'an error').decode()} (CUDA error {code})"


def driver_version() -> int | None:
    """Returns the newest CUDA version of the driver, such as 12040; `None` without a driver."""
    version = ctypes.c_int(0)
    try:
        code = _library("cuda").cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return None
    return None if code else version.value


def free_bytes() -> int | None:
    """Returns the free memory of the first visible GPU; `None` if it is unknown.

    It uses the same context on the GPU as TensorFlow.
    """
    try:
        driver = _library("cuda")
        device, context = ctypes.c_int(0), ctypes.c_void_p()
        free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
        code = driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0)
        code = code or driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
        if code:
            return None
        try:
            code = driver.cuCtxPushCurrent_v2(context)
            if not code:
                code = driver.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total))
                driver.cuCtxPopCurrent_v2(ctypes.byref(context))
        finally:
            driver.cuDevicePrimaryCtxRelease_v2(device)
    except (OSError, AttributeError):
        return None
    return None if code else free.value


def take_one(number: int) -> None:
    """Makes only one of the GPUs visible to this process; call it before anything uses CUDA.

    Args:
        number: >= 0, the number of the process; GPUs are assigned in turn.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible is not None else [str(n) for n in range(_count())]
    if len(names) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = names[number % len(names)].strip()


def _count() -> int:
    """Returns the number of GPUs, without starting CUDA, which would fix the visible ones."""
    count = ctypes.c_uint(0)
    try:
        manager = _library("management")
        code = manager.nvmlInit_v2() or manager.nvmlDeviceGetCount_v2(ctypes.byref(count))
    except (OSError, AttributeError):
        return 0
    return 0 if code else count.value
