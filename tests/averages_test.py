import numpy as np
import pytest
import references

from tfcourse import averages

TOLERANCE = {"rtol": 1e-12, "atol": 0.0}
DATA = [40.0, 49.0, 45.0, 60.0, 56.0]


def test_average_has_the_courses_values():
    expected = [4, 8.5, 12.15, 16.935, 20.8415]
    average = averages.exponentially_weighted_average(DATA, 0.9)
    np.testing.assert_allclose(average, expected, **TOLERANCE)


def test_corrected_average_has_the_courses_values():
    expected = [40, 44.736842, 44.833948, 49.243966, 50.893751]
    average = averages.exponentially_weighted_average(DATA, 0.9, bias_correction=True)
    np.testing.assert_allclose(average, expected, rtol=0, atol=5e-7)


@pytest.mark.parametrize("bias_correction", [False, True])
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.98, 0.999])
@pytest.mark.parametrize("shape", [(300,), (50, 3), (20, 2, 3)])
def test_average_equals_the_weighted_sum(shape, beta, bias_correction):
    values = np.random.default_rng(0).uniform(1, 2, shape)
    average = averages.exponentially_weighted_average(values, beta, bias_correction)
    expected = references.exponentially_weighted_average(values, beta, bias_correction)
    assert average.dtype == np.float64
    np.testing.assert_allclose(average, expected, **TOLERANCE)


@pytest.mark.parametrize("wrong", [{"beta": 0.9001}, {"bias_correction": True}])
def test_tolerance_tells_arguments_apart(wrong):
    right = references.exponentially_weighted_average(DATA, beta=0.9)
    off = references.exponentially_weighted_average(DATA, **{"beta": 0.9, **wrong})
    assert not np.isclose(off, right, **TOLERANCE).any()


@pytest.mark.parametrize("bias_correction", [False, True])
def test_stream_equals_the_array(bias_correction):
    values = np.random.default_rng(1).normal(size=(30, 2))
    stream = averages.ExponentiallyWeightedAverage(0.9, bias_correction)
    expected = averages.exponentially_weighted_average(values, 0.9, bias_correction)
    np.testing.assert_array_equal([stream.update(value) for value in values], expected)


def test_stream_keeps_an_earlier_result():
    stream = averages.ExponentiallyWeightedAverage(0.5)
    first = stream.update(np.array([2.0]))
    stream.update(np.array([4.0]))
    np.testing.assert_array_equal(first, [1.0])


def test_stream_of_numbers_gives_numbers():
    assert float(averages.ExponentiallyWeightedAverage(0.5).update(3)) == 1.5


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.5, 0.7, 0.999])
@pytest.mark.parametrize(("average", "value"), [(1.0, -2.0), (1e-20, 1.0), (1.0, 1e-20)])
def test_step_is_one_of_the_recursion(average, value, beta):
    expected = beta * average + (1 - beta) * value
    result = averages.average_step(np.float32(average), np.float32(value), beta)
    assert result == pytest.approx(expected, rel=4e-7, abs=0.0)


def test_corrected_average_of_a_constant_is_the_constant():
    average = averages.exponentially_weighted_average(np.full(100, 7.0), 0.98, bias_correction=True)
    np.testing.assert_allclose(average, 7.0, **TOLERANCE)


def test_beta_zero_returns_the_values():
    np.testing.assert_array_equal(averages.exponentially_weighted_average(DATA, 0.0), DATA)


def test_integers_are_averaged_as_floats():
    np.testing.assert_allclose(
        averages.exponentially_weighted_average([1, 2], 0.5), [0.5, 1.25], **TOLERANCE
    )


def test_empty_series_has_an_empty_average():
    assert averages.exponentially_weighted_average(np.empty((0, 3)), 0.9).shape == (0, 3)


@pytest.mark.parametrize(("beta", "window"), [(0.0, 1), (0.5, 2), (0.9, 10), (0.98, 50)])
def test_effective_window(beta, window):
    assert averages.effective_window(beta) == pytest.approx(window, rel=1e-12)


@pytest.mark.parametrize("beta", [-0.1, 1.0, 2, float("nan"), float("inf"), "0.9", None, True])
@pytest.mark.parametrize(
    "call",
    [
        averages.effective_window,
        averages.ExponentiallyWeightedAverage,
        lambda beta: averages.exponentially_weighted_average(DATA, beta),
    ],
)
def test_bad_beta_raises(call, beta):
    with pytest.raises(ValueError, match=rf"`beta`.*\[0, 1\).*Received: beta={beta!r}$"):
        call(beta)


def test_values_without_axis_raise():
    with pytest.raises(ValueError, match="Received: values=3"):
        averages.exponentially_weighted_average(3.0, 0.9)
