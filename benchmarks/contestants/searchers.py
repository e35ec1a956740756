"""Who takes part in `benchmarks.sweeps`: each searches the same space at random in its own way.

    python -m benchmarks.contestants.searchers NAME TASK_AS_JSON

A process searches once and prints a line of JSON: when each trial ended, in seconds since the
process was started, and the scores.
"""

import dataclasses
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recipes.mnist_softmax import MnistSoftmax
    from tfcourse.datasets import Dataset

# What the driver asks for, by name.
Asked = Mapping[str, Any]
# Called when trials have ended, with the number of all that have, or `None` for one more.
Notice = Callable[[int | None], None]
Scores = list[float | None]

LABELS = {
    "tfcourse_1": "tfcourse, 1 worker",
    "tfcourse_2": "tfcourse, 2 workers",
    "keras_tuner": "keras-tuner with Keras fit",
    "keras_tuner_same": "keras-tuner, our training",
    "optuna_same": "Optuna, our training",
    **({"ray_same": "Ray Tune, our training"} if importlib.util.find_spec("ray") else {}),
}
LOW, HIGH = 1e-4, 1e-1


def base_of(task: Asked) -> "MnistSoftmax":
    from recipes.mnist_softmax import MnistSoftmax

    return MnistSoftmax(
        model=task["model"], epochs=task["epochs"], batch_size=128, schedule="constant"
    )


def tfcourse_sweep(task: Asked, ended: Notice, num_workers: int) -> Scores:
    from tfcourse import hyperparameters as hp
    from tfcourse import tuning

    train: Callable[..., Any]
    base: hp.Hyperparameters
    if task["model"] == "idle":
        from benchmarks import idle_recipe

        train, base = idle_recipe.train, idle_recipe.Idle()
        searches = {"rate": "0.01:0.9:log"}
    else:
        from recipes import mnist_softmax

        train, base = mnist_softmax.train, base_of(task)
        searches = {"learning_rate": f"{LOW}:{HIGH}:log"}
    with tempfile.TemporaryDirectory() as folder:
        sweep = tuning.search(
            train,
            base,
            folder,
            dataset=task["dataset"],
            data_dir=task["data_dir"],
            trials=task["trials"],
            seed=task["seed"],
            workers=num_workers,
            searches=searches,
            fixed=set(hp.declarations(base)) - set(searches),
            keep_models=1,
            report=False,
            watch=lambda sweep, running: ended(len(sweep.changes)),
        )
        return [sweep.score(each) for each in sweep.finished()]


def data_of(task: Asked) -> "Dataset":
    from tfcourse import datasets

    return datasets.load(task["dataset"], task["data_dir"])


def keras_tuner_search(task: Asked, ended: Notice, *, same: bool) -> Scores:
    import keras
    import keras_tuner

    from recipes import mnist_softmax
    from tfcourse import models

    data = data_of(task)

    class Plain(keras_tuner.HyperModel):
        def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
            model = models.MODELS[task["model"]](data.input_shape, 10)
            rate = hp.Float("learning_rate", LOW, HIGH, sampling="log")
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
            return model

        def fit(
            self, hp: keras_tuner.HyperParameters, model: keras.Model, **arguments: Any
        ) -> keras.callbacks.History:
            arguments["callbacks"].append(Ended())
            validation = data.validation.features, data.validation.labels
            return model.fit(
                data.train.features,
                data.train.labels,
                batch_size=128,
                epochs=task["epochs"],
                validation_data=validation,
                verbose=0,
                callbacks=arguments["callbacks"],
            )

    class Ours(Plain):
        def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
            return mnist_softmax.build(self.values(hp), data, task["seed"])

        def values(self, hp: keras_tuner.HyperParameters) -> "MnistSoftmax":
            rate = hp.Float("learning_rate", LOW, HIGH, sampling="log")
            return dataclasses.replace(base_of(task), learning_rate=rate)

        def fit(
            self, hp: keras_tuner.HyperParameters, model: keras.Model, **arguments: Any
        ) -> keras.callbacks.History:
            from tfcourse import training

            arguments["callbacks"].append(Ended())
            return training.fit(
                model,
                data,
                epochs=task["epochs"],
                batch_size=128,
                seed=task["seed"],
                callbacks=arguments["callbacks"],
                verbose=0,
            )

    class Ended(keras.callbacks.Callback):
        def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
            ended(None)

    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.RandomSearch(
            Ours() if same else Plain(),
            objective="val_accuracy",
            max_trials=task["trials"],
            seed=task["seed"] + 1,
            directory=folder,
        )
        tuner.search(verbose=0)
        return [trial.score for trial in tuner.oracle.trials.values()]


def optuna_search(task: Asked, ended: Notice) -> Scores:
    import optuna

    from recipes import mnist_softmax

    data = data_of(task)
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("learning_rate", LOW, HIGH, log=True)
        values = dataclasses.replace(base_of(task), learning_rate=rate)
        _, history = mnist_softmax.train(values, data, task["seed"], verbose=0)
        ended(None)
        return max(history.history["val_accuracy"])

    sampler = optuna.samplers.RandomSampler(seed=task["seed"])
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=task["trials"])
    return [trial.value for trial in study.trials]


def ray_search(task: Asked, ended: Notice) -> Scores:
    """Runs one trial after another in a process of Ray's, which keeps what it has loaded."""
    import logging

    import ray
    from ray import tune

    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AIR_NEW_OUTPUT="0")

    def trainable(config: dict[str, Any]) -> None:
        from recipes import mnist_softmax

        values = dataclasses.replace(base_of(task), **config)
        _, history = mnist_softmax.train(values, data_of(task), task["seed"], verbose=0)
        tune.report({"val_accuracy": max(history.history["val_accuracy"])})

    class Ended(tune.Callback):
        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            ended(None)

    ray.init(include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        cores = os.cpu_count() or 1
        tuner = tune.Tuner(
            tune.with_resources(trainable, {"cpu": cores}),
            param_space={"learning_rate": tune.loguniform(LOW, HIGH)},
            tune_config=tune.TuneConfig(num_samples=task["trials"], reuse_actors=True),
            run_config=tune.RunConfig(storage_path=folder, callbacks=[Ended()], verbose=0),
        )
        results: Any = tuner.fit()
        return [result.metrics["val_accuracy"] for result in results]


SEARCHES = {
    "tfcourse_1": lambda task, ended: tfcourse_sweep(task, ended, 1),
    "tfcourse_2": lambda task, ended: tfcourse_sweep(task, ended, 2),
    "keras_tuner": lambda task, ended: keras_tuner_search(task, ended, same=False),
    "keras_tuner_same": lambda task, ended: keras_tuner_search(task, ended, same=True),
    "optuna_same": optuna_search,
    "ray_same": ray_search,
}


def main() -> None:
    name, task = sys.argv[1], json.loads(sys.argv[2])
    # What libraries print would mix with the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    ends: list[float] = []

    def ended(count: int | None) -> None:
        """Notes that a trial has ended; `count` of them, where that is known."""
        for _ in range(1 if count is None else count - len(ends)):
            ends.append(time.time() - task["started"])

    scores = SEARCHES[name](task, ended)
    print(json.dumps({"ends": ends, "scores": scores}), file=answer, flush=True)


if __name__ == "__main__":
    main()
