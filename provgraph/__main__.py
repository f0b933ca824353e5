"""The command line's door: `run` goes straight to the runner, all else to the commands.

`python -m provgraph SCRIPT.py [ARGUMENT...]` is `provgraph run -- python SCRIPT.py ...` with this very
interpreter.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress


def main(argv: list[str] | None = None) -> int:
    """Run a command line (default: this process's) and return its exit status.

    `run` is told apart here, before anything heavy is imported: it stands in front of every
    captured command and is felt each time.
    """
    words = sys.argv[1:] if argv is None else argv
    if words and words[0].endswith(".py"):
        words = ["run", "--", sys.executable, *words]
    if words and words[0] == "run" and not _asks_for_help(words[1:]):
        gc.disable()  # until the runner is loaded: what is imported stays, none of it is garbage
        try:
            from provgraph.cli.run import main as run

            return run(words[1:])
        finally:
            gc.enable()
    from provgraph.cli.application import main as commands

    return commands(words)


def _asks_for_help(words: list[str]) -> bool:
    own = words[: words.index("--")] if "--" in words else words[:1]
    return "--help" in own or "-h" in own


if __name__ == "__main__":
    with suppress(FileNotFoundError):  # the folder was removed
        if sys.path[:1] == [os.getcwd()]:  # a module of the project would hide one that we need
            del sys.path[0]
    sys.exit(main())
