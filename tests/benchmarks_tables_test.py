import dataclasses

import pytest
from sklearn import linear_model

from benchmarks import tables, tables_of_folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """All contestants are the same quick one."""
    models = {
        "classification": linear_model.LogisticRegression(max_iter=500),
        "regression": linear_model.Ridge(),
    }
    for name, task in tables.TASKS.items():
        peer = tables._peer(lambda _, model=models[name]: model)
        changed = dataclasses.replace(task, contestants=dict.fromkeys(task.contestants, peer))
        monkeypatch.setitem(tables.TASKS, name, changed)


def test_tables_of_a_folder_are_found_and_what_does_not_load_is_told(tmp_path):
    rows = [f"{i * 37 % 31 / 10},{'ab'[i % 2]},{'xy'[i > 14]}" for i in range(30)]
    (tmp_path / "mine.csv").write_text("\n".join(["width,kind,side", *rows]) + "\n")
    index = "file,label,task\nmine.csv,side,\nnone.csv,side,\nmine.csv,width,regression\n"
    (tmp_path / "index.csv").write_text(index)
    asked = ["--tables=iris,mine.csv,none.csv", "--seeds=2", f"--data_dir={tmp_path}"]
    tables.main([*asked, f"--out={tmp_path}"])
    page = (tmp_path / "performance_tables.md").read_text()
    assert page.count("| iris | 96, 4, 3 | 10 |") == page.count("| mine.csv | 19, 3, 2 | 20 |") == 3
    assert "minus the mean of LogisticRegression: +0.0 points" in page
    assert "No table is more than 3 points behind" in page
    assert "- none.csv: none.csv: " in page
    assert str(tmp_path) not in page
    tables.main([*asked, f"--out={tmp_path}", "--task=regression"])
    page = (tmp_path / "performance_tables_regression.md").read_text()
    assert page.count("| mine.csv | 19, 4 | 20 |") == 3
    assert "iris" not in page


def test_quantities_of_known_tables_are_predicted_whatever_the_index_names(tmp_path):
    (tmp_path / "index.csv").write_text(
        "file,label\ntips.csv,smoker\nmine.csv,side\nIris.csv,Species\n"
    )
    (tmp_path / "tips.csv").touch()

    def found(task):
        return [(p.name, *rest) for p, *rest in tables_of_folder.indexed(task, tmp_path)]

    assert found("classification") == [("tips.csv", "smoker", "auto"), ("mine.csv", "side", "auto")]
    assert found("regression")[:2] == [
        ("tips.csv", "tip", "regression"),
        ("mine.csv", "side", "auto"),
    ]


def test_seeds_give_other_splits_to_all_contestants_alike():
    task = tables.TASKS["classification"]
    load = dict(tables.sources("classification", None))["wine"]
    table = tables.measure("classification", load, 3, task.contestants)
    losses = [result["log loss"] for result in table.results.values()]
    assert all(each == losses[0] for each in losses)
    assert len(set(losses[0])) == table.seeds == 9


def test_small_tables_take_more_seeds_and_large_ones_those_asked_for():
    assert [tables.seeds_for(rows, 3) for rows in (1, 8, 31, 100, 101, 5000)] == [
        20,
        20,
        10,
        3,
        3,
        3,
    ]
    assert tables.seeds_for(8, 30) == 30


def test_points_behind_are_given_with_their_standard_error():
    results = {name: {"accuracy, %": [90.0, 92.0]} for name in tables.TASKS["classification"].peers}
    results[tables.OURS] = {"accuracy, %": [84.0, 88.0]}
    results = {name: {**of, "log loss": [1, 1], "seconds": [1, 1]} for name, of in results.items()}
    table = tables.Table("6, 1, 2", 2, results)
    page = tables.page("classification", {"mine.csv": table}, {}, 2)
    assert "over the seeds): mine.csv -5.0 ± 1.0." in page


def test_points_behind_are_those_to_the_better_peer():
    accuracies = {tables.OURS: [90.0, 92.0], "one": [91.0, 95.0], "other": [80.0, 99.0]}
    table = tables.Table("", 2, {name: {"points": values} for name, values in accuracies.items()})
    assert tables.differences(table, ("one", "other"), "points") == {
        "one": [-1.0, -3.0],
        "other": [10.0, -7.0],
        "the better of both on each table": [-1.0, -3.0],
    }
