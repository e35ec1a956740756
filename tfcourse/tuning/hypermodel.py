"""A recipe as a `keras_tuner.HyperModel`, for whoever drives keras-tuner directly."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Literal

import keras
import keras_tuner

from tfcourse import datasets, training
from tfcourse.tuning import space as search_spaces
from tfcourse.tuning.space import Base


class RecipeHyperModel(keras_tuner.HyperModel, Generic[Base]):
    """Builds and trains what keras-tuner draws, batch size and epochs included.

    Give a tuner `hyperparameters=hypermodel.search_space()` and `allow_new_entries=False`: with the
    whole space at the start no trial sits in the corner of the ranges, and a misspelt name raises.
    keras-tuner takes seed 0 for no seed.

    Args:
        build: function of (hyperparameters, data, seed) that returns a compiled model.
        base: has the values of all that is not tuned.
        data: what every trial trains on.
        seed: seeds every trial's training.
        tuned: names to tune; by default all that have a search range.

    Examples:
        >>> from recipes import mnist_softmax
        >>> hypermodel = mnist_softmax.hypermodel(tfcourse.datasets.load("digits"))
        >>> space = hypermodel.search_space()
        >>> space.values["learning_rate"] = 0.03
        >>> hypermodel.values_in(space).learning_rate
        0.03
    """

    def __init__(
        self,
        build: Callable[[Base, datasets.Dataset, int], keras.Model],
        base: Base,
        data: datasets.Dataset,
        *,
        seed: int = 1,
        tuned: Iterable[str] | None = None,
    ) -> None:
        super().__init__(name=type(base).__name__)
        self._build_model = build
        self._base = base
        self._data = data
        self._seed = seed
        self._tuned = None if tuned is None else list(tuned)
        self.search_space()  # A name that can't be tuned shows now, not in the first trial.

    def search_space(self) -> keras_tuner.HyperParameters:
        """Returns the whole space as `keras_tuner.HyperParameters`."""
        return search_spaces.search_space(self._base, self._tuned)

    def values_in(self, hp: keras_tuner.HyperParameters) -> Base:
        """Returns the recipe's hyperparameters with the values that `hp` has drawn."""
        return search_spaces.values_in(hp, self._base)

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Returns the compiled model of a trial."""
        if not hp.space:
            hp.merge(self.search_space())
        return self._build_model(self.values_in(hp), self._data, self._seed)

    def fit(
        self,
        hp: keras_tuner.HyperParameters,
        model: keras.Model,
        *,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        verbose: Literal[0, 1, 2] = 0,
    ) -> keras.callbacks.History:
        """Trains the model of a trial and returns its `History`."""
        chosen: Any = self.values_in(hp)  # Whose class has these three.
        return training.fit(
            model,
            self._data,
            epochs=chosen.epochs,
            batch_size=chosen.batch_size,
            early_stopping=chosen.early_stopping,
            seed=self._seed,
            callbacks=callbacks,
            verbose=verbose,
        )
