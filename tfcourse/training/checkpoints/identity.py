"""The run that a checkpoint belongs to: its flags, seed, data and order of the examples.

A checkpoint of another run is an error that says what differs. Differences with which a run may
continue, such as another number of threads, are only reported: see `run_directory.environment`.
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfcourse import batching, training_data
from tfcourse.datasets.examples import scaled
from tfcourse.run_directory import NOT_COMPARED, RunDirectory
from tfcourse.training.checkpoints.saved_arrays import CheckpointError
from tfcourse.training.compilation import resident

# Flags about the results, or recorded during the run, do not change any result.
_OTHERS = (*NOT_COMPARED, "expect", "nudge")
# Sums of this many 8-byte words are hashed instead of the words: five times as fast.
_BLOCK_WORDS = 128
_CHUNK = _BLOCK_WORDS << 13  # Pixels; a whole number of blocks.
_SAMPLE = 16
_ORDER_EXAMPLES = 100


def identity(
    run: RunDirectory, data: training_data.Data, seed: int, batch_size: int
) -> dict[str, dict[str, str]]:
    """Returns, JSON-able, what must be the same when a run is resumed."""
    order = batching.epoch_permutation(_ORDER_EXAMPLES, seed, epoch=1).numpy()
    return {
        "flags": {n: ",".join(t) for n, t in run.flags.items() if n not in _OTHERS},
        "arguments": {"seed": str(seed), "batch_size": str(batch_size)},
        "data": {name: split_digest(getattr(data, name)) for name in ("train", "validation")},
        "order of examples": {"version": hashlib.sha256(order.tobytes()).hexdigest()[:16]},
    }


def differences(
    before: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]], run: RunDirectory
) -> list[str]:
    """Returns texts that describe how the run of a checkpoint differs from this run.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: `before` was not returned by `identity`.
    """
    flags, asked = dict(before["flags"]), dict(now["flags"])
    earlier = [str(epochs) for epochs in run.continued_from]
    if flags.get("epochs") in earlier:  # It was finished with fewer epochs, and continues.
        flags["epochs"] = asked.get("epochs", flags["epochs"])
    texts = [*_changed(flags, asked), *_changed(before["arguments"], now["arguments"])]
    splits = [name for name, text in now["data"].items() if before["data"][name] != text]
    if splits:
        texts.append(f"other data ({' and '.join(splits)})")
    if before["order of examples"] != now["order of examples"]:
        texts.append("another order of examples, which is that of another version of tfcourse")
    return list(dict.fromkeys(texts))


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in {**before, **now}:
        if before.get(name) != now.get(name):
            yield f"`{name}` was {before.get(name, 'not set')}, is {now.get(name, 'not set')}"


def split_digest(split: training_data.Split) -> str:
    """Returns a digest of a split's examples and labels.

    It detects replaced data, not tampering: of every kilobyte of numbers, only the sum counts. Of
    data that stays on the disk, only the labels and a few examples count.
    """
    features = training_data.kept_features(split)
    if hasattr(features, "read"):
        rows = np.linspace(0, len(split.labels) - 1, min(_SAMPLE, len(split.labels)))
        features = features.read(rows.astype(np.int64))
    are_pixels = features is getattr(split, "pixels", None)
    # Dicts are flattened in the order of their names. The trials of a sweep share their arrays.
    arrays = split.labels, *tf.nest.flatten(features)
    return resident.kept_for(_digest_of_pixels if are_pixels else _digest, *arrays)


def _digest(*arrays: Any) -> str:
    return _hashed(part for array in arrays for part in _parts(np.ascontiguousarray(array)))


def _digest_of_pixels(labels: Any, pixels: npt.NDArray[np.uint8]) -> str:
    scaled_parts = _scaled_parts(np.ascontiguousarray(pixels))
    return _hashed(itertools.chain(_parts(np.ascontiguousarray(labels)), scaled_parts))


def _hashed(parts: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]


def _scaled_parts(pixels: npt.NDArray[np.uint8]) -> Iterator[bytes | memoryview]:
    """Yields `pixels / 255` part by part, to save memory."""
    yield _header(np.dtype(np.float32), pixels.shape)
    flat = pixels.reshape(-1)
    for start in range(0, len(flat), _CHUNK):
        yield from _numbers(scaled(flat[start : start + _CHUNK]))


def _parts(array: npt.NDArray[Any]) -> Iterator[bytes | memoryview]:
    """Yields the bytes from which the digest of an array is computed."""
    yield _header(array.dtype, array.shape)
    if array.dtype.hasobject:  # Texts.
        yield "\0".join(map(str, array.flat)).encode(errors="backslashreplace")
        return
    yield from _numbers(array)


def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    return f"{dtype} {shape}".encode()


def _numbers(array: npt.NDArray[Any]) -> Iterator[memoryview]:
    data = array.reshape(-1).view(np.uint8)
    whole = data.size // (8 * _BLOCK_WORDS) * 8 * _BLOCK_WORDS
    blocks = data[:whole].view(np.uint64).reshape(-1, _BLOCK_WORDS)
    yield blocks.sum(axis=1, dtype=np.uint64).data
    yield data[whole:].data


def check(before: Any, now: Mapping[str, Mapping[str, str]], run: RunDirectory) -> None:
    """Raises `CheckpointError` if a checkpoint with the identity `before` is not from `run`.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: as `differences`.
    """
    texts = differences(before, now, run)
    if texts:
        raise CheckpointError(
            f"{run.path}: its checkpoint is of another run: {'; '.join(texts)}. Restore what has "
            "changed, or name another `run_dir`"
        )


def check_end(state: Mapping[str, Any] | None, run: RunDirectory) -> None:
    """Raises `CheckpointError` where `run` was finished and goes on to more epochs, but `state`, of
    the newest sound checkpoint, is from before that end: other epochs would follow than it says."""
    if not run.continued_from:
        return
    done = run.continued_from[-1]
    epochs = [str(number) for number in run.continued_from]
    if state and (
        state["run"]["flags"].get("epochs") not in epochs
        or state["epoch"] >= done
        or state["stopped"]
    ):
        return
    raise CheckpointError(
        f"{run.path} was finished with {done} epochs, and that checkpoint is gone or damaged. "
        "Restore it, or name another `run_dir`"
    )
