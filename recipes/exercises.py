r"""Prints the answer key of the notebooks' exercises, or checks a folder of handed-in notebooks.

    python -m recipes.exercises --key
    python -m recipes.exercises --folder=handed_in

Handed-in notebooks are other people's code, so none of it is run. An answer that is a number or a
list is checked again; a function or a calculation is judged by the output saved in the notebook.
The column `by` says which.
"""

import csv
import dataclasses
import io
import itertools

from tfcourse import command_line, run_directory
from tfcourse.exercises import handed_in
from tfcourse.exercises.key import KEY
from tfcourse.hyperparameters import Hyperparameters, printable, text
from tfcourse.system import files, quiet_import

COLUMNS = ("notebook", "exercise", "verdict", "by")


@dataclasses.dataclass(frozen=True)
class Exercises(Hyperparameters):
    folder: str = text("", "Folder of handed-in notebooks; subfolders are included.")
    output: str = text("", "CSV file for the table; by default none is written.")

    def __post_init__(self) -> None:
        super().__post_init__()
        run_directory.output(self.output, "output")


def answer_key() -> str:
    """Returns every exercise with its answer, notebook by notebook."""
    parts = []
    for notebook, exercises in itertools.groupby(KEY, key=lambda exercise: exercise.notebook):
        parts += [f"# {notebook}", *map(str, exercises)]
    return "\n\n".join(parts)


def table(rows: list[handed_in.Judged]) -> list[str]:
    """Returns the table, with the number of right answers at the end."""
    lines = command_line.aligned([COLUMNS, *([printable(cell) for cell in row] for row in rows)])
    right = sum(row.verdict == handed_in.RIGHT for row in rows)
    notebooks = len({row.notebook for row in rows})
    many = "1 notebook" if notebooks == 1 else f"{notebooks} notebooks"
    return [*lines, "", f"{right} of {len(rows)} right, in {many}; none was run"]


def main(exercises: Exercises, key: bool = False) -> None:
    if key == bool(exercises.folder):
        raise command_line.UsageError("give either --key, or --folder=FOLDER of notebooks to judge")
    if key and exercises.output:
        raise command_line.UsageError("--output has no effect with --key. Leave it out")
    if key:
        quiet_import.import_tensorflow()  # Answers in TensorFlow are computed.
        print(answer_key())
        return
    folder = files.expanded(exercises.folder)
    if not folder.is_dir():
        raise command_line.UsageError(f"--folder must be a folder. Received: {exercises.folder!r}")
    rows = list(handed_in.judge_folder(folder))
    if not rows:
        raise command_line.UsageError(
            f"--folder: there are no notebooks (.ipynb) in {exercises.folder}"
        )
    print("\n".join(table(rows)))
    if exercises.output:
        file = io.StringIO()
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
        files.write_file(files.expanded(exercises.output), file.getvalue())


if __name__ == "__main__":
    command_line.run_tool(main, Exercises, key="Prints the answer key.")
