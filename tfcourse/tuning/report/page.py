"""A sweep's report as one HTML page that needs no network: result, plots, cautions, all trials."""

import json
import os
import pathlib
import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import plotly

from tfcourse import hyperparameters as hp
from tfcourse import run_directory
from tfcourse.reports import templates
from tfcourse.system import files
from tfcourse.tuning.confirmation import confirmation_of
from tfcourse.tuning.report import files as sweep_files
from tfcourse.tuning.report import findings
from tfcourse.tuning.report.plots import MIN_FOR_IMPORTANCE, Plots
from tfcourse.tuning.report.study import axes_of, quiet
from tfcourse.tuning.sweeps import Sweep


def write_sweep_report(
    sweep: Sweep,
    path: str | os.PathLike[str],
    declarations: Mapping[str, hp.Declaration] | None = None,
) -> None:
    """Writes the report of `sweep`: about 5 MB, nearly all of it the plotting library.

    Args:
        sweep: the sweep.
        path: the file.
        declarations: of its hyperparameters, which say what is allowed and what has an effect.

    Raises:
        OSError: the file can't be written.
    """
    environment = templates.environment(pathlib.Path(__file__).parent)
    with quiet():
        text = environment.get_template("page.html.j2").render(
            title=f"{sweep.settings.tuner} search of {sweep.settings.recipe} on "
            f"{sweep.settings.dataset}",
            made=_made(sweep, pathlib.Path(path).parent),
            objective=sweep.objective,
            plotly=plotly.offline.get_plotlyjs(),
            **_answer(sweep, pathlib.Path(path).parent, declarations),
            **_plots(sweep, declarations),
            **_table(sweep),
        )
    files.write_file(pathlib.Path(path), text)


def _made(sweep: Sweep, folder: pathlib.Path) -> dict[str, str]:
    """Returns the time of the last result, the sweep's folder, and the command that resumes it."""
    flags = shlex.quote(f"--flagfile={folder / run_directory.FLAGS}")
    where = shlex.quote(f"--run_dir={folder}")
    command = f"python -m {sweep.settings.module} {flags} {where}"
    from_python = not (folder / run_directory.FLAGS).exists()
    journal = folder / run_directory.JOURNAL
    date = time.localtime(journal.stat().st_mtime) if journal.exists() else None
    return {
        "date": time.strftime("%Y-%m-%d %H:%M, ", date) if date else "",
        "folder": str(folder.absolute()),
        "command": "" if from_python else command,
    }


def _answer(
    sweep: Sweep, folder: pathlib.Path, declarations: Mapping[str, hp.Declaration] | None
) -> dict[str, Any]:
    tested = findings.on_test_set(sweep)
    best, confirmed = sweep.best, confirmation_of(sweep)
    cautions = findings.cautions(sweep, declarations)
    flags = shlex.quote(f"--flagfile={folder / 'best.flags'}")
    return {
        "answer": findings.answer(sweep),
        "tested": ", ".join(f"{name} {text}" for name, text in tested.items()),
        "confirmed": str(confirmed or ""),
        "is_worse": confirmed is not None and confirmed.is_worse,
        "effort": findings.effort(sweep),
        "cautions": [list(_with_flags(caution)) for caution in cautions],
        "more": best and findings.would_more_help(sweep),
        "command": f"python -m {sweep.settings.module} {flags}",
    }


def _with_flags(text: str) -> Iterator[tuple[str, str]]:
    """Returns the parts of `text`, each with the flag that follows it, or ""."""
    parts = [*re.split(r"(--search=\S+)", text), ""]
    return zip(parts[::2], parts[1::2], strict=True)


def _plots(sweep: Sweep, declarations: Mapping[str, hp.Declaration] | None) -> dict[str, Any]:
    """Returns the figures by the name of their place on the page, with their captions."""
    said = {
        "slices": [],
        "isolations": [],
        "fixed": findings.fixed(sweep, declarations),
        "below": "",
        "wide": f"{110 * (len(sweep.space.axes) + 1)}px",
    }
    if sweep.best is None:
        return {**said, "figures": {}, "importance": ""}
    plots = Plots(sweep, axes_of(sweep))
    if plots.num_below:
        floor = findings.number(plots.floor)
        said["below"] = f" Scores worse than {floor} are drawn there: {plots.num_below} of them."
    slices = {f"slice_{i}": figure for i, figure in enumerate(plots.slices())}
    isolations = {f"isolation_{i}": figure for i, figure in enumerate(plots.isolations())}
    figures = {"history": plots.history(), "curves": plots.curves(), **slices, **isolations}
    scores = sweep.ranked_scores()
    if len(scores) < MIN_FOR_IMPORTANCE:
        importance = f"It takes {MIN_FOR_IMPORTANCE} complete trials to tell; there are "
        importance += f"{len(scores)}."
    elif scores[0] == scores[-1]:
        importance = "All trials have the same score."
    else:
        importance = (
            "How much each hyperparameter decides whether a trial is among the best (PED-ANOVA). "
            "It is an estimate, and the fewer trials, the rougher it is."
        )
        figures["importance"] = plots.importance()
    figures["parallel"] = plots.parallel_coordinates()
    drawn = {name: json.loads(figure.to_json()) for name, figure in figures.items()}
    said |= {"slices": list(slices), "isolations": list(isolations)}
    return {**said, "figures": drawn, "importance": importance}


def _table(sweep: Sweep) -> dict[str, Any]:
    """Returns a row per trial: complete trials best first, then the others by number."""
    names = sweep_files.hyperparameter_names(sweep)
    ranked = sweep.ranked()
    numbers = {trial.number for trial in ranked}
    trials = [*ranked, *(trial for trial in sweep.trials if trial.number not in numbers)]
    spread = ["spread"] if sweep.replicates > 1 else []
    columns = ["trial", "status", "score", *spread, "best_epoch", "trained_epochs", "seconds"]
    rows = []
    for trial in trials:
        summary = sweep_files.summary(sweep, trial)
        cells = [_cell(summary[column], _FORMATS.get(column)) for column in columns]
        cells += [_cell(trial.values.get(name)) for name in names]
        rows.append((cells, summary["reason"]))
    heads = [*(column.replace("_", " ") for column in columns), *names, "reason"]
    return {"heads": heads, "rows": rows}


_FORMATS: dict[str, Callable[[float], str]] = {
    "score": findings.number,
    "spread": findings.difference,
    "seconds": "{:.1f}".format,
}


def _cell(value: Any, form: Callable[[Any], str] | None = None) -> tuple[str, str]:
    """Returns a cell's text, and the number to sort by, or ""."""
    if value is None:
        return "", ""
    return (form or findings.short)(value), repr(value) if isinstance(value, float) else ""
