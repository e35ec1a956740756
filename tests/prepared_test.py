import contextlib
import gzip
import hashlib
import http.server
import json
import pathlib
import re
import signal
import socket
import threading
import time

import numpy as np
import processes
import pytest
import tensorflow_datasets as tfds
import tiny_tfds

from tfcourse import datasets
from tfcourse.datasets import network
from tfcourse.datasets.tfds import prepared

LOAD = """
import tiny_tfds
from tfcourse import datasets
datasets.load("tiny_shapes")
"""


def start(code, **environment):
    return processes.Program("-c", code, path=pathlib.Path(__file__).parent, **environment)


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


@pytest.mark.parametrize("promised", [59, 61])
def test_shard_with_another_number_of_examples_is_refused(fresh_home, promised):
    datasets.load("tiny_shapes")
    given = fresh_home / "tensorflow_datasets"
    info_path = given / "tiny_shapes" / "1.2.3" / "dataset_info.json"
    info = json.loads(info_path.read_text())
    info["splits"][0]["shardLengths"] = [str(promised)]
    info_path.write_text(json.dumps(info))
    with pytest.raises(datasets.DataError, match=f"expected {promised} examples in split train"):
        datasets.load("tiny_shapes", data_dir=given)


@pytest.mark.parametrize(
    ("name", "message"), [("tiny_ragged", "images of one size"), ("coco", "feature 'image'")]
)
def test_what_can_not_be_classified_is_refused_before_download(fresh_home, name, message):
    with pytest.raises(datasets.DataError, match=message) as caught:
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
    with pytest.raises(ValueError, match=message) as caught:
        datasets.load(f"{name},digits")
    assert "\n" not in str(caught.value)


def test_leftovers_of_equal_file_names_are_not_taken_for_the_originals(
    fresh_home, tmp_path, monkeypatch
):
    original = tmp_path / "values.gz"
    original.write_bytes(gzip.compress(bytes(range(tiny_tfds.NUM_EXAMPLES))))
    info = tfds.download.checksums.UrlInfo(
        size=original.stat().st_size,
        checksum=hashlib.sha256(original.read_bytes()).hexdigest(),
        filename=original.name,
    )
    monkeypatch.setattr(tiny_tfds.TinyOriginals, "url_infos", {tiny_tfds.TinyOriginals.URL: info})
    # TensorFlow Datasets finds what it unpacked by the name of the file alone.
    for directory in ("downloads/extracted", ".tfcourse-tiny_originals/extracted"):
        leftover = fresh_home / "tensorflow_datasets" / directory / f"GZIP.{original.name}"
        leftover.parent.mkdir(parents=True)
        leftover.write_bytes(bytes(tiny_tfds.NUM_EXAMPLES))
    dataset = datasets.load("tiny_originals", data_dir=tmp_path)
    assert len(set(original_index(dataset.train))) == len(dataset.train)


def test_file_in_data_dir_with_another_checksum_is_refused(fresh_home, tmp_path, monkeypatch):
    (tmp_path / "values.gz").write_bytes(gzip.compress(bytes(tiny_tfds.NUM_EXAMPLES)))
    info = tfds.download.checksums.UrlInfo(size=1, checksum="0" * 64, filename="values.gz")
    monkeypatch.setattr(tiny_tfds.TinyOriginals, "url_infos", {tiny_tfds.TinyOriginals.URL: info})
    with pytest.raises(datasets.DataError, match=r"values\.gz, has wrong checksum") as caught:
        datasets.load("tiny_originals,digits", data_dir=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.fixture
def server(monkeypatch):
    """An HTTP server for TinyOriginals' file; `answers` are (status, content), the last repeats."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answers = self.server.answers
            status, content = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}/values.gz"
        content = gzip.compress(bytes(range(tiny_tfds.NUM_EXAMPLES)))
        server.answers = [(200, content)]
        digest = hashlib.sha256(content).hexdigest()
        info = tfds.download.checksums.UrlInfo(len(content), digest, "values.gz")
        monkeypatch.setattr(tiny_tfds.TinyOriginals, "URL", url)
        monkeypatch.setattr(tiny_tfds.TinyOriginals, "url_infos", {url: info})
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_download_ends_in_the_prepared_set_alone(fresh_home, server):
    dataset = datasets.load("tiny_originals")
    assert len(dataset.train) == 49
    left = files_below(fresh_home / "tensorflow_datasets")
    assert [name for name in left if not name.startswith("tiny_originals/1.2.3/")] == [
        ".tiny_originals.lock"
    ]


@pytest.mark.parametrize("status", [403, 404, 503])
def test_server_that_refuses_is_told_at_once(fresh_home, server, status):
    server.answers = [(status, b"")]
    start_time = time.monotonic()
    with pytest.raises(datasets.DataUnavailableError, match=f"status {status}"):
        datasets.load("tiny_originals")
    assert time.monotonic() - start_time < 2


def test_download_that_fails_after_it_could_begin_is_unavailable(fresh_home, server):
    server.answers = [*server.answers, (404, b"")]
    with pytest.raises(datasets.DataUnavailableError, match="DownloadError"):
        datasets.load("tiny_originals")


def test_changed_download_is_refused(fresh_home, server):
    server.answers = [(200, gzip.compress(b"changed"))]
    with pytest.raises(datasets.DataError, match="has wrong checksum") as caught:
        datasets.load("tiny_originals,digits")
    assert not isinstance(caught.value, datasets.DataUnavailableError)


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
    monkeypatch.setattr(network, "_fault", lambda url: time.sleep(5))
    monkeypatch.setattr(network, "TIMEOUT_SECONDS", 0.2)
    start_time = time.monotonic()
    with pytest.raises(datasets.DataUnavailableError, match=r"no answer within 0\.2 s"):
        datasets.load("tiny_faraway")
    assert time.monotonic() - start_time < 2


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


def test_a_missing_home_still_loads(fresh_home, monkeypatch, caplog):
    def no_home(path):
        raise RuntimeError

    monkeypatch.delenv("TFDS_DATA_DIR")
    monkeypatch.setattr(pathlib.Path, "expanduser", no_home)
    assert len(datasets.load("tiny_shapes").train) == 49
    assert "there is no home folder" in caplog.text


def test_processes_that_prepare_at_once_prepare_once(fresh_home):
    log = fresh_home / "log"
    environment = {"TINY_TFDS_LOG": str(log), "TINY_TFDS_SLEEP": "0.02"}
    started = [start(LOAD, **environment) for _ in range(3)]
    outputs = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], outputs
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
