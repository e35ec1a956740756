import contextlib
import errno
import os

import pytest

from tfcourse.tuning import journal
from tfcourse.tuning.journal import Journal, JournalError


def records(count):
    return [{"kind": "result", "trial": number, "text": "é\n" * number} for number in range(count)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


def write(path, count):
    with Journal(path) as written:
        for record in records(count):
            written.append(record)
    return path.read_bytes()


def test_what_was_appended_is_read_back(path):
    write(path, 5)
    with Journal(path) as again:
        assert again.records == records(5)
        again.append({"kind": "a"}, {"kind": "b"})
    assert journal.read(path)[0] == [*records(5), {"kind": "a"}, {"kind": "b"}]


def test_every_torn_tail_is_cut_and_writing_goes_on(path):
    whole = write(path, 3)
    starts = [0, *(i + 1 for i, byte in enumerate(whole) if byte == 10)]
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with Journal(path) as torn:
            kept = sum(start <= end for start in starts) - 1
            assert torn.records == records(3)[:kept]
            torn.append({"kind": "next"})
        assert journal.read(path)[0] == [*records(3)[:kept], {"kind": "next"}]


def test_records_of_one_append_are_there_together_or_not_at_all(path):
    with Journal(path) as written:
        written.append(*records(3))
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert journal.read(path)[0] == []


def test_every_flipped_byte_before_the_tail_is_refused_with_its_line(path):
    whole = write(path, 3)
    second = whole.index(b"\n") + 1
    third = whole.index(b"\n", second) + 1
    for position in range(second, third - 1):
        damaged = bytearray(whole)
        damaged[position] ^= 0x01
        path.write_bytes(damaged)
        with pytest.raises(JournalError, match=r"journal\.jsonl, line 2: damaged") as error:
            Journal(path)
        assert error.value.exit_code == 4
        assert path.read_bytes() == damaged


def test_a_full_disk_leaves_the_journal_as_it_was(path, monkeypatch):
    before = write(path, 2)
    pwrite, calls = os.pwrite, []

    def full(file, data, offset):
        if calls:
            raise OSError(errno.ENOSPC, "No space left on device")
        calls.append(1)
        return pwrite(file, data[: len(data) // 2], offset)

    with Journal(path) as written:
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match=r"journal\.jsonl"):
            written.append({"kind": "lost"})
        monkeypatch.setattr(os, "pwrite", pwrite)
        assert path.read_bytes() == before
        written.append({"kind": "kept"})
    assert journal.read(path)[0] == [*records(2), {"kind": "kept"}]


@pytest.mark.parametrize("context", [contextlib.nullcontext, Journal.flushed_once])
def test_a_failed_flush_leaves_records_and_file_as_they_were(path, monkeypatch, context):
    before = write(path, 2)

    def broken(file):
        raise OSError(errno.EIO, "Input/output error")

    fsync = os.fsync
    with Journal(path) as written:
        monkeypatch.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match=r"journal\.jsonl"), context(written):
            written.append({"kind": "lost"})
        monkeypatch.setattr(os, "fsync", fsync)
        assert (written.records, path.read_bytes()) == (records(2), before)
        written.append({"kind": "kept"})
    assert journal.read(path)[0] == [*records(2), {"kind": "kept"}]


def test_a_record_is_on_the_disk_before_append_returns(path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(path.read_bytes()))
    with Journal(path) as written:
        written.append({"kind": "a"})
    assert synced == [path.read_bytes()]


def test_what_json_does_not_know_is_no_record(path):
    with Journal(path) as written, pytest.raises(ValueError, match="not JSON compliant"):
        written.append({"score": float("nan")})
    assert path.read_bytes() == b""
