"""A plan carried out, so that it can be killed anywhere and taken up again.

Everything is made in a scratch copy first: tables redacted, commands run again, what came of them looked at.
Until then nothing of the project has changed, and the request can be abandoned. Then, in this order and each
noted in the log when it is done: files are put in place and removed, what was captured in the copy is taken
over, the journal is written again without what was erased, the store is filled from it anew, caches and the
subject index are cleared, the suppression list is extended. Doing a part twice is doing it once.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import msgspec

from provgraph.erasure import approvals
from provgraph.erasure.census import opened
from provgraph.erasure.holds import today
from provgraph.erasure.plan import Line, Plan, Rerun, decoded, planned
from provgraph.erasure.rebuilding import REDACTION
from provgraph.erasure.redacting import Task, beside
from provgraph.erasure.requests import ENDED, Folder, folders
from provgraph.erasure.scratch import RebuildFailed, Scratch
from provgraph.errors import ProvgraphError, UsageError
from provgraph.graph import Graph
from provgraph.ingest.capture.hashing import hash_file
from provgraph.model import suppression
from provgraph.model.content_store import ContentStore
from provgraph.model.erased import (
    Mapped,
    StillWritten,
    mapped,
    overwritten,
    put_in_place,
    remove,
    rewrite_journal,
    still_written,
)
from provgraph.model.journal import segments
from provgraph.query.plan import Digested, Find
from provgraph.subjects import keys, tables
from provgraph.subjects.rules import Rule

Consent = Callable[[Rerun], bool]
Told = Callable[[str], None]


class OutOfDate(ProvgraphError):
    """The graph is not any more what the plan was made from."""


class NotApproved(ProvgraphError):
    """The plan has not the signatures that it takes."""


class Stopped(ProvgraphError):
    """The system did not let it go on: a full disk, a missing right. It can be taken up again."""


@contextmanager
def taken_up_later(folder: Folder) -> Iterator[None]:
    """What the system refuses is told as `Stopped`, with what has been changed until then."""
    try:
        yield
    except OSError as error:
        said = error.args[0] if isinstance(error, shutil.Error) else str(error)
        first = said[0] if isinstance(said, list) and said else said
        changed = "prepared" in folder.done()
        raise Stopped(
            f"{folder.id} stopped: {first[-1] if isinstance(first, tuple) else first}",
            hint=f"{'it has begun to change files' if changed else 'nothing was changed'}; when that is "
            f"mended, `provgraph forget execute {folder.id}` takes it up",
        ) from error


class Outcome(msgspec.Struct, frozen=True):
    """What became of a line in the scratch copy: `done` (the file there takes the place of the one here),
    `remove` (the one here goes), `unchanged` (it came out the same, so it has nothing of the subject),
    `left` (to be done by hand, because of `reason`), `gone` (there was no content any more)."""

    line: Line
    what: Literal["done", "remove", "unchanged", "left", "gone"]
    reason: str = ""


class Prepared(msgspec.Struct, frozen=True):
    """What is to be done for good, settled before it begins. `erased` are the digests that go."""

    outcomes: list[Outcome]
    erased: list[str]
    tokens: Mapped


@dataclass
class Execution:
    """A request being carried out. `network` lets commands that are run again reach it."""

    graph: Graph
    folder: Folder
    told: Told
    network: bool = False

    @property
    def _scratch(self) -> Path:
        """Beside the project's root, where renaming is no copying; the folder's name says what it is."""
        root = self.graph.project.root
        return root.parent / f".{root.name}.provgraph-erasure-{self.folder.id}"

    def plan(self) -> Plan:
        return decoded(self.folder.read("plan.json"))

    def begin(self) -> Plan:
        """See that the plan may be carried out, and its receipt signed. Raises `OutOfDate`, `NotApproved`,
        `KeyMissing`."""
        approvals.private_key()
        plan, done = self.plan(), self.folder.done()
        for other in folders(self.graph.project):
            if other.id != self.folder.id and other.state() == "executing":
                raise ProvgraphError(
                    f"{other.id} is being carried out",
                    hint=f"`provgraph forget execute {other.id}` first",
                )
        if "began" in done:
            return plan
        request = self.folder.request()
        if planned(self.graph, request, today()).hash != plan.hash:
            raise OutOfDate(
                f"the graph changed since {self.folder.id} was planned, or what is to be kept",
                hint=f"`provgraph forget replan {self.folder.id}`, then it has to be approved again",
            )
        standing = approvals.standing(self.graph.project, self.folder, plan.hash)
        if not standing.is_enough:
            raise NotApproved(
                f"{self.folder.id} has {len(standing.given)} of {standing.needed} approvals",
                hint=f"`provgraph forget approve {self.folder.id}`",
            )
        self.folder.log("began", plan=plan.hash)
        return plan

    def carry_out(self, consent: Consent) -> Prepared:
        """All of it, from wherever it stopped. Raises `RebuildFailed` (nothing was changed), `Stopped` and
        other `ProvgraphError` (execute it again when it is mended)."""
        with taken_up_later(self.folder):
            return self._carry_out(consent)

    def _carry_out(self, consent: Consent) -> Prepared:
        plan = self.begin()
        is_taken_up = "prepared" in self.folder.done()
        if not is_taken_up:
            prepared = self._prepare(plan, consent)
            self.folder.write("prepared.json", msgspec.json.encode(prepared))
            self.folder.log("prepared", files=len(prepared.outcomes))
        prepared = msgspec.json.decode(self.folder.read("prepared.json"), type=Prepared)
        for name, part in self._parts(prepared):
            if name not in self.folder.done():
                self.told(name)
                self.folder.log(name, **(_interrupted(part()) if is_taken_up else part()))
                is_taken_up = False
        return prepared

    def abandon(self) -> None:
        """Give the request up. Raises `UsageError` where it has ended, `ProvgraphError` where files have been
        changed already."""
        if (state := self.folder.state()) in ENDED:
            raise UsageError(f"{self.folder.id} is {state} already")
        if "prepared" in self.folder.done():
            raise ProvgraphError(
                f"{self.folder.id} has begun to change files: it has to be carried out to its end",
                hint=f"`provgraph forget execute {self.folder.id}`",
            )
        shutil.rmtree(self._scratch, ignore_errors=True)
        self.folder.clear(bare=True)
        self.folder.log("abandoned")

    # In the scratch copy.

    def _prepare(self, plan: Plan, consent: Consent) -> Prepared:
        self._see_that_nobody_writes(plan)
        refused = _refused(plan, consent)
        scratch = Scratch.make(self._scratch, self.graph.project.root)
        for line in plan.of("redact"):
            self._redact(line, scratch)
        for line in plan.of("erase", "rebuild"):
            # What is made again must come from the command: a file that it leaves alone is not made again.
            path = self._in(scratch, line)
            if line.run not in refused and path is not None and path.exists():
                remove(path)
        for rerun in plan.reruns:
            if rerun.run not in refused:
                self.told(f"running {' '.join(rerun.argv)}")
                tag = f"erasure={self.folder.id}"
                scratch.run(rerun.argv, rerun.cwd, tag, network=self.network)
        outcomes = [self._outcome(line, scratch, refused) for line in plan.lines]
        erased = _erased(outcomes)
        versions = [
            each.line.version
            for each in outcomes
            if _goes(each)
            and each.line.version
            and (each.line.digest in erased or not each.line.digest)
        ]
        texts = self.folder.request().texts
        tokens = mapped(self.folder.id, erased, self._blobs(erased), versions, texts)
        return Prepared(outcomes, erased, tokens)

    def _see_that_nobody_writes(self, plan: Plan) -> None:
        """What is recorded of a run that goes on cannot be written again under it."""
        lines = plan.of("redact", "rebuild", "erase", "forget")
        digests, versions = {line.digest for line in lines}, {line.version for line in lines}
        texts = self.folder.request().texts
        what = mapped(self.folder.id, digests - {""}, {}, versions - {""}, texts)
        if found := still_written(self.graph.project.journal, what):
            raise StillWritten(
                f"{', '.join(found)}: still being recorded, and has to do with what is to be erased",
                hint="nothing was changed; when it has ended, execute again",
            )

    def _redact(self, line: Line, scratch: Scratch) -> None:
        self.told(f"redacting {line.name}")
        made = beside(Path(line.name))
        moving = ["mv", "-f", "--", str(made), line.name]
        with open(self._in(scratch, line) or line.name, "r+b", buffering=0) as before:
            tag = f"{REDACTION}={self.folder.id}"
            scratch.run(_REDACTING, ".", tag, network=self.network, given=self._task(line))
            scratch.run(moving, ".", tag, network=self.network)
            overwritten(before, scratch.root)

    def _in(self, scratch: Scratch, line: Line) -> Path | None:
        """Where a line's file is in the copy; nowhere, if it is none of the project's."""
        path, root = self.graph.path(line.name), self.graph.project.root
        return scratch.root / path.relative_to(root) if path and path.is_relative_to(root) else None

    def _blobs(self, digests: list[str]) -> dict[str, str]:
        """Git's names of the contents, each with the digest."""
        found = (
            self.graph.answer(Find("Version", Digested(tuple(digests)))).values if digests else []
        )
        held = [properties for _, _, _, properties, *_ in found]
        return {str(h["blob"]): str(h["digest"]) for h in held if h.get("blob") and h.get("digest")}

    def _task(self, line: Line) -> bytes:
        kept = [key.secret.hex() for key in keys.keys(self.graph.project)]
        rules = msgspec.json.decode(line.rules, type=list[dict[str, str]])
        return msgspec.json.encode(Task(line.name, rules, kept, self.folder.request().subjects))

    def _outcome(self, line: Line, scratch: Scratch, refused: Mapping[str, str]) -> Outcome:
        match line.do:
            case "rebuild" if line.run in refused:
                return Outcome(line, "left", refused[line.run])
            case "redact" | "rebuild":
                return self._remade(line, scratch)
            case "erase":
                return Outcome(line, "remove")
            case "forget":
                return Outcome(line, "gone")
            case "keep" | "by hand" | "duty":
                return Outcome(line, "left", line.basis)

    def _remade(self, line: Line, scratch: Scratch) -> Outcome:
        path = self._in(scratch, line)
        found = _hashed_file(path) if path is not None else None
        if path is None or found is None:
            return Outcome(line, "remove", "it was not made again")
        if found == line.digest and line.how != "contains":
            return Outcome(line, "unchanged", "it came out the same without the subject")
        if found == line.digest:
            raise RebuildFailed(
                f"{line.name} came out the same, and it contains the subject",
                hint="nothing was changed; mend what makes it, or abandon the request",
            )
        if still := self._has_subject(line, path):
            raise RebuildFailed(
                f"{line.name} still has the subject in column `{still}` when it is made again",
                hint="nothing was changed; a rule for where the rows come from is missing",
            )
        return Outcome(line, "done")

    def _has_subject(self, line: Line, path: Path) -> str:
        """The column in which a made file still has a subject, if one of the rules covers it."""
        from provgraph.subjects.rules import covering, rules

        hashes = set(self.folder.request().subjects)
        kept = keys.keys(self.graph.project) if hashes else []
        own = [Rule.model_validate(rule) for rule in msgspec.json.decode(line.rules or "[]")]
        for rule in dict.fromkeys([*own, *covering(rules(self.graph.project), [line.name])]):
            if any(_hashed(rule, kept, text) & hashes for text in _identifiers(path, rule)):
                return rule.column
        return ""

    # For good.

    def _parts(
        self, prepared: Prepared
    ) -> Iterator[tuple[str, Callable[[], dict[str, int | str]]]]:
        for number, outcome in enumerate(prepared.outcomes, 1):
            if outcome.what in ("done", "remove"):
                yield part_name(number, outcome), partial(self._put, outcome)
        yield "took over what was captured", self._take_over
        yield "rewrote the journal", lambda: self._rewrite_journal(prepared)
        yield "cleared the kept contents", lambda: self._clear_contents(prepared)
        yield "looked at the store", self._look_at_store
        yield "filled the store anew", self._fill_store
        yield "cleared caches", self._clear_caches
        yield "cleared the subject index", lambda: self._clear_index(prepared)
        yield "extended the suppression list", lambda: self._suppress(prepared)
        yield "removed the scratch copy", lambda: self._remove_scratch(prepared)

    def _put(self, outcome: Outcome) -> dict[str, int | str]:
        """What somebody has changed since it was planned is theirs, and is left to them."""
        line = outcome.line
        path = self.graph.path(line.name)
        assert path is not None
        made = self._in(Scratch(self._scratch, self.graph.project.root), line)
        now, new = _hashed_file(path), _hashed_file(made) if made is not None else None
        if path.exists() and now not in (line.digest, new):
            return {"how": CHANGED}
        if outcome.what == "remove":
            return {"how": remove(path) if path.exists() else GONE}
        assert made is not None
        fresh = path.with_name(f".{path.name}.provgraph-new")
        shutil.copy2(made, fresh)
        with open(fresh, "rb") as file:
            os.fsync(file.fileno())
        if not path.exists():
            os.replace(fresh, path)
            return {"how": GONE}
        return {"how": put_in_place(fresh, path)}

    def _take_over(self) -> dict[str, int | str]:
        found = segments(Scratch(self._scratch, self.graph.project.root).journal)
        for path in found:
            target = self.graph.project.journal / path.name
            if not target.exists():
                fresh = target.with_name(f"{target.name}.new")
                shutil.copyfile(path, fresh)
                os.chmod(fresh, 0o600)
                os.replace(fresh, target)
        return {"segments": len(found)}

    def _rewrite_journal(self, prepared: Prepared) -> dict[str, int | str]:
        with self.graph.alone():
            hows = rewrite_journal(self.graph.project.journal, prepared.tokens)
        return {"segments": len(hows)} | _how(hows)

    def _look_at_store(self) -> dict[str, int | str]:
        return {"nodes": sum(self.graph.store.statistics().nodes.values())}

    def _fill_store(self) -> dict[str, int | str]:
        """The store's file is overwritten and made anew: free pages and logs keep old bytes."""
        if self.graph.project.store_uri:
            return self._fill_neo4j()
        with self.graph.alone():
            self.graph.remove_store()
        return {"records": self._filled()}

    def _filled(self) -> int:
        """How many records went into the store, of all: what somebody else is bringing in is waited for."""
        records = 0
        while True:
            report = self.graph.sync()
            records += report.records
            if not report.pending:
                return records

    def _fill_neo4j(self) -> dict[str, int | str]:
        """The project's own server gets another database; in one that others may use, what was deleted
        is overwritten."""
        from provgraph.store.neo4j import Neo4jStore
        from provgraph.store.neo4j.server import LocalServer

        own = LocalServer(self.graph.project.local_server)
        running = own.running()
        if running is not None and running.uri == self.graph.project.store_uri:
            self.graph.close()
            # Bookmarks are of a database that is no more: the next one would be waited for in vain.
            (self.graph.project.state / "neo4j-bookmarks.json").unlink(missing_ok=True)
            with self.graph.alone():
                own.empty()
            return {"records": self._filled(), "how": "another database"}
        with self.graph.alone():
            self.graph.store.clear()
        records, store = self._filled(), self.graph.store
        assert isinstance(store, Neo4jStore)
        looked = [e.details["nodes"] for e in self.folder.entries() if "nodes" in e.details]
        counts = [*looked, *self._look_at_store().values()]
        store.overwrite(max(count for count in counts if isinstance(count, int)))
        return {"records": records, "how": SHARED}

    def _clear_contents(self, prepared: Prepared) -> dict[str, int | str]:
        """Those that are erased, and those that have a word in them that is taken out."""
        kept = ContentStore.of(self.graph.project)
        hows = kept.erase([*prepared.erased, *kept.holding(prepared.tokens.texts)])
        return {"contents": len(hows)} | _how(hows)

    def _clear_caches(self) -> dict[str, int | str]:
        cache, count = self.graph.project.state / "cache", 0
        if cache.is_dir():
            for path in cache.iterdir():
                if path.is_file():
                    remove(path)
                    count += 1
        for other in folders(self.graph.project):
            if other.id != self.folder.id and other.has("plan.json"):
                other.clear(bare=False)  # it is void, and names contents that are erased
        return {"files": count}

    def _clear_index(self, prepared: Prepared) -> dict[str, int | str]:
        macs = [bytes.fromhex(mac) for mac in self.folder.request().subjects]
        staying = any(o.what == "left" and o.line.do != "duty" for o in prepared.outcomes)
        with opened(self.graph) as index:
            if staying:  # what was made from the erased must still be found, whoever else is in it
                return {"contents": index.rename_contents(prepared.tokens.contents), "subjects": 0}
            contents = index.erase_contents(prepared.erased)
            return {"contents": contents, "subjects": index.erase_subjects(macs)}

    def _suppress(self, prepared: Prepared) -> dict[str, int | str]:
        until = time.time_ns() + suppression.LASTS
        count = suppression.add(self.graph.project, self.folder.id, prepared.tokens.contents, until)
        suppression.seen(self.graph.project)
        return {"entries": count, "until": until}

    def _remove_scratch(self, prepared: Prepared) -> dict[str, int | str]:
        """With the bytes of what has to do with the request overwritten."""
        scratch = Scratch(self._scratch, self.graph.project.root)
        own = [self._in(scratch, outcome.line) for outcome in prepared.outcomes]
        found = [path for path in own if path is not None]
        found += scratch.journal.rglob("*") if scratch.journal.is_dir() else []
        files = {path for path in found if path.is_file() and not path.is_symlink()}
        for path in files:
            remove(path)
        shutil.rmtree(self._scratch, ignore_errors=True)
        return {"files": len(files)}


def _refused(plan: Plan, consent: Consent) -> dict[str, str]:
    """The runs that are not to be run again, and why: nobody agreed, or they read what another of them
    would have made."""
    refused: dict[str, str] = {}
    for rerun in plan.reruns:
        if any(run in refused for run in rerun.after):
            refused[rerun.run] = "what it is made from was not made again"
        elif not consent(rerun):
            refused[rerun.run] = "its command was not to be run"
    return refused


def _goes(outcome: Outcome) -> bool:
    return outcome.what in ("done", "remove", "gone")


def _erased(outcomes: Sequence[Outcome]) -> list[str]:
    """The digests of what goes, but for what stays as well. A duty lies elsewhere: it keeps nothing here."""
    staying = {each.line.digest for each in outcomes if not _goes(each) and each.line.do != "duty"}
    return sorted({each.line.digest for each in outcomes if _goes(each)} - staying - {""})


def part_name(number: int, outcome: Outcome) -> str:
    """What the log calls a part that changes a file: by its number, so that the log names no version."""
    return f"line {number}: {'put in place' if outcome.what == 'done' else 'removed'}"


def _how(hows: Sequence[str]) -> dict[str, int | str]:
    """What can be said of the bytes of several files.

    >>> _how(["overwritten", "unlinked"]), _how([])
    ({'how': 'unlinked'}, {})
    """
    return {"how": min(set(hows), key=("unlinked", OVERWRITTEN).index)} if hows else {}


def _interrupted(details: dict[str, int | str]) -> dict[str, int | str]:
    """Of a part that was taken up: what a kill left unlinked was not overwritten after it.

    >>> _interrupted({"how": "overwritten"}), _interrupted({"records": 3})
    ({'how': 'unlinked'}, {'records': 3})
    """
    return details | ({"how": "unlinked"} if details.get("how") in (OVERWRITTEN, GONE) else {})


CHANGED: Final = "changed since it was planned"
GONE: Final = "was gone"
OVERWRITTEN: Final = "overwritten"
SHARED: Final = "what was deleted in it was overwritten"
_REDACTING = [sys.executable, "-m", "provgraph.erasure.redacting"]


def _hashed_file(path: Path) -> str | None:
    found = hash_file(os.fsencode(path), accept=lambda stat: True)
    return found[0] if found is not None else None


def _identifiers(path: Path, rule: Rule) -> Iterator[str]:
    read = tables.format_for(path).identifiers(path, rule.column, rule.table)
    return (text for batch in read for text in batch)


def _hashed(rule: Rule, kept: list[keys.Key], identifier: str) -> set[str]:
    return {key.hashed(rule.prefix + identifier).hex() for key in kept}
