"""Kills training runs at random moments and compares what they end with.

    python -m tests.soak --kills=100 --write

Every run is a process, killed one to three times with SIGKILL at a step drawn at random, every
third time inside the write of a file, and then run to its end. What it ends with must be, byte
for byte, what an uninterrupted run ends with. The processes are forked from this one, which has
imported TensorFlow and used none of it, so that a case takes a second and not five.
"""

import argparse
import contextlib
import hashlib
import json
import mmap
import os
import pathlib
import random
import signal
import struct
import sys
import tempfile
import time
import traceback

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from tfcourse import datasets, models, optimizers, run_directory, schedules, training
from tfcourse.system import due, files
from tfcourse.training.checkpoints import checkpoint
from tfcourse.training.compilation import steps

EPOCHS = 40
BATCH_SIZE = 32
DATA = datasets.load("digits").smaller(384)
STEPS = 384 // BATCH_SIZE
DOCS = pathlib.Path(__file__).parents[1] / "docs" / "reliability.md"
_SHARED = struct.Struct("qq")  # Steps done; whether a file is being written.


def softmax_regression():
    return (
        models.softmax_regression(DATA.input_shape, DATA.num_classes),
        optimizers.Momentum(0.1),
        {},
    )


def dropout():
    model = models.batch_norm_mlp(DATA.input_shape, DATA.num_classes, (32, 16), 0.3)
    return model, optimizers.Adam(0.003), {}


def early_stopping():
    schedule = schedules.build(
        "exponential", 0.003, steps_per_epoch=STEPS, epochs=EPOCHS, decay_rate=0.97
    )
    model = models.batch_norm_mlp(DATA.input_shape, DATA.num_classes, (16,), 0.1)
    return model, optimizers.RMSProp(schedule), {"early_stopping": 12}


CLASSES = {
    "softmax regression": softmax_regression,
    "MLP with dropout": dropout,
    "own optimizer, schedule, EarlyStopping": early_stopping,
}


class Publish(keras.callbacks.Callback):
    """Lets the killer see how far training is."""

    def __init__(self, shared):
        super().__init__()
        self._shared = shared

    def on_train_batch_end(self, batch, logs=None):
        steps = int(self.model.optimizer.iterations.numpy())
        self._shared[:8] = struct.pack("q", steps)


def train(make, folder, shared, *, save_always=True):
    """Trains in this process and returns what came out, as a JSON-able dict."""
    if save_always:
        due._COST_FACTOR = 2  # More writes, more to be killed in.
    # XLA takes seconds to compile a network, in each of the hundreds of processes; what is tested
    # here does not depend on it, and softmax regression is compiled by it.
    compiles = make is softmax_regression
    steps.compiles_with_xla = lambda model: compiles
    tf.config.threading.set_intra_op_parallelism_threads(1)
    _publish_writes(shared)
    training.set_seed(1)
    model, optimizer, arguments = make()
    training.compile_classifier(model, optimizer)
    with run_directory.open_run(folder, {"epochs": [str(EPOCHS)]}, recipe="soak") as run:
        training.fit(
            model,
            DATA,
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            seed=1,
            run=run,
            steps_per_block=4,
            verbose=0,
            callbacks=[Publish(shared)],
            **arguments,
        )
        return outcome(model, run)


def outcome(model, run):
    """Returns the digests of weights, slots and record, and the number of steps."""
    weights = hashlib.sha256()
    for variable in checkpoint.variables_of(model):
        weights.update(np.ascontiguousarray(variable.numpy()).tobytes())
    arrays, state = checkpoint.Checkpoints(run, model).newest()
    arrays.pop("history train_seconds")
    for name, array in arrays.items():
        weights.update(name.encode() + array.tobytes())
    rows = (run.path / "history.csv").read_text().splitlines()
    rows = [row.split(",")[:1] + row.split(",")[2:] for row in rows]  # Without the seconds.
    # A dot file that is left over would be one that a kill has torn.
    torn = [str(path) for path in run.path.rglob(".*")]
    return {
        "weights": weights.hexdigest(),
        "record": [rows, state["best_epoch"], state["best_value"], torn],
        "steps": int(model.optimizer.iterations.numpy()),
    }


def _publish_writes(shared):
    write_file = files.write_file

    def published(*arguments, **named):
        shared[8:16] = struct.pack("q", 1)
        try:
            write_file(*arguments, **named)
        finally:
            shared[8:16] = struct.pack("q", 0)

    files.write_file = published


def start(function, *arguments):
    """Forks a process that writes what `function` returns to the pipe; returns (pid, pipe)."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    code = 1
    try:
        os.close(reader)
        with open(os.devnull, "w") as silence, contextlib.redirect_stdout(silence):
            result = json.dumps(function(*arguments))
        os.write(writer, result.encode())
        code = 0
    except BaseException as error:
        code = getattr(error, "exit_code", 1)
        if code == 1:
            traceback.print_exc()
    finally:
        os._exit(code)


def finish(pid, reader):
    """Returns (exit code, what was returned or `None`) of a process that `start` began."""
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), json.loads(text) if text else None


def kill(pid, shared, target, inside_write, rng):
    """Kills the process at `target` steps; returns whether that was inside a write, or `None`
    where it ended before."""
    deadline = time.monotonic() + 120
    waits = rng.uniform(0, 0.004)
    while True:
        steps, writing = _SHARED.unpack(shared[:16])
        if steps >= target and (writing or not inside_write):
            break
        done, _ = os.waitpid(pid, os.WNOHANG) if not writing else (0, 0)
        if done:
            return None
        if time.monotonic() > deadline:
            raise TimeoutError(f"no step {target} within two minutes")
        time.sleep(0.0003 if steps > target - 20 else 0.002)
    ends = time.perf_counter() + waits
    while time.perf_counter() < ends:
        # Some way into the write, or into the block.
        if inside_write and not _SHARED.unpack(shared[:16])[1]:
            break
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return bool(_SHARED.unpack(shared[:16])[1])


def soak(name, num_kills, rng, deadline):
    """Returns the counts of one class of run, as a dict."""
    counts = dict.fromkeys(("runs", "kills", "in_write", "resumed", "identical", "exact"), 0)
    shared = mmap.mmap(-1, _SHARED.size)
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        code, reference = finish(*start(train, CLASSES[name], root / "whole", shared))
        assert code == 0, f"the uninterrupted run ended with {code}"
        while counts["kills"] < num_kills and time.monotonic() < deadline:
            folder = root / f"run{counts['runs']}"
            counts["runs"] += 1
            killed = 0
            for target in sorted(
                rng.randrange(reference["steps"]) for _ in range(rng.randint(1, 3))
            ):
                shared[:16] = bytes(16)
                pid, reader = start(train, CLASSES[name], folder, shared)
                inside = kill(pid, shared, target, rng.random() < 0.4, rng)
                os.close(reader)
                if inside is None:
                    break
                killed += 1
                counts["in_write"] += inside
            code, result = finish(*start(train, CLASSES[name], folder, shared))
            counts["kills"] += killed
            counts["resumed"] += killed * (code == 0)
            if code:
                print(f"{name}, {folder.name}: ended with {code}", file=sys.stderr)
                continue
            same = {key: result[key] == reference[key] for key in reference}
            counts["identical"] += killed * (same["weights"] and same["record"])
            counts["exact"] += killed * same["steps"]
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="for each class of run")
    parser.add_argument("--minutes", type=float, default=60.0, help="for each class of run")
    parser.add_argument("--classes", type=int, default=len(CLASSES), help="only the first so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    lines = [
        "| run | runs | kills | inside a write | resumed | bit-identical | exact steps |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    print("\n".join(lines), flush=True)
    good = True
    for name in list(CLASSES)[: arguments.classes]:
        counts = soak(name, arguments.kills, rng, time.monotonic() + 60 * arguments.minutes)
        lines.append(f"| {name} | " + " | ".join(str(n) for n in counts.values()) + " |")
        print(lines[-1], flush=True)
        good &= counts["kills"] == counts["resumed"] == counts["identical"] == counts["exact"]
    if arguments.write:
        before, mark, rest = DOCS.read_text().partition("<!-- kills -->\n")
        after = rest.partition("<!-- end of kills -->")[2]
        table = "\n".join([*lines, ""])
        DOCS.write_text(f"{before}{mark}{table}<!-- end of kills -->{after}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
