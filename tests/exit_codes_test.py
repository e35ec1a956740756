"""How a process ends: with its exit code, all written, and without what is done for nothing."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import types

import processes
import pytest

from tfcourse.command_line import exit_codes

PROGRAM = """
import atexit, os, sys, tempfile, threading, types
from tfcourse.command_line import exit_codes

class Apart:
    def __del__(self, write=os.write):  # Called where Python takes its modules apart.
        write(2, b"apart;")

apart = Apart()
folder = tempfile.TemporaryDirectory()
atexit.register(lambda: print(f"{{len(os.listdir(folder.name))}} left;", end="", file=sys.stderr))

def main():
    sys.modules["tensorflow"] = types.ModuleType("tensorflow")
    open(folder.name + "/file", "w").close()
    print(folder.name)
    {then}

with exit_codes.exits(main):
    main()
"""


def end(then="", *options):
    done = processes.python(*options, "-c", PROGRAM.format(then=then))
    return done.returncode, done.stderr, done.stdout.strip()


@pytest.mark.parametrize(
    ("then", "number"),
    [
        ("", 0),
        ("raise exit_codes.UsageError('no')", 2),
        ("raise MemoryError", 7),
        ("raise KeyboardInterrupt", 130),
        ("os.kill(os.getpid(), 15)", 143),
    ],
)
def test_what_was_registered_runs_and_nothing_is_taken_apart(then, number):
    returned, stderr, folder = end(then)
    assert returned == number
    assert stderr.endswith("1 left;")
    assert folder.startswith("/")
    assert not pathlib.Path(folder).exists()


@pytest.mark.parametrize(
    "then",
    [
        "del sys.modules['tensorflow']",
        "sys.setprofile(lambda *_: None)",
        "sys.settrace(lambda *_: None)",
        "sys.modules['__main__'] = types.ModuleType('__main__')",
    ],
)
def test_where_others_may_wait_python_ends_as_ever(then):
    returned, stderr, _ = end(then)
    assert returned == 0
    assert "apart;" in stderr


def test_a_thread_that_still_works_is_waited_for():
    then = (
        "threading.Thread(target=lambda: threading.Event().wait(0.5) "
        "or os.write(2, b'done;')).start()"
    )
    returned, stderr, _ = end(then)
    assert returned == 0
    assert "done;" in stderr


def test_a_pipe_that_nobody_reads_ends_with_141():
    program = PROGRAM.format(then="threading.Event().wait(1); print('x' * 10**6)")
    shell = '"$@" | true; echo ${PIPESTATUS[0]}'
    done = subprocess.run(
        ["bash", "-c", shell, "bash", sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(processes.ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "141"
    assert "the output was closed" in done.stderr


@pytest.mark.parametrize(("name", "number"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_signal_that_comes_while_garbage_is_collected_is_not_lost(name, number):
    # Once, where the collector begins: a second signal would end the process at once.
    kill = f"lambda phase, _: phase == 'start' and os.kill(os.getpid(), signal.{name})"
    then = f"""import gc, signal, time
    signal.signal(signal.SIGINT, signal.default_int_handler)  # A job in the background ignores it.
    gc.disable()
    gc.callbacks.append({kill})
    gc.collect()
    gc.callbacks.pop()
    time.sleep(10)"""
    assert end(then)[0] == number


def test_signal_is_sent_again_though_another_comes_meanwhile(monkeypatch):
    """And only once nothing is dropped any more."""
    sent, started = [], []

    class Thread(threading.Thread):
        def start(self):
            started.append(self)
            if len(started) == 1:
                raise KeyboardInterrupt
            super().start()
            self.join(0.2)
            assert sent == []

    monkeypatch.setattr(exit_codes.threading, "Thread", Thread)
    monkeypatch.setattr(exit_codes.signals, "raise_again", sent.append)
    dropped = types.SimpleNamespace(exc_value=exit_codes.Terminated(signal.SIGTERM))
    exit_codes._send_again(dropped)
    started[-1].join(60)
    assert sent == [signal.SIGTERM]
