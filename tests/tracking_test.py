"""--tracker=mlflow, against a store of MLflow itself where that is installed."""

import importlib.util
import os
import shutil

import pages_test
import processes
import pytest

from tfcourse.command_line import tracking

# MLflow's own, of the SQLAlchemy that Optuna has installed.
pytestmark = pytest.mark.filterwarnings("ignore")
FLAGS = ("--dataset=digits", "--model=softmax_regression", "--epochs=2", "--tracker=mlflow")


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A store with its tables, which take seconds to make."""
    mlflow = pytest.importorskip("mlflow", reason="no mlflow: pip install mlflow-skinny")
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(empty, tmp_path, monkeypatch):
    import mlflow

    address = f"sqlite:///{shutil.copy(empty, tmp_path / 'mlflow.db')}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    mlflow.set_tracking_uri(address)
    return mlflow.MlflowClient()


def started(folder, *flags, before=""):
    # A sweep starts no workers, of which each would import TensorFlow.
    words = ("recipes.mnist_softmax", *FLAGS, *flags)
    return processes.command("-c", before + pages_test.RUN, *words, cwd=folder)


def trained(folder, *flags):
    done = started(folder, *flags)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "Recorded in MLflow at sqlite:///" in done.stdout
    return done


def runs(store):
    found = store.get_experiment_by_name("mnist_softmax")
    return store.search_runs([found.experiment_id])


def test_without_the_package_nothing_is_trained(tmp_path, monkeypatch):
    done = started(tmp_path, before="import sys\nsys.modules['mlflow'] = None\n")
    assert done.returncode == 5
    wanted = "error: --tracker=mlflow needs the package mlflow: pip install 'tfcourse[mlflow]'\n"
    assert done.stderr == wanted
    assert not (tmp_path / "runs").exists()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(tracking.TrackerError, match="needs the package mlflow"):
        tracking.check("mlflow")
    tracking.check("none")


def test_a_run_is_in_the_store_with_its_curve_and_its_files(store, tmp_path):
    trained(tmp_path, "--run_dir=one")
    (run,) = runs(store)
    assert run.info.status == "FINISHED"
    assert run.data.params["epochs"] == "2"
    assert run.data.tags["tfcourse.run_dir"] == str(tmp_path / "one")
    assert 0.0 < run.data.metrics["test_accuracy"] <= 1.0
    curve = store.get_metric_history(run.info.run_id, "val_accuracy")
    assert [point.step for point in curve][:2] == [1, 2]
    files = {file.path for file in store.list_artifacts(run.info.run_id)}
    assert {"flags.txt", "metrics.json", "model_card.md", "curves.png", "model.txt"} <= files
    assert "tracker" not in (tmp_path / "one/flags.txt").read_text()


def test_a_sweep_is_a_run_with_one_nested_run_per_trial(store, tmp_path):
    sweep = ("--sweep=random", "--trials=3", "--workers=1", "--fix=model", "--fix=epochs")
    trained(tmp_path, *sweep, "--run_dir=many")
    nested = [run for run in runs(store) if "mlflow.parentRunId" in run.data.tags]
    (parent,) = (run for run in runs(store) if "mlflow.parentRunId" not in run.data.tags)
    assert {run.data.tags["mlflow.parentRunId"] for run in nested} == {parent.info.run_id}
    assert sorted(run.info.run_name for run in nested) == [f"trial {n}" for n in range(3)]
    assert all(float(run.data.params["learning_rate"]) > 0 for run in nested)
    best = max(run.data.metrics["score"] for run in nested)
    assert parent.data.metrics["val_accuracy"] == pytest.approx(best, abs=1e-6)


def test_a_store_that_refuses_leaves_the_run_complete(store, tmp_path, monkeypatch):
    address = os.environ["MLFLOW_TRACKING_URI"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://nowhere")
    done = started(tmp_path, "--run_dir=one")
    assert done.returncode == 5
    assert "one is complete, but MLflow rejected it" in done.stderr
    assert (tmp_path / "one/metrics.json").exists()
    # The same command records it once the store takes it, and only once.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    trained(tmp_path, "--run_dir=one")
    again = started(tmp_path, "--run_dir=one")
    assert "experiment mnist_softmax, already" in again.stdout
    assert len(runs(store)) == 1
