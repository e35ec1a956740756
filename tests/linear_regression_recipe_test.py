import json

import numpy as np
import processes
import pytest

from recipes import linear_regression
from recipes.linear_regression import LinearRegression
from tfcourse import training


def run(run_dir, *flags):
    return processes.command("recipes.linear_regression", f"--run_dir={run_dir}", *flags)


def metrics(run_dir):
    return json.loads((run_dir / "metrics.json").read_text())


def test_flagfile_reaches_the_golden_line(tmp_path):
    result = run(tmp_path, "--flagfile=configs/linear_regression.flags")
    assert (result.returncode, result.stderr) == (0, "")
    found = metrics(tmp_path)
    golden = {"w": 0.3568857177, "b": 0.0621534222, "mse": 0.2305755521}
    best = {"w": 0.2599899, "b": 0.7476653, "mse": 0.1689152551}
    for name in golden:
        assert found[name] == pytest.approx(golden[name], abs=5e-11)
        assert found[f"least_squares_{name}"] == pytest.approx(best[name], abs=5e-8)
    rows = {row.split()[0]: row.split()[-3:] for row in result.stdout.splitlines()}
    assert rows["60"] == ["0.3568857177", "0.0621534222", "0.2305755521"]
    assert rows["least"] == ["0.2599898981", "0.7476652638", "0.1689152551"]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_run_again_from_its_flags_gives_the_same_numbers(tmp_path):
    flags = ("--flagfile=configs/linear_regression.stochastic.flags", "--seed=7")
    assert run(tmp_path / "first", *flags).returncode == 0
    assert run(tmp_path / "second", f"--flagfile={tmp_path}/first/flags.txt").returncode == 0
    first, second = metrics(tmp_path / "first"), metrics(tmp_path / "second")
    assert first["steps"] == 900
    for name in ("w", "b", "mse"):
        assert first[name] == second[name]


def test_divergence_is_exit_6():
    with pytest.raises(training.NotFiniteError, match="--learning_rate is too large") as error:
        linear_regression.fit(LinearRegression(learning_rate=1.0, epochs=500), seed=0)
    assert error.value.exit_code == 6


def test_seed_matters_only_below_the_full_batch():
    def last(batch_size, seed):
        return linear_regression.fit(LinearRegression(batch_size=batch_size, epochs=2), seed)[-1]

    np.testing.assert_array_equal(last("full", 0), last("full", 1))
    np.testing.assert_array_equal(last(5, 0), last(5, 0))
    assert not np.array_equal(last(5, 0), last(5, 1))


def test_larger_batches_than_points_are_said_to_be_full(capsys):
    path = linear_regression.fit(LinearRegression(batch_size=16, epochs=2), seed=0)
    assert capsys.readouterr().out == "--batch_size=16 is more than there are: 15 are taken\n"
    np.testing.assert_array_equal(path, linear_regression.fit(LinearRegression(epochs=2), seed=0))
    assert capsys.readouterr().out == ""
