"""Histories of many commits at once."""

from __future__ import annotations

import random


def random_history(seed: int, commits: int = 60) -> bytes:
    """What `git fast-import` makes a history from: files come, change, turn into others' content
    and go, every fourth commit merges, and the clocks are anything."""
    chance = random.Random(seed)
    lines = []
    for number in range(1, commits + 1):
        lines.append(
            f"commit refs/heads/b{number % 3}\nmark :{number}\ncommitter A <a@b> {chance.randrange(1, 99)} +0000"
        )
        lines.append("data 0")
        if number % 4 == 0:
            lines += (f"merge :{chance.randrange(1, number)}" for _ in range(chance.choice([1, 2])))
        for _ in range(chance.randrange(4)):
            name = f"{chance.choice('xyz')}/{chance.randrange(6)}"
            if chance.random() < 0.3:
                lines.append(f"D {name}")
            else:
                mode = chance.choice([100644, 100644, 100755, 120000])
                lines.append(f"M {mode} inline {name}\ndata 1\n{chance.randrange(5)}")
    return "\n".join([*lines, ""]).encode()
