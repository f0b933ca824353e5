"""Written values -> numbers: dates, durations and sizes.

A moment is as long as it is written: `2026-11-20` is that day, `2026-11-20T12:30` that minute, with
seconds that second; without a zone it is UTC. What cannot be read raises ValueError, whose text is
for people.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_DURATIONS: Final = {
    "ms": SECOND // 1000,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
    "d": DAY,
    "w": 7 * DAY,
    "y": 365 * DAY,
}
_SIZES: Final = {
    "b": 1,
    **{f"{unit}b": 1000**power for power, unit in enumerate("kmgtp", 1)},
    **{f"{unit}ib": 1024**power for power, unit in enumerate("kmgtp", 1)},
}
LARGEST: Final = 2**63 - 1
"""What a store's integers hold."""

_MOMENT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9})\d*)?)?(Z|[+-]\d{2}:\d{2})?)?",
    re.ASCII,
)
_PART: Final = re.compile(r"(\d+)(?:\.(\d+))?([a-zA-Z]+)", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


class Period(NamedTuple):
    """Nanoseconds since the Unix epoch, UTC; the end excluded."""

    start: int
    end: int

    @property
    def last(self) -> int:
        return self.end - 1


def moment(text: str) -> Period:
    """
    >>> day = moment("2026-11-20")
    >>> day.end - day.start == DAY, day.start == moment("2026-11-20T01:00+01:00").start
    (True, True)
    """
    found = _MOMENT.fullmatch(text)
    if not found:
        raise ValueError(f"`{text}` is no date; a date is written 2026-11-20 or 2026-11-20T12:30Z")
    date, clock, seconds, fraction, zone = found.groups()
    offset = "+00:00" if zone in (None, "Z") else zone
    whole = _seconds(f"{date}T{clock or '00:00'}:{seconds or '00'}{offset}")
    if whole is None:
        raise ValueError(f"`{text}` is not in the calendar")
    start = whole * SECOND
    start += int((fraction or "").ljust(9, "0"))
    length = DAY if clock is None else MINUTE if seconds is None else SECOND
    if fraction:
        length = 10 ** (9 - len(fraction))
    if not -LARGEST <= start <= LARGEST - length:
        raise ValueError(f"`{text}` is too far away; dates go from 1678 to 2262")
    return Period(start, start + length)


def _seconds(iso: str) -> int | None:
    from datetime import UTC, datetime, timedelta

    try:
        since = datetime.fromisoformat(iso) - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return since // timedelta(seconds=1)


def day_of(at: int) -> Period:
    """The day in UTC that a time is in."""
    return Period(at // DAY * DAY, at // DAY * DAY + DAY)


def moment_text(at: int) -> str:
    """A time as the language writes it, to the nanosecond where it needs that.

    >>> moment_text(moment("2026-11-20").start), moment_text(moment("2026-11-20").last)
    ('2026-11-20T00:00:00Z', '2026-11-20T23:59:59.999999999Z')
    """
    from datetime import UTC, datetime, timedelta

    whole, fraction = divmod(at, SECOND)
    shown = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=whole)
    return f"{shown:%Y-%m-%dT%H:%M:%S}" + (f".{fraction:09d}Z" if fraction else "Z")


def duration(text: str) -> int:
    """Nanoseconds; `m` is minutes, `y` 365 days.

    >>> duration("1h30m") // MINUTE, duration("1.5d") // HOUR
    (90, 36)
    """
    return _added(text, _DURATIONS, "a duration; one is written 30d, 10m or 1h30m")


def size(text: str) -> int:
    """Bytes; in letters of either size.

    >>> size("10MB"), size("1.5KiB"), size("12B"), size("1kb")
    (10000000, 1536, 12, 1000)
    """
    return _added(text, _SIZES, "a size; one is written 10MB, 512kB or 4GiB", str.lower)


def _added(
    text: str, units: dict[str, int], wanted: str, spelled: Callable[[str], str] = str
) -> int:
    total, at = 0, 0
    for part in _PART.finditer(text):
        whole, fraction, written = part.groups()
        unit = spelled(written)
        if part.start() != at or unit not in units or len(whole) > 18:
            break
        total += int(whole) * units[unit] + round(float(f"0.{fraction or 0}") * units[unit])
        at = part.end()
    if not text or at != len(text):
        raise ValueError(f"`{text}` is not {wanted}")
    if total > LARGEST:
        raise ValueError(f"`{text}` is too large")
    return total


def number(text: str) -> int | float:
    """
    >>> number("3"), number("-1.5e3")
    (3, -1500.0)
    """
    found = _NUMBER.fullmatch(text)
    if not found:
        raise ValueError(f"`{text}` is not a number")
    if found[1] or found[2]:
        value = float(text)
        if abs(value) == float("inf"):
            raise ValueError(f"`{text}` is too large")
        return value
    if len(text) > 20 or abs(int(text)) > LARGEST:
        raise ValueError(f"`{text}` is too large")
    return int(text)
