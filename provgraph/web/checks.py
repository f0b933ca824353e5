"""What was looked at of a node, and how did it come out?

Of a version: whether its content is still on disk, whether it would come out otherwise today, and the
run that made it. Of a run: its end, its record, its commit. Of a component: its owner and its runs. `unknown` is said where nobody can tell, never `good`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provgraph.content import Gone, Held, content
from provgraph.graph import Graph
from provgraph.model.elements import Node
from provgraph.model.uri import shown
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.plan import Limit, Sort, SortKey, Walk
from provgraph.web import staleness
from provgraph.web.cards import nodes, only, run_of, shown_node
from provgraph.web.documents import Check, Checks, Finding

RUNS = 50
"""How many of a component's runs are looked at, the newest first."""


def checks(graph: Graph, id: str) -> Checks:
    """What was looked at of a node; an artifact's is that of its latest version. Raises `NotFound`."""
    here = shown_node(graph, id)
    return Checks(checks=[*_flag(here), *_of(graph, here)])


def _of(graph: Graph, here: Node) -> Iterator[Check]:
    run = run_of(graph, here)
    match here.label:
        case "Version":
            yield _on_disk(graph, here)
            counts = graph.store.degrees([here.id]).get(here.id, {})
            if counts.keys() & set(LINEAGE_EDGES):
                if here.properties.get("state") != "superseded":
                    yield _fresh(graph, here)
                yield from _of_run(run)
            elif "IN_COMMIT" in counts:
                yield Check(name="Origin", finding="good", words="it came with a commit")
            else:
                yield Check(name="Origin", finding="unknown", words="never seen made")
        case "Step":
            if {"exit", "signal"} & here.properties.keys():
                yield _ended("Step", here)
            yield from _of_run(run)
        case "Run":
            yield from _of_run(run)
        case "Component":
            yield from _of_component(graph, here)
        case _:
            pass


def _flag(here: Node) -> Iterator[Check]:
    if here.properties.get("flagged") is True:
        reason = shown(str(here.properties.get("flag_reason") or ""))
        yield Check(name="Flag", finding="bad", words=f"flagged: {reason}" if reason else "flagged")


def _on_disk(graph: Graph, version: Node) -> Check:
    match found := content(graph, version):
        case Held(source="on disk"):
            return Check(name="Content", finding="good", words="on disk as it was recorded")
        case Held():
            return Check(name="Content", finding="warn", words=f"no longer on disk; {found.source}")
        case Gone():
            return Check(name="Content", finding="unknown", words=found.reason)


def _fresh(graph: Graph, version: Node) -> Check:
    found = staleness.among(graph, [version.id])
    if found.versions:
        (one,) = found.versions
        words = "it would come out otherwise today"
        return Check(name="Freshness", finding="warn", words=words, reasons=one.reasons)
    if found.unsure:
        words = "nothing near speaks against it; farther back was not looked at in time"
        return Check(name="Freshness", finding="unknown", words=words)
    return Check(name="Freshness", finding="good", words="it would come out the same today")


def _of_run(run: Node | None) -> Iterator[Check]:
    if run is None:
        return
    yield _ended("Run", run)
    yield _record(run)
    if isinstance(dirty := run.properties.get("dirty"), bool):
        words = "changes that were not committed" if dirty else "all of it committed"
        yield Check(name="Work tree", finding="warn" if dirty else "good", words=words)


def _ended(what: str, node: Node) -> Check:
    """
    >>> _ended("Run", Node("r1", "Run", {"exit": 3})).words
    'ended with 3'
    """
    status, signal = node.properties.get("exit"), node.properties.get("signal")
    if signal:
        return Check(name=what, finding="bad", words=f"ended by {signal}")
    if status is None:
        return Check(name=what, finding="unknown", words="its end was not seen")
    return Check(name=what, finding="bad" if status else "good", words=f"ended with {status}")


def _record(run: Node) -> Check:
    verdict = shown(str(run.properties.get("verdict") or "not known"))
    gaps = run.properties.get("gaps") or ()
    finding: Finding = "good" if verdict == "complete" and not gaps else "warn"
    texts = [shown(gap) for gap in gaps] if isinstance(gaps, tuple) else [shown(str(gaps))]
    return Check(name="Record", finding=finding, words=verdict, reasons=texts)


def _of_component(graph: Graph, component: Node) -> Iterator[Check]:
    owner = component.properties.get("owner")
    words = shown(str(owner)) if owner else "nobody is said to own it"
    yield Check(name="Owner", finding="good" if owner else "warn", words=words)
    walk = Walk(only(component), "effect", ("INSTANCE_OF",), max_hops=1)
    runs = nodes(graph, Limit(Sort(walk, (SortKey("at", descending=True),)), RUNS))
    if not runs:
        yield Check(name="Runs", finding="unknown", words="it has none")
        return
    yield _ended("Last run", runs[0])
    yield _tally("Ends", runs, [run for run in runs if _ended("", run).finding == "good"])
    yield _tally("Records", runs, [run for run in runs if _record(run).finding == "good"])


def _tally(name: str, runs: Iterable[Node], good: Iterable[Node]) -> Check:
    """
    >>> _tally("Ends", [Node("r1", "Run"), Node("r2", "Run")], [Node("r1", "Run")]).words
    '1 of the last 2 runs is good'
    """
    all, fine = len(list(runs)), len(list(good))
    words = f"{fine} of the last {all} runs {'is' if fine == 1 else 'are'} good"
    return Check(name=name, finding="good" if all == fine else "warn", words=words)
