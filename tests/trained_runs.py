"""A run directory as `recipes.mnist_softmax` leaves it, in this process and in a second."""

import types

from recipes import mnist_softmax
from tfcourse import hyperparameters as hp
from tfcourse import run_directory


def train(folder, dataset="digits", **values):
    """Trains for an epoch into `folder`, and returns the metrics."""
    chosen = {"model": "softmax_regression", "epochs": 1, "schedule": "constant", **values}
    hyperparameters = mnist_softmax.MnistSoftmax(**chosen)
    flags = {
        name: [declaration.format(getattr(hyperparameters, name))]
        for name, declaration in hp.declarations(hyperparameters).items()
    }
    flags |= {"seed": ["1"], "dataset": [dataset]}
    options = types.SimpleNamespace(seed=1, dataset=dataset, data_dir=None, smoke=True)
    with run_directory.open_run(folder, flags, recipe="mnist_softmax") as run:
        metrics = mnist_softmax.main(hyperparameters, options, run)
        run.write_metrics(metrics)
    return metrics
