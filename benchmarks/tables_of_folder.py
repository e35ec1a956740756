"""The tables of a folder that `benchmarks.tables` measures on, and what they predict."""

import csv
import pathlib
from collections.abc import Iterator

# Quantities of public tables, predicted from their other columns, where the folder has them.
QUANTITIES = {
    "abalone.csv": "Rings",
    "brain_size.csv": "MRI_Count",
    "GermanCredit.csv": "amount",
    "Glass.csv": "RI",
    "heart_disease.csv": "thalach",
    "Iris.csv": "PetalWidthCm",
    "mpg.csv": "mpg",
    "penguins.csv": "body_mass_g",
    "Social_Network_Ads.csv": "EstimatedSalary",
    "stroke.csv": "bmi",
    "tips.csv": "tip",
    "titanic.csv": "fare",
    "usedcars.csv": "price",
    "winedataset.csv": "Alcohol",
}
# The same rows as other tables have, which would count twice in a mean of classifications.
TWINS = {"Iris.csv", "credit.csv", "penguins.csv", "winedataset.csv", "wisc_bc_data.csv"}


def indexed(task: str, folder: pathlib.Path) -> Iterator[tuple[pathlib.Path, str, str]]:
    """Yields path, label and task of the tables in a folder.

    They are those of its index.csv (columns `file`, `label`, and `task` where the label leaves it
    open); for a regression the `QUANTITIES` come first, in place of the index's labels;
    for a classification the `TWINS` are left out.
    """
    known: dict[str, str] = {}
    twins = TWINS if task == "classification" else set()
    if task == "regression":
        known = {file: label for file, label in QUANTITIES.items() if (folder / file).exists()}
    for file, label in known.items():
        yield folder / file, label, "regression"
    if (folder / "index.csv").exists():
        with (folder / "index.csv").open(newline="") as index:
            for row in csv.DictReader(index):
                if row["file"] not in known.keys() | twins:
                    yield folder / row["file"], row["label"], row.get("task") or "auto"
