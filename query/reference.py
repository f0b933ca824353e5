"""What does the reference page say of verbs, fields and edges? `docs/language.md` holds it.

`python -m provgraph.query.reference docs/language.md` writes it anew between the page's marks.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from provgraph.model.vocabulary import EDGE_TYPES, LABELS, OPEN_FIELDS, Field
from provgraph.query import shape, verbs
from provgraph.query.fields import fields_of
from provgraph.query.mistake import listed
from provgraph.query.verb import Argument, Verb

_BEGIN: Final = "<!-- generated: {} -->"
_END: Final = "<!-- end -->"


def page(written: str) -> str:
    """The page with its generated parts as they should be.

    >>> page("<!-- generated: edges -->\\n<!-- end -->").splitlines()[1]
    '| edge | from | to | lineage |'
    """
    parts = {"verbs": verb_sections, "fields": field_tables, "edges": edge_table}
    for name, lines in parts.items():
        begin = _BEGIN.format(name)
        mark = re.compile(f"{re.escape(begin)}\n.*?{re.escape(_END)}", re.DOTALL)
        text = "\n".join((begin, *lines(), _END))
        written = mark.sub(lambda _, text=text: text, written)  # type: ignore[misc]
    return written


def verb_sections() -> Iterator[str]:
    for name in verbs.names():
        yield from _verb(name, verbs.load(name))


def _verb(name: str, verb: type[Verb]) -> Iterator[str]:
    yield from (f"### {name}", "", inspect.getdoc(verb) or "", "")
    if verb.wants:
        yield from (f"Asked of {shape.in_words(verb.wants)}.", "")
    if verb.aliases:
        yield from (f"Also called {listed([f'`{alias}`' for alias in verb.aliases])}.", "")
    if verb.arguments():
        yield "| argument | takes | |"
        yield "|---|---|---|"
        for field, argument in verb.arguments().items():
            needed = "" if field in verb.needs() else " (optional)"
            yield f"| {_phrase(argument)} | {argument.wants}{needed} | {argument.meaning} |"
        yield ""
    yield from ("```provgraph", *verb.examples, "```", "")


def _phrase(argument: Argument) -> str:
    shown = f"`{argument.phrase}`" if argument.phrase else "right after the verb"
    return f"{shown}, which can be left out" if argument.phrase and argument.leads else shown


def field_tables() -> Iterator[str]:
    shared = [found for found in fields_of("Subject") if found in fields_of("Version")]
    opened = listed([f"`{prefix}*`" for prefix in OPEN_FIELDS])
    yield f"Any row may have fields that people named: {opened}."
    yield from _fields("everything", shared)
    yield from _fields("rows of a walk", [shape.DEPTH])
    for label in LABELS:
        own = [found for found in fields_of(label) if found not in shared]
        if own:
            yield from _fields(shape.in_words([label]), own)


def _fields(owner: str, fields: Sequence[Field]) -> Iterator[str]:
    yield from ("", f"**{owner}**", "", "| field | type | |", "|---|---|---|")
    yield from (f"| `{found.name}` | {found.type.value} | {found.meaning} |" for found in fields)


def edge_table() -> Iterator[str]:
    yield "| edge | from | to | lineage |"
    yield "|---|---|---|---|"
    for edge in EDGE_TYPES:
        near, far = shape.in_words(edge.source), shape.in_words(edge.target)
        yield f"| `{edge.phrase}` | {near} | {far} | {'yes' if edge.lineage else ''} |"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        file = Path(name)
        file.write_text(page(file.read_text("utf-8")), "utf-8")
