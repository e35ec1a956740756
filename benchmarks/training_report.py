"""The page and the picture of `benchmarks.training`, from the JSON that its runs add to."""

import json
import statistics

from benchmarks.contestants import CONTESTANTS
from tfcourse.reports import style

REFERENCE = "tfcourse"
LABELS = {
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

_INTRODUCTION = """\
# Training speed

Written by `python -m benchmarks.training`; do not edit.

Every contestant is a process of its own with its framework's default threads, and only one works
at a time. They train one epoch each in turns, so that a slow moment of the machine hits all. All
train the same layers with Adam on MNIST, in float32 unless named otherwise, and every epoch ends
with its loss and accuracy; imports, compilation and a first epoch come before. Every contestant's
loss has to fall.

- *tfcourse*: `tfcourse.training.fit`, from the order of the epoch to the metrics of its last step.
- *Keras fit*: on arrays; on the pipeline of the TFDS guide; tuned: batches gathered by index,
  autotune off, one execution an epoch, compiled by XLA but for the CNN, where that is slower.
- *PyTorch*: the loop of its MNIST example with a DataLoader, but without decoding images; resident
  tensors and fused Adam; the same with the forward and backward pass under `torch.compile`.
- *JAX*: the whole epoch one compiled `lax.scan`; for the CNN a compiled step, which is faster.
- *matrix products alone*: the floor. Each product of the step for itself, in the fastest of NumPy,
  PyTorch and XLA.
"""


def read(folder):
    path = folder / f"{_NAME}.json"
    return json.loads(path.read_text()) if path.exists() else {"steps": {}, "races": {}}


def merge(folder, part, key, section):
    """Adds a section to the results in `folder`; one of the same name is replaced as a whole."""
    results = read(folder)
    results[part][key] = section
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1, sort_keys=True)
    (folder / f"{_NAME}.json").write_text(text + "\n")


def write(folder):
    """Writes the page and, where there are steps, the picture."""
    results = read(folder)
    parts = [_INTRODUCTION]
    if results["steps"]:
        draw(results["steps"], folder / "images" / f"{_NAME}.png")
        parts += [f"![Milliseconds per step at batch {_PICTURED_BATCH}](images/{_NAME}.png)", ""]
        parts += steps_tables(results["steps"])
    for model in ordered(results["races"]):
        parts += race_table(model, results["races"][model])
    parts += ["## Measured on", "", *environments(results)]
    (folder / f"{_NAME}.md").write_text("\n".join(parts) + "\n")


def ordered(models):
    return [model for model in TITLES if model in models]


def by_model(steps):
    """{model: {batch: section}}, smaller batches first."""
    keys = sorted((key.split("/") for key in steps), key=lambda key: int(key[1]))
    models = {model: {} for model in ordered({model for model, _ in keys})}
    for model, batch in keys:
        models[model][batch] = steps[f"{model}/{batch}"]
    return models


def spread(values, digits=2):
    """Median, and in brackets the smallest and largest."""
    low, middle, high = (
        f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values))
    )
    return f"{middle} [{low}, {high}]"


def ratios(section, name):
    """How many times as long as tfcourse in the same round, one for every round."""
    contestants = section["contestants"]
    if REFERENCE not in contestants:
        return []
    pairs = zip(contestants[name]["ms"], contestants[REFERENCE]["ms"], strict=True)
    return [value / reference for value, reference in pairs]


def table(rows):
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def steps_tables(steps):
    lines = [
        "## Milliseconds per step",
        "",
        "Median [smallest, largest] of the rounds, then the same of the ratio to tfcourse in the",
        "same round: above 1 is slower than tfcourse.",
        "",
    ]
    for model, batches in by_model(steps).items():
        lines += [f"### {TITLES[model]}", ""]
        names = {name for section in batches.values() for name in section["contestants"]}
        header = [
            "",
            *(f"batch {batch}{column}" for batch in batches for column in ("", ", ratio")),
        ]
        rows = [[LABELS[name], *steps_cells(batches, name)] for name in LABELS if name in names]
        lines += [*table([header, *rows]), "", *steps_notes(batches), ""]
    return [*lines, *floor_notes(steps)]


def floor_notes(steps):
    """Says how much of a step is products, and with it how much faster a step could become."""
    lines = ["### How far the floor is", ""]
    for model, batches in by_model(steps).items():
        shares = {
            batch: statistics.median(ratios(section, "floor"))
            for batch, section in batches.items()
            if "floor" in section["contestants"] and ratios(section, "floor")
        }
        if shares:
            told = ", ".join(f"{share:.0%} at batch {batch}" for batch, share in shares.items())
            most = max(batches, key=lambda batch: shares.get(batch, 0))
            lines.append(
                f"- {TITLES[model]}: the products alone are {told} of a step. If all else took no "
                f"time, a step at batch {most} would be {1 / shares[most]:.2f} times as fast."
            )
    return [*lines, ""] if len(lines) > 2 else []


def steps_cells(batches, name):
    cells = []
    for section in batches.values():
        result = section["contestants"].get(name)
        compared = ratios(section, name) if result else []
        cells.append(spread(result["ms"], 3) if result else "")
        cells.append(spread(compared) if compared else "")
    return cells


def steps_notes(batches):
    notes = [
        f"Batch {batch}: n = {section['rounds']} rounds of {section['examples']:,} images, "
        f"{section['date']}, load {section['load']} at the end."
        for batch, section in batches.items()
    ]
    reasons = {
        f"{LABELS.get(name, name)} is missing: {reason}"
        for section in batches.values()
        for name, reason in section["skipped"].items()
    }
    return [" ".join(notes), *sorted(reasons)]


def race_table(model, section):
    columns = ("import", "data", "compile", "train")
    usual = usual_epochs(section)
    rows = [["", "seconds", *columns, "epochs", f"seconds for {usual:g} epochs"]]
    for name in LABELS:
        rounds = section["contestants"].get(name)
        if rounds:
            medians = [statistics.median(race[stage] for race in rounds) for stage in columns]
            rows.append([LABELS[name], total(rounds), *(f"{median:.2f}" for median in medians)])
            rows[-1] += [epochs(rounds), spread([for_epochs(race, usual) for race in rounds])]
    return [
        f"## Seconds from process start to {section['target']:.0%}: {TITLES[model]}",
        "",
        f"Batch 128, Adam at a constant rate of 0.001, {section['examples']:,} training images,",
        "the test set after every epoch (a race, not a way to choose a model); every round with",
        f"another seed, n = {section['rounds']}, {section['date']}. Median [smallest, largest];",
        "the stages' medians. *compile* is what the first epoch took beyond a later one, building",
        "the model included; *train* is the epochs with their tests. How many epochs it takes is",
        "much a matter of the seeds, so the last column gives everybody the same number.",
        "",
        *table(rows),
        "",
    ]


def usual_epochs(section):
    """Median of all races. How many epochs a contestant needs is much a matter of its seeds."""
    races = [race for rounds in section["contestants"].values() for race in rounds]
    return statistics.median(race["epochs_trained"] for race in races)


def for_epochs(race, epochs):
    return race["total"] - race["train"] + race["train"] / race["epochs_trained"] * epochs


def total(rounds):
    seconds = spread([race["total"] for race in rounds])
    return seconds if all(race["reached"] for race in rounds) else f"not reached in {seconds}"


def epochs(rounds):
    return ", ".join(str(race["epochs_trained"]) for race in rounds)


def environments(results):
    """One line for every machine and set of versions that the sections come from."""
    lines = []
    for part in ("steps", "races"):
        for section in results[part].values():
            where = section["environment"]
            versions = ", ".join(f"{name} {value}" for name, value in where["versions"].items())
            line = (
                f"{where['cores']} cores of {where['cpu']}, {where['system']}, "
                f"Python {where['python']}, {versions}."
            )
            if line not in lines:
                lines.append(line)
    return lines


def draw(steps, path):
    """Horizontal bars of the milliseconds per step, a panel a model; the floor is a line."""
    models = by_model(steps)
    path.parent.mkdir(parents=True, exist_ok=True)
    with style.picture(path, columns=len(models), width=4.4, height=3.0) as axes:
        for panel, (model, batches) in zip(axes[0], models.items(), strict=True):
            batch = _PICTURED_BATCH if _PICTURED_BATCH in batches else next(iter(batches))
            draw_bars(panel, batches[batch]["contestants"])
            panel.set_title(TITLES[model])
            panel.set_xlabel(f"milliseconds per step, batch {batch}")


def draw_bars(panel, contestants):
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
        panel.text(floor, -0.75, " matrix products alone", fontsize=7, va="center")
    panel.invert_yaxis()
    panel.grid(axis="y", visible=False)
