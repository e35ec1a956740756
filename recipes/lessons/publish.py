r"""Publishes runs of the lessons: numbers, pictures, and the sentences in docs/lessons.md.

    python -m recipes.lessons.publish --run_dirs=runs/lessons/A,runs/lessons/B

The page shows the numbers in docs/lessons.json; without --run_dirs, it is only written again from
them.
"""

import dataclasses
import json
import pathlib
import re
import shutil
from typing import Any

from recipes.lessons.__main__ import told
from tfcourse import command_line, run_directory
from tfcourse.hyperparameters import Hyperparameters, texts
from tfcourse.system import files

PAGE, NUMBERS, IMAGES = "docs/lessons.md", "docs/lessons.json", "docs/images/lessons"
_MARKED = re.compile(r"(<!-- lesson: (\w+) -->).*?(<!-- /lesson -->)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Publish(Hyperparameters):
    run_dirs: tuple[str, ...] | None = texts(
        None, "Finished runs of recipes.lessons.", optional=True
    )


def filled(page: str, numbers: dict[str, dict[str, Any]]) -> str:
    """Returns the page with each lesson's sentences between its markers."""
    return _MARKED.sub(
        lambda found: f"{found[1]}{told(found[2], numbers[found[2]])}{found[3]}", page
    )


def main(publish: Publish) -> None:
    page, kept = pathlib.Path(PAGE), pathlib.Path(NUMBERS)
    numbers = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    pathlib.Path(IMAGES).mkdir(parents=True, exist_ok=True)
    for path in publish.run_dirs or ():
        run = run_directory.RunDirectory(path)
        metrics, flags = run.read_metrics(), run_directory.recorded_flags(run.path) or {}
        if metrics is None or flags.get("smoke") == ["True"] or "lesson" not in flags:
            raise command_line.UsageError(f"--run_dirs: {path} holds no finished lesson")
        (name,) = flags["lesson"]
        about = ("environment", "stages", "seconds", "continued_from")
        numbers[name] = {key: value for key, value in metrics.items() if key not in about}
        shutil.copyfile(run.path / "lesson.png", pathlib.Path(IMAGES) / f"{name}.png")
    files.write_file(kept, json.dumps(numbers, indent=1) + "\n")
    page.write_text(filled(page.read_text(encoding="utf-8"), numbers), encoding="utf-8")


if __name__ == "__main__":
    command_line.run_tool(main, Publish)
