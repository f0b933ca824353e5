"""How long does git's history take to the journal, beside `git log --raw` alone?

    python benchmarks/git_history.py [REPOSITORY] [--json]

Without a repository one of 10,000 commits is made: 2,000 files in 40 folders, a merge every
50 commits. Each number is the best of five in one run. `again` is a reading that finds nothing new,
`one more` one that finds a single commit. To reach: 10,000 commits in 2 s.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from provgraph.ingest import Known, ReadContext, adapter
from provgraph.model.journal import SegmentWriter
from provgraph.model.records import CommitSeen

_ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("repository", nargs="?", type=Path)
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        repository = asked.repository or synthetic(scratch / "repository")
        result = measure(repository, scratch)
    if asked.json:
        print(json.dumps(result, indent=2))
    else:
        for name, value in result.items():
            print(f"{name:32} {value}")


def measure(repository: Path, scratch: Path) -> dict[str, object]:
    known, records = everything(repository)
    newest = next(reversed(known))
    all_but_one = {sha: parents for sha, parents in known.items() if sha != newest}
    log = best(lambda: bare_log(repository))
    whole = best(lambda: to_journal(repository, scratch, {}))
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "git": subprocess.check_output(["git", "--version"], text=True).split()[-1],
        "commits": len(known),
        "records": records,
        "git log --raw alone, s": round(log, 3),
        "to the journal, s": round(whole, 3),
        "ratio": round(whole / log, 2),
        "10,000 commits, s": round(whole * 10_000 / len(known), 3),
        "again, s": round(best(lambda: to_journal(repository, scratch, known)), 3),
        "one more, s": round(best(lambda: to_journal(repository, scratch, all_but_one)), 3),
    }


def best(act: Callable[[], object]) -> float:
    def seconds() -> float:
        begun = time.perf_counter()
        act()
        return time.perf_counter() - begun

    return min(seconds() for _ in range(_ROUNDS))


def bare_log(repository: Path) -> None:
    command = ["git", "log", "-z", "--raw", "--no-abbrev", "--branches", "--tags", "HEAD", "--"]
    subprocess.run(command, cwd=repository, stdout=subprocess.DEVNULL, check=True)


def to_journal(repository: Path, scratch: Path, known: Known) -> None:
    context = ReadContext(repository, "benchmark", known=lambda: known)
    with SegmentWriter(scratch, "benchmark", "git") as writer:
        for record in adapter("git").read(str(repository), context):
            writer.write(record)
    writer.path.unlink()


def everything(repository: Path) -> tuple[dict[str, list[str]], int]:
    """Each commit with its parents, and how many records there are."""
    read = list(adapter("git").read(str(repository), ReadContext(repository, "benchmark")))
    return {r.sha: r.parents for r in read if isinstance(r, CommitSeen)}, len(read)


def synthetic(path: Path, commits: int = 10_000) -> Path:
    """A repository of so many commits."""
    subprocess.run(["git", "init", "--quiet", str(path)], check=True)
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=path, input=b"".join(script(commits)), check=True
    )
    subprocess.run(["git", "symbolic-ref", "HEAD", "refs/heads/main"], cwd=path, check=True)
    return path


def script(commits: int) -> Iterator[bytes]:
    """What `git fast-import` makes the repository from."""
    chance = random.Random(1)
    for number in range(1, commits + 1):
        message = b"Change %d\n\nWhy it was made, in a sentence or two.\n" % number
        branch = b"side" if number % 50 == 49 else b"main"
        yield b"commit refs/heads/%s\nmark :%d\n" % (branch, number)
        yield b"committer A B <a@example.org> %d +0000\n" % (1_600_000_000 + 60 * number)
        yield b"data %d\n%s\n" % (len(message), message)
        if branch == b"side":
            yield b"from :%d\n" % (number - 2)
        elif number % 50 == 0:
            yield b"merge :%d\n" % (number - 1)
        for _ in range(chance.randint(1, 5)):
            file = chance.randrange(2_000)
            content = b"%d\n" % chance.randrange(10**9)
            name = b"folder%d/file%d.py" % (file % 40, file)
            yield b"M 644 inline %s\ndata %d\n%s\n" % (name, len(content), content)
        yield b"\n"


if __name__ == "__main__":
    main()
