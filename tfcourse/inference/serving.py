"""A classifier with its preprocessing as one TensorFlow function, from raw values to probabilities.

What goes in, by the kind of data:

    images   `images`, uint8 [examples, height, width, channels] in [0, maximum]; float32 where
             maximum is more than 255
    arrays   `features`, float32 [examples, *shape]
    tables   `numeric`, float32 [examples, numeric columns], NaN where a value is missing, and
             `categories` [examples, categorical columns]: texts, "" where one is missing, or, for
             formats without texts, the positions of categories, -1 for any other
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from tfcourse.datasets.columns import NumericColumn
from tfcourse.datasets.preprocessing import ImagePreprocessing, TablePreprocessing


@dataclasses.dataclass(frozen=True)
class Serving:
    """What is exported.

    Attributes:
        function: `tf.function` of the inputs by name that returns `probabilities`, float32
            [examples, classes].
        inputs: dict of names to `tf.TensorSpec`, with an open number of examples.
        columns: dict of the inputs of a table to the names of their columns, in order.
        categories: dict of columns to their categories, in the order of the codes.
    """

    function: object
    inputs: dict
    columns: dict
    categories: dict


def serving(classifier, *, texts):
    """Returns the `Serving` of a `Classifier`.

    Args:
        classifier: `Classifier`.
        texts: bool, whether categories go in as texts; else as whole numbers.
    """
    fitted = classifier.preprocessing
    if isinstance(fitted, TablePreprocessing):
        inputs, prepare = _table(fitted, texts)
    elif isinstance(fitted, ImagePreprocessing):
        dtype = tf.uint8 if fitted.maximum <= 255 else tf.float32
        inputs = {"images": tf.TensorSpec([None, *fitted.input_shape], dtype, "images")}

        def prepare(images):
            return tf.cast(images, tf.float32) / fitted.maximum
    else:
        inputs = {"features": tf.TensorSpec([None, *fitted.input_shape], tf.float32, "features")}

        def prepare(features):
            return (features - np.float32(fitted.shift)) / np.float32(fitted.scale)

    names = list(inputs)

    @tf.function(input_signature=list(inputs.values()))
    def function(*values):
        logits = classifier.model(prepare(**dict(zip(names, values, strict=True))), training=False)
        return {"probabilities": keras.ops.softmax(tf.cast(logits, tf.float32))}

    numeric, categorical = _columns(fitted)
    return Serving(
        function,
        inputs,
        columns={
            name: [column.name for column in columns]
            for name, columns in (("numeric", numeric), ("categories", categorical))
            if columns
        },
        categories={column.name: list(column.categories) for column in categorical},
    )


def raw_examples(classifier, features, *, texts):
    """Returns `(inputs, features)`: raw values by the names of a `Serving`, and what they become.

    Preparing raw examples can be undone, so that features that are at hand give raw values for a
    comparison. The second is what `preprocessing` makes of those, `features` but for rounding.

    Args:
        classifier: `Classifier`.
        features: float32 [examples, *input_shape].
        texts: as in `serving`.
    """
    fitted = classifier.preprocessing
    if isinstance(fitted, TablePreprocessing):
        table = _raw_table(fitted, features)
        return _table_inputs(fitted, table, texts), fitted.transform(table)
    if isinstance(fitted, ImagePreprocessing):
        raw = np.rint(features * fitted.maximum)
        raw = raw.astype(np.uint8 if fitted.maximum <= 255 else np.float32)
        return {"images": raw}, fitted.transform(raw)
    raw = features * np.float32(fitted.scale) + np.float32(fitted.shift)
    return {"features": raw}, fitted.transform(raw)


def _columns(fitted):
    """Returns the numeric and the categorical columns of a preprocessing; none but of a table."""
    columns = getattr(fitted, "columns", ())
    numeric = [column for column in columns if isinstance(column, NumericColumn)]
    return numeric, [column for column in columns if not isinstance(column, NumericColumn)]


def _table(fitted, texts):
    numeric_columns, categorical_columns = _columns(fitted)
    inputs = {}
    if numeric_columns:
        shape = [None, len(numeric_columns)]
        inputs["numeric"] = tf.TensorSpec(shape, tf.float32, "numeric")
    if categorical_columns:
        dtype = tf.string if texts else tf.int32
        shape = [None, len(categorical_columns)]
        inputs["categories"] = tf.TensorSpec(shape, dtype, "categories")

    def prepare(numeric=None, categories=None):
        standardized = _standardized(numeric, numeric_columns)
        blocks = []
        for column in fitted.columns:
            if isinstance(column, NumericColumn):
                position = numeric_columns.index(column)
                blocks.append(standardized[:, position : position + 1])
            else:
                position = categorical_columns.index(column)
                blocks.append(_one_hot(categories[:, position : position + 1], column, texts))
        return tf.concat(blocks, axis=1)

    return inputs, prepare


def _standardized(numeric, columns):
    if not columns:
        return None
    imputed = np.float32([np.nan if c.imputed is None else c.imputed for c in columns])
    mean = np.float32([column.mean for column in columns])
    deviation = np.float32([column.standard_deviation for column in columns])
    return (tf.where(tf.math.is_nan(numeric), imputed, numeric) - mean) / deviation


def _one_hot(values, column, texts):
    known = column.categories if texts else range(len(column.categories))
    if texts and column.imputed is not None:
        values = tf.where(values == "", column.imputed, values)
    return tf.cast(values == tf.constant([list(known)]), tf.float32)


def _raw_table(fitted, features):
    """Returns `{column: list of values}` that `fitted` makes `features` of."""
    table, start = {}, 0
    for column in fitted.columns:
        block = features[:, start : start + len(column.feature_names)]
        start += block.shape[1]
        if isinstance(column, NumericColumn):
            raw = block[:, 0] * np.float32(column.standard_deviation) + np.float32(column.mean)
            table[column.name] = raw.tolist()
        else:
            known, best = block.max(axis=1) > 0.5, block.argmax(axis=1)
            table[column.name] = [
                column.categories[number] if there else "(another)"
                for number, there in zip(best, known, strict=True)
            ]
    return table


def _table_inputs(fitted, table, texts):
    numeric, categorical = _columns(fitted)
    inputs = {}
    if numeric:
        inputs["numeric"] = np.float32([table[column.name] for column in numeric]).T
    if categorical:
        values = [table[column.name] for column in categorical]
        if not texts:
            values = [_codes(column, row) for column, row in zip(categorical, values, strict=True)]
        inputs["categories"] = np.array(values, object if texts else np.int32).T
    return inputs


def _codes(column, values):
    codes = {category: position for position, category in enumerate(column.categories)}
    return [codes.get(value, -1) for value in values]
