import json
import sys

import numpy as np
import processes
import pytest

from recipes import linear_regression
from recipes.linear_regression import LinearRegression
from tfcourse import gradient_tape, training


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
    assert capsys.readouterr().out == "--batch_size=16 is too many: all 15 are taken\n"
    np.testing.assert_array_equal(path, linear_regression.fit(LinearRegression(epochs=2), seed=0))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("rate", "epochs", "step"), [(1e38, 9, 4), (0.05, 300, 294)])
def test_an_error_that_is_not_finite_ends_the_run_without_other_warnings(rate, epochs, step):
    hyperparameters = LinearRegression(learning_rate=rate, epochs=epochs)
    with pytest.raises(training.NotFiniteError, match=f"not finite after step {step};"):
        linear_regression.fit(hyperparameters, seed=0)


def test_columns_stay_apart_however_large_their_numbers(capsys):
    path = np.full((1, 3), -1e9)
    linear_regression.print_table(path, path[0], ["b", "w1", "w2"])
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.split()[0] == "0")
    assert row.split()[:4] == ["0", *3 * ["-1000000000.0000000000"]]


def test_pytorchs_program_takes_the_same_steps(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    result = run(tmp_path, "--flagfile=configs/linear_regression.pytorch.flags")
    assert (result.returncode, result.stderr) == (0, "")
    assert metrics(tmp_path)["differs_from_pytorch"] < 1e-14
    lines = result.stdout.splitlines()
    ours = next(place for place, line in enumerate(lines) if line.split()[0] == "60")
    assert lines[ours + 1].split() == ["PyTorch", *lines[ours].split()[1:]]
    assert any(line.startswith("ours and PyTorch's: they differ by at most") for line in lines)


def test_without_pytorch_one_sentence_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "recipes.tutorials.pytorch", None)
    monkeypatch.delattr("recipes.tutorials.pytorch", raising=False)
    hyperparameters = LinearRegression(beside="pytorch", epochs=2)
    assert linear_regression.fit_beside(hyperparameters) is None
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("PyTorch is not installed, so")
    assert linear_regression.fit_beside(LinearRegression(epochs=2)) is None
    assert capsys.readouterr().out == ""


def test_pytorchs_steps_are_not_put_beside_those_of_batches(tmp_path):
    result = run(tmp_path, "--batch_size=5", "--beside=pytorch")
    assert result.returncode == 2
    assert "--beside=pytorch has no effect with --batch_size=5" in result.stderr


@pytest.mark.parametrize("degree", [2, 3])
def test_a_polynomial_takes_the_steps_of_a_numpy_reference(degree):
    hyperparameters = LinearRegression(degree=degree, learning_rate=0.1, epochs=50)
    x, y = gradient_tape.FIFTEEN_POINTS.T
    scaled = 2 * (x - x.min()) / (x.max() - x.min()) - 1
    powers = np.stack([scaled**k for k in range(degree + 1)], axis=1)
    theta, expected = np.zeros(degree + 1), [np.zeros(degree + 1)]
    for _ in range(50):
        theta = theta - 0.1 * 2 / 15 * powers.T @ (powers @ theta - y)
        expected.append(theta)
    path = linear_regression.fit(hyperparameters, seed=0)
    np.testing.assert_allclose(path, expected, rtol=1e-12, atol=1e-12)
    errors = np.mean((np.array(expected) @ powers.T - y) ** 2, axis=1)
    np.testing.assert_allclose(linear_regression.mean_squared_error(path), errors, rtol=1e-12)


def test_the_polynomials_flagfile_comes_near_least_squares(tmp_path):
    result = run(tmp_path, "--flagfile=configs/linear_regression.polynomial.flags")
    assert (result.returncode, result.stderr) == (0, "")
    found = metrics(tmp_path)
    x, y = gradient_tape.FIFTEEN_POINTS.T
    error = np.mean((np.polyval(np.polyfit(x, y, 4), x) - y) ** 2)
    assert found["least_squares_mse"] == pytest.approx(error, rel=1e-9)
    assert found["mse"] == pytest.approx(error, rel=3e-3)
    assert {"b", "w1", "w2", "w3", "w4"} <= found.keys()
