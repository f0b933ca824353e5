"""A text that sorts as a node's time and id do together, so that an answer of ids in order takes one
property of each node instead of two.

Neo4j keeps a text beside the node's other values if it has at most 54 digits of hexadecimal, and
elsewhere if there is another letter in it, which takes half as long again to read. So the id's letter is
said by its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from provgraph.model.elements import Value

SORT_KEY: Final = "sort_key"
"""What the property is called."""

_TIMED, _TIMELESS = "0", "1"  # null comes last
_ID: Final = 17
"""Where the id begins in a key with a time: after its mark and 16 digits."""
_LETTERS: Final = {f"{number:02x}": chr(number) for number in range(128)}


def sort_key(at: Value, id: str) -> str | None:
    """None where there is no such text: a time is a whole number of 64 bits, and an id begins with
    an ASCII character.

    >>> sort_key(1, "v0123456789abcdef0123456789")
    '08000000000000001760123456789abcdef0123456789'
    >>> sort_key(None, "g1"), sort_key(2**63, "v1"), sort_key(1, "\N{LATIN SMALL LETTER E WITH ACUTE}")
    ('1671', None, None)
    """
    if not id[:1].isascii() or not id:
        return None
    told = f"{ord(id[0]):02x}{id[1:]}"
    match at:
        case None:
            return f"{_TIMELESS}{told}"
        case int() if -(2**63) <= at < 2**63:
            return f"{_TIMED}{at + 2**63:016x}{told}"
        case _:
            return None


def ids_in_order(groups: Iterable[list[str]]) -> list[str] | None:
    """The ids of nodes by the sort keys of each group, one group after the other; None where a node
    has none, for which the empty text stands.

    >>> ids_in_order([[sort_key(2, "v1"), sort_key(1, "v2")], [sort_key(None, "a3"), sort_key(9, "v0")]])
    ['v2', 'v1', 'v0', 'a3']
    >>> ids_in_order([["", sort_key(1, "v2")]])
    """
    ids: list[str] = []
    for keys in groups:
        keys.sort()
        if not keys[0]:
            return None
        timed = len(keys) if keys[-1][0] == _TIMED else _number_of_timed(keys)
        ids += [_LETTERS[key[_ID : _ID + 2]] + key[_ID + 2 :] for key in keys[:timed]]
        ids += [_LETTERS[key[1:3]] + key[3:] for key in keys[timed:]]
    return ids


def _number_of_timed(keys: Sequence[str]) -> int:
    return sum(key[0] == _TIMED for key in keys)
