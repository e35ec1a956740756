"""Hostile files of data, for each of their readers."""

import gzip
import hashlib
import io
import json
import struct
import zipfile

import numpy as np
import openpyxl
import pandas as pd
from hypothesis import strategies as st
from PIL import Image

from tests.fuzz_damage import damaged, forged_json, outcome_of, written, zip_of
from tfcourse.datasets import checks, preprocessing
from tfcourse.datasets.arrays import array_files
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.images import image_files
from tfcourse.datasets.tfds import originals

_IDX = struct.pack(">4I", 0x803, 5, 4, 4) + bytes(range(80))
_GOOD_IDX = gzip.compress(_IDX, mtime=0)


def _idx_files():
    return st.one_of(
        damaged(_GOOD_IDX), damaged(_IDX).map(lambda data: gzip.compress(data, mtime=0))
    )


def _read_idx(data):
    path = written("images.gz", data)
    digest = hashlib.sha256(_GOOD_IDX).hexdigest()
    outcome = outcome_of(
        lambda: originals.check_published(path, len(_GOOD_IDX), digest), DataError, "images.gz"
    )
    assert (outcome == "accepted") == (data == _GOOD_IDX)
    return outcome


_CSV = b'length,"wi,dth",kind\n1.5,2,cat\n3,"4",dog\n\n1e3,-1,"c""at"\n'


_TABLE = preprocessing.TablePreprocessing(
    "kind",
    ("cat", "dog", 'c"at'),
    (
        preprocessing.NumericColumn("length", 1.0, 2.0, None),
        preprocessing.CategoricalColumn("wi,dth", ("2", "4", "-1"), "2"),
    ),
    "csv:a.csv",
)


def _csv_files():
    cells = st.one_of(st.text(max_size=6), st.floats().map(str), st.sampled_from(("", '"', "\x00")))
    rows = st.lists(cells, max_size=5).map(",".join)
    texts = st.lists(rows, max_size=5).map("\n".join).map(lambda t: t.encode("utf-8", "replace"))
    return st.one_of(damaged(_CSV), texts, st.binary(max_size=60))


def _read_csv(data):
    return outcome_of(lambda: _TABLE.read(written("a.csv", data)), DataError, "a.csv")


def _workbook():
    file = io.BytesIO()
    workbook = openpyxl.Workbook()
    for row in (("length", "wi,dth", "kind"), (1.5, "2", "cat"), (3, "4", "dog")):
        workbook.active.append(row)
    workbook.save(file)
    return file.getvalue()


def _parquet():
    file = io.BytesIO()
    frame = pd.DataFrame({"length": [1.5, 3.0], "wi,dth": ["2", "4"], "kind": ["cat", "dog"]})
    frame.to_parquet(file)
    return file.getvalue()


_WORKBOOK = _workbook()
_PARQUET = _parquet()
_PACKED = (gzip.compress(_CSV, mtime=0), zip_of({"a.csv": _CSV}), _CSV.decode().encode("utf-16"))


def _sheets():
    """Workbooks of which one part is damaged, in a sound archive."""
    with zipfile.ZipFile(io.BytesIO(_WORKBOOK)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return st.sampled_from(sorted(parts)).flatmap(
        lambda name: damaged(parts[name]).map(lambda data: zip_of({**parts, name: data}))
    )


def _table_files():
    return st.one_of(
        st.sampled_from(_PACKED).flatmap(damaged), damaged(_WORKBOOK), _sheets(), damaged(_PARQUET)
    )


def _npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


_NPZ = _npz(x=np.arange(12, dtype="float32").reshape(3, 4), y=np.array(["a", "b", "a"]))


def npy():
    """Returns a good array as a file."""
    file = io.BytesIO()
    np.save(file, np.arange(6.0))
    return file.getvalue()


def _npz_files():
    # Arrays whose headers are forged, in a sound archive.
    forged = st.tuples(
        damaged(npy()), st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    ).map(lambda pair: zip_of({"x.npy": pair[0]}, pair[1]))
    return st.one_of(damaged(_NPZ), forged)


def read_npz(data):
    path = written("a.npz", data)

    def read():
        features, labels = array_files.read_examples(path)
        checks.check_finite(path, checks.as_features(path, features))
        if labels is not None:
            checks.label_numbers(path, labels, ("a", "b"))

    return outcome_of(read, DataError, "a.npz")


def _image(kind):
    file = io.BytesIO()
    pixels = np.arange(192, dtype="uint8").reshape(8, 8, 3)
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


_IMAGES = {kind: _image(kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")}


def _image_files():
    return st.sampled_from(sorted(_IMAGES)).flatmap(lambda kind: damaged(_IMAGES[kind]))


def _read_image(data):
    path = written("a.png", data)
    return outcome_of(
        lambda: image_files.decode_all([path], (8, 8, 3), resize=True), DataError, "a.png"
    )


_FITTED = (
    _TABLE,
    preprocessing.ArrayPreprocessing((4,), (0.5,), (2.0,), ("a", "b"), "npz:a.npz"),
    preprocessing.ImagePreprocessing((8, 8, 3), True, 255, ("cat", "dog"), "images:pets"),
)
_PREPROCESSINGS = [json.loads(preprocessing.to_json(fitted)) for fitted in _FITTED]


def _preprocessing_texts():
    good = st.sampled_from(_PREPROCESSINGS)
    return st.one_of(
        good.flatmap(forged_json).map(json.dumps),
        good.map(json.dumps)
        .flatmap(lambda text: damaged(text.encode()))
        .map(lambda data: data.decode("utf-8", "replace")),
        st.just("[" * 100_000),
    )


def _read_preprocessing(text):
    return outcome_of(lambda: preprocessing.from_json(text), ValueError)


READERS = {
    "IDX": (_idx_files(), _read_idx),
    "CSV": (_csv_files(), _read_csv),
    "tables": (_table_files(), _read_csv),
    "NPZ": (_npz_files(), read_npz),
    "images": (_image_files(), _read_image),
    "preprocessing.json": (_preprocessing_texts(), _read_preprocessing),
}
