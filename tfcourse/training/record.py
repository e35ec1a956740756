"""What a result depends on besides the flags: versions, threads, machine, state of the code."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess

import tensorflow as tf

import tfcourse

_PACKAGES = ("tensorflow", "keras", "numpy", "keras-tuner", "tensorflow-datasets")


def environment():
    """Returns a JSON-able dict of what the numbers of a run depend on."""
    return {
        "tfcourse": tfcourse.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "threads": {
            "cores": os.cpu_count(),
            "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
            "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
        },
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0",
        "gpus": [device.name for device in tf.config.list_logical_devices("GPU")],
        "host": platform.node(),
        "machine": platform.machine(),
    }


def _commit():
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
