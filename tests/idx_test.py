import gzip
import os
import shutil
import struct
import subprocess
import sys

import pytest

from tfcourse import datasets
from tfcourse.datasets import idx, originals

MAGIC_LABELS = b"\0\0\x08\x01"
MAGIC_IMAGES = b"\0\0\x08\x03"


def labels_file(path, count=20, values=bytes(20)):
    path.write_bytes(gzip.compress(MAGIC_LABELS + struct.pack(">I", count) + values, mtime=0))
    return path


def fault_of(path):
    with pytest.raises(datasets.DataError) as caught:
        idx.check_published(path, size=12345, sha256="0" * 64)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_another_sound_file_is_told_by_what_it_holds(tmp_path):
    path = labels_file(tmp_path / "labels.gz")
    assert "a sound IDX file of 20 labels, but another one" in fault_of(path)
    assert f"received {path.stat().st_size:,} bytes" in fault_of(path)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "not an IDX file"),
        (b"plain text", "Not a gzipped file"),
        (
            gzip.compress(MAGIC_LABELS + struct.pack(">I", 20) + bytes(20), mtime=0)[:-6],
            "damaged or cut",
        ),
        (
            gzip.compress(MAGIC_LABELS + struct.pack(">I", 20) + bytes(20), mtime=0) + b"more",
            "damaged",
        ),
        (
            gzip.compress(b"\0\0\x0d\x01" + struct.pack(">I", 20) + bytes(80), mtime=0),
            "not an IDX file",
        ),
        (gzip.compress(b"\0\0\x08\x00", mtime=0), "cut within its header"),
        (gzip.compress(MAGIC_IMAGES + b"\0\0", mtime=0), "cut within its header"),
        (
            gzip.compress(MAGIC_LABELS + struct.pack(">I", 20) + bytes(19), mtime=0),
            "promises 20 bytes where 19 follow",
        ),
        (
            gzip.compress(MAGIC_LABELS + struct.pack(">I", 20) + bytes(21), mtime=0),
            "promises 20 bytes where more follow",
        ),
        (
            gzip.compress(MAGIC_IMAGES + struct.pack(">III", 2**32 - 1, 28, 28), mtime=0),
            "promises 3,367,254,359,280 bytes, too many to look at",
        ),
    ],
)
def test_damage_is_named(tmp_path, content, fault):
    path = tmp_path / "file.gz"
    path.write_bytes(content)
    assert fault in fault_of(path)


@pytest.mark.parametrize("position", [0, 3, 12, 20, -6, -1])
def test_no_flipped_byte_passes(tmp_path, position):
    path = labels_file(tmp_path / "labels.gz", values=bytes(range(20)))
    size, sha256 = path.stat().st_size, idx._sha256(path)
    idx.check_published(path, size, sha256)
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(datasets.DataError, match="expected the published file"):
        idx.check_published(path, size, sha256)


def test_directory_and_pipe_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "expected a file" in fault_of(tmp_path / "pipe")
    assert "expected a file" in fault_of(tmp_path)


CHECK_BOMB = """
import pathlib, resource, sys
from tfcourse.datasets import DataError, idx
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    idx.check_published(pathlib.Path(sys.argv[1]), 12345, "0" * 64)
except DataError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("promised", [16 << 20, 512 << 20])
def test_bomb_takes_no_memory(tmp_path, promised):
    bomb = tmp_path / "bomb.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        file.write(MAGIC_LABELS + struct.pack(">I", promised))
        for _ in range(512):
            file.write(bytes(1 << 20))
    result = subprocess.run(
        [sys.executable, "-c", CHECK_BOMB, str(bomb)], capture_output=True, text=True, check=True
    )
    kilobytes = 1 if sys.platform != "darwin" else 1024
    assert int(result.stdout) / kilobytes < 16 * 1024


def test_check_needs_no_tensorflow():
    code = "import sys, tfcourse.datasets; print('tensorflow' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "False\n", result.stderr


def test_directory_without_original_files_has_none(tmp_path):
    assert not originals.check("mnist", tmp_path)
    assert not originals.check("mnist", None)
    assert not originals.check("cifar10", tmp_path)


def test_missing_file_is_named(tmp_path):
    for name in originals.FILE_NAMES[:3]:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(datasets.DataError, match=r"received 3 of them. Add t10k-labels"):
        datasets.load("mnist,digits", data_dir=tmp_path)


@pytest.fixture
def copied_mnist(mnist_dir, tmp_path):
    for name in originals.FILE_NAMES:
        shutil.copyfile(mnist_dir / name, tmp_path / name)
    return tmp_path


def test_original_files_pass(mnist_dir):
    assert originals.check("mnist", mnist_dir)


def test_labels_under_the_name_of_images_are_refused(copied_mnist):
    labels, images = originals.FILE_NAMES[3], originals.FILE_NAMES[2]
    shutil.copyfile(copied_mnist / labels, copied_mnist / images)
    with pytest.raises(datasets.DataError, match=rf"{images}.* 10,000 labels, but another one"):
        originals.check("mnist", copied_mnist)


def test_files_of_another_set_are_refused(mnist_dir):
    with pytest.raises(datasets.DataError, match="a sound IDX file of 60,000 images"):
        originals.check("fashion_mnist", mnist_dir)


def test_damaged_file_is_not_hidden_by_a_cache(copied_mnist, prepared_mnist):
    datasets.load("mnist", data_dir=copied_mnist)
    with (copied_mnist / originals.FILE_NAMES[0]).open("r+b") as file:
        file.truncate(9_000_000)
    with pytest.raises(datasets.DataError, match=r"train-images.*damaged or cut"):
        datasets.load("mnist,digits", data_dir=copied_mnist)
