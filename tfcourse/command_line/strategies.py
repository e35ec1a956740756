"""--strategy: from the flag to the devices that a recipe's `main` trains on."""

import contextlib
import os
import pathlib
import tempfile

from tfcourse import devices, quiet_import


@contextlib.contextmanager
def meeting(options):
    """Waits for the other machines, if there are any; yields the run directory of this process.

    They meet before the run directory is opened, so that a refusal there ends them all. Those
    that do not write the results get a directory that goes with them, and a standard output that
    nobody reads.
    """
    if options.strategy != "multi_worker":
        yield options.run_dir
        return
    worker = devices.worker()
    # What TensorFlow itself would say of a worker that is gone, takes a screen.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    print(f"Worker {worker.index} of {worker.count}: waiting for the others", flush=True)
    with _trained_on(options.strategy), contextlib.ExitStack() as stack:
        if worker.index == 0:
            yield options.run_dir
            return
        print("All are there; worker 0 writes the results", flush=True)
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="tfcourse-"))
        silence = stack.enter_context(open(os.devnull, "w"))
        stack.enter_context(contextlib.redirect_stdout(silence))
        yield pathlib.Path(scratch, "run")


@contextlib.contextmanager
def trained_on(options):
    """Imports TensorFlow; while it is open, trainings run on the devices that --strategy names."""
    if options.strategy == "mirrored":
        with _trained_on(options.strategy):
            yield
        return
    if options.strategy == "none":
        quiet_import.import_tensorflow()
    yield


@contextlib.contextmanager
def _trained_on(name):
    strategy = quiet_import.import_tensorflow(prepare=lambda: devices.strategy(name))
    from tfcourse import training

    with training.on_devices(strategy):
        yield
