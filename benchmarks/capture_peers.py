"""What capture costs beside other tools: `python benchmarks/capture_peers.py`.

Four workloads (250 forks; 250 forks that read a file; pandas and scikit-learn; a C build of 33 files) are run in
rounds: bare once, and once under each tool. Who begins changes from round to round. The ratio of the CPU time (user and system, of the
command and all that it waited for) to that of the same round's bare one is shown as the median of the rounds with
its 95% interval. A tool that takes more than three times as long as the bare command takes part in the first
rounds alone; its line says in how many. The other tools are installed with pip into a scratch folder
(`--tools` keeps it for the next time); strace is taken from the path. What cannot be installed or does not run
a workload is said, not left out. At the end stands what the shim adds to a process's memory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pairs import Pairs, spent
from whole_commands import (
    FORKS,
    PROVGRAPH,
    PYTHON,
    READING_FORKS,
    TRAINING,
    c_files,
    repository,
)

PACKAGES = {
    "reprozip": ("reprozip", ["reprozip"]),
    "noworkflow": ("now", ["noworkflow", "sqlalchemy<1.4.48", "pandas", "scikit-learn"]),
    "roar-cli": ("roar", ["roar-cli"]),
}
"""The program that each brings, and what pip is asked for."""
SLOW = 3
AT_ONCE = 0.5  # seconds: what is over so soon may take several times as long
ROUNDS_OF_THE_SLOW = 7
Command = list[str]
NOWORKFLOW = "now run, a Python script"
BUILD = "cd build && make clean && make -j2"
FORKING = """
import subprocess
subprocess.run(["sh", "-c", {!r}], check=True)
"""
BUILDING = f"""
import subprocess
subprocess.run({BUILD!r}, shell=True, check=True)
"""
MAPPED = """
import os
with open("/proc/self/smaps") as file:
    lines = file.readlines()
found, total = False, 0
for line in lines:
    if "-" in line.split()[0]:
        found = "preload-" in line or "/spool/" in line
    elif found and line.startswith(("Private_Clean:", "Private_Dirty:", "Rss:")):
        total += int(line.split()[1]) if line.startswith("Private") else 0
        print("MAPPED", line.strip())
print("PRIVATE", total)
"""


def installed(folder: Path) -> dict[str, Path]:
    """The programs of the other tools that could be installed."""
    found = {}
    for package, (program, wanted) in PACKAGES.items():
        path = folder / package / "bin" / program
        if not path.exists():
            subprocess.run([sys.executable, "-m", "venv", folder / package], check=True)
            pip = [path.with_name("python"), "-m", "pip", "install", "--quiet", *wanted]
            done = subprocess.run(pip, check=False, capture_output=True, text=True)
            if done.returncode:
                print(f"{package} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
                continue
        found[package] = path
    return found


def tools(programs: Mapping[str, Path]) -> dict[str, Callable[[Command], Command]]:
    """What each tool makes of a command. noWorkflow runs Python scripts alone; its script starts the
    others."""
    found: dict[str, Callable[[Command], Command]] = {
        "provgraph": lambda command: [*PROVGRAPH, "run", "--", *command],
        "provgraph, Python's runner": lambda command: [*PYTHON, "run", "--", *command],
    }
    if strace := shutil.which("strace"):
        traced = "trace=file,process,close,dup,dup2,dup3,pipe,pipe2"
        found["strace -f --seccomp-bpf"] = lambda command: [
            *(strace, "-f", "--seccomp-bpf", "-e", traced, "-o", "/dev/null"),
            *command,
        ]
    else:
        print("strace is not here")
    if "reprozip" in programs:
        trace = [str(programs["reprozip"]), "trace", "--overwrite", "--dont-identify-packages"]
        found["reprozip trace"] = lambda command: [*trace, *command]
    if "roar-cli" in programs:
        found["roar run"] = lambda command: [str(programs["roar-cli"]), "run", *command]
    if "noworkflow" in programs:
        found[NOWORKFLOW] = lambda command: [str(programs["noworkflow"]), "run", command[-1]]
    return found


def prepared(folder: Path) -> Path:
    build = folder / "build"
    build.mkdir(parents=True)
    c_files(build)
    scripts = {
        "train.py": TRAINING,
        "forks.py": FORKING.format(f"{FORKS}; echo > forked"),
        "reads.py": FORKING.format(f"{READING_FORKS}; echo > forked"),
        "build.py": BUILDING,
    }
    for name, text in scripts.items():
        (folder / name).write_text(text)
    (folder / ".gitignore").write_text(
        "*.o\nprog\nforked\n*.pkl\ntable.csv\n.roar\n.noworkflow\n.reprozip-trace\n"
    )
    subprocess.run([*PROVGRAPH, "init"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    repository(folder)
    return folder


@dataclass
class Runner:
    """A tool on a workload. `rounds` is in how many it takes part. Each tool has a folder of its own, lest one
    look through what another has left; `alone` is the folder of the bare command."""

    name: str
    bare: Command
    command: Command
    rounds: int
    folder: Path
    alone: Path
    pairs: Pairs = field(default_factory=Pairs)

    def can_run(self, made_there: str) -> bool:
        """Try it, which also fills its caches, and see how long it takes. `made_there` is a file that
        the workload makes: some tools hide that it failed."""
        try:
            spent(self.bare, self.alone)
            alone = spent(self.bare, self.alone)
            (self.folder / made_there).unlink(missing_ok=True)
            taken = spent(self.command, self.folder)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"  {self.name:<28} does not run it: {error}"[:150], flush=True)
            return False
        if not (self.folder / made_there).exists():
            print(f"  {self.name:<28} does not run it to its end", flush=True)
            return False
        if taken.wall > SLOW * max(alone.wall, AT_ONCE):
            self.rounds = min(self.rounds, ROUNDS_OF_THE_SLOW)
        return True


def measure(runners: list[Runner], made_there: str) -> None:
    taking_part = [runner for runner in runners if runner.can_run(made_there)]
    for number in range(max((runner.rounds for runner in taking_part), default=0)):
        now = [runner for runner in taking_part if number < runner.rounds]
        folders = {tuple(r.bare): r.alone for r in now} | {tuple(r.command): r.folder for r in now}
        order = list(folders)
        turn = number % len(order)
        taken = {key: spent(list(key), folders[key]) for key in order[turn:] + order[:turn]}
        for runner in now:
            runner.pairs.bare.append(taken[tuple(runner.bare)])
            runner.pairs.captured.append(taken[tuple(runner.command)])
    for runner in taking_part:
        rounds = f", {runner.rounds} rounds" if runner.rounds < taking_part[0].rounds else ""
        print(f"  {runner.name:<28} {runner.pairs}{rounds}", flush=True)


def memory(folder: Path) -> None:
    (folder / "mapped.py").write_text(MAPPED)
    done = subprocess.run(
        [*PROVGRAPH, "run", "--", sys.executable, "mapped.py"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    private = int(done.stdout.rsplit(" ", 1)[1])
    print(f"The shim and its part of the spool: {private} KiB of a process's own memory")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pairs", type=int, default=20)
    arguments.add_argument("--only", default="", help="tools with this in their name")
    arguments.add_argument("--workload", default="", help="workloads with this in their name")
    arguments.add_argument("--tools", type=Path, help="a folder for the other tools, kept")
    given = arguments.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "1", "REPROZIP_USAGE_STATS": "off"}
    with tempfile.TemporaryDirectory() as temporary:
        programs = installed((given.tools or Path(temporary, "tools")).absolute())
        known = tools(programs)
        alone = prepared(Path(temporary, "alone"))
        folders = {name: prepared(Path(temporary, str(n))) for n, name in enumerate(known)}
        if "roar-cli" in programs:
            subprocess.run(
                [programs["roar-cli"], "init", "-y"],
                cwd=folders["roar run"],
                check=False,
                capture_output=True,
            )
        training = [sys.executable, "train.py"]
        for title, workload, script, made_there in (
            ("250 forks", ["sh", "-c", f"{FORKS}; echo > forked"], "forks.py", "forked"),
            (
                "250 forks that read",
                ["sh", "-c", f"{READING_FORKS}; echo > forked"],
                "reads.py",
                "forked",
            ),
            ("pandas + scikit-learn", training, "train.py", "model.pkl"),
            ("33 C files, make -j2", ["sh", "-c", BUILD], "build.py", "build/prog"),
        ):
            if given.workload not in title:
                continue
            print(title, flush=True)
            runners = []
            for name, tool in known.items():
                if given.only in name:
                    bare = [sys.executable, script] if name == NOWORKFLOW else workload
                    made = (given.pairs, folders[name], alone)
                    runners.append(Runner(name, bare, tool(bare), *made))
            measure(runners, made_there)
        memory(alone)


if __name__ == "__main__":
    main()
