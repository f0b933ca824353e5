"""A project's graph: its journal brought into its store, and questions asked of it."""

from __future__ import annotations

import fcntl
import gc
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self, cast

from msgspec import structs

from provgraph.asking.methods import Selectors
from provgraph.config import Project, find_project
from provgraph.errors import JournalError, NotFound, ProjectError, ProvgraphError, StoreError
from provgraph.model.batches import batches_of, together, uris_in
from provgraph.model.collector import paused_collector
from provgraph.model.elements import Batch, Node, Scalar, Watermark
from provgraph.model.identity import artifact_id, new_run_id
from provgraph.model.journal import Reading, SegmentWriter, read_segment, segments
from provgraph.model.kinds import Kinds
from provgraph.model.makers import Makers
from provgraph.model.records import (
    Annotated,
    ComponentSeen,
    Observation,
    Record,
    RunEnded,
    RunStarted,
    When,
)
from provgraph.model.tails import Tails
from provgraph.model.translate import Maker
from provgraph.model.uri import path_of, uri_of
from provgraph.query.plan import Budget, Column, Comparison, Every, Find, Limit, Plan, Sort, SortKey
from provgraph.query.plan import Project as Columns
from provgraph.store import StoreChanged, WriteRefused

if TYPE_CHECKING:
    from datetime import date

    from provgraph.asking.queries import Query
    from provgraph.ingest.capture.beside import Writing
    from provgraph.query.binder import Bound, Scope
    from provgraph.query.completion import Vocabulary
    from provgraph.query.syntax import Syntax
    from provgraph.store import Rows, Store

_PART: Final = 15_000  # records that are applied in one transaction
_QUICK: Final = 1_000  # records of a last part that are applied sooner than a fork is made
_FEW: Final = 4  # of names, this part: so many may be waited for where a batch is made, or are told of so often
_MOST_HELD: Final = 200_000  # records that are kept in memory from when they were written down
_MOST_NAMES: Final = 20_000  # that completion knows of one kind
_TRIES: Final = 20
_PATIENCE: Final = 2.0  # seconds to wait for another's sync before answering without it
_LONG_PATIENCE: Final = 600.0  # the same, for what cannot be done beside one

Progress = Callable[[int, int], None]


@dataclass
class SyncReport:
    """What a sync did. `recovered` counts runs that were left to it to be written down. `problems` are damaged or torn segments, in words; `pending` counts segments
    that another process is still applying or writing."""

    segments: int = 0
    records: int = 0
    recovered: int = 0
    pending: int = 0
    problems: list[str] = field(default_factory=list)


class Graph(Selectors):
    """The graph of a project, in the store that its settings name.

    `Graph.open()` finds the project around a folder; `sync` brings in what the journal has that the
    store has not; `ask` takes a question in the query language, `answer` a plan. The language's kinds are
    methods: `graph.file("raw.csv").impact()`.
    """

    def __init__(self, project: Project, *, read_only: bool = False) -> None:
        self.project = project
        self.read_only = read_only or not os.access(project.state, os.W_OK)
        self._store: Store | None = None
        self._file: tuple[int, int] | None = None

    @classmethod
    def open(cls, start: Path | str = ".") -> Self:
        """The graph of the project that `start` is in. Raises `ProjectError` if it is in none."""
        project = find_project(Path(start))
        if project is None:
            raise ProjectError(
                f"{Path(start).resolve()} is in no provgraph project",
                hint="`provgraph run -- COMMAND` makes one, so does `provgraph init`",
            )
        if not project.state.is_dir():
            with suppress(OSError):
                _prepare(project)
        return cls(project)

    @property
    def store(self) -> Store:
        """Where the settings say: in the project's own file, or in a Neo4j. Opened again where another
        file stands in its place by now: who erases puts one there."""
        if self._store is not None and self._file != self._inode():
            self.close()
        if self._store is None:
            self._store = self._opened()
            self._file = self._inode()
        return self._store

    def _inode(self) -> tuple[int, int] | None:
        """Of the project's own file, where that is the store."""
        if self.project.store_uri:
            return None
        try:
            about = os.stat(self.project.database)
        except FileNotFoundError:
            return None
        return about.st_dev, about.st_ino

    def _opened(self) -> Store:
        if self.project.store_uri:
            from provgraph.store.neo4j import open_for

            return open_for(self.project, read_only=self.read_only)
        from provgraph.store.embedded import StoreOutdated
        from provgraph.store.embedded import open as open_embedded

        try:
            with self._among_openers(fcntl.LOCK_SH):
                return open_embedded(self.project.database, read_only=self.read_only)
        except StoreOutdated:
            if self.read_only:
                raise
        with self._among_openers(fcntl.LOCK_EX):
            try:
                return open_embedded(self.project.database)
            except StoreOutdated:
                self._unlink()  # the journal has everything; the next sync brings it in
                return open_embedded(self.project.database)

    @contextmanager
    def _among_openers(self, how: int) -> Iterator[None]:
        """A database is several files: who opens it must not find some of the old and some of the new one.
        `how` is that of `flock`: shared by those who open, for oneself to remove."""
        if self.read_only:
            yield
            return
        patience = _PATIENCE if how == fcntl.LOCK_SH else _LONG_PATIENCE
        with _locked(
            self.project.state, patience, how
        ) as held:  # a full disk has no room for another file
            if not held:
                raise StoreError(
                    "another process has been opening or removing the database for long",
                    hint="repeat when it has finished",
                )
            yield

    def _drop(self) -> None:
        with self._among_openers(fcntl.LOCK_EX):
            self._unlink()

    def _unlink(self) -> None:
        for path in self._database_files():
            path.unlink(missing_ok=True)

    def remove_store(self) -> None:
        """Remove the project's own database and overwrite it: what was deleted in it stays in free pages
        and in its log. The next sync fills another. Raises OSError."""
        from provgraph.model.erased import remove

        self.close()
        aside = {path: path.with_name(f"{path.name}-removed") for path in self._database_files()}
        with self._among_openers(fcntl.LOCK_EX):
            for path, other in aside.items():
                if path.exists():
                    os.replace(path, other)
        for other in aside.values():
            if other.exists():
                remove(other)

    def _database_files(self) -> list[Path]:
        suffixes = ("", "-wal", "-shm", "-journal", "-lineage")
        return [Path(f"{self.project.database}{suffix}") for suffix in suffixes]

    @cached_property
    def kinds(self) -> Kinds:
        own = self.project.settings.get("kinds", {})
        if not isinstance(own, dict) or not all(isinstance(kind, str) for kind in own.values()):
            raise ProjectError(
                f"{self.project.file}: [kinds] maps globs to words",
                hint='such as `"models/**" = "model"`',
            )
        return Kinds.of(own)

    @cached_property
    def root(self) -> bytes:
        return os.fsencode(self.project.root)

    @cached_property
    def host(self) -> str:
        return os.uname().nodename

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Names of files.

    def uri(self, path: str | bytes | Path) -> str:
        """The URI of a path, as it is or relative to the working directory."""
        raw = os.fsencode(path)
        folder, base = os.path.split(os.path.abspath(raw))
        return uri_of(os.path.join(os.path.realpath(folder), base), self.root, self.host)

    def path(self, uri: str) -> Path | None:
        """Where a URI's file would be on this machine."""
        raw = path_of(uri, self.root, self.host)
        return None if raw is None else Path(os.fsdecode(raw))

    # The journal into the store.

    def sync(self, progress: Progress | None = None) -> SyncReport:
        """Apply what the journal has and the store has not. One process syncs at a time; the others
        wait a moment and answer from what there is. Idempotent. Raises `StoreError`, and of that
        `WriteRefused` where the store can be asked all the same."""
        report = SyncReport()
        if self.read_only:
            report.pending = len(self._behind(self.store.watermarks()))
            return report
        with _locked(self.project.state / "sync.lock", _PATIENCE) as held:
            if not held:
                report.pending = len(self._behind(self.store.watermarks()))
                return report
            self._bring_in(report, progress)
        return report

    def catch_up(self) -> SyncReport:
        """The same before a question: where the store takes nothing in, what it has is asked, and the
        rest is said to be missing. Raises `StoreError`."""
        try:
            return self.sync()
        except WriteRefused as refusal:
            pending = len(self._behind(self.store.watermarks()))
            return SyncReport(pending=pending, problems=[refusal.message])

    def _bring_in(self, report: SyncReport, progress: Progress | None) -> None:
        """By who is alone."""
        with _Written() as written:
            self._recover(report, written)
            self._take_over_erasures(report)
            behind = self._behind(self.store.watermarks())
            # To a Neo4j others may write meanwhile.
            tails = None if self.project.store_uri else Tails()
            for done, path in enumerate(behind):
                if progress:
                    progress(done, len(behind))
                with paused_collector():
                    self._apply(path, report, tails, written.take(path))
            if progress and behind:
                progress(len(behind), len(behind))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else brings the journal into the store meanwhile. Raises `StoreError` where somebody has
        been doing so for long."""
        with _locked(self.project.state / "sync.lock", _LONG_PATIENCE) as held:
            if not held:
                raise StoreError(
                    "another process has been bringing the journal into the graph for long",
                    hint="when it has ended, this can be done",
                )
            yield

    def rebuild(self, progress: Progress | None = None) -> SyncReport:
        """Drop the store's contents and fill it from the journal again. Raises `StoreError`."""
        if self.read_only:
            raise StoreError(f"{self.project.state} cannot be written")
        report = SyncReport()
        with self.alone():
            try:
                self.store.clear()
            except StoreError:
                if self.project.store_uri:
                    raise
                # damaged or outdated: the journal has everything, start anew
                self._store = None
                self._drop()
            self._bring_in(report, progress)
        return report

    def _recover(self, report: SyncReport, written: _Written) -> None:
        if any(os.scandir(self.project.spools)) if self.project.spools.is_dir() else False:
            from provgraph.ingest.capture import ongoing
            from provgraph.ingest.capture.recover import recover
            from provgraph.model import suppression

            report.recovered = len(recover(self.project, report.problems.append, written.add))
            ongoing.tell(self.project, written.runs)
            if suppression.list_path(self.project).exists():  # all segments are read then
                written.finish()

    def _behind(self, watermarks: dict[str, Watermark]) -> list[Path]:
        found = []
        for path in segments(self.project.journal):
            known = watermarks.get(path.stem)
            if known is None or known.stamp != _stamp(path):
                found.append(path)
        return found

    def _apply(
        self,
        path: Path,
        report: SyncReport,
        tails: Tails | None,
        writing: Writing | None = None,
    ) -> None:
        """In transactions of a bounded size, so that a segment may be of any. `writing` has what stands in it, where
        it was written just now or is being written."""
        try:
            if writing is not None and not writing.records:
                writing.wait()
                writing = None
            if self._take_out_erased(path, report):
                writing = None
            stamp = _stamp(path)
            segment = Reading(path)
            count = 0

            def ready() -> None:
                """What comes into the graph is in the journal by then."""
                if writing is not None:
                    writing.wait()

            def mark() -> Watermark:
                ready()
                now = stamp if writing is None else _stamp(path)
                return Watermark(path.stem, segment.header.generation, count, now)

            records = segment if writing is None else cast("list[Observation]", writing.records)
            for part in _parts(records, partial(_size, tails)):
                count += part.size
                self._apply_part(part, ready, mark, tails)
        except JournalError as error:
            report.problems.append("; ".join(filter(None, (error.message, error.hint))))
            return
        if problem := _condition(segment, count):
            report.problems.append(problem)
        report.segments += 1
        report.records += count

    def _take_over_erasures(self, report: SyncReport) -> None:
        """What another copy of the project has erased goes here too, from what was brought in long ago."""
        from provgraph.model import suppression

        if not suppression.news(self.project):
            return
        erased = set[str]()
        for path in segments(self.project.journal):
            with suppress(JournalError):  # told when it is applied
                erased |= self._take_out_erased(path, report)
        if erased:
            self._clear_of(erased)
        if not suppression.has_key(self.project):
            report.problems.append(
                f"{suppression.list_path(self.project).name} has changed; what was erased elsewhere cannot "
                f"be recognised here without the key, {suppression.key_path(self.project)}"
            )
        suppression.seen(self.project)

    def _clear_of(self, erased: set[str]) -> None:
        from provgraph.subjects import index_path

        if index_path(self.project).exists():
            from provgraph.subjects.index import SubjectIndex

            with SubjectIndex(index_path(self.project)) as index:
                index.erase_contents(erased)
        if self.project.store_uri:
            self.store.clear()
        else:
            self.remove_store()

    def _take_out_erased(self, path: Path, report: SyncReport) -> set[str]:
        """Take what was erased by request, and has come again, out of a segment; what that was.
        Raises `JournalError`."""
        from provgraph.model import suppression

        if self.read_only or not suppression.list_path(self.project).exists():
            return set()
        from provgraph.model.content_store import ContentStore
        from provgraph.model.erased import named, taken_out

        known = named(read_segment(path).records)
        again = suppression.recognised(self.project, known)
        ContentStore.of(self.project).erase(known[name] for name in again)
        for request in sorted(set(again.values())):
            own = [digest for digest, by in again.items() if by == request]
            names = ", ".join(taken_out(path, request, own))
            report.problems.append(
                f"{names}: a content that request {request} erased has come again; its record was"
                " stripped, the file is still there"
            )
        return {known[name] for name in again}

    def _apply_part(
        self,
        part: _Part,
        ready: Callable[[], None],
        mark: Callable[[], Watermark],
        tails: Tails | None,
    ) -> None:
        """Bound again where another machine wrote between what was read and what is written."""

        def made(store: Store) -> Iterator[Batch]:
            return batches_of(part.records, store, self.project.id, self.kinds, part.steps, tails)

        for left in reversed(range(_TRIES)):
            try:
                if not part.is_quick:
                    self._begin_part(part, made, ready, tails)
                if part.last:
                    batch = together(made(self.store)) if part.is_quick else Batch()
                    self.store.apply(structs.replace(batch, watermarks=[mark()]))
            except StoreChanged:
                if not left:
                    raise
            else:
                return

    def _begin_part(
        self,
        part: _Part,
        made: Callable[[Store], Iterator[Batch]],
        ready: Callable[[], None],
        tails: Tails | None,
    ) -> None:
        """Its batch is made beside others where few of its names are theirs. Else, and where it tells of the same names
        again and again, as the next will, it is made here: the ends of their timelines are known, and those others need
        not be waited for."""
        uris = Counter(uris_in(part.records))
        ids = {uri: artifact_id(self.project.id, uri) for uri in uris}
        begun = self.store.begun()
        busy = sum(count for uri, count in uris.items() if ids[uri] in begun)
        are_few = tails is not None and 0 < len(uris) * _FEW <= uris.total()
        if are_few or busy * _FEW > uris.total():
            self.store.begin(together(made(self.store)), ready)
            return
        self.store.begin_making(made, frozenset(ids.values()), ready)
        if tails is not None:
            begun = self.store.begun()
            tails.forget(uri for uri in uris if ids[uri] in begun)

    # What other tools know.

    def ingest(
        self,
        adapter: str,
        source: str = "",
        *,
        options: Mapping[str, str | bool] | None = None,
        progress: Callable[[int, int | None], None] | None = None,
        note: Callable[[str], None] | None = None,
    ) -> int:
        """Read a source into the journal, all of it or nothing, and sync; returns the number of new
        records. Raises `IngestError`, `UsageError`, `JournalError`."""
        from provgraph.ingest import ReadContext
        from provgraph.ingest import adapter as named

        self.sync()
        context = ReadContext(
            root=self.project.root,
            project=self.project.id,
            host=self.host,
            known=self._known_commits,
            options=options or {},
            progress=progress or (lambda done, total: None),
            note=note or (lambda text: None),
        )
        records = named(adapter).read(source, context)
        first = next(records, None)
        if first is None:
            return 0
        writer = SegmentWriter(self.project.journal, self.project.id, f"{adapter}-{new_run_id()}")
        try:
            with writer:
                writer.write(first)
                for record in records:
                    writer.write(record)
        except BaseException:
            writer.path.unlink(missing_ok=True)
            raise
        self.sync()
        return writer.records

    def _known_commits(self) -> dict[str, list[str]]:
        """The commits whose own record is here (not those only named as parents, nor merges of which
        an earlier version told too little), with their parents."""
        seen = Find("Commit", where=Comparison("told", "=", True))
        columns = (Column("id", "id"), Column("sha", "sha"))
        shas = dict(self.answer(Columns(seen, columns)).values)
        known: dict[str, list[str]] = {sha: [] for sha in shas.values()}
        parents = self.store.edges(list(shas), ("PARENT",))
        unseen = sorted({edge.target for edge in parents} - shas.keys())
        names = {node.id: str(node.properties["sha"]) for node in self.store.nodes(unseen)} | shas
        for edge in parents:
            known[shas[edge.source]].append(names[edge.target])
        return known

    # What people say.

    def flag(self, what: Query | str, reason: str = "") -> int:
        """Flag the nodes of a question, `graph.flag(graph.prediction(where="prop.score < 0.1"))`;
        returns how many. A text is a question in the query language. Raises `UsageError` where nothing
        can be said of a node."""
        return self.annotate(self._asked(what), "flag", value=reason)

    def unflag(self, what: Query | str, reason: str = "") -> int:
        """Take flags away."""
        return self.annotate(self._asked(what), "unflag", value=reason)

    def tag(self, what: Query | str, name: str, value: str | float | bool = True) -> int:
        """Give a tag: `tag.NAME` in questions."""
        return self.annotate(self._asked(what), "tag", name, value)

    def untag(self, what: Query | str, name: str) -> int:
        """Take a tag away."""
        return self.annotate(self._asked(what), "untag", name)

    def note(self, what: Query | str, text: str) -> int:
        """Add a note, which stays."""
        return self.annotate(self._asked(what), "note", value=text)

    def _asked(self, what: Query | str) -> list[Node]:
        return (self.ask(what) if isinstance(what, str) else what).nodes()

    def annotate(self, nodes: Iterable[Node], what: str, name: str = "", value: Scalar = "") -> int:
        """Write to the journal what is said of these nodes, who says it and when, and sync."""
        from provgraph.ingest.capture.surroundings import Person
        from provgraph.model.annotations import of_each

        by, email = Person(self.root).read()
        said = Annotated("", "", what, When(time.time_ns()), name, value, by, email)
        records = list(of_each(nodes, said))
        if records:
            self._write("said", records)
        return len(records)

    def declare(
        self,
        component: str,
        *,
        description: str = "",
        owner: str = "",
        tags: Mapping[str, Scalar] | None = None,
        runs: Iterable[str] = (),
    ) -> None:
        """Declare a component; `runs` are the ids of runs that are instances of it. What is empty stays
        as it was."""
        when = When(time.time_ns())
        first = ComponentSeen(component, when, "", description, owner, dict(tags or {}))
        self._write("said", [first, *(ComponentSeen(component, when, run) for run in runs)])

    def _write(self, writer: str, records: Iterable[Record]) -> None:
        name = f"{writer}-{new_run_id()}"
        with SegmentWriter(self.project.journal, self.project.id, name) as segment:
            for record in records:
                segment.write(record)
        self.sync()

    # Questions.

    def find(
        self,
        kind: str,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        from provgraph.asking.queries import Query
        from provgraph.query.building import selector

        return Query(self, selector(kind, name, version=version, where=where))

    def ask(self, text: str) -> Query:
        """A question in the query language. Raises `QuerySyntaxError`."""
        from provgraph.asking.queries import Query
        from provgraph.query.syntax import parse

        return Query(self, parse(text))

    def bind(self, question: str | Syntax) -> Bound:
        """A question, understood but not answered. Raises `QueryError`."""
        from provgraph.query.binder import bind
        from provgraph.query.syntax import parse

        return bind(parse(question) if isinstance(question, str) else question, self.scope())

    def scope(self) -> Scope:
        """What a question's words mean here and now."""
        from provgraph.query.binder import Scope

        return Scope(
            kinds=self.kinds.names,
            now=time.time_ns(),
            cwd=self.uri(os.getcwd()),
            uri_of=lambda path: self.uri(path),
            subjects=self._digests_of_subject,
        )

    def vocabulary(self) -> Vocabulary:
        """What completion knows: the language's words here, and names in the graph. Those of a kind are
        read once, the newest first."""
        from provgraph.query.completion import Vocabulary

        known: dict[str, list[str]] = {}

        def names(kind: str, part: str) -> list[str]:
            if kind not in known:
                known[kind] = self._names(kind)
            return [name for name in known[kind] if part.lower() in name.lower()]

        return Vocabulary(self.scope(), names)

    def _names(self, kind: str) -> list[str]:
        """The newest names of a kind; some of all files' where looking for those would be felt."""
        try:
            find = self.bind(kind).plan
        except ProvgraphError:
            return []
        if isinstance(find, Find) and find.label == "Version":
            find = structs.replace(
                find, which=Every()
            )  # which of them is the latest takes longer to say
        newest = Sort(find, (SortKey("at", descending=True),))
        for plan, seconds in ((newest, 0.5), (Find("Artifact"), 2.0)):
            named = Columns(Limit(plan, _MOST_NAMES), (Column("name", "name"),))
            with suppress(ProvgraphError):
                rows = self.answer(named, Budget(seconds=seconds)).values
                return list(dict.fromkeys(str(name) for (name,) in rows if name))
        return []

    def _digests_of_subject(self, name: str) -> tuple[str, ...] | None:
        from provgraph.subjects import digests

        return digests(self.project, name)

    def answer(self, plan: Plan, budget: Budget | None = None) -> Rows:
        """The rows of a plan. Raises `BudgetExceeded`."""
        from provgraph.query.optimizer import optimize

        return self.store.run(optimize(plan), budget or Budget())


def open(path: Path | str = ".") -> Graph:
    """The graph of the project that `path` is in, brought up to date with its journal. What is wrong
    with the journal is a warning. Raises `ProjectError`, `StoreError`.

    The language's kinds are its methods, and its verbs those of what they give:

        graph = provgraph.open()
        for row in graph.model("churn").lineage().where(kind="dataset").select("path", "size"):
            print(row["path"], row["size"])
    """
    import warnings

    graph = Graph.open(path)
    report = graph.catch_up()
    for problem in report.problems:
        warnings.warn(problem, stacklevel=2)
    if report.pending:
        behind = f"{report.pending} of the journal's segments are not applied yet"
        warnings.warn(behind, stacklevel=2)
    return graph


def _prepare(project: Project) -> None:
    from provgraph.config import prepare_state

    prepare_state(project)


class _Written:
    """The segments that were written just now, or are being written: they need not be read. One at a time is being
    written, and none any more in the end."""

    def __init__(self) -> None:
        self._held: dict[Path, Writing] = {}
        self._last: Writing | None = None
        self.runs: set[str] = set()

    def add(self, writing: Writing) -> None:
        if not writing.is_done:
            self.finish()
            self._last = writing
            gc.freeze()  # so much stays to the end that looking for garbage among it would be felt
        count = sum(len(each.records) for each in self._held.values())
        if count + len(writing.records) > _MOST_HELD:
            writing.records = []
        self._held[writing.path] = writing
        self.runs.add(writing.run)

    def take(self, path: Path) -> Writing | None:
        return self._held.pop(path, None)

    def finish(self) -> None:
        if self._last is not None:
            self._last.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()
        if self._last is not None:
            gc.unfreeze()


class _Part(NamedTuple):
    """Records of a segment that are applied together: `size` of its own, and the beginnings of the
    runs that end in it. `steps` are those that came before. `is_quick`: not worth a fork. Of a large segment, the process
    that brings it in makes and applies no part that is: it would keep the room that this took."""

    records: list[Observation]
    size: int
    steps: Mapping[str, Maker]
    last: bool
    is_quick: bool


def _stamp(path: Path) -> str:
    """Another where a segment has been written anew."""
    stat = path.stat()
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def _size(tails: Tails | None) -> int:
    """How many records the next part has: about as much as has to be read anew for it."""
    return _PART if tails is None else max(_PART, tails.looked_up)


def _parts(records: Iterable[Observation], size: Callable[[], int]) -> Iterator[_Part]:
    """At least one."""
    steps = Makers()
    begun: dict[str, RunStarted] = {}
    coming = iter(records)
    part = list(islice(coming, size()))
    is_first = True
    while True:
        following = list(islice(coming, 1))
        is_quick = not following and (is_first or len(part) < _QUICK)
        is_first = False
        ended = {record.run for record in part if type(record) is RunEnded}
        before = [begun[run] for run in sorted(ended & begun.keys())]
        yield _Part([*before, *part], len(part), steps.of(part), not following, is_quick)
        if not following:
            return
        steps.add(part)
        begun |= {record.run: record for record in part if type(record) is RunStarted}
        part = [*following, *islice(coming, size() - 1)]


def _condition(segment: Reading, count: int) -> str:
    match segment.condition:
        case "whole" | "open":
            return ""
        case "torn":
            return (
                f"{segment.path}: the last record is torn ({segment.lost} bytes); the rest is kept"
            )
        case "damaged":
            return (
                f"{segment.path}: damaged after {count} records"
                f" ({segment.lost} bytes not read); what stands before is kept"
            )


@contextmanager
def _locked(path: Path, patience: float, how: int = fcntl.LOCK_EX) -> Iterator[bool]:
    """Hold the lock on a file, which is made, or on a folder, waiting at most `patience` seconds; says whether it is
    held. Raises `WriteRefused` where the file cannot be made."""
    how_opened = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    try:
        file = os.open(path, how_opened | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise WriteRefused(f"{path} cannot be made: {error.strerror}") from error
    try:
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(file, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    yield False
                    return
                time.sleep(0.02)
            else:
                yield True
                return
    finally:
        os.close(file)


def not_found(name: str, candidates: list[str]) -> NotFound:
    """The error for a name that nothing answers to, with the nearest names that there are."""
    import difflib

    near = difflib.get_close_matches(name, candidates, n=3, cutoff=0.5)
    hint = (
        "near it: " + ", ".join(f"`{n}`" for n in near)
        if near
        else "`provgraph log` lists the runs, `provgraph ask 'file *'` the files"
    )
    return NotFound(f"nothing recorded answers to `{name}`", hint=hint)
