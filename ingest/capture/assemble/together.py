"""What may programs have told each other through a file that they had open at the same time?

What is written there is not seen, but when it is whole; a reader may have taken a part of it before, and made
something of that. So who may read the file may know what those knew who may write it, as long as both have it
open (`rounds`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from provgraph.ingest.capture.assemble.pipes import Inform
from provgraph.ingest.capture.assemble.processes import Execution
from provgraph.ingest.capture.assemble.states import Opening, same
from provgraph.model.records import Stat

_MANY: Final = 64
"""If more have a file open, each tells the one that had it first, which tells each: as much, in fewer words."""
_MOST: Final = 8192
"""If more is told, what one tells another is taken to be told from the first moment to the last."""


def told_together(opening: Opening, stat: Stat | None, tick: int) -> Iterator[Inform]:
    """What was said by a moment, at which `opening` ends in a state, to those who have the file still, and by them.
    Nothing was if the file is as it was when the later of the two opened it."""
    file = opening.file
    if not file.readers or not file.writers:
        return
    own = file.writers.own()
    if len(file.readers) + len(own) > _MANY:
        firsts = [next(iter(those)) for those in (file.readers, own) if those]
        first = min(firsts, key=lambda one: one.tick)
        yield from _between(opening, first, tick)
        yield from _between(first, opening, tick)
        return
    for other in dict.fromkeys([*file.readers, *own]):
        later = max(opening, other, key=lambda one: one.tick)
        if stat is not None and same(later.base, stat) and not later.fresh:
            continue
        if other.writable and opening in file.readers:
            yield from _between(other, opening, tick)
        if opening.writable and other in file.readers:
            yield from _between(opening, other, tick)


def _between(writer: Opening, reader: Opening, tick: int) -> Iterator[Inform]:
    by, to = holder(writer, tick), holder(reader, tick)
    begun = max(writer.tick, reader.tick)
    until = min([tick, *(end for end in (by.ended, to.ended) if end is not None)])
    if by.process is not to.process and begun < until:
        yield Inform(to, by, "memory", begun, held=False, until=until)


def holder(opening: Opening, tick: int) -> Execution:
    """Who has it at a moment: a part of a program leaves what it had opened to the program."""
    by = opening.by
    return by if by.ended is None or tick <= by.ended else by.process.executions[by.place]


class Told:
    """What was told so. Much of it is held in few words."""

    def __init__(self) -> None:
        self._told: list[Inform] = []
        self._room, self._is_much = 2 * _MOST, False

    def add(self, told: Iterable[Inform]) -> None:
        self._told += told
        self._is_much = self._is_much or len(self._told) > _MOST
        if len(self._told) > self._room:
            self._told = _in_few_words(self._told)
            self._room = 2 * max(_MOST, len(self._told))

    def all(self) -> list[Inform]:
        return _in_few_words(self._told) if self._is_much else self._told


def _in_few_words(told: list[Inform]) -> list[Inform]:
    found: dict[tuple[Execution, Execution], Inform] = {}
    for inform in told:
        known = found.get((inform.reader, inform.by), inform)
        found[inform.reader, inform.by] = msgspec.structs.replace(
            inform, tick=min(known.tick, inform.tick), until=max(known.end, inform.end)
        )
    return list(found.values())
