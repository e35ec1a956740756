"""Splits that are the same on every machine and in every run, for every seed."""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import IntArray

AnyLabels = TypeVar("AnyLabels", bound=npt.NDArray[Any])
Features = TypeVar("Features", bound=npt.NDArray[Any])

# One constant for all sets, independent of a run's --seed: runs with different seeds are compared
# on the same validation and test examples.
SPLIT_SEED = 0
HELD_OUT_SHARE = 0.1
# Users' own sets are smaller: a fifth for the test, and a fifth of the rest for validation.
OWN_HELD_OUT_SHARE = 0.2
NUM_STRATA = 10


def stratified_split(
    labels: npt.NDArray[np.integer], num_held_out: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Splits rows at random, with the same share of every class in both parts.

    From each class, `num_held_out * count / total` rows are held out, rounded so that the sum is
    exact.

    Args:
        labels: [examples].
        num_held_out: in (0, examples).

    Returns:
        `(kept, held_out)`: two sorted arrays of row numbers, which together contain all rows.
    """
    total = len(labels)
    if not 0 < num_held_out < total:
        raise ValueError(
            f"`num_held_out` must lie in (0, {total}). Received: num_held_out={num_held_out}"
        )
    _, counts = np.unique(labels, return_counts=True)
    shares = num_held_out * counts / total
    quotas = np.floor(shares).astype(int)
    largest_remainders = np.argsort(quotas - shares, kind="stable")
    quotas[largest_remainders[: num_held_out - quotas.sum()]] += 1

    # NumPy promises never to change RandomState's numbers; its newer generators may change.
    shuffled = np.random.RandomState(SPLIT_SEED).permutation(total)
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    starts = np.cumsum(counts) - counts
    held_out = np.concatenate(
        [by_class[start : start + quota] for start, quota in zip(starts, quotas, strict=True)]
    )
    kept = np.setdiff1d(np.arange(total), held_out)
    return kept, np.sort(held_out)


def quantile_strata(values: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Returns the decile of each value, 0 to 9: strata for a quantity."""
    ranks = np.empty(len(values), np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks * NUM_STRATA // len(values)


def complete(
    name: str, pairs: dict[str, tuple[Features, AnyLabels]], held_out_share: float = HELD_OUT_SHARE
) -> dict[str, tuple[Features, AnyLabels]]:
    """Takes missing splits from the training split.

    They are stratified by class, or for a quantity by deciles.

    Args:
        name: the data set's name, for messages.
        pairs: features and labels by the name of the split, "train" among them. Labels of a
            floating type are a quantity.
        held_out_share: in (0, 1), the share of the remaining examples for each missing split.

    Returns:
        A dict like `pairs`, with "train", "validation" and "test".

    Raises:
        DataError: there are too few examples.
    """
    complete: dict[str, Any] = dict(pairs)
    for missing in (split for split in ("test", "validation") if split not in pairs):
        features, labels = complete["train"]
        num_held_out = max(1, round(held_out_share * len(labels)))
        if num_held_out >= len(labels):
            raise DataError(
                f"{name}: expected enough examples to cut a {missing} split off; received "
                f"{len(labels)}. Add examples, or give that split."
            )
        strata = quantile_strata(labels) if labels.dtype.kind == "f" else labels
        kept, held_out = stratified_split(strata, num_held_out)
        complete["train"] = features[kept], labels[kept]
        complete[missing] = features[held_out], labels[held_out]
    return complete


def three_way_split(
    features: Features, labels: IntArray, num_validation: int, num_test: int
) -> dict[str, tuple[Features, IntArray]]:
    """Returns train, validation and test pairs `(features, labels)` by split name."""
    rest, test = stratified_split(labels, num_test)
    kept, held_out = stratified_split(labels[rest], num_validation)
    rows = {"train": rest[kept], "validation": rest[held_out], "test": test}
    return {split: (features[index], labels[index]) for split, index in rows.items()}
