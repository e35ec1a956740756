"""Run directories as `recipes.mnist_softmax` leaves them, made in this process."""

import functools
import pathlib
from typing import Any
from unittest import mock

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from recipes import mnist_softmax
from tfcourse import batching, datasets, run_directory, training
from tfcourse.command_line import program
from tfcourse.datasets.preprocessing import TablePreprocessing
from tfcourse.datasets.tables.columns import CategoricalColumn, NumericColumn
from tfcourse.training.compilation import steps


def train(
    folder: pathlib.Path,
    data: datasets.Dataset | None = None,
    hidden_units: tuple[int, ...] = (16,),
    **values: Any,
) -> None:
    """Trains a batch-normalized MLP for an epoch into `folder`, on the digits by default."""
    data = data or datasets.load("digits")
    hyperparameters = mnist_softmax.MnistSoftmax(
        hidden_units=hidden_units, epochs=1, schedule="constant", learning_rate=0.01, **values
    )
    flags = {name: [text] for name, text in hyperparameters.all_texts().items()}
    flags |= {"seed": ["1"], "dataset": [data.name]}
    policy = keras.config.dtype_policy()
    with run_directory.open_run(folder, flags, recipe="recipes.mnist_softmax") as run:
        # XLA would take most of the time and changes nothing of what this is for.
        with mock.patch.object(steps, "compiles_with_xla", return_value=False):
            model, history = mnist_softmax.train(
                hyperparameters, data, 1, run, tensorboard=False, verbose=0
            )
        keras.config.set_dtype_policy(policy)  # A program of its own would end here.
        training.save_model(model, run)
        metrics = training.final_metrics(model, history, data)
        program.write_model_card("mnist_softmax", run, metrics, hyperparameters)
        run.write_metrics(metrics)


def epochs_of(
    split: datasets.Split, batch_size: int, seed: int, num_epochs: int
) -> tf.data.Dataset:
    """Returns the batches of several epochs after one another, for `fit` of Keras."""
    epochs = (batching.training_batches(split, batch_size, seed, e) for e in range(num_epochs))
    return functools.reduce(lambda one, other: one.concatenate(other), epochs)


def table(num_rows: int = 120, seed: int = 0) -> tuple[dict[str, list[Any]], npt.NDArray[np.int32]]:
    """Returns raw columns, and the class of each row."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 3, num_rows)
    columns = {
        "length (mm)": (40 + 5 * kinds + rng.normal(0, 1, num_rows)).round(2).tolist(),
        "island": np.array(["Dream", "Biscoe", "Torgersen"])[kinds].tolist(),
        "year": (2007 + rng.integers(0, 3, num_rows)).tolist(),
    }
    return columns, kinds.astype(np.int32)


def table_preprocessing() -> TablePreprocessing:
    return TablePreprocessing(
        label="species",
        class_names=("Adelie", "Gentoo", "Chinstrap"),
        columns=(
            NumericColumn("length (mm)", 45.0, 4.0, imputed=44.0),
            CategoricalColumn("island", ("Biscoe", "Dream", "Torgersen"), imputed="Dream"),
            NumericColumn("year", 2008.0, 0.8),
        ),
        source="penguins.csv",
    )


def table_dataset() -> datasets.Dataset:
    fitted = table_preprocessing()
    train, validation, test = (
        datasets.Split(fitted.transform(columns), labels)
        for columns, labels in (table(seed=seed) for seed in range(3))
    )
    return datasets.Dataset(
        name="penguins",
        class_names=fitted.class_names,
        origin=fitted.source,
        preprocessing=fitted,
        train=train,
        validation=validation,
        test=test,
    )
