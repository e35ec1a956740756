"""A trained model with its preprocessing as one TensorFlow function of raw values.

It returns `probabilities`, or for a quantity the `prediction` in its own units.

Inputs, by the kind of data:

    images   `images`, uint8 [examples, height, width, channels] in [0, maximum]; float32 if maximum
             is more than 255
    arrays   `features`, float32 [examples, *shape]
    tables   `numeric`, float32 [examples, numeric columns], NaN where a value is missing, and
             `categories` [examples, categorical columns]: texts, "" where one is missing, or, for
             formats without texts, the positions of categories, -1 for any other
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfcourse.datasets.examples import FloatArray
from tfcourse.datasets.preprocessing import (
    ArrayPreprocessing,
    ImagePreprocessing,
    TablePreprocessing,
)
from tfcourse.datasets.tables.columns import CategoricalColumn, NumericColumn
from tfcourse.datasets.values.numbers import PLAIN
from tfcourse.inference.classifier import Classifier

Inputs = dict[str, npt.NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Serving:
    """The function to export, and its signature.

    Attributes:
        function: a `tf.function` of the inputs by name that returns a dict with `output`.
        inputs: a `tf.TensorSpec` by name, for any number of examples.
        columns: for tables, the names of the columns of each input, in order.
        categories: the categories of each column, in the order of the codes.
        output: "probabilities", float32 [examples, classes]; or "prediction", float32 [examples].
    """

    function: Callable[..., dict[str, tf.Tensor]]
    inputs: dict[str, tf.TensorSpec]
    columns: dict[str, list[str]]
    categories: dict[str, list[str]]
    output: str = "probabilities"


def serving(classifier: Classifier, *, texts: bool) -> Serving:
    """Returns the `Serving` of a classifier.

    Args:
        classifier: with a preprocessing of a kind in `KINDS`.
        texts: whether categories are passed as texts, or as integers.
    """
    kind = KINDS[type(classifier.preprocessing)](classifier.preprocessing, texts)
    specs = {
        name: tf.TensorSpec([None, *shape], dtype, name)
        for name, (shape, dtype) in kind.inputs().items()
    }

    target = classifier.target
    output = "prediction" if target else "probabilities"

    @tf.function(input_signature=list(specs.values()))
    def function(*values: tf.Tensor) -> dict[str, tf.Tensor]:
        prepared = kind.prepare(**dict(zip(specs, values, strict=True)))
        outputs = tf.cast(classifier.model(prepared, training=False), tf.float32)
        if target:
            scaled = outputs[:, 0] * np.float32(target.standard_deviation)
            return {output: scaled + np.float32(target.mean)}
        return {output: keras.ops.softmax(outputs)}

    numeric, categorical = _columns(classifier.preprocessing)
    return Serving(
        function,
        specs,
        columns={
            name: [column.name for column in columns]
            for name, columns in (("numeric", numeric), ("categories", categorical))
            if columns
        },
        categories={column.name: list(column.categories) for column in categorical},
        output=output,
    )


def raw_examples(
    classifier: Classifier, features: FloatArray, *, texts: bool
) -> tuple[Inputs, FloatArray]:
    """Returns `(inputs, features)`: raw values for the inputs of a `Serving`, and their features.

    The preprocessing can be inverted, so features give raw values for a comparison. The second
    result is the preprocessing of these raw values: `features`, except for rounding.

    Args:
        classifier: as in `serving`.
        features: [examples, *input_shape].
        texts: as in `serving`.
    """
    kind = KINDS[type(classifier.preprocessing)](classifier.preprocessing, texts)
    return kind.raw(features)


class _Kind(Protocol):
    """The inputs of one kind of data, and their preprocessing in TensorFlow and its inverse."""

    def inputs(self) -> dict[str, tuple[Sequence[int], tf.DType]]:
        """Returns the shape of an example and the type of each input."""
        ...

    def prepare(self, **inputs: tf.Tensor) -> tf.Tensor:
        """Returns the model's input."""
        ...

    def raw(self, features: FloatArray) -> tuple[Inputs, FloatArray]: ...


@dataclasses.dataclass(frozen=True)
class _Images:
    fitted: ImagePreprocessing
    texts: bool

    def inputs(self) -> dict[str, tuple[Sequence[int], tf.DType]]:
        dtype = tf.uint8 if self.fitted.maximum <= 255 else tf.float32
        return {"images": (self.fitted.input_shape, dtype)}

    def prepare(self, **inputs: tf.Tensor) -> tf.Tensor:
        return tf.cast(inputs["images"], tf.float32) / self.fitted.maximum

    def raw(self, features: FloatArray) -> tuple[Inputs, FloatArray]:
        raw = np.rint(features * self.fitted.maximum)
        raw = raw.astype(np.uint8 if self.fitted.maximum <= 255 else np.float32)
        return {"images": raw}, self.fitted.transform(raw)


@dataclasses.dataclass(frozen=True)
class _Arrays:
    fitted: ArrayPreprocessing
    texts: bool

    def inputs(self) -> dict[str, tuple[Sequence[int], tf.DType]]:
        return {"features": (self.fitted.input_shape, tf.float32)}

    def prepare(self, **inputs: tf.Tensor) -> tf.Tensor:
        return (inputs["features"] - _float32(self.fitted.shift)) / _float32(self.fitted.scale)

    def raw(self, features: FloatArray) -> tuple[Inputs, FloatArray]:
        raw = features * _float32(self.fitted.scale) + _float32(self.fitted.shift)
        return {"features": raw}, self.fitted.transform(raw)


@dataclasses.dataclass(frozen=True)
class _Table:
    fitted: TablePreprocessing
    texts: bool

    def inputs(self) -> dict[str, tuple[Sequence[int], tf.DType]]:
        numeric, categorical = _columns(self.fitted)
        inputs = {
            "numeric": ([len(numeric)], tf.float32),
            "categories": ([len(categorical)], tf.string if self.texts else tf.int32),
        }
        return {name: (shape, dtype) for name, (shape, dtype) in inputs.items() if shape != [0]}

    def prepare(self, **inputs: tf.Tensor) -> tf.Tensor:
        numeric, categorical = _columns(self.fitted)
        encoded = {}
        if numeric:
            standardized = _standardized(inputs["numeric"], numeric)
            missing = tf.cast(tf.math.is_nan(inputs["numeric"]), tf.float32)
            for position, column in enumerate(numeric):
                parts = [standardized, missing] if column.indicates_missing else [standardized]
                taken = [part[:, position : position + 1] for part in parts]
                encoded[column.name] = tf.concat(taken, axis=1)
        for position, texts in enumerate(categorical):
            values = inputs["categories"][:, position : position + 1]
            encoded[texts.name] = _one_hot(values, texts, self.texts)
        return tf.concat([encoded[column.name] for column in self.fitted.columns], axis=1)

    def raw(self, features: FloatArray) -> tuple[Inputs, FloatArray]:
        table = _raw_table(self.fitted, features)
        numeric, categorical = _columns(self.fitted)
        inputs: Inputs = {}
        if numeric:
            inputs["numeric"] = _float32([table[column.name] for column in numeric]).T
        if categorical:
            values = [
                table[column.name] if self.texts else _codes(column, table[column.name])
                for column in categorical
            ]
            inputs["categories"] = np.array(values, object if self.texts else np.int32).T
        return inputs, self._in_plain_numbers.transform(table, tell=False)  # Told of --input.

    @property
    def _in_plain_numbers(self) -> TablePreprocessing:
        """The preprocessing for numbers that are read already, such as the hours of 1h 30m."""
        columns = tuple(
            dataclasses.replace(column, written=PLAIN)
            if isinstance(column, NumericColumn) and not column.part
            else column
            for column in self.fitted.columns
        )
        return dataclasses.replace(self.fitted, columns=columns)


KINDS: dict[type, Callable[[Any, bool], _Kind]] = {
    TablePreprocessing: _Table,
    ArrayPreprocessing: _Arrays,
    ImagePreprocessing: _Images,
}


def _float32(values: npt.ArrayLike) -> FloatArray:
    return np.array(values, np.float32)


def _columns(fitted: object) -> tuple[list[NumericColumn], list[CategoricalColumn]]:
    """Returns the numeric and the categorical columns of a preprocessing, if it is a table's."""
    columns = getattr(fitted, "columns", ())
    numeric = [column for column in columns if isinstance(column, NumericColumn)]
    return numeric, [column for column in columns if not isinstance(column, NumericColumn)]


def _standardized(numeric: tf.Tensor, columns: list[NumericColumn]) -> tf.Tensor:
    imputed = _float32([np.nan if c.imputed is None else c.imputed for c in columns])
    mean = _float32([column.mean for column in columns])
    deviation = _float32([column.standard_deviation for column in columns])
    return (tf.where(tf.math.is_nan(numeric), imputed, numeric) - mean) / deviation


def _one_hot(values: tf.Tensor, column: CategoricalColumn, texts: bool) -> tf.Tensor:
    known = column.categories if texts else range(len(column.categories))
    if texts and column.imputed is not None:
        values = tf.where(values == "", column.imputed, values)
    return tf.cast(values == tf.constant([list(known)]), tf.float32)


def _raw_table(fitted: TablePreprocessing, features: FloatArray) -> dict[str, list[Any]]:
    """Returns the raw columns for which `fitted` returns `features`."""
    table: dict[str, list[Any]] = {}
    start = 0
    for column in fitted.columns:
        block = features[:, start : start + len(column.feature_names)]
        start += block.shape[1]
        if isinstance(column, NumericColumn):
            raw = block[:, 0] * np.float32(column.standard_deviation) + np.float32(column.mean)
            if column.indicates_missing:
                raw[block[:, 1] > 0.5] = np.nan
            table[column.name] = raw.tolist()
        else:
            known, best = block.max(axis=1) > 0.5, block.argmax(axis=1)
            table[column.name] = [
                column.categories[number] if there else "(another)"
                for number, there in zip(best, known, strict=True)
            ]
    return table


def _codes(column: CategoricalColumn, values: list[Any]) -> list[int]:
    codes = {category: position for position, category in enumerate(column.categories)}
    return [codes.get(value, -1) for value in values]
