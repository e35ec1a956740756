"""The devices that share a training: those of this machine, or of several that TF_CONFIG names.

TF_CONFIG is TensorFlow's variable for the workers' addresses and for which of them this one is:

    {"cluster": {"worker": ["10.0.0.1:5000", "10.0.0.2:5000"]},
     "task": {"type": "worker", "index": 0}}

Nothing here imports TensorFlow before it is asked for devices.
"""

import dataclasses
import os
import re
from typing import TYPE_CHECKING

from tfcourse import files

if TYPE_CHECKING:
    import tensorflow as tf

STRATEGIES = ("none", "mirrored", "multi_worker")

_ADDRESS = re.compile(r"[^\s/:]+:[0-9]{1,5}")


@dataclasses.dataclass(frozen=True)
class Worker:
    """Which of the workers this process is; worker 0, the chief, writes the results."""

    index: int
    count: int


def worker() -> Worker:
    """Returns the `Worker` that TF_CONFIG says this process is.

    Raises:
        ValueError: it does not say so.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = files.parse_json(text)
        task, cluster = config["task"], config["cluster"]
        addresses, index = cluster["worker"], task["index"]
        good = (
            [task["type"], *cluster] == ["worker", "worker"]
            and type(index) is int
            and 0 <= index < len(addresses) == len(set(addresses))
            and all(map(_ADDRESS.fullmatch, addresses))
        )
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise ValueError(
            'TF_CONFIG must be {"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": '
            f'"worker", "index": I}}}}. Received: {text[:200]!r}'
        )
    return Worker(index, len(addresses))


def strategy(name: str) -> "tf.distribute.Strategy | None":
    """Returns the `tf.distribute.Strategy` called `name`, or `None` for "none".

    That of several machines waits until all of them are there, and has to be made before
    TensorFlow has looked for its devices.

    Raises:
        ConnectionError: they did not meet, or this one can't listen at its address.
    """
    import tensorflow as tf

    if name == "none":
        return None
    if name == "multi_worker":
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except tf.errors.OpError as error:
            reason = (error.message.splitlines() or [""])[0][:200]
            raise ConnectionError(f"the workers of TF_CONFIG did not meet: {reason}") from None
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in found])
