import shlex

import pytest
from absl import flags
from hypothesis import example, given
from hypothesis import strategies as st

from tfcourse.command_line import exit_codes
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables import column_names, table_checks
from tfcourse.hyperparameters import format_texts, parse_texts

NAMES = st.text(min_size=1, max_size=12).map(str.strip).filter(bool)


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
@example(["name, full", 'say "hi"', "two\nlines", "a`b"])
def test_any_name_comes_back_from_a_flag_on_one_line(names):
    text = Reading(ignore=tuple(names)).to_texts()["ignore"]
    assert text.isprintable()
    read = Reading.from_texts({"ignore": text})
    assert column_names.find("a.csv", "ignore", read.ignore, [*names, "another"]) == names


@pytest.mark.parametrize("name", ["name, full", 'say "hi"', "a`b", "it's", "$HOME", "two\nlines"])
def test_what_a_message_suggests_can_be_pasted_into_a_shell(name, monkeypatch, capsys):
    values = flags.FlagValues()
    flags.DEFINE_string("ignore", "", "", flag_values=values)
    flags.DEFINE_bool("debug", False, "", flag_values=values)
    values.mark_as_parsed()
    monkeypatch.setattr(exit_codes.flags, "FLAGS", values)
    with pytest.raises(SystemExit), exit_codes.exits():
        raise DataError(f"a.csv: give {column_names.argument('ignore', [name, 'age'])} to it")
    shown = capsys.readouterr().err
    (word,) = [word for word in shlex.split(shown) if word.startswith("--ignore=")]
    typed = parse_texts(word.removeprefix("--ignore="))
    assert column_names.find("a.csv", "ignore", typed, [name, "age"]) == [name, "age"]


def test_name_with_a_comma_needs_no_quotes_where_no_part_is_a_column():
    columns = ["name, full", "age", "full"]
    typed = parse_texts("name, full")
    assert column_names.find("a.csv", "ignore", typed, columns) == ["name, full"]
    with pytest.raises(DataError, match="expected a column 'name', as `ignore` says"):
        column_names.find("a.csv", "ignore", typed, ["age", "full"])


def test_name_is_suggested_whatever_its_case():
    with pytest.raises(DataError, match="Did you mean 'SPECIES'") as raised:
        column_names.find("a.csv", "id", ["species"], ["SPECIES", "age"])
    assert raised.value.advice == {"id": "SPECIES"}


def test_reading_is_told_the_names_as_they_are_in_the_table():
    columns = ["a, b", "two\nlines", "y"]
    read = table_checks.check_columns(
        "t", columns, Reading(label="y", ignore=("a", "b", r"two\nlines"))
    )
    assert read.ignore == ("a, b", "two\nlines")


@given(st.lists(st.text("ab, \"'", min_size=1).map(str.strip).filter(bool), min_size=1))
def test_texts_with_commas_and_quotes_come_back(values):
    assert parse_texts(format_texts(values)) == tuple(values)


def test_column_that_is_kept_and_left_out_is_refused():
    both = Reading(label="y", ignore=("a", "b"), keep=("b",))
    with pytest.raises(DataError, match="received b in both"):
        table_checks.check_columns("t", ["a", "b", "y"], both)


@pytest.mark.parametrize("name", ["name, full", 'say "hi"', "two\nlines", "a`b"])
def test_suggested_label_is_found_and_so_is_a_name_as_messages_show_it(name):
    columns = [name, "age"]
    with pytest.raises(DataError, match="Did you mean") as raised:
        table_checks.check_columns("t", columns, Reading(label=f"{name}s"))
    for label in (raised.value.advice["label"], column_names.listed([name])):
        assert table_checks.check_columns("t", columns, Reading(label=label)).label == name
    assert '"' not in column_names.argument("label", ["name, full"])
