import collections
import math

import numpy as np
import pytest
import tensorflow as tf

from tfcourse import batching

Split = collections.namedtuple("Split", ["features", "labels"])


def split_of(num_examples):
    rows = np.arange(num_examples)
    return Split(rows.astype(np.float32).reshape(-1, 1, 1, 1), rows.astype(np.int32))


def labels_of(batches):
    """Labels batch by batch; checks that the features travelled with them."""
    result = []
    for features, labels in batches:
        np.testing.assert_array_equal(features[:, 0, 0, 0], labels)
        result.append(labels.numpy().tolist())
    return result


def flat(batches):
    return [label for batch in labels_of(batches) for label in batch]


def test_permutation_is_one_and_differs_by_seed_and_epoch():
    orders = {
        (seed, epoch): batching.epoch_permutation(100, seed, epoch).numpy()
        for seed in (0, 1, 2**40)
        for epoch in (0, 1, 2)
    }
    for order in orders.values():
        assert order.dtype == np.int32
        assert sorted(order) == list(range(100))
    assert len({order.tobytes() for order in orders.values()}) == len(orders)


def test_permutation_never_changes():
    # A change here makes runs start to differ from their records, and resumes from their starts.
    assert batching.epoch_permutation(10, 3, 2).numpy().tolist() == [5, 7, 6, 1, 3, 2, 8, 0, 9, 4]


def test_permutation_in_a_graph_is_the_eager_one():
    in_graph = tf.function(batching.epoch_permutation)
    for epoch in range(3):
        np.testing.assert_array_equal(
            in_graph(1000, tf.constant(7), tf.constant(epoch)),
            batching.epoch_permutation(1000, 7, epoch),
        )


def test_neighbours_in_one_epoch_are_strangers_in_the_next():
    # 1,000 examples in batches of 10: by chance 0.9 % of neighbours share a batch again.
    batch_of = np.empty(1000, int)
    batch_of[batching.epoch_permutation(1000, 0, 1).numpy()] = np.arange(1000) // 10
    order = batching.epoch_permutation(1000, 0, 0).numpy()
    assert np.mean(batch_of[order[:-1]] == batch_of[order[1:]]) < 0.03


@pytest.mark.parametrize(
    ("num_examples", "batch_size", "steps"),
    [(10, 1, 10), (10, 3, 4), (10, 5, 2), (10, 10, 1), (10, 11, 1), (10, "full", 1), (1, 1, 1)],
)
def test_every_example_once_in_ceil_m_over_b_steps(num_examples, batch_size, steps):
    assert batching.steps_per_epoch(num_examples, batch_size) == steps
    split = split_of(num_examples)
    for batches in (
        batching.training_batches(split, batch_size, seed=1, epoch=0),
        batching.evaluation_batches(split, batch_size),
    ):
        assert batches.cardinality() == steps
        received = labels_of(batches)
        assert len(received) == steps
        assert sorted(label for batch in received for label in batch) == list(range(num_examples))
        size = math.ceil(num_examples / steps) if batch_size in (11, "full") else batch_size
        assert {len(batch) for batch in received[:-1]} <= {size}


def test_training_order_is_the_permutation_of_the_epoch():
    split = split_of(50)
    for seed, epoch in [(0, 0), (0, 1), (5, 1)]:
        expected = batching.epoch_permutation(50, seed, epoch).numpy().tolist()
        assert flat(batching.training_batches(split, 8, seed, epoch)) == expected
        # The same dataset, gone through again, gives the same order.
        again = batching.training_batches(split, 8, seed, epoch)
        assert flat(again) == flat(again) == expected


def test_evaluation_keeps_order_and_last_batch():
    assert labels_of(batching.evaluation_batches(split_of(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]


def test_drop_remainder_drops_the_smaller_last_batch_only():
    split = split_of(10)
    kept = batching.training_batches(split, 4, seed=1, epoch=0, drop_remainder=True)
    whole = labels_of(batching.training_batches(split, 4, seed=1, epoch=0))
    assert kept.cardinality() == batching.steps_per_epoch(10, 4, drop_remainder=True) == 2
    assert labels_of(kept) == whole[:2]
    assert flat(batching.training_batches(split, 99, 1, 0, drop_remainder=True))  # Not empty.


@pytest.mark.parametrize("first_step", range(5))
def test_resumed_epoch_is_the_rest_of_the_whole_one(first_step):
    split = split_of(14)
    whole = labels_of(batching.training_batches(split, 4, seed=3, epoch=2))
    rest = batching.training_batches(split, 4, seed=3, epoch=2, first_step=first_step)
    assert rest.cardinality() == 4 - first_step
    assert labels_of(rest) == whole[first_step:]


@pytest.mark.parametrize("first_step", [-1, 5])
def test_first_step_outside_the_epoch_is_refused(first_step):
    with pytest.raises(ValueError, match=f"first_step={first_step}"):
        batching.training_batches(split_of(14), 4, seed=3, epoch=2, first_step=first_step)


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, "32", "half", True, None])
def test_batch_size_that_is_none_is_refused(batch_size):
    with pytest.raises(ValueError, match=f"batch_size={batch_size}"):
        batching.resolve_batch_size(batch_size, 10)


def test_batch_size_beyond_the_set_means_all():
    assert batching.resolve_batch_size(10**6, 10) == 10
    assert batching.resolve_batch_size("full", 10) == 10
    assert batching.resolve_batch_size(np.int64(3), 10) == 3
    with pytest.raises(ValueError, match="num_examples=0"):
        batching.resolve_batch_size(1, 0)


@pytest.mark.parametrize(
    ("num_examples", "memory_bytes", "expected"),
    [
        (1, 10**9, 1),
        (999, 10**9, 999),
        (1000, 10**9, 16),
        (3199, 10**9, 16),
        (3200, 10**9, 32),
        (54_000, 10**9, 512),
        (10**7, 10**9, 512),
        (54_000, 2 * 100 * 1000, 64),  # 100 examples fit into half of it.
        (999, 2 * 100 * 1000, 16 // 2 * 2),  # All 999 do not: a power of two instead.
        (54_000, 2 * 16 * 1000, 16),
    ],
)
def test_guideline(num_examples, memory_bytes, expected):
    assert batching.guideline_batch_size(num_examples, 1000, memory_bytes) == expected


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ((0, 1000, 10**9), "num_examples=0"),
        ((10, 0, 10**9), "bytes_per_example=0"),
        ((10, float("nan"), 10**9), "bytes_per_example=nan"),
        ((10, 1000, -1), "memory_bytes=-1"),
        ((5000, 1000, 2 * 15 * 1000), "memory_bytes=30000"),
    ],
)
def test_guideline_refuses(arguments, received):
    with pytest.raises(ValueError, match=received):
        batching.guideline_batch_size(*arguments)


def test_guideline_knows_this_machine():
    assert batching.guideline_batch_size(54_000, bytes_per_example=28 * 28 * 4) == 512
