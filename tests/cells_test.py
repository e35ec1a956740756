import numpy as np
import pytest

from tfcourse.datasets.values import cells

# As tables write that nothing is there; kept apart from the code's own list.
ABSENT = ["", "  ", "?", "NA", "n/a", "N/A", "<NA>", "NaN", "-nan", "NaT", "null", "NULL"]
OF_EXCEL = [
    "1.#QNAN",
    "#N/A",
    "#NA",
    "#N/A N/A",
    "#VALUE!",
    "#DIV/0!",
    "#REF!",
    "#NULL!",
    "#NUM!",
    "#NAME?",
]


@pytest.mark.parametrize("text", [*ABSENT, *OF_EXCEL, None, float("nan"), np.float32("nan")])
def test_what_stands_for_nothing_is_missing_in_every_column(text):
    assert cells.is_missing(text)


@pytest.mark.parametrize("text", ["none", "None", "-", ".", "unknown", "0", 0, False, "nap", "na."])
def test_what_may_be_a_category_is_none_of_it(text):
    assert not cells.is_missing(text)


@pytest.mark.parametrize(
    "text", ["none", "-", "--", "---", ".", "..", "n.a.", "unknown", ":", ": c", "*", "*****"]
)
def test_among_numbers_more_words_stand_for_nothing(text):
    assert text in cells.MISSING_NUMBER
    assert text not in cells.MISSING


def test_words_of_ones_own_stand_for_nothing_too():
    assert cells.is_missing(" none ", more=["none"])
    assert not cells.is_missing("None", more=["none"])


def test_cells_are_their_values_and_where_each_stands():
    found = cells.of(["b", "a", None, "b"])
    assert found.values == ["b", "a"]
    assert found.codes.tolist() == [0, 1, -1, 0]
    assert found.counts().tolist() == [2, 1]
    assert found.spread(np.array([10, 20]), 99).tolist() == [10, 20, 99, 10]


def test_categories_are_texts_without_blanks_and_numbers_without_fractions():
    found = cells.categories(cells.of([" x ", "x", 3.0, "3", b"x", "n/a"]))
    assert found.values == ["x", "3"]
    assert found.codes.tolist() == [0, 0, 1, 1, 0, -1]
