"""The language's kinds and verbs as methods. Made by `provgraph.query.methods`: not to be edited."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from provgraph.asking.queries import Query
    from provgraph.query.building import Constants

Words = str | Iterable[str]
"""Words, one by one or in a text with commas between."""

Moment = str | date
"""A date or a datetime (UTC without a zone), or a text such as "2026-11-20" or "today"."""

Duration = str | timedelta
"""A timedelta, or a text such as "30d"."""


class Selectors:
    """Where a question begins: a kind, a name or glob, a version, a condition.

    `name` is what the language takes: a whole name, its last part, a glob, a digest, `./` and a path; a
    path object is that file on this machine. `version` is a number, "latest", "all", the beginning of a
    digest, "commit:1a2b3c4" or a date. `where` is a condition.
    """

    def find(
        self,
        kind: str,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Nodes of any kind that the language has a word for, those of the project's own too."""
        raise NotImplementedError

    def file(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Versions of whatever is a file."""
        return self.find("file", name, version=version, where=where)

    def artifact(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        where: str | None = None,
    ) -> Query:
        """Artifacts."""
        return self.find("artifact", name, where=where)

    def version(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Versions."""
        return self.find("version", name, version=version, where=where)

    def run(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        where: str | None = None,
    ) -> Query:
        """Runs."""
        return self.find("run", name, where=where)

    def step(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        where: str | None = None,
    ) -> Query:
        """Steps."""
        return self.find("step", name, where=where)

    def commit(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        where: str | None = None,
    ) -> Query:
        """Commits."""
        return self.find("commit", name, where=where)

    def agent(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        where: str | None = None,
    ) -> Query:
        """Agents."""
        return self.find("agent", name, where=where)

    def environment(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        where: str | None = None,
    ) -> Query:
        """Environments."""
        return self.find("environment", name, where=where)

    def component(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        where: str | None = None,
    ) -> Query:
        """Components."""
        return self.find("component", name, where=where)

    def subject(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        where: str | None = None,
    ) -> Query:
        """Subjects."""
        return self.find("subject", name, where=where)

    def model(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Versions of kind model."""
        return self.find("model", name, version=version, where=where)

    def notebook(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Versions of kind notebook."""
        return self.find("notebook", name, version=version, where=where)

    def script(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Versions of kind script."""
        return self.find("script", name, version=version, where=where)

    def source(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Versions of kind source."""
        return self.find("source", name, version=version, where=where)

    def config(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Versions of kind config."""
        return self.find("config", name, version=version, where=where)

    def metrics(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Versions of kind metrics."""
        return self.find("metrics", name, version=version, where=where)

    def report(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Versions of kind report."""
        return self.find("report", name, version=version, where=where)

    def figure(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Versions of kind figure."""
        return self.find("figure", name, version=version, where=where)

    def prediction(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Versions of kind prediction."""
        return self.find("prediction", name, version=version, where=where)

    def dataset(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Versions of kind dataset."""
        return self.find("dataset", name, version=version, where=where)

    def document(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Versions of kind document."""
        return self.find("document", name, version=version, where=where)


class Verbs:
    """What can follow in a question: a method a verb, its arguments by name."""

    def _then(self, verb: str, /, **given: Any) -> Query:
        raise NotImplementedError

    def count(
        self,
        *by: str,
    ) -> Query:
        """A table of how many rows have the same values in some fields, the most first.

        Its columns are the fields and `count`; `where`, `sort`, `limit` and `select` can follow. Without
        fields it has one row.

        by: what rows are counted together for
        """
        return self._then("count", by=by)

    def deletion_plan(
        self,
        *,
        keep: Query | str | None = None,
    ) -> Query:
        """A table of what must go if the rows go: the versions that they are, and all that was made from them.

        It is in the order in which they can be erased, what was made from a file before the file; what was
        made from each other shares an `order`. `why` says whether a version is one of the rows (`contains`:
        of a subject, a version that holds its data), was made from one (`derived`), or only seems to have
        been (`inferred`: no writer was seen); `depth` and `origin` are the distance to the nearest row
        and its name. `action` is what to do: `erase`; `rebuild`, for what a recorded run made from other
        files too; `keep`, for the rows of `except`; `none` for what is gone. `reason` tells why.

        Names before it mean all their versions. A run stands for its steps, a subject for the versions
        about it. Nothing is deleted by asking.

        keep: rows that are kept
        """
        return self._then("deletion plan", keep=keep)

    def diff(
        self,
        other: Query | str,
        *,
        on: Literal["inputs", "code", "environment", "parameters", "metrics", "command", "commit"]
        | Iterable[
            Literal["inputs", "code", "environment", "parameters", "metrics", "command", "commit"]
        ]
        | None = None,
    ) -> Query:
        """A table of what differs in how the rows and those of another question came to be.

        A run stands for what its steps did; a version for everything that was done in its lineage. `aspect`
        is one of `inputs` (files that those steps read and had not made, by digest), `code` (scripts and
        what they imported), `environment` (packages, interpreter, system, processors,
        variables as `$NAME`), `parameters`, `metrics`,
        `command` (by script or program) and `commit`; `name` is what differs, `before` and `after` its
        values there and here, `change` is `added`, `removed` or `changed`, and `origin` says of a parameter whether
        it stood on the command line (`argv`) or in which file.

        Names mean their latest version.

        other: what they are compared with
        on: what is looked at; else all
        """
        return self._then("diff", other=other, on=on)

    def expand(
        self,
        *,
        via: Words | None = None,
        hops: int | None = None,
    ) -> Query:
        """The rows and their neighbours, along every edge and whichever way it points.

        Each row has a `depth`: 0 for those before the verb, else the smallest number of edges to one of
        them. Unlike `lineage` and `impact` it follows what belongs to a row too: its run, its commit, its
        artifact.

        via: along these edges only
        hops: at most so many edges away
        """
        return self._then("expand", via=via, hops=hops)

    def history(
        self,
        *,
        as_of: Moment | None = None,
    ) -> Query:
        """All versions of the same artifacts, in order of time.

        A file that was renamed is found under each of its names.

        as_of: only versions from up to then
        """
        return self._then("history", as_of=as_of)

    def impact(
        self,
        *,
        depth: int | None = None,
        via: Words | None = None,
        stop_at: Query | str | None = None,
        as_of: Moment | None = None,
    ) -> Query:
        """Everything that was made from the rows, directly or not.

        Versions and steps, from cause to effect. Each row has a `depth`, as with `lineage`. Names
        before it mean all their versions, because what an old version went into is touched too. A run
        stands for its steps, a subject for the versions about it.

        depth: at most so many edges away
        via: along these edges only, from the very rows
        stop_at: as far as these rows, not past them
        as_of: as if nothing later had happened
        """
        return self._then("impact", depth=depth, via=via, stop_at=stop_at, as_of=as_of)

    def latest(
        self,
    ) -> Query:
        """Of the rows, the versions that are the last of their artifact; the others are left out."""
        return self._then("latest")

    def limit(
        self,
        count: int,
    ) -> Query:
        """Only the first rows, in the order they have.

        count: how many
        """
        return self._then("limit", count=count)

    def lineage(
        self,
        *,
        depth: int | None = None,
        via: Words | None = None,
        stop_at: Query | str | None = None,
        as_of: Moment | None = None,
    ) -> Query:
        """Everything the rows were made from, directly or not.

        Versions and steps, from effect to cause. Each row has a `depth`, the smallest number of edges
        to it: what a step read is two edges from what it wrote. Names before it mean their latest
        version. A run stands for its steps, a subject for the versions about it.

        depth: at most so many edges away
        via: along these edges only, from the very rows
        stop_at: as far as these rows, not past them
        as_of: as if nothing later had happened
        """
        return self._then("lineage", depth=depth, via=via, stop_at=stop_at, as_of=as_of)

    def paths(
        self,
        *,
        to: Query | str,
        shortest: bool = False,
        all: bool = False,
        limit: int | None = None,
        depth: int | None = None,
        via: Words | None = None,
        as_of: Moment | None = None,
    ) -> Query:
        """A table of how the rows are connected with others: a row a node of a path, with its place.

        A path follows the edges from effects to causes (`toward` says `origin`), or all of them the other
        way, whichever connects the two; it comes by no node twice. For each of the others it is the
        shortest that leads to it; with `all`, every path, the shortest first, up to a `limit`. Of equally
        long ones the first by the ids of their nodes comes first.

        `path` numbers the paths and `depth` the nodes of one, from 0; `edge` is what joins a node to the
        next. Names mean all their versions, on both sides. A run stands for its steps.

        to: where the paths lead
        shortest: the shortest to each, as without a word
        all: every path, the shortest first; with a `limit`
        limit: the first so many paths
        depth: at most so many edges long
        via: along these edges only, between the very rows
        as_of: as if nothing later had happened
        """
        return self._then(
            "paths",
            to=to,
            shortest=shortest,
            all=all,
            limit=limit,
            depth=depth,
            via=via,
            as_of=as_of,
        )

    def rerun_plan(
        self,
        *,
        stop_at: Query | str | None = None,
    ) -> Query:
        """A table of the runs that would make the rows again from the beginning, in order.

        A row is a whole run, because a run is what was asked for and can be asked for again: what a
        program in it did depends on the pipes and variables that it was given. `order` counts: runs that
        need each other share one. `command`, `cwd`, `commit` and `environment` say how it was run, `makes`
        what it makes that is wanted, `inputs` what it reads that none of these runs makes, and `missing`
        what may keep it from coming out as it did: inputs that are deleted, replaced or not known, a work
        tree with changes, a failure, a gap in the record. What a commit holds is not missing.

        Names before it mean their latest version. A run stands for its steps. Nothing is run by asking.

        stop_at: rows that are taken as they are
        """
        return self._then("rerun plan", stop_at=stop_at)

    def runs(
        self,
    ) -> Query:
        """The runs of the rows: of a version, those that generated it; of a step, its own."""
        return self._then("runs")

    def segment(
        self,
        *,
        to: Query | str,
        similar: Words | None = None,
        via: Words | None = None,
        as_of: Moment | None = None,
    ) -> Query:
        """What lies between the rows and others: how data became a model, with all that went in the same way.

        Rows are the versions and steps on the paths between the two (`on_path` is true), whichever of them
        was made from the other; and those on other paths from what was made that are like one of these
        (`on_path` is false). Without `similar on`, paths of the same length are alike; with it, those along
        which the same kinds of edges lead to nodes with the same values of some fields.

        Names mean all their versions, on both sides. A run stands for its steps. What lies on a common
        cycle counts as one. (PgSeg: Miao and Deshpande, ICDE 2019.)

        to: what is at the other end
        similar: what nodes of like paths have in common
        via: along these edges only, between the very rows
        as_of: as if nothing later had happened
        """
        return self._then("segment", to=to, similar=similar, via=via, as_of=as_of)

    def select(
        self,
        *columns: str,
    ) -> Query:
        """Only these columns, in this order.

        It ends a question: after it only `where`, `sort`, `limit` and `latest` make sense.

        columns: what to show of each row
        """
        return self._then("select", columns=columns)

    def slice(
        self,
        *,
        against: Query | str | None = None,
        support: int | None = None,
        by: Literal["lift", "coverage"] | None = None,
    ) -> Query:
        """What the rows have in common: versions and steps in their lineage, the likeliest cause first.

        Each row has a `lift` (the share of the rows before the verb that have it in their lineage, over
        the share of all rows that do, those of `against` among them), a `coverage` (the former share)
        and a `support` (how many of the rows before the verb have it). A `lift` of 1 says nothing: what
        every lineage has is no cause. What fewer than `support` of the rows have is left out: without a
        number, what fewer than a tenth of them have, or only one of several.

        Names before it mean all their versions. A run stands for its steps.

        against: rows that the cause is no cause of
        support: in how many lineages it must be
        by: what counts most
        """
        return self._then("slice", against=against, support=support, by=by)

    def sort(
        self,
        *by: str,
    ) -> Query:
        """The rows in order of some fields, the first counting most.

        Missing values come last, text goes by code point, ties by id. `by` can be left out.

        by: what decides
        """
        return self._then("sort", by=by)

    def stale(
        self,
        *,
        older_than: Duration | None = None,
        as_of: Moment | None = None,
    ) -> Query:
        """Of the rows, the versions that would come out otherwise today, with the `reasons`.

        A version is stale if there is a newer version of something that it was made from; if code that it
        was made by has changed; if an input was older than `older than` (30 days, unless said) when it was
        used, which is not asked of code and configuration; or if something that it was made from is stale itself. `direct` says whether the reasons are
        its own inputs', not only theirs in turn. What was written again with the same content is not
        newer, and stops staleness: what was made from it before is not made otherwise by it.

        Names before it mean their latest version; `as of` asks what was stale then.

        older_than: what age of an input is too old
        as_of: as if nothing later had happened
        """
        return self._then("stale", older_than=older_than, as_of=as_of)

    def summarize(
        self,
        *by: str,
        hops: int | None = None,
    ) -> Query:
        """A table of which rows stand for one another: what happens again and again, told once.

        A row is a group, with how many there are (`count`), the id of the first of them and its name
        (`example`), and what joins the group to which others (`edges`: `used 3` leads to group 3). Alike
        are rows of one type with the same values of some fields, `component` among them; with `hops`, their
        neighbours must be alike too, so many edges far. Of alike rows those are merged that let the
        summary say no path that is not there: a kind may have several groups.

        Rows that are versions or steps are summarized themselves. Others stand for their steps, with what
        those read and wrote. Names before it mean all their versions. (PgSum: Miao and Deshpande, ICDE 2019.)

        by: what rows of a group share
        hops: how far neighbours must be alike
        """
        return self._then("summarize", by=by, hops=hops)

    def where(
        self,
        condition: str | None = None,
        /,
        **fields: Constants,
    ) -> Query:
        """Only the rows that satisfy a condition.

        condition: which rows stay
        """
        return self._then("where", condition=(condition, fields))
