"""Damaged and forged files, and what a reader may do with them."""

import io
import json
import pathlib
import struct
import zipfile

from hypothesis import strategies as st

_NUMBERS = (0, 1, 2, 255, 1 << 16, (1 << 31) - 1, (1 << 32) - 1, (1 << 63) - 1, -1, -(1 << 63))


@st.composite
def damaged(draw, good):
    """The bytes `good`, changed in a few places."""
    data = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        # Headers are where it matters most.
        last = max(len(data) - 1, 0)
        place = draw(st.one_of(st.integers(0, min(last, 300)), st.integers(0, last)))
        kind = draw(st.sampled_from(("flip", "cut", "insert", "overwrite", "number", "repeat")))
        if kind == "flip" and data:
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del data[place:]
        elif kind == "insert":
            data[place:place] = draw(st.binary(min_size=1, max_size=20))
        elif kind == "overwrite":
            new = draw(st.binary(min_size=1, max_size=20))
            data[place : place + len(new)] = new
        elif kind == "number":
            number = draw(st.sampled_from(_NUMBERS)) & ((1 << 64) - 1)
            order, size = draw(st.sampled_from("<>")), draw(st.sampled_from((4, 8)))
            new = struct.pack(f"{order}Q", number)[:size]
            data[place : place + size] = new
        else:
            data[place:place] = data[place : place + 50]
    return bytes(data)


@st.composite
def forged_json(draw, good):
    """A JSON value like `good`, with one of its parts replaced."""
    odd = st.one_of(
        st.none(),
        st.booleans(),
        st.sampled_from((*_NUMBERS, 10**400, 1.5, "", "x", [], {}, [[]], {"x": 1}, "9" * 400)),
        st.text(max_size=5),
    )
    value = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, 2))):
        part = value
        while isinstance(part, (dict, list)) and part:
            key = draw(st.sampled_from(list(part) if isinstance(part, dict) else range(len(part))))
            inner = part[key]
            if isinstance(inner, (dict, list)) and inner and draw(st.integers(0, 4)):
                part = inner
                continue
            if draw(st.integers(0, 3)):
                part[key] = draw(odd)
            else:
                del part[key]
            break
    return value


def outcome_of(read, allowed, message=""):
    """Calls `read`; returns "accepted", or "refused" where it raises one of `allowed`."""
    refusal = None
    try:
        read()
    except allowed as error:
        refusal = str(error)
    if refusal is None:
        return "accepted"
    assert message in refusal
    assert 0 < len(refusal) < 2000, refusal
    return "refused"


def written(name, data):
    path = pathlib.Path(name)
    path.write_bytes(data)
    return path


def zip_of(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()
