"""Training steps per second, and whole commands, beside the peers.

    python -m benchmarks.training

Every contestant is a process of its own, with its framework's default threads. For the steps the
processes stay alive and train one epoch each in turns, so that a slow moment of the machine hits
all, and only one works at a time; imports, compilation and a first epoch come before. Every
epoch ends with its loss and accuracy in Python, and nobody validates. For whole commands, and for
the race to an accuracy (`--parts=races`), each round starts every process anew. Results are merged
into performance_training.json, model by model and batch by batch; the page and the picture are
written from that.
"""

import argparse
import contextlib
import datetime
import os
import pathlib
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import training_report
from benchmarks.contestants import CONTESTANTS, FLOOR
from benchmarks.contestants.process import ContestantFailedError, Process
from benchmarks.contestants.task import task
from benchmarks.training_processes import (
    COMMAND_EPOCHS,
    COMMAND_MODEL,
    in_turns,
    run_commands,
    run_races,
)
from tfcourse.run_directory import environment

Results = dict[str, dict[str, Any]]  # By contestant.
PACKAGES = ("tensorflow", "keras", "torch", "jax", "numpy")  # Whose versions are told.
# All batch sizes divide these: no contestant has to deal with a smaller last batch.
EXAMPLES = {"softmax_regression": 53_760, "batch_norm_mlp": 25_600, "small_cnn": 3_584}
MODELS = tuple(EXAMPLES)
RACES = {"batch_norm_mlp": 0.98, "small_cnn": 0.99}
RACE_EXAMPLES = 53_760
SMOKE_EXAMPLES = 512


def measure_steps(
    names: Sequence[str], task: Mapping[str, Any], num_rounds: int, *, on_gpu: bool = False
) -> tuple[Results, dict[str, str]]:
    """Returns milliseconds per step, losses and more of one model and batch, and who failed.

    The contestants train in turns, each round in another order.
    """
    num_steps = task["max_examples"] // task["batch_size"]
    skipped: dict[str, str] = {}
    threads: dict[str, int | str] = {}
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with contextlib.ExitStack() as stack:
        processes = {}
        for name in names:  # What they import, they import side by side.
            processes[name] = stack.enter_context(Process(name, task, on_gpu=on_gpu))
        for name in names:
            try:
                threads[name] = processes[name].threads()
                answers[name].append(processes[name].train_epoch())
            except ContestantFailedError as error:
                skipped[name] = str(error)
                print(f"{name} is left out: {error}", flush=True)
        running = [name for name in names if name not in skipped]
        for _, name in in_turns(running, num_rounds):
            answers[name].append(processes[name].train_epoch())
    results = {name: summary(answers[name], num_steps) for name in running}
    for name, result in results.items():
        result["threads"] = threads[name]
        if name not in FLOOR and not result["last_loss"] < result["first_loss"]:
            raise RuntimeError(f"{name} does not learn {task['model']}: {result}")
    return results, skipped


def summary(answers: Sequence[Mapping[str, Any]], num_steps: int) -> dict[str, Any]:
    first, *rounds = answers
    result: dict[str, Any] = {
        "ms": [1e3 * answer["seconds"] / num_steps for answer in rounds],
        "first_loss": first["loss"],
        "last_loss": rounds[-1]["loss"],
        "accuracy": rounds[-1]["accuracy"],
    }
    if "parts" in first:
        result["parts"] = [answer["parts"] for answer in rounds]
    return result


def with_floor(results: Results) -> Results:
    """Puts the libraries' floors together: of each product, the fastest in its round."""
    parts = [result.pop("parts") for name, result in results.items() if name in FLOOR]
    kept = {name: result for name, result in results.items() if name not in FLOOR}
    if parts:
        fastest = np.min(np.array(parts), axis=0)  # [rounds, products]
        kept["floor"] = {"ms": [1e3 * float(seconds) for seconds in fastest.sum(axis=1)]}
    return kept


def write_data(path: pathlib.Path, data_dir: str | None, smoke: bool) -> None:
    """Writes what all contestants read: MNIST, or images that are easy to tell apart."""
    arrays: dict[str, Any]
    if smoke:
        arrays = separable_images()
    else:
        from tfcourse import datasets

        mnist: Any = datasets.load("mnist", data_dir)
        arrays = {
            "train_images": pixels(mnist.train.features),
            "train_labels": mnist.train.labels,
            "test_images": pixels(mnist.test.features),
            "test_labels": mnist.test.labels,
        }
    np.savez(path, **arrays)


def pixels(features: np.ndarray) -> np.ndarray:
    return np.rint(255 * features).astype("uint8")


def separable_images() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    prototypes = rng.integers(0, 200, size=(10, 28, 28, 1))
    arrays = {}
    for split in ("train", "test"):
        labels = rng.integers(0, 10, size=SMOKE_EXAMPLES).astype("int32")
        noise = rng.integers(0, 50, size=(SMOKE_EXAMPLES, 28, 28, 1))
        arrays[f"{split}_images"] = (prototypes[labels] + noise).astype("uint8")
        arrays[f"{split}_labels"] = labels
    return arrays


def section(results: Mapping[str, Any], **others: Any) -> dict[str, Any]:
    return {
        "contestants": results,
        "date": str(datetime.date.today()),
        "load": round(os.getloadavg()[0], 1),
        "environment": environment.machine(PACKAGES),
        **others,
    }


def chosen(arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Returns the contestants that are wanted and installed, the floor's libraries apart."""
    wanted = arguments.contestants.split(",") if arguments.contestants else [*CONTESTANTS, "floor"]
    unknown = set(wanted) - {*CONTESTANTS, "floor"}
    if unknown:
        raise SystemExit(f"--contestants: {', '.join(CONTESTANTS)}, floor; received {unknown}")
    names = [name for name in CONTESTANTS if name in wanted and CONTESTANTS[name].is_installed]
    for name in set(wanted) - set(names) - {"floor"}:
        print(f"{name} is left out: {', '.join(CONTESTANTS[name].packages)} not installed")
    floor = [name for name in FLOOR if "floor" in wanted and FLOOR[name].is_installed]
    return names, floor


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="epochs of each, in turns")
    parser.add_argument("--race_rounds", type=int, default=3, help="fresh processes of each")
    parser.add_argument("--command_rounds", type=int, default=3, help="whole commands of each")
    parser.add_argument("--parts", default="steps,commands", help="of steps, commands, races")
    parser.add_argument("--models", default=",".join(MODELS), help="which tables")
    parser.add_argument("--batches", default="32,128", help="which columns")
    parser.add_argument("--contestants", default="", help="which rows; all by default")
    parser.add_argument("--data_dir", help="directory with MNIST's original files")
    parser.add_argument("--out", type=pathlib.Path, help="where results go; docs by default")
    parser.add_argument("--smoke", action="store_true", help="tiny synthetic data, a few seconds")
    arguments = parser.parse_args(argv)
    if unknown := set(arguments.models.split(",")) - set(MODELS):
        parser.error(f"--models: {', '.join(MODELS)}; received {unknown}")
    if not arguments.out:
        # Numbers of a smoke test are none to publish.
        arguments.out = pathlib.Path(tempfile.mkdtemp() if arguments.smoke else "docs")
    for batch_size in map(int, arguments.batches.split(",")):
        for model in arguments.models.split(","):
            if (SMOKE_EXAMPLES if arguments.smoke else EXAMPLES[model]) % batch_size:
                parser.error(f"--batches: an epoch of {model} is no multiple of {batch_size}")
    arguments.data_dir = arguments.data_dir or os.environ.get("TFCOURSE_MNIST_DIR")
    return arguments


def main(argv: list[str] | None = None) -> None:
    arguments = parse_arguments(argv)
    names, floor = chosen(arguments)
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "data.npz"
        write_data(data, arguments.data_dir, arguments.smoke)
        for model in arguments.models.split(","):
            if "steps" in arguments.parts.split(","):
                for batch_size in map(int, arguments.batches.split(",")):
                    steps_section(arguments, names, floor, model, batch_size, data)
            if "races" in arguments.parts.split(",") and model in RACES:
                race_section(arguments, names, model, data)
        if "commands" in arguments.parts.split(","):
            command_section(arguments, names, data, pathlib.Path(folder))
    training_report.write(arguments.out)
    print(f"{arguments.out}/performance_training.md")


def steps_section(
    arguments: argparse.Namespace,
    names: list[str],
    floor: list[str],
    model: str,
    batch_size: int,
    data: pathlib.Path,
) -> None:
    examples = SMOKE_EXAMPLES if arguments.smoke else EXAMPLES[model]
    trained = task(model, batch_size, data, max_examples=examples)
    names = able(names, model)
    results, skipped = measure_steps([*names, *floor], trained, arguments.rounds)
    results = with_floor(results)
    for name, result in results.items():
        print(f"{model} {batch_size} {name}: {statistics.median(result['ms']):.3f} ms", flush=True)
    measured = section(results, skipped=skipped, rounds=arguments.rounds, examples=examples)
    training_report.merge(arguments.out, "steps", f"{model}/{batch_size}", measured)


def race_section(
    arguments: argparse.Namespace, names: list[str], model: str, data: pathlib.Path
) -> None:
    target = 0.2 if arguments.smoke else RACES[model]
    examples = SMOKE_EXAMPLES if arguments.smoke else RACE_EXAMPLES
    # A race of all takes long; what is measured when it is stopped, is kept.
    for results in run_races(
        able(names, model), model, target, data, arguments.race_rounds, examples
    ):
        rounds = max(map(len, results.values()))
        measured = section(results, target=target, rounds=rounds, examples=examples)
        training_report.merge(arguments.out, "races", model, measured)


def command_section(
    arguments: argparse.Namespace, names: list[str], data: pathlib.Path, folder: pathlib.Path
) -> None:
    examples = SMOKE_EXAMPLES if arguments.smoke else RACE_EXAMPLES
    names = [name for name in ("recipe", *able(names, COMMAND_MODEL)) if name != "torch_example"]
    num_rounds, smoke = arguments.command_rounds, arguments.smoke
    results = run_commands(names, data, folder, num_rounds, examples, smoke)
    measured = section(results, rounds=num_rounds, examples=examples, epochs=COMMAND_EPOCHS)
    training_report.merge(arguments.out, "commands", COMMAND_MODEL, measured)


def able(names: Sequence[str], model: str) -> list[str]:
    return [name for name in names if model in (CONTESTANTS[name].models or MODELS)]


if __name__ == "__main__":
    main()
