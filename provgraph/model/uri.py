"""How a file is named in the graph.

Inside the project a URI is the path relative to its root; outside it is `file://host/absolute/path`;
what has a scheme of its own (`s3://...`) keeps it. URIs are text. A path's bytes that are not UTF-8
are written as the code points U+10FF80 to U+10FFFF, one a byte, so that every path has one URI and
comes back from it; people are shown `\\xNN`.
"""

from __future__ import annotations

import codecs
from functools import lru_cache
from typing import Final

_ESCAPE: Final = 0x10FF00


def _escape_undecodable(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    bad = error.object[error.start : error.end]
    return "".join(chr(_ESCAPE + byte) for byte in bad), error.end


codecs.register_error("provgraph-path", _escape_undecodable)


def text_of(path: bytes) -> str:
    """A path as text, reversibly.

    >>> text_of(b"caf\\xc3\\xa9.csv")
    'café.csv'
    >>> bytes_of(text_of(b"caf\\xe9.csv")) == b"caf\\xe9.csv"
    True
    """
    text = path.decode("utf-8", "provgraph-path")
    if path.isascii() or not any(ord(c) > _ESCAPE for c in text):
        return text
    # A name that really holds one of our escapes would not come back: escape its bytes instead.
    return "".join(
        "".join(chr(_ESCAPE + byte) for byte in path[at : at + width])
        if width == 4 and path[at : at + 3] in _ESCAPES_START
        else path[at : at + width].decode("utf-8", "provgraph-path")
        for at, width in _characters(path)
    )


_ESCAPES_START: Final = {chr(_ESCAPE + low).encode()[:3] for low in (0x80, 0xC0)}


def _characters(path: bytes) -> list[tuple[int, int]]:
    found, at = [], 0
    while at < len(path):
        width = 4 if path[at] >= 0xF0 else 3 if path[at] >= 0xE0 else 2 if path[at] >= 0xC0 else 1
        try:
            path[at : at + width].decode("utf-8")
        except UnicodeDecodeError:
            width = 1
        found.append((at, width))
        at += width
    return found


def bytes_of(text: str) -> bytes:
    """The path that `text_of` made the text from."""
    if text.isascii():
        return text.encode("ascii")
    return b"".join(
        bytes((ord(c) - _ESCAPE,)) if ord(c) > _ESCAPE + 0x7F else c.encode("utf-8") for c in text
    )


def uri_of(path: bytes, root: bytes, host: str) -> str:
    """The URI of an absolute, canonical path.

    >>> uri_of(b"/p/data/a.csv", b"/p", "here"), uri_of(b"/p", b"/p", "here")
    ('data/a.csv', '.')
    >>> uri_of(b"/data/a.csv", b"/p", "here")
    'file://here/data/a.csv'
    """
    if path == root:
        return "."
    inside = root if root.endswith(b"/") else root + b"/"
    if path.startswith(inside):
        return text_of(path[len(inside) :])
    return f"file://{host}{text_of(path)}"


def path_of(uri: str, root: bytes, host: str) -> bytes | None:
    """The path on this machine that a URI names, None if it names none here.

    >>> path_of("data/a.csv", b"/p", "here"), path_of("file://here/x", b"/p", "here")
    (b'/p/data/a.csv', b'/x')
    >>> path_of("s3://bucket/x", b"/p", "here") is path_of("file://there/x", b"/p", "here") is None
    True
    """
    if uri.startswith(f"file://{host}/"):
        return bytes_of(uri[len("file://") + len(host) :])
    if "://" in uri:
        return None
    return root if uri == "." else root.rstrip(b"/") + b"/" + bytes_of(uri)


def is_file(uri: str) -> bool:
    """
    >>> is_file("a.csv"), is_file("file://h/a.csv"), is_file("s3://b/a.csv")
    (True, True, False)
    """
    return "://" not in uri or uri.startswith("file://")


def shown(uri: str) -> str:
    """The text for a person: control characters and undecodable bytes are escaped.

    >>> shown("a\\nb"), shown(text_of(b"x\\xff"))
    ('a\\\\nb', 'x\\\\xff')
    """
    return "".join(_shown(c) for c in uri) if not (uri.isascii() and uri.isprintable()) else uri


def _shown(character: str) -> str:
    code = ord(character)
    if code > _ESCAPE + 0x7F:
        return f"\\x{code - _ESCAPE:02x}"
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


@lru_cache(
    maxsize=1024
)  # of a name that is new, kind and artifact are asked for at once; scripts come again and again
def split(uri: str) -> tuple[str, str]:
    """The last part of a URI, and that part without its suffixes.

    >>> split("models/churn.pkl"), split("data/a.tar.gz"), split(".env"), split("s3://b/k")
    (('churn.pkl', 'churn'), ('a.tar.gz', 'a'), ('.env', '.env'), ('k', 'k'))
    """
    base = uri.rstrip("/").rsplit("/", 1)[-1]
    stem = base[:1] + base[1:].split(".", 1)[0]
    return base, stem
