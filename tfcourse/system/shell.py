"""Quotes commands for the system's shell."""

import os
import shlex
import subprocess
from collections.abc import Sequence


def join(words: Sequence[str]) -> str:
    """Returns `words` as one command, quoted for a Unix shell or for Windows."""
    return shlex.join(words) if os.name == "posix" else subprocess.list2cmdline(words)
