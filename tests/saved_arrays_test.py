import json
import math
import pathlib

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from tfcourse import nudges, run_directory
from tfcourse.training.checkpoints import plain_values, saved_arrays
from tfcourse.training.checkpoints.progress import Progress

TYPES = [np.dtype(kind) for kind in ("bool", "int8", "uint64", "float16", "float32", "complex64")]
TYPES += [np.dtype(ml_dtypes.bfloat16), np.dtype(ml_dtypes.float8_e4m3fn)]
NAMES = st.text(st.characters(categories=("L", "N", "P", "Zs"), exclude_characters="_"), min_size=1)
PLAIN = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False)),
        *(st.text(st.characters()), st.just("\udcff"), st.just(10**2000)),
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@st.composite
def any_arrays(draw):
    shapes = st.lists(st.integers(0, 3), max_size=4).map(tuple)
    names = [name for name in draw(st.lists(NAMES, max_size=4, unique=True)) if name.isprintable()]
    kinds = [(draw(st.sampled_from(TYPES)), draw(shapes)) for _ in names]
    made = [np.frombuffer(bytes(math.prod(s) * k.itemsize), k).reshape(s) for k, s in kinds]
    floats = draw(arrays_of.arrays(np.float64, draw(shapes)))
    return {**dict(zip(names, made, strict=True)), "floats": floats}


def read_back(arrays, state, folder):
    path = pathlib.Path(folder, "a.arrays")
    path.write_bytes(b"".join(bytes(part) for part in saved_arrays.pack(arrays, state)))
    return saved_arrays.read(path, None)


@given(any_arrays(), st.dictionaries(st.text(), PLAIN))
def test_all_that_is_saved_is_read(tmp_path_factory, arrays, state):
    found, found_state = read_back(arrays, state, tmp_path_factory.getbasetemp())
    assert found_state == state
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


@given(PLAIN)
def test_what_a_callback_keeps_can_be_saved_and_read(tmp_path_factory, value):
    packed = plain_values.packed({"kept": value})
    arrays = {f"callback 0 kept {i}": array for i, array in enumerate(packed.arrays)}
    _, state = read_back(arrays, {"kept": packed.json}, tmp_path_factory.getbasetemp())
    assert plain_values.unpacked(plain_values.Packed(state["kept"], [])) == {"kept": value}


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [10**5000, nested(200)], ids=["long", "deep"])
def test_what_no_reader_takes_is_told_as_lost_before_training(value):
    assert plain_values.packed(value) is None


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3, ">f4"),
        np.array(["text"]),
        np.array([b"text"]),
        np.array([object()]),
        np.zeros(2, "datetime64[s]"),
        np.zeros(2, [("x", "i4")]),
    ],
    ids=lambda array: str(array.dtype),
)
def test_an_array_that_could_not_be_read_is_not_saved(array):
    with pytest.raises(saved_arrays.CheckpointError, match="0 mine can't be saved"):
        saved_arrays.pack({"0 mine": array}, {})


@pytest.mark.parametrize("value", [object(), 10**5000, nested(10**5)], ids=["own", "long", "deep"])
def test_a_state_that_is_no_json_is_not_saved(value):
    with pytest.raises(saved_arrays.CheckpointError, match="can't be saved"):
        saved_arrays.pack({}, {"a": value})


def test_more_than_the_limit_is_refused_where_it_is_written():
    with pytest.raises(saved_arrays.CheckpointError, match="limit is 100"):
        saved_arrays.pack({}, {"a": "x" * 100}, 100)


ARRAY = ["0 kernel", "float32", [2]]


@pytest.mark.parametrize(
    "description",
    [
        *(["", "float32", [2]], [5, "float32", [2]], [[], "float32", [2]], [None, "float32", [2]]),
        *(["0 \ud800", "float32", [2]], ["0 a\nb", "float32", [2]]),
        *(["0 kernel", "O", [1]], ["0 kernel", "i4,(", [2]], ["0 kernel", "finfo", [2]]),
        *(["0 kernel", "float32,float32", [1]], ["0 kernel", 5, [2]], ["0 kernel", "void64", [1]]),
        *(["0 kernel", "float32", [-1]], ["0 kernel", "float32", [2.0]]),
        *(["0 kernel", "float32", 2], ["0 kernel", "float32", "2"], ["0 kernel", "float32", None]),
        *(["0 kernel", "float32", [[2]]], ["0 kernel", "float32", [True, 2]]),
        *(["0 kernel", "float32", [1] * 64], ["0 kernel", "float32", [10**30]]),
        *(["0 kernel", "float32", [0, 10**30]], ["0 kernel", "float32"], "abc", 5, None, {}),
    ],
    ids=str,
)
def test_odd_names_types_and_shapes_with_the_right_checksum_are_refused(description):
    with pytest.raises(saved_arrays.DamagedError):
        saved_arrays.unpack(sealed({"arrays": [description], "state": {}}))


@pytest.mark.parametrize(
    "header", [[], {}, 5, None, {"arrays": [ARRAY]}, {"arrays": [ARRAY], "state": []}]
)
def test_a_header_of_another_form_is_refused(header):
    with pytest.raises(saved_arrays.DamagedError):
        saved_arrays.unpack(sealed(header))


@pytest.mark.parametrize("length", [0, 7, 1 << 62])
def test_a_length_that_the_file_does_not_have_is_refused(length):
    body = saved_arrays._LENGTH.pack(length) + b"{}"
    with pytest.raises(saved_arrays.DamagedError):
        saved_arrays.unpack(marked(body))
    with pytest.raises(saved_arrays.DamagedError):
        saved_arrays.unpack(marked(b"abc"))


def sealed(header):
    text = json.dumps(header).encode()
    return marked(saved_arrays._LENGTH.pack(len(text)) + text + bytes(8))


def marked(body):
    return saved_arrays._MARK + saved_arrays.hashlib.sha256(body).digest() + body


def test_the_helper_makes_files_that_are_read():
    arrays, _ = saved_arrays.unpack(sealed({"arrays": [ARRAY], "state": {}}))
    np.testing.assert_array_equal(arrays["0 kernel"], [0, 0])


def progress_of(epochs, **changes):
    rows = [{"epoch": n + 1, "train_seconds": 0.1, "loss": 1 / (n + 1)} for n in range(epochs)]
    best = {"best_epoch": 1 if epochs else None, "best_value": [0.5] if epochs else None}
    return Progress(**{"epoch": epochs, "history": rows, **best, **changes})


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"epoch": 1, "loss": 0.5, "lists": [1, 2]}],
        [{"epoch": 1, "loss": math.inf, "count": 3}, {"epoch": 2, "loss": 0.1, "count": 2.5}],
        [{"epoch": 1, "loss": 0.5, "early": 1.0}, {"epoch": 2, "loss": 0.1, "late": 10**30}],
    ],
)
def test_a_history_comes_back_with_its_types_and_order(rows, tmp_path):
    progress = progress_of(len(rows), history=rows)
    arrays, state = read_back(progress.arrays(), progress.state(), tmp_path)
    found = Progress.from_state(state, arrays, 1)
    assert found == progress
    if rows:
        assert list(found.history[-1]) == list(rows[-1])


def test_history_csv_has_every_number_whatever_it_is_called(tmp_path):
    rows = [{"epoch": 1, "loss": 0.5, "top 1, %": 0.25, "list": [1.0]}, {"epoch": 2, "late": 0.1}]
    (tmp_path / "history.csv").write_text(progress_of(2, history=rows).csv(), encoding="utf-8")
    np.testing.assert_equal(
        run_directory.read_history(tmp_path),
        {
            "epoch": [1, 2],
            "loss": [0.5, math.nan],
            "top 1, %": [0.25, math.nan],
            "late": [math.nan, 0.1],
        },
    )


def test_a_history_costs_8_bytes_for_each_number():
    progress = progress_of(200_000)
    size = sum(len(bytes(part)) for part in saved_arrays.pack(progress.arrays(), progress.state()))
    assert size < 200_000 * 3 * 8 + 10_000


@pytest.mark.parametrize(
    "changes",
    [
        *({"epoch": 50}, {"epoch": 0}, {"epoch": -1}, {"epoch": "1"}, {"epoch": True}),
        *({"step": 12}, {"step": -1}, {"step": 3}, {"step": 1.5}, {"step": None}),
        *({"best_epoch": None}, {"best_epoch": 9}, {"best_epoch": 0}, {"applied": 1}),
        *({"nudges": ["no nudge"]}, {"nudges": 5}, {"history": []}, {"history": {}}),
        *({"history": {"columns": ["loss"], "others": []}},),
    ],
)
def test_a_place_that_does_not_agree_with_its_history_is_refused(changes):
    progress = progress_of(2)
    state = json.loads(json.dumps(progress.state()))
    Progress.from_state(state, progress.arrays(), 12)
    with pytest.raises((ValueError, KeyError, TypeError)):
        Progress.from_state({**state, **changes}, progress.arrays(), 12)


def test_a_place_within_an_epoch_is_taken():
    progress = progress_of(2, step=11, entered=True, nudges=[nudges.parse("1:0:beta=0.5")])
    found = Progress.from_state(progress.state(), progress.arrays(), 12)
    assert found == progress
