"""A model card: one page on what a trained classifier is, what it reaches, and its limits.

Reference: Mitchell et al., 2019, https://arxiv.org/abs/1810.03993
"""

from tfcourse import measures

_SPLITS = (("train", "training"), ("validation", "validation"), ("test", "test"))
_NO_HYPERPARAMETERS = ("dataset", "data_dir", "expect", "smoke")


def is_classifier(metrics):
    """Returns whether a run's results are those of a classifier, as `final_metrics` has them."""
    return {"test_accuracy", "val_accuracy", "test_examples", "class_names"} <= metrics.keys()


def model_card(recipe, flags, metrics):
    """Returns a run's model card as Markdown.

    Args:
        recipe: str, the recipe's name.
        flags: `{name: [text, ...]}`, as in flags.txt.
        metrics: dict of `training.final_metrics`.
    """
    parts = (
        [f"# {recipe} on {metrics['dataset']}", ""],
        _model(metrics),
        _results(metrics),
        _data(metrics),
        _limits(flags, metrics),
        _hyperparameters(flags),
        _environment(metrics["environment"]),
    )
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def _model(metrics):
    names = metrics["class_names"]
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    shape = " x ".join(map(str, metrics["input_shape"]))
    return [
        f"A classifier of {shape} values into {len(names)} classes ({_in_line(shown)}), with "
        f"{metrics['parameters']:,} parameters. The weights are those of epoch "
        f"{metrics['best_epoch']} of {metrics['epochs']}, the best on the validation split.",
        "",
    ]


def _results(metrics):
    lines = [
        "## Results",
        "",
        "| split | examples | accuracy | 95 % interval | loss |",
        "| --- | --- | --- | --- | --- |",
    ]
    for split, prefix in (("validation", "val"), ("test", "test")):
        accuracy, examples = metrics[f"{prefix}_accuracy"], metrics[f"{split}_examples"]
        low, high = measures.wilson_interval(round(accuracy * examples), examples)
        lines.append(
            f"| {split} | {examples:,} | {100 * accuracy:.2f} % | {100 * low:.2f} to "
            f"{100 * high:.2f} % | {metrics[f'{prefix}_loss']:.4f} |"
        )
    return [
        *lines,
        "",
        "Validation chose the epoch, so its number is a little too good; the test set was used "
        "once. Wilson's interval tells what another draw of as many test examples could give; it "
        "does not hold how much another seed would change.",
        "",
    ]


def _data(metrics):
    counts = ", ".join(f"{metrics[f'{name}_examples']:,} {word}" for name, word in _SPLITS)
    return ["## Data", "", f"{_in_line(metrics['origin'])}: {counts} examples.", ""]


def _limits(flags, metrics):
    lines = [
        "## Use and limits",
        "",
        f"For examples like those of {_in_line(metrics['dataset'])}, made and prepared in the same "
        "way. Other examples get one of the classes too, often with a high probability: the model "
        "can't say that it does not know. It was not examined for fairness between groups of "
        "people, for robustness or against attacks, and is meant for teaching and comparison.",
    ]
    if metrics.get("fallback_from"):
        asked = ", ".join(metrics["fallback_from"])
        lines.append(f"{_in_line(asked)} was asked for and could not be had.")
    if flags.get("smoke") == ["True"]:
        lines.append("This was a smoke run: it shows that all works, and is not trained to an end.")
    return [*lines, ""]


def _hyperparameters(flags):
    lines = ["## Hyperparameters", "", "| flag | value |", "| --- | --- |"]
    for name, texts in flags.items():
        if name not in _NO_HYPERPARAMETERS:
            lines.append(f"| `--{name}` | {_in_line(' '.join(texts))} |")
    return [*lines, ""]


def _environment(environment):
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    gpus = len(environment["gpus"])
    return [
        "## Environment",
        "",
        f"tfcourse {environment['tfcourse']} (commit {environment['commit'] or 'unknown'}), Python "
        f"{environment['python']}, {versions}; {environment['cpu']}, {environment['cores']} cores, "
        f"{gpus or 'no'} GPU{'s' if gpus > 1 else ''}.",
    ]


def _in_line(text):
    """Returns a text that may be anybody's so that it stays one cell of a table, one line."""
    line = " ".join(str(text).split())
    return "".join(f"\\{letter}" if letter in "|`<>[]*_\\" else letter for letter in line)
