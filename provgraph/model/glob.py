"""Globs: `*` and `?` stop at `/`, `**` does not; everything else is itself.

There are no character classes and no escapes: `[` is a letter like any other.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]+", re.DOTALL)


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression for the whole of a text that the glob matches.

    >>> [bool(compiled("raw/*.csv").fullmatch(name)) for name in ("raw/a.csv", "raw/x/a.csv")]
    [True, False]
    >>> [bool(compiled("**/*.csv").fullmatch(name)) for name in ("a.csv", "raw/x/a.csv")]
    [True, True]
    """
    return re.compile(expression(pattern), re.DOTALL)


def expression(pattern: str) -> str:
    r"""The same as text: it uses only what Python, Java and RE2 agree on, so it can be handed to a
    store as a parameter. It wants "dot matches all".

    >>> expression("a/**/b*.?")
    'a/(?:.*/)?b[^/]*\\.[^/]'
    """
    return "".join(_translated(token) for token in _TOKEN.findall(pattern))


def _translated(token: str) -> str:
    match token:
        case "**/":
            return "(?:.*/)?"
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
        case _:
            return "".join(f"\\{c}" if c in _SPECIAL else c for c in token)


_SPECIAL = frozenset(r"\.^$|()[]{}+*?-&~#")


def is_glob(text: str) -> bool:
    """
    >>> is_glob("raw/*"), is_glob("raw")
    (True, False)
    """
    return "*" in text or "?" in text


def literal_prefix(pattern: str) -> str:
    """What every match begins with; a store seeks its index by it.

    >>> literal_prefix("raw/*.csv")
    'raw/'
    """
    return re.split(r"[*?]", pattern, maxsplit=1)[0]
