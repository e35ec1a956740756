"""Runs a claim recipe in this process as its flagfile and --smoke would in one of its own."""

import json
import math
import pathlib
import runpy
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from unittest import mock

from recipes.claims import harness, rates
from tfcourse import command_line, datasets, run_directory
from tfcourse import hyperparameters as hp
from tfcourse.command_line import flagfiles
from tfcourse.training.compilation import steps

ROOT = pathlib.Path(__file__).parent.parent


def smoke(recipe: str, folder: pathlib.Path, **smaller: Any) -> dict[str, Any]:
    """Returns the results of a smoke run, checked as far as those of all claim recipes agree.

    Args:
        recipe: str, name of the module in recipes/.
        folder: path of the run directory.
        **smaller: hyperparameters that are to be even smaller.
    """
    results: dict[str, Any] = {}

    def start(
        main: Callable[..., dict[str, Any]],
        hyperparameters: Any,
        *,
        dataset: str | None = None,
        smoke: Mapping[str, Any],
    ) -> None:
        declared = hp.declarations(hyperparameters)
        values: dict[str, Any] = {}
        expected: set[str] = set()
        for argument in flagfiles.expand([f"--flagfile={ROOT}/configs/{recipe}.flags"]):
            name, _, text = argument.text.removeprefix("--").partition("=")
            if name in declared:
                values[name] = declared[name].parse(text)
            elif name == "expect":
                expected.add(text.split(":")[0])
            else:
                assert name == "dataset"
        values.update({n: v for n, v in smoke.items() if n != "dataset"}, **smaller)
        results.update(run(main, hyperparameters(**values), folder, smoke.get("dataset")))
        numbers = {name for name, value in results.items() if isinstance(value, (int, float))}
        assert expected & numbers  # Not all: a smoke run may have fewer networks or batch sizes.

    with mock.patch.object(command_line, "run", start):
        runpy.run_path(str(_file(recipe)), run_name="__main__")
    return results


def _file(recipe: str) -> pathlib.Path:
    folders = (ROOT / "recipes", ROOT / "recipes" / "claims")
    return next(f / f"{recipe}.py" for f in folders if (f / f"{recipe}.py").exists())


def _start_is_best(
    costs: Callable[[float], Iterable[float]], start: float, **range_: Any
) -> rates.Tuned:
    """Stands for `rates.tune`, whose trainings take most of a run; tests/judging_test.py has it."""
    reached = [float(cost) for cost in costs(start)]
    worse = [1 + abs(cost) for cost in reached]
    return rates.Tuned([start / 2, start, start * 2], [worse, reached, worse])


def run(
    main: Callable[..., dict[str, Any]],
    hyperparameters: Any,
    folder: pathlib.Path,
    dataset: str | None = "digits",
) -> dict[str, Any]:
    """Returns what `main` returns, checked as far as every claim recipe's results agree."""
    flags = {"dataset": [dataset]} if dataset else {}
    options = types.SimpleNamespace(
        seed=1, dataset=dataset, data_dir=None, reading=datasets.Reading(), smoke=True
    )
    # Compiling with XLA would take most of the time and change nothing of what this is for.
    with (
        mock.patch.object(steps, "compiles_with_xla", return_value=False),
        mock.patch.object(rates, "tune", _start_is_best),
        run_directory.open_run(folder, flags, recipe="recipe") as run_,
    ):
        data = [datasets.load(dataset)] if dataset else []
        metrics = main(hyperparameters, *data, options, run_)
    assert json.loads(json.dumps(metrics)) == metrics
    assert all(math.isfinite(v) for v in metrics.values() if isinstance(v, (int, float)))
    for row in metrics["evidence"]:
        assert row["verdict"] in harness.VERDICTS
        assert "nan" not in row["measured"]
        assert (folder / row["picture"]).read_bytes().startswith((b"\x89PNG", b"GIF8"))
    return metrics
