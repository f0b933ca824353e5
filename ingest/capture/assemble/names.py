"""Which file has which name now, so that a folder's move moves what is under it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Names(Generic[T]):
    """A map from absolute paths that can list what lies under one, in time that depends on what is
    there alone.

    >>> names = Names[int]()
    >>> names[b"/a/b/c"], names[b"/a/d"] = 1, 2
    >>> names.under(b"/a/b"), names.under(b"/a"), names.get(b"/a/b")
    ([b'/a/b/c'], [b'/a/b/c', b'/a/d'], None)
    >>> names.pop(b"/a/b/c"), names.under(b"/a")
    (1, [b'/a/d'])
    """

    def __init__(self) -> None:
        self._files: dict[bytes, T] = {}
        self._entries: dict[bytes, dict[bytes, None]] = {}  # of a folder: paths, in order

    def get(self, path: bytes) -> T | None:
        return self._files.get(path)

    def __setitem__(self, path: bytes, file: T) -> None:
        self._files[path] = file
        while path:
            folder = path.rpartition(b"/")[0]
            entries = self._entries.get(folder)
            if entries is not None:  # then it stands in those above it
                entries[path] = None
                break
            self._entries[folder] = {path: None}
            path = folder

    def pop(self, path: bytes) -> T | None:
        file = self._files.pop(path, None)
        while path and path not in self._files and not self._entries.get(path):
            self._entries.pop(path, None)
            folder = path.rpartition(b"/")[0]
            self._entries.get(folder, {}).pop(path, None)
            path = folder
        return file

    def values(self) -> Collection[T]:
        return self._files.values()

    def under(self, folder: bytes) -> list[bytes]:
        return list(self._under(folder))

    def _under(self, folder: bytes) -> Iterator[bytes]:
        waiting = list(reversed(self._entries.get(folder, {})))
        while waiting:
            path = waiting.pop()
            if path in self._files:
                yield path
            waiting.extend(reversed(self._entries.get(path, {})))
