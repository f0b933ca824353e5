"""How long does a question take from its text to a plan and to Cypher? `python benchmarks/compiler.py`.

CPU time of this process, once all is loaded; the least of several rounds, over questions of the kinds that
people ask. The target is 2 ms for a typical one.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

from provgraph.query.binder import Scope, bind
from provgraph.query.completion import Vocabulary, complete
from provgraph.query.explain import statements
from provgraph.query.highlighting import parts
from provgraph.query.optimizer import optimize
from provgraph.query.syntax import parse
from provgraph.query.values import moment

QUESTIONS = (
    'file "models/churn.pkl" | lineage',
    "model churn@latest | lineage | where kind = dataset",
    'file "features.csv"@3 | lineage stop at (file "raw/*") | select path, version, by',
    'subject "client:4711" | impact | where kind = model',
    "run [exit != 0 and duration > 10m] | sort by started desc | limit 20",
    'file "features.csv" | history as of 2026-06-01',
    '(model "churn" | lineage) & (subject "client:4711" | impact)',
    'file "m.pkl" | lineage depth 6 via used, generated',
    "run | count by user, exit",
)
SCOPE = Scope(frozenset(("model", "dataset", "script")), now=moment("2026-11-30").start)
TARGET = 2.0


def milliseconds(work: Callable[[], object], rounds: int = 60) -> float:
    work()
    least = float("inf")
    for _ in range(rounds):
        start = time.process_time_ns()
        work()
        least = min(least, time.process_time_ns() - start)
    return least / 1e6


def main() -> None:
    known = Vocabulary(SCOPE)
    for question in QUESTIONS:  # load every verb and rule
        statements(optimize(bind(parse(question), SCOPE).plan), "p")
        complete(question, len(question), known)
    gc.disable()
    print(
        f"{'parse':>7} {'bind':>7} {'optimize':>9} {'Cypher':>7} {'whole':>7}   ms of CPU, least of 60"
    )
    wholes = []
    for question in QUESTIONS:
        tree = parse(question)
        plan = bind(tree, SCOPE).plan
        better = optimize(plan)
        steps = [
            milliseconds(lambda question=question: parse(question)),  # type: ignore[misc]
            milliseconds(lambda tree=tree: bind(tree, SCOPE)),  # type: ignore[misc]
            milliseconds(lambda plan=plan: optimize(plan)),  # type: ignore[misc]
            milliseconds(lambda better=better: statements(better, "p")),  # type: ignore[misc]
        ]
        wholes.append(milliseconds(lambda question=question: whole(question)))  # type: ignore[misc]
        columns = "{:7.2f} {:7.2f} {:9.2f} {:7.2f}".format(*steps)
        print(f"{columns} {wholes[-1]:7.2f}   {question}")
    reached = "reached" if statistics.median(wholes) < TARGET else "not reached"
    print(
        f"text to Cypher: median {statistics.median(wholes):.2f} ms, most {max(wholes):.2f} ms"
        f" (target {TARGET:g} ms: {reached})"
    )
    longest = max(QUESTIONS, key=len)
    typing = milliseconds(lambda: complete(longest, len(longest), known))
    colours = milliseconds(lambda: parts(longest))
    print(f"completion at the end of the longest: {typing:.2f} ms; its colours: {colours:.2f} ms")


def whole(question: str) -> object:
    return statements(optimize(bind(parse(question), SCOPE).plan), "p")


if __name__ == "__main__":
    main()
