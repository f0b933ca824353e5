"""The index keeps which content has which subject, all of it or nothing, and forgets for good."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provgraph.config import Project, create_project
from provgraph.errors import KeyMissing, ProvgraphError, StoreError
from provgraph.subjects import keys
from provgraph.subjects.index import SubjectIndex


def mac(n: int) -> bytes:
    return bytes([n]) * 15 + b"\x01"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SubjectIndex]:
    with SubjectIndex(tmp_path / "subjects.db") as opened:
        yield opened


def test_what_was_added_is_found_by_each_subject(index: SubjectIndex) -> None:
    assert index.add("blake3:a", "r", "k", [[mac(1), mac(2)], [mac(2), mac(3)]]) == 3
    assert index.add("blake3:b", "r", "k", [[mac(3)]]) == 1
    assert index.holding([mac(3)]) == {("blake3:a", "r"), ("blake3:b", "r")}
    assert index.holding([mac(1), mac(9)]) == {("blake3:a", "r")}


def test_reading_a_content_again_replaces_what_was_known(index: SubjectIndex) -> None:
    index.add("blake3:a", "r", "old", [[mac(1), mac(2)]])
    index.add("blake3:a", "r", "new", [[mac(2)]])
    assert index.holding([mac(1)]) == set()
    assert [(each.key, each.subjects) for each in index.contents()] == [("new", 1)]


def test_a_reader_that_fails_leaves_the_index_as_it_was(index: SubjectIndex) -> None:
    def failing() -> Iterator[list[bytes]]:
        yield [mac(1)]
        raise RuntimeError("torn")

    with pytest.raises(RuntimeError):
        index.add("blake3:a", "r", "k", failing())
    assert index.contents() == []
    assert index.holding([mac(1)]) == set()


def test_an_erased_subject_is_in_no_byte_of_the_file_and_its_log(
    index: SubjectIndex, tmp_path: Path
) -> None:
    for n in range(40):
        index.add(f"blake3:{n}", "r", "k", [[mac(7), mac(n + 10)]])
    assert index.erase_subjects([mac(7), mac(200)]) == 1
    assert index.holding([mac(7)]) == set()
    assert index.holding([mac(20)]) == {("blake3:10", "r")}
    assert all(each.subjects == 1 for each in index.contents())
    files = [path for path in tmp_path.iterdir() if path.name.startswith("subjects.db")]
    assert files
    assert not any(mac(7) in path.read_bytes() for path in files)


def test_an_erased_content_takes_with_it_who_is_nowhere_else(
    index: SubjectIndex, tmp_path: Path
) -> None:
    index.add("blake3:a", "r", "k", [[mac(1), mac(2)]])
    index.add("blake3:b", "r", "k", [[mac(2)]])
    assert index.erase_contents(["blake3:a", "blake3:none"]) == 1
    assert index.holding([mac(2)]) == {("blake3:b", "r")}
    assert mac(1) not in (tmp_path / "subjects.db").read_bytes()


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sets(st.integers(0, 9)), st.booleans()), max_size=8
    )
)
def test_the_index_is_what_a_dictionary_would_be(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, set[int], bool]]
) -> None:
    held: dict[str, set[int]] = {}
    with SubjectIndex(tmp_path_factory.mktemp("i") / "subjects.db") as index:
        for digest, subjects, adding in steps:
            if adding:
                index.add(digest, "r", "k", [[mac(n) for n in subjects]])
                held[digest] = set(subjects)
            else:
                index.erase_subjects([mac(n) for n in subjects])
                held = {name: had - subjects for name, had in held.items()}
        for n in range(10):
            expected = {(digest, "r") for digest, had in held.items() if n in had}
            assert index.holding([mac(n)]) == expected
        assert {c.digest: c.subjects for c in index.contents()} == {
            digest: len(had) for digest, had in held.items()
        }


def test_a_damaged_file_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "subjects.db").write_bytes(b"no database at all, but long enough to be read" * 100)
    with pytest.raises(StoreError, match="damaged"):
        SubjectIndex(tmp_path / "subjects.db")


# Keys.


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("PROVGRAPH_SUBJECT_KEY", raising=False)
    (tmp_path / "work").mkdir()
    return create_project(tmp_path / "work")


def test_a_key_lies_outside_the_project_for_its_owner_alone(project: Project) -> None:
    key = keys.make(project)
    path = keys.path_of(project)
    assert not path.is_relative_to(project.root)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.current(project) == key


def test_a_hash_depends_on_the_key_and_on_the_subject(project: Project) -> None:
    one, other = keys.make(project), keys.make(project)
    assert one.hashed("client:1") != other.hashed("client:1")
    assert one.hashed("client:1") != one.hashed("client:2")
    assert one.hashed("client:1") == keys.Key(one.secret).hashed("client:1")
    assert one.secret.hex() not in repr(one)


def test_a_lost_key_is_said_to_be_lost(project: Project) -> None:
    with pytest.raises(KeyMissing, match="not here"):
        keys.current(project)


def test_a_key_that_others_may_read_is_refused(project: Project) -> None:
    keys.make(project)
    keys.path_of(project).chmod(0o644)
    with pytest.raises(ProvgraphError, match="others"):
        keys.current(project)


def test_a_key_with_one_digit_changed_is_refused(project: Project) -> None:
    keys.make(project)
    path = keys.path_of(project)
    text = path.read_text()
    path.write_text(text[:20] + ("0" if text[20] != "0" else "1") + text[21:])
    with pytest.raises(ProvgraphError, match="damaged"):
        keys.current(project)


def test_older_keys_are_kept_until_they_are_dropped(project: Project) -> None:
    first = keys.make(project)
    second = keys.make(project, beside=[first])
    assert keys.keys(project) == [first, second]
    keys.drop_older(project)
    assert keys.keys(project) == [second]
