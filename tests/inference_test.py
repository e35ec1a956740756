import json

import numpy as np
import pytest
import trained_runs

from tfcourse import datasets, inference


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    trained_runs.train(folder, model="batch_norm_mlp", hidden_units=(16,))
    return folder


def test_a_run_becomes_a_classifier_that_gives_what_the_run_recorded(trained):
    classifier = inference.load_run(trained)
    data = datasets.load("digits")
    assert classifier.class_names == data.class_names
    probabilities = classifier.probabilities(data.test.features)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    accuracy = (probabilities.argmax(axis=1) == data.test.labels).mean()
    metrics = json.loads((trained / "metrics.json").read_text())
    assert accuracy == pytest.approx(metrics["test_accuracy"], abs=1e-7)
    logits = classifier.model.predict(data.test.features[:5], verbose=0).astype(np.float64)
    reference = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities[:5], reference, rtol=1e-5)
