"""The console command: `tfcourse list`, `tfcourse train NAME ...`, `tfcourse predict ...`.

`tfcourse train NAME` is the program `python -m recipes.NAME` of the installed package, even in a
folder that has a `recipes` of its own.
"""

import ast
import difflib
import os
import re
import runpy
import sys
import textwrap

from tfcourse.system.shipped import ROOT


def programs(call: str) -> dict[str, str]:
    """Returns `{name: what it does}` of the programs in recipes/ that are started by `call`.

    Args:
        call: "run" for recipes, "run_tool" for programs without a run.
    """
    found = {}
    for path in sorted((ROOT / "recipes").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if re.search(rf'^if __name__ == "__main__":\n    \w+\.{call}\(', source, re.MULTILINE):
            parts = path.relative_to(ROOT / "recipes").with_suffix("").parts
            header = ast.get_docstring(ast.parse(source)) or ""
            found[".".join(parts).removesuffix(".__main__")] = header.partition("\n")[0]
    return dict(sorted(found.items(), key=lambda program: ("." in program[0], program[0])))


def listing() -> str:
    """Returns the programs by kind, each with what it does, in lines for a narrow terminal."""
    recipes = programs("run")
    claims = {name: about for name, about in recipes.items() if name.startswith("claims.")}
    parts = {
        "To train: tfcourse train NAME": {n: recipes[n] for n in recipes if n not in claims},
        "To use a trained model, and more: tfcourse NAME": programs("run_tool"),
        "To repeat the experiments of docs/evidence.md: tfcourse train NAME": claims,
    }
    lines = []
    for title, found in parts.items():
        column = max(map(len, found)) + 4
        lines += [title]
        for name, about in found.items():
            lines += textwrap.wrap(
                f"  {name}".ljust(column) + about, 79, subsequent_indent=" " * column
            )
        lines += [""]
    return "\n".join([*lines, "Add --help to see the flags of a program."])


def main() -> None:
    """Runs the command in the process's arguments."""
    command, *arguments = sys.argv[1:] or ["list"]
    if command in ("list", "--help", "-h", "--version"):
        from tfcourse import __version__
        from tfcourse.command_line import exit_codes

        with exit_codes.exits():
            print(f"tfcourse {__version__}" if command == "--version" else listing())
    call, name = "run_tool", command
    if command == "train":
        call, name, arguments = "run", (arguments or [""])[0], arguments[1:]
    if name not in programs(call):
        _refuse(name, call)
    _find_ours_first()
    if name == "example" and arguments and not arguments[0].startswith("-"):
        arguments[0] = f"--output={arguments[0]}"
    sys.argv[1:] = arguments
    try:
        runpy.run_module(f"recipes.{name}", run_name="__main__", alter_sys=True)
    except ModuleNotFoundError as error:  # From an import at its top.
        print(
            f"error: {error}. The installation is not complete: pip install -e .", file=sys.stderr
        )
        sys.exit(5)


def _refuse(name: str, call: str) -> None:
    commands = {program: f"tfcourse train {program}" for program in programs("run")}
    tools = {"list": "tfcourse list", "train": "tfcourse train"}
    tools |= {program: f"tfcourse {program}" for program in programs("run_tool")}
    here, there = (commands, tools) if call == "run" else (tools, commands)
    close = [
        *(there[program] for program in there if program == name),
        *(here[program] for program in difflib.get_close_matches(name, here, n=1)),
        *(here[program] for program in here if name and program.startswith(name)),
    ]
    hint = f" Did you mean `{close[0]}`?" if close else ""
    what = f"there is no program {name!r}" if name else "expected the name of a recipe to train"
    print(f"error: {what}.{hint} `tfcourse list` shows all of them.", file=sys.stderr)
    sys.exit(2)


def _find_ours_first() -> None:
    """Moves the working directory to the end of the path, so that our `recipes` is found first.

    Child processes, such as a sweep's workers, inherit the order.
    """
    here, ours = os.getcwd(), str(ROOT)
    if here != ours:
        paths = [path for path in sys.path if path not in ("", here)]
        sys.path[:] = [*paths, *(() if ours in paths else (ours,)), here]


if __name__ == "__main__":
    main()
