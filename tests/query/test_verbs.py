"""The verbs, their declarations and the page that is made of them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from provgraph.query import plan, verbs
from provgraph.query.binder import Bound
from provgraph.query.reference import page
from provgraph.query.verbs.lineage import Lineage

Meaning = Callable[[str], Bound]
PAGE = Path(__file__).parents[2] / "docs" / "language.md"


def test_the_verbs_are_the_files_of_their_folder() -> None:
    folder = Path(verbs.__file__).parent
    assert verbs.names() == tuple(
        sorted(file.stem.replace("_", " ") for file in folder.glob("[!_]*.py"))
    )


def test_no_two_verbs_share_a_word() -> None:
    words = [w for name in verbs.names() for w in (name, *verbs.load(name).aliases)]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("name", verbs.names())
def test_a_verb_is_documented_and_its_examples_mean_something(name: str, meaning: Meaning) -> None:
    verb = verbs.load(name)
    assert verb.__doc__ and verb.__doc__ != verbs.load("where").__mro__[1].__doc__
    assert verb.examples
    assert set(verb.arguments()) == set(verb.model_fields)
    for example in verb.examples:
        assert re.search(rf"\| {name}\b", example)
        meaning(example)


@pytest.mark.parametrize(
    ("alias", "name"),
    [(alias, name) for name in verbs.names() for alias in verbs.load(name).aliases],
)
def test_an_alias_means_its_verb(alias: str, name: str, meaning: Meaning) -> None:
    argument = " 3" if name == "limit" else ""
    assert meaning(f"file x | {alias}{argument}").plan == meaning(f"file x | {name}{argument}").plan


def test_arguments_come_in_any_order(meaning: Meaning) -> None:
    first = meaning(
        "file x | lineage depth 3 via used, generated stop at (file y) as of 2026-01-01"
    ).plan
    second = meaning(
        "file x | lineage as of 2026-01-01 stop at (file y) via GENERATED, used depth 3"
    ).plan
    assert first == second
    assert isinstance(first, plan.Walk)
    assert (first.max_hops, first.via, first.until) == (
        3,
        ("GENERATED_BY", "USED"),
        1767311999999999999,
    )


def test_a_verb_checks_what_python_gives_it() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Lineage(depth=0)
    with pytest.raises(ValueError, match="extra"):
        Lineage.model_validate({"dept": 3})


def test_a_walk_without_arguments_follows_every_lineage_edge_without_end() -> None:
    walk = Lineage().plan(plan.Find("Version"))
    assert walk == plan.Walk(
        plan.Find("Version"),
        "origin",
        ("GENERATED_BY", "USED", "EXECUTED", "INFORMED_BY", "DERIVED_FROM"),
    )


def test_a_selector_alone_loads_neither_verbs_nor_pydantic() -> None:
    code = (
        "import sys\n"
        "from provgraph.query.binder import Scope, bind\n"
        "from provgraph.query.syntax import parse\n"
        "bind(parse('file x [size > 3]'), Scope(frozenset(), 0))\n"
        "print([m for m in sys.modules if 'pydantic' in m or '.verbs' in m])\n"
        "bind(parse('file x | limit 3'), Scope(frozenset(), 0))\n"
        "print([m for m in sys.modules if '.verbs.' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['provgraph.query.verbs.limit']"]


def test_the_reference_page_says_what_the_verbs_declare() -> None:
    written = PAGE.read_text("utf-8")
    assert written == page(written), f"run `python -m provgraph.query.reference {PAGE}`"


EXAMPLES = [
    line
    for block in re.findall(r"```provgraph\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for line in block.splitlines()
    if line
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_the_page_means_something(example: str, meaning: Meaning) -> None:
    meaning(example)
