"""What reaches into Dask beyond its documented ways, and why."""

import random
import sys
from typing import Any

import distributed

from tfcourse import signals

_random_of_dask = random.Random()
_done: set[str] = set()  # Names of modules.


def keep_random_from_dask() -> None:
    """Has Dask draw from a generator of its own instead of Python's global one.

    Its other threads draw at any time, be it only to estimate sizes: also between the seed of a
    trial and the weights that Keras draws from that. It can go once Dask's modules use a
    `random.Random` of their own. To look through them takes 4 ms, so each is done once.
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


def kill_workers(cluster: distributed.LocalCluster) -> None:
    """Ends the worker processes of `cluster` at once.

    What a trial has to save, it has saved; closed as Dask does it, a worker would first end its
    block. It can go once `close` takes a signal or no time at all.
    """
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        signals.kill(nanny.pid)


def forget_worker(client: distributed.Client, address: str) -> None:
    """Has the scheduler count a worker as dead that says nothing and that nobody can end.

    `retire_workers` would wait for it. It can go once Dask takes a worker away without asking it.
    """
    scheduler: Any = client.scheduler
    client.sync(scheduler.unregister, address=address, stimulus_id="silent")
