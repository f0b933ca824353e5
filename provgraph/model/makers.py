"""Of which steps has a segment told so far, and what do their versions keep of them? In memory, or on the disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from provgraph.model.records import Observation
from provgraph.model.translate import Maker, makers

if TYPE_CHECKING:
    import apsw

MOST: Final = 100_000
"""Of so many steps in memory."""


class Makers:
    """
    >>> from provgraph.model.records import StepSeen, Used, Content, When
    >>> told = Makers(most=1)
    >>> told.add([StepSeen(step, "r", [], ".", When(1), program="cat") for step in ("s1", "s2", "s3")])
    >>> told.of([Used("s2", "a.csv", When(2), Content()), Used("s4", "a.csv", When(2), Content())])
    {'s2': Maker(by='cat', run='r')}
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held: dict[str, Maker] = {}
        self._away: apsw.Connection | None = None
        self._kinds: dict[Maker, int] = {}

    def add(self, records: Iterable[Observation]) -> None:
        self._held |= makers(records)
        if len(self._held) > self._most:
            self._put_away()

    def of(self, records: Iterable[Observation]) -> Mapping[str, Maker]:
        """Those of the steps that these records name, and perhaps others."""
        if self._away is None:
            return self._held
        named = {getattr(each, role, "") for each in records for role in ("step", "by", "parent")}
        found = self._away.execute(
            "SELECT step.id, maker FROM json_each(?) AS given CROSS JOIN step ON step.id = given.value",
            (json.dumps(list(named)),),
        )
        kinds = list(self._kinds)
        away = {step: kinds[number] for step, number in found}
        return away | {step: self._held[step] for step in named & self._held.keys()}

    def _put_away(self) -> None:
        if self._away is None:
            import apsw

            self._away = apsw.Connection("")  # a file without a name, which goes with the process
            self._away.execute(
                "CREATE TABLE step (id TEXT PRIMARY KEY, maker INTEGER) WITHOUT ROWID"
            )
        rows = [
            (step, self._kinds.setdefault(maker, len(self._kinds)))
            for step, maker in self._held.items()
        ]
        with self._away:
            self._away.executemany("INSERT OR REPLACE INTO step VALUES (?, ?)", rows)
        self._held.clear()
