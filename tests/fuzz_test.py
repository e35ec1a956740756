"""The short form of tests/fuzz.py, the same cases in every run, and what it has found before."""

import pytest

from tests import fuzz, fuzz_data, fuzz_program
from tfcourse.tuning import grid
from tfcourse.tuning import space as search_space

CASES = 300
VALUES = ",".join(map(str, range(1, 51)))


@pytest.mark.parametrize("name", fuzz.DOORS)
def test_a_door_keeps_its_promise(name):
    num_cases = max(10, round(CASES * fuzz.DOORS[name].share))
    assert fuzz.fuzz(name, num_cases, seed=0).total() >= num_cases // 2


@pytest.mark.parametrize(
    ("arguments", "outcome"),
    [
        (["--nosmoke="], "exit 2"),  # absl raises no flags.Error for it.
        (["--timing" + "9" * 2000], "exit 2"),  # absl recursed over it.
        (["--epochs=" + "9" * 400], "exit 2"),  # No float is as large.
        (["--run_dir=\udcff"], "exit 2"),  # It could not be printed when all was done.
        (["--run_dir=made/" + "n" * 300], "exit 2"),  # The folder above it was left.
        (["--dataset=digits", "--sweep=grid", "--trials=1000000"], "exit 0"),  # Half a minute.
    ],
)
def test_a_command_line_that_was_a_fault(tmp_path, monkeypatch, arguments, outcome):
    monkeypatch.chdir(tmp_path)
    assert fuzz_program.start(arguments) == outcome


def test_the_advice_on_an_idle_flag_names_what_gives_it_an_effect(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, errors = fuzz_program.run_program(["--augment=flip", "--augment_strength=0.3"])
    assert code == 2
    assert errors.endswith("Leave it out, or use --augment=shift, rotate or zoom\n")


def test_a_record_nested_too_deep_is_damaged(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    contents = {"flags.txt": b"", "metrics.json": b"[" * 5000}
    assert fuzz_program.start_again(contents) == "exit 5"


def test_an_npz_header_that_breaks_off_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    member = fuzz_data.npy().replace(b"{'descr'", b"z'descr'")
    assert fuzz_data.read_npz(fuzz_data.zip_of({"x.npy": member})) == "refused"


def test_a_grid_is_counted_before_it_is_made():
    searches = dict.fromkeys(("batch_size", "early_stopping", "weight_decay"), VALUES)
    space = search_space.space_of(fuzz_program.MnistSoftmax(), searches, ["dropout"])
    with pytest.raises(ValueError, match=r"the coarsest grid has \d{7,} points"):
        grid.check(space, 1_000_000)
