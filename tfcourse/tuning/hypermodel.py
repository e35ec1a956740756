"""A recipe as a `keras_tuner.HyperModel`, for using keras-tuner directly."""

import dataclasses
import inspect
from collections.abc import Callable, Iterable
from typing import Any, Generic

import keras
import keras_tuner

from tfcourse import datasets, training, training_data
from tfcourse import hyperparameters as hyperparameter_fields
from tfcourse.training.keras_internals import build_for
from tfcourse.tuning import space as search_spaces
from tfcourse.tuning.space import Base

Trained = tuple[keras.Model, keras.callbacks.History]


class RecipeHyperModel(keras_tuner.HyperModel, Generic[Base]):
    """Builds and trains what keras-tuner draws, batch size and epochs included.

    Pass `hyperparameters=hypermodel.search_space()` and `allow_new_entries=False` to the tuner.
    With the whole space known from the start, the first trial is not in the corner of the ranges,
    and a misspelt name is an error. keras-tuner treats seed 0 as no seed. A trial trains exactly as
    `train` does with the same values.

    Args:
        build: function of (hyperparameters, data, seed) that returns a compiled model.
        train: the recipe's function of (hyperparameters, data, seed, **arguments) that returns the
            trained model and its `History`; it passes `arguments` to `training.fit`.
        base: the values of hyperparameters that are not tuned.
        data: the data that every trial trains on.
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
        train: Callable[..., Trained],
        base: Base,
        data: datasets.Dataset,
        *,
        seed: int = 1,
        tuned: Iterable[str] | None = None,
    ) -> None:
        super().__init__(name=type(base).__name__)
        self._build_model = build
        self._train = train
        self._base = base
        self._data = data
        self._seed = seed
        self._tuned = None if tuned is None else list(tuned)
        self._metrics: list[keras.Metric] = []
        self.search_space()  # Finds names that can't be tuned before the first trial.

    def search_space(self) -> keras_tuner.HyperParameters:
        """Returns the whole space as `keras_tuner.HyperParameters`.

        Of the batch sizes that take the whole training split at once, only the smallest is in it.
        """
        num_examples = training_data.num_examples(self._data.train)
        return search_spaces.search_space(self._base, self._tuned, num_examples)

    def values_in(self, hp: keras_tuner.HyperParameters) -> Base:
        """Returns the recipe's hyperparameters with the values drawn in `hp`."""
        values = search_spaces.values_in(hp, self._base)
        if "tuner/epochs" in hp.values and hasattr(values, "epochs"):  # Chosen by Hyperband.
            return dataclasses.replace(values, **{"epochs": hp.values["tuner/epochs"]})
        return values

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Returns the compiled model of a trial."""
        if not hp.space:
            hp.merge(self.search_space())
        model = self._build_model(self.values_in(hp), self._data, self._seed)
        self._metrics = model.metrics
        return model

    def fit(
        self, hp: keras_tuner.HyperParameters, model: keras.Model, *args: Any, **arguments: Any
    ) -> keras.callbacks.History:
        """Trains as `train` does, sets the weights of `model`, and returns the `History`.

        Every training starts from the beginning, also in later rounds of Hyperband: a schedule that
        spans all epochs can't continue one that spanned fewer.

        Args:
            model: the model that `build` returned; callbacks see the one that `train` builds.
            **arguments: those of `tuner.search`: hyperparameters, which override the values in
                `hp`, and arguments of `training.fit`.

        Raises:
            FatalValueError: an argument that the recipe itself determines, such as the data, was
                passed. This ends the search.
        """
        chosen = self.values_in(hp)
        if "tuner/initial_epoch" in hp.values:
            arguments.pop("initial_epoch", None)
        fields = hyperparameter_fields.declarations(chosen)
        given = {name: arguments.pop(name) for name in fields if name in arguments}
        self._check(model, args, arguments)
        trained, history = self._train(
            dataclasses.replace(chosen, **given),
            self._data,
            self._seed,
            **{"verbose": 0, **arguments},
        )
        if not model.built:
            build_for(model, training_data.first_examples(self._data.train, 1))
        model.set_weights(trained.get_weights())
        return history

    def _check(self, model: keras.Model, args: tuple[Any, ...], arguments: dict[str, Any]) -> None:
        taken = set(inspect.signature(training.fit).parameters)
        taken -= {"model", "data", "seed", "run", "run_dir"}
        refused = [*(type(value).__name__ for value in args), *sorted(set(arguments) - taken)]
        if refused:
            raise keras_tuner.errors.FatalValueError(
                "A recipe trains on the `data` of its hypermodel; `tuner.search` takes its "
                f"hyperparameters and {', '.join(sorted(taken))}. Received: {', '.join(refused)}"
            )
        if [*map(id, model.metrics)] != [*map(id, self._metrics)]:
            raise keras_tuner.errors.FatalValueError(
                "Expected the model that `build` returned, as the recipe compiled it; a tuner's "
                "`optimizer`, `loss` and `metrics` compile it anew. Set them in the recipe."
            )
