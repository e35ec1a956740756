"""Checks the records of a journal: their types, and the trials and axes that they refer to.

A checksum shows that a line is as it was written, not who wrote it.
"""

import math
from collections.abc import Sequence
from typing import Any

from tfcourse.tuning.records import (
    COMPLETE,
    INFEASIBLE,
    PRUNED,
    Ask,
    Chosen,
    Data,
    Finished,
    Lost,
    Record,
    Result,
    Void,
)
from tfcourse.tuning.settings import Settings
from tfcourse.tuning.space import Space


def check(record: Record, phases: Sequence[Settings], num_trials: int) -> None:
    """Raises an error if `record` does not fit the ones before it.

    Args:
        record: what the journal holds.
        phases: the settings so far.
        num_trials: number of trials so far.

    Raises:
        ValueError, TypeError, LookupError, AttributeError: it does not fit.
    """
    match record:
        case Settings():
            _check_settings(record)
        case Ask():
            _require(record.trial == num_trials and _is_count(record.trial), "trial", record.trial)
            _check_point(record, phases[-1].space)
        case Finished(trial, replicate, result):
            _check_trials([trial], num_trials)
            _require(_is_count(replicate), "replicate", replicate)
            _check_result(result)
        case Data(digests):
            _require(all(isinstance(each, str) for each in digests.values()), "digests", digests)
        case Lost(trial):
            _check_trials([trial], num_trials)
        case Void(trials):
            _check_trials(trials, num_trials)
        case Chosen(trial, metrics):
            _check_trials([trial], num_trials)
            is_list = isinstance(metrics, list) and len(metrics) > 0
            _require(is_list and all(isinstance(m, dict) for m in metrics), "metrics", metrics)


def _check_settings(settings: Settings) -> None:
    for name in ("recipe", "module", "function", "hyperparameters", "objective", "dataset"):
        _require(isinstance(getattr(settings, name), str), name, getattr(settings, name))
    for name in ("replicates", "trials", "generation_size"):
        value = getattr(settings, name)
        _require(_is_count(value) and value > 0, name, value)
    _require(_is_count(settings.seed), "seed", settings.seed)
    most = settings.max_epochs
    _require(most is None or _is_count(most), "max_epochs", most)
    for texts in (settings.base, settings.data_flags):
        _require(all(isinstance(text, str) for text in texts.values()), "texts", texts)
    for axis in settings.space.axes:
        _require(isinstance(axis.name, str), "axis", axis.name)
        axis.scale.check()


def _check_point(ask: Ask, space: Space) -> None:
    scales = {axis.name: axis.scale for axis in space.axes}
    for name, value in ask.values.items():
        is_possible = scales[name].options is not None or _is_number(value)
        _require(is_possible and _is_number(scales[name].position_of(value)), name, value)
    for numbers in (ask.positions, ask.thresholds):
        _require(all(map(_is_number, numbers.values())), "numbers", numbers)
    _require(_is_count(ask.generation), "generation", ask.generation)
    _require(isinstance(ask.note, dict), "note", ask.note)


def _check_result(result: Result) -> None:
    _require(result.status in (COMPLETE, PRUNED, INFEASIBLE), "status", result.status)
    _require(isinstance(result.reason, str), "reason", result.reason)
    _require(_is_number(result.seconds), "seconds", result.seconds)
    for row in result.curve:
        _require(_is_count(row["epoch"]), "epoch", row["epoch"])
        for name, value in row.items():  # Metrics of several numbers are lists.
            is_metric = value is None or _is_number(value) or isinstance(value, list)
            _require(is_metric, name, value)


def _check_trials(trials: Sequence[Any], num_trials: int) -> None:
    for trial in trials:
        _require(_is_count(trial) and trial < num_trials, "trial", trial)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _require(condition: bool, name: str, value: Any) -> None:
    if not condition:
        raise ValueError(f"{name}: {value!r:.60}")
