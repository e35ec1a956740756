"""Runs Python programs as `python -m` and `python -c` do, in forks of one that has imported much.

Importing TensorFlow takes longer than most programs of the tests. This process imports it, and
computes nothing with it: its children start threads and devices of their own, as a new process
would. What a test wants to know of a start itself, it has to see in a process of its own.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import traceback
import types
from multiprocessing import connection, forkserver

from tfcourse.system import quiet_import


def load(modules):
    """Imports the modules; TensorFlow as our programs do."""
    for name in modules:
        # What `import_tensorflow` looks for would start TensorFlow's threads.
        hidden = quiet_import._OPTIONAL if name == "tensorflow" else ()
        with quiet_import._hidden(hidden):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # Else a child copies the memory of whatever its collector looks at.


def serve(address):
    """Answers requests on a Unix socket until standard input is closed.

    A request is JSON with `module`, `arguments`, `cwd`, `path` and `environment`, and comes with
    descriptors for standard output and error. The answers are the process's number, and its exit
    code once it has ended, negative for a signal, each on a line.
    """
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    running = {}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(16)
        print(address, flush=True)
        while True:
            ready, _, _ = select.select([listener, woken, sys.stdin], [], [])
            if woken in ready:
                os.read(woken, 4096)
                _tell_of_ended(running)
            if listener in ready:
                connection, _ = listener.accept()
                request, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 2)
                number = os.fork()
                if number == 0:
                    _become(json.loads(request), descriptors)
                for descriptor in descriptors:
                    os.close(descriptor)
                running[number] = connection
                connection.sendall(f"{number}\n".encode())
            if sys.stdin in ready:  # Nobody writes to it: the tests are over.
                return


def _tell_of_ended(running):
    while running:
        number, status = os.waitpid(-1, os.WNOHANG)
        if number == 0:
            return
        with running.pop(number) as connection, contextlib.suppress(BrokenPipeError):
            connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(request, descriptors):
    """Is the program that was asked for, from its first line to its end."""
    signal.set_wakeup_fd(-1)
    for kind in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(kind, signal.SIG_DFL)  # The tests may run in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in enumerate((os.open(os.devnull, os.O_RDONLY), *descriptors)):
        os.dup2(descriptor, number)
    os.closerange(3, 256)  # The server's own.
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[:1] = [request["cwd"], *request["path"]]  # In the place of this file's folder.
    for path in request["path"]:
        if os.path.exists(f"{path}/sitecustomize.py"):
            runpy.run_path(f"{path}/sitecustomize.py")  # As Python does when it starts.
    if request["forks_workers"]:
        _fork_workers_from_here()
    sys.argv[:] = [request["module"], *request["arguments"]]
    sys.orig_argv[:] = [sys.executable, "-m", *sys.argv]
    os._exit(_exit_code(request["module"]))


def _fork_workers_from_here():
    """Makes Dask fork this program's workers from a copy of this process as it is now.

    The copy is the server of the start method "forkserver", which would import all anew.
    """
    import dask
    import distributed

    dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
    distributed.utils._forkserver_preload_set = True  # Nothing is left to import.
    server = forkserver._forkserver
    listener = socket.socket(socket.AF_UNIX)
    address = connection.arbitrary_address("AF_UNIX")
    listener.bind(address)
    listener.listen()
    alive_r, alive_w = os.pipe()
    number = os.fork()
    if number == 0:
        os.close(alive_w)
        try:
            forkserver.main(listener.detach(), alive_r, [])
        finally:
            os._exit(0)
    listener.close()
    os.close(alive_r)
    server._forkserver_address = address
    server._forkserver_alive_fd = alive_w
    server._forkserver_pid = number


def _exit_code(module):
    """Runs the program and what Python does at its end; returns its exit code."""
    code = 0
    try:
        if module == "-c":
            sys.modules["__main__"] = types.ModuleType("__main__")
            exec(sys.argv.pop(1), vars(sys.modules["__main__"]))
        else:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # As Python's end does, it waits for threads that are no daemons.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    with quiet_import.silenced():
        load(sys.argv[1:])
    folder = tempfile.mkdtemp()  # No TemporaryDirectory: a child's end would remove it.
    try:
        serve(f"{folder}/socket")
    finally:
        shutil.rmtree(folder)
