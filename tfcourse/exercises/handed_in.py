"""Judges the exercises in handed-in notebooks, without running any of their code.

A notebook is other people's code. An answer that is a number or a list is read as a literal and
checked again. A function or a calculation is judged by the saved output of the check, from when the
author ran it.
"""

import ast
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from tfcourse.exercises.key import KEY, Exercise

RIGHT, WRONG, NOT_DONE, UNREADABLE = "right", "wrong", "not done", "unreadable"
# The beginnings of `Feedback` in a saved output.
_MARKS = {"✓": RIGHT, "✗": WRONG, "○": NOT_DONE}
_VERDICTS = {True: RIGHT, False: WRONG, None: NOT_DONE}
_BY_CHECK = {exercise.check.__name__: exercise for exercise in KEY}
_MAX_BYTES = 64 << 20  # Pictures included.
_MAX_SOURCE = 20_000  # Characters per cell: deeper nesting could crash Python's parser.
_TROUBLE = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)


class Judged(NamedTuple):
    """The result for one exercise.

    Attributes:
        notebook: its path, relative to the folder.
        exercise: its number and its check's name; "" if the notebook can't be read.
        verdict: RIGHT, WRONG, NOT_DONE or UNREADABLE.
        by: "answer" if it was checked again, "saved output", or "".
    """

    notebook: str
    exercise: str
    verdict: str
    by: Literal["answer", "saved output", ""]


def judge_folder(folder: pathlib.Path) -> Iterator[Judged]:
    """Yields each exercise of each notebook below `folder`; links are ignored."""
    for path in sorted(folder.rglob("*.ipynb")):
        if ".ipynb_checkpoints" not in path.parts and path.is_file() and not path.is_symlink():
            yield from judge(path, path.relative_to(folder).as_posix())


def judge(path: pathlib.Path, name: str) -> list[Judged]:
    """Returns each exercise of the notebook at `path`, under the `name` of the notebook."""
    try:
        cells = _code_cells(path)
    except (OSError, *_TROUBLE, LookupError, AttributeError):
        return [Judged(name, "", UNREADABLE, "")]
    found: dict[str, Judged] = {}
    for source, output in cells:
        for exercise, argument, tree in _checks(source):
            verdict, by = _verdict(exercise, argument, tree, output)
            found[_label(exercise)] = Judged(name, _label(exercise), verdict, by)
    notebooks = {e.notebook for e in KEY if _label(e) in found} or {path.stem}
    expected = [exercise for exercise in KEY if exercise.notebook in notebooks]
    if not expected:
        return [Judged(name, "", NOT_DONE, "")]
    labels = map(_label, expected)
    return [found.get(label, Judged(name, label, NOT_DONE, "")) for label in labels]


def _label(exercise: Exercise) -> str:
    return f"{exercise.number} {exercise.check.__name__.removeprefix('check_')}"


def _code_cells(path: pathlib.Path) -> list[tuple[str, str]]:
    """Returns the source of each code cell and the text of its outputs."""
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"a notebook of {path.stat().st_size} bytes")
    cells = json.loads(path.read_bytes())["cells"]
    return [
        (_text(cell["source"]), "\n".join(map(_output, cell.get("outputs", []))))
        for cell in cells
        if cell["cell_type"] == "code"
    ]


def _output(output: Mapping[str, Any]) -> str:
    return _text(output.get("text") or output.get("data", {}).get("text/plain", ""))


def _text(lines: Any) -> str:
    return lines if isinstance(lines, str) else "".join(lines)


def _checks(source: str) -> Iterator[tuple[Exercise, ast.expr, ast.Module]]:
    """Yields each call of a check in a cell: the exercise, the answer, the cell."""
    # IPython's commands are not Python.
    lines = ("" if line.lstrip()[:1] in ("%", "!") else line for line in source.splitlines())
    try:
        if len(source) > _MAX_SOURCE:
            return
        tree = ast.parse("\n".join(lines))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    except _TROUBLE:
        return
    for call in calls:
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        if name in _BY_CHECK:
            yield _BY_CHECK[name], call.args[0], tree


def _verdict(
    exercise: Exercise, argument: ast.expr, tree: ast.Module, output: str
) -> tuple[str, Literal["answer", "saved output", ""]]:
    if not exercise.is_function:
        try:
            answer = ast.literal_eval(_assigned(argument, tree))
            return _VERDICTS[exercise.check(answer).right], "answer"
        except (*_TROUBLE, OverflowError):
            pass  # A calculation, whose result is in the output.
    for line in output.splitlines():
        if line[:1] in _MARKS:
            return _MARKS[line[:1]], "saved output"
    return NOT_DONE, ""


def _assigned(argument: ast.expr, tree: ast.Module) -> ast.expr:
    """Returns the last value that a cell assigns to the name that it passes to a check."""
    for node in reversed(tree.body):
        if (
            isinstance(argument, ast.Name)
            and isinstance(node, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == argument.id for t in node.targets)
        ):
            return node.value
    return argument
