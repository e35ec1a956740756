"""On small tables the defaults come as far as logistic regression does."""

import pytest
from sklearn import datasets as tables
from sklearn.linear_model import LogisticRegression

from recipes import classify
from tfcourse import datasets, training


@pytest.mark.parametrize("table", ["iris", "wine", "breast_cancer"])
def test_small_tables_are_learned_as_logistic_regression_learns_them(table, tmp_path):
    frame = getattr(tables, f"load_{table}")(as_frame=True).frame
    frame.to_csv(tmp_path / "table.csv", index=False)
    data = datasets.load(f"csv:{tmp_path / 'table.csv'}", label="target")
    peer = LogisticRegression(max_iter=1000).fit(data.train.features, data.train.labels)
    model, _ = classify.train(classify.Classify(), data, seed=1, verbose=0)
    reached = training.evaluate(model, data.test)["accuracy"]
    expected = peer.score(data.test.features, data.test.labels)
    # An example more or less is no difference.
    assert reached > expected - max(0.03, 1.01 / len(data.test))
