"""Has a question run as far as it may?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import Final

import apsw

from provgraph.errors import BudgetExceeded
from provgraph.query.plan import Budget

_STEPS: Final = 20_000  # of SQLite's machine between two looks at the clock; under a millisecond


class Meter:
    """Counts what a question has cost; `BudgetExceeded` ends it."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._deadline = None if budget.seconds is None else time.monotonic() + budget.seconds
        self._visited = 0
        self.counts = budget.nodes is not None

    def visit(self, nodes: int) -> None:
        self._visited += nodes
        limit = self._budget.nodes
        if limit is not None and self._visited > limit:
            raise BudgetExceeded(
                f"the question visits more than {limit} nodes",
                hint="narrow it, or raise `--max-nodes`",
            )
        if self._is_late():
            raise self._late()

    def left(self) -> float:
        """How many seconds the question may still run."""
        return inf if self._deadline is None else self._deadline - time.monotonic()

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    def _late(self) -> BudgetExceeded:
        return BudgetExceeded(
            f"the question runs longer than {self._budget.seconds} s",
            hint="narrow it, or raise `--timeout`",
        )

    @contextmanager
    def limiting(self, connection: apsw.Connection) -> Iterator[None]:
        """Interrupt the connection's statements when the time is up. That Python is called now and then
        is what lets Ctrl-C end a statement, too."""
        connection.set_progress_handler(self._is_late, _STEPS)
        try:
            yield
        except apsw.InterruptError as error:
            raise self._late() from error
        finally:
            connection.set_progress_handler(None)
