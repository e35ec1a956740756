import json

import pytest

from benchmarks import sweeps
from benchmarks.contestants import instant

# keras-tuner reads the current thread's name the old way.
pytestmark = pytest.mark.filterwarnings(
    "ignore:(currentThread|getName):DeprecationWarning:keras_tuner"
)


def test_the_driver_is_timed_with_workers_that_answer_at_once():
    for case in sweeps.DRIVER_CASES:
        found = instant.measured({**case, "trials": 12, "workers": 4})
        assert found["trials"] == found["rows"] == 12
        assert 0 < found["ms"] < 1e4


def test_the_page_holds_what_was_measured():
    contestants = {
        name: {"per_minute": [60.0, 30.0], "seconds": [9.0, 8.0], "best": [0.9, 0.9]}
        for name in sweeps.LABELS
    }
    case = {"tuner": "random", "pruning": "median", "workers": 1000, "trials": 2000}
    numbers = {"trials": 2000, "ms": 1.25, "busy_ms": 1.0, "resume_seconds": 2.0, "rows": 2000}
    results = {
        "models": {"softmax_regression": contestants},
        "driver": [{"case": case, **numbers}],
        "overhead_ms": [8.0, 9.0],
        "dataset": "mnist",
        "trials": 7,
        "rounds": 2,
        "date": "2026-01-01",
        "load": 0.5,
        "environment": {"cores": 2, "cpu": "a", "versions": {"keras": "3"}},
    }
    text = sweeps.page(json.loads(json.dumps(results)))
    assert "| random, pruning median | 1,000 | 2,000 | 1.25 | 1.00 | 2.0 |" in text
    assert "| keras-tuner with Keras fit | 45.0 [30.0, 60.0] | 1.00 [1.00, 1.00] | " in text
    assert "takes 8.5 [8.0, 9.0] ms" in text
    assert text.endswith("keras 3.\n")
