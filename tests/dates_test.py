import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfcourse.datasets.values import dates

MOMENTS = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2068, 12, 31)).map(
    lambda moment: moment.replace(microsecond=0)
)
# Those in which every date of the range is told from all others.
FORMATS = [
    form
    for form in dates.FORMATS
    if form != dates.ISO and not dates.is_time_of_day(form) and "%f" not in form
]


@given(st.lists(MOMENTS, min_size=1, max_size=10), st.sampled_from(FORMATS))
def test_dates_are_read_back_from_the_format_they_are_written_in(moments, form):
    moments = [*moments, datetime.datetime(2019, 12, 31, 23, 58, 59)]  # No month 31.
    texts = [moment.strftime(form) for moment in moments]
    found = dates.find_format(texts)
    assert found is not None
    expected = [np.datetime64(datetime.datetime.strptime(text, form)) for text in texts]
    np.testing.assert_array_equal(dates.times(texts, found), expected)


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["2019-01-31", "2019-02-01"], "2019-01-31"),
        (["2019-01-31T13:08:00Z"], "2019-01-31T13:08"),
        (["2019-01-31 13:08:00.250"], "2019-01-31T13:08:00.250"),
        (["1/2/2019", "3/4/2019"], "2019-01-02"),  # Month first, unless a day says otherwise.
        (["1/2/2019", "13/4/2019"], "2019-02-01"),
        (["1.2.2019", "3.4.2019"], "2019-02-01"),
        ([datetime.date(2019, 1, 31)], "2019-01-31"),
        (["1949-01", "1949-12"], "1949-01-01"),
        (["Jan 2019", "Dec 2019"], "2019-01-01"),
        (["2019Q2", "2019Q4", "2020 Q1"], "2019-04-01"),
        (["Q2 2019", "Q42019"], "2019-04-01"),
        (["2019-W01", "2019W52", "2020 W05"], "2018-12-31"),
        (["2019 Jan", "2019 Dec"], "2019-01-01"),
        (["31/1/2019 1:08 p.m.", "1/2/2019 11:00 A.M."], "2019-01-31T13:08"),
        (["2019-W01-3", "2019-W02"], "2019-01-02"),
        (["20190131 1308", "20190201 1309"], "2019-01-31T13:08"),
        (["20190131 13:08:00", "20190201 13:09:00"], "2019-01-31T13:08"),
        (["2000/01", "2001/02", "2002/04"], "2000-01-01"),
        (["Thursday, January 31, 2019"], "2019-01-31"),
        (["Thu, 31 Jan 2019"], "2019-01-31"),
        (["Jan-31-2019", "Feb-1-2019"], "2019-01-31"),
        (
            ["Mon Sep 01 03:04:05 +0000 2014", "Tue Sep 02 13:04:05 +0000 2014"],
            "2014-09-01T03:04:05",
        ),
        (["Mon Apr 06 22:19:45 PDT 2009"], "2009-04-06T22:19:45"),
        (["Sat Oct  5 01:02:03 2019"], "2019-10-05T01:02:03"),
        (["Thu, 31 Jan 2019 13:08:00 GMT"], "2019-01-31T13:08"),
        (["Thu, 31 Jan 2019 13:08:00 +0200"], "2019-01-31T13:08"),
        (["2019-01-31 13:08:00 UTC"], "2019-01-31T13:08"),
        (["2019-01-31 13:08:00 EST"], "2019-01-31T13:08"),
        (["2019/01/31 1:08:00 PM GMT+1"], "2019-01-31T13:08"),
        (["January 31 2019, 01:08 PM"], "2019-01-31T13:08"),
        (["01-2019", "12-2019"], "2019-01-01"),
        ([*(f"2019-01-{day}" for day in range(10, 31)), "Start Date", "(date)"], "2019-01-10"),
        (["20190131T130800"], "2019-01-31T13:08"),
        (["2019-01-31_13-08-00"], "2019-01-31T13:08"),
        (["31/Jan/2019:13:08:00 +0000"], "2019-01-31T13:08"),
        (["31JAN2019:13:08:00"], "2019-01-31T13:08"),
        (["5 OCT 2019", "6 OCT 2019"], "2019-10-05"),
        (["31 Jan 2019, 13:08"], "2019-01-31T13:08"),
        (["Jan. 31, 2019", "Feb. 1, 2019"], "2019-01-31"),
        (["31st January 2019", "1st February 2019"], "2019-01-31"),
        (["31-01-19", "01-02-19"], "2019-01-31"),
        (["Jan-19", "Feb-19"], "2019-01-01"),
        (["10/03/2004 18.00.00", "13/03/2004 19.00.00"], "2004-03-10T18:00"),
    ],
)
def test_forms_of_dates(texts, first):
    found = dates.times(texts, dates.find_format(texts))
    assert found[0] == np.datetime64(first, "ns")


@pytest.mark.parametrize(
    "texts",
    [
        ["20190131"],
        ["1.2.3"],
        ["5-4"],
        ["40-49"],
        ["May 12"],
        ["12-May"],
        ["red"],
        ["555-1234"],
        ["2019"],
        ["2019-W99"],
        ["2000/01", "2001/02", "2009/10"],  # Seasons.
        ["12"],
        [3, 4],
        [],
    ],
)
def test_what_is_no_date(texts):
    assert dates.find_format(texts) is None


def test_parts_of_a_date():
    moments = np.array(["2019-01-31T13:30", "NaT", "1970-01-02"], "datetime64[ns]")
    np.testing.assert_array_equal(dates.part(moments, "day"), [17927, np.nan, 1])
    np.testing.assert_array_equal(dates.part(moments, "hour"), [13.5, np.nan, 0])
    assert list(dates.part(moments, "weekday")) == ["Thu", "", "Fri"]
    assert list(dates.part(moments, "month")) == ["01", "", "01"]


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_dates_far_from_today_stay_themselves(unit):
    days = np.array(["1700-02-28", "2250-01-01"], f"datetime64[{unit}]")
    np.testing.assert_array_equal(dates.part(dates.known(days), "day"), [-98557, 102268])


def test_dates_before_the_range_of_nanoseconds_are_read():
    days = np.array(["1500-01-01", "1500-01-02"], "datetime64[s]")
    np.testing.assert_array_equal(np.diff(dates.part(dates.known(days), "day")), 1)


@pytest.mark.parametrize("text", ["9999-12-31", "0001-01-01", "9999-12-31 23:59:59"])
def test_first_and_last_year_that_programs_know_mean_no_date(text):
    days = [*(f"2019-01-{day:02}" for day in range(1, 21)), text]
    assert dates.find_format(days) == dates.ISO
    for found in (dates.times(days, dates.ISO), dates.known(np.array(days, "datetime64[s]"))):
        assert np.flatnonzero(np.isnat(found)).tolist() == [20]


def test_time_of_day_is_its_hour():
    form = dates.find_format(["13:08", "9:30"])
    assert dates.is_time_of_day(form)
    assert dates.part(dates.times(["9:30"], form), "hour") == 9.5
    for text, hour in (("1:45 PM", 13.75), ("7 am", 7), ("12pm", 12), ("12 AM", 0)):
        form = dates.find_format([text])
        assert dates.is_time_of_day(form)
        assert dates.part(dates.times([text], form), "hour") == hour


def test_whole_numbers_that_are_all_days_are_dates():
    days = np.array([20190131.0, 20190201, np.nan, 20200229] * 4)
    assert dates.compact(days) == dates.COMPACT
    found = dates.times(days[:2].tolist(), dates.COMPACT)
    assert found[0] == np.datetime64("2019-01-31", "ns")
    assert dates.times(["20190131", 20190131, "2019"], dates.COMPACT)[1] == found[0]
    for wrong in (20191331.0, 20190132, 20190100, 2019, np.inf, 20190131.5):
        assert not dates.compact(np.append(days, wrong)), wrong
    for time, form in ((1359, "%Y%m%d%H%M"), (135959, "%Y%m%d%H%M%S")):
        moments = days * 100 ** (len(str(time)) // 2) + time
        assert dates.compact(moments) == form
        assert dates.is_known(form)
        read = dates.times([moments[0], f"{moments[1]:.0f}"], form)
        assert read[0].astype(str).startswith("2019-01-31T13:59")
        assert (read[1] - read[0]).astype("timedelta64[D]").astype(int) == 1
        assert not dates.compact(moments + 1), form


def test_column_may_have_dates_in_several_formats():
    texts = ["2019-01-31", "31.1.2019", "Jan 31, 2019", "2019-02-01 10:30", "1.2.2019"]
    form = dates.find_format(texts)
    assert form.count(dates.OR) == 2
    assert dates.is_known(form)
    days = dates.part(dates.times(texts, form), "day")
    np.testing.assert_array_equal(days - days[0], [0, 0, 0, 1, 1])


@pytest.mark.parametrize(
    "texts",
    [
        ["13/1/2019", "1/13/2019"],  # Day or month first: who knows of 1/2/2019.
        ["2019-01-31", "red", "1.2.2019"],
    ],
)
def test_dates_that_can_not_be_told_apart_are_none(texts):
    assert dates.find_format(texts * 9) is None


@pytest.mark.parametrize(
    ("texts", "days"),
    [
        (["3 janv. 2019", "1 f\u00e9vr. 2019", "14 mars 2019", "2 oct. 2019"], [3, 32, 73, 275]),
        (["3. Jan 2019", "1. Feb. 2019", "14. M\u00e4r 2019", "2. Okt 2019"], [3, 32, 73, 275]),
        (["3. Januar 2019", "14. M\u00e4rz 2019 "], [3, 73]),
        (["3 de enero de 2019", "14 de marzo de 2019"], [3, 73]),
        (["gennaio 2019", "marzo 2019"], [1, 60]),
    ],
)
def test_months_are_read_in_other_languages(texts, days):
    form = dates.find_format(texts)
    read = dates.times(texts, form).astype("datetime64[D]") - np.datetime64("2018-12-31")
    assert read.astype(int).tolist() == days
