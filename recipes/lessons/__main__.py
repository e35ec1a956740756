r"""Runs a lesson on a topic that chapter 4 of the slides leaves out.

    python -m recipes.lessons --lesson=initialization
    python -m recipes.lessons --flagfile=configs/lessons.initialization.flags

Each lesson prints what it measured in a few sentences and draws lesson.png. docs/lessons.md shows
all of them. Lessons that need data use the digits that ship with scikit-learn, so nothing is
downloaded.
"""

import dataclasses
from typing import Any

import tfcourse
from recipes.lessons import (
    decision_boundaries,
    gradient_checking,
    initialization,
    optimizers_with_decay,
    regularization,
    warmup,
)
from tfcourse import command_line
from tfcourse.hyperparameters import Hyperparameters, choice
from tfcourse.run_directory import RunDirectory

LESSONS = {
    "initialization": initialization,
    "regularization": regularization,
    "gradient_checking": gradient_checking,
    "decision_boundaries": decision_boundaries,
    "optimizers_with_decay": optimizers_with_decay,
    "warmup": warmup,
}


@dataclasses.dataclass(frozen=True)
class Lessons(Hyperparameters):
    lesson: str = choice("initialization", tuple(LESSONS), "Lesson to run.")


def told(lesson: str, metrics: dict[str, Any]) -> str:
    """Returns the sentences about the numbers of a lesson."""
    return " ".join(LESSONS[lesson].TEXT.split()).format(**metrics)


def main(hp: Lessons, options: command_line.Options, run: RunDirectory) -> dict[str, Any]:
    metrics = LESSONS[hp.lesson].show(run.path / "lesson.png", options.seed, options.smoke)
    print(told(hp.lesson, metrics))
    return {**metrics, "environment": tfcourse.training.environment()}


if __name__ == "__main__":
    command_line.run(main, Lessons, smoke={})
