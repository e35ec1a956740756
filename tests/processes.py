"""Python in a process of its own."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]


def python(*arguments, cwd=ROOT, path=ROOT, timeout=300, check=False, **environment):
    """Returns the process once it has ended; `path` is its PYTHONPATH."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(path), **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=check,
    )
