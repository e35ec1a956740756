import shutil

import numpy as np
import processes
import pytest

from recipes import example
from tfcourse import datasets, inference


def test_digits_are_those_that_the_newest_run_takes(trained_run, tmp_path, monkeypatch, capsys):
    shutil.copytree(trained_run, tmp_path / "runs/mnist_softmax/a")
    monkeypatch.chdir(tmp_path)
    example.main(example.Example(output="digits.npz"))
    assert (
        "270 digits of 8 x 8 pixels, in the format of runs/mnist_softmax/a"
        in capsys.readouterr().out
    )
    run = inference.load_run(tmp_path / "runs/mnist_softmax/a")
    found = run.preprocessing.read("digits.npz")
    np.testing.assert_array_equal(found.features, datasets.load("digits").test.features)
    np.testing.assert_array_equal(found.labels, datasets.load("digits").test.labels)


def test_without_a_run_they_are_as_those_of_mnist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example.main(example.Example(output="digits.npz"))
    with np.load("digits.npz") as arrays:
        images = arrays["x"]
    assert (images.shape, images.dtype) == ((270, 28, 28, 1), np.uint8)
    assert images[:, :3].max() < images.max() == 255  # A margin around, white on black.
    (tmp_path / "x").mkdir()
    with pytest.raises(example.command_line.UsageError, match="holds no finished run"):
        example.main(example.Example(output=str(tmp_path / "x" / "digits.npz"), run_dir="x/latest"))


def test_a_table_and_photos_can_be_trained_on(tmp_path):
    for name in ("penguins.csv", "photos"):
        done = processes.command("tfcourse", "example", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    table = datasets.load(f"csv:{tmp_path / 'penguins.csv'}", label="species")
    images = datasets.load(f"images:{tmp_path / 'photos'}")
    assert (table.num_classes, images.class_names) == (3, ("disk", "square"))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("digit.npz", "must be one of digits.npz, penguins.csv, photos"),
        ("none/digits.npz", "create it first"),
        ("photos", "already exists"),
    ],
)
def test_what_it_cannot_write_is_refused(tmp_path, monkeypatch, output, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match=message):
        example.Example(output=output)


def test_only_digits_fit_a_run(tmp_path):
    with pytest.raises(ValueError, match=r"`run_dir` has no effect on penguins\.csv"):
        example.Example(output=str(tmp_path / "penguins.csv"), run_dir="runs/a")
