import gzip
import hashlib
import os
import shutil
import sys

import processes
import pytest

from tfcourse import datasets
from tfcourse.datasets.tfds import originals

CONTENT = gzip.compress(bytes(range(200)), mtime=0)


def fault_of(path):
    with pytest.raises(datasets.DataError) as caught:
        originals.check_published(path, size=12345, sha256="0" * 64)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("content", [b"", b"plain text", CONTENT, CONTENT[:-6], bytes(12345)])
def test_another_file_is_told_with_its_size(tmp_path, content):
    path = tmp_path / "file.gz"
    path.write_bytes(content)
    assert "expected the published file of 12,345 bytes with sha256 00000000" in fault_of(path)
    assert f"received {len(content):,} other bytes" in fault_of(path)


@pytest.mark.parametrize("position", [0, 3, 12, 20, -6, -1])
def test_no_flipped_byte_passes(tmp_path, position):
    path, sha256 = tmp_path / "labels.gz", hashlib.sha256(CONTENT).hexdigest()
    path.write_bytes(CONTENT)
    originals.check_published(path, len(CONTENT), sha256)
    content = bytearray(CONTENT)
    content[position] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(datasets.DataError, match="expected the published file"):
        originals.check_published(path, len(CONTENT), sha256)


def test_directory_and_pipe_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "expected a file" in fault_of(tmp_path / "pipe")
    assert "expected a file" in fault_of(tmp_path)


CHECK_BOMB = """
import pathlib, resource, sys
from tfcourse.datasets import DataError
from tfcourse.datasets.tfds import originals
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    originals.check_published(pathlib.Path(sys.argv[1]), int(sys.argv[2]), "0" * 64)
except DataError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("size", [12345, 512 << 20])
def test_a_large_file_takes_no_memory(tmp_path, size):
    with (tmp_path / "bomb.gz").open("wb") as file:
        file.truncate(512 << 20)
    result = processes.python("-c", CHECK_BOMB, str(tmp_path / "bomb.gz"), str(size), check=True)
    kilobytes = 1 if sys.platform != "darwin" else 1024
    assert int(result.stdout) / kilobytes < 16 * 1024


def test_check_needs_no_tensorflow():
    code = "import sys, tfcourse.datasets; print('tensorflow' in sys.modules)"
    result = processes.python("-c", code)
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
    with pytest.raises(datasets.DataError, match=rf"{images}: expected the published"):
        originals.check("mnist", copied_mnist)


def test_files_of_another_set_are_refused(mnist_dir):
    with pytest.raises(datasets.DataError, match="expected the published file"):
        originals.check("fashion_mnist", mnist_dir)


def test_damaged_file_is_not_hidden_by_a_cache(copied_mnist, prepared_mnist):
    datasets.load("mnist", data_dir=copied_mnist)
    with (copied_mnist / originals.FILE_NAMES[0]).open("r+b") as file:
        file.truncate(9_000_000)
    with pytest.raises(datasets.DataError, match=r"train-images.*received 9,000,000 other bytes"):
        datasets.load("mnist,digits", data_dir=copied_mnist)
