"""What a result depends on besides the flags: versions, threads, machine, state of the code."""

import contextlib
import importlib.metadata
import os
import pathlib
import platform
import subprocess
from collections.abc import Iterable
from typing import Any

import tfcourse

_PACKAGES = ("tensorflow", "keras", "numpy", "keras-tuner", "tensorflow-datasets")


def settings_of_libraries() -> dict[str, Any]:
    """Returns, JSON-able, what decides, for the same flags, about the last bits."""
    import tensorflow as tf

    threading = tf.config.threading
    return {
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES[:3]},
        # 0 is TensorFlow's word for as many as there are cores.
        "intra_op_threads": threading.get_intra_op_parallelism_threads() or _cores(),
        "inter_op_threads": threading.get_inter_op_parallelism_threads() or _cores(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0",
        "gpus": [device.name for device in tf.config.list_logical_devices("GPU")],
        "machine": platform.machine(),
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Returns texts that say in what two `settings_of_libraries` differ."""
    texts: list[str] = []
    for name, value in before.items():
        if isinstance(value, dict):
            texts += differences(value, now.get(name, {}))
        elif value != now.get(name):
            texts.append(f"{name} {value}, now {now.get(name)}")
    return texts


def environment() -> dict[str, Any]:
    """Returns, JSON-able, what the numbers of a run depend on."""
    return {
        "tfcourse": tfcourse.__version__,
        "commit": _commit(),
        **settings_of_libraries(),
        **machine(_PACKAGES),
        "host": platform.node(),
    }


def machine(packages: Iterable[str]) -> dict[str, Any]:
    """Returns, JSON-able, the machine, and the versions of those `packages` that it has."""
    installed = {}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            installed[name] = importlib.metadata.version(name)
    return {
        "cpu": _cpu(),
        "cores": _cores(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": installed,
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _cpu() -> str:
    """Returns the processor's name; its architecture where the system does not tell."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str | None:
    """Returns the commit of the source tree, with "+" where it is changed; `None` outside git."""
    folder = pathlib.Path(tfcourse.__file__).parent
    git = ["git", "-C", str(folder)]
    try:
        commit = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=5
        ).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--", str(folder)],
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed else "")
