"""Puts faults into the code, one after another, and says which of them no test notices.

    python -m tests.mutants                      # all of tests/data/mutants.txt
    python -m tests.mutants --only=schedules     # those whose file or tests have that in their name

Each fault is a line of a file, what it becomes, and the tests that are to fail then, with options
of pytest. The tests run in a copy of the project, in a fork of a process that has imported
TensorFlow. A fault survives where they pass; without it they have to pass.
"""

import argparse
import compileall
import dataclasses
import functools
import os
import pathlib
import py_compile
import shlex
import shutil
import signal
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[1]
LIST = ROOT / "tests/data/mutants.txt"
TIMEOUT = 300
PARTS = ("tfcourse", "recipes", "configs", "tests", "docs", "benchmarks", "notebooks")


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A fault: `old` of the file becomes `new`, and the `tests` are to fail."""

    path: str
    tests: tuple[str, ...]  # Arguments of pytest.
    old: str
    new: str

    def applied(self, text: str) -> str:
        """Returns the text of the file with the fault in it."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.path} has this {text.count(self.old)} times: {self.old}")
        return text.replace(self.old, self.new)


def read(text: str) -> list[Mutant]:
    """Returns the mutants of a list: `FILE: TESTS`, `- OLD` and `+ NEW` each, `\\n` for a break."""
    found = []
    for block in text.strip().split("\n\n"):
        head, old, new = block.splitlines()
        path, _, tests = head.partition(": ")
        names = [
            f"tests/{word}.py" if word.endswith("_test") else word for word in shlex.split(tests)
        ]
        old, new = (line[2:].replace("\\n", "\n") for line in (old, new))
        found.append(Mutant(path, tuple(names), old, new))
    return found


def copy(folder: pathlib.Path) -> None:
    """Copies what the tests need of the project."""
    for name in PARTS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (p for p in ROOT.iterdir() if p.is_file()):
        shutil.copy(path, folder)
    # What is compiled counts by the content of its file, which changes faster than times tell.
    by_content = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(folder, quiet=1, invalidation_mode=by_content)


def is_caught(mutant: Mutant, folder: pathlib.Path) -> bool:
    """Returns whether the tests fail in the copy `folder` with the fault in it.

    Raises:
        ValueError: they fail without it, too.
    """
    if _code_without(mutant.tests, folder) != 0:
        raise ValueError(f"fails without a fault: {' '.join(mutant.tests)}")
    path = folder / mutant.path
    before = path.read_text()
    path.write_text(mutant.applied(before))
    try:
        return _code(mutant.tests, folder) != 0
    finally:
        path.write_text(before)


@functools.cache
def _code_without(arguments: tuple[str, ...], folder: pathlib.Path) -> int:
    return _code(arguments, folder)


def _code(arguments: tuple[str, ...], folder: pathlib.Path) -> int:
    """Returns the exit code of pytest in a fork; that of a killed one where it takes too long."""
    number = os.fork()
    if number == 0:
        _test(arguments, folder)
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        done, status = os.waitpid(number, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            if code in (4, 5):
                raise ValueError(f"no test runs for {' '.join(arguments)}")
            return code
        time.sleep(0.05)
    os.kill(number, signal.SIGKILL)
    os.waitpid(number, 0)
    return -signal.SIGKILL


def _test(arguments: tuple[str, ...], folder: pathlib.Path) -> None:
    import pytest

    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(folder)
    sys.path[:0] = [str(folder), str(folder / "tests")]
    sys.dont_write_bytecode = True
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    options = ("-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:randomly")
    os._exit(pytest.main([*options, *arguments]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="what file or tests have in their names")
    only = parser.parse_args().only
    mutants = [m for m in read(LIST.read_text()) if only in " ".join((m.path, *m.tests))]
    import keras  # noqa: F401 - once for all forks.
    import pandas  # noqa: F401
    import sklearn  # noqa: F401

    survivors, unknown = [], []
    with tempfile.TemporaryDirectory() as name:
        copy(pathlib.Path(name))
        for mutant in mutants:
            try:
                caught = is_caught(mutant, pathlib.Path(name))
            except ValueError as error:
                print("UNKNOWN ", mutant.path, error, flush=True)
                unknown.append(mutant)
                continue
            print("caught  " if caught else "SURVIVED", mutant.path, mutant.new, flush=True)
            survivors += [] if caught else [mutant]
    num_caught = len(mutants) - len(survivors) - len(unknown)
    print(f"{num_caught} of {len(mutants)} were caught; of {len(unknown)} it is unknown")
    sys.exit(bool(survivors or unknown))


if __name__ == "__main__":
    main()
