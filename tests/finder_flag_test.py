"""--find_learning_rate, through the command line."""

import json

import processes


def find(run_dir, *flags):
    given = ("--dataset=digits", "--find_learning_rate", f"--run_dir={run_dir}")
    return processes.command("recipes.mnist_softmax", *given, *flags)


def test_the_flag_suggests_a_rate_and_draws_why(tmp_path):
    done = find(tmp_path, "--hidden_units=32")
    assert done.returncode == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert 1e-5 < metrics["suggested_learning_rate"] < 1.0
    assert f"--learning_rate={metrics['suggested_learning_rate']:.2g}" in done.stdout
    assert "the peak of one_cycle may be" in done.stdout
    assert list(metrics["suggestions"]) == ["steep", "valley", "minimum", "slide"]
    assert metrics["suggestions"]["steep"] == metrics["suggested_learning_rate"]
    assert f"valley {metrics['suggestions']['valley']:.2g}" in done.stdout
    assert (tmp_path / "learning_rate.png").stat().st_size > 1000
    assert done.stderr == ""


def test_it_goes_with_no_sweep(tmp_path):
    done = find(tmp_path / "run", "--sweep=random")
    assert done.returncode == 2
    assert "--find_learning_rate" in done.stderr
