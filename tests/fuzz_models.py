"""Hostile files of models and sweeps, for each of their readers."""

import hashlib
import json
import struct

import numpy as np
from hypothesis import strategies as st

from tests.fuzz_damage import damaged, forged_json, outcome_of, written
from tfcourse import models, training
from tfcourse.training.checkpoints import checkpoint, saved_arrays
from tfcourse.tuning import journal


def _model():
    return models.batch_norm_mlp((4, 4, 1), 3, hidden_units=(5,))


_MODEL = _model()
_ARRAYS = checkpoint.arrays_of(_MODEL.variables)


def _sealed(body):
    """Returns `body` as a file with the right mark and checksum."""
    return saved_arrays._MARK + hashlib.sha256(body).digest() + body


def _arrays_files():
    whole = b"".join(bytes(part) for part in saved_arrays.pack(_ARRAYS, {"model": "mlp"}))
    start = len(saved_arrays._MARK) + hashlib.sha256().digest_size
    (length,) = struct.unpack_from("<Q", whole, start)
    header = json.loads(whole[start + 8 : start + 8 + length])
    numbers = whole[start + 8 + length :]

    def with_header(header):
        text = json.dumps(header).encode()
        return _sealed(struct.pack("<Q", len(text)) + text + numbers)

    return st.one_of(
        damaged(whole), damaged(whole[start:]).map(_sealed), forged_json(header).map(with_header)
    )


def _load_weights(name):
    def load(data):
        before = checkpoint.arrays_of(_MODEL.variables)
        path = written(name, data)
        outcome = outcome_of(
            lambda: training.load_weights(_MODEL, path), training.CheckpointError, name
        )
        after = checkpoint.arrays_of(_MODEL.variables)
        same = all(np.array_equal(before[key], after[key]) for key in before)
        assert same or outcome == "accepted"
        assert all(np.isfinite(array).all() for array in after.values())
        return outcome

    return load


_JOURNAL = b"".join(
    journal.line_of([{"kind": "ask", "trial": n, "values": {"rate": 0.1 * n}}]) for n in range(4)
)


def _read_journal(data):
    path = written("journal.jsonl", data)
    found = []
    outcome = outcome_of(
        lambda: found.extend(journal.read(path)[0]), journal.JournalError, "journal.jsonl"
    )
    # What is accepted is what was written, perhaps without its end.
    assert all(record in journal.read(written("good", _JOURNAL))[0] for record in found)
    return outcome


READERS = {
    "checkpoints, weights.arrays": (_arrays_files(), _load_weights("weights.arrays")),
    "journals": (damaged(_JOURNAL), _read_journal),
}
