"""What is different between two versions, or two runs? Their values, parameters, packages, inputs,
and their texts side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final

from provgraph.content import Gone, content
from provgraph.errors import UsageError
from provgraph.graph import Graph
from provgraph.model.elements import Node
from provgraph.model.text import plain, value
from provgraph.model.uri import shown
from provgraph.query.plan import Limit, Plan, Runs, SetOp, Walk
from provgraph.web.cards import nodes, only, shown_node
from provgraph.web.documents import Card, Change, Changes, Difference, Row, TextChange
from provgraph.web.preview import text_of

CONTEXT: Final = 4
"""Lines around a change that are shown."""
LINES: Final = 3_000
"""Texts of more lines are not laid side by side."""
TEXTS: Final = 12

_OF_A_RUN: Final = (
    "command",
    "cwd",
    "exit",
    "signal",
    "duration",
    "user",
    "host",
    "commit",
    "dirty",
)
_OF_A_VERSION: Final = ("name", "kind", "size", "digest", "blob", "at", "by", "state")
_CODE: Final = ("script", "notebook", "source", "config")


@dataclass(frozen=True, slots=True)
class _Side:
    node: Node
    run: Node | None
    code: Mapping[str, Node]
    inputs: Mapping[str, Node]
    outputs: Mapping[str, Node]
    packages: Mapping[str, str]


def difference(graph: Graph, left: str, right: str) -> Difference:
    """Raises `NotFound`, and `UsageError` where the two are not of one sort."""
    one, two = shown_node(graph, left), shown_node(graph, right)
    if one.label != two.label or one.label not in ("Version", "Run"):
        raise UsageError(
            f"a {one.label.lower()} and a {two.label.lower()} cannot be laid side by side",
            hint="two versions can, and two runs",
        )
    a, b = _side(graph, one), _side(graph, two)
    return Difference(
        left=Card.of(one),
        right=Card.of(two),
        left_run=Card.of(a.run) if a.run else None,
        right_run=Card.of(b.run) if b.run else None,
        sections=[section for section in _sections(a, b) if section.changes or section.same],
        texts=list(_texts(graph, a, b)),
    )


def _side(graph: Graph, node: Node) -> _Side:
    if node.label == "Run":
        run: Node | None = node
        steps: Plan = Walk(only(node), "effect", ("PART_OF",), max_hops=1)
    else:
        found = nodes(graph, Limit(Runs(only(node)), 1))
        run = found[0] if found else None
        steps = Walk(only(node), "origin", ("GENERATED_BY",), max_hops=1)
    made = Walk(steps, "effect", ("GENERATED_BY",), max_hops=1)
    read = SetOp("difference", Walk(steps, "origin", ("USED",), max_hops=1), made)
    used = _by_name(nodes(graph, read))
    code = _by_name(nodes(graph, Walk(steps, "origin", ("EXECUTED",), max_hops=1)))
    code |= {name: n for name, n in used.items() if n.properties.get("kind") in _CODE}
    return _Side(
        node=node,
        run=run,
        code=code,
        inputs={name: n for name, n in used.items() if name not in code},
        outputs=_by_name(nodes(graph, made)) if node.label == "Run" else {},
        packages=_packages(graph, run),
    )


def _by_name(found: Iterable[Node]) -> dict[str, Node]:
    return {str(node.properties.get("name", node.id)): node for node in found}


def _packages(graph: Graph, run: Node | None) -> dict[str, str]:
    if run is None:
        return {}
    edges = graph.store.edges([run.id], ("IN_ENVIRONMENT",))
    found = graph.store.nodes([edge.target for edge in edges])
    held = found[0].properties.get("packages", ()) if found else ()
    packages = (
        dict(one.split("==", 1) for one in held if "==" in one) if isinstance(held, tuple) else {}
    )
    for node in found:
        packages |= {
            key: str(node.properties[key])
            for key in ("python", "system", "cpu", "gpu")
            if key in node.properties
        }
        kept = node.properties.get("variables", ())
        texts = kept if isinstance(kept, tuple) else ()
        packages |= dict(f"${text}".split("=", 1) for text in texts if "=" in text)
    return packages


# Values side by side.


def _sections(a: _Side, b: _Side) -> Iterator[Changes]:
    if a.node.label == "Version":
        yield _values("version", "The versions", a.node, b.node, _OF_A_VERSION)
    if a.run and b.run:
        yield _values("run", "The runs", a.run, b.run, _OF_A_RUN)
        keys = sorted(
            key
            for key in {*a.run.properties, *b.run.properties}
            if key.startswith(("param.", "metric.", "tag."))
        )
        yield _values("parameters", "Parameters and metrics", a.run, b.run, keys)
    yield _files("code", "Code", a.code, b.code)
    yield _files("inputs", "Inputs", a.inputs, b.inputs)
    yield _files("outputs", "Outputs", a.outputs, b.outputs)
    yield compared("packages", "Packages", a.packages, b.packages)


def _values(key: str, title: str, one: Node, two: Node, keys: Iterable[str]) -> Changes:
    keys = [k for k in keys if k in one.properties or k in two.properties]
    return compared(key, title, _shown(one, keys), _shown(two, keys))


def _shown(node: Node, keys: Iterable[str]) -> dict[str, str]:
    """As people read them, but for times and digests, which the page shortens: what differs in what
    is left out is different too."""
    held = {key: node.properties.get(key) for key in keys}
    return {
        key: shown(str(plain(key, one))) if key in ("at", "digest", "blob") else value(key, one)
        for key, one in held.items()
        if one is not None
    }


def compared(key: str, title: str, left: Mapping[str, str], right: Mapping[str, str]) -> Changes:
    """
    >>> found = compared("p", "P", {"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"})
    >>> [(c.name, c.left, c.right) for c in found.changes], found.same
    ([('b', '2', '3'), ('c', None, '4')], 1)
    """
    names = list(dict.fromkeys((*left, *right)))
    changes = [
        Change(name=name, left=left.get(name), right=right.get(name))
        for name in names
        if left.get(name) != right.get(name)
    ]
    return Changes(key=key, title=title, changes=changes, same=len(names) - len(changes))


def _files(key: str, title: str, left: Mapping[str, Node], right: Mapping[str, Node]) -> Changes:
    names = sorted({*left, *right})
    changes = [
        Change(
            name=shown(name),
            left=_content_id(left.get(name)),
            right=_content_id(right.get(name)),
            left_id=left[name].id if name in left else None,
            right_id=right[name].id if name in right else None,
        )
        for name in names
        if not _same(left.get(name), right.get(name))
    ]
    return Changes(key=key, title=title, changes=changes, same=len(names) - len(changes))


def _content_id(node: Node | None) -> str | None:
    if node is None:
        return None
    return str(node.properties.get("digest") or node.properties.get("blob") or "not known")


def _same(one: Node | None, two: Node | None) -> bool:
    """Whether the contents are surely equal."""
    if one is None or two is None:
        return False
    known = [(one.properties.get(key), two.properties.get(key)) for key in ("digest", "blob")]
    return one.id == two.id or any(left and left == right for left, right in known)


# Texts side by side.


def _texts(graph: Graph, a: _Side, b: _Side) -> Iterator[TextChange]:
    pairs: list[tuple[Node, Node]] = []
    if a.node.label == "Version" and not _same(a.node, b.node):
        pairs.append((a.node, b.node))
    both = sorted(a.code.keys() & b.code.keys())
    pairs += [(a.code[n], b.code[n]) for n in both if not _same(a.code[n], b.code[n])]
    for left, right in pairs[:TEXTS]:
        yield _text(graph, left, right)


def _text(graph: Graph, left: Node, right: Node) -> TextChange:
    name = shown(str(right.properties.get("name") or right.id))
    texts: list[list[str]] = []
    reason = ""
    for side, node in (("left", left), ("right", right)):
        found = content(graph, node)
        text = None if isinstance(found, Gone) else text_of(found.bytes)
        if text is None:
            why = found.reason if isinstance(found, Gone) else "it is no text"
            reason = reason or f"the {side} one cannot be shown: {why}"
        texts.append((text or "").splitlines())
    if not reason and max(map(len, texts)) > LINES:
        reason = f"they have more than {LINES:,} lines"
    rows = [] if reason else side_by_side(*texts)
    return TextChange(
        name=name,
        left_id=left.id,
        right_id=right.id,
        rows=rows,
        added=sum(row.right is not None and row.kind in ("added", "changed") for row in rows),
        removed=sum(row.left is not None and row.kind in ("removed", "changed") for row in rows),
        reason=reason or None,
    )


def side_by_side(left: list[str], right: list[str]) -> list[Row]:
    """The lines that differ, with some around them; `skipped` stands for the others.

    >>> [(r.kind, r.left, r.right) for r in side_by_side(["a", "b"], ["a", "c", "d"])]
    [('same', 'a', 'a'), ('changed', 'b', 'c'), ('added', None, 'd')]
    """
    rows: list[Row] = []
    for group in SequenceMatcher(None, left, right, autojunk=True).get_grouped_opcodes(CONTEXT):
        if rows or group[0][1] or group[0][3]:
            rows.append(Row(kind="skipped", left_number=group[0][1] + 1))
        for tag, i, i_end, j, j_end in group:
            for k, (one, two) in enumerate(zip_longest(left[i:i_end], right[j:j_end])):
                rows.append(_row(tag, i + k, j + k, one, two))
    return rows


def _row(tag: str, i: int, j: int, one: str | None, two: str | None) -> Row:
    kind = (
        "same"
        if tag == "equal"
        else "added"
        if one is None
        else "removed"
        if two is None
        else "changed"
    )
    return Row(
        kind=kind,  # type: ignore[arg-type]
        left_number=None if one is None else i + 1,
        right_number=None if two is None else j + 1,
        left=one,
        right=two,
    )
