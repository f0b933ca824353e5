"""What a question means: a closed union of operators over sets of nodes.

A plan says what is asked, never how it is found. Every store gives the same rows in the same order
for the same plan; `evaluate.py` is the reference.

Rows are nodes without repetition. `Walk` and `Around` give their rows a `depth`, and some operators teach their
rows more (`LEARNED`): `Filter`, `Sort`, `Limit` and `Project` keep what the rows have, the others
drop it. What was learned has a key that begins with a colon, as no property's does. Unless sorted,
rows come by (depth, `at`, id), where a missing depth counts as 0 and a missing `at` comes last.

A `Table` makes rows that are no nodes: they have its columns and come in its order. Only `Filter`,
`Sort`, `Limit` and `Project` stand above one; a sort's ties keep the order that they had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeVar, get_args

from msgspec import Struct
from msgspec.structs import replace

from provgraph.model.elements import Value
from provgraph.model.vocabulary import Label

Constant = str | int | float | bool
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "~"]


# Conditions. Two-valued: a missing property makes every comparison and membership false, `!=` and
# `not in` too; `Negate` turns that false into true. A list property satisfies a comparison if one
# of its members does. `~` is a glob (`glob.py`). Text compares by code point; values of different
# types (text against number) never satisfy a comparison, so constants of different types are not the same.


class Comparison(Struct, frozen=True, eq=False):
    """`key` is a node property, `depth`, what an operator learned, or a column of a table.

    >>> Comparison("exit", "=", 1) == Comparison("exit", "=", 1.0)
    False
    """

    key: str
    operator: Operator
    value: Constant

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Comparison) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash(self._told())

    def _told(self) -> tuple[object, ...]:
        return self.key, self.operator, type(self.value), self.value


class Membership(Struct, frozen=True, eq=False):
    key: str
    values: tuple[Constant, ...]
    negated: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Membership) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash(self._told())

    def _told(self) -> tuple[object, ...]:
        return self.key, tuple(map(type, self.values)), self.values, self.negated


class AllOf(Struct, frozen=True):
    conditions: tuple[Condition, ...]


class AnyOf(Struct, frozen=True):
    conditions: tuple[Condition, ...]


class Negate(Struct, frozen=True):
    condition: Condition


Condition = Comparison | Membership | AllOf | AnyOf | Negate


# Names. For versions a name is matched against the artifacts that they are VERSION_OF, so every
# name that a version had finds it; for other labels against the node's own `name`.


class Exactly(Struct, frozen=True):
    """The whole name (a version: the artifact's URI)."""

    name: str


class Named(Struct, frozen=True):
    """A version: the artifact's whole name, its `base`, or (if `stems`) its `stem`. Another label:
    the whole name, or from four characters on a prefix of `id` without its letter, of the whole
    `id`, or of `sha`."""

    name: str
    stems: bool = False


class Globbed(Struct, frozen=True):
    """A glob: against the whole name if it has a `/`, else against `base` (a version) or `name`."""

    pattern: str


class Digested(Struct, frozen=True):
    """Versions with one of these digests or blobs, whatever they are named."""

    digests: tuple[str, ...]


class Identified(Struct, frozen=True):
    """Nodes with these ids, whatever they are named."""

    ids: tuple[str, ...]


Name = Exactly | Named | Globbed | Digested | Identified


# Which versions of each artifact that answers to the name. Versions are in order of (`at`, id).


class Latest(Struct, frozen=True):
    """The last one; with `until`, the last with `at` <= until (nanoseconds UTC)."""

    until: int | None = None


class Every(Struct, frozen=True):
    until: int | None = None


class Nth(Struct, frozen=True):
    """The nth, from 1."""

    number: int


class WithDigest(Struct, frozen=True):
    """Those whose `blake3:` digest or `git:` blob begins so after its tag."""

    prefix: str


class InCommit(Struct, frozen=True):
    """The one that was there at a commit whose sha begins so.

    That commit and those before it by `first` PARENT edges are its line, the nearest being that which fewest
    edges lead to. The nearest one that has the artifact (a version of it is IN_COMMIT, by its name) or removed
    it (REMOVED_IN) decides. Where it does not have it, or none does, it is the one that a run AT_COMMIT the
    nearest commit with such a run generated: of the line, from the one that removed it on; of all that the
    commit came from, if none of those had or removed the artifact. Of several, it is the last.
    """

    prefix: str


Which = Latest | Every | Nth | WithDigest | InCommit


class Find(Struct, frozen=True):
    """Nodes of a label. `kind` restricts versions to a kind, `files` to those that are files
    (their name has no `://`, or begins with `file://`). `which` is meaningful for versions only: it picks among each
    artifact's versions *before* `where` is asked."""

    label: Label
    name: Name | None = None
    kind: str | None = None
    files: bool = False
    which: Which = Every()
    where: Condition | None = None


class Walk(Struct, frozen=True):
    """Nodes reached from the source's by at least one edge of the types `via`.

    `toward="origin"` follows edges from effect to cause, `"effect"` against them. A row's `depth`
    is the smallest number of edges from any source node, at least 1; a source node is a row only
    if it is reached. `max_hops` bounds the depth. Rows of `stop_at` are reached but not passed; a
    source node is always left. `until` (nanoseconds UTC): nodes with a later `at` do not exist.
    """

    source: Plan
    toward: Literal["origin", "effect"]
    via: tuple[str, ...]
    max_hops: int | None = None
    stop_at: Plan | None = None
    until: int | None = None


class Around(Struct, frozen=True):
    """The source's rows and all that is at most `hops` edges of the types `via` away from one of
    them, whichever way the edges point. A row's `depth` is the smallest number of edges from any of
    the source's rows, which have 0."""

    source: Plan
    via: tuple[str, ...]
    hops: int


class Filter(Struct, frozen=True):
    source: Plan
    condition: Condition


class Versions(Struct, frozen=True):
    """All versions of the artifacts of the source's versions (or of the source's artifacts), in
    order of (`at`, id); with `until`, those with `at` <= until."""

    source: Plan
    until: int | None = None


class Runs(Struct, frozen=True):
    """The runs of the source's rows: a step's own, a version's generating steps', a run itself."""

    source: Plan


class SetOp(Struct, frozen=True):
    operator: Literal["union", "intersection", "difference"]
    left: Plan
    right: Plan


class SortKey(Struct, frozen=True):
    key: str
    descending: bool = False


class Sort(Struct, frozen=True):
    """Missing values last in both directions; numbers (booleans among them) before text, text by
    code point; ties by id."""

    source: Plan
    by: tuple[SortKey, ...]


class Limit(Struct, frozen=True):
    """The first rows in the source's order."""

    source: Plan
    count: int


class Column(Struct, frozen=True):
    """`name` is what was asked for, `key` the property that holds it (or `depth`)."""

    name: str
    key: str


class Project(Struct, frozen=True):
    """Only at the top: which columns are shown."""

    source: Plan
    columns: tuple[Column, ...]


class Known(Struct, frozen=True):
    """A node, what was learned of it, and its `at`, where that is known with it."""

    id: str
    label: Label
    learned: tuple[Value, ...] = ()
    at: int | None = None


class Given(Struct, frozen=True):
    """These nodes, each once, as far as they exist; `keys` are those of what was learned of each.
    No question is bound to it: engines put it in the place of an operator that they have carried
    out. `labels` are those that its rows may have; `timed` says that their `at` is known."""

    rows: tuple[Known, ...]
    labels: tuple[Label, ...]
    keys: tuple[str, ...] = ()
    timed: bool = False


# Operators that no database language says: engines fetch what they need (`operators/`).


class Slice(Struct, frozen=True):
    """What the lineage of the source's rows has more often than that of others.

    Rows are the versions and steps that at least `support` of the source's rows were made from (None:
    a tenth of them, and at least two if there are several). `against` are the others; what is in the source too is none of them. Learned are `:lift`, the
    share of the source's rows that have the row in their lineage over the share of all that do;
    `:coverage`, the former share; and `:support`, how many of the source's rows that are.
    """

    source: Plan
    against: Plan | None = None
    support: int | None = None

    def least(self, rows: int) -> int:
        """How many of so many rows must have been made from it.

        >>> [Slice(Find("Version")).least(rows) for rows in (1, 2, 40, 41)]
        [1, 2, 4, 5]
        """
        if self.support is not None:
            return max(self.support, 1)
        return 1 if rows < 2 else max(2, -(-rows // 10))


class Segment(Struct, frozen=True):
    """What lies between the source's rows and those of `to`, and beside it.

    Rows are the nodes on paths toward the origin, along edges of the types `via`, from a row of `to`
    to one of the source's (learned is `:on_path`, true); and those on other paths from that row of
    `to` that are like such a path (`:on_path` is false). Without `similar`, paths of equally many edges
    are alike; with it, those along which the same types of edges lead to nodes of the same labels
    with the same values of these columns (which may be missing). So it is with the two exchanged too.

    Nodes on a common cycle are one node to a path: what they are is what all of them are, and what is
    said of one of them is said of all. A node is a path to itself. `until` (nanoseconds UTC): nodes
    with a later `at` do not exist.
    """

    source: Plan
    to: Plan
    via: tuple[str, ...]
    similar: tuple[Column, ...] | None = None
    until: int | None = None


# Tables.


class Count(Struct, frozen=True):
    """How many of the source's rows there are of each combination of values: columns under the
    names in `by` and `count`; one row if `by` is empty. The most first, then by the values (nulls
    last). Equal numbers are one value, a whole one shown without a fraction; true and false are no
    numbers here."""

    source: Plan
    by: tuple[Column, ...]


class Paths(Struct, frozen=True):
    """How the source's rows are connected with those of `to`: a row a node of a path.

    A path leads from one of the source's rows to another node, a row of `to`, along edges of the types
    `via`, all of them in their direction (`toward` is `origin`) or all against it (`effect`), and comes
    by no node twice. Paths are in order of their length, then of their nodes' ids, then toward the
    origin before toward the effect; they are numbered as `path`. There is one for each row of `to`, the
    first that leads to it; with `every`, all are there. `most` bounds their number, `max_hops` their
    length; `until` (nanoseconds UTC): nodes with a later `at` do not exist.

    `depth` is how far along the path a node is, from 0; `edge` are the types, in words, that join it
    to the next.
    """

    source: Plan
    to: Plan
    via: tuple[str, ...]
    every: bool = False
    most: int | None = None
    max_hops: int | None = None
    until: int | None = None


class Deletion(Struct, frozen=True):
    """What goes if the source's rows go: the versions among them and among all that was made from them.

    A row a version, in the order in which they can be erased: what was made from a version before the
    version. Versions and steps that were made from each other are one group; `order` counts the groups
    that have versions, and of those that could be next the one with the least (`at`, id) is. Columns:
    `order`; `version`, the id; `name`; `kind`; `state`; `why`: `contains` for the source's rows,
    `derived` for what is reached along edges that were seen, `inferred` for what is only reached along
    others (`inferred` is true or `attributed` false); `depth`, the smallest number of edges from a row
    of the source; `origin`, the name of that row (the least id of several); `action` and `reason`:
    `keep` for rows of `keep`; `none` for what is deleted or erased; `rebuild` for what is present and
    not of the source, and has a generating step of a run with a command that also used a version
    that stays; `erase`.
    """

    source: Plan
    keep: Plan | None = None


class Rerun(Struct, frozen=True):
    """What is to be run again to make the source's rows again.

    Its steps are those among the source's rows and what these were made from (a `Walk` that stops at
    `stop_at`; a step where it stops is none), and all steps of their runs. A row a run, or a step that has
    none, in an order in which they can be run; runs that need each other are one group, which `order`
    counts. Columns: `order`; `run`, the id; `command`, `cwd`, `commit`; `environment`, its name; `makes`,
    what it generates that the walk reached; `inputs`, what it used or executed that none of the steps
    generated; `missing`, why it may not come out as it did.
    """

    source: Plan
    stop_at: Plan | None = None


Aspect = Literal["inputs", "code", "environment", "parameters", "metrics", "command", "commit"]
ASPECTS: tuple[Aspect, ...] = get_args(Aspect)


class Diff(Struct, frozen=True):
    """What differs in how the source's rows and those of `other` came to be: the steps that are rows, those
    of the runs that are, and those in the lineage of the versions that are.

    A row a name of an aspect whose values are not the same on both sides: `aspect`, `name`, `before`,
    `after` (texts; of several values, all in order, and none if there is none) and `change` (`added`,
    `removed`, `changed`). The aspects come in the order of `on`, the names by code point.
    """

    source: Plan
    other: Plan
    on: tuple[Aspect, ...] = ASPECTS


class Stale(Struct, frozen=True):
    """The source's versions that were made from what is not what it was; `until` (nanoseconds UTC): nodes
    with a later `at` do not exist.

    An input of a version is what its generating steps, or those that informed them, used or executed,
    and what it was derived from. Its current version is the newest (up to `until`) of the artifact that it
    was a version of under the name by which it was read; itself if the version's own steps made that.
    What speaks against a version: an input whose current version is newer and another content; an input,
    no code and no configuration, that was older than `age` (nanoseconds) when it was used; an input whose current version has
    the same content and is stale. Learned are `:reasons`, in words, and `:direct`, whether one is of the
    former two.
    """

    source: Plan
    age: int
    until: int | None = None


COMPONENT: Final = ":component"
"""Not a property: the name of the component that a row's run is an instance of, or a list of them."""


class Summarize(Struct, frozen=True):
    """Which of the source's rows stand for one another: a row a group, and the edges between them.

    Rows of one label, with the same values of the columns `by` (`COMPONENT` is one), are alike if for
    so many `hops` their neighbours are: the same types of lineage edges join them, whichever way, to
    rows that are alike. Alike rows are merged as long as no path of the summary spells what no path
    of theirs does: those to which the same leads (each is simulated by the other, against the edges), then those
    that lead to the same, then the first that another stands for in both ways, with the first such;
    and again.

    Groups are in order of their first row (by `at`, missing last, and id), and numbered so. `first` is
    that row's id and `example` its name; `edges` are types, in words, and the groups that they lead to.
    """

    source: Plan
    by: tuple[Column, ...]
    hops: int = 0


Fetched = Slice | Stale | Segment
Table = Count | Paths | Deletion | Rerun | Diff | Summarize
Plan = (
    Find
    | Walk
    | Around
    | Filter
    | Versions
    | Runs
    | SetOp
    | Sort
    | Limit
    | Project
    | Given
    | Slice
    | Segment
    | Count
    | Paths
    | Deletion
    | Rerun
    | Diff
    | Stale
    | Summarize
)

_P = TypeVar("_P", bound=Plan)
_SOURCES: Final[dict[type, tuple[str, ...]]] = {
    operator: tuple(
        name for name, type_ in operator.__annotations__.items() if type_ in ("Plan", "Plan | None")
    )
    for operator in get_args(Plan)
}


def sources(plan: Plan) -> dict[str, Plan]:
    """The plans that an operator stands on, by field.

    >>> list(sources(SetOp("union", Find("Run"), Find("Step"))))
    ['left', 'right']
    """
    held = {name: getattr(plan, name) for name in _SOURCES[type(plan)]}
    return {name: source for name, source in held.items() if source is not None}


def with_sources(plan: _P, change: Callable[[Plan], Plan]) -> _P:
    """The same operator over what `change` makes of the plans that it stands on."""
    below = sources(plan)
    if not below:
        return plan
    made = {name: change(source) for name, source in below.items()}
    new = {name: each for name, each in made.items() if each is not below[name]}
    return replace(plan, **new) if new else plan


def is_table(plan: Plan) -> bool:
    """Whether the rows are no nodes.

    >>> is_table(Limit(Count(Find("Run"), ()), 3)), is_table(Find("Run"))
    (True, False)
    """
    while isinstance(plan, Filter | Sort | Limit | Project):
        plan = plan.source
    return isinstance(plan, Table)


class Budget(Struct, frozen=True):
    """How far a question may run. `seconds` of wall time, `nodes` visited; None is no bound.
    Past it, an engine raises `BudgetExceeded` and gives no partial answer."""

    seconds: float | None = None
    nodes: int | None = None
