import itertools

import numpy as np
import processes
import pytest
from PIL import Image

from tfcourse import datasets
from tfcourse.datasets import description
from tfcourse.datasets.tables import likely_labels

ROWS = [
    (i + 1, f"person {i}", i * i % 17, ("", 1.5, 2.5)[i % 3], "uv"[i % 2], 7, "ab"[i % 2])
    for i in range(60)
]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "mine.csv"
    lines = ["Id,name,x,gap,k,same,y", *(",".join(map(str, row)) for row in ROWS)]
    path.write_text("\n".join(lines))
    return f"csv:{path}"


def test_each_column_says_what_becomes_of_it(table, caplog):
    found = datasets.describe(table, label="y", ignore=("x",))
    frame = found.to_dataframe().set_index("column")
    assert frame.becomes.to_dict() == {
        "Id": "left out: identifier",
        "name": "left out: too many texts",
        "x": "left out: ignored",
        "gap": "2 features, 20 filled in",
        "k": "2 features",
        "same": "left out: always the same",
        "y": "the label",
    }
    assert frame["values"][["Id", "gap", "k"]].tolist() == [
        "1 to 60",
        "1.5 to 2.5",
        "u (30), v (30)",
    ]
    assert frame.missing["gap"] == 20
    assert frame.distinct["x"] == len({row[2] for row in ROWS})
    assert (frame.kind["x"], frame["values"]["x"]) == ("number", "0 to 16")
    told = "\n".join(found.findings)
    assert "38 train, 10 validation, 12 test examples of 4 features" in told
    assert "'k' alone tells the class in 100.0 % of the training rows" in told
    assert caplog.text == ""


def test_without_a_label_likely_ones_are_named(table):
    found = datasets.describe(table)
    assert len(found.rows) == 7
    assert found.advice == {"label": "y"}
    assert "no label yet: `label=y` or `label=k`" in found.findings[-1]


def test_label_with_one_class_of_enough_examples_is_not_proposed(tmp_path):
    (tmp_path / "a.csv").write_text("x,k,y\n" + "1,u,a\n2,v,a\n" * 9 + "3,u,b\n")
    assert datasets.describe(f"csv:{tmp_path}/a.csv").advice == {"label": "k"}
    with pytest.raises(datasets.DataError, match="There is `label=k`"):
        datasets.load(f"csv:{tmp_path}/a.csv", label="y")


def test_ignored_column_is_no_likely_label(table):
    found = datasets.describe(table, ignore=("y",))
    assert found.advice == {"label": "k"}
    assert found.rows[-1]["becomes"] == "left out: ignored"


def test_label_that_can_not_be_taken_is_told_beside_the_columns(table):
    found = datasets.describe(table, label="name")
    assert len(found.rows) == 7
    assert "another value in every row ('person 0', ...)" in found.findings[-1]
    assert "There is `label=y`" in found.findings[-1]
    with pytest.raises(datasets.DataError, match=r"another value in every row.*There is `label=y`"):
        datasets.load(table, label="name")


def test_label_of_a_regression_may_have_many_values(tmp_path):
    rows = "".join(f"{i * i % 61 / 4},{'ab'[i % 2]}\n" for i in range(60))
    (tmp_path / "a.csv").write_text(f"x,k\n{rows}")
    assert datasets.describe(f"csv:{tmp_path}/a.csv", task="regression").advice == {"label": "x"}


def test_labels_of_a_regression_are_numbers(table):
    found = datasets.describe(table, task="regression")
    kinds = {row["column"]: row["kind"] for row in found.rows}
    assert kinds[found.advice["label"]] == "number"
    with pytest.raises(datasets.DataError, match="since the label is a quantity") as raised:
        datasets.load(table, label="name", task="regression")
    assert "There is `label=x`" in str(raised.value)
    assert "`label=k`" not in str(raised.value)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_fits_into_the_width(table, width):
    found = datasets.describe(table, label="y")
    lines = found.text(width).splitlines()[1 : -len(found.findings)]
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)


def test_long_names_go_on_in_the_next_line_and_only_examples_are_cut():
    name = "average_household_income_in_thousands_of_dollars"
    row = {"column": name, "kind": "category", "values": "a b " * 50, "becomes": "ignored"}
    lines = description.Description("", (row,)).text(60).splitlines()[1:]
    starts = [*map(lines[0].index, row), None]
    columns = [slice(*ends) for ends in itertools.pairwise(starts)]
    whole = ["".join(line[part].strip() for line in lines) for part in columns]
    assert (whole[0], whole[3]) == (f"column{name}", "becomesignored")
    assert whole[2].endswith("...")
    assert len(whole[2]) < 50


def test_many_columns_are_counted(tmp_path):
    path = tmp_path / "wide.csv"
    names = [f"x{i}" for i in range(300)]
    rows = np.random.default_rng(0).normal(size=(40, 300)).round(2)
    lines = [",".join([*map(str, row), "ab"[i % 2]]) for i, row in enumerate(rows)]
    path.write_text("\n".join([",".join([*names, "y"]), *lines]))
    found = datasets.describe(f"csv:{path}", label="y")
    assert "and 251 more" in str(found)
    assert len(found.to_dataframe()) == 301


def test_images_are_counted_and_measured(tmp_path):
    for name, count in (("cat", 4), ("dog", 3)):
        (tmp_path / name).mkdir()
        for i in range(count):
            Image.new("RGB", (8 + 4 * (i % 2), 8)).save(tmp_path / name / f"{i}.png")
    found = datasets.describe(f"images:{tmp_path}")
    assert found.rows == ({"class": "cat", "train": 4}, {"class": "dog", "train": 3})
    assert "8 x 8 RGB (4), 8 x 12 RGB (3)" in found.findings[0]
    assert "`image_size=16`" in found.findings[1]  # Of the proposed ones, the smallest.


def test_arrays_are_counted_by_split(tmp_path):
    labels = np.arange(50) % 2
    features = np.random.default_rng(0).normal(size=(50, 3))
    np.savez(tmp_path / "mine.npz", x=features, y=labels)
    found = datasets.describe(f"npz:{tmp_path}/mine.npz")
    assert found.rows[0] == {"class": "0", "train": 16, "validation": 4, "test": 5}
    assert "32 train, 8 validation, 10 test examples of 3" in found.title
    np.savez(tmp_path / "mine.npz", x=features, y=features[:, 0])
    assert "a quantity" in datasets.describe(f"npz:{tmp_path}/mine.npz").findings[0]


def test_likely_labels_by_name():
    assert likely_labels.by_name(["a", "Species", "b"]) == ["Species"]
    assert likely_labels.by_name(["a", "b"]) == []


def test_program_describes_without_tensorflow(table):
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['x', '--dataset={table}', '--label=y', '--describe']\n"
        "try: runpy.run_module('recipes.classify', run_name='__main__')\n"
        "finally: print('tensorflow' in sys.modules)"
    )
    result = processes.python("-c", code)
    assert result.returncode == 0, result.stderr
    assert "(--keep=Id uses them)" in result.stdout
    assert result.stdout.endswith("False\n")
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("flags", "command"),
    [
        (["--label=Y", "--ignore=nam,X"], "--label=y --ignore=name,x"),
        (["--label", "y", "--missing=refuse"], "--label y --missing=impute"),
    ],
)
def test_error_ends_with_the_whole_command(table, flags, command):
    flags = (f"--dataset={table}", *flags)
    result = processes.command("recipes.classify", *flags, tensorflow=False)
    assert result.returncode == 3
    assert result.stderr.splitlines()[-1].endswith(f"--dataset={table} {command}")


def test_all_names_that_are_not_there_are_told_at_once(table):
    with pytest.raises(datasets.DataError) as caught:
        datasets.load(table, label="y", ignore=("nam", "zzz"), keep=("id",))
    assert [name in str(caught.value) for name in ("'nam'", "'zzz'", "'id'")] == [True] * 3
    assert str(caught.value).count("There are") == 1
    assert caught.value.advice == {}  # Nothing is like zzz.
