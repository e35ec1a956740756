import numpy as np
import pytest

from tfcourse import datasets
from tfcourse.datasets import shown

LONG = "How satisfied are you with " + "the service " * 1000 + "[today]"
OTHER = LONG.replace("today", "last year")
CLASSES = ("a" * 9000, "b\x1b[31m\n" * 900)


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(0)
    cells = [f"c{i % 9}" * 5000 for i in range(60)]
    rows = zip(rng.normal(size=60), np.ones(60), cells, strict=True)
    lines = [f'{x:.3f},{z:.3f},{c},"{CLASSES[i % 2]}"' for i, (x, z, c) in enumerate(rows)]
    path = tmp_path / "long.csv"
    header = ",".join(["x" + LONG[:9000], "x" + OTHER[-9000:], "cell", "y"])
    path.write_text("\n".join([header, *lines]))
    return f"csv:{path}"


def test_a_long_text_keeps_its_start_and_its_end():
    assert shown.text("short") == "short"
    assert shown.text(LONG) == f"{LONG[:51]}...{LONG[-26:]}"
    assert len(shown.text("x" * 20_000)) == len("x" * 80)
    assert shown.text("a\nb\x1b") == r"a\nb\x1b"
    assert shown.quoted("a\nb") == r"'a\nb'"


def test_findings_and_descriptions_stay_short(source, caplog):
    found = datasets.describe(source, label="y")
    assert len(str(found)) < 5000
    assert "\x1b" not in str(found)
    datasets.load(source, label="y")
    assert 0 < len(caplog.text) < 3000
    assert "\x1b" not in caplog.text


def test_a_name_that_is_cut_in_a_message_may_be_given_as_it_is_shown(source):
    names = [row["column"] for row in datasets.describe(source).rows]
    with pytest.raises(datasets.DataError) as caught:
        datasets.load(source, label="Y", ignore=("cel",))
    assert len(str(caught.value)) < 1000
    cut = shown.text(names[0])
    assert cut in str(caught.value)
    data = datasets.load(source, label="y", ignore=(cut,))
    assert data.report.columns[0].reason == "ignored"
    assert data.report.columns[1].reason == "constant"
