"""Which packages do the paths tell of that a run opened, and in which versions?

Some have their version in the path; of others the file beside tells it that describes the package. It
counts if nobody has changed it since: a package may have been exchanged by the time that this is asked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

OF_PYTHON: Final = rb"([^/]+?)-([^/-]+?)(?:-py\d[\d.]*)?\.(?:dist|egg)-info"
OF_CONDA: Final = rb"([^/]+)-([^/-]+)-([^/-]+)\.json"
"""What tells of a package is called so, in a folder of packages and in conda's list."""
_IN_PATH: Final = (
    ("", re.compile(rb"-packages/(?!~)" + OF_PYTHON + rb"(?=/|$)")),
    ("conda:", re.compile(rb"/conda-meta/" + OF_CONDA + rb"$")),
    ("gem:", re.compile(rb"/gems/([^/]+)-(\d[^/-]*)/")),
    ("cargo:", re.compile(rb"/registry/src/[^/]+/([^/]+?)-(\d[^/]*)/")),
    ("go:", re.compile(rb"/pkg/mod/(?!cache/)(.+?)@(v[^/]+)/")),
)
_FOLDERS: Final = (
    ("npm:", re.compile(rb".*/node_modules/((?:@[^/]+/)?[^/.@][^/]*)(?=/)")),
    ("cran:", re.compile(rb".*/([^/]+)(?=/Meta/package\.rds$)")),
)
_MARK: Final = re.compile(
    rb"-packages/|/(?:conda-meta/|bin/|node_modules/|gems/|Meta/package\.rds|registry/src/|pkg/mod/)"
)
UNKNOWN: Final = "unknown"


def tells(path: bytes) -> bool:
    """Whether it may lie in a package."""
    return _MARK.search(path) is not None


def packages(paths: Iterable[bytes], until: int) -> list[str]:
    """`name==version` of Python's, `npm:name==version` and the like of others, and `unknown` for the version of what was
    changed after `until` (nanoseconds UTC).

    >>> packages([b"/v/lib/python3.12/site-packages/A_b-1.0.dist-info/METADATA", b"/usr/lib/x.so"], 0)
    ['a-b==1.0']
    >>> packages([b"/var/lib/gems/3.1.0/gems/rack-2.2.4/lib/rack.rb", b"/p/node_modules/@a/b/c.js"], 0)
    ['gem:rack==2.2.4', 'npm:@a/b==unknown']
    >>> packages([b"/go/pkg/mod/golang.org/x/text@v0.3.0/a.go", b"/p/node_modules/.bin/vite"], 0)
    ['go:golang.org/x/text==v0.3.0']
    >>> packages([b"/opt/conda/conda-meta/r-base-4.3-h1_0.json"], 0)
    ['conda:r-base==4.3=h1_0']
    """
    return sorted(
        {package for path in paths for package in _told_by(path)} | {*_described(paths, until)}
    )


def _told_by(path: bytes) -> Iterator[str]:
    for kind, pattern in _IN_PATH:
        if match := pattern.search(path):
            yield package(kind, match)


def package(kind: str, told: re.Match[bytes]) -> str:
    """By the groups of what was found: its name, its version, and what else tells it apart."""
    name, *version = map(os.fsdecode, told.groups())
    return f"{kind}{name if kind else _normalised(name)}=={'='.join(version)}"


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _described(paths: Iterable[bytes], until: int) -> Iterator[str]:
    folders = {
        (kind, match[0], match[1])
        for path in paths
        for kind, pattern in _FOLDERS
        if (match := pattern.match(path))
    }
    for kind, folder, name in folders:
        file, version_in = _DESCRIPTIONS[kind]
        yield f"{kind}{os.fsdecode(name)}=={_version(folder + file, version_in, until)}"


class _Package(msgspec.Struct):
    version: str = UNKNOWN


def _of_npm(text: bytes) -> str:
    return msgspec.json.decode(text, type=_Package).version


def _of_cran(text: bytes) -> str:
    found = re.search(rb"^Version:[ \t]*(\S+)", text, re.MULTILINE)
    return os.fsdecode(found[1]) if found else UNKNOWN


_DESCRIPTIONS: Final[dict[str, tuple[bytes, Callable[[bytes], str]]]] = {
    "npm:": (b"/package.json", _of_npm),
    "cran:": (b"/DESCRIPTION", _of_cran),
}


def _version(path: bytes, version_in: Callable[[bytes], str], until: int) -> str:
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_ctime_ns > until:
                return UNKNOWN
            return version_in(file.read())
    except (OSError, msgspec.DecodeError):
        return UNKNOWN
