"""How much may one caller ask? Bodies have a largest size, calls a rate."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

BODY: Final = 128 * 1024
"""Bytes of a request's body."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` calls at once, and `per_second` from then on."""

    per_second: float
    burst: int


CALLS: Final = Rate(60, 300)
TOKENS: Final = Rate(1 / 6, 10)
"""Attempts at the token."""


class Limiter:
    """A bucket of calls for each caller; the callers that were silent longest are forgotten.

    >>> now = 0.0
    >>> limiter = Limiter(Rate(1, 2), clock=lambda: now)
    >>> [limiter.wait("a") for _ in range(3)], limiter.wait("b")
    ([0.0, 0.0, 1.0], 0.0)
    >>> now = 1.0
    >>> limiter.wait("a")
    0.0
    """

    _REMEMBERED: Final = 1000

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.clock = rate, clock
        self._callers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str) -> float:
        """0 where the call may be made, and is counted; else the seconds until one may be."""
        now = self.clock()
        left, since = self._callers.pop(caller, (float(self.rate.burst), now))
        left = min(self.rate.burst, left + (now - since) * self.rate.per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self.rate.per_second
        self._callers[caller] = (left if wait else left - 1, now)
        while len(self._callers) > self._REMEMBERED:
            self._callers.popitem(last=False)
        return wait
