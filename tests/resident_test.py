import gc

import numpy as np
import pytest

from tfcourse.datasets import DataError, Split, streamed
from tfcourse.training import resident


def test_a_read_only_array_becomes_one_tensor_for_as_long_as_it_lives():
    split = Split(np.arange(6.0).reshape(3, 2), np.arange(3))
    before = len(resident._tensors)
    tensor = resident.resident(split.features)
    assert resident.resident(split.features) is tensor
    np.testing.assert_array_equal(tensor, split.features)
    assert len(resident._tensors) == before + 1
    del split
    gc.collect()
    assert len(resident._tensors) == before


def test_an_array_that_may_still_change_is_taken_as_it_is_now():
    array = np.zeros(3)
    resident.resident(array)
    array += 1.0
    np.testing.assert_array_equal(resident.resident(array), array)


def test_what_stays_on_the_disk_is_refused_where_all_of_it_would_be_needed():
    features = streamed.StreamedFeatures(lambda rows: rows, np.arange(5), ())
    with pytest.raises(DataError, match="5 examples that stay on the disk"):
        resident.resident(features)
