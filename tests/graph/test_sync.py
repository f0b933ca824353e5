"""The journal comes into the store once, whole, in any order, and past what is damaged."""

import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from provgraph.config import Project, create_project
from provgraph.errors import JournalError, ProjectError, StoreError
from provgraph.graph import Graph
from provgraph.model.elements import Batch, Edge, Node
from provgraph.model.identity import generated_version_id, new_run_id, step_id
from provgraph.model.journal import SegmentWriter
from provgraph.model.records import (
    Content,
    Generated,
    Name,
    RunEnded,
    RunStarted,
    StepSeen,
    Used,
    When,
)
from provgraph.model.tails import Stored
from provgraph.model.vocabulary import LABELS
from provgraph.query.plan import Exactly, Find, Latest
from provgraph.store import Surroundings
from provgraph.store.embedded import EmbeddedStore
from provgraph.store.embedded import open as open_embedded


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return create_project(tmp_path)


def write_run(project: Project, second: int, *, source: str = "in", target: str = "out") -> str:
    """A run that made version `second` of one file from another."""
    run = new_run_id()
    step, when = step_id(run, "b", 1, 1, 0), When(second * 10**9)
    with SegmentWriter(project.journal, project.id, run) as writer:
        writer.write(RunStarted(run, ["make"], ".", when))
        writer.write(StepSeen(step, run, ["cp"], ".", when, program="cp"))
        writer.write(Used(step, f"{source}.csv", when, Content(f"blake3:{source}{second}")))
        version = generated_version_id(step, f"{target}.csv", 0)
        name = Name(f"{target}.csv", when)
        writer.write(Generated(step, version, [name], Content(f"blake3:{target}{second}")))
        writer.write(RunEnded(run, when, 0, "", "complete"))
    return run


def counted(graph: Graph) -> tuple[dict[str, int], dict[str, int]]:
    statistics = graph.store.statistics()
    return statistics.nodes, statistics.edges


def test_a_segment_is_applied_once(project: Project) -> None:
    write_run(project, 1)
    with Graph(project) as graph:
        assert (report := graph.sync()).segments == 1
        assert report.records == 5
        before = counted(graph)
        assert graph.sync().segments == 0
        assert counted(graph) == before


def test_a_segment_that_grew_is_applied_again(project: Project) -> None:
    writer = SegmentWriter(project.journal, project.id, "growing")
    writer.write(RunStarted("r1", ["make"], ".", When(1)))
    writer.flush()
    with Graph(project) as graph:
        assert graph.sync().records == 1
        writer.write(RunEnded("r1", When(5), 3))
        writer.close()
        assert graph.sync().records == 2
        (run,) = graph.store.nodes(["r1"])
        assert (run.properties["exit"], run.properties["duration"]) == (3, 4)


def test_a_rebuilt_store_is_the_same_graph(project: Project) -> None:
    for second in (3, 1, 2):
        write_run(project, second)
    with Graph(project) as graph:
        graph.sync()
        before = counted(graph)
        graph.rebuild()
        assert counted(graph) == before


def test_nothing_is_rebuilt_beside_another_process_that_syncs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provgraph.graph._LONG_PATIENCE", 0.01)
    write_run(project, 1)
    with Graph(project) as graph, Graph(project) as other:
        graph.sync()
        before = counted(graph)
        with other.alone(), pytest.raises(StoreError, match="another process"):
            graph.rebuild()
        assert counted(graph) == before
        graph.rebuild()
        assert counted(graph) == before


def test_a_store_that_is_damaged_is_rebuilt_from_the_journal(project: Project) -> None:
    write_run(project, 1)
    with Graph(project) as graph:
        graph.sync()
        before = counted(graph)
    project.database.write_bytes(b"not a database" * 1000)
    with Graph(project) as graph:
        graph.rebuild()
        assert counted(graph) == before


def test_a_graph_that_is_open_goes_on_in_the_file_that_an_erasure_puts_in_its_place(
    project: Project,
) -> None:
    write_run(project, 1)
    with Graph(project) as one, Graph(project) as other:
        one.sync()
        before = counted(one)
        other.remove_store()
        other.sync()
        assert counted(one) == before


def test_a_damaged_segment_is_reported_and_the_others_are_applied(project: Project) -> None:
    write_run(project, 1)
    (project.journal / "bad.segment").write_bytes(b"nonsense")
    with Graph(project) as graph:
        report = graph.sync()
        assert report.segments == 1
        assert len(report.problems) == 1
        assert "bad.segment" in report.problems[0]


def test_a_torn_segment_gives_what_stands_before_the_tear(project: Project) -> None:
    run = write_run(project, 1)
    path = project.journal / f"{run}.segment"
    path.write_bytes(path.read_bytes()[:-20])
    with Graph(project) as graph:
        report = graph.sync()
        assert "torn" in report.problems[0]
        assert graph.store.statistics().nodes["Run"] == 1


def test_later_versions_supersede_earlier_ones(project: Project) -> None:
    write_run(project, 2)
    write_run(project, 1)
    with Graph(project) as graph:
        graph.sync()
        rows = graph.store.run(Find("Version", name=Exactly("out.csv"))).values
        assert [row[3]["state"] for row in rows] == ["superseded", "present"]
        latest = graph.store.run(Find("Version", name=Exactly("out.csv"), which=Latest())).values
        assert [row[0] for row in latest] == [rows[1][0]]


def test_a_producer_that_arrives_late_takes_the_read_over(project: Project) -> None:
    write_run(project, 5, source="made", target="end")
    with Graph(project) as graph:
        graph.sync()
        (external,) = graph.store.run(Find("Version", name=Exactly("made.csv"))).values
        assert external[3]["state"] == "external"
        run = new_run_id()
        step, when = step_id(run, "b", 1, 1, 0), When(10**9)
        with SegmentWriter(project.journal, project.id, run) as writer:
            version = generated_version_id(step, "made.csv", 0)
            content = Content("blake3:made5")
            writer.write(Generated(step, version, [Name("made.csv", when)], content))
        graph.sync()
        (made,) = graph.store.run(Find("Version", name=Exactly("made.csv"))).values
        assert made[0] == version
        used = graph.store.edges([version], ("USED",), incoming=True)
        assert len(used) == 1


def test_while_another_process_syncs_a_question_is_answered_and_says_what_is_pending(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    write_run(project, 1)
    monkeypatch.setattr("provgraph.graph._PATIENCE", 0.05)
    with Graph(project) as graph:
        held = os.open(project.state / "sync.lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(held, fcntl.LOCK_EX)
        assert graph.sync().pending == 1
        os.close(held)
        assert graph.sync().pending == 0


def _write_and_sync(project: Project, worker: int) -> None:
    for n in range(5):
        write_run(project, worker * 100 + n, source=f"in{worker}", target=f"out{n}")
        with Graph(project) as graph:
            graph.sync()


def test_eight_processes_write_and_sync_at_once_and_nothing_is_lost(project: Project) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write_and_sync, args=(project, n)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 8
    with Graph(project) as graph:
        graph.sync()
        assert graph.store.statistics().nodes["Run"] == 40
        assert len(graph.store.watermarks()) == 40


def test_a_read_only_checkout_still_answers(project: Project) -> None:
    write_run(project, 1)
    with Graph(project) as graph:
        graph.sync()
        before = counted(graph)
    write_run(project, 2)
    with Graph(project, read_only=True) as graph:
        assert graph.sync().pending == 1
        assert counted(graph) == before


def test_a_failed_ingest_leaves_no_segment(project: Project) -> None:
    from provgraph.errors import IngestError

    with Graph(project) as graph, pytest.raises(IngestError):
        graph.ingest("git", str(project.root / "nowhere"))
    assert not list(project.journal.iterdir())


def test_outside_a_project_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="provgraph init"):
        Graph.open(tmp_path)


def test_kinds_come_from_the_projects_own_table_first(project: Project) -> None:
    with project.file.open("a") as out:
        out.write('\n[kinds]\n"out.csv" = "gold"\n')
    write_run(project, 1)
    with Graph(project) as graph:
        graph.sync()
        (row,) = graph.store.run(Find("Version", kind="gold")).values
        assert (row[3]["name"], row[3]["reason"]) == ("out.csv", "out.csv")


def test_a_journal_that_cannot_be_written_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be written"):
        SegmentWriter(tmp_path / "missing", "p", "x")


def test_the_store_can_be_opened_by_itself(project: Project) -> None:
    write_run(project, 1)
    with Graph(project) as graph:
        graph.sync()
    store = open_embedded(project.database, read_only=True)
    try:
        assert store.statistics().nodes["Run"] == 1
    finally:
        store.close()


def contents(graph: Graph) -> tuple[list[Node], list[Edge]]:
    ids = [row[0] for label in LABELS for row in graph.answer(Find(label)).values]
    return graph.store.nodes(ids), graph.store.edges(ids)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_segment_that_is_applied_in_parts_gives_what_it_gives_at_once(
    project: Project, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(project, 1)
    write_run(project, 2, source="out", target="more")
    with Graph(project) as graph:
        graph.sync()
        whole = contents(graph)
        monkeypatch.setattr("provgraph.graph._PART", size)
        assert graph.rebuild().records == 10
        assert contents(graph) == whole
    made = [node for node in whole[0] if node.properties.get("generated")]
    assert [node.properties["by"] for node in made] == ["cp", "cp"]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_of_a_large_segment_nothing_but_the_watermark_is_left_to_apply_at_once(
    project: Project, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(project, 1)
    with Graph(project) as graph:
        graph.sync()
        whole, watermarks = contents(graph), graph.store.watermarks()
        applied: list[Batch] = []
        apply = EmbeddedStore.apply

        def applying(store: EmbeddedStore, batch: Batch) -> None:
            applied.append(batch)
            apply(store, batch)

        monkeypatch.setattr(EmbeddedStore, "apply", applying)
        monkeypatch.setattr("provgraph.graph._PART", size)
        monkeypatch.setattr("provgraph.graph._QUICK", 1)
        graph.rebuild()
        assert contents(graph) == whole
        assert graph.store.watermarks() == watermarks
    assert [(len(batch), len(batch.watermarks)) for batch in applied] == [(0, 1)]


@pytest.mark.parametrize("each", ["in one run", "in a run of its own"])
def test_what_is_read_of_a_file_that_is_added_to_all_the_time_does_not_grow_with_it(
    project: Project, each: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(first: int, until: int) -> None:
        run = new_run_id()
        with SegmentWriter(project.journal, project.id, run) as writer:
            writer.write(RunStarted(run, ["log"], ".", When(first)))
            step = step_id(run, "b", 1, 1, 0)
            writer.write(StepSeen(step, run, ["log"], ".", When(first), program="log"))
            for nth in range(first, until):
                version = generated_version_id(step, "log.txt", nth)
                name = Name("log.txt", When(nth, tick=nth, boot="b"))
                writer.write(Generated(step, version, [name], Content(f"blake3:{nth:064x}")))
            writer.write(RunEnded(run, When(until), 0, "", "complete"))

    read = 0

    def timelines(store: EmbeddedStore, artifacts: Sequence[str]) -> Surroundings:
        nonlocal read
        around = all_of(store, artifacts)
        read += len(around.nodes) + len(around.edges)
        return around

    def tails(store: EmbeddedStore, artifacts: Sequence[str]) -> list[Stored]:
        nonlocal read
        found = ends_of(store, artifacts)
        read += sum(2 + 2 * len(stored.versions) for stored in found)
        return found

    all_of, ends_of = EmbeddedStore.timelines, EmbeddedStore.tails
    monkeypatch.setattr(EmbeddedStore, "timelines", timelines)
    monkeypatch.setattr(EmbeddedStore, "tails", tails)
    monkeypatch.setattr("provgraph.graph._PART", 10)
    costs = []
    with Graph(project) as graph:
        for first in range(1, 1001, 200):
            read = 0
            for begun in range(first, first + 200, 200 if each == "in one run" else 20):
                add(begun, begun + (200 if each == "in one run" else 20))
                graph.sync()
            costs.append(read)
        assert counted(graph)[1]["REVISION_OF"] == 999
    assert costs[1] == costs[2] == costs[3] == costs[4] < 300
