"""Defaults of recipes.classify on small tables, beside scikit-learn's models.

    python -m benchmarks.tables --data_dir=FOLDER --seeds=3
    python -m benchmarks.tables --data_dir=FOLDER --seeds=3 --task=regression

Tables: those that scikit-learn ships, the penguins of configs/data, and those of FOLDER: what its
index.csv names, quantities of well-known tables (see `tables_of_folder`), and TensorFlow Datasets'
titanic where it is prepared there. Each seed gives another split and another training; within a
seed all have the same rows and the same features, as the data set has them. Small tables take more
seeds than --seeds, because a few test rows say little. Written into docs/performance_tables.md, or
docs/performance_tables_regression.md.
"""

import argparse
import dataclasses
import functools
import itertools
import math
import pathlib
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
from scipy import special
from sklearn import datasets as shipped
from sklearn import ensemble, linear_model, neural_network
from sklearn.exceptions import ConvergenceWarning

from benchmarks import pages, tables_of_folder
from recipes import classify
from tfcourse import datasets, training
from tfcourse.datasets import splits
from tfcourse.run_directory import environment

Array = npt.NDArray[Any]
# Of data and seed: what is predicted for the test set.
Contestant = Callable[[datasets.Dataset, int], Array]
OURS = "recipes.classify"
# A small table takes so many seeds that this many test rows are predicted in all, within a limit.
TEST_ROWS, MOST_SEEDS = 300, 20
PACKAGES = ("tensorflow", "keras", "scikit-learn", "numpy")


@dataclasses.dataclass(frozen=True)
class Task:
    """What is compared on the tables of one kind.

    Attributes:
        shipped: those of scikit-learn.
        contestants: by name, ours the first.
        peers: those to be level with.
        scores: the metrics, by name, of predictions and labels; the first in points, more is
            better.
        digits: of each metric in the page.
        page: its file.
    """

    shipped: tuple[str, ...]
    contestants: Mapping[str, Contestant]
    peers: tuple[str, str]
    scores: Callable[[Array, Array], dict[str, float]]
    digits: Mapping[str, int]
    page: str


@dataclasses.dataclass
class Table:
    """What was measured on one table; results: `{contestant: {metric: [values, one per seed]}}`."""

    size: str
    seeds: int
    results: dict[str, dict[str, list[float]]]


def _ours(data: datasets.Dataset, seed: int) -> Array:
    model, _ = classify.train(classify.Classify(), data, seed, verbose=0, tensorboard=False)
    outputs = training.Evaluator(model).predict(data.test.features).astype(float)
    return outputs[:, 0] if data.target else special.softmax(outputs, axis=1)


def _peer(make: Callable[[int], Any]) -> Contestant:
    """Returns the contestant that trains the model of scikit-learn that `make` makes of a seed."""

    def predictions(data: datasets.Dataset, seed: int) -> Array:
        splits_of_data = (data.train, data.test)
        features = [np.asarray(split.features).reshape(len(split), -1) for split in splits_of_data]
        model = make(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(features[0], data.train.labels)
        if data.target:
            return model.predict(features[1])
        probabilities = np.zeros((len(data.test), data.num_classes))
        probabilities[:, model.classes_] = model.predict_proba(features[1])
        return probabilities

    return predictions


def of_classes(probabilities: Array, labels: Array) -> dict[str, float]:
    """Returns the accuracy in percent, and the log loss."""
    of_label = probabilities[np.arange(len(labels)), labels]
    return {
        "accuracy, %": 100 * float((probabilities.argmax(axis=1) == labels).mean()),
        "log loss": float(-np.log(np.maximum(of_label, 1e-7)).mean()),
    }


def of_quantities(predicted: Array, labels: Array) -> dict[str, float]:
    """Returns R2 in percent, and the root of the mean squared error in standard deviations."""
    squared = float(np.square(predicted - labels).mean())
    return {"R2, %": 100 * (1 - squared / float(labels.var())), "RMSE": squared**0.5}


TASKS = {
    "classification": Task(
        shipped=("iris", "wine", "breast_cancer", "digits"),
        contestants={
            OURS: _ours,
            "LogisticRegression": _peer(lambda _: linear_model.LogisticRegression(max_iter=1000)),
            "MLPClassifier": _peer(
                lambda seed: neural_network.MLPClassifier(max_iter=500, random_state=seed)
            ),
            "HistGradientBoostingClassifier": _peer(
                lambda seed: ensemble.HistGradientBoostingClassifier(random_state=seed)
            ),
        },
        peers=("LogisticRegression", "MLPClassifier"),
        scores=of_classes,
        digits={"accuracy, %": 1, "log loss": 3, "seconds": 1},
        page="performance_tables.md",
    ),
    "regression": Task(
        shipped=("diabetes",),
        contestants={
            OURS: _ours,
            "Ridge": _peer(lambda _: linear_model.Ridge()),
            "MLPRegressor": _peer(
                lambda seed: neural_network.MLPRegressor(max_iter=500, random_state=seed)
            ),
            "HistGradientBoostingRegressor": _peer(
                lambda seed: ensemble.HistGradientBoostingRegressor(random_state=seed)
            ),
        },
        peers=("Ridge", "MLPRegressor"),
        scores=of_quantities,
        digits={"R2, %": 1, "RMSE": 3, "seconds": 1},
        page="performance_tables_regression.md",
    ),
}


def sources(
    task: str, folder: pathlib.Path | None
) -> Iterator[tuple[str, Callable[[], datasets.Dataset]]]:
    """Yields the name of each table, and a function that loads it."""
    for name in TASKS[task].shipped:
        frame = getattr(shipped, f"load_{name}")(as_frame=True).frame
        options = {"name": name, "task": task}
        yield name, functools.partial(datasets.from_dataframe, frame, "target", **options)
    if task == "classification":
        penguins = "csv:configs/data/penguins.csv"
        load = functools.partial(datasets.load, penguins, label="species", ignore=["year"])
        yield "penguins", load
    if folder and task == "classification" and (folder / "titanic").is_dir():
        named = ["name", "ticket", "cabin", "boat", "body", "home.dest"]
        yield "titanic (TFDS)", functools.partial(datasets.load, "titanic", folder, ignore=named)
    for path, label, kind in tables_of_folder.indexed(task, folder) if folder else ():
        yield path.name, functools.partial(datasets.load, f"csv:{path}", label=label, task=kind)


def seeds_for(test_rows: int, fewest: int) -> int:
    """Returns the number of seeds for a table with so many test rows: at least `fewest`."""
    return max(fewest, min(MOST_SEEDS, math.ceil(TEST_ROWS / test_rows)))


def measure(
    task: str, load: Callable[[], datasets.Dataset], fewest: int, contestants: Mapping[str, Any]
) -> Table | None:
    """Returns what the `contestants` reach on a table; `None` where its label is another task's.

    Args:
        task: a key of `TASKS`.
        load: returns the table.
        fewest: seeds of a large table; see `seeds_for`.
        contestants: by name.
    """
    results: dict[str, dict[str, list[float]]] = {name: {} for name in contestants}
    seeds = fewest
    for seed in itertools.count(1):
        if seed > seeds:
            break
        with mock.patch.object(splits, "SPLIT_SEED", seed):
            data = load()
        seeds = seeds_for(len(data.test), fewest)
        if bool(data.target) != (task == "regression"):
            return None
        for name, predictions_of in contestants.items():
            start = time.perf_counter()
            predictions = predictions_of(data, seed)
            seconds = time.perf_counter() - start
            scores = TASKS[task].scores(predictions, data.test.labels)
            for metric, value in {**scores, "seconds": seconds}.items():
                results[name].setdefault(metric, []).append(value)
    size = f"{len(data.train)}, {data.input_shape[0]}"
    return Table(size if data.target else f"{size}, {data.num_classes}", seeds, results)


def rows(tables: dict[str, Table], metric: str, digits: int) -> list[list[str]]:
    """Returns the page's table of one metric, with a last line of means."""
    names = list(next(iter(tables.values())).results)
    found = [["table", "size", "seeds", *names]]
    for title, table in tables.items():
        spreads = [pages.spread(result[metric], digits) for result in table.results.values()]
        found.append([title, table.size, str(table.seeds), *spreads])
    means = [
        statistics.mean(statistics.mean(table.results[name][metric]) for table in tables.values())
        for name in names
    ]
    return [*found, ["**mean**", "", "", *(f"**{mean:.{digits}f}**" for mean in means)]]


def differences(table: Table, peers: tuple[str, str], metric: str) -> dict[str, list[float]]:
    """Returns the points, per seed, of ours less those of each peer, and of the better peer."""
    ours, *others = (np.asarray(table.results[name][metric]) for name in (OURS, *peers))
    found = {name: (ours - peer).tolist() for name, peer in zip(peers, others, strict=True)}
    return {**found, "the better of both on each table": (ours - max(others, key=np.mean)).tolist()}


def _mean(points: Sequence[float]) -> str:
    """Returns the mean, with its standard error."""
    error = statistics.stdev(points) / len(points) ** 0.5 if len(points) > 1 else math.nan
    return f"{statistics.mean(points):.1f} ± {error:.1f}"


def page(
    name: str, tables: dict[str, Table], left_out: dict[str, str], fewest: int, note: str = ""
) -> str:
    """Returns the page of the task called `name`."""
    task = TASKS[name]
    metric = next(iter(task.digits))
    apart = {title: differences(table, task.peers, metric) for title, table in tables.items()}
    whom = (*task.peers, "the better of both on each table")
    return pages.render(
        "tables.md.j2",
        task=name,
        names=list(task.contestants)[1:],
        tables={each: rows(tables, each, digits) for each, digits in task.digits.items()},
        difference={
            peer: statistics.mean(statistics.mean(points[peer]) for points in apart.values())
            for peer in whom
        },
        behind={
            title: _mean(points[whom[-1]])
            for title, points in apart.items()
            if statistics.mean(points[whom[-1]]) < -3
        },
        left_out=left_out,
        fewest=fewest,
        most=MOST_SEEDS,
        test_rows=TEST_ROWS,
        note=note,
        machine=environment.machine(PACKAGES),
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--task", choices=tuple(TASKS), default="classification")
    parser.add_argument("--data_dir", type=pathlib.Path)
    parser.add_argument(
        "--seeds", type=int, default=3, help="of large tables; small ones take more"
    )
    parser.add_argument("--tables", help="names with commas between; all by default")
    parser.add_argument("--note", default="", help="what else the page says of the machine")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs"))
    arguments = parser.parse_args(argv)
    task = TASKS[arguments.task]
    wanted = arguments.tables.split(",") if arguments.tables else None
    arguments.out.mkdir(parents=True, exist_ok=True)
    tables: dict[str, Table] = {}
    left_out: dict[str, str] = {}
    for name, load in sources(arguments.task, arguments.data_dir):
        if wanted and name not in wanted:
            continue
        try:
            table = measure(arguments.task, load, arguments.seeds, task.contestants)
        except (datasets.DataError, ValueError) as error:
            # The page names no folder of the machine that wrote it.
            left_out[name] = str(error).splitlines()[0].replace(f"{arguments.data_dir}/", "")
            print(name, "left out:", error, flush=True)
            continue
        if table is None:
            continue
        tables[name] = table
        metric = next(iter(task.digits))
        means = {each: statistics.mean(got[metric]) for each, got in table.results.items()}
        print(name, table.size, {each: round(mean, 1) for each, mean in means.items()}, flush=True)
        _write(arguments, tables, left_out)  # An interrupted benchmark leaves what is done.
    if tables:
        _write(arguments, tables, left_out)  # With what was left out after the last table.


def _write(
    arguments: argparse.Namespace, tables: dict[str, Table], left_out: dict[str, str]
) -> None:
    path = arguments.out / TASKS[arguments.task].page
    path.write_text(page(arguments.task, tables, left_out, arguments.seeds, arguments.note))


if __name__ == "__main__":
    main()
