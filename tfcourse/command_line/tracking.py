"""--tracker=mlflow: a finished run, or a sweep with its trials, in an MLflow store."""

import collections
import csv
import importlib.util
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tfcourse import run_directory

TRACKERS = ("none", "mlflow")
_KEPT = (
    *(run_directory.FLAGS, run_directory.METRICS, run_directory.MODEL_CARD, "history.csv"),
    *("curves.png", "model.txt", "model.keras", "report.html", "trials.csv", "best.flags"),
)
_NO_PARAMETERS = ("trial", "replicate", "status", "reason", "generation")
_RUN_DIR = "tfcourse.run_dir"  # A tag.
_MOST = 500  # Metrics in one request; MLflow takes 1,000.


class TrackerError(Exception):
    """The tracker is not installed, or rejects the run."""

    exit_code = 5


def check(tracker: str) -> None:
    """Raises `TrackerError` before the training if the tracker's package is missing."""
    if tracker != "none" and importlib.util.find_spec(tracker) is None:
        raise TrackerError(
            f"`tracker={tracker}` needs the package {tracker}: pip install 'tfcourse[{tracker}]'"
        )


def log(
    recipe: str,
    run: run_directory.RunDirectory,
    metrics: Mapping[str, Any],
    *,
    once: bool = False,
) -> None:
    """Writes a finished run or sweep into the store that MLFLOW_TRACKING_URI names.

    Without that variable, MLflow's default store in the working directory is used. The experiment
    is MLFLOW_EXPERIMENT_NAME, or else the recipe's name. A sweep's trials are nested runs.

    Args:
        recipe: its name.
        run: the run.
        metrics: the content of its metrics.json.
        once: whether to do nothing if the store has a run of that folder.

    Raises:
        TrackerError: the store rejects the run; the run directory is complete.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    for package in ("mlflow", "alembic"):  # They log each table that they make.
        logging.getLogger(package).setLevel(logging.WARNING)
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or recipe
    try:
        client = mlflow.MlflowClient()
        found = client.get_experiment_by_name(name)
        experiment = found.experiment_id if found else client.create_experiment(name)
        if once and _is_recorded(client, experiment, run):
            print(f"It is in MLflow at {mlflow.get_tracking_uri()}, experiment {name}, already")
            return
        number = _log_run(client, experiment, run, metrics)
        curves = collections.defaultdict(list)
        for row in _rows(run, "curves.csv"):
            if row["replicate"] == "0":
                curves[row["trial"]].append(row)
        for row in _rows(run, "trials.csv"):
            _log_trial(client, experiment, number, row, curves[row["trial"]])
    except (mlflow.exceptions.MlflowException, OSError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise TrackerError(f"{run.path} is complete, but MLflow rejected it: {reason}") from None
    print(f"Recorded in MLflow at {mlflow.get_tracking_uri()}, experiment {name}")


def _is_recorded(client: Any, experiment: str, run: run_directory.RunDirectory) -> bool:
    wanted = f'tags.`{_RUN_DIR}` = "{run.path.absolute()}"'
    return bool(client.search_runs([experiment], wanted, max_results=1))


def _log_run(
    client: Any, experiment: str, run: run_directory.RunDirectory, metrics: Mapping[str, Any]
) -> str:
    tags = {_RUN_DIR: str(run.path.absolute())}
    number = _begin(client, experiment, run.path.name, tags)
    _log_parameters(client, number, {n: ",".join(texts) for n, texts in run.flags.items()})
    numbers = {n: v for n, v in metrics.items() if isinstance(v, int | float)}
    last = len(_rows(run, "history.csv"))
    _log_numbers(client, number, [*_curve(_rows(run, "history.csv")), (last, numbers)])
    for name in _KEPT:
        if (run.path / name).is_file():
            client.log_artifact(number, str(run.path / name))
    client.set_terminated(number)
    return number


def _log_trial(
    client: Any,
    experiment: str,
    parent: str,
    row: dict[str, str],
    curve: list[dict[str, str]],
) -> None:
    number = _begin(client, experiment, f"trial {row['trial']}", {"mlflow.parentRunId": parent})
    names = list(row)[list(row).index("generation") + 1 :]
    _log_parameters(client, number, {name: row[name] for name in names if row[name]})
    results = {n: float(row[n]) for n in ("score", "best_epoch", "seconds") if row[n]}
    _log_numbers(client, number, [*_curve(curve), (len(curve), results)])
    if row["reason"]:
        client.set_tag(number, "tfcourse.reason", row["reason"][:5000])
    client.set_terminated(number, "FAILED" if row["status"] == "infeasible" else "FINISHED")


def _begin(client: Any, experiment: str, name: str, tags: dict[str, str]) -> str:
    return str(client.create_run(experiment, tags=tags, run_name=name).info.run_id)


def _log_parameters(client: Any, number: str, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        client.log_param(number, name, value[:5000])


def _log_numbers(
    client: Any, number: str, steps: Iterable[tuple[int, Mapping[str, float]]]
) -> None:
    from mlflow.entities import Metric

    now = int(1000 * time.time())
    found = [Metric(n, float(v), now, step) for step, values in steps for n, v in values.items()]
    for start in range(0, len(found), _MOST):
        client.log_batch(number, metrics=found[start : start + _MOST])


def _curve(rows: list[dict[str, str]]) -> Iterator[tuple[int, dict[str, float]]]:
    for row in rows:
        named = {n: v for n, v in row.items() if n not in ("epoch", *_NO_PARAMETERS) and v}
        yield int(float(row["epoch"])), {name: float(value) for name, value in named.items()}


def _rows(run: run_directory.RunDirectory, name: str) -> list[dict[str, str]]:
    """Returns the rows of a table of the run, or no rows if there is no such table."""
    try:
        with open(run.path / name, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        return []
