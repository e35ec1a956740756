import re

import pytest

from tfcourse import averages, gradient_tape, layers
from tfcourse.reports import show_code


def long(x):
    """Returns x.

    And this is about something else.
    """

    def inner():
        """Inner line."""
        return x

    return inner()


def test_the_source_is_shown_with_the_first_line_of_docstrings():
    text = show_code(long).data
    assert text.endswith(
        '```python\ndef long(x):\n    """Returns x."""\n\n    def inner():\n'
        '        """Inner line."""\n        return x\n\n    return inner()\n```'
    )


def test_methods_are_dedented_and_files_are_named():
    text = show_code(averages.ExponentiallyWeightedAverage.update, layers.softmax).data
    assert re.search(r'```python\ndef update\(self, value: .*:\n    """Adds', text)
    assert text.startswith("`tfcourse/averages.py`\n\n```python\n")
    assert "\n\n`tfcourse/layers/probabilities.py`\n\n```python\ndef softmax(logits: " in text
    assert "Bishop" not in text


def test_traced_functions_and_classes_are_shown():
    assert "with tf.GradientTape() as tape:" in show_code(gradient_tape.quadratic_step).data
    text = show_code(layers.BatchNormalization).data
    assert 'class BatchNormalization(keras.layers.Layer):\n    """Normalizes each' in text
    assert "Ioffe" not in text


def test_what_has_no_source_is_refused():
    with pytest.raises((TypeError, OSError)):
        show_code(len)
