"""Dates, durations, sizes and numbers, as they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.query import values
from provgraph.query.values import DAY, HOUR, MINUTE, SECOND, Period


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("2026-11-20", DAY),
        ("2026-11-20T12:30", MINUTE),
        ("2026-11-20T12:30:15", SECOND),
        ("2026-11-20T12:30:15.25", SECOND // 100),
        ("2026-11-20T12:30:15.123456789Z", 1),
    ],
)
def test_a_moment_is_as_long_as_it_is_written(written: str, length: int) -> None:
    period = values.moment(written)
    assert period.end - period.start == length


def test_a_zone_moves_a_moment() -> None:
    here, there = values.moment("2026-11-20T12:30+05:30"), values.moment("2026-11-20T07:00Z")
    assert here == there == values.moment("2026-11-20T07:00")


@pytest.mark.parametrize(
    "written",
    ["", "today", "2026-13-01", "2026-02-30", "2026-11-20T24:01", "2026-11-20T12:30:60",
     "2026-11-20T12:30+99:00", "0000-01-01", "0001-01-01T00:00+23:59", "1600-01-01", "2300-01-01",
     "9999-12-31T23:59-23:59", "٢٠٢٦-١١-٢٠", "2026-11-20 "],
)  # fmt: skip
def test_what_is_no_moment_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="`"):
        values.moment(written)


@given(st.integers(-values.LARGEST + 1, values.LARGEST - 1))
def test_the_text_of_a_time_is_that_time(at: int) -> None:
    period = values.moment(values.moment_text(at))
    assert period.start <= at < period.end
    assert period.start == at or at % SECOND == 0


@given(st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)))
def test_a_moment_is_what_the_calendar_says(when: datetime) -> None:
    since = when.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    expected = since // timedelta(microseconds=1) * 1000
    assert values.moment(when.isoformat(timespec="microseconds")).start == expected
    assert values.day_of(expected) == values.moment(f"{when:%Y-%m-%d}")


def test_the_last_nanosecond_is_within_a_period() -> None:
    assert Period(10, 20).last == 19


@pytest.mark.parametrize(
    ("written", "expected"),
    [("30d", 30 * DAY), ("10m", 10 * MINUTE), ("1h30m", HOUR + 30 * MINUTE), ("250ms", SECOND // 4),
     ("0.5h", 30 * MINUTE), ("1w", 7 * DAY), ("1y", 365 * DAY), ("0s", 0)],
)  # fmt: skip
def test_durations_add_their_parts(written: str, expected: int) -> None:
    assert values.duration(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [("0B", 0), ("1kb", 1000), ("4gIb", 4 * 2**30), ("10MB", 10**7), ("512kB", 512_000), ("512KB", 512_000), ("4GiB", 4 * 2**30),
     ("1.5KiB", 1536), ("1PB", 10**15)],
)  # fmt: skip
def test_sizes_are_bytes(written: str, expected: int) -> None:
    assert values.size(written) == expected


@pytest.mark.parametrize("written", ["", "10", "d", "10x", "10MB", "1h 30m", "-3d", "9" * 5000])
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        values.duration(written)


@pytest.mark.parametrize("written", ["", "10", "MB", "10d", "10XB", "-3B"])
def test_what_is_no_size_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        values.size(written)


@pytest.mark.parametrize("written", ["9" * 19, "9" * 5000, "1e400", "-1e400"])
def test_a_number_that_no_store_holds_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is too large"):
        values.number(written)


@given(
    st.integers(-values.LARGEST, values.LARGEST) | st.floats(allow_nan=False, allow_infinity=False)
)
def test_a_number_is_read_as_it_is_printed(value: float) -> None:
    found = values.number(repr(value))
    assert (found, type(found)) == (value, type(value))
