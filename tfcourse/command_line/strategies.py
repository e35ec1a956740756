"""--strategy: the devices that a recipe's `main` trains on."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator

from tfcourse.system import devices, quiet_import


@contextlib.contextmanager
def on_devices(name: str) -> Iterator[None]:
    """Context: imports TensorFlow; trainings inside run on the devices of the strategy `name`."""
    strategy = quiet_import.import_tensorflow(prepare=lambda: devices.strategy(name))
    from tfcourse import training

    with training.on_devices(strategy):
        yield


@contextlib.contextmanager
def meeting(run_dir: pathlib.Path) -> Iterator[pathlib.Path]:
    """Waits for the other machines in TF_CONFIG; yields the run directory of this process.

    Processes that do not write the results get a temporary directory, and their output is
    discarded.
    """
    worker = devices.worker()
    # TensorFlow's own message about a lost worker fills a screen.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    print(f"Worker {worker.index} of {worker.count}: waiting for the others", flush=True)
    with on_devices("multi_worker"), contextlib.ExitStack() as stack:
        if worker.index == 0:
            yield run_dir
            return
        print("All workers have started; worker 0 writes the results", flush=True)
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="tfcourse-"))
        silence = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stdout(silence))
        yield pathlib.Path(scratch, "run")
