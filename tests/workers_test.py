import random
import threading
import types

import dask
import distributed
import pytest
import sweep_test
from dask import sizeof

from tfcourse.system import signals
from tfcourse.tuning import dask_internals, workers


def test_dask_leaves_the_generator_that_trials_seed_alone():
    dask_internals.keep_random_from_dask()
    random.seed(1)
    sizeof.sizeof({f"name {number}": number for number in range(1000)})
    assert random.random() == random.Random(1).random()


def test_a_worker_that_takes_long_to_start_again_comes_back():
    # Dask would give it up after this time: by default 15 s, too short for a loaded machine.
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1ms"}),
        workers.Workers(1) as pool,
    ):
        (nanny,) = pool._cluster.workers.values()
        first = nanny.worker_address
        signals.kill(nanny.pid)
        sweep_test.wait_until(lambda: pool._client.scheduler_info()["workers"].keys() - {first})


def test_a_worker_that_cannot_start_again_ends_the_sweep():
    with workers.Workers(1) as pool:
        (nanny,) = pool._cluster.workers.values()
        nanny.process.worker_kwargs |= {"scheduler_ip": "tcp://127.0.0.1:9", "death_timeout": 1}
        signals.kill(nanny.pid)
        sweep_test.wait_until(lambda: nanny.status == distributed.Status.closed)
        with pytest.raises(ConnectionError, match="does not start again, perhaps for lack"):
            pool.next_outcome(0.0)


def test_a_worker_that_starts_again_is_not_free_meanwhile():
    pool, may_end = object.__new__(workers.Workers), threading.Event()
    pool._num_workers, pool._running, pool._restarts = 2, set(), []
    pool._client = types.SimpleNamespace(restart_workers=lambda **_: may_end.wait(60))
    pool._restart("tcp://127.0.0.1:1")
    assert pool.num_free == 1
    may_end.set()
    sweep_test.wait_until(lambda: pool.num_free == 2)


def test_no_message_waits_for_others():
    told, its_worker = (types.SimpleNamespace(interval=seconds) for seconds in (0.01, 0.005))
    scheduler = types.SimpleNamespace(stream_comms={"a worker": its_worker})
    client = types.SimpleNamespace(scheduler_comm=told)
    dask_internals.send_at_once(client, types.SimpleNamespace(scheduler=scheduler))
    assert (told.interval, its_worker.interval) == (0.0, 0.0)
    dask_internals.send_at_once(client, None)  # The workers of a cluster are somebody else's.
