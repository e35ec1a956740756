import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfcourse.datasets.values import compound_numbers, durations, numbers

NUMBERS = st.floats(-1e9, 1e9).map(lambda number: round(number, 3))


def written(number, thousands, point):
    return f"{number:,.3f}".replace(",", "T").replace(".", point).replace("T", thousands)


@given(st.lists(NUMBERS, min_size=1, max_size=20), st.sampled_from([",.", ".,", " .", " ,", "'."]))
def test_numbers_are_read_back_from_whatever_style_they_are_written_in(values, marks):
    values = [*values, 1234567.25, 0.5]  # That leave no doubt.
    texts = [written(value, *marks) for value in values]
    style = numbers.find_style(texts)
    np.testing.assert_allclose(numbers.read(texts, style), values)


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["$72,318.50", "$1"], [72318.5, 1]),
        (["12 %", "3.5%"], [12, 3.5]),
        (["1.234,50 €", "€ 2"], [1234.5, 2]),
        (["(1,200)", "15"], [-1200, 15]),
        (["46,103", "1,002"], [46103, 1002]),
        (["11,88", "12,01"], [11.88, 12.01]),
        (["-$5", "$-6", "\u22127"], [-5, -6, -7]),
        (["USD 12", "13 EUR"], [12, 13]),
        (["12.5 kg", "1,300 kg", "14"], [12.5, 1300, 14]),
        (["20.1 km/l", "-3km/l"], [20.1, -3]),
        (["12,5 \u00b0C", "13,75 \u00b0C"], [12.5, 13.75]),
        (["12,34,567", "1,234"], [1234567, 1234]),  # As in India.
        (["1\u00a0234,5", "2\u202f345"], [1234.5, 2345]),
        (["1e3", " -.5 ", "7."], [1000, -0.5, 7]),
        (["0.1234D+02", "-1.5d-01", "0.D+00"], [12.34, -0.15, 0]),
        (["1.5K", "2M", "€3k", "400"], [1500, 2e6, 3000, 400]),
        (["12 k", "1.5 k"], [12, 1.5]),
        (["10,000+", "5+"], [10000, 5]),
        (["12.5-", "3", "0.5-"], [-12.5, 3, -0.5]),
        (["1.234,5-", "3,25"], [-1234.5, 3.25]),
        (["4.1/5", "3 /5"], [4.1, 3]),
        (["\u0661\u0662", "\u06f3.\u06f5", "\u096f"], [12, 3.5, 9]),
        (["1.5 \u00d7 10^-3", "2x10^3", "-1.5*10**2", "10^4"], [0.0015, 2000, -150, 10000]),
        (["1,5\u00b710\u207b\u00b2", "2,5 x 10^(\u22122)"], [0.015, 0.025]),
        (["1.2 \u00b1 0.1", "3+/-1", "1.23(4)"], [1.2, 3, 1.23]),
        (["1.2 \u00b1 0.1 kg", "2 kg"], [1.2, 2]),
        (["12.-", "\u20b9 1,10,000.50/-", "CHF 3.--"], [12, 110000.5, 3]),  # Of prices, no minus.
        (["12,-", "3,50", "1.250,\u2013"], [12, 3.5, 1250]),
        (["\u20135", "6"], [-5, 6]),
        (["0.123", "1.456"], [0.123, 1.456]),
        (["1\u2009234", "\uff11\uff12\uff0e\uff15", "\u200b7\ufeff"], [1234, 12.5, 7]),
        (["2h 50m", "19h", "1 h 30 min"], [17 / 6, 19, 1.5]),
        (["7:30", "27:45:36", "9:00"], [7.5, 27.76, 9]),
        (["1 days 06:00:00", "0 days 00:30:00"], [30, 0.5]),
        (["PT90M", "PT1H"], [1.5, 1]),
        (["5m 36s", "36s", "6m"], [5.6 / 60, 0.01, 0.1]),
        (["1 year", "2 years", "30 year"], [1, 2, 30]),
        (["'0.5'", '"1.5"', "[2.5]"], [0.5, 1.5, 2.5]),
        (["1:05.25", "58.9", "0:59.1", "1:00:00.5"], [65.25, 58.9, 59.1, 3600.5]),
        (["5'11\"", "6' 2\u2033", "6\u2019"], [71, 74, 72]),
        (
            ["5 1/2", "3/4", "2", "1-1/4", "7\u00bd", "\u00bc", 3.5],
            [5.5, 0.75, 2, 1.25, 7.5, 0.25, 3.5],
        ),
        ([3, 2.5, "4"], [3, 2.5, 4]),
    ],
)
def test_amounts_are_numbers(texts, values):
    np.testing.assert_array_equal(numbers.read(texts, numbers.find_style(texts)), values)


@pytest.mark.parametrize(
    "text",
    [
        *("1_0", "0x1", "inf", "nan", "1e999", "1.2.3", "192.168.0.1", "13:08", "01.02.2019"),
        *(
            "",
            "$",
            "--5",
            "1,2,3",
            "12 34",
            "-5-",
            "(5-)",
            "<5",
            "1e",
            "A5",
            "5 kg",
            "(5",
            "1,23.4",
            "1D5",
            "5K1",
            "5/-3",
            "10\u00b2",  # Not 102.
        ),
    ],
)
def test_what_is_no_number_is_none_in_any_style(text):
    for style in numbers.STYLES:
        assert np.isinf(numbers.read([text], style)), style


def test_limits_are_numbers_once_they_are_asked_for():
    texts = ["<0.01", ">= 5", "\u2264-2", "7", 8]
    assert [*map(numbers.is_limit, texts)] == [True, True, True, False, False]
    np.testing.assert_array_equal(numbers.read(numbers.unlimited(texts)), [0.01, 5, -2, 7, 8])


def test_other_columns_decide_about_a_dot_before_three_digits():
    texts = ["1.234", "950", "12.500"]
    assert numbers.find_style(texts) == numbers.PLAIN
    style = numbers.find_style(texts, decimal_comma=True)
    np.testing.assert_array_equal(numbers.read(texts, style), [1234, 950, 12500])


@pytest.mark.parametrize(
    ("texts", "are_thousands"),
    [
        (["845", "12.340", "1.234", "99", "101.500", "7.011", "1.999"], True),
        (["845", "12.341", "1.234", "99", "101.505", "7.011", "1.999"], False),  # Without a 0.
        (["12.340", "1.234", "99.000", "101.500", "7.011", "1.999"], False),
        (["2", "12.340", "1.234", "9", "1.500", "7.011", "1.999"], False),  # Of one size.
        (["845", "12.340", "1.234", "2019", "1.500", "7.011", "1.999"], False),
        (["845", "12.340", "0.234", "99", "1.500", "7.011", "1.999"], False),
        (["845", "12.340", "1.23", "99", "1.500", "7.011", "1.999"], False),
        (["845", "12.340", "1.234"], False),
    ],
)
def test_points_between_numbers_without_one_set_off_thousands(texts, are_thousands):
    style = numbers.find_style(texts)
    scale = 1000 if are_thousands else 1
    expected = [float(text) * (scale if "." in text else 1) for text in texts]
    np.testing.assert_allclose(numbers.read(texts, style), expected)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1,5", "2"], True),
        (["1.234,5"], True),
        (["1.234.567", "12"], True),
        (["845", "12.340", "1.234", "99", "101.500", "7.011", "1.999"], True),
        (["1.2.3", "1.4.0"], False),
        (["1,234", "5,678"], False),  # May be thousands.
        (["1.5", "2"], False),
        (["1,5", "red"], False),
    ],
)
def test_decimal_commas_are_told_from_thousands(texts, expected):
    assert numbers.has_decimal_commas(texts) == expected


@pytest.mark.parametrize(
    "texts",
    [
        ["12 kg", "300 g", "14 kg", "20 g"],  # Which is more?
        ["1st", "2nd", "3rd", "4th"],
        ["A4", "B5"],
        ["7 am", "9 pm"],
        ["7 pm", "9 pm"],
        ["1.30 p.m.", "9 p.m."],
        ["5 m", "3 ms"],
        ["5 d", "3 m"],  # Months or minutes.
        ["kg", "lb"],
        ["120/80", "135/90"],  # Two numbers, no fraction.
        ["1/2", "3/4"],  # Of what may be dates.
        ["1:05", "0:58"],
        ["5'13\"", "6'"],
        ["5 1/0", "2 1/2"],
    ],
)
def test_texts_that_end_in_no_one_unit_are_no_numbers(texts):
    style = numbers.find_style(texts)
    assert style in numbers.STYLES
    assert np.isinf(numbers.read(texts, style)).any()


def test_decimal_commas_elsewhere_do_not_make_thousands_of_fractions():
    assert numbers.find_style(["0.123", "1.456"], decimal_comma=True) == numbers.PLAIN


def test_times_of_day_and_one_unit_are_no_durations():
    assert not durations.are_in(["7:30", "13:45"])
    assert not durations.are_in(["90 m", "100 m"])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["5 kg", "3 kg"], ("kg",)),
        (["5%", "0.5"], ("", "%")),
        (["$5", "\u20ac3", "4"], ("$", "\u20ac")),
        (["$5", "4"], ()),
        (["5%", "3 %"], ()),
        (["2h 50m", "3h"], ("hours",)),
        (["1:05.25", "58.9"], ("seconds",)),
        (["5'11\"", "6'"], ("inches",)),
        (["5 1/2", "2"], ()),
    ],
)
def test_what_is_left_out_or_read_alike_is_told(texts, expected):
    assert numbers.mixed(texts, numbers.find_style(texts)) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["5 kg", "300 g", "2 kg", "700 g", "3 kg", "50 g"], ("kg", "g")),
        (["5 kg", "3 g"], ()),  # Few.
        (["0.5", "1,5", "2.5", "3,25", "7"], ("decimal point", "decimal comma")),
        (["0.5", "1,5", "2.5", "red"], ()),
        (["1st", "2nd", "3rd", "4th", "5th", "6th", "21st", "22nd", "23rd", "31st"], ()),
        (["a 5", "b 6", "c 7", "d 8", "e 9", "f 1"], ()),
    ],
)
def test_several_units_are_found(texts, expected):
    assert numbers.units(texts) == expected


def test_a_style_is_known_again():
    style = numbers.find_style(["12.5 kg", "13 kg"])
    assert style == "1234.5 kg"
    assert np.isinf(numbers.read(["300 g"], style))
    assert all(map(numbers.is_style, (style, *numbers.STYLES, *compound_numbers.STYLES)))
    assert np.isinf(numbers.read(["", "1:75.5", "1/2"], "1:05.25")).all()
    for wrong in ("", "kg", "1234.5 ", "1234.5 k1", "1234.5 " + "k" * 100, "1,2"):
        assert not numbers.is_style(wrong), wrong


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["1.2 \u00b1 0.1", "3"], ("\u00b1",)),
        (["1.2 \u00b1 0.1 kg", "3 kg"], ("kg \u00b1",)),
        (["1.25", "-3"], ()),
    ],
)
def test_uncertainties_are_told(texts, told):
    assert numbers.mixed(texts, numbers.find_style(texts)) == told


@pytest.mark.parametrize(
    "text", ["12(3)", "3x10", "5 \u00b1", "1.5 x 9^3", "1.2 \u00b1 0.1 \u00b1 0.2"]
)
def test_what_only_looks_like_a_power_or_an_uncertainty_is_no_number(text):
    assert np.isinf(numbers.read([text])).all()
