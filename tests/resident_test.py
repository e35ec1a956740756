import gc

import numpy as np
import pytest
import tensorflow as tf

from tfcourse.datasets import DataError, Split, streamed
from tfcourse.training.compilation import resident


def test_an_array_that_can_not_change_becomes_one_tensor_for_as_long_as_it_lives():
    split = Split(np.arange(6.0).reshape(3, 2), np.arange(3)).frozen()
    gc.collect()  # What other tests have left.
    before = len(resident._made)
    tensor = resident.resident(split.features)
    assert resident.resident(split.features) is tensor
    np.testing.assert_array_equal(tensor, split.features)
    assert len(resident._made) == before + 1
    del split
    gc.collect()
    assert len(resident._made) == before


def test_an_array_that_may_still_change_is_taken_as_it_is_now():
    array = np.zeros(3)
    resident.resident(array)
    view = Split(array, array).features
    resident.resident(view)
    array += 1.0
    np.testing.assert_array_equal(resident.resident(array), array)
    np.testing.assert_array_equal(resident.resident(view), array)


def test_what_stays_on_the_disk_is_refused_where_all_of_it_would_be_needed():
    features = streamed.StreamedFeatures(lambda rows: rows, np.arange(5), ())
    with pytest.raises(DataError, match="5 examples that stay on the disk"):
        resident.resident(features)


PIXELS = np.arange(256, dtype=np.uint8).reshape(16, 4, 4)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_pixels_are_gathered_from_their_bytes_to_the_last_bit(jit_compile):
    features = PIXELS / np.float32(255)
    held = resident.ResidentFeatures(features, may_be_bytes=True)
    assert held._rows.dtype == tf.uint8
    order = np.random.default_rng(0).permutation(16)

    @tf.function(jit_compile=jit_compile)
    def gather(indices):
        return held.decoded(held.rows(indices))

    gathered = gather(tf.constant(order))
    np.testing.assert_array_equal(gathered, features[order])
    assert gathered.dtype == tf.float32


@pytest.mark.parametrize(
    "value", [np.nextafter(np.float32(7 / 255), 1), 1.5, -1.0, np.inf, np.nan, 0.5]
)
def test_what_is_no_byte_stays_as_it_is(value):
    features = np.tile(PIXELS / np.float32(255), (200, 1, 1))
    assert resident.as_bytes(features) is not None
    features[-1, 2, 2] = value  # In another block than the first.
    assert resident.as_bytes(features) is None
    held = resident.ResidentFeatures(features, may_be_bytes=True)
    np.testing.assert_array_equal(held.decoded(held.rows(tf.range(3200))), features)


@pytest.mark.parametrize("dtype", ["float64", "int32", "uint8"])
def test_other_types_stay_as_they_are(dtype):
    features = np.ones((4, 3), dtype)
    held = resident.ResidentFeatures(features, may_be_bytes=True)
    assert held.decoded(held.rows(tf.constant([0]))).dtype == dtype


def test_bytes_are_made_once_of_an_array_that_can_not_change():
    split = Split(PIXELS / np.float32(255), np.arange(16)).frozen()
    first, second = (resident.ResidentFeatures(split.features, may_be_bytes=True) for _ in range(2))
    assert first._rows is second._rows
