"""--find_learning_rate, through the command line."""

import json
import subprocess
import sys

ARGUMENTS = [sys.executable, "-m", "recipes.mnist_softmax", "--dataset=digits"]


def test_the_flag_suggests_a_rate_and_draws_why(tmp_path):
    done = subprocess.run(
        [*ARGUMENTS, "--hidden_units=32", "--find_learning_rate", f"--run_dir={tmp_path}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert 1e-5 < metrics["suggested_learning_rate"] < 1.0
    assert f"--learning_rate={metrics['suggested_learning_rate']:.2g}" in done.stdout
    assert "the peak of one_cycle may be" in done.stdout
    assert (tmp_path / "learning_rate.png").stat().st_size > 1000
    assert done.stderr == ""


def test_it_goes_with_no_sweep(tmp_path):
    done = subprocess.run(
        [*ARGUMENTS, "--find_learning_rate", "--sweep=random", f"--run_dir={tmp_path / 'run'}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "--find_learning_rate" in done.stderr
