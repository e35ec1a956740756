"""Runs a recipe's main in this process, as its --smoke would in one of its own."""

import json
import math
import types

from tfcourse import run_directory
from tfcourse.reports import claims


def run(main, hyperparameters, folder, dataset="digits"):
    """Returns what `main` returns, checked as far as every claim recipe's results agree."""
    flags = {"dataset": [dataset]}
    options = types.SimpleNamespace(seed=1, dataset=dataset, data_dir=None, smoke=True)
    with run_directory.open_run(folder, flags, recipe="recipe") as run_:
        metrics = main(hyperparameters, options, run_)
    assert json.loads(json.dumps(metrics)) == metrics
    assert all(math.isfinite(v) for v in metrics.values() if isinstance(v, (int, float)))
    for row in metrics["evidence"]:
        assert row["verdict"] in claims.VERDICTS
        assert "nan" not in row["measured"]
        assert (folder / row["picture"]).read_bytes().startswith(b"\x89PNG")
    return metrics
