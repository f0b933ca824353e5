"""How values read to a person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from provgraph.model.uri import shown
from provgraph.model.vocabulary import FIELDS, FieldType


def moment(nanoseconds: int) -> str:
    """
    >>> moment(1_780_000_000_123_000_000)
    '2026-05-28 20:26:40Z'
    """
    return f"{datetime.fromtimestamp(nanoseconds // 10**9, UTC):%Y-%m-%d %H:%M:%S}Z"


def duration(nanoseconds: int) -> str:
    """
    >>> [duration(n) for n in (1_500_000, 2_340_000_000, 95 * 10**9, 7_300 * 10**9)]
    ['1.5 ms', '2.3 s', '1 min 35 s', '2 h 01 min']
    """
    seconds = nanoseconds / 1e9
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
    return f"{int(seconds) // 3600} h {int(seconds) % 3600 // 60:02d} min"


def size(count: int) -> str:
    """
    >>> [size(n) for n in (0, 999, 12_345, 5_600_000_000)]
    ['0 B', '999 B', '12.3 kB', '5.6 GB']
    """
    if count < 1000:
        return f"{count} B"
    power = min(5, (len(str(count)) - 1) // 3)
    if count / 1000**power >= 999.95:
        power += 1
    return f"{count / 1000**power:.1f} {_SIZES[power]}"


_SIZES = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def digest(tagged: str) -> str:
    """
    >>> digest("blake3:0123456789abcdef")
    '0123456789'
    """
    return tagged.split(":", 1)[-1][:10]


def count(number: int, noun: str, plural: str = "") -> str:
    """
    >>> count(1, "run"), count(2, "run"), count(0, "entry", "entries")
    ('1 run', '2 runs', '0 entries')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


_TYPES = {field.key: field.type for fields in FIELDS.values() for field in fields}


def value(key: str, held: Any) -> str:
    """A property's value, by its type in the vocabulary.

    >>> value("size", 12_345), value("dirty", True), value("names", ("a", "b")), value("exit", None)
    ('12.3 kB', 'yes', 'a, b', '')
    """
    if held is None:
        return ""
    match _TYPES.get(key):
        case FieldType.TIME:
            return moment(held)
        case FieldType.DURATION:
            return duration(held)
        case FieldType.SIZE:
            return size(held)
        case _ if isinstance(held, bool):
            return "yes" if held else "no"
        case _ if isinstance(held, (tuple, list)):
            return ", ".join(shown(str(member)) for member in held)
        case _ if key in ("digest", "blob"):
            return digest(held)
        case _ if isinstance(held, float):
            return f"{held:.6g}"
        case _:
            return shown(str(held))


def stamp(nanoseconds: int) -> str:
    """ISO 8601 in UTC with nanoseconds, for JSON.

    >>> stamp(1_780_000_000_123_000_000)
    '2026-05-28T20:26:40.123000000Z'
    """
    whole, rest = divmod(nanoseconds, 10**9)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def plain(key: str, held: Any) -> Any:
    """A property's value for JSON: times as ISO 8601, durations in seconds, the rest as it is."""
    match _TYPES.get(key):
        case FieldType.TIME if isinstance(held, int):
            return stamp(held)
        case FieldType.DURATION if isinstance(held, int):
            return held / 1e9
        case _:
            return held
