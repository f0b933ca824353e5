"""What does the shell hook add at the prompt? Lines typed in turns to two shells, with it and without.

    python benchmarks/shell_hook.py [LINES] [FILES]

Prints, for each shell there is, the milliseconds from the line's end to the next prompt: median and 95th
percentile, bare and hooked, and the 95th percentile of what the hook adds: of the differences of the
two shells' n-th lines. FILES is how many files the project has (2,000).
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pexpect

FRONT = Path(sys.executable).with_name("provgraph")
HOOK = {
    "bash": 'eval "$({} shell-hook bash)"',
    "zsh": 'eval "$({} shell-hook zsh)"',
    "fish": "{} shell-hook fish | source",
}
PROMPT = {
    "bash": "n=0; PS1='[ready $n]'; PROMPT_COMMAND='n=$((n+1))'",
    "zsh": "n=0; PS1='[ready $n]'; setopt promptsubst; unsetopt zle; precmd() { n=$((n+1)); }",
    "fish": 'set -g n 1; function fish_prompt; echo -n "[ready $n]"; end; set -g fish_greeting\n'
    "function counted --on-event fish_postexec; set -g n (math $n + 1); end",
}


def shell(name: str, root: Path, home: Path, *, hooked: bool) -> pexpect.spawn[str]:
    file = home / {"bash": "rc", "zsh": ".zshrc", "fish": "fish/config.fish"}[name]
    file.parent.mkdir(parents=True, exist_ok=True)
    hook = HOOK[name].format(FRONT) if hooked else ""
    file.write_text(f"{PROMPT[name]}\n{hook}\n")
    # Where it is missing, fish takes itself to be new, and reads all manual pages in the background.
    (home / "fish" / "generated_completions").mkdir(parents=True, exist_ok=True)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    own = {"TERM": "dumb", "ZDOTDIR": str(home), "XDG_CONFIG_HOME": str(home)}
    own |= {"XDG_DATA_HOME": str(home), "XDG_CACHE_HOME": cache}
    words = ["--noprofile", "--rcfile", str(file), "-i"] if name == "bash" else ["-i"]
    spawned = pexpect.spawn(
        name,
        words,
        cwd=str(root),
        env={**os.environ, **own},
        encoding="utf-8",
        timeout=60,
    )
    spawned.delaybeforesend = None
    spawned.expect_exact("[ready 1]")
    return spawned


def timed(spawned: pexpect.spawn[str], line: str, number: int) -> float:
    began = time.perf_counter()
    spawned.sendline(line)
    spawned.expect_exact(f"[ready {number}]")
    return (time.perf_counter() - began) * 1000


def measure(name: str, lines: int, files: int) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder, "project")
        root.mkdir()
        for number in range(files):
            (root / f"file{number}").write_text("x")
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        subprocess.run([FRONT, "init"], cwd=root, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([FRONT, "run", "--", "true"], cwd=root, check=True)
        pair = [shell(name, root, Path(folder, str(on)), hooked=bool(on)) for on in (0, 1)]
        taken: tuple[list[float], list[float]] = ([], [])
        for number in range(2, lines + 2):
            time.sleep(0.15)  # nobody types at once
            for on in (0, 1) if number % 2 else (1, 0):
                taken[on].append(timed(pair[on], f"cat file1 > made{on}; : {number}", number))
        added = [after - before for before, after in zip(*taken, strict=True)]
        told = [f"{statistics.median(each):.1f} / {last(each):.1f}" for each in taken]
        print(
            f"{name}: bare {told[0]}, hooked {told[1]}, added {statistics.median(added):.1f} /"
            f" {last(added):.1f} ms (median / 95th percentile of {lines} lines, {files} files)"
        )
        for each in pair:
            each.close(force=True)


def last(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


if __name__ == "__main__":
    for name in HOOK:
        if shutil.which(name):
            measure(name, *(int(word) for word in [*sys.argv[1:], "200", "2000"][:2]))
