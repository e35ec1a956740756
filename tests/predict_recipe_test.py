import csv
import json
import os
import pathlib
import resource
import struct
import subprocess
import sys
import time
import zipfile
import zlib

import numpy as np
import pytest
import trained_runs
from PIL import Image

from recipes import predict
from tfcourse import datasets, inference

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def images():
    """Raw digits, uint8 [5, 8, 8, 1] in [0, 16]."""
    return np.rint(16 * datasets.load("digits").test.features[:5]).astype(np.uint8)


@pytest.fixture(scope="module")
def expected(trained_run, images):
    classifier = inference.load_run(trained_run)
    return classifier.probabilities(np.float32(images) / 16)


def run(run_dir, source, output, **options):
    predict.main(
        predict.Prediction(run_dir=str(run_dir), input=str(source), output=str(output), **options)
    )


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def as_npz(folder, images):
    np.savez(folder / "new.npz", x=images, y=np.zeros(len(images)))
    return folder / "new.npz"


def as_npy(folder, images):
    np.save(folder / "new.npy", images[..., 0].astype(np.float64))
    return folder / "new.npy"


def as_folder(folder, images):
    (folder / "new").mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(folder / "new" / f"{number}.png")
    return folder / "new"


@pytest.mark.parametrize("write", [as_npz, as_npy, as_folder])
def test_every_kind_of_input_gives_the_classifiers_probabilities(
    trained_run, images, expected, tmp_path, write
):
    source = write(tmp_path, images)
    run(trained_run, source, tmp_path / "out.csv")
    rows = rows_of(tmp_path / "out.csv")
    assert list(rows[0]) == ["input", "label", *(f"probability_{n}" for n in range(10))]
    found = [[float(row[f"probability_{n}"]) for n in range(10)] for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert [row["label"] for row in rows] == [str(row.argmax()) for row in expected]
    assert all(row["input"].startswith(str(source)) for row in rows)
    assert len({row["input"] for row in rows}) == len(images)


def test_json_holds_what_csv_does(trained_run, images, tmp_path):
    source = as_npz(tmp_path, images)
    run(trained_run, source, tmp_path / "out.csv")
    run(trained_run, source, tmp_path / "out.json")
    rows = rows_of(tmp_path / "out.csv")
    for row, example in zip(rows, json.loads((tmp_path / "out.json").read_text()), strict=True):
        assert example["input"], example["label"] == (row["input"], row["label"])
        assert {f"probability_{n}": f"{p:.7g}" for n, p in example["probabilities"].items()} == {
            name: value for name, value in row.items() if name.startswith("probability")
        }


def test_a_table_by_the_names_of_its_columns(table_run, tmp_path):
    source = tmp_path / "new.csv"
    source.write_text("year,island,length (mm),species\n2007,Biscoe,,Gentoo\n2009,?,49.5,Adelie\n")
    run(table_run, source, tmp_path / "out.csv")
    classifier = inference.load_run(table_run)
    columns = {"year": [2007, 2009], "island": ["Biscoe", "Dream"], "length (mm)": [44.0, 49.5]}
    expected = classifier.probabilities(trained_runs.table_preprocessing().transform(columns))
    rows = rows_of(tmp_path / "out.csv")
    found = [[float(row[f"probability_{n}"]) for n in classifier.class_names] for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert rows[1]["input"] == f"{source}, line 3"


def test_other_sizes_are_refused_or_resized(trained_run, images, expected, tmp_path):
    large = np.repeat(np.repeat(images[0, ..., 0], 3, axis=0), 3, axis=1)
    Image.fromarray(large).save(tmp_path / "large.png")
    with pytest.raises(datasets.DataError, match="24 x 24"):
        run(trained_run, tmp_path / "large.png", tmp_path / "out.csv")
    run(trained_run, tmp_path / "large.png", tmp_path / "out.csv", other_sizes="resize")
    (row,) = rows_of(tmp_path / "out.csv")
    assert float(row["probability_3"]) == pytest.approx(expected[0, 3], rel=1e-5)


def png_that_claims(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(header))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
    )


def claimed_npy(dtype, shape):
    header = str({"descr": dtype, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64)


def bomb(path):
    archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
    with archive, archive.open("x.npy", "w") as file:
        file.write(claimed_npy("|u1", (1 << 40, 8, 8, 1)))
        for _ in range(64):
            file.write(bytes(1 << 20))


def a_pickle(path):
    np.savez(path, x=np.array([os.system], object))


HOSTILE = {
    "npz: a pickle": ("a.npz", a_pickle, "objects"),
    "npz: a bomb": ("a.npz", bomb, "memory"),
    "npz: text": ("a.npz", lambda path: path.write_text("x"), "NPZ file"),
    "npy: a pickle": (
        "a.npy", lambda path: np.save(path, np.array([os.system], object)), "expected an array",
    ),
    "npy: a claim": (
        "a.npy",
        lambda path: path.write_bytes(claimed_npy("|u1", (1 << 40, 8, 8, 1))),
        "expected an array",
    ),
    "npy: cut": ("a.npy", lambda path: path.write_bytes(b"\x93NUMPY\x01"), "expected an array"),
    "npy: a pipe": ("a.npy", os.mkfifo, "something else"),
    "npy: scaled": (
        "a.npy", lambda path: np.save(path, np.full((2, 8, 8), 0.5)), "Multiply them by 16",
    ),
    "npy: not finite": (
        "a.npy", lambda path: np.save(path, np.full((2, 8, 8), np.nan)), r"\[0, 16\]",
    ),
    "npy: another shape": ("a.npy", lambda path: np.save(path, np.zeros((2, 9, 8))), "shape"),
    "npy: empty": ("a.npy", lambda path: np.save(path, np.zeros((0, 8, 8))), "not empty"),
    "png: a claim": (
        "a.png", lambda path: path.write_bytes(png_that_claims(60_000, 60_000)), "pixels",
    ),
    "png: cut": ("a.png", lambda path: path.write_bytes(png_that_claims(8, 8)), "decoded"),
    "a folder without images": ("a", pathlib.Path.mkdir, "none there"),
    "nothing": ("missing.png", lambda path: None, "no such"),
    "a table for images": ("a.csv", lambda path: path.write_text("x,y\n1,2\n"), "image"),
}  # fmt: skip


@pytest.mark.parametrize("fault", HOSTILE)
def test_a_hostile_input_is_refused_cheaply_and_nothing_is_written(trained_run, tmp_path, fault):
    name, write, message = HOSTILE[fault]
    write(tmp_path / name)
    (tmp_path / "out.csv").write_text("before")
    present = sorted(path.name for path in tmp_path.iterdir())
    before, started = peak_megabytes(), time.process_time()
    with pytest.raises(datasets.DataError, match=message) as caught:
        run(trained_run, tmp_path / name, tmp_path / "out.csv")
    assert caught.value.exit_code == 3
    assert len(str(caught.value)) < 600
    assert peak_megabytes() - before < 200
    assert time.process_time() - started < 5.0
    assert (tmp_path / "out.csv").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == present


def peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_bad_flags_are_named(tmp_path):
    given = {"run_dir": "run", "input": "new.npz", "output": "out.csv"}
    for changed, message in (
        ({"output": "out.txt"}, r"--output must name a \.csv or \.json file"),
        ({"output": str(tmp_path / "none" / "out.csv")}, "is no folder"),
        ({"input": "out.csv"}, "overwrite --input"),
        ({"run_dir": None}, "`run_dir` must be"),
        ({"input": None}, "`input` must be"),
        ({"other_sizes": "crop"}, "refuse, resize"),
    ):
        with pytest.raises(ValueError, match=message):
            predict.Prediction(**{**given, **changed})


def test_as_a_program(trained_run, images, tmp_path):
    source = as_npz(tmp_path, images)
    command = [sys.executable, "-m", "recipes.predict", f"--run_dir={trained_run}"]
    done = subprocess.run(
        [*command, f"--input={source}", f"--output={tmp_path / 'out.json'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"5 predictions are in {tmp_path / 'out.json'}\n"
    assert len(json.loads((tmp_path / "out.json").read_text())) == 5
