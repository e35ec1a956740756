"""What only a GPU can show, in at most 8 minutes; writes gpu.md and gpu.json.

    python -m benchmarks.gpu                   # on a machine with a GPU
    python -m benchmarks.gpu --checks=speed    # some of the checks; the others' results stay
    python -m benchmarks.gpu --smoke           # anywhere: tiny, and says what needs a GPU
    python -m benchmarks.gpu --page            # the page alone, from the results that are there

Every check is made of commands as users type them, each in a process of its own, so that one that
fails or hangs takes none of the others with it. What is timed runs alone; the other checks run side
by side. MNIST comes from the folder that TFCOURSE_MNIST_DIR names, else from where
`--dataset=mnist` finds it.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks import pages, training
from benchmarks.contestants.task import task
from benchmarks.gpu_machine import FailedError, Machine, NotRunError

SECONDS = 480  # For all of it.
SPEED_CONTESTANTS = ("tfcourse", "fit", "fit_tuned", "torch_resident", "jax")
ASK = """
import json, sys
from tfcourse.system import quiet_import
quiet_import.import_tensorflow()
from tfcourse.run_directory import environment
print(json.dumps({**environment.environment(), "host": ""}))
"""
LITTLE = """
import sys
from unittest import mock
from tfcourse.system import nvidia
sys.argv[0] = "recipes.mnist_softmax"
with mock.patch.object(nvidia, "free_bytes", lambda: 50 << 20), mock.patch.object(
    __import__("tfcourse.training.memory", fromlist=["memory"]), "_most", 0
):
    from recipes import mnist_softmax as recipe
    from tfcourse import command_line
    command_line.run(recipe.main, recipe.MnistSoftmax, dataset="mnist,digits",
                     smoke={}, build=recipe.build, train=recipe.train)
"""

# Returns what was measured: a sentence, or numbers for a table.
Check = Callable[[Machine], str | dict[str, Any]]
MODELS: dict[str, tuple[str, ...]] = {
    "batch_norm_mlp": ("--epochs=4",),
    "small_cnn": ("--model=small_cnn", "--epochs=2"),
}


def device(machine: Machine) -> str:
    """The device recorded in metrics.json"""
    found = json.loads(machine.run("-c", ASK).stdout.splitlines()[-1])
    machine.gpus = found["gpus"]
    if not found["gpus"]:
        raise NotRunError(f"TensorFlow finds no GPU: {found['why_no_gpu']}")
    if found["tensor_float_32"] or "deterministic" not in found["variables"]["XLA_FLAGS"]:
        raise FailedError(f"TF32 or autotuning is on: {found}")
    return f"{found['device']}, driver for CUDA {found['cuda_driver']}, TF32 off, kernels pinned"


def main_job(machine: Machine) -> str:
    """The reference recipe reaches the accuracy that its flagfile expects"""
    flags = ["--flagfile=configs/mnist_softmax.flags", "--timing"]
    metrics = machine.train("main", *flags, *(["--epochs=2"] if machine.smoke else []))
    stages = ", ".join(f"{stage} {took:.1f}" for stage, took in metrics["stages"].items())
    return f"{metrics['test_accuracy']:.2%} in {metrics['seconds']:.0f} s ({stages})"


def networks(machine: Machine) -> str:
    """The MLP (XLA) and the CNN (cuDNN), each trained twice: identical to the last bit"""
    told = []
    for model, flags in MODELS.items():
        accuracies = {machine.train(f"{model}{n}", *flags)["test_accuracy"] for n in (1, 2)}
        if machine.weights(f"{model}1") != machine.weights(f"{model}2"):
            raise FailedError(f"two runs of {model} end with other weights: {accuracies}")
        told.append(f"{model} {accuracies.pop():.2%}")
    return ", ".join(told)


def resume(machine: Machine) -> str:
    """Killed during training and resumed: identical to the last bit"""
    for model, flags in MODELS.items():
        machine.train(f"{model}1", *flags)
        command = [sys.executable, *machine.train_command(f"{model}3", *flags)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            while run.poll() is None and not any(
                machine.path(f"{model}3").glob("checkpoints/*.ckpt")
            ):
                time.sleep(0.01)
            run.send_signal(signal.SIGKILL)
        if run.returncode != -signal.SIGKILL:
            raise FailedError(f"{model} was over, or failed, before it could be killed")
        machine.train(f"{model}3", *flags)
        if machine.weights(f"{model}1") != machine.weights(f"{model}3"):
            raise FailedError(f"{model} ends with other weights")
    return "the MLP and the CNN, killed at their first checkpoint"


def mixed_precision(machine: Machine) -> str:
    """bfloat16"""
    told = []
    for model, flags in MODELS.items():
        metrics = machine.train(f"{model}_bfloat16", *flags, "--precision=mixed_bfloat16")
        told.append(f"{model} {metrics['test_accuracy']:.2%}")
    return ", ".join(told)


def mirrored(machine: Machine) -> str:
    """--strategy=mirrored, on all GPUs of the machine"""
    flags = (*MODELS["small_cnn"], "--strategy=mirrored")
    return f"small_cnn {machine.train('mirrored', *flags)['test_accuracy']:.2%}"


def exports(machine: Machine) -> str:
    """Every export format agrees with the model on this device to 1e-4"""
    told = []
    for model, flags in MODELS.items():
        machine.train(f"{model}1", *flags)
        for name in ("saved_model", "litert", "onnx"):
            output = machine.path(f"{model}.{name.replace('_', '')}")
            source = f"--run_dir={machine.path(f'{model}1')}"
            machine.run("-m", "recipes.export", source, f"--format={name}", f"--output={output}")
            result = json.loads(pathlib.Path(f"{output}.json").read_text(encoding="utf-8"))
            told.append(result["largest_difference"])
    return f"largest difference in a probability {max(told):.1g}"


def sweep(machine: Machine) -> str:
    """A sweep with two workers, each on its own GPU if there are two"""
    flags = [
        "--sweep=random",
        "--trials=4",
        "--workers=2",
        "--epochs=1",
        "--fix=epochs",
        "--model=softmax_regression",
    ]
    machine.train("sweep", *flags)
    rows = (machine.path("sweep") / "trials.csv").read_text(encoding="utf-8").splitlines()
    return f"{len(rows) - 1} trials"


def large_model(machine: Machine) -> str:
    """A model that does not fit into the GPU's memory is an error that gives both numbers"""
    machine.needs_gpu()
    huge = machine.run(*machine.train_command("huge", "--hidden_units=100000000"), code=7)
    if "MiB are free on the GPU" not in huge.stderr:
        raise FailedError(huge.stderr.strip()[-300:])
    return "exit code 7"


def large_data(machine: Machine) -> str:
    """Data that does not fit on the GPU is copied in batches (only 50 MiB are said to be free)"""
    machine.needs_gpu()
    words = machine.train_command("little", *MODELS["batch_norm_mlp"])
    (machine.folder / "little.py").write_text(LITTLE, encoding="utf-8")
    little = machine.run(machine.folder / "little.py", *words[2:])
    if "each batch comes from the machine's memory" not in little.stdout:
        raise FailedError("data that does not fit went to the GPU all the same")
    return "trained, with a message"


def speed(machine: Machine) -> dict[str, Any]:
    """Milliseconds per step at batch 128, with Keras's fit, PyTorch and JAX for comparison"""
    names = [name for name in SPEED_CONTESTANTS if training.CONTESTANTS[name].is_installed]
    data = machine.folder / "data.npz"
    training.write_data(data, os.environ.get("TFCOURSE_MNIST_DIR"), machine.smoke)
    table: dict[str, Any] = {}
    for model in ("softmax_regression",) if machine.smoke else training.EXAMPLES:
        examples = training.SMOKE_EXAMPLES if machine.smoke else 25_600
        trained = task(model, 128, data, max_examples=examples)
        results, skipped = training.measure_steps(names, trained, 3, on_gpu=True)
        table[model] = {name: min(result["ms"]) for name, result in results.items()}
        table[model] |= dict.fromkeys(skipped)
    return table


def pinned(machine: Machine) -> str:
    """The cost of turning XLA's autotuning off: a step of the MLP with and without it"""
    machine.needs_gpu()
    data = machine.folder / "data.npz"
    training.write_data(data, os.environ.get("TFCOURSE_MNIST_DIR"), machine.smoke)
    trained = task("batch_norm_mlp", 128, data, max_examples=25_600)
    milliseconds = []
    for flags in ("", "--xla_gpu_autotune_level=4"):
        before, os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", ""), flags
        results, _ = training.measure_steps(["tfcourse"], trained, 3, on_gpu=True)
        os.environ["XLA_FLAGS"] = before
        milliseconds.append(min(results["tfcourse"]["ms"]))
    return f"{milliseconds[0]:.3f} ms per step pinned, {milliseconds[1]:.3f} ms with autotuning"


ALONE: tuple[Check, ...] = (device, pinned, speed)  # What the others need, and what is timed.
SIDE_BY_SIDE: tuple[Check, ...] = (
    networks,
    main_job,
    exports,
    resume,
    mixed_precision,
    mirrored,
    sweep,
    large_model,
    large_data,
)


KINDS = (ALONE, SIDE_BY_SIDE)
NAMES = {check.__name__: check for kind in KINDS for check in kind}


def run_checks(machine: Machine, wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Returns {check: what it is, its status, and what was measured or why not}."""
    first, others = ([check for check in kind if check.__name__ in wanted] for kind in KINDS)
    results = [run_check(check, machine) for check in first]
    at_once = 1 if machine.smoke else max(1, (os.cpu_count() or 1) // 4)
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        results += pool.map(lambda check: run_check(check, machine), others)
    names = [check.__name__ for check in (*first, *others)]
    return dict(zip(names, results, strict=True))


def run_check(check: Check, machine: Machine) -> dict[str, Any]:
    try:
        status, measured = "passed", check(machine)
    except NotRunError as reason:
        status, measured = "not run", str(reason)
    except (FailedError, OSError, RuntimeError, ValueError, KeyError) as error:
        status, measured = "failed", f"{error}"
    print(f"{check.__name__}: {status}, {measured}", flush=True)
    is_table = isinstance(measured, dict)
    return {
        "check": check.__doc__,
        "status": status,
        "measured": "see below" if is_table else measured,
        "speed": measured if is_table else {},
        "date": str(datetime.date.today()),
        "gpus": machine.gpus,
    }


def page(results: Mapping[str, Any]) -> str:
    """Returns gpu.md; `results` is what gpu.json holds."""
    ran = {name: check for name, check in results.items() if check["gpus"]}
    return pages.render(
        "gpu.md.j2",
        checks=[ran[name] for name in NAMES if name in ran],
        missing=[(name, check.__doc__) for name, check in NAMES.items() if name not in ran],
        names=SPEED_CONTESTANTS,
        labels=training.CONTESTANTS,
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="tiny; results are none to publish")
    parser.add_argument("--page", action="store_true", help="write the page alone")
    parser.add_argument("--checks", default=",".join(NAMES), help=f"of {', '.join(NAMES)}")
    parser.add_argument("--out", type=pathlib.Path, help="where results go; docs by default")
    arguments = parser.parse_args(argv)
    out = arguments.out or pathlib.Path(tempfile.mkdtemp() if arguments.smoke else "docs")
    kept = out / "gpu.json"
    results = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    found = {}
    if not arguments.page:
        with tempfile.TemporaryDirectory() as folder:
            machine = Machine(pathlib.Path(folder), arguments.smoke, time.monotonic() + SECONDS)
            found = run_checks(machine, arguments.checks.split(","))
        # A check that could not run says nothing against an earlier run of it.
        results |= {n: c for n, c in found.items() if c["status"] != "not run" or n not in results}
        kept.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (out / "gpu.md").write_text(page(results), encoding="utf-8")
    print(f"{out}/gpu.md")
    sys.exit(any(check["status"] == "failed" for check in found.values()))


if __name__ == "__main__":
    main()
