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
SHELLS: Final = ("bash", "dash", "zsh", "mksh", "busybox", "ksh93", "yash")
COMMANDS: Final = {"busybox": "busybox sh"}
RUNS: Final = int(os.environ.get("PROVGRAPH_SCRIPTS", "1"))
SCRIPTS: Final = 12
DEEPEST: Final = 3

# %f is an input, %v a name of its own, %t and %p something of the two below, %h the shell, %x the output.
SIMPLE: Final = [
    "cat %f",
    "cat %f %f",
    "cat < %f",
    'while read %v; do echo "$%v"; done < %f',
    '{ read %v < %f; echo "$%v"; }',
    "cat /dev/fd/3 3< %f",
    "cat %f | cat - %f",
    "{ f%v() { cat; } < %f; f%v; }",
    "{ read %v < %f; echo in$((${%v#in} + 0)); }",
    "find %f %f -exec cat {} +",
    "find %f -exec cat {} ';'",
    "awk 'BEGIN { while ((\"cat %f\" | getline line) > 0) print line }'",
    "sed 'r %f' %f",
    "command cat %f",
    '%h -c \'cat "$0"; exec cat "$1"\' %f %f',
    "nohup cat %f",
    "dd if=%f status=none",
    "sort -m %f %f",
    '{ set -- %f %f; while [ $# -gt 0 ]; do cat "$1"; shift; done; }',
    "{ exec 5<&0 < %f; cat; exec <&5 5<&-; }",
    '( exec < %f; read %v; ( echo "$%v" ) & exec cat %f )',
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
    "{ { %t; } 3>&1 1>&2 2>&3 3>&-; } 2>&1",
    "{ { { %t; } 3>&1 1>&2 2>&3; } 3>&1 1>&2 2>&3; }",
    "{ { %t; %t; } >&7; } 7>&1",
    "{ exec 8>&1; { %t; } >&8; exec 8>&-; }",
    "{ exec 5<&0 < %f; cat; %t; exec <&5 5<&-; }",
    "{ cat > s%v <<'END%v'\n%t\nEND%v\n. ./s%v; }",
    "{ cat > s%v <<'END%v'\n%t\nEND%v\n%h s%v; }",
    "( cat > s%v <<'END%v'\n%t\nEND%v\nexec %h s%v )",
    "{ cat > s%v <<'END%v'\n%t\nEND%v\neval \"$(cat s%v)\"; }",
    "{ cat > s%v <<'END%v'\n%t\nEND%v\n%h -c 'read %v < \"$0\"; . ./s%v; echo \"$%v\"' %f; }",
    "{ cat > s%v <<'END%v'\n%t\nEND%v\nprintf 'all:\\n\\t@cat %f\\n\\t@%h s%v\\n' > m%v; make -s -f m%v; }",
    "{ printf 't%v:\\n\\tcat %f > t%v\\nall: t%v\\n\\t@cat t%v\\n' > m%v; make -s -f m%v all; %t; }",
    '{ %v=$( %t ); case $%v in (in*) echo "$%v";; esac; }',
    "{ { %t; } & wait $!; }",
    "{ { %t; exec sleep 5; } & sleep 0.1; kill $!; wait; }",
    '{ ( %v=$( %t ); echo "$%v"; exec sleep 5 ) & sleep 0.1; kill -9 $!; wait; }',
    "( trap 'cat %f' USR1; %t; sh -c 'kill -USR1 $PPID'; : )",
    "( %v=$( %t ); trap 'echo \"$%v\"' USR1; sh -c 'kill -USR1 $PPID'; : )",
    "( trap 'echo \"$%v\"; exit' TERM; %v=$( %t ); sh -c 'kill $PPID'; sleep 0.1 )",
    "{ { { %t; } >> t%v & { %t; } >> t%v; wait; }; cat t%v; }",
    "{ { %t; sleep 0.05; %t; } > t%v & sleep 0.02; cat t%v; wait; cat t%v; }",
    "{ { %t; sleep 0.05; %t; } > t%v & sleep 0.02; mv t%v u%v; wait; cat u%v; }",
    "{ { %t; } > t%v; ln t%v u%v; rm t%v; cat u%v; }",
    "{ : > t%v; cp -l t%v u%v; { %t; } > t%v; cat u%v; }",
    "{ : > t%v; ln -s t%v u%v; { %t; } > u%v; cat t%v; }",
    "{ { %t; } > t%v; { %t; } 1<> t%v; cat t%v; }",
    "{ { %t; } > t%v; { cat <&3; echo > t%v; %t; } 3< t%v; }",
    "{ f%v() { cat; }; f%v <<END%v\n$( %t )\nEND%v\n}",
    "{ f%v() { cat; cat %f; } <<END%v\n$( %t )\nEND%v\nf%v; }",
    "{ f%v() { %t; } > t%v; f%v; cat t%v; }",
    "{ f%v() { %t; } 2>&1 >&2; f%v; } 2>&1",
    '{ mkfifo p%v; { { %t; } >&7; echo end >&7; while read %v <&7 && [ "$%v" != end ]; do echo "$%v"; done; } 7<> p%v; rm p%v; }',
    "( ( { %t; } & ); sleep 0.1 )",
    "{ { %t; %t; } | head -n 1; }",
    '{ { %t; } > t%v; { read %v; cat; echo "$%v"; } < t%v; }',
    '{ { %t; } > t%v; ( read %v; echo "$%v" ) < t%v; cat t%v %f; }',
    '{ { %t; } > t%v; { head -n 1; while read %v; do echo "$%v"; done; } < t%v; }',
    '{ { %t; %t; } > t%v; { ( read %v; echo "$%v" ); cat; } < t%v; }',
    '{ { %t; %t; } > t%v; { ( read %v; echo "$%v" ) & wait; read %v; echo "$%v"; cat; } < t%v; }',
    '{ { %t; %t; } > t%v; { head -n 1 > u%v; read %v; echo "$%v"; cat > w%v; } < t%v; cat u%v w%v; }',
    '{ { %t; %t; } > t%v; { read %v; { echo "$%v"; cat; } | %p; } < t%v; }',
    '{ %v=$( %t ); { cat %f; echo "$%v"; cat %f; } >> t%v; cat t%v; }',
    '{ %v=$( %t ); { ( cat %f ); echo "$%v" >&3; } 3>> t%v >> t%v; cat t%v; }',
    '{ %v=$( %t ); { echo "$%v" | %p; cat %f; } > t%v; cat < t%v; }',
    r'{ %v=$( %t ); eval "cat %f; echo \$%v" | %p; }',
    "{ { %t; } > t%v; cat t%v > u%v & wait; cat u%v; }",
    '{ { %t; } > t%v; exec 5< t%v; read %v <&5; echo "$%v"; cat <&5; exec 5<&-; }',
    "{ { %t; } > t%v; exec 5< t%v; ( cat <&5 ); exec 5<&-; }",
    '{ { %t; %t; } > t%v; while read %v; do cat; echo "$%v"; done < t%v; }',
    "{ { %t; } > t%v; tar cf - t%v | ( mkdir d%v; cd d%v; tar xf - ); cat d%v/t%v; }",
    "{ { %t; } > t%v; { %t; } | paste - t%v; }",
    "{ { %t; } | sort > t%v; sort %f | join -a 1 -a 2 - t%v; }",
    "{ { %t; } | cat /dev/fd/3; } 3< %f",
    "{ { %t; } | { cat <&3; } 3<&0; }",
    "{ { %t; } | { cat <&3; cat; } 3< %f; }",
    "{ { %t; } > /dev/stdout; } | cat",
    "{ cat > s%v <<'END%v'\n%t\nEND%v\nawk 'BEGIN { while ((\"%h s%v\" | getline line) > 0) print line }'; }",
    "! { %t; }",
    "{ { %t; } && { %t; }; }",
    "{ if { %t; } > t%v; then cat < t%v; fi; }",
    "{ for %v in 1 2; do { %t; } & done; wait; }",
    '{ { { %t; echo; } | { read %v; echo "$%v"; exec sleep 5; } & }; sleep 0.1; kill $!; wait; }',
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
    "{ %t; cat; }",
    "xargs cat",
    "xargs -n 1 cat %f",
    "xargs -n 1 sh -c 'cat \"$0\"'",
    "awk '{ print | \"cat\" }'",
    'awk \'{ print | "cat > t%v" } END { close("cat > t%v"); while ((getline < "t%v") > 0) print }\'',
    'awk \'{ print > "t%v" } END { close("t%v"); system("cat t%v") }\'',
    "awk '{ print; while ((getline line < \"%f\") > 0) print line }'",
    "{ sed -n 'w t%v'; cat t%v; }",
    "sed 'r %f'",
    "{ split -l 1 - t%v.; cat t%v.*; }",
    "paste - %f",
    "paste -s -d ' ' - %f",
    "env cat",
    "nohup cat",
    "timeout 5 cat",
    "setsid cat",
    "nice sort",
    "{ head -n 1; cat; }",
    "tail -n +1",
    "cat /dev/stdin",
    "cat /dev/fd/0 %f",
    "{ sort -o t%v; cat t%v; }",
    "{ cat <&3; } 3<&0",
    "{ exec 6<&0; cat <&6; exec 6<&-; }",
    "{ exec 6<&0 < %f; cat; exec <&6 6<&-; cat; }",
    '{ while read %v; do { echo "$%v"; } & done; wait; }',
    '{ while read %v; do ( echo "$%v"; exec cat %f ); done; }',
    '{ while read %v; do echo "$%v"; head -n 1; done; }',
    '{ until ! read %v; do echo "$%v"; done; }',
    "{ { cat <&3 & } 3<&0; wait; }",
    "( cat <&3 3<&- & : ) 3<&0",
    "{ sleep 0.02; cat; }",
    "gzip | gzip -d",
    "dd status=none",
    "perl -ne print",
    "{ tee t%v > u%v; cat t%v u%v; }",
    "grep .",
    '{ f%v() { read %v; echo "$%v"; cat; }; f%v; }',
    "( trap 'cat' EXIT; %t )",
    "( trap 'cat; cat %f' USR1; sh -c 'kill -USR1 $PPID'; : )",
    "{ %h -c 'read %v; echo \"$%v\"; exec cat'; }",
    "{ cat > t%v; . /dev/null; cat t%v; }",
    '{ set -- $(cat); for %v; do echo "$%v"; done; }',
    "tac",
    "uniq",
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
    "( exec > %x; %t )",
    "{ %t; } 3> %x >&3",
    "{ { %t; } >> %x & { %t; } >> %x; wait; }",
    "{ %t; } | dd of=%x status=none",
    "{ %t; } | sort -o %x",
    "{ %t; } | sed -n 'w %x'",
    "{ %t; } | awk '{ print > \"%x\" }'",
    "{ %t; } | awk '{ print | \"cat > %x\" }'",
    "{ %t; } > %x\nsort -o %x %x",
    "{ %t; } > %x\nsed -i 's/$/ /' %x",
    "cat > s%v <<'END%v'\n%t\nEND%v\n. ./s%v > %x",
    "cat > s%v <<'END%v'\n%t\nEND%v\nexec %h s%v > %x",
    "cat > s%v <<'END%v'\n%t\nEND%v\n{ cat %f; } > %x\nexec %h s%v >> %x",
    "cat > s%v <<'END%v'\n%t\nEND%v\nprintf '%x: s%v\\n\\t%h s%v > %x\\n' > m%v\nmake -s -f m%v",
    "f%v() { %t; } > %x\nf%v",
    "{ %t; } > t%v\nln t%v %x\nrm t%v\n{ %t; } >> %x",
    "{ %t; sleep 0.05; %t; } > t%v &\nsleep 0.02\nmv t%v %x\nwait",
    "trap '{ echo \"$%v\"; } > %x' USR1\n%v=$( %t )\nkill -USR1 $$\n:",
    '%v=$( %t )\n{ { echo "$%v"; exec sleep 5; } > %x & }\nsleep 0.1\nkill $!\nwait',
    "( ( { %t; } > %x & ) )\nsleep 0.3",
    "{ %t; } | tee t%v %x > /dev/null\ncat t%v >> %x",
    "exec 9<> %x\n{ %t; } >&9\ncat <&9 >> %x",
    "{ %t; } > %x\n{ %t; } 1<> %x",
    'cat <<END%v | while read %v; do echo "$%v"; done > %x\n$( %t )\nEND%v',
]
SUBSTITUTED: Final = [
    "cat <( %t )",
    "cat <( %t ) <( %t )",
    '{ read %v < <( %t ); echo "$%v"; }',
    'while read %v; do echo "$%v"; done < <( %t )',
    'cat <<< "$( %t )"',
    "{ %t; } |& cat",
    "{ { %t; } > >(cat > q%v); sleep 0.15; cat q%v; }",
    "{ { %t; } | tee >(cat > q%v) > /dev/null; sleep 0.15; cat q%v; }",
    'echo "$(< %f)"',
    "printf '%s\\n' \"$( %t )\"",
    '{ while read -u 3 %v; do echo "$%v"; done 3< <( %t ); }',
    "paste <( %t ) <( %t )",
    "{ exec 5< <( %t ); cat <&5; exec 5<&-; }",
]
MORE: Final = {
    "bash": [
        *SUBSTITUTED,
        "{ coproc C%v { %t; }; cat <&${C%v[0]}; wait; } 2> /dev/null",
        "{ exec {%v}< <( %t ); cat <&$%v; exec {%v}<&-; }",
        '{ shopt -s lastpipe; { %t; } | read %v; echo "$%v"; }',
        '{ mapfile -t %v < <( %t ); echo "${%v[*]}"; }',
        "{ { %t; } &> t%v; cat t%v; }",
        "{ coproc C%v { cat; }; { %t; } >&${C%v[1]}; exec {%v}>&${C%v[1]}-; exec {%v}>&-; cat <&${C%v[0]}; wait; } 2> /dev/null",
        "( exec > >( %p ); %t; exec >&-; sleep 0.1 )",
        '{ { %t; } | { read -N 4 %v; echo "$%v"; cat; }; }',
        '{ { %t; } | { read -t 0.05 %v; echo "$%v"; cat; }; }',
        '{ %v=$(< <( %t )); echo "$%v"; }',
    ],
    "zsh": [
        *SUBSTITUTED,
        "cat =( %t )",
        '{ { %t; } | read %v; echo "$%v"; }',
        "{ { %t; } > t%v > w%v; cat w%v; }",
        "{ { { %t; } >&1 > t%v; } | cat; }",
        "cat < %f < %f",
        "{ coproc { %t; }; cat <&p; wait; }",
        '{ coproc { %t; }; while read -p %v; do echo "$%v"; done; wait; }',
        '{ zmodload zsh/system; { %t; } | while sysread %v; do syswrite -- "$%v"; done; }',
        '{ zmodload zsh/system; { sysread -i 3 %v; syswrite -- "$%v"; } 3< %f; }',
        "{ zmodload zsh/mapfile; echo $mapfile[%f]; }",
        "( exec > >( %p ); %t; exec >&-; sleep 0.1 )",
        "{ exec {%v}< <( %t ); cat <&$%v; exec {%v}<&-; }",
        "{ { %t; } always { %t; }; }",
        "{ { %t; } &| sleep 0.1; }",
        "{ { %t; } |& cat; }",
    ],
    "ksh93": [
        *SUBSTITUTED[:5],
        *SUBSTITUTED[6:],
        '{ { %t; } | read %v; echo "$%v"; }',
        '{ { %t; } |& while read -p %v; do echo "$%v"; done; wait; }',
        "{ { %t; } |& exec 5<&p; cat <&5; exec 5<&-; wait; }",
        "{ cat |& { %t; } >&p; exec 5<&p 6>&p; exec 6>&-; cat <&5; exec 5<&-; wait; }",
        'echo "${ %t; }"',
        '{ %v=${ %t; }; echo "$%v"; }',
        "{ function f%v { trap 'cat %f' EXIT; %t; }; f%v; }",
        "{ exec {%v}< %f; cat <&$%v; exec {%v}<&-; }",
    ],
    "mksh": [
        '{ { %t; } |& while read -p %v; do echo "$%v"; done; wait; }',
        "{ { %t; } |& exec 5<&p; cat <&5; exec 5<&-; wait; }",
        'echo "$(< %f)"',
        '{ %v=${ %t; }; echo "$%v"; }',
        '{ while read -u3 %v; do echo "$%v"; done 3< %f; }',
        'cat <<< "$( %t )"',
    ],
    "yash": [
        'cat <<< "$( %t )"',
        "cat <( %t )",
        "cat <( %t ) <( %t )",
        "{ { %t; } >(cat > q%v); sleep 0.15; cat q%v; }",
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
                case "h":
                    return COMMANDS.get(self.shell, self.shell)
                case "x":
                    return output
                case "p":
                    return self.filled(self.choices.choice(FILTERS), depth - 1)
                case _:
                    forms = [*TEXTS, *MORE.get(self.shell, ())] if depth > 0 else SIMPLE
                    return self.filled(self.choices.choice(forms), depth - 1)

        return re.sub("%([fvhxpt])", word, form)


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
    command = COMMANDS.get(shell, shell)
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
    assert place.ended.verdict == "complete" or _are_expected(place.ended.gaps), place.ended.gaps


def _are_expected(gaps: list[str]) -> bool:
    """What is removed at once may be gone before its content was read, and whose shell was killed may live on: both are
    said."""
    said = ("went before being hashed", "outlived the run")
    return all(any(words in gap for words in said) for gap in gaps)
