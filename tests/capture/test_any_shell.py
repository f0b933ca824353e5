"""Does lineage say of what shells do with their descriptors, drawn at random, what their files say themselves?

Each input is a word, and whatever is drawn passes on all that it reads: the words of a file are its origins. Others may be
said to be: of a pipe on a standard stream it is not known when it is used.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
from capture.machine import Told
from capture.workspace import Workspace, environment

from provgraph.config import create_project
from provgraph.ingest.capture.assemble import Assembly

INPUTS: Final = [f"in{number}" for number in range(6)]
SHELLS: Final = ("bash", "dash", "zsh", "mksh", "busybox")
RUNS: Final = int(os.environ.get("PROVGRAPH_SCRIPTS", "1"))
SCRIPTS: Final = 12
DEEPEST: Final = 3

# %f is an input, %v a name of its own, %t and %p something of the two below, %x the output.
SIMPLE: Final = [
    "cat %f",
    "cat %f %f",
    "cat < %f",
    'while read %v; do echo "$%v"; done < %f',
    '{ read %v < %f; echo "$%v"; }',
]
TEXTS: Final = [
    'echo "$( %t )"',
    '{ %v=$( %t ); echo "$%v"; }',
    '{ %v=$( %t ); ( echo "$%v"; cat %f ); }',
    '{ %v=$( %t ); ( echo "$%v"; exec cat %f ) | %p; }',
    '{ read %v < %f; { echo "$%v"; %t; } | %p; }',
    "{ %t; } | %p",
    "{ %t; } | %p",
    "{ %t; %t; }",
    "( %t; %t )",
    "( %t; exec cat %f )",
    "{ { %t; } & %t; wait; }",
    "{ ( %t; sleep 0.05; : ) & %t; wait; }",
    "{ %t; } & wait",
    "{ { %t; } >&2; } 2>&1",
    "{ { %t; } >&3; } 3>&1",
    "{ exec 4< %f; cat <&4; exec 4<&-; }",
    '{ exec 4< %f; read %v <&4; exec 4<&-; echo "$%v"; }',
    "cat <<END%v\n$( %t )\nEND%v\n:",
    'while read %v; do echo "$%v"; done <<END%v\n$( %t )\nEND%v\n:',
    "{ f%v() { %t; }; f%v; }",
    "{ f%v() { %t; }; f%v | %p; }",
    'for %v in $( %t ); do echo "$%v"; done',
    "{ { %t; } > t%v; cat t%v; rm t%v; }",
    '{ { %t; } > t%v; mv t%v u%v; read -r %v < u%v; echo "$%v"; }',
    "{ mkfifo p%v; { %t; } > p%v & cat p%v; wait; rm p%v; }",
    '{ mkfifo p%v; { %t; } > p%v & while read %v; do echo "$%v"; done < p%v; wait; rm p%v; }',
    "( trap 'cat %f' EXIT; %t )",
    "{ if { %t; } | grep -q .; then %t; fi; }",
]
FILTERS: Final = [
    "cat",
    "sort",
    "tee /dev/null",
    "tee t%v | cat",
    'while read %v; do echo "$%v"; done',
    '( read %v; echo "$%v"; cat )',
    '( read %v; echo "$%v"; exec cat )',
    '{ read %v; ( echo "$%v" ); }',
    '{ read %v; echo "$%v"; cat %f; }',
    '{ %v=$(cat); echo "$%v"; }',
    '( %v=$(sort); echo "$%v" | cat )',
    "( cat; %t )",
]
OUTPUTS: Final = [
    "{ %t; } > %x",
    "{ %t; } | cat > %x",
    "{ %t; } | tee %x > /dev/null",
    "exec > %x\n%t",
    "exec 3> %x\n{ %t; } >&3\nexec 3>&-",
    "exec 3>&1 > %x\n%t\nexec >&3",
    '%v=$( %t )\necho "$%v" > %x',
    "%v=$( %t )\ncat > %x <<END%v\n$%v\nEND%v",
    "trap 'echo \"$%v\" > %x' EXIT\n%v=$( %t )",
    "{ { %t; } & } > %x\nwait",
    "( %t ) > %x &\nwait",
    "{ %t; } > %x.part\nmv %x.part %x",
    "{ %t; } > %x\ncp %x %x.copy\nmv %x.copy %x",
    '{ %t; } | while read %v; do echo "$%v" >> %x; done',
    '{ %t; } 2>&1 | ( read %v; echo "$%v"; exec cat ) > %x',
    "{ ( %t; sleep 0.1; : ) & sleep 0.05; } > %x\nwait",
    "{ ( %t ) & sleep 0.02; } >> %x 2>> %x\nwait",
]
SUBSTITUTED: Final = [
    "cat <( %t )",
    "cat <( %t ) <( %t )",
    '{ read %v < <( %t ); echo "$%v"; }',
    'while read %v; do echo "$%v"; done < <( %t )',
    'cat <<< "$( %t )"',
    "{ %t; } |& cat",
    "{ { %t; } > >(cat > q%v); sleep 0.15; cat q%v; }",
]
MORE: Final = {
    "bash": [
        *SUBSTITUTED,
        "{ coproc C%v { %t; }; cat <&${C%v[0]}; wait; } 2> /dev/null",
        "{ exec {%v}< <( %t ); cat <&$%v; exec {%v}<&-; }",
        '{ shopt -s lastpipe; { %t; } | read %v; echo "$%v"; }',
        '{ mapfile -t %v < <( %t ); echo "${%v[*]}"; }',
    ],
    "zsh": [
        *SUBSTITUTED,
        "cat =( %t )",
        '{ { %t; } | read %v; echo "$%v"; }',
        "{ { %t; } > t%v > w%v; cat w%v; }",
    ],
}


class Author:
    def __init__(self, shell: str, seed: str) -> None:
        self.shell, self.choices, self.names = shell, random.Random(seed), 0

    def script(self, output: str) -> str:
        depth = self.choices.randint(1, DEEPEST)
        return self.filled(self.choices.choice(OUTPUTS), depth, output) + "\n"

    def filled(self, form: str, depth: int, output: str = "") -> str:
        self.names += 1
        name = f"v{self.names}"

        def word(found: re.Match[str]) -> str:
            match found[1]:
                case "f":
                    return self.choices.choice(INPUTS)
                case "v":
                    return name
                case "x":
                    return output
                case "p":
                    return self.filled(self.choices.choice(FILTERS), depth - 1)
                case _:
                    forms = [*TEXTS, *MORE.get(self.shell, ())] if depth > 0 else SIMPLE
                    return self.filled(self.choices.choice(forms), depth - 1)

        return re.sub("%([fvxpt])", word, form)


def words_of(path: Path) -> set[str]:
    """Those of inputs. A shell may say there what it did not understand, and quote it."""
    lines = [set(line.split()) for line in path.read_text().splitlines()] if path.exists() else []
    return {word for words in lines if words <= set(INPUTS) for word in words}


@pytest.mark.parametrize("seed", range(RUNS))
@pytest.mark.parametrize("backend", ["auto", "ptrace"])
@pytest.mark.parametrize("shell", SHELLS)
def test_no_word_of_a_file_is_without_its_origin(
    seed: int, backend: str, shell: str, tmp_path: Path
) -> None:
    assert shutil.which(shell), f"{shell} is needed"
    place = Workspace(create_project(tmp_path), environment())
    for name in INPUTS:
        (tmp_path / name).write_text(f"{name}\n")
    author = Author(shell, f"{shell} {seed}")
    scripts = {f"out{number}": author.script(f"out{number}") for number in range(SCRIPTS)}
    command = "busybox sh" if shell == "busybox" else shell
    for output, script in scripts.items():
        (tmp_path / f"{output}.sh").write_text(script)
    (tmp_path / "all").write_text(
        "".join(f"timeout 20 {command} {output}.sh 2>> said\n" for output in scripts) + ":\n"
    )
    flags = () if backend == "auto" else ("--backend", backend)
    done = place.run("sh", "all", flags=flags, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    told = Told(Assembly(place.records(), [], set(), []))
    written = 0
    for output, script in scripts.items():
        words = words_of(tmp_path / output)
        written += bool(words)
        missed = words - told.lineage(output) if words else set()
        assert not missed, f"{output} is not said to come from {sorted(missed)}:\n{script}"
    assert written > SCRIPTS // 2
    assert place.ended.verdict == "complete" or _is_hashed_late(place.ended.gaps), place.ended.gaps


def _is_hashed_late(gaps: list[str]) -> bool:
    """What is removed at once may be gone before its content was read, which is said."""
    return all("went before being hashed" in gap for gap in gaps)
