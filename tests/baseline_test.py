import numpy as np
import pytest

from tfcourse import datasets, training
from tfcourse.training import baseline

NAMES = ("usual", "rare", "rarer")


def split(counts):
    labels = np.repeat(np.arange(3), counts).astype(np.int32)
    return datasets.Split(np.zeros((len(labels), 1), np.float32), labels)


def data(test):
    return datasets.Dataset(
        "mine", split([80, 15, 5]), split([8, 2, 0]), split(test), NAMES, "nowhere"
    )


class Says:
    """An evaluator whose model says these classes."""

    def __init__(self, *said):
        self.said = said

    def predict(self, features):
        return np.eye(3)[np.resize(self.said, len(features))]


class Unasked:
    def predict(self, features):
        raise AssertionError("no class can have been missed")


def test_constant_answer_is_that_of_training():
    found = baseline.of_classes(Says(0, 1, 2), data([2, 5, 3]), {"accuracy": 0.5})
    assert found["most_frequent_class"] == "usual"
    assert found["val_baseline_accuracy"] == 0.8
    assert found["test_baseline_accuracy"] == 0.2


@pytest.mark.parametrize(
    ("said", "test", "accuracy", "missed"),
    [
        ((0,), [16, 3, 1], 0.8, ["rare", "rarer"]),
        ((0, 1), [16, 3, 1], 0.8, ["rarer"]),
        ((0, 1), [16, 4, 0], 0.8, []),  # There is none to say it of.
        ((0, 1, 2), [16, 3, 1], 0.8, []),
    ],
)
def test_classes_never_predicted_are_named(said, test, accuracy, missed):
    found = baseline.of_classes(Says(*said), data(test), {"accuracy": accuracy})
    assert found["never_predicted"] == missed


def test_good_model_takes_no_second_pass():
    assert baseline.of_classes(Unasked(), data([16, 3, 2]), {"accuracy": 20 / 21}) == {
        "most_frequent_class": "usual",
        "val_baseline_accuracy": 0.8,
        "test_baseline_accuracy": 16 / 21,
        "never_predicted": [],
    }


METRICS = {
    "test_accuracy": 0.9511,
    "test_loss": 0.2,
    "test_baseline_accuracy": 0.9511,
    "most_frequent_class": "0",
    "never_predicted": ["1"],
}


def test_summary_compares():
    assert training.summary(METRICS) == (
        "test accuracy 0.9511 (no better than 0.9511 by always predicting '0'; "
        "never predicted: 1), test loss 0.2000"
    )
    better = {**METRICS, "test_accuracy": 0.97, "never_predicted": []}
    assert "(against 0.9511 by always predicting '0'), test loss" in training.summary(better)
