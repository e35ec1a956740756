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

from tfcourse.shipped import ROOT


def programs(call: str) -> dict[str, str]:
    """Returns `{name: what it does}` of the programs in recipes/ that are started by `call`.

    Args:
        call: "run" for recipes, "run_tool" for programs that make no run.
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
    """Returns a line for each program."""
    parts = {
        "To train: tfcourse train NAME, or python -m recipes.NAME": programs("run"),
        "And then: tfcourse NAME, or python -m recipes.NAME": programs("run_tool"),
    }
    lines = []
    for title, found in parts.items():
        lines += [title, *(f"  {name:28}{about}" for name, about in found.items()), ""]
    return "\n".join([*lines, "Each tells its flags with --help."])


def main() -> None:
    """Does what the arguments of the process say."""
    command, *arguments = sys.argv[1:] or ["list"]
    if command in ("list", "--help", "-h"):
        from tfcourse.command_line import exit_codes

        with exit_codes.exits():
            print(listing())
    call, name = "run_tool", command
    if command == "train":
        call, name, arguments = "run", (arguments or [""])[0], arguments[1:]
    known = programs(call)
    if name not in known:
        _refuse(name, known if command == "train" else {"list", "train", *known})
    _find_ours_first()
    if name == "example" and arguments and not arguments[0].startswith("-"):
        arguments[0] = f"--output={arguments[0]}"
    sys.argv[1:] = arguments
    try:
        runpy.run_module(f"recipes.{name}", run_name="__main__", alter_sys=True)
    except ModuleNotFoundError as error:  # Of an import at its top.
        print(
            f"error: {error}. The installation is not complete: pip install -e .", file=sys.stderr
        )
        sys.exit(5)


def _refuse(name: str, known: set[str] | dict[str, str]) -> None:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    print(f"error: there is no program {name!r}.{hint} `tfcourse list` names all", file=sys.stderr)
    sys.exit(2)


def _find_ours_first() -> None:
    """Lets the working directory come last, and with it a `recipes` that is not ours.

    Processes that this one starts, such as a sweep's workers, take over the order.
    """
    here, ours = os.getcwd(), str(ROOT)
    if here != ours:
        paths = [path for path in sys.path if path not in ("", here)]
        sys.path[:] = [*paths, *(() if ours in paths else (ours,)), here]


if __name__ == "__main__":
    main()
