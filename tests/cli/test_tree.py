"""What does a person see of a lineage that is large?"""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from provgraph.cli.tree import rendered
from provgraph.model.elements import Edge, Node
from provgraph.origins import FOLD, Origins, tree


def version(name: str) -> Node:
    return Node(name, "Version", {"name": name, "kind": "other", "size": 10})


def step(id: str, command: str, how: str = "process") -> Node:
    return Node(id, "Step", {"name": command, "command": command, "how": how})


def edge(source: str, type: str, target: str, **properties: str) -> Edge:
    return Edge(source, type, target, "", {**properties})


def lines(nodes: list[Node], edges: list[Edge], *, fold: bool = True) -> list[str]:
    known = {node.id: node for node in nodes}
    found = Origins(nodes[0].id, known, edges, {}, {}, {}, cut=False)
    text = StringIO()
    Console(file=text, width=200).print(rendered(tree(found, fold=fold)))
    return text.getvalue().splitlines()


def workers(count: int) -> tuple[list[Node], list[Edge]]:
    """`out` comes from a program that its workers told something, each after it had read the same file."""
    nodes = [version("out"), step("main", "serve"), version("in"), step("pipe", "pipe", "pipe")]
    edges = [
        edge("out", "GENERATED_BY", "main"),
        edge("main", "INFORMED_BY", "pipe", channel="pipe"),
    ]
    for number in range(count):
        worker = f"worker{number}"
        nodes.append(step(worker, "serve"))
        edges.append(edge("main", "INFORMED_BY", worker, channel="fork"))
        edges.append(edge("pipe", "INFORMED_BY", worker, channel="pipe"))
        edges.append(edge(worker, "USED", "in", role="input"))
    return nodes, edges


def test_many_steps_of_one_command_fold() -> None:
    shown = lines(*workers(FOLD + 5))
    assert sum("from serve" in line for line in shown) == 2 * FOLD + 1
    assert sum("and 5 more like these (`--full` shows them)" in line for line in shown) == 1
    assert any("pipe from all that share a pipe" in line for line in shown)
    assert sum("serve  (among those not shown)" in line for line in shown) == 0


def test_what_folds_is_shown_where_all_is_asked_for() -> None:
    shown = lines(*workers(FOLD + 5), fold=False)
    assert not any("more like" in line for line in shown)
    assert sum("from serve" in line for line in shown) == 2 * (FOLD + 5)


def test_a_step_with_an_origin_of_its_own_is_never_folded() -> None:
    nodes, edges = workers(FOLD + 5)
    for number in range(FOLD + 5):
        nodes.append(version(f"only{number}"))
        edges.append(edge(f"worker{number}", "USED", f"only{number}", role="input"))
    shown = "\n".join(lines(nodes, edges))
    assert all(f"only{number} " in shown for number in range(FOLD + 5))


def test_what_refers_to_a_folded_one_says_so() -> None:
    nodes, edges = workers(FOLD + 5)
    last = max(node.id for node in nodes if node.id.startswith("worker"))
    nodes.append(step("other", "check"))
    edges += [edge("out", "DERIVED_FROM", "in"), edge("in", "GENERATED_BY", "other")]
    edges.append(edge("other", "INFORMED_BY", last, channel="fork"))
    assert any("serve  (among those not shown)" in line for line in lines(nodes, edges))


def test_very_many_phases_of_a_process_are_one_step() -> None:
    nodes, edges = [version("out")], [edge("out", "GENERATED_BY", "s5000")]
    for number in range(5001):
        nodes += [step(f"s{number}", "serve"), version(f"in/{number}")]
        edges.append(edge(f"s{number}", "USED", f"in/{number}", role="input"))
        if number:
            edges.append(
                edge(f"s{number}", "INFORMED_BY", f"s{number - 1}", channel="continuation")
            )
    shown = lines(nodes, edges)
    assert sum("serve" in line for line in shown) == 1
    assert any(f"and {5001 - FOLD:,} more like these, " in line for line in shown)
