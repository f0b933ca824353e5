"""Pairs of measurements that take turns, and what can be said of their ratios."""

from __future__ import annotations

import math
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Spent:
    """Seconds of processor time (user and system, of a command and all it starts) and of the wall."""

    cpu: float
    wall: float


def spent(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Spent:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(
        command,
        cwd=folder,
        env=os.environ if environment is None else environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(cpu, wall)


@dataclass
class Pairs:
    """Bare and captured, as often as they were measured in turns."""

    bare: list[Spent] = field(default_factory=list)
    captured: list[Spent] = field(default_factory=list)

    def measure(
        self, bare: Callable[[], Spent], captured: Callable[[], Spent], times: int = 20
    ) -> Pairs:
        """The one that goes first changes from pair to pair."""
        for turn in range(times):
            if turn % 2:
                self.captured.append(captured())
            self.bare.append(bare())
            if not turn % 2:
                self.captured.append(captured())
        return self

    @property
    def ratios(self) -> list[float]:
        pairs = zip(self.bare, self.captured, strict=True)
        return sorted(captured.cpu / bare.cpu for bare, captured in pairs)

    @property
    def minima(self) -> float:
        return min(one.cpu for one in self.captured) / min(one.cpu for one in self.bare)

    @property
    def wall(self) -> float:
        pairs = zip(self.bare, self.captured, strict=True)
        return statistics.median(captured.wall / bare.wall for bare, captured in pairs)

    def __str__(self) -> str:
        ratios = self.ratios
        low, high = interval(ratios)
        bare = statistics.median(one.cpu for one in self.bare)
        captured = statistics.median(one.cpu for one in self.captured)
        return (
            f"CPU x{statistics.median(ratios):.3f} (95%: {low:.3f} to {high:.3f}), minima"
            f" x{self.minima:.3f}, wall x{self.wall:.3f}, bare {bare * 1e3:.1f} ms CPU, more"
            f" {(captured - bare) * 1e3:.1f} ms"
        )


def interval(ordered: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """What the median lies between with that confidence, whatever the distribution: by the ranks
    that a binomial of one half leaves.

    >>> interval([float(n) for n in range(1, 21)])
    (6.0, 15.0)
    """
    count, rank, outside = len(ordered), 0, 0.0
    while rank < count // 2:
        outside += 2 * math.comb(count, rank) / 2**count
        if outside > 1 - confidence:
            break
        rank += 1
    rank = max(rank, 1)
    return ordered[rank - 1], ordered[count - rank]
