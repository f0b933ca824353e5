"""What did each execution do to files: which states it read, made, moved and removed.

Events go in, in order of time; `Read`, `Version` and `Removal` come out, which still belong to
executions, not to phases, and hold noise too. A file is its inode, not its name. Two rules carry the
rest:

- A state of a file is *accounted for* once some version has it. A close makes a version only if it
  ends a write and its state is not accounted for: so the shell that holds `> log` for its children
  makes no version of what they wrote.
- A state that somebody sees (opens, inherits, moves, links, removes) while somebody else has the file
  open and has changed it becomes a version of the latter then, not at its close.
- Who has a file open to read may read what others write there meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable
from operator import attrgetter
from typing import Final, Protocol

import msgspec

from provgraph.ingest.capture.assemble.actions import Actions
from provgraph.ingest.capture.assemble.known import Known, Room
from provgraph.ingest.capture.assemble.pipes import Inform
from provgraph.ingest.capture.assemble.processes import (
    Execution,
    Happening,
    Process,
    is_started_by,
)
from provgraph.ingest.capture.assemble.scripts import Program
from provgraph.ingest.capture.assemble.states import (
    GONE,
    File,
    Opening,
    Read,
    Removal,
    Source,
    Version,
    by_state,
    same,
    source_of,
)
from provgraph.ingest.capture.assemble.together import Told, holder, told_together
from provgraph.ingest.capture.assemble.writers import Writers
from provgraph.ingest.capture.events import (
    Closed,
    Descriptor,
    Drawn,
    Event,
    ExecFailed,
    Executing,
    Exited,
    Forked,
    Image,
    Killed,
    Linked,
    Opened,
    Piped,
    Renamed,
    Talked,
    Truncated,
    Unlinked,
)
from provgraph.ingest.capture.noise import Noise
from provgraph.model.records import Content, Stat


class Traffic(msgspec.Struct):
    """All that was done to files. `touched` are paths with a captured change, `informs` what was told
    through files without a name, `flows` what may have been through those that others had open, `passed` paths of noise at which the run made what it went on with."""

    actions: Actions
    touched: Container[bytes]
    environment: set[bytes]
    informs: list[Inform]
    flows: list[Inform]
    passed: set[bytes]


class Kinship(Protocol):
    """How a program stands to its children: a shell waits for them, and may lend them what it has open; a
    worker is its parent's."""

    def is_shell(self, execution: Execution) -> bool: ...
    def lends(self, execution: Execution) -> bool: ...
    def of(self, execution: Execution) -> Program: ...


Look = Callable[[bytes, int], Content]


def traffic(
    happenings: Iterable[Happening],
    noise: Noise,
    look: Look,
    programs: Kinship,
    ended: int | None,
    room: Room | None = None,
) -> Traffic:
    """`noise` knows which paths are the environment's; `look` says what is known of a
    file as it is now; `ended` is when the run did, None if it goes on; `room` where
    there is some besides memory."""
    sweep = _Sweep(noise, look, programs, room)
    known = sweep.known
    for event, by, index in happenings:
        sweep.take(event, by, index)
        if known.is_full():
            known.put_away(sweep.open)
    if ended is not None:
        sweep.finish(ended)
    flows = sweep.told.all()
    return Traffic(*known.all(), sweep.environment, sweep.informs, flows, sweep.passed)


class _Sweep:
    def __init__(self, noise: Noise, look: Look, programs: Kinship, room: Room | None) -> None:
        self.noise, self.look, self.programs = noise, look, programs
        self.known = Known(room)
        self.environment: set[bytes] = set()
        self.informs: list[Inform] = []
        self.told = Told()
        self.passed: set[bytes] = set()
        self.openings: dict[Process, dict[int, list[Opening]]] = {}
        self.unsettled: dict[Opening, None] = {}
        self.progress: dict[Execution, int] = {}
        self.busy: dict[Execution, int] = {}
        self.forks: defaultdict[Execution, int] = defaultdict(int)  # with a memory of their own
        self.waiting: dict[Execution, list[tuple[Opening, Closed, int]]] = {}
        self.starting: dict[Execution, set[Process]] = {}
        self.held_back: dict[Execution, list[tuple[Closed, int]]] = {}
        self.sighted: dict[bytes, tuple[File, int]] = {}  # names of which it was not yet told
        self.held: dict[bytes, int] = {}  # when the newest version was made that lost a name
        self.spoke: set[Execution] = set()  # before they became programs
        # When shells and forks last learned something, and what they read then.
        self.learned: defaultdict[Execution, list[tuple[int, Read | None]]] = defaultdict(list)

    @property
    def open(self) -> list[Opening]:
        """What is needed of files that somebody has open."""
        tables = [table for tables in self.openings.values() for table in tables.values()]
        closed = [opening for waiting in self.waiting.values() for opening, _, _ in waiting]
        return [*self.unsettled, *(opening for table in tables for opening in table), *closed]

    def take(self, event: Event, by: Execution, index: int) -> None:
        self.progress[by] = index
        if type(event) is Closed:
            if by in self.starting:
                self.held_back.setdefault(by, []).append((event, index))
            else:
                self.closed(event, by, index)
            return
        if type(event) is Drawn:
            self.drawn(event, by)
            return
        if type(event) is Piped:
            if event.readable:
                self.learn(by, event.tick)
            if not event.named:
                return  # a shell plugs its own in again, which is doing nothing
        if self.starting:
            self.close_now(by)
        self.busy[by] = self.busy.get(by, 0) + 1
        if self.waiting:
            self.went_on(event, by)
        match event:
            case Opened():
                self.opened(event, by, index)
            case Image():
                self.began(event, by, index)
                self.started(by.process)
            case Exited():
                self.started(by.process)
                self.left(by)
                self.learned.pop(by, None)
            case ExecFailed() | Killed():
                self.started(by.process)
            case Forked():
                self.forked(event, by)
            case Renamed():
                self.renamed(event, by, index)
            case Unlinked():
                self.unlinked(event, by, index)
            case Linked():
                self.linked(event, by, index)
            case Truncated():
                self.truncated(event, by, index)
            case Executing() if event.spoke:
                self.spoke.add(by)
            case Talked() if event.took:
                self.learn(by, event.tick)
            case _:
                pass

    # Files and their names

    def file_at(self, path: bytes, stat: Stat | None, created: bool = False, tick: int = 0) -> File:
        """The file that has this name and inode now, or at `tick`, when somebody opened it. A name that turns out to
        belong to another inode was taken over unseen."""
        key = (stat.device, stat.inode) if stat else None
        file = self.known.at(key) if key else self.known.named(path)
        is_new = file is None or created
        if file is None or created:
            file = File(created=created)
            if key:
                self.known.enter(key, file)
        if path and not path.endswith(GONE):
            before = self.known.named(path)
            if before is not file:
                if before is not None:
                    before.names.pop(path, None)
                self.known.name(path, file)
                file.names.setdefault(path, None)
                if tick and not is_new:
                    self.sighted[path] = (file, tick)
        return file

    def named_since(self, file: File, target: bytes, tick: int) -> int:
        """From when on a file has a name, of which `tick` says that it got it: somebody may have opened it there
        before that could be told."""
        seen_as, seen = self.sighted.pop(target, (None, 0))
        is_early = seen_as is file and target in file.names
        before = file.last.tick if file.last else 0
        return seen - 1 if is_early and before < seen - 1 < tick else tick

    # Noise

    def folded(self, path: bytes, by: Execution) -> bytes | None:
        """The environment's folder that stands for a path. What another process of the run made in a cache
        is no environment: it passes on what it was made from."""
        folded = self.noise.fold(path)
        if folded is not None and self.noise.passes_on(path):
            file = self.known.named(path)
            made = file.last if file is not None else None
            if made is not None and made.by.process is not by.process:
                self.pass_through(made)
                return None
        return folded

    def pass_through(self, version: Version | None) -> None:
        """A version below noise, and what it was moved or grown from, is lineage."""
        while version is not None:
            paths = {name for name, _ in version.names}
            if not any(self.noise.passes_on(path) for path in paths):
                return
            self.passed |= paths
            source = next((s for s in version.sources if self.noise.passes_on(s.path)), None)
            if source is not None:
                self.passed.add(source.path)
            version = source.version if source is not None else None

    # Reads

    def read(
        self, by: Execution, path: bytes, tick: int, index: int, stat: Stat | None, file: File
    ) -> Read | None:
        """One read of each state by each execution counts: the first."""
        if path.endswith(GONE):
            if file is None or file.last is None:
                self.hear_prompt(by, tick)
                return None
            path = file.last.names[-1][0]
        source = source_of(path)
        compiled = source != path
        folded = self.folded(source, by)
        if folded is not None:
            self.environment.add(folded)
            return None
        made = self.known.named(source) if compiled else file
        last = made.last.tick if made and made.last else 0
        read = Read(by, source, tick, index, None if compiled else stat, file, last, compiled)
        seen = self.known.reads(by, source)
        if seen is None:
            self.known.note(by, source, read)
        else:
            states = by_state(seen)
            state = read.state
            if compiled or state in states:
                return None
            self.known.note(by, source, states)
            stale = states.pop((), None)  # its compiled form was out of date, so it read the source
            if stale is not None:
                stale.stat, stale.compiled = read.stat, False
                states[state] = stale
                return None
            states[state] = read
        file.touch(by)
        self.known.actions.append(read)
        return read

    def learn(self, by: Execution, tick: int, read: Read | None = None) -> None:
        if by.stretch or self.programs.is_shell(by):
            learned = self.learned[by]
            learned.append((tick, read))
            del learned[:-_LATEST]

    def has_learned(self, by: Execution, since: int, until: int) -> bool:
        return any(
            since < tick <= until and not (read is not None and read.void)
            for tick, read in self.learned.get(by, ())
        )

    def opened(self, event: Opened, by: Execution, index: int) -> None:
        if not event.writable:
            folded = self.folded(source_of(event.path), by)
            if folded is not None:
                self.environment.add(folded)
                return
        created = event.created and not self.is_there(event)
        file = self.file_at(event.path, event.after, created, event.tick)
        fresh = created or event.truncates
        opening = Opening(
            file,
            by,
            event.tick,
            index,
            event.fd,
            event.after,
            event.path,
            event.readable,
            event.writable,
            fresh=fresh,
            appends=event.appends,
            forks=self.forks.get(by, 0),
        )
        state = event.before if event.truncates else event.after
        if not created:
            self.sight(file, event.path, state)
            opening.unaccounted = self.changer(file, state, reading=event.readable)
            if opening.unaccounted and state and (event.truncates or event.readable):
                self.account(opening.unaccounted, state, event.tick)
                opening.unaccounted = None
        reads = event.readable and not fresh and bool(not event.writable or event.after.size)
        if reads and not self.is_told(file, by, event.tick):
            opening.read = self.read(by, event.path, event.tick, index, event.after, file)
            if opening.read is not None:
                self.learn(by, event.tick, opening.read)
        file.touch(by)
        if event.readable:
            file.readers[opening] = None
        if event.writable:
            self.may_write(opening)
            self.unsettled[opening] = None
        elif fresh:  # as `flock` makes its file
            self.version(opening, by, event.after, event.tick, index)
        self.openings.setdefault(by.process, {}).setdefault(event.tick, []).append(opening)

    def is_there(self, event: Opened) -> bool:
        """Whether another had created the file meanwhile: of two who found nothing at once, each believes that it did."""
        file = self.known.at((event.after.device, event.after.inode))
        if file is None or event.path not in file.names:
            return False
        return bool(file.writers) or event.after.size > 0

    def sight(self, file: File, path: bytes, state: Stat | None) -> None:
        """Somebody sees a file, by a name that its newest version has, that nobody has open to write: if it was given
        other times since (`cmake --install`, snakemake), its bytes are still that version's."""
        last = file.last
        if last is None or last.stat is None or state is None or file.writers:
            return
        is_same = (state.device, state.inode) == (last.stat.device, last.stat.inode)
        if is_same and state.size == last.stat.size and path == last.names[-1][0]:
            last.moved = state

    # Writes

    def changer(self, file: File, state: Stat | None, *, reading: bool) -> Opening | None:
        """Who had the file open and changed it into a state that no version has: the last to have
        opened it. An empty file that was only created says nothing but to somebody who reads it."""
        if not file.writers or state is None:
            return None
        if file.last is not None and same(file.last.stat, state):
            return None
        return file.writers.changer(state, reading=reading)

    def account(self, opening: Opening, state: Stat, tick: int) -> Version | None:
        """Make a version of what a writer had written by then."""
        made = self.version(opening, opening.by, state, tick, self.progress[opening.by])
        if made is not None and not state.size and not same(opening.base, state):
            writers = opening.file.writers
            made.begun = writers is None or not writers.emptied(state)
        return made

    def closed(self, event: Closed, by: Execution, index: int) -> None:
        table = self.openings.get(by.process, {})
        candidates = table.get(event.opened)
        if not candidates:
            return
        opening = _best(candidates, event)
        candidates.remove(opening)
        if not candidates:
            del table[event.opened]
        if opening.closed:
            return
        opening.wrote = event.wrote
        if table and self.programs.is_shell(by):
            for other in (other for others in table.values() for other in others):
                other.kept |= other.tick < opening.tick and not other.borrowers
        if not (opening.wrote or event.took) and self.only_lent(opening):
            self.hand_back(opening, event)
            if self.may_be_borrowers(opening, event):
                opening.file.readers.pop(opening, None)
                self.let_go(opening)
                self.waiting.setdefault(by, []).append((opening, event, index))
                return
        elif opening.file.readers and opening.file.writers:
            self.told.add(told_together(opening, event.stat, event.tick))
        if not opening.writable:
            opening.closed = True
            if not same(event.stat, opening.base) and opening.read is not None:
                self.changed_while_read(opening, by, event, index)
            opening.file.readers.pop(opening, None)
            return
        if event.mapped:
            opening.late = event
            if not same(opening.base, event.stat):
                self.settle(opening, by, event.stat, event.tick, index)
            return
        opening.file.readers.pop(opening, None)
        self.let_go(opening)
        self.settle(opening, by, event.stat, event.tick, index)

    def started(self, process: Process) -> None:
        """A process runs its program, or will not."""
        parent = process.parent
        starting = self.starting.get(parent) if parent is not None else None
        if parent is not None and starting is not None:
            starting.discard(process)
            if not starting:
                self.close_now(parent)

    def close_now(self, shell: Execution) -> None:
        """What a shell closed while a program started that it spawned. That one says only once it runs what
        it was given."""
        self.starting.pop(shell, None)
        for event, index in self.held_back.pop(shell, ()):
            self.closed(event, shell, index)

    def only_lent(self, opening: Opening) -> bool:
        """Some shells redirect first and then fork, so that a command's files are open in the shell
        itself. Where it gave them to one command and did nothing else until it closed them, nor had
        another fork, it has neither read nor written them."""
        by = opening.by
        return (
            len(opening.borrowers) == 1
            and self.forks.get(by, 0) - opening.forks
            <= (not opening.borrowers[0].process.suspended)
            and not opening.kept
            and opening.lent == self.busy[by]
            and self.programs.is_shell(by)
        )

    def hand_back(self, opening: Opening, event: Closed) -> None:
        borrower, read = opening.borrowers[0], opening.read
        for later in opening.later:
            later.void = True
        if read is not None:
            read.void = True
            self.known.forget(read.by, read.path)
            again = self.read(borrower, read.path, borrower.started, 0, read.stat, opening.file)
            if again is not None:
                again.made = read.made
        last = opening.file.last
        written = last is not None and last.tick >= opening.tick
        if opening.fresh and not written and same(opening.base, event.stat):
            index, tick = self.progress[borrower], max(event.tick, borrower.started + 1)
            self.version(opening, borrower, event.stat, tick, index)

    def may_be_borrowers(self, opening: Opening, event: Closed) -> bool:
        """Whether a shell closes what a program that it spawned has open still and may have changed. If it
        then waits for that program, it did not go on to write there itself."""
        borrower, last = opening.borrowers[0].process, opening.file.last
        return (
            opening.writable
            and not event.mapped
            and borrower.suspended
            and borrower.exited is not None
            and borrower.exited > event.tick
            and not same(opening.base, event.stat)
            and not (last is not None and same(last.stat, event.stat))
        )

    def went_on(self, event: Event, by: Execution) -> None:
        """A shell does something, or starts a program: what it closed without having waited is its own, too."""
        self.end_waiting(by, event.tick)
        if by.process.parent is not None and isinstance(event, (Forked, Image)):
            self.end_waiting(by.process.parent, event.tick)

    def end_waiting(self, shell: Execution, tick: int) -> None:
        for opening, closed, index in self.waiting.pop(shell, ()):
            exited, last = opening.borrowers[0].process.exited, opening.file.last
            waited = exited is not None and exited <= tick
            if not waited and (last is None or last.tick <= closed.tick):
                self.settle(opening, shell, closed.stat, closed.tick, index)

    def may_write(self, opening: Opening) -> None:
        file = opening.file
        if file.writers is None:
            file.writers = Writers()
        file.writers.add(opening)

    def let_go(self, opening: Opening) -> None:
        opening.closed = True
        writers = opening.file.writers
        if writers is not None:
            writers.remove(opening)
            if not writers:
                opening.file.writers = None
        self.unsettled.pop(opening, None)

    def left(self, by: Execution) -> None:
        """A program ended by itself. What it had been given and does not say to have closed, it did not write to: what
        becomes of that later is nobody's but of those who have it still."""
        if not by.traced:
            return
        for openings in self.openings.get(by.process, {}).values():
            for opening in openings:
                if opening.inherited and opening.writable and not opening.closed:
                    self.let_go(opening)

    def changed_while_read(
        self, opening: Opening, by: Execution, event: Closed, index: int
    ) -> None:
        file = opening.file
        writer = self.changer(file, event.stat, reading=True)
        if writer is not None:
            self.account(writer, event.stat, event.tick)
        last = file.last
        if last is None or last.by is not by or last.tick < opening.tick:
            self.read(by, file.name or opening.path, event.tick, index, event.stat, file)

    def settle(
        self, opening: Opening, by: Execution, stat: Stat | None, tick: int, index: int
    ) -> None:
        """A writer is done: make the version that is due."""
        orphans = self.orphans(opening, stat, tick)
        if orphans:
            self.account_before(opening)
        # Each at its own moment: the last comes from the others.
        for before, orphan in enumerate(orphans, -len(orphans)):
            self.version(orphan, orphan.by, stat, tick + before, self.progress[orphan.by])
        if self.is_due(opening, by, stat):
            left = self.left_in(opening, stat)
            if left is None:
                self.version(opening, by, stat, tick, index)
            else:
                self.share(left, opening, by, index)

    def left_in(self, opening: Opening, stat: Stat | None) -> Version | None:
        """The first version in which a writer left its file, if another was told before to have made that."""
        found, version = None, opening.file.last
        while version and version.tick >= opening.tick and same(version.stat, stat):
            found = version
            moved = version.sources[0] if version.sources else None
            version = moved.version if moved and moved.how == "rename" else None
        return found

    def share(self, left: Version, opening: Opening, by: Execution, index: int) -> None:
        """Who has read a version of which it turns out that another had written there as well has read what both
        wrote: the other one's comes at the next moment, and has the names that it got since."""
        file, tick = opening.file, left.tick + 1
        last, named = file.last, dict(file.names)
        before = self.account_before(opening)
        names = [(name, max(tick, since)) for name, since in left.names]
        made = Version(by, left.path, tick, index, left.stat, file, names=names, moved=left.moved)
        made.shared, made.linked = opening.inherited or by is not opening.by, left.linked
        how = "append" if opening.appends else "change"
        made.sources = tuple(
            Source(version.path, version.tick, version.stat, how, version)
            for version in (left, before)
            if version is not None and not version.is_empty
        )
        left.names = [(name, since) for name, since in left.names if since < tick]
        file.names = {name: made if its is left else its for name, its in named.items()}
        file.accept(made)
        if last is not None and last is not left:
            file.accept(last)  # moved since
        file.touch(by)
        self.known.actions.append(made)
        self.read_while_open(made)

    def orphans(self, opening: Opening, stat: Stat | None, tick: int) -> list[Opening]:
        """Who was killed with the file open and may have written what nobody accounted for."""
        file = opening.file
        if not file.writers or stat is None:
            return []
        if file.last is not None and same(file.last.stat, stat):
            return []
        return file.writers.orphans(stat, tick)

    def is_due(self, opening: Opening, by: Execution, stat: Stat | None) -> bool:
        """Whether it wrote something that is not accounted for."""
        if not opening.fresh and same(opening.base, stat):
            return False
        own, last = opening.file.made_by(by), opening.file.last
        if own is not None and own.tick >= opening.tick and same(own.stat, stat):
            return False
        if last is None or last.tick < opening.tick or not same(last.stat, stat):
            return True
        given = last.shared and last.by.process.started >= opening.tick
        if not (given or opening.inherited):
            # Each opened it for itself: who of the two wrote last is not known.
            return stat is not None and stat.size > 0
        if opening.forked or self.programs.is_shell(by):
            # A fork's parent may have closed it since. A shell waits for what it starts, or was seen to write beside it.
            if own is None or own.tick < opening.tick:
                return opening.wrote
            return opening.wrote and self.has_learned(by, own.tick, last.tick)
        return self.leaves_doubt(last.by, by)

    def leaves_doubt(self, writer: Execution, other: Execution) -> bool:
        """Whether `other` may have written what was accounted to `writer`: it was killed, or the two
        are a process and its fork, which share what they have opened, or `writer` did not wait for `other`,
        as it had started it itself or both were given the same output."""
        killed = writer.process.exited is None and not writer.stretch
        shared = writer.stretch and writer.process is not other.process
        return killed or shared or not is_started_by(writer, other)

    def version(
        self, opening: Opening, by: Execution, stat: Stat | None, tick: int, index: int
    ) -> Version | None:
        file = opening.file
        self.account_before(opening)
        path = file.name
        if path is None:
            self.pass_on(file, by, tick)
            if not opening.path.endswith(GONE):
                return None
            path = opening.path
        made = self.make(by, path, tick, index, stat, file)
        made.shared = opening.inherited or by is not opening.by
        source = self.grown_from(opening, path, stat, tick)
        if source is not None:
            made.sources = (source,)
        self.accept(made)
        self.show_under_all_names(made)
        self.read_while_open(made)
        return made

    def account_before(self, opening: Opening) -> Version | None:
        before = opening.unaccounted
        if before is None:
            return None
        opening.unaccounted = None
        return self.account(before, opening.base, max(opening.tick, opening.looked))

    def read_while_open(self, made: Version) -> None:
        """Who has the file open may have read what another wrote there."""
        file, stat, tick = made.file, made.stat, made.tick
        if file is None or stat is None or not stat.size:
            return
        for opening in list(file.readers):
            by = holder(opening, tick)
            if by.process is made.by.process or tick < opening.tick:
                continue
            if by.ended is not None and by.ended < tick:
                file.readers.pop(opening)
                continue
            read = self.read(by, made.path, tick, self.progress.get(by, 0), stat, file)
            if read is not None:
                opening.later.append(read)

    def pass_on(self, file: File, by: Execution, tick: int) -> None:
        """A file without a name passes what is written to it between those who have it open: a shell gives
        a here-document so, and takes a substitution's output. Who can read it does so at some later moment;
        nobody reads from the output that was given to them."""
        file.tellers.pop(by, None)
        file.tellers[by] = None
        for other in file.writers.readers() if file.writers else ():
            is_output = other.inherited and other.fd in (1, 2)
            if not is_output and other.by is not by:
                self.informs.append(Inform(other.by, by, "pipe", tick, held=False))

    def is_told(self, file: File, by: Execution, tick: int) -> bool:
        """Whether what a program gets to read has no name any more, and another wrote to it last: then all who did
        tell it what is there."""
        if file.name is not None or next(reversed(file.tellers), by) is by:
            return False
        for teller in file.tellers:
            if teller is not by:
                self.informs.append(Inform(by, teller, "pipe", tick, until=tick))
        return True

    def grown_from(
        self, opening: Opening, path: bytes, stat: Stat | None, tick: int
    ) -> Source | None:
        """What the file held before, unless this opening had created or emptied it."""
        last, base = opening.file.newest(tick), opening.base
        if last is not None and last.tick >= opening.tick:
            source = Source(last.names[-1][0], last.tick, last.stat, "change", last)
        elif opening.fresh:
            return None
        else:
            known = last if last and same(last.moved or last.stat, base) else None
            source = Source(path, opening.tick, base, "change", known)
        size = source.stat.size if source.stat else -1
        shared = opening.inherited or opening.fresh  # then each goes on where another stopped
        if opening.appends or (shared and stat is not None and stat.size > size):
            source.how = "append"
        return source if size or (source.version and source.version.begun) else None

    def make(
        self, by: Execution, path: bytes, tick: int, index: int, stat: Stat | None, file: File
    ) -> Version:
        return Version(by, path, tick, index, stat, file, names=[(path, tick)])

    def show_under_all_names(self, made: Version) -> None:
        """What is written through one name of a file is there under its others (hard links), too."""
        file = made.file
        if file is None or len(file.names) < 2 or made.path not in file.names:
            return
        made.linked = True
        others = [name for name in file.names if name != made.path]
        made.names[:0] = [(name, made.tick) for name in others]
        file.names.update(dict.fromkeys(others, made))
        self.known.touched.update(others)

    def accept(self, version: Version) -> None:
        file = version.file
        assert file is not None
        file.accept(version)
        file.touch(version.by)
        if file.last is not version:
            self.told_late(version, file)
        elif version.path in file.names:
            file.names[version.path] = version
        self.known.actions.append(version)
        if not version.path.endswith(GONE):
            self.known.touched.add(version.path)

    def told_late(self, version: Version, file: File) -> None:
        """The next one after it came from it, too, if who made that had not opened the file anew."""
        later = (other for other in file.versions() if other.tick > version.tick)
        following = min(later, key=attrgetter("tick"))
        older = all(source.tick < version.tick for source in following.sources)
        if following.shared and older and not version.is_empty:
            source = Source(version.path, version.tick, version.stat, "change", version)
            following.sources = (*following.sources, source)

    # Programs

    def forked(self, event: Forked, by: Execution) -> None:
        """A fork may write through what its parent has open. What it could read so, it knows already
        of its parent."""
        parent = by.process.parent
        if parent is not None and not by.process.suspended:
            self.forks[parent] += 1
        elif parent is not None and self.programs.is_shell(parent):
            self.starting.setdefault(parent, set()).add(by.process)
        table = self.openings.setdefault(by.process, {}).setdefault(event.tick, [])
        for descriptor in event.inherited:
            if descriptor.kind == "file" and descriptor.writable:
                file = self.file_at(descriptor.path, descriptor.stat)
                opening = self.inherited(descriptor, file, event.tick, by, 0)
                opening.forked, opening.looked = True, event.looked
                opening.unaccounted = self.changer(file, descriptor.stat, reading=False)
                table.append(opening)
                self.may_write(opening)

    def began(self, event: Image, by: Execution, index: int) -> None:
        process = by.process
        before = process.executions[by.place - 1] if by.place else None
        held = [
            opening
            for openings in self.openings.pop(process, {}).values()
            for opening in openings
            if not opening.closed
        ]
        table: dict[int, list[Opening]] = {}
        self.openings[process] = table
        states = {(d.stat.device, d.stat.inode): d.stat for d in event.inherited if d.writable}
        for opening in held:
            opening.file.readers.pop(opening, None)
            base = opening.base
            state = states.get((base.device, base.inode), base) if opening.writable else base
            if opening.forked and by.traced:
                self.let_go(opening)  # the program has its own view of it, if it has it
            elif before is not None and before.stretch and not same(base, state):
                self.exec_over(opening, state, event.tick)
            elif before is not None and before.stretch:
                self.hand_over(opening, by)
                if opening.readable:
                    opening.file.readers[opening] = None
                table.setdefault(opening.tick, []).append(opening)
        if before is not None:
            self.learned.pop(before, None)
        self.executed(event, by, index)
        if not by.traced:
            self.borrow_all(by, event.tick, table)
        for descriptor in event.inherited:
            if descriptor.kind == "file":
                opened = self.inherit(descriptor, event, by, index, held)
                if opened is not None and opened not in table.get(event.tick, ()):
                    table.setdefault(event.tick, []).append(opened)

    def executed(self, event: Image, by: Execution, index: int) -> None:
        """An exec reads a program that the run made outside the project. Those of the project are read in any
        case, which `Programs.unseen` tells."""
        path = event.executable
        file = None if self.noise.is_inside(path) else self.known.named(path)
        made = file.names.get(path) if file is not None else None
        if file is not None and made is not None:
            self.read(by, path, event.tick, index, made.moved or made.stat, file)

    def hand_over(self, opening: Opening, by: Execution) -> None:
        """What a fork opened for the program that it becomes is that program's, and the fork's where it has read."""
        opening.by, opening.forked = by, False
        if opening.file.writers:
            opening.file.writers.adopt(opening)
        if opening.readable and opening.read is None:
            self.is_told(opening.file, by, by.started)
        later = [read for read in opening.later if not read.void]
        if opening.drawn:
            opening.read, *again = (
                read and self.read(by, read.path, by.started, 0, read.stat, opening.file)
                for read in (opening.read, *later)
            )
            opening.later = [read for read in again if read is not None]
            return
        for read in later if opening.read is None else (opening.read, *later):
            before = self.known.forget(read.by, read.path)
            known = self.known.reads(by, read.path)
            if before is not None and known is not None:
                before = by_state(known) | by_state(before)
            if before is not None:
                self.known.note(by, read.path, before)
            read.by, read.index = by, 0

    def inherit(
        self,
        descriptor: Descriptor,
        event: Image,
        by: Execution,
        index: int,
        held: list[Opening],
    ) -> Opening | None:
        path, stat = descriptor.path, descriptor.stat
        if not descriptor.writable and self.folded(path, by) is not None:
            return None
        file = self.file_at(path, stat)
        file.touch(by)
        # What a fork wrote for the program that it becomes passes between the two: zsh gives a
        # here-document so.
        file.shared = file.shared or (file.last is not None and file.last.by is not by)
        for opening in held:
            if opening.closed or opening.file is not file:
                continue
            if opening.writable == descriptor.writable:
                if opening.by is by:
                    return opening
                if opening.writable:
                    self.exec_over(opening, stat, event.tick)
        opening = self.inherited(descriptor, file, event.tick, by, index)
        self.borrow(file, by, descriptor)
        self.sight(file, descriptor.path, stat)
        opening.unaccounted = self.changer(file, stat, reading=False)
        if self.is_input(opening) and opening.unaccounted is not None:
            self.account(opening.unaccounted, stat, event.tick)
            opening.unaccounted = None
        opening.made = file.last.tick if file.last else 0
        if self.is_input(opening) and descriptor.fd == 0:
            self.draw(opening)
        if descriptor.writable:
            self.may_write(opening)
            self.unsettled[opening] = None
        return opening

    def is_input(self, opening: Opening) -> bool:
        return opening.readable and (opening.fd == 0 or not opening.writable)

    def drawn(self, event: Drawn, by: Execution) -> None:
        """A program reads what it was started with, or a fork of it does; or a fork has read what it leaves
        open for the program that it becomes."""
        holder: Execution | None = by
        while holder is not None:
            for opening in self.openings.get(holder.process, {}).get(event.opened, ()):
                base = opening.base
                if (base.device, base.inode) == (event.device, event.inode):
                    if opening.inherited:
                        self.draw(opening)
                    opening.drawn = True
                    return
            holder = holder.process.parent

    def hear_prompt(self, by: Execution, tick: int) -> None:
        """A file without a name of which it was not seen who wrote it is a here-document of the shell that is not
        watched, if there is one: it began with nothing."""
        shell = by
        while shell.process.parent is not None:
            shell = shell.process.parent
        if (
            shell is not by
            and shell.image
            and not shell.image.inherited
            and self.programs.is_shell(shell)
        ):
            self.informs.append(Inform(by, shell, "pipe", tick, until=tick))

    def draw(self, opening: Opening) -> None:
        """Who inherited it read it, from the beginning on."""
        file, by = opening.file, opening.by
        tick = max(opening.tick, opening.looked)
        if not self.is_told(file, by, tick) and opening.base.size and opening.read is None:
            self.account_before(opening)
            index, stat = opening.index, opening.base
            read = opening.read = self.read(by, opening.path, tick, index, stat, file)
            if read is not None:
                read.made = opening.made
        if not opening.closed:
            file.readers[opening] = None
        last = file.last
        if last is not None and last.tick > opening.tick and last.by.process is not by.process:
            self.read_while_open(last)

    def borrow(self, file: File, by: Execution, descriptor: Descriptor) -> None:
        parent = by.process.parent
        if parent is None or not (by.process.suspended or self.programs.lends(parent)):
            return
        for openings in self.openings.get(parent.process, {}).values():
            for opening in openings:
                if (
                    opening.file is file
                    and not opening.closed
                    and opening.by is parent
                    and opening.writable == descriptor.writable
                ):
                    if by not in opening.borrowers:
                        opening.borrowers += (by,)
                    opening.lent = self.busy[parent]

    def borrow_all(self, by: Execution, tick: int, table: dict[int, list[Opening]]) -> None:
        """Of a program that could not be traced it is not known what it was given: all that a shell
        had open for it, then, but for the shell's own script."""
        parent = by.process.parent
        if parent is None or not by.process.suspended or not self.programs.is_shell(parent):
            return
        for openings in list(self.openings.get(parent.process, {}).values()):
            for opening in openings:
                if opening.closed or opening.path in self.programs.of(parent).scripts:
                    continue
                stat, access = opening.base, (opening.readable, opening.writable)
                fd = 0 if opening.readable else 1
                descriptor = Descriptor(fd, "file", *access, stat, opening.path)
                borrowed = self.inherited(descriptor, opening.file, tick, by, 0)
                opening.borrowers += (by,)
                opening.lent = self.busy[parent]
                if opening.readable:
                    self.read(by, opening.path, tick, 0, stat, opening.file)
                if opening.writable:
                    self.may_write(borrowed)
                    self.unsettled[borrowed] = None
                table.setdefault(tick, []).append(borrowed)

    def inherited(
        self, descriptor: Descriptor, file: File, tick: int, by: Execution, index: int
    ) -> Opening:
        return Opening(
            file,
            by,
            tick,
            index,
            descriptor.fd,
            descriptor.stat,
            descriptor.path,
            descriptor.readable,
            descriptor.writable,
            inherited=True,
        )

    def exec_over(self, opening: Opening, stat: Stat, tick: int) -> None:
        """A program became another one with the file open: what it wrote so far is its own."""
        opening.wrote = opening.wrote or opening.by in self.spoke
        self.let_go(opening)
        self.settle(opening, opening.by, stat, tick, opening.by.events)

    # Names

    def renamed(self, event: Renamed, by: Execution, index: int) -> None:
        stat, other = event.stat, event.replaced
        if stat and other and (stat.device, stat.inode) == (other.device, other.inode):
            return  # two names of one file: both stay
        self.known.touched |= {event.source, event.target}
        moves = self.moves(event.source, event.target, event)
        if event.exchange:
            moves += self.moves(event.target, event.source, event)
        files = [self.known.named(source) for source, _ in moves]
        for (source, _), file in zip(moves, files, strict=True):
            self.known.unname(source)
            if file is not None:
                self.lost(source, file.names.get(source))
        single = not event.directory
        for (source, target), file in zip(moves, files, strict=True):
            stat = event.stat if single and source == event.source else None
            if single and event.exchange and source == event.target:
                stat = event.replaced
            replaced = None if event.exchange else event.replaced
            if file is None:
                file = self.file_at(b"", stat) if stat else File()
            file.touch(by)
            tick = self.named_since(file, target, event.tick)
            if not event.exchange:
                self.replace(target, file, replaced if single else None, tick, by, index)
            self.move(file, source, target, stat, tick, by, index)

    def lost(self, path: bytes, version: Version | None) -> None:
        if version is not None:
            self.held[path] = max(version.tick, self.held.get(path, 0))

    def is_still_own(self, version: Version, by: Execution, stat: Stat | None) -> bool:
        """Whether a program moves or links what it made itself and nobody changed."""
        unchanged = stat is None or version.stat is None or same(version.stat, stat)
        return version.by is by and unchanged

    def takes_over(self, version: Version, target: bytes) -> bool:
        """Whether a newer version had the name that it gets. It must then be a version of its own under
        it, because the newest version of a name is the one that was made last."""
        return version.tick <= self.held.get(target, 0)

    def leaves(self, source: bytes, target: bytes) -> bool:
        """Whether it is moved into the environment, where it has no name that is told (`.pytest_cache`)."""
        return self.noise.fold(target) is not None and self.noise.fold(source) is None

    def moves(self, source: bytes, target: bytes, event: Renamed) -> list[tuple[bytes, bytes]]:
        if not event.directory:
            return [(source, target)]
        return [(path, target + path[len(source) :]) for path in self.known.under(source)]

    def replace(
        self, path: bytes, by_file: File, stat: Stat | None, tick: int, by: Execution, index: int
    ) -> None:
        """A rename took a name from the file that had it."""
        file = self.known.named(path)
        if file is by_file:
            return
        if file is None and stat is None:
            return
        version = None
        if file is not None:
            version = file.names.pop(path, None)
            self.lost(path, version)
            file.removed = file.removed or not file.names
            stat = stat or (file.last.stat if file.last else None)
        # The moment before: at this one another file has the name.
        self.known.actions.append(
            Removal(by, path, tick - 1, index, stat, file, "replace", version)
        )

    def move(
        self,
        file: File,
        source: bytes,
        target: bytes,
        stat: Stat | None,
        tick: int,
        by: Execution,
        index: int,
    ) -> None:
        self.known.touched |= {source, target}
        writer = self.changer(file, stat, reading=True)
        if writer is not None and stat is not None:
            file.names.setdefault(source, None)
            self.account(writer, stat, tick - 1)
        version = file.names.pop(source, None)
        self.known.name(target, file)
        own = version if version and self.is_still_own(version, by, stat) else None
        if own is not None and not self.takes_over(own, target) and not self.leaves(source, target):
            file.names[target] = own
            own.names.append((target, tick))
            own.moved = stat or own.moved
            return
        state = stat or (version.stat if version else None)
        made = self.make(by, target, tick, index, state, file)
        made.renamed = own.tick if own is not None else None
        made.sources = (Source(source, tick - 1, state, "rename", version),)
        self.pass_through(version)
        file.names[target] = made
        self.known.actions.append(
            Removal(by, source, tick - 1, index, state, file, "rename", version)
        )
        self.accept(made)

    def linked(self, event: Linked, by: Execution, index: int) -> None:
        source, target, stat = event.source, event.target, event.stat
        file = self.known.named(source) or self.file_at(source, stat)
        self.known.touched.add(target)
        tick = self.named_since(file, target, event.tick)
        file.touch(by)
        writer = self.changer(file, stat, reading=True)
        if writer is not None and stat is not None:
            self.account(writer, stat, tick - 1)
        alone = not source or file.names.keys() <= {source}
        version = file.names.get(source) or (file.last if alone else None)
        self.known.name(target, file)
        own = version if version and self.is_still_own(version, by, stat) else None
        if own is not None and not self.takes_over(own, target):
            own.names.append((target, tick))
            own.moved = stat or own.moved
            file.names[target] = own
            return
        state = stat or (version.stat if version else None)
        made = self.make(by, target, tick, index, state, file)
        made.renamed = own.tick if own is not None else None
        if source:
            made.sources = (Source(source, tick, state, "copy", version),)
            self.pass_through(version)
        file.names[target] = made
        self.accept(made)

    def unlinked(self, event: Unlinked, by: Execution, index: int) -> None:
        path, stat = event.path, event.stat
        self.known.touched.add(path)
        file = self.known.named(path) or (self.file_at(path, stat) if stat else None)
        version = None
        if file is not None:
            file.touch(by)
            writer = self.changer(file, stat, reading=True)
            if writer is not None and stat is not None:
                self.account(writer, stat, event.tick - 1)
            version = file.names.pop(path, None)
            self.lost(path, version)
            file.removed = not file.names
            self.known.unname(path)
            kept = version is not None and version in file.names.values()
            if version is not None and kept and not version.linked:
                if version.names[-1][0] == path:
                    version.names.pop()
                return
        self.known.actions.append(
            Removal(by, path, event.tick, index, stat, file, "delete", version)
        )

    def truncated(self, event: Truncated, by: Execution, index: int) -> None:
        before, after = event.before, event.after
        file = self.file_at(event.path, after or before)
        writer = self.changer(file, before, reading=True)
        if writer is not None and before is not None:
            self.account(writer, before, event.tick - 1)
        self.sight(file, event.path, before)
        last = file.last
        made = self.make(by, event.path, event.tick, index, after, file)
        if before is not None and before.size and (after is None or after.size):
            version = last if last and same(last.moved or last.stat, before) else None
            made.sources = (Source(event.path, event.tick, before, "change", version),)
        self.accept(made)
        self.show_under_all_names(made)

    # The end

    def finish(self, ended: int) -> None:
        """What was never closed: its process was killed, outlives the run, became another program,
        or goes on writing through a mapping. Whether it read what it was started with was not seen either."""
        for shell in list(self.starting):
            self.close_now(shell)
        for shell in list(self.waiting):
            self.end_waiting(shell, ended)
        for process, table in self.openings.items():
            for opening in (o for openings in table.values() for o in openings):
                if opening.inherited and self.is_input(opening) and process.exited is None:
                    self.draw(opening)
        for opening in dict.fromkeys(self.open):
            if opening.by.ended is None and opening.file.writers:
                self.told.add(told_together(opening, None, ended))
        for left, opening in enumerate(list(self.unsettled), -len(self.unsettled)):
            file, by = opening.file, opening.by
            if file.name is None:
                continue
            stat = self.look(file.name, ended).stat
            if stat is not None and stat.inode != opening.base.inode:
                stat = None  # something else has its name now
            # Who opened it last is taken to have left what is there.
            tick = ended + left if by.ended is None else by.ended
            if opening.late is not None and (stat is None or same(opening.late.stat, stat)):
                stat, tick = opening.late.stat, opening.late.tick
            if file.last is not None and file.last.tick > tick:
                continue  # somebody wrote after it
            if stat is None and not opening.fresh:
                continue
            if self.is_due(opening, by, stat):
                self.version(opening, by, stat, tick, by.events)


_LATEST: Final = 64
"""Of what a shell or a fork learned, so much is kept."""


def _best(candidates: list[Opening], event: Closed) -> Opening:
    if len(candidates) == 1:
        return candidates[0]

    def fit(opening: Opening) -> tuple[bool, bool, bool]:
        base, stat = opening.base, event.stat
        return (
            (base.device, base.inode) == (stat.device, stat.inode),
            opening.fd == event.fd,
            opening.writable,
        )

    return max(candidates, key=fit)
