"""On small tables the defaults come as far as logistic regression does."""

import numpy as np
import pytest
from sklearn import datasets as tables
from sklearn.linear_model import LogisticRegression

from recipes import classify
from tfcourse import datasets, training


# A single one of iris's test examples is more than the tolerance: there, several seeds count.
@pytest.mark.parametrize(
    ("table", "seeds"), [("iris", (1, 2, 3)), ("wine", (1,)), ("breast_cancer", (1,))]
)
def test_small_tables_are_learned_as_logistic_regression_learns_them(table, seeds, tmp_path):
    frame = getattr(tables, f"load_{table}")(as_frame=True).frame
    frame.to_csv(tmp_path / "table.csv", index=False)
    data = datasets.load(f"csv:{tmp_path / 'table.csv'}", label="target")
    peer = LogisticRegression(max_iter=1000).fit(data.train.features, data.train.labels)
    reached = []
    with training.shared_programs():
        for seed in seeds:
            model, _ = classify.train(classify.Classify(), data, seed, verbose=0)
            reached.append(training.evaluate(model, data.test)["accuracy"])
    expected = peer.score(data.test.features, data.test.labels)
    assert np.mean(reached) > expected - 0.03
