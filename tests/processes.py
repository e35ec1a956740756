"""Python in a process of its own: a new one, or a fork of one that has imported TensorFlow."""

import atexit
import contextlib
import functools
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import tempfile
from typing import IO, Any

ROOT = pathlib.Path(__file__).parents[1]
WITHOUT_XLA = ROOT / "tests/without_xla"
_LIGHT = ("numpy", "pandas", "tfcourse.command_line")
_HEAVY = (
    *("tensorflow", "keras", "pandas", "scipy.stats", "sklearn.metrics", "matplotlib.figure"),
    *("distributed", "keras_tuner", "optuna", "plotly.graph_objects", "tfcourse.command_line"),
)
# Begins a program that `command` runs as where this project is not installed.
WITHOUT_US = """
import sys
for name in [each for each in sys.modules if each.split(".")[0] in ("tfcourse", "recipes")]:
    del sys.modules[name]
sys.modules["tfcourse"] = sys.modules["recipes"] = None
if "keras" in sys.modules:
    assert not any("tfcourse" in name for name in sys.modules["keras"].saving.get_custom_objects())
"""


def python(
    *arguments: os.PathLike[str] | str,
    cwd: os.PathLike[str] | str = ROOT,
    path: os.PathLike[str] | str = ROOT,
    timeout: float = 300,
    check: bool = False,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
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


def command(
    module: str, *arguments: object, timeout: float = 300, **started: Any
) -> subprocess.CompletedProcess[str]:
    """Returns what `python("-m", module, *arguments)` does, as a fork; see `Program`.

    With "-c" as the module, the first argument is code.

    What happens before and while TensorFlow is imported only `python` shows.
    """
    program = Program(module, *arguments, **started)
    try:
        output, errors = program.communicate(timeout)
    except BaseException:
        program.kill()
        program.communicate(30)
        raise
    given = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.CompletedProcess(given, program.wait(), output, errors)


class Program:
    """`python -m MODULE` without the time that imports take, handled as `subprocess.Popen` is.

    Args:
        module: its name.
        *arguments: of the command.
        cwd: the working directory.
        path: a folder to find modules in, before this project's.
        root: the folder of the project, or of a copy of it.
        tensorflow: whether TensorFlow is imported before its first line, or not at all so far.
        xla: whether XLA compiles what is trained, as for users, there and in workers of a sweep.
        forks_workers: whether a sweep's workers are forks, too; for users, they are new processes.
            By default if an argument asks for a sweep.
        address: of a server that another process has started; by default this one's own.
        **environment: variables besides those of this process.
    """

    def __init__(
        self,
        module: str,
        *arguments: object,
        cwd: os.PathLike[str] | str = ROOT,
        path: os.PathLike[str] | str | None = None,
        root: os.PathLike[str] | str = ROOT,
        tensorflow: bool = True,
        xla: bool = False,
        forks_workers: bool | None = None,
        address: str | None = None,
        **environment: str,
    ) -> None:
        paths = [str(each) for each in (path, None if xla else WITHOUT_XLA) if each]
        if forks_workers is None:
            forks_workers = tensorflow and any("--sweep=" in str(each) for each in arguments)
        request = {
            "module": module,
            "arguments": list(map(str, arguments)),
            "cwd": str(cwd),
            "path": paths,
            "forks_workers": forks_workers,
            "environment": {
                **os.environ,
                "PYTHONPATH": os.pathsep.join([*paths, str(root)]),
                **environment,
            },
        }
        self._files = [tempfile.TemporaryFile("w+") for _ in range(2)]  # noqa: SIM115
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(address or server(tensorflow, str(root)))
        descriptors = [file.fileno() for file in self._files]
        socket.send_fds(self._connection, [json.dumps(request).encode()], descriptors)
        self._answers = self._connection.makefile()
        self.pid = int(self._answers.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Returns the exit code, or `None` while it runs."""
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            self._end()
        return self.returncode

    def wait(self, timeout: float = 300) -> int:
        """Returns the exit code once it has ended."""
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        """Returns what it has written to standard output and error, once it has ended."""
        self.wait(timeout)
        output, errors = map(_read, self._files)
        return output, errors

    def output(self) -> str:
        """Returns what it has written to standard output so far."""
        return os.pread(self._files[0].fileno(), 1 << 20, 0).decode()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # It has ended; the answer is on its way.
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _end(self) -> None:
        self.returncode = int(self._answers.readline())
        self._answers.close()
        self._connection.close()


def _read(file: IO[str]) -> str:
    with file:
        file.seek(0)
        return file.read()


@functools.cache
def server(tensorflow: bool, root: str) -> str:
    """Returns the address of a server of warm processes, which lives as long as this process.

    Args:
        tensorflow: whether it has imported TensorFlow.
        root: the folder of the project, or of a copy of it.
    """
    modules = _HEAVY if tensorflow else _LIGHT
    # It ends with its standard input, which this process holds open.
    started = subprocess.Popen(
        [sys.executable, ROOT / "tests/warm_server.py", *modules],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # TensorFlow reads the second when it is imported, and our programs set it before.
        env={**os.environ, "PYTHONPATH": root, "TF_CPP_MIN_LOG_LEVEL": "2"},
        text=True,
    )
    output = _servers.enter_context(started).stdout
    assert output is not None
    return output.readline().strip()


_servers = contextlib.ExitStack()  # It closes their standard input and waits for them.
atexit.register(_servers.close)
