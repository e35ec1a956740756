"""The same cells are the same labels, whatever the format of the table."""

import random

import numpy as np
import pandas as pd
import pytest

from tfcourse import datasets

KINDS = {
    "integers": lambda r: str(r.randint(0, 5)),
    "signs": lambda r: f"{r.choice('+-')}{r.randint(0, 3)}",
    "decimals": lambda r: f"{r.gauss(0, 5):.2f}",
    "whole decimals": lambda r: f"{r.randint(0, 4)}{r.choice(['', '.0', '.'])}",
    "decimal commas": lambda r: f"{r.randint(-9, 9)},{r.randint(0, 99):02}",
    "three digits": lambda r: f"{r.randint(1, 9)}.{r.randint(100, 999)}",
    "exponents": lambda r: f"{r.uniform(1, 9):.3f}e-0{r.randint(1, 3)}",
    "thousands": lambda r: f"{r.randint(0, 99999):,}",
    "thousands points": lambda r: f"{r.randint(0, 99999):,}".replace(",", "."),
    "thousands blanks": lambda r: f"{r.randint(0, 99999):,}".replace(",", " "),
    "units": lambda r: f"{r.randint(1, 60)} kg",
    "several units": lambda r: f"{r.randint(1, 4)} {r.choice(['kg', 'g'])}",
    "percent": lambda r: f"{r.uniform(0, 99):.1f} %",
    "currency": lambda r: f"${r.randint(1, 999)}.{r.randint(10, 99)}",
    "marks": lambda r: f"{r.gauss(9, 2):.1f}{r.choice(['', '', '*', '[1]'])}",
    "limits": lambda r: r.choice(["<0.5", *[f"{r.uniform(1, 9):.2f}"] * 9]),
    "brackets": lambda r: r.choice(["({})", "{}", "{}"]).format(r.randint(1, 99)),
    "texts": lambda r: r.choice(["red", "green", "blue"]),
    "spellings": lambda r: r.choice(["red", "Red", "RED", "blue", "Blue"]),
    "truth": lambda r: r.choice(["True", "False"]),
    "answers": lambda r: r.choice(["yes", "no", "1", "0"]),
    "dates": lambda r: f"2019-0{r.randint(1, 3)}-01",
    "zip codes": lambda r: f"{r.randint(0, 4):05}",
    "ranges": lambda r: r.choice(["0-9", "10-19", "20+"]),
    "times": lambda r: f"{r.randint(1, 3)}:{r.randint(0, 59):02}.{r.randint(10, 99)}",
    "accents": lambda r: r.choice(["K\u00f6ln", "\u0141\u00f3d\u017a"]),
}
ODD = ("", "NA", "?", "oops", "n.a.", "-", "<0.5", "12*", "1e5", "0", "none", "NaN", ".", "-999")
ODD = (*ODD, "unknown", "0.0", "1,5", "1 000", "5%", "TRUE", "2019-01-01", "1 ", "inf", "")


def found(load):
    """Returns all that is known of the labels, or the error without its place."""
    try:
        data = load()
    except datasets.DataError as error:
        return str(error).partition(": expected")[2]
    target = data.target and (data.target.mean, data.target.standard_deviation)
    labels = [split.labels.tolist() for split in data.splits.values()]
    return data.class_names, target, data.report.label, labels


@pytest.mark.parametrize("elsewhere", ["7,5", "7.5"])
@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_the_same_in_every_format(tmp_path, kind, elsewhere):
    rng = random.Random(f"{kind} {elsewhere}")
    cells = [KINDS[kind](rng) for _ in range(40)]
    for odd in rng.sample(ODD, 2):
        cells[rng.randrange(40)] = odd
    other = [elsewhere.replace("7", str(n)) for n in np.arange(40) * 7 % 23]
    frame = pd.DataFrame({"x": other, "y": cells}, dtype=object)
    frame.to_csv(tmp_path / "a.csv", index=False, sep=";")
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    expected = found(lambda: datasets.from_dataframe(frame, label="y"))
    for name in ("a.csv", "a.xlsx", "a.parquet"):
        path = tmp_path / name
        assert found(lambda path=path: datasets.load(f"table:{path}", label="y")) == expected, name
