"""A sweep as one HTML page that needs no network: the answer, plots, cautions, every trial."""

import html
import importlib.resources
import json
import pathlib
import re
import shlex
import string

import plotly

from tfcourse import run_directory
from tfcourse.tuning import state as sweeps
from tfcourse.tuning.report import files as sweep_files
from tfcourse.tuning.report import findings
from tfcourse.tuning.report.plots import MIN_FOR_IMPORTANCE, Plots
from tfcourse.tuning.report.study import axes_of, quiet


def write_sweep_report(sweep, path):
    """Writes the report of `sweep`, about 5 MB of which nearly all is the library for its plots.

    Args:
        sweep: `sweeps.Sweep`, finished or not.
        path: path-like, the HTML file.

    Raises:
        OSError: the file can't be written.
    """
    figures = {}
    with quiet():
        sections = [_answer(sweep), *_plots(sweep, figures), _table(sweep)]
    page = string.Template(importlib.resources.files(__package__).joinpath("page.html").read_text())
    text = page.substitute(
        title=html.escape(_title(sweep)),
        body="\n".join(sections),
        wide=f"{110 * (len(sweep.space.axes) + 1)}px",
        plotly=plotly.offline.get_plotlyjs(),
        # No text of a figure may end the script that holds it.
        figures=json.dumps(figures).replace("<", "\\u003c"),
    )
    run_directory.write_file(pathlib.Path(path), text)


def _title(sweep):
    settings = sweep.settings
    return f"{settings['tuner']} search of {settings['recipe']} on {settings['dataset']}"


def _answer(sweep):
    best = sweep.best
    parts = [f'<p class="answer">{html.escape(findings.answer(sweep))}</p>']
    tested = findings.on_test_set(sweep)
    if tested:
        told = ", ".join(f"{name} {text}" for name, text in tested.items())
        parts.append(f"<p>On the test set, used once: {html.escape(told)}.</p>")
    parts.append(f"<p>{html.escape(findings.effort(sweep))}.</p>")
    for caution in findings.cautions(sweep):
        text = re.sub(r"--search=\S+", r"<code>\g<0></code>", html.escape(caution))
        parts.append(f'<p class="caution">{text}</p>')
    if best is not None:
        parts.append(f"<p>{html.escape(findings.would_more_help(sweep))}</p>")
        command = f"<pre>{html.escape(_command(sweep, best))}</pre>"
        parts.append(f"<details><summary>To train with these values</summary>{command}</details>")
    return "\n".join(parts)


def _command(sweep, trial):
    settings = sweep.phases[trial.phase]
    flags = {name: sweeps.format_value(value) for name, value in trial.values.items()}
    if "epochs" in trial.note:  # A tuner that gives some trials more time than others.
        flags["epochs"] = str(trial.note["epochs"])
    data = {"dataset": settings["dataset"], **settings.get("data_flags", {})}
    flags = {**settings["base"], **flags, **data}
    words = [shlex.quote(f"--{name}={text}") for name, text in flags.items()]
    return " \\\n    ".join([f"python -m {settings['module']}", *words])


def _plots(sweep, figures):
    """Yields the sections with plots; their figures go into the dict `figures`."""
    if sweep.best is None:
        return
    axes = axes_of(sweep)
    plots = Plots(sweep, axes)
    below = ""
    if plots.num_below:
        floor = findings.number(plots.floor)
        below = f" Scores worse than {floor} are drawn there: {plots.num_below} of them."

    def plot(name, figure, wide=False):
        figures[name] = json.loads(figure.to_json())
        text = f'<div class="plot" id="{name}"></div>'
        return f'<div class="scroll"><div class="wide">{text}</div></div>' if wide else text

    objective = html.escape(sweep.objective)
    yield _section("Best so far", f"{objective} of every trial, in the order asked for.{below}")
    yield plot("history", plots.history())
    yield _section(
        "Learning curves", "The best trials; where it is steep, the first epochs lie outside."
    )
    yield plot("curves", plots.curves())
    yield _section(
        "Hyperparameters",
        f"{objective} against each one, on the scale that was searched; the ring is the best "
        f"trial, a cross an infeasible one.{below}",
    )
    slices = [plot(f"slice_{i}", figure) for i, figure in enumerate(plots.slices())]
    yield f'<div class="grid">{"".join(slices)}</div>'
    yield from _importance(sweep, plots, plot)
    yield _section("All values together", f"A line a trial, the best tenth in orange.{below}")
    yield plot("parallel", plots.parallel_coordinates(), wide=True)


def _importance(sweep, plots, plot):
    scores = [sweep.score(trial) for trial in sweep.ranked()]
    if len(scores) < MIN_FOR_IMPORTANCE:
        need = f"It takes {MIN_FOR_IMPORTANCE} complete trials to tell"
        yield _section("Importance", f"{need}; there are {len(scores)}.")
        return
    if scores[0] == scores[-1]:
        yield _section("Importance", "All trials have the same score.")
        return
    yield _section(
        "Importance",
        "How much each hyperparameter decides whether a trial is among the best (PED-ANOVA). "
        "It is an estimate, the rougher the fewer trials there are.",
    )
    yield plot("importance", plots.importance())


def _section(title, note):
    return f'<h2>{title}</h2>\n<p class="note">{note}</p>'


def _table(sweep):
    """Returns every trial as a row, best first, then the others by number."""
    names = sweep_files.hyperparameter_names(sweep)
    ranked = sweep.ranked()
    numbers = {trial.number for trial in ranked}
    rows = [*ranked, *(trial for trial in sweep.trials if trial.number not in numbers)]
    spread = ["spread"] if sweep.replicates > 1 else []
    columns = ["trial", "status", "score", *spread, "best_epoch", "trained_epochs", "seconds"]
    heads = [*(column.replace("_", " ") for column in columns), *names, "reason"]
    head = "".join(f"<th><button>{html.escape(name)}</button></th>" for name in heads)
    body = "\n".join(_row(sweep, trial, columns, names) for trial in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"
    note = "Best first; a click on a heading sorts."
    return f'{_section("Trials", note)}\n<div class="scroll">{table}</div>'


def _row(sweep, trial, columns, names):
    summary = sweep_files.summary(sweep, trial)
    cells = [_cell(summary[column], _FORMATS.get(column, findings.short)) for column in columns]
    cells += [_cell(trial.values.get(name), findings.short) for name in names]
    reason = html.escape(summary["reason"])
    return f'<tr>{"".join(cells)}<td class="text">{reason}</td></tr>'


_FORMATS = {
    "score": findings.number,
    "spread": findings.difference,
    "seconds": "{:.1f}".format,
}


def _cell(value, form):
    if value is None:
        return "<td></td>"
    key = f' data-key="{value!r}"' if isinstance(value, float) else ""
    return f"<td{key}>{html.escape(form(value))}</td>"
