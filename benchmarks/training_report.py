"""The page and the picture of `benchmarks.training`, from the JSON that its runs add to."""

import json
import pathlib
import statistics
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from benchmarks import pages
from benchmarks.contestants import CONTESTANTS
from benchmarks.pages import spread
from tfcourse.reports import style

Section = Mapping[str, Any]  # What was measured at one time.
REFERENCE = "tfcourse"
PARTS = ("steps", "commands", "races")
LABELS = {
    "recipe": "tfcourse, the recipe",
    **{name: contestant.label for name, contestant in CONTESTANTS.items()},
    "floor": "matrix products alone",
}
TITLES = {
    "softmax_regression": "Softmax regression 784-10",
    "batch_norm_mlp": "Batch-norm MLP 784-512-256-10",
    "small_cnn": "Small CNN 16-32-64",
}
_NAME = "performance_training"
_PICTURED_BATCH = "128"


def read(folder: pathlib.Path) -> dict[str, dict[str, Section]]:
    """Returns `{part: {key: section}}` of the results in `folder`."""
    path = folder / f"{_NAME}.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    return {part: kept.get(part, {}) for part in PARTS}


def merge(folder: pathlib.Path, part: str, key: str, section: Section) -> None:
    """Adds a section to the results in `folder`; one of the same name is replaced as a whole."""
    results = read(folder)
    results[part][key] = section
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1, sort_keys=True)
    (folder / f"{_NAME}.json").write_text(text + "\n")


def write(folder: pathlib.Path) -> None:
    """Writes the page and, where there are steps, the picture."""
    results = read(folder)
    if results["steps"]:
        draw(results["steps"], folder / "images" / f"{_NAME}.png")
    page = pages.render(
        "training.md.j2",
        titles=TITLES,
        steps=by_model(results["steps"]),
        step_rows={model: step_rows(each) for model, each in by_model(results["steps"]).items()},
        skipped=skipped_of,
        floors={model: floors_of(each) for model, each in by_model(results["steps"]).items()},
        commands=results["commands"],
        command_rows=command_rows,
        races={model: results["races"][model] for model in ordered(results["races"])},
        race_rows=race_rows,
        usual_epochs=usual_epochs,
        machines=machines(results),
        pictured_batch=_PICTURED_BATCH,
    )
    (folder / f"{_NAME}.md").write_text(page)


def ordered(models: Collection[str]) -> list[str]:
    return [model for model in TITLES if model in models]


def by_model(steps: Mapping[str, Section]) -> dict[str, dict[str, Section]]:
    """{model: {batch: section}}, smaller batches first."""
    keys = sorted((key.split("/") for key in steps), key=lambda key: int(key[1]))
    models: dict[str, dict[str, Section]] = {
        model: {} for model in ordered({model for model, _ in keys})
    }
    for model, batch in keys:
        models[model][batch] = steps[f"{model}/{batch}"]
    return models


def ratios(section: Section, name: str) -> list[float]:
    """How many times as long as tfcourse in the same round, one for every round."""
    contestants = section["contestants"]
    if REFERENCE not in contestants:
        return []
    pairs = zip(contestants[name]["ms"], contestants[REFERENCE]["ms"], strict=True)
    return [value / reference for value, reference in pairs]


def in_one_line(folder: pathlib.Path) -> str:
    """The sentence of README.md: what others take for a step of the batch-norm MLP."""
    section = read(folder)["steps"][f"batch_norm_mlp/{_PICTURED_BATCH}"]

    def fastest(*names: str) -> float:
        return min(statistics.median(ratios(section, name)) for name in names)

    def family(word: str) -> list[str]:
        return [name for name in section["contestants"] if word in name]

    fit = fastest("fit", "fit_guide")  # As it is commonly called.
    in_half = [name for name in family("torch") if "bfloat16" in name]
    torch = fastest(*set(family("torch")) - {*in_half})
    half = f" ({fastest(*in_half):.1f} in bfloat16)" if in_half else ""
    return (
        f"A step of the MLP takes {fit:.1f} times as long in Keras's `fit`, {torch:.1f} times in "
        f"the fastest PyTorch version{half}, {fastest(*family('jax')):.2f} times in the fastest "
        "JAX version"
    )


def step_rows(batches: Mapping[str, Section]) -> list[list[str]]:
    """Returns the table of one model, `{batch: section}`: milliseconds, then ratios, of each."""
    names = {name for section in batches.values() for name in section["contestants"]}
    columns = [f"batch {batch}{column}" for batch in batches for column in ("", ", ratio")]
    rows = [["", *columns]]
    for name in LABELS:
        if name in names:
            rows.append([LABELS[name]])
            for section in batches.values():
                result = section["contestants"].get(name)
                compared = ratios(section, name) if result else []
                rows[-1].append(spread(result["ms"], 3) if result else "")
                rows[-1].append(spread(compared) if compared else "")
    return rows


def floors_of(batches: Mapping[str, Section]) -> dict[str, float]:
    """Returns `{batch: share of a step that is products}`, where both were measured."""
    return {
        batch: statistics.median(ratios(section, "floor"))
        for batch, section in batches.items()
        if "floor" in section["contestants"] and ratios(section, "floor")
    }


def skipped_of(batches: Mapping[str, Section]) -> list[str]:
    """Returns why contestants are missing, sorted texts."""
    return sorted(
        {
            f"{LABELS.get(name, name)} is missing: {reason}"
            for section in batches.values()
            for name, reason in section["skipped"].items()
        }
    )


def command_rows(section: Section) -> list[list[str]]:
    """Returns the table of whole commands."""
    rows = [["", "seconds", "test accuracy"]]
    for name in LABELS:
        rounds = section["contestants"].get(name)
        if rounds:
            seconds = [result["seconds"] for result in rounds]
            accuracies = [result["accuracy"] for result in rounds]
            rows.append([LABELS[name], spread(seconds), spread(accuracies, 4)])
    return rows


def race_rows(section: Section) -> list[list[str]]:
    """Returns the table of the races of one model."""
    stages = ("import", "data", "compile", "train")
    usual = usual_epochs(section)
    rows = [["", "seconds", *stages, "epochs", f"seconds for {usual:g} epochs"]]
    for name in LABELS:
        rounds = section["contestants"].get(name)
        if rounds:
            medians = [statistics.median(race[stage] for race in rounds) for stage in stages]
            rows.append([LABELS[name], total(rounds), *(f"{median:.2f}" for median in medians)])
            rows[-1] += [epochs(rounds), spread([for_epochs(race, usual) for race in rounds])]
    return rows


def usual_epochs(section: Section) -> float:
    """Median of all races. How many epochs a contestant needs is much a matter of its seeds."""
    races = [race for rounds in section["contestants"].values() for race in rounds]
    return statistics.median(race["epochs_trained"] for race in races)


def for_epochs(race: Mapping[str, Any], epochs: float) -> float:
    return race["total"] - race["train"] + race["train"] / race["epochs_trained"] * epochs


def total(rounds: Sequence[Mapping[str, Any]]) -> str:
    seconds = spread([race["total"] for race in rounds])
    return seconds if all(race["reached"] for race in rounds) else f"not reached in {seconds}"


def epochs(rounds: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(str(race["epochs_trained"]) for race in rounds)


def machines(results: Mapping[str, Mapping[str, Section]]) -> list[dict[str, Any]]:
    """Returns the machines and sets of versions that the sections come from, each once."""
    found: list[dict[str, Any]] = []
    for part in PARTS:
        for section in results[part].values():
            if section["environment"] not in found:
                found.append(section["environment"])
    return found


def draw(steps: Mapping[str, Section], path: pathlib.Path) -> None:
    """Horizontal bars of the milliseconds per step, a panel for each model; the floor is a line."""
    models = by_model(steps)
    path.parent.mkdir(parents=True, exist_ok=True)
    with style.picture(path, rows=len(models), width=6.5, height=3.2) as axes:
        for panel, (model, batches) in zip(axes[:, 0], models.items(), strict=True):
            batch = _PICTURED_BATCH if _PICTURED_BATCH in batches else next(iter(batches))
            draw_bars(panel, batches[batch]["contestants"])
            panel.set_title(TITLES[model])
            panel.set_xlabel(f"milliseconds per step, batch {batch}")


def draw_bars(panel: Axes, contestants: Mapping[str, Any]) -> None:
    medians = {name: statistics.median(result["ms"]) for name, result in contestants.items()}
    floor = medians.pop("floor", None)
    names = [name for name in LABELS if name in medians]
    colours = [style.COLOURS[1 if name == REFERENCE else 0] for name in names]
    values = [medians[name] for name in names]
    panel.barh([LABELS[name] for name in names], values, color=colours, height=0.65)
    # One round in which the machine stood still must not shrink all the bars.
    right = 1.25 * max(values)
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        low, high = min(contestants[name]["ms"]), min(max(contestants[name]["ms"]), right)
        panel.plot([low, high], [row, row], color="black", linewidth=1)
        panel.text(max(high, value), row, f"  {value:.2f}", va="center", fontsize=8)
    panel.set_xlim(0.0, 1.15 * right)
    if floor:
        panel.axvline(floor, color="black", linestyle=":", linewidth=1)
        panel.text(floor, -0.8, " matrix products alone", fontsize=8, va="center")
    panel.set_ylim(len(names) - 0.4, -1.2)  # The first one at the top, room for the floor's name.
    panel.grid(axis="y", visible=False)
