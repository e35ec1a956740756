"""Sweeps through the command line, with real workers, some of them killed."""

import json
import pathlib
import signal
import time

import processes
import psutil
import pytest

from tfcourse import run_directory
from tfcourse.tuning import journal, sweeps

# keras-tuner reads the current thread's name the old way.
pytestmark = pytest.mark.filterwarnings(
    "ignore:(currentThread|getName):DeprecationWarning:keras_tuner"
)
ROOT = pathlib.Path(__file__).parents[1]
FLAGS = (
    *("--dataset=digits", "--sweep=random", "--trials=4", "--fix=model=softmax_regression"),
    *("--fix=epochs=60", "--search=batch_size=32,64", "--search=learning_rate=1e-3:1:log"),
)
WAIT_SECONDS = 240


def start(folder, *flags, **started):
    # Trials of thousands of steps, in which a worker can be killed.
    flags = *FLAGS, f"--run_dir={folder}", *flags
    return processes.Program("recipes.mnist_softmax", *flags, **started)


def finished(folder, *flags, **started):
    process = start(folder, *flags, **started)
    out, err = process.communicate(timeout=WAIT_SECONDS)
    return process.returncode, out, err


def records(folder):
    path = folder / run_directory.JOURNAL
    return journal.read(path)[0] if path.exists() else []


def results(folder):
    """{(trial, replicate): curve}, all that decides; seconds are no result."""
    found = {}
    for record in records(folder):
        if record["kind"] == "result":
            key = record["trial"], record["replicate"]
            assert key not in found, f"{key} was trained twice"
            found[key] = record["curve"]
    return found


def wait_until(condition):
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def workers_of(process):
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if child.ppid() != process.pid]  # Of the fork server.


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    code, out, err = finished(folder, "--workers=1", forks_workers=False)  # As for users.
    assert code == 0, err
    assert err == ""
    assert "report.html" in out
    return folder


def test_a_sweep_leaves_what_it_promises(whole):
    names = {path.name for path in whole.iterdir()}
    assert {
        *("journal.jsonl", "trials.csv", "curves.csv", "report.html", "best.flags", "best"),
        *("metrics.json", "flags.txt", "tensorboard", "trials"),
    } <= names
    metrics = json.loads((whole / "metrics.json").read_text())
    sweep = sweeps.read(whole / "journal.jsonl", records(whole))
    assert metrics["trial"] == sweep.best.number
    assert metrics["val_accuracy"] == pytest.approx(sweep.score(sweep.best), abs=1e-6)
    assert 0.8 < metrics["test_accuracy"] <= 1.0
    assert len((whole / "trials.csv").read_text().splitlines()) == 5
    assert (whole / "best" / "model.keras").exists()


def test_best_flags_train_the_best_trial_again(whole, tmp_path):
    flagfile = f"--flagfile={whole / 'best.flags'}"
    done = processes.command("recipes.mnist_softmax", flagfile, f"--run_dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    again = json.loads((tmp_path / "metrics.json").read_text())
    swept = json.loads((whole / "metrics.json").read_text())
    assert again["test_accuracy"] == swept["test_accuracy"]
    assert again["val_loss"] == swept["val_loss"]


def test_a_finished_sweep_says_so_and_other_flags_are_refused(whole):
    before = (whole / run_directory.JOURNAL).read_bytes()
    code, out, _ = finished(whole, "--workers=1")
    assert (code, "finished" in out) == (0, True)
    code, _, err = finished(whole, "--search=learning_rate=1e-3:10:log")
    assert code == 2
    assert "--extend" in err
    code, _, err = finished(whole, "--seed=2", "--extend")
    assert code == 2
    assert "--seed is 2, was 1" in err
    assert (whole / run_directory.JOURNAL).read_bytes() == before


# The recipe, but that a worker counts as stopped sooner.
IMPATIENT = """
import runpy
from tfcourse.tuning import silence, workers
workers._STOPPED_SECONDS, silence._LOOK_SECONDS = 1.0, 0.2
runpy.run_module("recipes.mnist_softmax", run_name="__main__", alter_sys=True)
"""


def test_a_stopped_worker_is_told_and_its_trial_taken_by_another(whole, tmp_path):
    flags = *FLAGS, f"--run_dir={tmp_path}", "--workers=2"
    process = processes.Program("-c", IMPATIENT, *flags)
    try:
        wait_until(lambda: results(tmp_path))
        stopped = workers_of(process)[0]
        stopped.send_signal(signal.SIGSTOP)
        _, err = process.communicate(timeout=WAIT_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert err == (
        f"Warning: process {stopped.pid}, a worker, was stopped (SIGSTOP); its trial is taken anew "
        "by another one\n"
    )
    assert results(tmp_path) == results(whole)


def test_killed_workers_and_a_killed_driver_change_nothing(whole, tmp_path):
    process = start(tmp_path, "--workers=2")
    try:
        wait_until(lambda: results(tmp_path))
        workers_of(process)[0].kill()
        wait_until(lambda: any(r["kind"] == "lost" for r in records(tmp_path)))
        num_results = len(results(tmp_path))
        wait_until(lambda: len(results(tmp_path)) > num_results or process.poll() is not None)
        orphans = workers_of(process)
        process.kill()
        killed_at = time.monotonic()
        wait_until(lambda: not any(map(is_alive, orphans)))
        assert time.monotonic() - killed_at < 5.0
    finally:
        process.kill()
        process.communicate()
    code, _, err = finished(tmp_path, "--workers=1")
    assert code == 0, err
    assert results(tmp_path) == results(whole)
    chosen = [
        [r for r in records(folder) if r["kind"] == "chosen"][-1] for folder in (whole, tmp_path)
    ]
    assert chosen[0]["trial"] == chosen[1]["trial"]
    assert chosen[0]["metrics"][0]["test_loss"] == chosen[1]["metrics"][0]["test_loss"]


def is_alive(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # It ended between the two.
        return False


def test_a_sweep_keeps_others_out_and_a_signal_ends_it_with_the_command_that_goes_on(tmp_path):
    flags = ("--workers=1", "--trials=40")
    process = start(tmp_path, *flags)
    wait_until(lambda: records(tmp_path) and (tmp_path / "trials").exists())
    code, _, err = finished(tmp_path, *flags)
    assert code == 5
    assert "in use by" in err
    orphans = workers_of(process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "to resume: python -m recipes.mnist_softmax" in err
    assert len(err.splitlines()) <= 3
    assert not any(map(is_alive, orphans))


def test_a_damaged_journal_is_refused_by_line(whole, tmp_path):
    for name in ("flags.txt", run_directory.JOURNAL):
        (tmp_path / name).write_bytes((whole / name).read_bytes())
    path = tmp_path / run_directory.JOURNAL
    content = bytearray(path.read_bytes())
    content[content.index(b"\n") + 30] ^= 1
    path.write_bytes(content)
    code, _, err = finished(tmp_path, "--trials=5")
    assert code == 4
    assert f"{path}, line 2: damaged" in err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--search=rate=1:2"], "no hyperparameter 'rate'"),
        (["--search=learning_rate=1e-1:1e-2"], "LOW must be below HIGH"),
        (["--search=dropout=0:0.5,beta=0.5:0.9"], "--search takes one NAME; repeat it"),
        (["--fix=dropout,rate"], "no hyperparameter 'rate'"),
        (["--fix=beta=2"], "--fix: beta must be"),
        (["--sweep=grid", "--trials=3"], "the coarsest grid has"),
        (["--sweep=hyperband", "--pruning=median"], "--pruning"),
        (["--sweep=hyperband", "--search=epochs=1:9"], "hyperband itself chooses epochs"),
        (["--trials=0"], "trials"),
        (["--sweep=best"], "sweep"),
        (["--objective=val accuracy"], "--objective"),
        (["--learning_rate=0.1"], "--learning_rate=0.1 has no effect: the sweep searches learning"),
        (["--fix=optimizer", "--beta=0.5"], "--beta=0.5 has no effect with --optimizer=adam"),
        (["--epochs=5"], "--epochs=5 has no effect: --fix=epochs=60 sets epochs"),
        (["--fix=dropout=0.5"], "--fix=dropout=0.5 has no effect with --model=softmax_regression"),
        (["--expect=val_loss_spread:0:1"], "--expect=val_loss_spread: no such result"),
        (["--generation_size=4"], "--generation_size has no effect with --sweep=random"),
        (["--workers=2", "--scheduler=tcp://127.0.0.1:1"], "--workers has no effect with"),
        (["--nudge=1:0:learning_rate=0.1"], "--nudge is for a single training"),
        (["--sweep=none"], "--trials has no effect without a sweep"),
    ],
)
def test_flags_that_make_no_sweep_are_refused_at_once(tmp_path, flags, message):
    code, _, err = finished(tmp_path / "run", *flags)
    assert code == 2
    assert message in err
    assert not (tmp_path / "run").exists()


def test_a_sweep_without_its_data_ends_with_3(tmp_path):
    flags = ("--sweep=random", "--dataset=mnist", f"--data_dir={tmp_path}")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"no images")
    flags += (f"--run_dir={tmp_path / 'run'}",)
    environment = {"XDG_CACHE_HOME": str(tmp_path), "no_proxy": "*"}
    done = processes.command("recipes.mnist_softmax", *flags, **environment)
    assert done.returncode == 3
