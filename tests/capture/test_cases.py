"""Is every case recorded as it states, by the shim and by the tracer alike?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from capture.casebook import (
    BACKENDS,
    Case,
    Outcome,
    alike,
    load,
    missing,
    mistakes,
    names,
    outcome,
    prepare,
)
from capture.workspace import Workspace, environment, native_front

from provgraph.config import create_project

__all__ = ["native_front"]

IN_CI = os.environ.get("CI") == "true"
LEAST_RIGHT = 52 / 60
"""The share of cases that the automatic backend must record without a gap."""


@pytest.fixture(scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Compilers keep theirs for all cases."""
    folder = tmp_path_factory.mktemp("caches")
    return {"GOCACHE": str(folder / "go"), "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}


def ready(name: str) -> Case:
    case = load(name)
    lacking = missing(case)
    if lacking and IN_CI and lacking != ["root"]:
        pytest.fail(f"CI must have {', '.join(lacking)}")
    if lacking:
        pytest.skip(f"needs {', '.join(lacking)}")
    return case


@pytest.mark.parametrize("name", names())
def test_case(name: str, native_front: Path, tmp_path: Path, caches: dict[str, str]) -> None:
    case = ready(name)
    found: dict[str, Outcome] = {}
    for backend in BACKENDS:
        root = tmp_path / backend / "project"
        root.mkdir(parents=True)
        place = Workspace(create_project(root), environment(), [str(native_front)])
        prepare(case, root, {**place.environment, **caches})
        found[backend] = outcome(case, place, backend)
    for backend, seen in found.items():
        mechanism = case.gaps.get(backend)
        if mechanism:
            assert seen.verdict == "incomplete", backend
            assert any(mechanism in gap for gap in seen.gaps), (backend, seen.gaps)
        else:
            assert mistakes(case, seen.facts) == [], (backend, seen.facts, seen.gaps)
            assert (seen.verdict, seen.gaps) == ("complete", []), (backend, seen.facts)
    if not case.gaps:
        shim, tracer = (alike(found[backend].facts) for backend in BACKENDS)
        assert shim == tracer


def test_there_are_sixty_cases_and_few_have_a_gap() -> None:
    cases = [load(name) for name in names()]
    assert len(cases) >= 60
    right = [case for case in cases if "auto" not in case.gaps]
    assert len(right) >= LEAST_RIGHT * len(cases)
