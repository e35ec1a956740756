"""The undocumented parts of Dask that a sweep uses, and why."""

import random
import sys
from typing import Any

import distributed

from tfcourse.system import signals

_random_of_dask = random.Random()
_done: set[str] = set()  # Names of modules.


def keep_random_from_dask() -> None:
    """Makes Dask draw from its own random generator instead of Python's global one.

    Its threads draw at any time, for example to estimate sizes, and so also between the setting of
    a trial's seed and the moment Keras draws the weights from it. Can go once Dask's modules use
    their own `random.Random`. A search through all modules takes 4 ms, so each module is patched
    once.
    """
    for module_name in {*sys.modules} - _done:
        module = sys.modules[module_name]
        if getattr(getattr(module, "__spec__", None), "_initializing", False):
            continue  # Another thread is about to import it.
        _done.add(module_name)
        if module_name.partition(".")[0] not in ("dask", "distributed", "tornado"):
            continue
        for name, value in list(vars(module).items()):
            if value is random:
                setattr(module, name, _random_of_dask)
            elif name in random.__all__ and value is getattr(random, name):
                setattr(module, name, getattr(_random_of_dask, name, value))


def send_at_once(client: distributed.Client, cluster: distributed.LocalCluster | None) -> None:
    """Makes Dask send each message to the scheduler and to the workers of `cluster` at once.

    By default, it collects messages for 10 and 5 ms after the last one. A worker whose trial has
    ended would wait that long for the next trial. Can go once there is a setting.
    """
    scheduler: Any = cluster.scheduler if cluster else None
    streams = scheduler.stream_comms.values() if scheduler else ()
    for stream in (client.scheduler_comm, *streams):
        stream.interval = 0.0


def kill_workers(cluster: distributed.LocalCluster) -> None:
    """Ends the worker processes of `cluster` at once.

    The trials have saved their state. Dask's own `close` would first wait for the current block.
    Can go once `close` accepts a signal, or returns at once.
    """
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        signals.kill(nanny.pid)


def forget_worker(client: distributed.Client, address: str) -> None:
    """Makes the scheduler treat a worker as dead that is silent and can't be killed from here.

    `retire_workers` would wait for it. Can go once Dask can remove a worker without asking it.
    """
    scheduler: Any = client.scheduler
    client.sync(scheduler.unregister, address=address, stimulus_id="silent")
