"""What `neo4j-admin` does, with a server's own folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from provgraph.errors import StoreError


def admin(words: Sequence[str | Path], home: Path) -> None:
    """Java and its words up to the class path, then the command's. Raises `StoreError` with what
    it says where it fails."""
    done = subprocess.run(
        [str(word) for word in words],
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StoreError(f"neo4j-admin failed: {(done.stderr or done.stdout).strip()}")


def environment(home: Path) -> dict[str, str]:
    """This one, with none of Neo4j's own settings but its folders."""
    ours = {"NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")}
    others = {name: text for name, text in os.environ.items() if not name.startswith("NEO4J_")}
    return others | ours
