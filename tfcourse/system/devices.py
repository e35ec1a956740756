"""The devices that share a training: those of this machine, or of the machines in TF_CONFIG.

TF_CONFIG is TensorFlow's variable for the workers' addresses and the index of this worker:

    {"cluster": {"worker": ["10.0.0.1:5000", "10.0.0.2:5000"]},
     "task": {"type": "worker", "index": 0}}

TensorFlow is imported only when devices are requested.
"""

import dataclasses
import os
import re
from typing import TYPE_CHECKING

from tfcourse.system import files

if TYPE_CHECKING:
    import tensorflow as tf

STRATEGIES = ("none", "mirrored", "multi_worker")

_ADDRESS = re.compile(r"[^\s/:]+:[0-9]{1,5}")


@dataclasses.dataclass(frozen=True)
class Worker:
    """The index of this process among the workers; worker 0, the chief, writes the results."""

    index: int
    count: int


def worker() -> Worker:
    """Returns the `Worker` of this process according to TF_CONFIG.

    Raises:
        ValueError: TF_CONFIG does not name a worker.
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

    With several machines, this waits until all of them have started, and must be called before
    TensorFlow initializes its devices.

    Raises:
        ConnectionError: the machines did not connect, or this one can't listen at its address.
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
