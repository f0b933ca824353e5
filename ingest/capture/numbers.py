"""Where do very many numbers stand that are told once and gone through in their order? On the disk, but for the last."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import chain
from os import pread
from pathlib import Path
from typing import Final

_BLOCK: Final = 8192
_WIDTH: Final = array("Q").itemsize


class Numbers:
    """In a file without a name in `folder`, which goes when nobody needs it any more. Raises OSError.

    >>> from tempfile import gettempdir
    >>> numbers = Numbers(Path(gettempdir()))
    >>> numbers.extend(range(20_000))
    >>> numbers.append(7)
    >>> len(numbers), sum(numbers), [len(block) for block in numbers.blocks()]
    (20001, 199990007, [8192, 8192, 3617])
    """

    def __init__(self, folder: Path) -> None:
        from tempfile import TemporaryFile

        self._file = TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - as long as the numbers
        self._last = array("Q")
        self._written = 0

    def append(self, number: int) -> None:
        self._last.append(number)
        if len(self._last) == _BLOCK:
            self._file.write(self._last)
            self._last = array("Q")
            self._written += _BLOCK

    def extend(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.append(number)

    def __len__(self) -> int:
        return self._written + len(self._last)

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.blocks())

    def blocks(self) -> Iterator[array[int]]:
        """They, many at once."""
        for begin in range(0, self._written, _BLOCK):
            block = array("Q")
            block.frombytes(pread(self._file.fileno(), _BLOCK * _WIDTH, begin * _WIDTH))
            yield block
        yield self._last
