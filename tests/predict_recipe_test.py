import csv
import json
import os
import pathlib
import struct
import time
import zipfile
import zlib

import numpy as np
import peaks
import processes
import pytest
import trained_runs
from PIL import Image

from recipes import predict
from tfcourse import datasets, inference


@pytest.fixture(scope="module")
def images():
    """Raw digits, uint8 [5, 8, 8, 1] in [0, 16]."""
    return np.rint(16 * datasets.load("digits").test.features[:5]).astype(np.uint8)


def run(run_dir, source, output, **options):
    predict.main(
        predict.Prediction(run_dir=str(run_dir), input=str(source), output=str(output), **options)
    )


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def as_npz(folder, images):
    np.savez(folder / "new.npz", x=images, y=np.zeros(len(images)))
    return folder / "new.npz", images / np.float32(16)


def as_npy(folder, images):
    np.save(folder / "new.npy", images[..., 0].astype(np.float64))
    return folder / "new.npy", images / np.float32(16)


def as_folder(folder, images):
    (folder / "new").mkdir()
    pixels = images * 15  # An image's white is 255, whatever the arrays' was.
    for number, image in enumerate(pixels):
        Image.fromarray(image[..., 0]).save(folder / "new" / f"{number}.png")
    return folder / "new", pixels / np.float32(255)


def test_negatives_are_told_and_inverted(trained_run, images, tmp_path, caplog):
    source, _ = as_npz(tmp_path, images)
    run(trained_run, source, tmp_path / "right.csv")
    assert caplog.text == ""
    source, _ = as_npz(tmp_path, 16 - images)
    run(trained_run, source, tmp_path / "wrong.csv")
    assert "bright at their edges (0.8" in caplog.text
    assert "They look inverted: --invert exchanges black and white" in caplog.text
    caplog.clear()
    asked = {"run_dir": str(trained_run), "input": str(source)}
    predict.main(predict.Prediction(**asked, output=str(tmp_path / "mended.csv")), invert=True)
    assert caplog.text == ""
    assert rows_of(tmp_path / "mended.csv") == rows_of(tmp_path / "right.csv")


def test_a_table_cannot_be_inverted(table_run, tmp_path):
    columns, _ = trained_runs.table()
    lines = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    (tmp_path / "new.csv").write_text("\n".join([",".join(columns), *lines]))
    asked = {"run_dir": str(table_run), "input": str(tmp_path / "new.csv")}
    with pytest.raises(datasets.DataError, match="`invert` exchanges black and white"):
        predict.main(predict.Prediction(**asked, output=str(tmp_path / "a.csv")), invert=True)


@pytest.mark.parametrize("write", [as_npz, as_npy, as_folder])
def test_every_kind_of_input_gives_the_classifiers_probabilities(
    trained_run, images, tmp_path, write
):
    source, features = write(tmp_path, images)
    run(trained_run, source, tmp_path / "out.csv")
    expected = inference.load_run(trained_run).probabilities(features)
    rows = rows_of(tmp_path / "out.csv")
    assert list(rows[0]) == ["input", "label", *(f"probability_{n}" for n in range(10))]
    found = [[float(row[f"probability_{n}"]) for n in range(10)] for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert [row["label"] for row in rows] == [str(row.argmax()) for row in expected]
    assert all(row["input"].startswith(str(source)) for row in rows)
    assert len({row["input"] for row in rows}) == len(images)


def test_json_holds_what_csv_does(trained_run, images, tmp_path):
    source, _ = as_npz(tmp_path, images)
    run(trained_run, source, tmp_path / "out.csv")
    run(trained_run, source, tmp_path / "out.json")
    rows = rows_of(tmp_path / "out.csv")
    for row, example in zip(rows, json.loads((tmp_path / "out.json").read_text()), strict=True):
        assert (example["input"], example["label"]) == (row["input"], row["label"])
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


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_a_name_that_is_not_utf8_is_written_as_an_escape(trained_run, images, tmp_path, suffix):
    folder = tmp_path / "new"
    folder.mkdir()
    with open(os.fsencode(folder) + b"/\xff.png", "wb") as file:
        Image.fromarray(images[0, ..., 0]).save(file, "PNG")
    output = tmp_path / f"out.{suffix}"
    run(trained_run, folder, output)
    if suffix == "csv":
        assert rows_of(output)[0]["input"].endswith("\\udcff.png")
    else:
        assert json.loads(output.read_text())[0]["input"].endswith("\udcff.png")


def test_other_sizes_are_refused_or_resized(trained_run, images, tmp_path):
    pixels = 15 * images[0, ..., 0]
    Image.fromarray(pixels).save(tmp_path / "small.png")
    Image.fromarray(pixels.repeat(3, axis=0).repeat(3, axis=1)).save(tmp_path / "large.png")
    with pytest.raises(datasets.DataError, match=r"24 x 24.*`other_sizes=resize`"):
        run(trained_run, tmp_path / "large.png", tmp_path / "large.csv")
    run(trained_run, tmp_path / "large.png", tmp_path / "large.csv", other_sizes="resize")
    run(trained_run, tmp_path / "small.png", tmp_path / "small.csv")
    ((large,), (small,)) = rows_of(tmp_path / "large.csv"), rows_of(tmp_path / "small.csv")
    assert large.pop("input") != small.pop("input")
    assert large == small


def png_that_claims(width, height):
    """Returns a PNG file whose pixels are missing."""

    def chunk(name, data):
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


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
    "png: cut": ("a.png", lambda path: path.write_bytes(png_that_claims(8, 8)), "truncated"),
    "a folder without images": ("a", pathlib.Path.mkdir, "none there"),
    "nothing": ("missing.png", lambda path: None, "no such"),
    "a table for images": ("a.csv", lambda path: path.write_text("x,y\n1,2\n"), "a table"),
}  # fmt: skip


@pytest.mark.parametrize("fault", HOSTILE)
def test_a_hostile_input_is_refused_cheaply_and_nothing_is_written(trained_run, tmp_path, fault):
    name, write, message = HOSTILE[fault]
    write(tmp_path / name)
    (tmp_path / "out.csv").write_text("before")
    present = sorted(path.name for path in tmp_path.iterdir())
    started = time.process_time()
    with peaks.grown() as memory, pytest.raises(datasets.DataError, match=message) as caught:
        run(trained_run, tmp_path / name, tmp_path / "out.csv")
    assert caught.value.exit_code == 3
    assert len(str(caught.value)) < 600
    assert memory.megabytes < 200
    assert time.process_time() - started < 5.0
    assert (tmp_path / "out.csv").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == present


def test_bad_flags_are_named(tmp_path):
    given = {"run_dir": "run", "input": "new.npz", "output": "out.csv"}
    for changed, message in (
        ({"output": "out.txt"}, r"`output` must name a \.csv or \.json file"),
        ({"output": str(tmp_path / "none" / "out.csv")}, "is not a folder"),
        ({"input": "out.csv"}, "overwrite `input`"),
        ({"run_dir": None}, "`run_dir` must be"),
        ({"input": None}, "`input` must be"),
        ({"other_sizes": "crop"}, "refuse, resize"),
    ):
        with pytest.raises(ValueError, match=message):
            predict.Prediction(**{**given, **changed})


def test_an_output_that_is_the_input_by_another_name_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.csv").write_text("a\n1\n")
    (tmp_path / "link.csv").symlink_to("new.csv")
    for output in ("new.csv", "./new.csv", tmp_path / "new.csv", "link.csv"):
        with pytest.raises(ValueError, match="overwrite `input`"):
            predict.Prediction(run_dir="run", input="new.csv", output=str(output))


def test_as_a_program(trained_run, images, tmp_path):
    source, _ = as_npz(tmp_path, images)
    given = (f"--run_dir={trained_run}", f"--input={source}", f"--output={tmp_path / 'out.json'}")
    done = processes.command("recipes.predict", *given)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"5 predictions are in {tmp_path / 'out.json'}\n"
    assert len(json.loads((tmp_path / "out.json").read_text())) == 5


def test_a_flag_that_is_left_out_is_named(tmp_path):
    given = (f"--run_dir={tmp_path}", "--input=a.npz")
    done = processes.command("recipes.predict", *given, tensorflow=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --output is required: ")
