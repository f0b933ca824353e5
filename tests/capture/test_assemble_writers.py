"""Whom of those who have a file open may a change of it be accounted to?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.ingest.capture.assemble import writers
from provgraph.ingest.capture.assemble.processes import Execution, Process
from provgraph.ingest.capture.assemble.states import File, Opening, same
from provgraph.ingest.capture.assemble.writers import Writers
from provgraph.model.records import Stat

STATES = [Stat(1, 7, size, size, 0) for size in range(3)]
END = 1_000


def opening(state: int, tick: int, *, fresh: bool, forked: bool, killed: bool) -> Opening:
    process = Process(tick, 0, last=tick, exited=None if killed else END)
    by = Execution(process, 0, 0, tick, b"/p")
    held = Opening(File(), by, tick, 0, 1, STATES[state], b"/p/log", readable=True, writable=True)
    held.fresh, held.forked = fresh, forked
    return held


OPENINGS = st.builds(
    opening,
    st.integers(0, len(STATES) - 1),
    st.integers(1, END),
    fresh=st.booleans(),
    forked=st.booleans(),
    killed=st.booleans(),
)


def expected(held: list[Opening], state: Stat, reading: bool) -> Opening | None:
    for forks in (False, True):
        for one in reversed([one for one in held if one.forked == forks]):
            if forks and one.base.mtime > state.mtime:
                continue
            if not same(one.base, state) or (one.fresh and reading):
                return one
    return None


@given(
    st.lists(st.tuples(st.sampled_from(["add", "remove", "adopt"]), OPENINGS, st.integers(0, 99)))
)
def test_it_is_the_last_that_had_found_another_state(
    acts: list[tuple[str, Opening, int]],
) -> None:
    found, held = Writers(), list[Opening]()
    for act, new, number in acts:
        old = held[number % len(held)] if held else None
        if act == "add" or old is None:
            found.add(new)
            held.append(new)
        elif act == "remove":
            found.remove(old)
            held.remove(old)
        elif old.forked:
            held.remove(old)
            held.append(old)
            old.forked = False
            found.adopt(old)
        assert bool(found) == bool(held)
        assert set(found.readers()) == {one for one in held if not one.forked}
        for state in STATES:
            for reading in (False, True):
                assert found.changer(state, reading=reading) is expected(held, state, reading)
            assert set(found.orphans(state, 500)) == {
                one
                for one in held
                if one.by.process.exited is None
                and one.by.process.last < 500
                and not same(one.base, state)
            }


def test_forks_that_were_given_one_log_are_looked_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = Writers()
    for tick in range(1, 501):
        found.add(opening(1, tick, fresh=False, forked=True, killed=False))
    looked = []

    def counted(one: Stat | None, other: Stat | None) -> bool:
        looked.append(one)
        return same(one, other)

    monkeypatch.setattr(writers, "same", counted)
    assert found.changer(STATES[1], reading=True) is None
    assert found.changer(STATES[2], reading=False) is not None
    assert found.orphans(STATES[2], END) == []
    assert len(looked) == 2
