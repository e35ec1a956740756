"""The processes that train: Dask workers, on this machine or on a running cluster."""

import contextlib
import functools
import logging
import os
import queue
import sys
import threading
from collections.abc import Collection, Mapping
from typing import Any, Literal

import dask
import distributed
import psutil

from tfcourse.system import nvidia, quiet_import, signals
from tfcourse.tuning.dask_internals import (
    forget_worker,
    keep_random_from_dask,
    kill_workers,
    send_at_once,
)
from tfcourse.tuning.silence import Silence
from tfcourse.tuning.task import Key, Task

# One thread per trial; TensorFlow and XLA's compiler read these when the process starts.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
_SETTINGS = {
    # Every death of a worker is reported to the driver, which counts them.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.worker-ttl": None,
    "distributed.admin.tick.limit": "1h",  # Compilation holds Python's lock for seconds.
    "distributed.comm.timeouts.connect": "30s",
    # Else a worker that takes longer to start again, on a loaded machine, would never come back.
    "distributed.deploy.lost-worker-timeout": "1000h",
    "distributed.worker.daemon": True,
    "distributed.worker.profile.enabled": False,  # Else it interrupts trials 100 times per second.
    "distributed.nanny.pre-spawn-environ": _ENVIRONMENT,
}
# Training sets seeds, dtype policies and stdout of the whole process.
_one_trial = threading.Lock()
# TensorFlow leaks some memory per trace; a worker that has grown by this much is replaced.
_GROWTH_BYTES = 600e6
# A stopped worker process is replaced after this many seconds without a heartbeat; a worker that
# may only be slow is reported first and replaced later.
_STOPPED_SECONDS = 10.0
_SILENT_SECONDS = 60.0
_LOST_SECONDS = 600.0


class Workers:
    """Runs functions in worker processes and returns their results as they arrive.

    Args:
        num_workers: >= 1, processes on this machine.
        scheduler: address of a running Dask scheduler; its workers are used instead, each for one
            function at a time.
        resources: `{name: amount}`, the resources that such a worker must have.

    Raises:
        OSError: the scheduler can't be reached.
    """

    def __init__(
        self,
        num_workers: int,
        scheduler: str | None = None,
        resources: Mapping[str, float] | None = None,
    ) -> None:
        self._stack = contextlib.ExitStack()
        self._outcomes: queue.SimpleQueue[tuple[Key, Any]] = queue.SimpleQueue()
        self._running: set[Key] = set()
        self._first_memory: dict[str, int] = {}
        self._restarts: list[threading.Thread] = []
        self._silence = Silence()
        self._told_silent: set[str] = set()
        for name in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._stack.enter_context(dask.config.set(_SETTINGS))
        self._cluster = None
        if scheduler is None:
            self._cluster = self._stack.enter_context(
                distributed.LocalCluster(
                    n_workers=num_workers,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    # Any free port: by default, Dask uses 8787, and warns if a second sweep runs.
                    dashboard_address="127.0.0.1:0",
                    worker_dashboard_address=None,
                    memory_limit=0,
                    silence_logs=logging.CRITICAL,
                )
            )
        self._client = self._stack.enter_context(
            distributed.Client(self._cluster or scheduler, set_as_default=False, timeout=60)
        )
        send_at_once(self._client, self._cluster)
        self._num_workers = num_workers if scheduler is None else None
        self._scheduler = scheduler
        self._resources = resources or {}
        if self.num_free == 0:
            print(f"Waiting for workers at {scheduler}", flush=True)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kills the processes on this machine at once; those of a cluster keep running."""
        if self._cluster:
            kill_workers(self._cluster)
        self._stack.close()

    @property
    def num_free(self) -> int:
        """The number of functions that would start at once."""
        slots = self._num_workers or self._num_suitable()
        self._restarts = [thread for thread in self._restarts if thread.is_alive()]
        return slots - len(self._restarts) - len(self._running)

    def _num_suitable(self) -> int:
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        return sum(
            all(worker["resources"].get(n, 0) >= amount for n, amount in self._resources.items())
            for worker in workers
        )

    def submit(self, key: Key, name: Literal["run", "test"], task: Task) -> None:
        """Runs the function `name` of `tuning.trial` in a free worker, under the name `key`."""
        future = self._client.submit(
            _work, name, task.to_json(), pure=False, retries=0, resources=self._resources
        )
        self._running.add(key)
        # Keeps the future, because Dask drops work without one.
        future.add_done_callback(lambda done: self._outcomes.put((key, done)))

    def next_outcome(self, timeout: float) -> tuple[Key, Any] | None:
        """Returns `(key, result)`; `None` if there is no result within `timeout` seconds.

        A result of `None` means that the worker died.

        Raises:
            ConnectionError: the scheduler died, or a worker on this machine does not start again.
        """
        self._check_connected()
        if self._silence.is_due():
            self._replace_silent()
        try:
            key, future = self._outcomes.get(timeout=timeout)
        except queue.Empty:
            return None
        self._running.discard(key)
        if future.status != "finished":
            error = future.exception()
            is_gone = future.status in ("lost", "cancelled")
            if is_gone or isinstance(error, distributed.KilledWorker):
                return key, None
            if error is not None:
                raise error
        address, memory, result = future.result()
        self._replace_if_grown(address, memory)
        return key, result

    def _check_connected(self) -> None:
        if self._client.status != "running":
            raise ConnectionError(
                f"the Dask scheduler at {self._scheduler} is gone; once it runs again, the same "
                "command goes on"
            )
        if any(nanny.status == distributed.Status.closed for nanny in self._nannies()):
            raise ConnectionError(
                "a worker process ended and does not start again, perhaps for lack of memory; once "
                "there is more, the same command goes on"
            )

    def _nannies(self) -> Collection[distributed.Nanny]:
        """Returns what starts the processes on this machine, and starts them again."""
        return self._cluster.workers.values() if self._cluster else ()

    def _replace_if_grown(self, address: str, memory: int) -> None:
        first = self._first_memory.setdefault(address, memory)
        if self._num_workers is None or memory - first < _GROWTH_BYTES:
            return
        del self._first_memory[address]
        self._restart(address)

    def _restart(self, address: str) -> None:
        options = {"workers": [address], "timeout": 60, "raise_for_error": False}
        thread = threading.Thread(target=self._client.restart_workers, kwargs=options, daemon=True)
        thread.start()
        self._restarts.append(thread)

    def _replace_silent(self) -> None:
        """Kills workers that have stopped without dying, so that others take their trials."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        processes = {nanny.worker_address: nanny.pid for nanny in self._nannies()}
        silent = self._silence.of({name: each["last_seen"] for name, each in workers.items()})
        for address, seconds in silent.items():
            process = processes.get(address)
            if seconds >= _STOPPED_SECONDS and process and _is_stopped(process):
                _tell(f"process {process}, a worker, was stopped (SIGSTOP)", "anew")
                signals.kill(process)
            elif seconds >= _LOST_SECONDS:
                _tell(f"the worker at {address} has not responded for {seconds:.0f} s", "anew")
                self._end(address, process, has_nanny=bool(workers[address].get("nanny")))
            elif seconds >= _SILENT_SECONDS and address not in self._told_silent:
                self._told_silent.add(address)
                told = f"the worker at {address} has not responded for {seconds:.0f} s"
                _tell(told, f"anew after {_LOST_SECONDS:.0f} s")
        self._told_silent &= {name for name, each in silent.items() if each >= _SILENT_SECONDS}

    def _end(self, address: str, process: int | None, *, has_nanny: bool) -> None:
        if process:
            signals.kill(process)
        elif has_nanny:
            self._restart(address)
        else:
            forget_worker(self._client, address)


def _tell(what: str, how: str) -> None:
    print(f"Warning: {what}; its trial is taken {how} by another one", file=sys.stderr, flush=True)


def _is_stopped(process: int) -> bool:
    try:
        return psutil.Process(process).status() in (psutil.STATUS_STOPPED, "tracing-stop")
    except psutil.NoSuchProcess:
        return False


@functools.cache
def _prepare_process() -> None:
    """Imports TensorFlow for the trials of this process, and chooses its devices."""
    logging.basicConfig(format="%(levelname)s: %(message)s")  # As in the driver.
    os.environ.update(_ENVIRONMENT)  # A cluster's workers lack it.
    if isinstance(number := distributed.get_worker().name, int):  # On this machine.
        nvidia.take_one(number)
    with contextlib.suppress(RuntimeError):  # It was used here before, and keeps its threads.
        quiet_import.import_tensorflow(num_threads=1)
    # Every trial traces its step again, about which TensorFlow warns.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def _work(name: str, fields: Mapping[str, Any]) -> tuple[str, int, Any]:
    """Returns this worker's address, its memory in bytes, and the answer to a `Task`."""
    with _one_trial:
        keep_random_from_dask()
        _prepare_process()
        from tfcourse.tuning import trial

        with trial.own_process():
            answer = getattr(trial, name)(Task.from_json(fields))
        return distributed.get_worker().address, psutil.Process().memory_info().rss, answer
