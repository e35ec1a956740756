"""A sweep on a Dask cluster whose scheduler and workers were started apart, one of them killed."""

import json
import os
import pathlib
import signal
import time
from unittest import mock

import processes
import pytest
import sweep_test

from recipes import mnist_softmax
from recipes.mnist_softmax import MnistSoftmax
from tfcourse import hyperparameters as hp
from tfcourse import run_directory, tuning
from tfcourse.training.compilation import steps
from tfcourse.tuning import journal, records, workers

# keras-tuner reads the current thread's name the old way.
pytestmark = pytest.mark.filterwarnings(
    "ignore:(currentThread|getName):DeprecationWarning:keras_tuner"
)
FLAGS = ("--trials=3", "--fix=epochs=80")


class Cluster:
    """A scheduler, and workers with folders and caches of their own, as on other machines."""

    def __init__(self, folder):
        self._folder = folder
        self.nodes = {}
        file = folder / "scheduler.json"
        self.scheduler = self._start(
            folder, "dask_scheduler", "--host=127.0.0.1", "--port=0", f"--scheduler-file={file}"
        )
        sweep_test.wait_until(file.exists)
        self.address = json.loads(file.read_text())["address"]

    def add_node(self, name, *options):
        folder = self._folder / name
        folder.mkdir()
        options = ("--nthreads=2", "--no-nanny", f"--local-directory={folder}", *options)
        self.nodes[name] = self._start(folder, "dask_worker", self.address, *options)

    def _start(self, folder, program, *arguments):
        return processes.Program(
            f"distributed.cli.{program}",
            "--no-dashboard",
            *arguments,
            cwd=folder,
            XDG_CACHE_HOME=str(folder / "cache"),
            MPLCONFIGDIR=str(self._folder / "fonts"),
        )

    def prepared(self, name):
        """Returns the data sets that were prepared on a node."""
        return list((self._folder / name / "cache").rglob("*.arrays"))

    def end(self):
        for process in (self.scheduler, *self.nodes.values()):
            process.kill()
            process.communicate()


@pytest.fixture
def cluster(tmp_path):
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.end()


def in_this_process(folder, settings):
    """Returns the results of the same sweep in this process."""
    run = run_directory.RunDirectory(folder)
    with journal.Journal(folder / run_directory.JOURNAL) as open_journal:
        plan = tuning.Plan(path=str(sweep_test.ROOT))
        driver = tuning.Driver(run, open_journal, hp.declarations(MnistSoftmax), settings, plan)
        # As in the nodes; see `Cluster._start`.
        with mock.patch.object(steps, "compiles_with_xla", return_value=False):
            driver.train(tuning.InProcess())
    return sweep_test.results(folder)


def trials_begun(folder):
    return len(list(pathlib.Path(folder).glob("trials/*/*/checkpoints")))


def test_a_lost_node_changes_no_result(cluster, tmp_path):
    cluster.add_node("one", "--resources=trial=1")
    cluster.add_node("two", "--resources=trial=1")
    cluster.add_node("bare")
    folder = tmp_path / "sweep"
    flags = (f"--scheduler={cluster.address}", "--trial_resources=trial=1")
    process = sweep_test.start(folder, *FLAGS, *flags)
    try:
        sweep_test.wait_until(lambda: trials_begun(folder) >= 2)
        assert len(sweep_test.results(folder)) < 3
        cluster.nodes["one"].kill()
        _, error = process.communicate(timeout=sweep_test.WAIT_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, error
    assert [len(cluster.prepared(name)) for name in ("one", "two", "bare")] == [1, 1, 0]
    alone = tmp_path / "alone"
    alone.mkdir()
    settings = records.from_json(sweep_test.records(folder)[0])
    assert sweep_test.results(folder) == in_this_process(alone, settings)


def test_a_node_that_says_nothing_is_told_and_takes_no_trial_with_it(
    cluster, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(workers, "_SILENT_SECONDS", 3.0)
    monkeypatch.setattr(workers, "_LOST_SECONDS", 6.0)
    impatient = tmp_path / "impatient.py"
    impatient.write_text("from tfcourse.tuning import trial\ntrial._LOCK_SECONDS = 1.0\n")
    for name in ("one", "two"):
        cluster.add_node(name, f"--preload={impatient}")
    folder, stopped = tmp_path / "sweep", []

    def stop_one(sweep, running):
        for lock in () if stopped else folder.glob("trials/*/*/run.lock"):
            if any(lock.parent.glob("checkpoints/*.ckpt")):
                stopped.append(int(lock.read_text().split()[1]))
                os.kill(stopped[0], signal.SIGSTOP)
                return

    def search():
        base = MnistSoftmax(model="softmax_regression", epochs=400)  # Seconds, with checkpoints.
        with workers.Workers(1, cluster.address) as pool:
            return tuning.search(
                mnist_softmax.train, base, folder, pool,
                dataset="digits", trials=3, fixed={"epochs"}, watch=stop_one,
            )  # fmt: skip

    # The nodes share a disk, on which the stopped one still holds its trial's folder.
    with pytest.raises(tuning.EnvironmentFaultError, match="in use by process") as error:
        search()
    assert f"process {stopped[0]} on" in str(error.value)
    told = capsys.readouterr().err
    assert "taken anew after 6 s by another" in told
    assert "taken anew by another" in told
    os.kill(stopped[0], signal.SIGKILL)
    sweep = search()
    assert len(sweep.ranked()) == 3
    assert sweep.best is not None


def wait_for_outcomes(pool, deadline):
    while time.monotonic() < deadline:
        pool.next_outcome(0.1)


def test_a_lost_scheduler_is_no_fault_of_a_trial(cluster):
    with workers.Workers(1, cluster.address) as pool:
        cluster.scheduler.kill()
        deadline = time.monotonic() + 30
        with pytest.raises(ConnectionError, match="the same command goes on"):
            wait_for_outcomes(pool, deadline)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--scheduler=here"], "--scheduler must be an address"),
        (["--trial_resources=GPU=1"], "only the workers of a --scheduler"),
        (["--scheduler=tcp://h:1", "--trial_resources=GPU"], "--trial_resources must be"),
        (["--scheduler=tcp://h:1", "--trial_resources=GPU=0"], "--trial_resources must be"),
    ],
)
def test_a_cluster_that_is_misspelt_is_refused_at_once(tmp_path, flags, message):
    code, _, error = sweep_test.finished(tmp_path / "run", *flags)
    assert code == 2
    assert message in error
    assert not (tmp_path / "run").exists()
