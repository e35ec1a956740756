"""All that decides about a sweep's results, as one dict; nothing here imports TensorFlow."""

import json
import pathlib
import sys

from tfcourse import hyperparameters as hp


def settings_of(
    train,
    base,
    space,
    *,
    dataset,
    trials,
    data_flags=None,
    recipe=None,
    tuner="random",
    objective="val_accuracy",
    seed=1,
    replicates=1,
    generation_size=None,
    pruning="none",
):
    """Returns a phase of `sweeps.Sweep`, plain enough for JSON.

    Args:
        train: function of (hyperparameters, data, seed, run) and arguments of `training.fit`, in a
            module that workers can import.
        base: `Hyperparameters`, the values of what is not searched.
        space: `search_space.Space`.
        dataset: str, one name as `datasets.load` takes it.
        trials: int >= 1, points to try.
        data_flags: `{name: text}` of a `datasets.Reading`, how the data is read.
        recipe: str, the recipe's name in the record; by default that of `train`'s module.
        tuner: str, one of `sweeps.TUNERS`.
        objective: str, the metric that ranks; one whose name ends in "loss" is to be small.
        seed: int in [0, 2**32).
        replicates: int >= 1, trainings of each point, with seeds of their own.
        generation_size: int, points chosen at once where results decide about the next; by default
            a third of the trials for coarse_to_fine, else 8.
        pruning: str, one of `sweeps.PRUNINGS`.
    """
    module, _ = module_of(train)
    if not generation_size:
        generation_size = max(4, -(-trials // 3)) if tuner == "coarse_to_fine" else 8
    settings = {
        "recipe": recipe or module.rpartition(".")[2],
        "module": module,
        "function": train.__name__,
        "hyperparameters": type(base).__name__,
        "tuner": tuner,
        "objective": objective,
        "space": space.to_json(),
        "seed": seed,
        "replicates": replicates,
        "trials": trials,
        "base": {n: d.format(getattr(base, n)) for n, d in hp.declarations(base).items()},
        "dataset": dataset,
        "generation_size": generation_size,
        "pruning": pruning,
        "max_epochs": getattr(base, "epochs", None),
    }
    if data_flags:
        settings["data_flags"] = data_flags
    return json.loads(json.dumps(settings))


def module_of(train):
    """Returns the name by which a worker imports `train`, and the folder where it has to look."""
    module = sys.modules[train.__module__]
    spec = getattr(module, "__spec__", None)
    if spec is not None:
        return spec.name, str(pathlib.Path.cwd())
    script = pathlib.Path(module.__file__).resolve()
    return script.stem, str(script.parent)
