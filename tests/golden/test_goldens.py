"""A question, its plan, the plan optimized, and the Cypher: one file each, read as a manual.

`PROVGRAPH_GOLDENS=write` writes them anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provgraph.query.binder import Scope, bind
from provgraph.query.explain import plan_stages, printed
from provgraph.query.syntax import parse
from provgraph.query.values import moment

HERE = Path(__file__).parent
GOLDENS = sorted(HERE.glob("*.golden"))
SCOPE = Scope(
    frozenset(("dataset", "model", "prediction", "script")),
    now=moment("2026-11-30T12:00").start,
)


def question(golden: Path) -> str:
    """The indented lines below `Question`."""
    block = golden.read_text("utf-8").split("\n\n", 1)[0]
    return "\n".join(line.removeprefix("  ") for line in block.rstrip().split("\n")[1:])


def stages(text: str) -> str:
    plan = bind(parse(text), SCOPE).plan
    return printed([("Question", text), *plan_stages(plan, "demo")]) + "\n"


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.stem)
def test_a_question_becomes_the_plan_and_the_cypher_of_its_golden(golden: Path) -> None:
    given = stages(question(golden))
    if os.environ.get("PROVGRAPH_GOLDENS") == "write":
        golden.write_text(given, "utf-8")
    assert given == golden.read_text("utf-8")


def test_there_are_goldens() -> None:
    assert len(GOLDENS) >= 12
