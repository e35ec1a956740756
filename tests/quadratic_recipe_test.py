import json

import numpy as np
import processes
import pytest

from recipes import quadratic
from tfcourse import training


def run(tmp_path, *flags):
    return processes.command("recipes.quadratic", f"--run_dir={tmp_path}/run", *flags)


def metrics(tmp_path):
    return json.loads((tmp_path / "run" / "metrics.json").read_text())


def test_both_flagfiles_end_where_their_headers_say(tmp_path):
    for name, goal in (("quadratic", 5), ("quadratic.printed", 10)):
        result = run(tmp_path / name, f"--flagfile=configs/{name}.flags")
        assert (result.returncode, result.stderr) == (0, "")
        found = metrics(tmp_path / name)
        assert found["minimum"] == goal
        assert found["w"] == pytest.approx(goal * (1 - 0.98**1000), abs=1e-12)
        assert found["w"] == pytest.approx(found["w_closed_form"], abs=1e-12)
        assert found["w_float32"] == pytest.approx(found["w"], abs=4e-5)
        row = result.stdout.splitlines()[2].split()
        assert row[0] == "1"
        np.testing.assert_allclose([float(w) for w in row[1:4]], goal * 0.02, rtol=1e-7)
        picture = (tmp_path / name / "run" / "curves.png").read_bytes()
        assert picture.startswith(b"\x89PNG")


def test_the_tensorflow_1_program_runs_beside_the_port(tmp_path):
    result = run(tmp_path, "--flagfile=configs/quadratic.tensorflow_1.flags")
    assert (result.returncode, result.stderr) == (0, "")
    found = metrics(tmp_path)
    assert found["w_tensorflow_1"] == pytest.approx(found["w_float32"], abs=1e-5)
    lines = result.stdout.splitlines()
    assert "w TensorFlow 1" in lines[0]
    (told,) = (line for line in lines if line.startswith("float32 and TensorFlow 1: w differs"))
    assert float(told.split()[-4].rstrip(",")) < 1e-5


def test_smoke_takes_20_steps_and_leaves_expectations_unchecked(tmp_path):
    result = run(tmp_path, "--flagfile=configs/quadratic.flags", "--smoke")
    assert result.returncode == 0
    assert metrics(tmp_path)["w"] == pytest.approx(5 * (1 - 0.98**20), abs=1e-12)


def test_coefficients_without_minimum_are_exit_2(tmp_path):
    result = run(tmp_path, "--c0=0")
    assert result.returncode == 2
    assert "c0" in result.stderr
    assert not (tmp_path / "run").exists()


def test_divergence_is_exit_6():
    # float32 ends at 3.4e38: the distance 5 * 2^n, or the gradient of it, is past that.
    with pytest.raises(
        training.NotFiniteError, match=r"w in float32 .* step 12\d; .* c0 = 1$"
    ) as e:
        quadratic.descend(quadratic.Quadratic(learning_rate=1.5, steps=200))
    assert e.value.exit_code == 6


def test_table_ends_with_the_last_step(capsys):
    hyperparameters = quadratic.Quadratic(steps=7)
    quadratic.print_table(hyperparameters, quadratic.descend(hyperparameters))
    header, *rows = capsys.readouterr().out.splitlines()
    assert " ".join(header.split()) == "step w float32 w float64 w closed form cost"
    assert [int(row.split()[0]) for row in rows] == [0, 1, 2, 5, 7]
    w = 5 * (1 - 0.98**7)
    assert [float(number) for number in rows[-1].split()[2:]] == pytest.approx(
        [w, w, (w - 5) ** 2], abs=1e-10
    )


def test_start_at_the_minimum_can_be_drawn(tmp_path):
    hyperparameters = quadratic.Quadratic(initial_w=5.0, steps=3)
    paths = quadratic.descend(hyperparameters)
    np.testing.assert_array_equal(paths["float64"], [5.0] * 4)
    quadratic.draw(hyperparameters, paths, tmp_path / "curves.png")
