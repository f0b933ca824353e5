"""References bind by content and time, and any order of segments gives the same graph."""

import random
from collections.abc import Callable, Iterable, Sequence
from itertools import permutations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from provgraph.model.batches import batch_of
from provgraph.model.binding import SKEW, Candidate, Timeline, bind
from provgraph.model.elements import Batch, Edge, Node, Scalar
from provgraph.model.identity import commit_id, external_version_id, named_id
from provgraph.model.kinds import Kinds
from provgraph.model.records import (
    Annotated,
    CommitSeen,
    Committed,
    ComponentSeen,
    Content,
    Derived,
    Generated,
    Invalidated,
    Name,
    Observation,
    RunEnded,
    RunStarted,
    Stat,
    StepSeen,
    Used,
    When,
)
from provgraph.model.tails import Followed, Stored, Tails
from provgraph.model.translate import Reference
from provgraph.model.vocabulary import LABELS
from provgraph.query.plan import Find
from provgraph.store import Surroundings
from provgraph.store.memory import MemoryStore

PROJECT, KINDS = "project", Kinds.of({})


def at(second: int, *, tick: int = 0, boot: str = "", host: str = "") -> When:
    return When(second * 10**9, tick, boot, host)


def bytes_of(letter: str, *, blob: str = "", stat: Stat | None = None) -> Content:
    return Content(f"blake3:{letter}", f"git:{blob}" if blob else "", 3, stat)


def read(when: When, content: Content, owner: str = "reader") -> Reference:
    return Reference(owner, "USED", "a.csv", when, content, "input")


def bound_to(candidates: list[Candidate], reference: Reference) -> str:
    return bind(Timeline("a.csv", candidates, [reference]), PROJECT).targets[reference]


V1 = Candidate("v1", at(10), bytes_of("x"))
V2 = Candidate("v2", at(20), bytes_of("y"))
V3 = Candidate("v3", at(30), bytes_of("x"))
EXTERNAL_X = external_version_id(PROJECT, "a.csv", "blake3:x")


def test_a_read_binds_to_the_newest_version_with_its_content_before_it() -> None:
    assert bound_to([V1, V2, V3], read(at(25), bytes_of("x"))) == "v1"
    assert bound_to([V1, V2, V3], read(at(35), bytes_of("x"))) == "v3"
    assert bound_to([V1, V2, V3], read(at(35), bytes_of("y"))) == "v2"


def test_a_read_before_any_such_version_is_external() -> None:
    assert bound_to([V1], read(at(5), bytes_of("x"))) == EXTERNAL_X


def test_other_content_than_was_generated_is_external() -> None:
    expected = external_version_id(PROJECT, "a.csv", "blake3:z")
    assert bound_to([V1, V2], read(at(25), bytes_of("z"))) == expected


def test_the_exact_stat_tells_versions_of_one_content_apart() -> None:
    first, second = Stat(1, 2, 3, 4, 5), Stat(1, 2, 3, 4, 6)
    candidates = [
        Candidate("v1", at(10), bytes_of("x", stat=first)),
        Candidate("v2", at(20), bytes_of("x", stat=second)),
    ]
    assert bound_to(candidates, read(at(25), bytes_of("x", stat=first))) == "v1"


def test_a_version_whose_digest_was_never_known_is_found_by_inode_size_and_time() -> None:
    overwritten = Candidate("v1", at(10), Content(size=3, stat=Stat(1, 2, 3, 4, 5)))
    seen = bytes_of("x", stat=Stat(1, 2, 3, 4, 9))
    assert bound_to([overwritten, V2], read(at(15), seen)) == "v1"


def test_a_reused_stat_with_another_digest_does_not_deceive() -> None:
    stat = Stat(1, 2, 3, 4, 5)
    candidate = Candidate("v1", at(10), bytes_of("x", stat=stat))
    expected = external_version_id(PROJECT, "a.csv", "blake3:y")
    assert bound_to([candidate], read(at(15), bytes_of("y", stat=stat))) == expected


def test_within_a_boot_the_monotonic_clock_orders_even_if_the_wall_clock_jumped() -> None:
    written = Candidate("v1", at(7200, tick=100, boot="b"), bytes_of("x"))
    assert bound_to([written], read(at(3600, tick=200, boot="b"), bytes_of("x"))) == "v1"
    assert bound_to([written], read(at(9000, tick=50, boot="b"), bytes_of("x"))) == EXTERNAL_X


def test_between_hosts_a_little_skew_is_believed_and_marked() -> None:
    written = Candidate("v1", at(100, host="one"), bytes_of("x"))
    near = Timeline("a.csv", [written], [read(at(99, host="two"), bytes_of("x"))])
    assert list(bind(near, PROJECT).targets.values()) == ["v1"]
    assert bind(near, PROJECT).skewed == set(near.references)
    far = at(99 - SKEW // 10**9, host="two")
    assert bound_to([written], read(far, bytes_of("x"))) == EXTERNAL_X


def test_a_version_is_not_derived_from_itself() -> None:
    appended = Candidate("v2", at(20), bytes_of("x"))
    own = Reference("v2", "DERIVED_FROM", "a.csv", at(20), bytes_of("x"), "append")
    assert bound_to([V1, appended], own) == "v1"


def test_a_commit_and_a_read_of_one_content_meet_in_one_external_version() -> None:
    references = [
        read(at(5), bytes_of("x", blob="b")),
        Reference("commit", "IN_COMMIT", "a.csv", at(9), Content(blob="git:b")),
    ]
    bound = bind(Timeline("a.csv", [], references), PROJECT)
    assert list(bound.targets.values()) == [EXTERNAL_X, EXTERNAL_X]
    assert bound.externals[0].content.blob == "git:b"


def test_two_files_that_git_stores_alike_stay_two_versions() -> None:
    references = [read(at(5), bytes_of("crlf", blob="b")), read(at(6), bytes_of("lf", blob="b"))]
    bound = bind(Timeline("a.csv", [], references), PROJECT)
    assert len(set(bound.targets.values())) == 2


def test_what_is_not_known_at_all_is_an_unknown_version() -> None:
    stat = Stat(1, 2, 3, 4, 5)
    bound = bind(Timeline("a.csv", [], [read(at(5), Content(size=3, stat=stat))]), PROJECT)
    assert list(bound.states.values()) == ["unknown"]


def test_states_follow_the_last_sighting() -> None:
    gone = Reference("rm", "INVALIDATED_BY", "a.csv", at(40), Content(), "delete")
    bound = bind(Timeline("a.csv", [V1, V2, V3], [gone]), PROJECT)
    assert list(bound.targets.values()) == ["v3"]
    assert bound.states == {"v1": "superseded", "v2": "superseded", "v3": "deleted"}
    replaced = Reference("mv", "INVALIDATED_BY", "a.csv", at(25), bytes_of("y"), "replace")
    bound = bind(Timeline("a.csv", [V1, V2, V3], [replaced]), PROJECT)
    assert bound.states == {"v1": "superseded", "v2": "superseded", "v3": "present"}


def test_what_is_first_seen_when_it_goes_came_to_be_when_it_was_last_changed() -> None:
    """So it is no newer than what took its place, which may have been made under another name before."""
    was = Content("blake3:old", "", 3, Stat(1, 1, 3, at(1).at, at(9).at))
    gone = Reference("mover", "INVALIDATED_BY", "a.csv", at(9), was, "replace")
    (external,) = bind(Timeline("a.csv", [], [gone]), PROJECT).externals
    assert (external.since, external.at) == (at(9), at(1).at)
    (external,) = bind(Timeline("a.csv", [], [gone, read(at(5), was)]), PROJECT).externals
    assert (external.since, external.at) == (at(5), at(5).at)


def test_a_file_changed_by_hand_supersedes_what_was_generated() -> None:
    bound = bind(Timeline("a.csv", [V1], [read(at(20), bytes_of("z"))]), PROJECT)
    assert bound.states["v1"] == "superseded"


# Any order of segments gives the same graph.


class Behind(MemoryStore):
    """Tells timelines as they were before the last batch, where that has nothing to do with them."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.last = MemoryStore(), Batch()

    def begin(self, batch: Batch, ready: Callable[[], None] = lambda: None) -> None:
        self.before.apply(self.last)
        self.last = batch
        super().begin(batch, ready)

    def begun(self) -> frozenset[str]:
        return self.last.artifacts or frozenset()

    def tails(self, artifacts: Sequence[str]) -> list[Stored]:
        if self.begun().isdisjoint(artifacts):
            ends = self.before.tails(artifacts)
            held = {node.id for end in ends for node in (end.newest, *end.nodes())}
            if held.isdisjoint(node.id for node in self.last.nodes):
                return ends
        return super().tails(artifacts)

    def timelines(self, artifacts: Sequence[str]) -> Surroundings:
        if self.begun().isdisjoint(artifacts):
            around = self.before.timelines(artifacts)
            if self.begun().isdisjoint(node.id for node in around.nodes):
                return around
        return super().timelines(artifacts)


def synced(
    segments: Iterable[Sequence[Observation]],
    tails: Tails | None = None,
    store: MemoryStore | None = None,
) -> MemoryStore:
    store = store or MemoryStore()
    for records in segments:
        store.begin(batch_of(records, store, PROJECT, KINDS, tails=tails))
    return store


def contents(store: MemoryStore) -> tuple[list[Node], list[Edge]]:
    nodes = store.nodes([row[0] for label in LABELS for row in store.run(Find(label)).values])
    return nodes, store.edges([node.id for node in nodes])


URIS = st.sampled_from(["a.csv", "b.csv", "models/m.pkl"])
STATS = st.one_of(
    st.none(),
    st.builds(
        Stat, st.just(1), st.integers(1, 3), st.just(3), st.integers(1, 3), st.integers(1, 3)
    ),
)
CONTENTS = st.builds(
    Content,
    st.sampled_from(["", "blake3:x", "blake3:y"]),
    st.sampled_from(["", "git:p", "git:q"]),
    st.just(3),
    STATS,
)
MOMENTS = st.builds(
    When,
    st.integers(1, 30).map(lambda n: n * 10**9),
    st.integers(0, 30),
    st.sampled_from(["", "b1", "b2"]),
    st.sampled_from(["", "one", "two"]),
)


@st.composite
def segment(draw: st.DrawFn, number: int) -> list[Observation]:
    run = f"r{number}"
    records: list[Observation] = [RunStarted(run, ["make"], ".", draw(MOMENTS), commit="c1")]
    for n in range(draw(st.integers(1, 3))):
        step = f"s{number}.{n}"
        records.append(StepSeen(step, run, ["python", "a.py"], ".", draw(MOMENTS), script="a.py"))
        for _ in range(draw(st.integers(0, 3))):
            role = draw(st.sampled_from(["input", "script", "code"]))
            records.append(Used(step, draw(URIS), draw(MOMENTS), draw(CONTENTS), role))
        for m in range(draw(st.integers(0, 2))):
            names = draw(st.lists(st.builds(Name, URIS, MOMENTS), min_size=1, max_size=3))
            version = f"v{number}.{n}.{m}"
            records.append(Generated(step, version, names, draw(CONTENTS)))
            if draw(st.booleans()):
                how = draw(st.sampled_from(["append", "rename"]))
                records.append(Derived(version, draw(URIS), draw(MOMENTS), draw(CONTENTS), how))
        if draw(st.booleans()):
            how = draw(st.sampled_from(["delete", "replace"]))
            records.append(Invalidated(step, draw(URIS), draw(MOMENTS), draw(CONTENTS), how))
    if draw(st.booleans()):
        records.append(CommitSeen(f"c{number}", ["c0"], "Me", "me@x", 1, 2, "message"))
        records.append(
            Committed(f"c{number}", draw(URIS), "git:p", draw(st.integers(1, 30)) * 10**9)
        )
    records += draw(st.lists(annotations(number), max_size=3))
    for name in draw(st.lists(st.sampled_from(["train", "test"]), max_size=2)):
        owner, said = draw(st.sampled_from(["", "ann", "bob"])), draw(MOMENTS)
        tags: dict[str, Scalar] = draw(
            st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["1", True]))
        )
        records.append(ComponentSeen(name, said, draw(st.sampled_from(["", run])), "", owner, tags))
    if draw(st.booleans()):
        records.append(RunEnded(run, draw(MOMENTS), 0, properties={"tag.x": "own"}))
    return records


@st.composite
def annotations(draw: st.DrawFn, number: int) -> Annotated:
    """Of a version that is generated in this segment or another, or is external; or of a run, a step,
    a commit or a component."""
    what = draw(st.sampled_from(["flag", "unflag", "tag", "untag", "note"]))
    name = draw(st.sampled_from(["x", "y"])) if what in ("tag", "untag") else ""
    value = draw(st.sampled_from(["", "a", "b"]))
    said, by = draw(MOMENTS), draw(st.sampled_from(["", "Ann", "Bob"]))
    where = draw(st.sampled_from(["r0", "s0.0", "c0", "k", "version", "version", "version"]))
    if where != "version":
        label = {"r": "Run", "s": "Step", "c": "Commit", "k": "Component"}[where[0]]
        id = {"c": commit_id("c0"), "k": named_id("k", PROJECT, "train")}.get(where[0], where)
        return Annotated(id, label, what, said, name, value, by)
    uri, seen, content = draw(URIS), draw(MOMENTS), draw(CONTENTS)
    keys = [content.digest, content.blob, "stat:1:2:3:2"]
    externals = [external_version_id(PROJECT, uri, key) for key in keys if key]
    of = draw(st.sampled_from([*externals, f"v{number}.0.0", "v0.0.0", "v1.0.0"]))
    return Annotated(of, "Version", what, said, name, value, by, "", uri, seen, content)


@st.composite
def journals(draw: st.DrawFn) -> list[list[Observation]]:
    return [draw(segment(number)) for number in range(draw(st.integers(1, 4)))]


@settings(max_examples=300, deadline=None)
@given(journals(), st.randoms(use_true_random=False))
def test_any_order_of_segments_gives_the_same_graph(
    journal: list[list[Observation]], chance: random.Random
) -> None:
    expected = contents(synced(journal))
    shuffled = journal[:]
    chance.shuffle(shuffled)
    assert contents(synced(shuffled)) == expected
    together = [record for records in shuffled for record in records]
    chance.shuffle(together)
    assert contents(synced([together])) == expected


@settings(max_examples=300, deadline=None)
@given(journals())
def test_names_may_be_bound_while_what_is_told_of_others_is_being_written(
    journal: list[list[Observation]],
) -> None:
    expected = contents(synced(journal))
    assert contents(synced(journal, None, Behind())) == expected


OF_ONE_NAME = st.one_of(
    *[st.builds(Used, st.just("s1"), st.just("a.csv"), MOMENTS, st.just(bytes_of("x")))] * 5,
    st.builds(Used, st.just("s1"), st.just("a.csv"), MOMENTS, CONTENTS),
    st.builds(Invalidated, st.just("s1"), st.just("a.csv"), MOMENTS, st.just(bytes_of("x"))),
    st.builds(
        Generated,
        st.just("s2"),
        st.sampled_from(["v1", "v2"]),
        st.builds(Name, st.just("a.csv"), MOMENTS).map(lambda name: [name]),
        st.just(bytes_of("x")),
    ),
)


@st.composite
def in_time(draw: st.DrawFn) -> list[list[Observation]]:
    """What is told of two names, mostly in order of time, by one host, of what was there a moment ago."""
    told: list[list[Observation]] = []
    made: list[Content] = [bytes_of("x")]
    for n in range(1, draw(st.integers(3, 14))):
        late = draw(st.sampled_from([0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 5]))
        host = draw(st.sampled_from(["one"] * 9 + ["two"]))
        boot = draw(st.sampled_from(["b1"] * 9 + ["b2", ""]))
        when = When(
            (200 + n - late) * 10**9, 20 + n - draw(st.sampled_from([late] * 9 + [3])), boot, host
        )
        uri = draw(st.sampled_from(["a.csv", "a.csv", "b.csv"]))
        seen = draw(st.sampled_from([*made[-3:], *made[-1:] * 3, bytes_of("z"), Content()]))
        step, version = f"s{n % 3}", f"v{n}"
        match draw(
            st.sampled_from(["make", "make", "add", "rename", "read", "remove", "say", "again"])
        ):
            case "again" if told:
                again = _told_last(draw(st.sampled_from(told)), told)
                told.append([_named_anew(each, Name(uri, when)) for each in again])
            case "again":
                pass
            case "read":
                told.append([Used(step, uri, when, seen)])
            case "remove":
                how = draw(st.sampled_from(["delete", "replace"]))
                told.append([Invalidated(step, uri, when, seen, how)])
            case "say":
                of = f"v{draw(st.sampled_from([1, 2, n]))}"
                said = Annotated(of, "Version", "flag", when, "", "", "Ann", "", uri, when, seen)
                told.append([said])
            case kind:
                digest = draw(
                    st.sampled_from([f"blake3:{n}", f"blake3:{n}", "blake3:x", "erased:x"])
                )
                stat = draw(st.sampled_from([Stat(1, 1, n, n, n), Stat(1, 1, n, n, n), None]))
                names = [Name("c.tmp", when)] if kind == "rename" else []
                content = Content(digest, "", n, stat)
                records: list[Observation] = [
                    Generated(step, version, [*names, Name(uri, when)], content)
                ]
                if kind == "add":
                    records.append(Derived(version, uri, when, seen, "append"))
                made.append(content)
                told.append(records)
    return told


def _told_last(of: list[Observation], told: list[list[Observation]]) -> list[Observation]:
    """What was told of the same last: who tells again says all names that he said before."""
    named = {each.version for each in of if isinstance(each, Generated)}
    return next(
        since
        for since in reversed(told)
        if since is of or any(isinstance(e, Generated) and e.version in named for e in since)
    )


def _named_anew(record: Observation, name: Name) -> Observation:
    """What is told of a version once more, when it has a further name."""
    if not isinstance(record, Generated):
        return record
    return structs.replace(record, names=[*record.names, name])


class Anew(Tails):
    """Reads everything anew."""

    def follow(self, *_: object, **__: object) -> Followed:
        return Followed()


@pytest.fixture(params=[1, 2, 8])
def length(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Of tails."""
    for where in ("model.tails", "store.memory"):
        monkeypatch.setattr(f"provgraph.{where}.LENGTH", request.param)
    monkeypatch.setattr("provgraph.model.tails._BOOTS", 2)
    return int(request.param)


V = Generated("s1", "v", [Name("a.csv", at(1))], bytes_of("x"))
GONE_AND_SEEN_BEFORE: list[list[Observation]] = [
    [V],
    [Used("s1", "a.csv", at(4), bytes_of("x"))],
    [Invalidated("s1", "a.csv", at(6), bytes_of("x"))],
    [Used("s1", "a.csv", at(3), bytes_of("x"))],
    [Used("s1", "a.csv", at(5), bytes_of("x"))],
    [Generated("s1", "w", [Name("a.csv", at(7))], bytes_of("y"))],
    [Used("s1", "a.csv", at(7), bytes_of("x"))],
    [structs.replace(V, names=[*V.names, Name("a.csv", at(9))])],
]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(told=GONE_AND_SEEN_BEFORE)
@given(
    told=st.one_of(
        in_time(), st.lists(OF_ONE_NAME.map(lambda told: [told]), max_size=6), journals()
    )
)
def test_a_timeline_that_is_gone_on_with_is_what_would_have_been_found_anew(
    length: int, told: list[list[Observation]]
) -> None:
    anew = contents(synced(told, Anew(many=1)))
    assert contents(synced([[each for some in told for each in some]], Anew(many=1))) == anew
    assert contents(synced(told, Tails(many=1))) == anew
    for store in (MemoryStore(), Behind()):
        for records in told:  # what is in memory is another's, each time
            synced([records], Tails(many=1), store)
        assert contents(store) == anew
    assert contents(synced(told, Tails(many=1), Behind())) == anew


def test_what_is_read_for_a_version_more_does_not_grow_with_their_number() -> None:
    class Counting(MemoryStore):
        read = 0

        def nodes(self, ids: Sequence[str]) -> list[Node]:
            found = super().nodes(ids)
            self.read += len(found)
            return found

        def edges(
            self, ids: Sequence[str], types: Sequence[str] = (), *, incoming: bool = False
        ) -> list[Edge]:
            found = super().edges(ids, types, incoming=incoming)
            self.read += len(found)
            return found

    def added(n: int) -> list[Observation]:
        made, before = (Content(f"blake3:{k}", "", k, Stat(1, 1, k, k, k)) for k in (n, n - 1))
        version = Generated("s", f"v{n}", [Name("log", at(n, tick=n, boot="b"))], made)
        if n == 1:
            return [version]
        opened = When(at(n).at - 1, n, "b")
        return [version, Derived(f"v{n}", "log", opened, before, "append")]

    for tails in (None, Tails(many=20)):
        store, costs = Counting(), []
        for n in range(1, 201):
            store.read = 0
            given = tails or Tails(many=20)
            store.apply(batch_of(added(n), store, PROJECT, KINDS, tails=given))
            costs.append(store.read)
        assert len(set(costs[30:])) == 1, costs[30:]
        states = [node.properties.get("state") for node in store.nodes(["v1", "v199", "v200"])]
        assert states == ["superseded", "superseded", "present"]
        before = store.edges(["v200"], ["DERIVED_FROM", "REVISION_OF"])
        assert [edge.target for edge in before] == ["v199", "v199"]


def test_only_names_of_which_much_is_known_make_the_next_part_larger() -> None:
    """Else each part of a run over the same files would be larger than the one before, up to all of it."""

    def told(second: int, count: int) -> list[Observation]:
        names = [f"{number}.csv" for number in range(count)]
        return [Used("s", name, at(second), bytes_of(f"{second}")) for name in names]

    store, tails = MemoryStore(), Tails(many=10)
    for second in range(1, 5):
        store.apply(batch_of(told(second, 50), store, PROJECT, KINDS, tails=tails))
        assert tails.looked_up == 0
    for second in range(5, 16):
        store.apply(batch_of(told(second, 1), store, PROJECT, KINDS, tails=tails))
    assert 10 <= tails.looked_up < 50, "of one name, read whole each time"


def test_a_name_that_is_used_again_and_again_is_not_looked_up_until_something_else_is_told_of_it() -> (
    None
):
    def used(second: int, content: Content) -> Sequence[Observation]:
        return [Used("s", "a.csv", at(second), content)]

    asked: list[Sequence[str]] = []

    class Asked(MemoryStore):
        def timelines(self, artifacts: Sequence[str]) -> Surroundings:
            asked.append(artifacts)
            return super().timelines(artifacts)

    store, tails = Asked(), Tails(many=2)
    told = [used(n, bytes_of("x")) for n in (1, 2, 3, 4)]
    for records in (*told, used(5, bytes_of("y")), used(6, bytes_of("y"))):
        store.apply(batch_of(records, store, PROJECT, KINDS, tails=tails))
    assert [len(names) for names in asked] == [1, 1, 0, 0, 1, 0]
    found = [edge.target for edge in store.edges(["s"], ["USED"])]
    y = external_version_id(PROJECT, "a.csv", "blake3:y")
    assert sorted(found) == sorted([EXTERNAL_X] * 4 + [y] * 2)


@settings(max_examples=100, deadline=None)
@given(journals())
def test_applying_a_journal_again_changes_nothing(journal: list[list[Observation]]) -> None:
    once = synced(journal)
    assert contents(synced([*journal, *journal])) == contents(once)


@settings(max_examples=200, deadline=None)
@given(journals())
def test_no_version_is_bound_to_a_read_of_another_content(journal: list[list[Observation]]) -> None:
    nodes, edges = contents(synced(journal))
    digests = {node.id: node.properties.get("digest") for node in nodes}
    for edge in edges:
        if edge.type in ("USED", "EXECUTED", "DERIVED_FROM") and "digest" in edge.properties:
            assert digests[edge.target] in (None, edge.properties["digest"])


def test_a_version_told_of_before_all_was_known_is_the_same_in_any_order() -> None:
    step = StepSeen("s", "r1", ["make"], ".", at(1), program="make")
    early = Generated("s", "v1", [Name("a.tmp", at(2))], Content(size=3, stat=Stat(1, 2, 3, 4, 5)))
    names = [Name("a.tmp", at(2)), Name("a.csv", at(3))]
    late = Generated("s", "v1", names, bytes_of("x", stat=Stat(1, 2, 3, 4, 5)))
    used = Used("s2", "a.csv", at(4), bytes_of("x"))
    told: list[list[Observation]] = [[step, early], [step, late], [used]]
    orders = [contents(synced(order)) for order in permutations(told)]
    assert all(order == orders[0] for order in orders)
    made = next(node for node in orders[0][0] if node.id == "v1")
    assert (made.properties["name"], made.properties["digest"]) == ("a.csv", "blake3:x")
    assert any(e.type == "USED" and e.target == "v1" for e in orders[0][1])
