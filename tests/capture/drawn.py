"""Programs that were drawn at random for `programs/actors.c`, and what their files can have come from.

A program is text: its first line is for `actors.c` what an actor does first. `Author` turns words that know nothing of
each other (so that any part of them may be left out) into steps that can be taken; `possible` reads the log of a
program that ran alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

INPUTS = "abcd"
FILES = ["/w0", "/w1", "/w2", "/sub/w3"]
NAMES = [*FILES, "w0", "w4", "../w1", "/s"]
SLOTS = 5
MOST = 200

Word = tuple[str, int, int, int, int]
"""What to do, who does it, and three numbers that say with what."""


@dataclass
class Actor:
    number: int
    process: Process
    main: bool


@dataclass(eq=False)
class Process:
    parent: Process | None
    actors: list[Actor] = field(default_factory=list)


def pick(options: str, number: int) -> str:
    words = options.split()
    return words[number % len(words)]


READING = "open openat openat2 syscall again"
WRITING = "wct wc wca b bc bct wcx w wa wte wce wcn"
EXECS = "execve execv execvp fexecve empty"
SIMPLE = {
    "read": "{x} {h:read pread readv preadv2}",
    "write": "{x} {h:write pwrite writev pwritev2 far}",
    "copy": "{x} {y} {h:sendfile range splice clone tee}",
    "map": "{x} {h:ws rs wp}",
    "put": "{x}",
    "unmap": "{x}",
    "close": "{x} {h:one range}",
    "dup": "{x} {y} {h:dup dup2 dup3 fcntl cloexec out}",
    "pass": "{x} {y}",
    "take": "{x} {y}",
    "pipe": "{x} {y} {h:plain cloexec sockets}",
    "open": "{x} {n} {h:wct wc wca b bc bct wcx w wa wte wce wcn} {g:open openat openat2 syscall again}",
    "creat": "{x} {n} r creat",
    "folder": "{x} {h:/ /sub . sub} {g:- e}",
    "openin": "{x} {y} {h:w0 w1 sub/w3 ../w0 w3 a} {g:r wct wca bc}",
    "tmpfile": "{x}",
    "memfd": "{x}",
    "name": "{x} {n} {h:proc empty}",
    "fopen": "{x} {n} {h:r w a r+ w+ a+ we}",
    "fdopen": "{x} {h:r w a}",
    "fput": "{x} {h:plain line}",
    "fget": "{x}",
    "fflush": "{x} {h:one one all}",
    "fclose": "{x}",
    "freopen": "{x} {n} {h:r w a}",
    "rename": "{n} {m} {h:plain at exchange noreplace number}",
    "link": "{n} {m} {h:hard soft follow}",
    "unlink": "{n} {h:plain at remove}",
    "truncate": "{n} {h:0 1 5}",
    "ftruncate": "{x} {h:0 1 5 100}",
    "fallocate": "{x} {h:more punch}",
    "chdir": "{h:/ /sub}",
    "fchdir": "{x}",
}
COMPOUND = (
    "take_in",
    "put_out",
    "append",
    "update",
    "fork",
    "thread",
    "vfork",
    "spawn",
    "exec",
    "exit",
    "kill",
    "stream",
    "stream",
    "written",
)
WORDS = (*SIMPLE, *COMPOUND)
BORROWED = "take_in open read write dup close put_out append chdir fchdir folder rename link unlink exec exit"
"""What a child of vfork does, which shares its parent's memory and should do little."""


class Author:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0
        self.root = Process(None)
        self.first = self.enter(self.root, main=True)
        self.alive = [self.first]
        self.lent: list[Actor] = []
        self.processes = {0: self.root}

    def enter(self, process: Process, main: bool) -> Actor:
        actor = Actor(self.count, process, main)
        self.count += 1
        process.actors.append(actor)
        return actor

    def say(self, actor: Actor, *words: object) -> None:
        self.lines.append(" ".join(map(str, (actor.number, *words))))

    def write(self, words: Iterable[Word]) -> str:
        for op, who, x, y, h in words:
            if len(self.lines) > MOST or self.count > 40:
                break
            actor = self.lent[-1] if self.lent else self.alive[who % len(self.alive)]
            if self.lent and op not in BORROWED.split():
                continue
            if op in SIMPLE:
                self.say(actor, op, self.filled(SIMPLE[op], x, y, h))
            else:
                getattr(self, op)(actor, x, y, h)
        self.end()
        return "\n".join(self.lines)

    def filled(self, form: str, x: int, y: int, h: int) -> str:
        words = []
        for part in form.replace("} {", "}|{").split("|"):
            key = part[1]
            if key in "hg":
                words.append(pick(part[3:-1], h if key == "h" else h // 16 + y))
            elif key in "nm":
                words.append(NAMES[(x if key == "n" and "{x}" not in form else y) % len(NAMES)])
            else:
                words.append(str((x if key == "x" else y) % SLOTS) if part[0] == "{" else part)
        return " ".join(words)

    def take_in(self, actor: Actor, x: int, y: int, h: int) -> None:
        name = [*(f"/{name}" for name in INPUTS), *FILES][y % (len(INPUTS) + len(FILES))]
        slot = x % SLOTS
        self.say(actor, "open", slot, name, "r" if h % 3 else "re", pick(READING, h))
        self.say(actor, "read", slot, "read")
        if h % 5:
            self.say(actor, "close", slot, "one")

    def put_out(self, actor: Actor, x: int, y: int, h: int, flags: str = "wct") -> None:
        slot = x % SLOTS
        self.say(actor, "open", slot, NAMES[y % len(NAMES)], flags, pick(READING, h))
        self.say(actor, "write", slot, "write")
        if h % 5:
            self.say(actor, "close", slot, "one")

    def append(self, actor: Actor, x: int, y: int, h: int) -> None:
        self.put_out(actor, x, y, h, "wca")

    def update(self, actor: Actor, x: int, y: int, h: int) -> None:
        self.put_out(actor, x, y, h, "b")

    # Processes

    def fork(self, actor: Actor, x: int, y: int, h: int) -> None:
        child = self.child(actor)
        self.say(actor, "fork", child.number, pick("fork clone", h))
        self.alive.append(child)

    # What a fork writes to what it was given, which its parent may close while the fork goes on

    def stream(self, actor: Actor, x: int, y: int, h: int) -> None:
        slot = x % SLOTS
        if h & 1:
            self.say(actor, "fopen", slot, NAMES[y % len(NAMES)], pick("w a r+ w+", h // 2))
        else:
            self.say(actor, "open", slot, NAMES[y % len(NAMES)], pick("wct wca", h // 2), "open")
            self.say(actor, "fdopen", slot, pick("w a", h // 2))
        self.say(actor, "buffer", slot, pick("full full line none small", x // SLOTS))
        if h & 8:
            self.say(actor, "fput", slot, "line")
        if h & 24 == 24:
            self.say(actor, "fflush", slot, "one")
        child = self.child(actor)
        self.say(actor, "fork", child.number, pick("fork clone", h // 4))
        self.alive.append(child)
        self.take_in(child, x + 1, x + h, 1)
        if y & 4:
            self.put_out(child, x + 1, h, 1)
        self.say(child, "fput", slot, pick("line line big", y // 8))
        if y & 1:
            self.say(child, "fflush", slot, pick("one one all", y // 16))
        elif y & 2:
            self.say(actor, "fclose", slot)
            self.leave(child, pick("exit _exit quick", h // 8))
            return
        else:
            self.say(child, "dup", slot, SLOTS, "dup")
            self.say(child, "fclose", slot)
        self.part(actor, child, slot, h // 8, "fclose")

    def written(self, actor: Actor, x: int, y: int, h: int) -> None:
        slot = x % SLOTS
        self.say(actor, "open", slot, NAMES[y % len(NAMES)], pick("wct wca b", h // 2), "open")
        child = self.child(actor)
        self.say(actor, "fork", child.number, pick("fork clone", h))
        self.alive.append(child)
        self.take_in(child, x + 1, x + h, 1)
        self.say(child, "write", slot, "write")
        self.part(actor, child, slot, h // 8, "close")

    def part(self, actor: Actor, child: Actor, slot: int, how: int, close: str) -> None:
        """The parent closes before its fork becomes another program, after it has, while it goes on, or before it is
        killed."""
        if how % 4 == 1:
            self.exec(child, 0, 0, how)
        if how % 8 != 7:
            self.say(actor, close, slot, "one")
        if how % 4 == 2:
            self.exec(child, 0, 0, how)
        elif how % 8 == 3:
            self.leave(child, "kill")

    def child(self, actor: Actor) -> Actor:
        process = Process(actor.process)
        child = self.enter(process, main=True)
        self.processes[child.number] = process
        return child

    def thread(self, actor: Actor, x: int, y: int, h: int) -> None:
        if self.lent:
            return
        other = self.enter(actor.process, main=False)
        self.processes[other.number] = actor.process
        self.say(actor, "thread", other.number)
        self.alive.append(other)

    def vfork(self, actor: Actor, x: int, y: int, h: int) -> None:
        if self.lent:
            return
        child = self.child(actor)
        self.say(actor, "vfork", child.number)
        self.say(child, "born")
        self.lent.append(child)

    def spawn(self, actor: Actor, x: int, y: int, h: int) -> None:
        if self.lent:
            return
        child = self.child(actor)
        slots = [str(n % SLOTS) if h >> k & 1 else "-" for k, n in enumerate((x, y))]
        self.say(actor, "spawn", child.number, *slots)
        self.alive.append(child)

    def exec(self, actor: Actor, x: int, y: int, h: int) -> None:
        self.say(actor, "exec", pick(EXECS, h))
        for other in list(actor.process.actors):
            if other is not actor:
                self.gone(other)
        if self.lent:
            self.alive.append(self.lent.pop())

    def gone(self, actor: Actor) -> None:
        actor.process.actors.remove(actor)
        if actor in self.alive:
            self.alive.remove(actor)

    def exit(self, actor: Actor, x: int, y: int, h: int) -> None:
        if self.lent:
            self.say(actor, "exit", "_exit")
            self.lent.pop()
            self.reap(actor.process)
        elif len(actor.process.actors) > 1 and not actor.main and h % 2:
            self.say(actor, "end")
            self.gone(actor)
            self.say(actor.process.actors[0], "join", actor.number)
        elif actor.process is not self.root:
            self.leave(actor, pick("exit exit _exit quick kill abort", h))

    def leave(self, actor: Actor, how: str) -> None:
        self.say(actor, "exit", how)
        self.reap(actor.process)

    def kill(self, actor: Actor, x: int, y: int, h: int) -> None:
        others = [a for a in self.alive if a.process not in (actor.process, self.root)]
        if others and not self.lent:
            victim = others[x % len(others)].process
            self.say(actor, "kill", next(n for n, p in self.processes.items() if p is victim))
            self.reap(victim)

    def reap(self, process: Process) -> None:
        for actor in list(process.actors):
            self.gone(actor)
        parent = process.parent
        while parent is not None and not parent.actors:
            parent = parent.parent
        assert parent is not None
        number = next(n for n, p in self.processes.items() if p is process)
        self.say(parent.actors[0], "reap", number)

    def end(self) -> None:
        while self.lent:
            self.exit(self.lent[-1], 0, 0, 0)
        while self.alive:
            process = self.alive[-1].process
            if process is self.root:
                break_out = [a for a in self.alive if a.process is not self.root]
                if not break_out:
                    self.say(self.root.actors[0], "exit", "exit")
                    return
                process = break_out[-1].process
            self.leave(process.actors[0], "exit")


# What can have come from what


@dataclass(eq=False)
class Holder:
    """A process: what it may have heard, and what it has open, by inode: how, and the state that it had first."""

    may: set[str] = field(default_factory=set)
    has: dict[int, tuple[set[str], str]] = field(default_factory=dict)


def possible(
    lines: list[str], log: str, processes: Mapping[int, Process], inputs: Mapping[int, str]
) -> dict[int, set[str]]:
    """By inode, the inputs that a file may have come from, as what was open, when and to whom, tells. What
    processes tell each other may have been said at any time."""
    said: dict[object, set[str]] = {}
    while True:
        before = {teller: set(heard) for teller, heard in said.items()}
        files = _Run(lines, processes, inputs, said).told(log)
        if said == before:
            return files


class _Run:
    def __init__(
        self,
        lines: list[str],
        processes: Mapping[int, Process],
        inputs: Mapping[int, str],
        said: dict[object, set[str]],
    ) -> None:
        self.lines, self.processes, self.said = lines, processes, said
        self.files: dict[int, set[str]] = {inode: {name} for inode, name in inputs.items()}
        self.pipes: set[int] = set()
        self.stamps: dict[int, str] = {}
        self.holders: dict[Process, Holder] = {}

    def told(self, log: str) -> dict[int, set[str]]:
        for line in log.splitlines():
            step, number, _, *items = line.split()
            self.holder(self.processes[int(number)])
            self.take(self.processes[int(number)], items)
            match self.lines[int(step)].split():
                case [_, "fork" | "vfork" | "spawn", child, *_]:
                    self.holder(self.processes[int(child)])
                case [_, "reap", child]:
                    self.holder(self.processes[int(child)]).has = {}
                case _:
                    pass
        return self.files

    def holder(self, process: Process) -> Holder:
        if process not in self.holders:
            made = self.holders[process] = Holder()
            if process.parent is not None:
                parent = self.holder(process.parent)
                made.may, made.has = set(parent.may), dict(parent.has)
        return self.holders[process]

    def take(self, process: Process, items: list[str]) -> None:
        by = self.holders[process]
        has: dict[int, tuple[set[str], str]] = {}
        touched = []
        for item in items:
            how, number, *state = item.split(":")
            inode = int(number)
            if how == "t":
                touched.append(inode)
                continue
            if state and state[0] == "-":
                self.pipes.add(inode)
            elif state:
                self.stamps[inode] = state[0]
            first = by.has[inode][1] if inode in by.has else self.stamps.get(inode, "0")
            has[inode] = has.get(inode, (set(), first))[0] | {how}, first
        for table in (by.has, has):
            by.has = table
            for inode in touched:
                self.files.setdefault(inode, set()).update(by.may)
            self.settle()

    def settle(self) -> None:
        size = -1
        while size != (now := self.size()):
            size = now
            for process, holder in self.holders.items():
                for inode, (ways, first) in holder.has.items():
                    self.pass_through(holder, inode, ways, first)
                self.said.setdefault(process, set()).update(holder.may)
                if process.parent is not None:
                    self.holder(process.parent).may |= self.said[process]

    def size(self) -> int:
        held = [*self.files.values(), *(holder.may for holder in self.holders.values())]
        return sum(map(len, held))

    def pass_through(self, holder: Holder, inode: int, ways: set[str], first: str) -> None:
        if inode in self.pipes:
            heard = self.said.setdefault(inode, set())
            heard |= holder.may
            holder.may |= heard
            return
        held = self.files.setdefault(inode, set())
        if ways & set("rbSP"):
            holder.may |= held
        written = self.stamps.get(inode) != first or first[0] == "0"
        if "S" in ways or (ways & set("wb") and written):
            held |= holder.may
