"""May this process go on in a fork of itself, which has in memory already what it is to work at?"""

from __future__ import annotations

import os


def is_possible() -> bool:
    """Where a thread is alone in its process (what others hold would stay held in the fork), and has a processor to
    leave to another."""
    try:
        return len(os.listdir("/proc/self/task")) == 1 and len(os.sched_getaffinity(0)) > 1
    except OSError:
        return False
