"""A model card: one page on what a trained model is, its results, and its limits.

Reference: Mitchell et al., 2019, https://arxiv.org/abs/1810.03993
"""

import pathlib
from typing import Any

from tfcourse import measures
from tfcourse.reports import templates


def has_model_card(metrics: dict[str, Any]) -> bool:
    """Returns whether a run's results, from `final_metrics`, belong to a model."""
    metric = "rmse" if "target" in metrics else "accuracy"
    needed = {f"test_{metric}", f"val_{metric}", "test_examples", "class_names"}
    return needed <= metrics.keys()


def model_card(
    recipe: str, flags: dict[str, list[str]], metrics: dict[str, Any], confirmed: str = ""
) -> str:
    """Returns a run's model card as Markdown, from the template model_card.md.j2.

    Args:
        recipe: the recipe's name.
        flags: as in flags.txt.
        metrics: the results of `training.final_metrics`.
        confirmed: the results with other seeds, as a sentence without its full stop.
    """
    environment = templates.environment(
        pathlib.Path(__file__).parent, in_line=_in_line, quantity=_quantity
    )
    return environment.get_template("model_card.md.j2").render(
        recipe=recipe,
        flags=flags,
        metrics=metrics,
        confirmed=confirmed,
        interval=_interval,
        percent=_percent,
        number=_quantity,
    )


def _interval(accuracy: float, examples: int) -> tuple[float, float]:
    return measures.wilson_interval(round(accuracy * examples), examples)


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _quantity(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def _in_line(text: object) -> str:
    """Returns an untrusted text on one line, so that it stays in one cell of a table."""
    line = " ".join(str(text).split())
    return "".join(f"\\{letter}" if letter in "|`<>[]*_\\" else letter for letter in line)
