import ast
import inspect
import math
import pathlib

import nbformat
import numpy as np
import pytest
import tensorflow as tf

from tfcourse import exercises

NOTEBOOKS = sorted((pathlib.Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))

# check -> (right answers, {wrong answer: a word of its hint, or "" for no hint of its own})
NUMBERS = {
    "steps_per_epoch": (
        [40, 40.0, np.int64(40)],
        {39: "other 9", 39.28: "Every", 1257: "one", 7: ""},
    ),
    "noise_factor": ([2, 2.0], {4: "variance", 0.5: "left", 48: "ratio", 3: ""}),
    "window_beta": ([0.95], {0.05: "1 - beta", 0.9: "10", 0.98: "50", 20: "number", 0.5: ""}),
    "corrected_average": (
        [15.26, 15.263, 15.3, 2.9 / 0.19],
        {2.9: "uncorrected", 15: "simple", 29: "1 - beta^2", 18.9: "old average", 7: ""},
    ),
    "first_step": ([0.001, 1e-3], {1: "gradient descent", -0.001: "positive", 0.00316: "", 5: ""}),
    "uncorrected_first_step": (
        [3.16, 3.162, math.sqrt(10), 3.1, 3.2],
        {100: "root", 1: "with the correction", 31.6: "m starts low", 0.316: "above", 7: ""},
    ),
    "decayed_rate": (
        [0.0857, 0.085737, 0.0857375, 0.086],
        {0.0735: "E9", 0.09025: "epoch 2", 0.08145: "epoch 4", 0.085: "subtract", 0.857: "factor"},
    ),
    "middle_beta": ([0.99], {0.9495: "linear", 0.9482: "log-uniform", 0.01: "1 - beta", 0.95: ""}),
    "graph": ([1, 1.0], {2: "other input", 300: "runs", 600: "runs", 0: "Without", 5: "large"}),
    "session": (
        [0.198],
        {0: "not run", 0.1: "first run", 0.2: "shorter", 0.29404: "node", 0.396: "E12", 7: ""},
    ),
    "cost": (
        [0.693, 0.6931, 0.69],
        {0.301: "natural", 1: "bits", -0.693: "positive", 0.5: "negative"},
    ),
}


def momentum(v, gradient, beta):
    return beta * v + (1 - beta) * gradient


def theta_update(theta, x, y, alpha):
    gradient = [0.0, 0.0]
    for k in range(len(x)):
        error = theta[0] + theta[1] * x[k] - y[k]
        gradient = [gradient[0] + error / len(x), gradient[1] + error * x[k] / len(x)]
    return [theta[0] - alpha * gradient[0], theta[1] - alpha * gradient[1]]


def theta_in_turn(theta, x, y, alpha):
    theta[0] -= alpha * np.mean(theta[0] + theta[1] * x - y)  # In place, as beginners do.
    theta[1] -= alpha * np.mean((theta[0] + theta[1] * x - y) * x)
    return theta


def softmax(z):
    largest = max(z)
    exponentials = [math.exp(value - largest) for value in z]
    return [value / sum(exponentials) for value in exponentials]


# check -> (right functions, {a word of the hint: wrong function})
FUNCTIONS = {
    "theta_update": (
        [theta_update, lambda theta, x, y, alpha: np.float32(theta_update(theta, x, y, alpha))],
        {
            "sum over": lambda theta, x, y, alpha: (
                theta - len(x) * (theta - theta_update(theta, x, y, alpha))
            ),
            "uphill": lambda theta, x, y, alpha: 2 * theta - theta_update(theta, x, y, alpha),
            "factor 2": lambda theta, x, y, alpha: theta_update(theta, x, y, 2 * alpha),
            "All j at once": theta_in_turn,
            "multiplied by its x": lambda theta, x, y, alpha: (
                theta - alpha * np.mean(theta[0] + theta[1] * x - y)
            ),
            "shape (2,)": lambda theta, x, y, alpha: theta[0],
            "raises IndexError": lambda theta, x, y, alpha: theta[2],
            "it returns [": lambda theta, x, y, alpha: theta,
        },
    ),
    "momentum_step": (
        [momentum],
        {
            "Without the factor": lambda v, gradient, beta: beta * v + gradient,
            "old average gets beta": lambda v, gradient, beta: momentum(v, gradient, 1 - beta),
            "Use a plus": lambda v, gradient, beta: momentum(v, -gradient, beta),
            "RMSProp": lambda v, gradient, beta: momentum(v, gradient**2, beta),
            "raises TypeError": lambda v, gradient: 0,
        },
    ),
    "adam_averages": (
        [lambda m, s, g, b1, b2: (momentum(m, g, b1), momentum(s, g**2, b2))],
        {
            "Minus in both": lambda m, s, g, b1, b2: (
                momentum(m, -g, b1),
                momentum(s, -(g**2), b2),
            ),
            "uphill": lambda m, s, g, b1, b2: (momentum(m, -g, b1), momentum(s, g**2, b2)),
            "s turns negative": lambda m, s, g, b1, b2: (
                momentum(m, g, b1),
                momentum(s, -(g**2), b2),
            ),
            "squares": lambda m, s, g, b1, b2: (momentum(m, g, b1), momentum(s, g, b2)),
            "missing": lambda m, s, g, b1, b2: (b1 * m + g, b2 * s + g**2),
            "belongs to m": lambda m, s, g, b1, b2: (momentum(m, g, b2), momentum(s, g**2, b1)),
            "First m": lambda m, s, g, b1, b2: (momentum(s, g**2, b2), momentum(m, g, b1)),
        },
    ),
    "normalize": (
        [lambda x, epsilon: (x - np.mean(x, 0)) / np.sqrt(np.var(x, 0) + epsilon)],
        {
            "E13": lambda x, epsilon: (x - np.mean(x, 0)) / (np.var(x, 0) + epsilon),
            "over the examples": lambda x, epsilon: (
                ((x.T - np.mean(x, 1)) / np.sqrt(np.var(x, 1) + epsilon)).T
            ),
            "its own mean": lambda x, epsilon: (x - np.mean(x)) / np.sqrt(np.var(x) + epsilon),
            "ddof=0": lambda x, epsilon: (
                (x - np.mean(x, 0)) / np.sqrt(np.var(x, 0, ddof=1) + epsilon)
            ),
            "subtracted": lambda x, epsilon: x / np.sqrt(np.var(x, 0) + epsilon),
            "inside the root": lambda x, epsilon: (x - np.mean(x, 0)) / (np.std(x, 0) + epsilon),
            "Epsilon is missing": lambda x, epsilon: (x - np.mean(x, 0)) / np.std(x, 0),
        },
    ),
    "placeholder": (
        [lambda w, c: c[0][0] * w**2 + c[1][0] * w + c[2][0]],
        {
            "Right for one": lambda w, c: (w - 5) ** 2,
            "E12": lambda w, c: w**2 - 20 * w + 25,
            "belongs to w^2": lambda w, c: c[2][0] * w**2 + c[1][0] * w + c[0][0],
            "shape (1,)": lambda w, c: c[0] * w**2 + c[1] * w + c[2],
        },
    ),
    "tensor": (
        [lambda array: tf.constant(array, tf.float32), lambda array: tf.cast(array, "float32")],
        {
            "numpy.ndarray": lambda array: array.astype("float32"),
            "float64": tf.constant,
            "shape (3,)": lambda array: tf.constant(array[:, 0], tf.float32),
            "values": lambda array: tf.constant(2 * array, tf.float32),
            "variable": lambda array: tf.Variable(array, dtype=tf.float32),
            "raises TypeError": lambda: None,
        },
    ),
    "softmax": (
        [softmax],
        {
            "NaN": lambda z: np.exp(z) / np.sum(np.exp(z)),
            "sum must be 1": np.exp,
            "share of each logit": lambda z: z / np.sum(z),
            "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
            "hardmax": lambda z: np.eye(len(z))[np.argmax(z)],
            "raises OverflowError": lambda z: [math.exp(v) / sum(map(math.exp, z)) for v in z],
        },
    ),
}


def check(name, answer):
    return getattr(exercises, f"check_{name}")(answer)


@pytest.mark.parametrize("name", NUMBERS)
def test_right_numbers_are_accepted_and_explained(name):
    for answer in NUMBERS[name][0]:
        feedback = check(name, answer)
        assert feedback.right is True, answer
        assert repr(feedback).startswith("✓ Right.")


@pytest.mark.parametrize("name", NUMBERS)
def test_wrong_numbers_are_refused_with_a_hint_that_keeps_the_solution(name):
    right = check(name, NUMBERS[name][0][0])
    for answer, word in NUMBERS[name][1].items():
        feedback = check(name, answer)
        assert feedback.right is False, answer
        assert word in feedback.text
        assert feedback.text != right.text
        assert f" {NUMBERS[name][0][0]}." not in feedback.text
    # One percent off is wrong, and the text says to which side.
    assert "too small" in check(name, 0.96 * NUMBERS[name][0][0] - 1e-9).text


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("answer", ["forty", [1, 2], math.nan, math.inf, True, 1j])
def test_what_is_no_number_is_refused_by_saying_what_is_expected(name, answer):
    feedback = check(name, answer)
    assert feedback.right is False
    assert feedback.text.startswith("Expected: ")
    assert repr(answer) in feedback.text


@pytest.mark.parametrize("name", [*NUMBERS, "one_hot"])
def test_none_is_no_answer_yet(name):
    feedback = check(name, None)
    assert feedback.right is None
    assert repr(feedback).startswith("○ Not answered yet. Put ")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_functions_are_accepted(name):
    for function in FUNCTIONS[name][0]:
        assert check(name, function).right is True


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore:overflow|invalid value:RuntimeWarning")
def test_wrong_functions_are_refused_with_their_hint(name):
    for word, function in FUNCTIONS[name][1].items():
        feedback = check(name, function)
        assert feedback.right is False
        assert word in feedback.text


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_returns_none_is_no_answer_yet(name):
    assert check(name, lambda *arguments: None).right is None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_no_function_or_returns_no_numbers_is_refused(name):
    assert "Expected: a function" in check(name, 5).text
    assert "It must return" in check(name, lambda *arguments: "text").text


def test_one_hot_rows():
    row = np.eye(10)
    for answer in (row[4], row[4].tolist(), [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]):
        assert exercises.check_one_hot(answer).right is True
    for answer, word in (
        (row[3], "digit 3"),
        (row[5], "digit 5"),
        (1 - row[4], "0 except"),
        (4, "ten numbers. Received: 4"),
        ([0, 0, 0, 1], "ten numbers. Received: [0, 0, 0, 1]"),
        (row[7], "0 except"),
        ("three", "ten numbers"),
    ):
        feedback = exercises.check_one_hot(answer)
        assert feedback.right is False
        assert word in feedback.text


def test_every_check_is_tested_here():
    names = {name.removeprefix("check_") for name in exercises.__all__ if name[:5] == "check"}
    assert names == {*NUMBERS, *FUNCTIONS, "one_hot"}


def test_the_chapters_have_three_exercises_each_and_no_check_is_left_over():
    # The fifth notebook is of two chapters: the first program has the slide's four questions.
    used = []
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        asked = [c for c in cells if c.cell_type == "code" and "exercises.check_" in c.source]
        assert len(asked) == (7 if path.stem[0] == "5" else 3), path.stem
        for cell in asked:
            call = ast.parse(cell.source).body[-1].value
            used.append(call.func.attr)
            assert "Not answered yet" in cell.outputs[0].data["text/plain"]
    assert sorted(used) == sorted(name for name in exercises.__all__ if name[:5] == "check")


def test_exercises_need_no_tensorflow():
    folder = pathlib.Path(inspect.getfile(exercises)).parent
    # The answer key is for instructors, and one answer is a tensor.
    for file in (file for file in folder.glob("*.py") if file.name != "key.py"):
        assert "tensorflow" not in file.read_text()
        assert "keras" not in file.read_text().lower().replace("keras does so", "")
