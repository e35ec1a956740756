"""Writes a sweep for other programs: two CSV tables, and event files for TensorBoard's HParams.

TensorFlow is not needed: TensorBoard defines the messages and the format of event files.
"""

import csv
import io
import os
import pathlib
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2, summary_v2
from tensorboard.summary.writer.record_writer import RecordWriter

from tfcourse.scales import format_value
from tfcourse.system import files
from tfcourse.tuning import sweeps

# The same name in every folder: only this file is replaced when it is written again.
_EVENTS = "events.out.tfevents.0.sweep"
Domains: TypeAlias = dict[str, Any]  # By hyperparameter, in TensorBoard's form.


def trials_csv(sweep: sweeps.Sweep) -> str:
    """Returns a table with one row per trial, as CSV.

    `score` is the mean over the trial's replicates, `spread` the standard deviation, and
    `best_epoch` the mean of their best epochs; `trained_epochs` and `seconds` are sums. The tuner's
    notes are in columns `note_...`. Inactive hyperparameters are left empty.
    """
    notes = list(dict.fromkeys(name for trial in sweep.trials for name in trial.note))
    names = hyperparameter_names(sweep)
    rows = []
    for trial in sweep.trials:
        numbers = summary(sweep, trial)
        values = [trial.values.get(name) for name in names]
        rows.append([*numbers.values(), *(trial.note.get(name) for name in notes), *values])
    header = [*_COLUMNS, *(f"note_{name}" for name in notes), *names]
    return _csv(header, rows)


def curves_csv(sweep: sweeps.Sweep) -> str:
    """Returns a long table with one row per epoch of each training, as CSV."""
    trainings = [(t.number, r, t.results[r].curve) for t in sweep.trials for r in sorted(t.results)]
    metrics = dict.fromkeys(name for *_, curve in trainings for row in curve for name in row)
    metrics.pop("epoch", None)
    rows = [
        [number, replicate, row["epoch"], *(row.get(name) for name in metrics)]
        for number, replicate, curve in trainings
        for row in curve
    ]
    return _csv(["trial", "replicate", "epoch", *metrics], rows)


def hyperparameter_names(sweep: sweeps.Sweep) -> list[str]:
    """Returns the names of all hyperparameters that were ever searched, in order."""
    spaces = [axis.name for phase in reversed(sweep.phases) for axis in phase.space.axes]
    return list(dict.fromkeys(spaces))


_COLUMNS = (
    *("trial", "status", "reason", "score", "spread", "best_epoch", "trained_epochs"),
    *("seconds", "generation"),
)


def summary(sweep: sweeps.Sweep, trial: sweeps.Trial) -> dict[str, Any]:
    """Returns the first columns of the row of `trial` in trials.csv, by name."""
    results = trial.results.values()
    bests = (result.best(sweep.objective)[1] for result in sweep.counted(trial).values())
    best_epochs = [epoch for epoch in bests if epoch is not None]
    best_epoch = statistics.mean(best_epochs) if best_epochs else None
    values = (
        *(trial.number, sweep.status(trial), sweep.reason(trial)),
        *(sweep.score(trial), sweep.spread(trial), best_epoch),
        *(sum(len(result.curve) for result in results), sum(r.seconds for r in results)),
        trial.generation,
    )
    return dict(zip(_COLUMNS, values, strict=True))


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow(["" if value is None else format_value(value) for value in row])
    return file.getvalue()


def write_hparams(sweep: sweeps.Sweep, folder: str | os.PathLike[str]) -> None:
    """Writes the finished trials for TensorBoard's HParams tab: `tensorboard --logdir=folder`.

    The folder itself holds the domains and the metric; `trial_0003` holds trial 3, or one folder
    per replicate if there are several. An infeasible trial is marked as failed. The journal has no
    clock times, so a trial's times count from its start. Unchanged files and files with other names
    are left alone; files of trials that no longer count are removed.

    Raises:
        OSError: a file can't be written.
    """
    folder = pathlib.Path(folder)
    files = {folder / _EVENTS: [_event(_experiment(sweep))]}
    names = _domains(sweep)
    for trial in sweep.finished():
        for replicate, result in sweep.counted(trial).items():
            path = folder / f"trial_{trial.number:04}"
            if sweep.replicates > 1:
                path /= f"replicate_{replicate}"
            files[path / _EVENTS] = _session(sweep, trial, result, names)
    for path, events in files.items():
        _write_events(path, events)
    for path in {*folder.glob(f"trial_*/**/{_EVENTS}")} - set(files):
        path.unlink()


def _write_events(path: pathlib.Path, events: Iterable[event_pb2.Event]) -> None:
    file = io.BytesIO()
    writer = RecordWriter(file)
    for event in (event_pb2.Event(file_version="brain.Event:2"), *events):
        writer.write(event.SerializeToString())
    if not _holds(path, file.getvalue()):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_file(path, file.getvalue(), durable=False)


def _holds(path: pathlib.Path, data: bytes) -> bool:
    try:
        return files.read_bytes(path, len(data)) == data
    except (OSError, files.ContentError):
        return False


def _event(summary: Any, step: int = 0, seconds: float = 0.0) -> event_pb2.Event:
    return event_pb2.Event(summary=summary, step=step, wall_time=seconds)


def _experiment(sweep: sweeps.Sweep) -> summary_pb2.Summary:
    domains = _domains(sweep)
    hparams = [summary_v2.HParam(name, domain) for name, domain in domains.items()]
    score = summary_v2.Metric(_score_tag(sweep), display_name=f"best {sweep.objective}")
    return summary_v2.hparams_config_pb(hparams, [score], time_created_secs=0.0)


def _score_tag(sweep: sweeps.Sweep) -> str:
    return f"best/{sweep.objective}"


def _domains(sweep: sweeps.Sweep) -> Domains:
    """Returns `{name: domain}` of everything that was ever searched; the last phase counts."""
    axes = {axis.name: axis for phase in sweep.phases for axis in phase.space.axes}
    return {name: axes[name].scale.tensorboard() for name in hyperparameter_names(sweep)}


def _session(
    sweep: sweeps.Sweep, trial: sweeps.Trial, result: sweeps.Result, domains: Domains
) -> list[event_pb2.Event]:
    """Returns the events of one training: its hyperparameters, curve, score and end."""
    values = {
        name: value if domains[name].dtype is not str else format_value(value)
        for name, value in trial.values.items()
    }
    group = f"trial {trial.number:04}"  # TensorBoard sorts by it.
    events = [_event(summary_v2.hparams_pb(values, trial_id=group, start_time_secs=0.0))]
    num_epochs = max(len(result.curve), 1)
    for index, row in enumerate(result.curve, start=1):
        metrics = {name: value for name, value in row.items() if name != "epoch"}
        seconds = result.seconds * index / num_epochs
        events.append(_event(_scalars(metrics), row["epoch"], seconds))
    score, epoch = result.best(sweep.objective)
    if score is not None and epoch is not None:
        events.append(_event(_scalars({_score_tag(sweep): score}), epoch, result.seconds))
    return [*events, _event(_end(result), seconds=result.seconds)]


def _scalars(metrics: Mapping[str, float | None]) -> summary_pb2.Summary:
    numbers = {name: value for name, value in metrics.items() if value is not None}
    values = [summary_pb2.Summary.Value(tag=tag, simple_value=numbers[tag]) for tag in numbers]
    return summary_pb2.Summary(value=values)


def _end(result: sweeps.Result) -> summary_pb2.Summary:
    failed = result.status == sweeps.INFEASIBLE
    status = api_pb2.STATUS_FAILURE if failed else api_pb2.STATUS_SUCCESS
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=result.seconds)
    content = metadata.create_summary_metadata(
        plugin_data_pb2.HParamsPluginData(session_end_info=end)
    )
    value = summary_pb2.Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG, metadata=content, tensor=metadata.NULL_TENSOR
    )
    return summary_pb2.Summary(value=[value])
