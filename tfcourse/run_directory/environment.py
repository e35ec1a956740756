"""What results depend on besides the flags: versions, threads, machine, state of the code."""

import contextlib
import importlib.metadata
import os
import pathlib
import platform
import subprocess
from collections.abc import Iterable
from typing import Any

import tfcourse
from tfcourse.system import machine as machine_
from tfcourse.system import nvidia

_PACKAGES = ("tensorflow", "keras", "numpy", "keras-tuner", "tensorflow-datasets")
# Variables that make TensorFlow, XLA and oneDNN choose other kernels.
_VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "XLA_FLAGS", "TF_XLA_FLAGS")
_INSTRUCTIONS = ("sse4", "avx", "fma", "amx", "f16c")


def settings_of_libraries() -> dict[str, Any]:
    """Returns, JSON-able, the settings that decide the last bits of a result."""
    import tensorflow as tf

    threading = tf.config.threading
    gpus = [_gpu(device) for device in tf.config.list_physical_devices("GPU")]
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES[:3]}
    return {
        "versions": {"tfcourse": tfcourse.__version__, **versions},
        "intra_op_threads": _threads("INTRA", threading.get_intra_op_parallelism_threads()),
        "inter_op_threads": _threads("INTER", threading.get_inter_op_parallelism_threads()),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1").lower() not in ("0", "false"),
        "gpus": gpus,
        "cuda_driver": nvidia.driver_version() if gpus else None,
        "tensor_float_32": bool(gpus)
        and tf.config.experimental.tensor_float_32_execution_enabled(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "instructions": _instructions(),
        "variables": {name: os.environ.get(name, "") for name in _VARIABLES},
    }


def _threads(kind: str, asked: int) -> int:
    """Returns the number of threads; for 0, that of the environment variable, or all."""
    text = os.environ.get(f"TF_NUM_{kind}OP_THREADS", "")
    return asked or (int(text) if text.isdecimal() else 0) or machine_.num_cores()


def _gpu(device: Any) -> str:
    import tensorflow as tf

    details = tf.config.experimental.get_device_details(device)
    return str(details.get("device_name", device.name))


def device() -> dict[str, str | None]:
    """Returns the device that trains, and if it is not a GPU, why not."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return {"device": _gpu(gpus[0]), "why_no_gpu": None}
    return {"device": _cpu(), "why_no_gpu": nvidia.why_none(tf.test.is_built_with_cuda())}


def device_text() -> str:
    """Returns the device that trains, and if it is not a GPU, why not, in words."""
    found = device()
    none = f"; no GPU: {found['why_no_gpu']}" if found["why_no_gpu"] else ""
    return f"{found['device']}{none}"


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Returns texts that describe how two `settings_of_libraries` differ."""
    texts: list[str] = []
    for name, value in before.items():
        if isinstance(value, dict):
            texts += differences(value, now.get(name, {}))
        elif value != now.get(name):
            texts.append(f"{name} {value}, now {now.get(name)}")
    return texts


def environment() -> dict[str, Any]:
    """Returns, JSON-able, everything that the numbers of a run depend on."""
    return {
        "tfcourse": tfcourse.__version__,
        "commit": _commit(),
        **settings_of_libraries(),
        **device(),
        **machine(_PACKAGES),
        "host": platform.node(),
    }


def machine(packages: Iterable[str]) -> dict[str, Any]:
    """Returns, JSON-able, the machine, and the versions of the installed `packages`."""
    installed = {}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            installed[name] = importlib.metadata.version(name)
    return {
        "cpu": _cpu(),
        "cores": machine_.num_cores(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": installed,
    }


def _cpu() -> str:
    """Returns the processor's name, or its architecture if the name is unknown."""
    return machine_.processor().get("model name") or platform.processor() or platform.machine()


def _instructions() -> str:
    """Returns the processor's instruction sets that affect the choice of kernels."""
    known = machine_.processor().get("flags", "").split()
    return " ".join(sorted(name for name in known if name.startswith(_INSTRUCTIONS)))


def _commit() -> str | None:
    """Returns the commit of the source tree, with "+" if it has changes; `None` outside git."""
    folder = pathlib.Path(tfcourse.__file__).parent
    git = ["git", "-C", str(folder)]
    try:
        commit = subprocess.run(
            [*git, "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
            timeout=5,
        ).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--", str(folder)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
            timeout=5,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed else "")
