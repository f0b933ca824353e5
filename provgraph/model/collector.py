"""Python's collector of cyclic garbage, paused while much is made and nothing is thrown away."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """Where hundreds of thousands of records live until the end, or an answer or a batch makes many objects
    and no cycles, looking for garbage among them costs a fifth to a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
