"""Commands as the system's shell takes them."""

import os
import shlex
import subprocess
from collections.abc import Sequence


def join(words: Sequence[str]) -> str:
    """Returns the command that a shell takes for `words`: a Unix shell, or Windows's."""
    return shlex.join(words) if os.name == "posix" else subprocess.list2cmdline(words)
