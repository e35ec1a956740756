import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tiny_tfds

from tfcourse import datasets
from tfcourse.datasets import images, network, prepared

LOAD = """
import tiny_tfds
from tfcourse import datasets
datasets.load("tiny_shapes")
"""


def start(code, **environment):
    tests = str(pathlib.Path(__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": tests, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def files_below(directory):
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())


def original_index(split):
    return np.rint(split.features[:, 0, 0, 0] * 255).astype(int)


def test_set_without_splits_is_cut_into_three(fresh_home):
    dataset = datasets.load("tiny_shapes")
    assert [len(split) for split in dataset.splits.values()] == [49, 5, 6]
    assert dataset.class_names == ("left", "middle", "right")
    assert dataset.origin == "TensorFlow Datasets tiny_shapes/1.2.3"
    seen = np.concatenate([original_index(split) for split in dataset.splits.values()])
    assert sorted(seen) == list(range(tiny_tfds.NUM_EXAMPLES))
    for split in dataset.splits.values():
        np.testing.assert_array_equal(split.labels, original_index(split) % 3)


def test_own_splits_are_kept(fresh_home):
    dataset = datasets.load("tiny_complete")
    assert sorted(original_index(dataset.train)) == list(range(30))
    assert sorted(original_index(dataset.validation)) == list(range(30, 36))
    assert sorted(original_index(dataset.test)) == list(range(36, 45))


def test_preparation_leaves_only_the_prepared_set(fresh_home):
    datasets.load("tiny_shapes")
    left = files_below(fresh_home / "tensorflow_datasets")
    assert [name for name in left if not name.startswith("tiny_shapes/1.2.3/")] == [
        ".tiny_shapes.lock"
    ]


def test_prepared_set_is_found_in_data_dir_which_is_only_read(fresh_home, monkeypatch):
    datasets.load("tiny_shapes")
    given = fresh_home / "given"
    (fresh_home / "tensorflow_datasets").rename(given)
    before = files_below(given)
    monkeypatch.setattr(prepared, "_prepare", None)
    dataset = datasets.load("tiny_shapes", data_dir=given)
    assert len(dataset.train) == 49
    assert files_below(given) == before
    assert not (fresh_home / "tensorflow_datasets").exists()


def test_changed_shard_in_data_dir_is_not_hidden_by_the_cache(fresh_home):
    datasets.load("tiny_shapes")
    given = fresh_home / "tensorflow_datasets"
    datasets.load("tiny_shapes", data_dir=given)
    (shard,) = given.rglob("*.tfrecord-*")
    damaged = bytearray(shard.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    shard.write_bytes(damaged)
    with pytest.raises(datasets.DataError, match=re.escape(str(shard.parent))) as caught:
        datasets.load("tiny_shapes,digits", data_dir=given)
    assert "DataLossError" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "file_name"),
    [
        ("tiny_shapes", "dataset_info.json"),
        ("tiny_own", "dataset_info.json"),
        ("tiny_own", "features.json"),
    ],
)
def test_cut_metadata_is_refused(fresh_home, name, file_name):
    datasets.load("tiny_shapes")
    given = fresh_home / "tensorflow_datasets"
    (given / "tiny_shapes").rename(given / name)  # "tiny_own" is known by its files alone.
    assert len(datasets.load(name, data_dir=given).train) == 49
    metadata = given / name / "1.2.3" / file_name
    metadata.write_text(metadata.read_text()[:-20])
    with pytest.raises(datasets.DataError, match="tensorflow_datasets") as caught:
        datasets.load(name, data_dir=given)
    assert "\n" not in str(caught.value)


def test_shard_with_examples_missing_is_refused(fresh_home):
    datasets.load("tiny_shapes")
    given = fresh_home / "tensorflow_datasets"
    info_path = given / "tiny_shapes" / "1.2.3" / "dataset_info.json"
    info = json.loads(info_path.read_text())
    info["splits"][0]["shardLengths"] = ["61"]
    info_path.write_text(json.dumps(info))
    with pytest.raises(datasets.DataError, match="expected 61 examples in split train"):
        datasets.load("tiny_shapes", data_dir=given)


def test_set_larger_than_memory_is_refused(fresh_home, monkeypatch):
    monkeypatch.setattr(images.os, "sysconf", lambda name: 60)
    with pytest.raises(datasets.DataError, match="60 images that take"):
        datasets.load("tiny_shapes")


@pytest.mark.parametrize("name", ["tiny_ragged", "iris"])
def test_other_than_image_classification_is_refused_before_download(fresh_home, name):
    with pytest.raises(datasets.DataError, match="expected 8-bit images of one size") as caught:
        datasets.load(name)
    assert not isinstance(caught.value, datasets.DataUnavailableError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("plantvillage", "Did you mean 'plant_village'"),
        ("no_such_set_at_all", "list_builders"),
        ("mnist:9.9.9", "9.9.9"),
        ("emnist/lettres", "BuilderConfig lettres not found"),
    ],
)
def test_unknown_name_is_an_error_and_no_reason_to_fall_back(fresh_home, name, message):
    with pytest.raises(datasets.DataError, match=message) as caught:
        datasets.load(f"{name},digits")
    assert "\n" not in str(caught.value)


def test_unreachable_network_is_told_within_seconds(fresh_home):
    start_time = time.monotonic()
    with pytest.raises(datasets.DataUnavailableError, match=r"tiny_faraway.*ProxyError"):
        datasets.load("tiny_faraway")
    assert time.monotonic() - start_time < network.TIMEOUT_SECONDS + 2


def test_silent_proxy_is_told_within_seconds(fresh_home, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # Accepts and never answers.
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("https_proxy", proxy)
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setattr(network, "TIMEOUT_SECONDS", 0.5)
        start_time = time.monotonic()
        with pytest.raises(datasets.DataUnavailableError, match="cannot be reached"):
            datasets.load("tiny_faraway")
        assert time.monotonic() - start_time < 3


def test_hanging_name_resolution_is_told_within_seconds(fresh_home, monkeypatch):
    monkeypatch.setattr(network, "_ask", lambda url, answers: time.sleep(5))
    monkeypatch.setattr(network, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(datasets.DataUnavailableError, match=r"no answer within 0\.2 s"):
        datasets.load("tiny_faraway")


def test_first_set_that_can_be_had_is_taken(fresh_home):
    dataset = datasets.load("tiny_faraway,digits")
    assert (dataset.name, dataset.fallback_from) == ("digits", ("tiny_faraway",))
    assert datasets.load("digits,tiny_faraway").fallback_from == ()


def test_unwritable_directory_still_loads(fresh_home, monkeypatch):
    in_the_way = fresh_home / "file"
    in_the_way.write_text("")
    monkeypatch.setenv("TFDS_DATA_DIR", str(in_the_way / "tensorflow_datasets"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(in_the_way / "cache"))
    assert len(datasets.load("tiny_shapes").train) == 49


def test_processes_that_prepare_at_once_prepare_once(fresh_home):
    log = fresh_home / "log"
    environment = {"TINY_TFDS_LOG": str(log), "TINY_TFDS_SLEEP": "0.02"}
    processes = [start(LOAD, **environment) for _ in range(3)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert log.read_text() == "began\n"


def test_killed_preparation_is_cleaned_up_by_the_next(fresh_home):
    directory = fresh_home / "tensorflow_datasets"
    log = fresh_home / "log"
    process = start(LOAD, TINY_TFDS_LOG=str(log), TINY_TFDS_SLEEP="10")
    deadline = time.monotonic() + 60
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert any("incomplete" in str(path) for path in directory.rglob("*"))
    foreign = directory / "tiny_shapes" / "incomplete.ABCDEF_1.2.3"
    foreign.mkdir(parents=True)

    assert len(datasets.load("tiny_shapes").train) == 49
    incomplete = [path for path in directory.rglob("*") if "incomplete" in path.name]
    assert incomplete == [foreign]  # Another program's is not ours to delete.
