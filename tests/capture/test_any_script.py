"""Does lineage say of scripts that were drawn at random what their files say themselves?

Each input is a word, and each command passes on all that it reads: the words of a file are its origins. The shell itself may
have read what it opened under a number, and what it has read is told to its forks: those that pass on are another shell's.
"""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest
from capture.casebook import facts_of
from capture.machine import Told
from capture.workspace import Workspace, environment

from provgraph.config import create_project
from provgraph.ingest.capture.assemble import Assembly

INPUTS = [f"in{number}" for number in range(4)]
FILES = [f"w{number}" for number in range(4)]
COMMANDS = [
    "cat {a} {b} > {x}",
    "cat {a} >> {x}",
    "cat {a} | sort > {x}",
    "cat {a} | tee {x} > {y}",
    "{{ cat {a}; cat {b}; }} > {x}",
    "( cat {a}; exec cat {b} ) | cat > {x}",
    "cp {a} {x}.part && mv {x}.part {x}",
    "mv -f {x} {y}",
    "ln -f {x} {y}.link && mv -f {y}.link {y}",
    "rm -f {x}",
    "sort -o {x} {x} {a}",
    "sed -i 's/ //' {x}",
    "sh -c 'v=$(cat {a}); echo \"$v\" > {x}'",
    "sh -c 'while read v; do echo \"$v\"; done < {a} >> {x}'",
    "dd status=none if={a} of={x} conv=notrunc oflag=append",
    "install -m 644 {a} {x}",
    "awk '{{ print > \"{x}\" }}' {a} {b}",
    "perl -pi -e 's/ //' {x}",
    "tar cf t.tar {a} && rm -f {a}.old && tar xOf t.tar > {x} && rm t.tar",
    "mkfifo p && {{ cat {a} > p & cat p > {x}; wait; rm p; }}",
    "cat {a} > {x} & cat {b} > {y}.2 & wait; mv -f {y}.2 {y}",
    "exec 7>> {x}; cat {a} >&7; exec 7>&-",
    "touch {x}; exec 8< {x}; cat {a} >> {x}; cat <&8 > {y}; exec 8<&-",
    "perl -e 'open R, qq({x}); system qq(cat {a} >> {x}); @r = <R>; open W, qq(>{y}); print W @r'",
    "$0 -c '{{ ( while read v; do echo \"$v\"; done < {a}; sleep 0.1; : ) & sleep 0.05; }} > {x}; wait'",
    "$0 -c 'exec 7> {x}; ( while read v; do echo \"$v\" >&7; done < {a}; sleep 0.1; : ) & sleep 0.05; exec 7>&-; wait'",
    "$0 -c '( while read v; do echo \"$v\"; done < {a}; exec cat {b} ) > {x}'",
    "$0 -c 'cat {a} | ( while read v; do echo \"$v\"; done; exec true ) > {x}'",
    "echo {a} {b} | xargs -P2 -n1 head -n 99 >> {x}",  # cat never ends where {a} is {x}, was empty and {b} comes in
]
LENGTH = 12
RUNS = int(os.environ.get("PROVGRAPH_SCRIPTS", "2"))


def drawn(choices: random.Random) -> str:
    lines = []
    for _ in range(LENGTH):
        x, y = choices.sample(FILES, 2)
        a, b = (choices.choice([n for n in INPUTS + FILES if n not in (x, y)]) for _ in "ab")
        lines.append(choices.choice(COMMANDS).format(a=a, b=b, x=x, y=y))
    return "\n".join(lines) + "\ntrue\n"


@pytest.mark.parametrize("seed", range(RUNS))
@pytest.mark.parametrize("backend", ["auto", "ptrace"])
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_words_of_a_file_are_its_origins(
    seed: int, backend: str, shell: str, tmp_path: Path
) -> None:
    place = Workspace(create_project(tmp_path), environment())
    for name in INPUTS:
        (tmp_path / name).write_text(f"{name}\n")
    for name in FILES:
        (tmp_path / name).touch()
    script = drawn(random.Random(seed))
    flags = () if backend == "auto" else ("--backend", backend)
    done = place.run(shell, "-c", script, flags=flags, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, (script, done.stderr)
    told = Told(Assembly(place.records(), [], set(), []))
    found, stated = {}, {}
    for name in FILES:
        path = tmp_path / name
        if path.exists() and path.stat().st_size:
            stated[name] = set(path.read_text().split())
            found[name] = told.lineage(name) & set(INPUTS)
    assert found == stated, (script, facts_of(told, []))
    assert (place.ended.verdict, place.ended.gaps) == ("complete", []), script
