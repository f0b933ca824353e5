"""Is a file of the project itself when a program names it by a mount of its own, which nobody else has?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from capture.test_mounts import lineage
from capture.workspace import Workspace

from provgraph.graph import open as open_graph
from provgraph.ingest.capture.apart import Strangers
from provgraph.ingest.capture.events import Closed, Event, Linked, Opened, Renamed, Unlinked
from provgraph.ingest.capture.tree import Change, Look
from provgraph.model.records import RunEnded, Stat

APART = "unshare --map-root-user --mount sh -ec"


@pytest.fixture
def there(workspace: Workspace, tmp_path: Path) -> Path:
    """An empty folder outside the project, over which programs mount its data."""
    (workspace.root / "data").mkdir()
    (workspace.root / "data/a").write_text("x\n")
    (workspace.root / "data/b").write_text("y\n")
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


def run(workspace: Workspace, there: Path, mounts: str, script: str, backend: str = "auto") -> None:
    """`$M` is the folder, in the script and in what is mounted before it."""
    flags = ("--backend", backend) if backend != "auto" else ()
    environment = {**workspace.environment, "M": str(there), "SCRIPT": script}
    command = f"{APART} '{mounts}; eval \"$SCRIPT\"'"
    done = workspace.run("sh", "-c", command, flags=flags, env=environment)
    assert done.returncode == 0, done.stderr


both = pytest.mark.parametrize("backend", ["auto", "ptrace"])
BOUND = 'mount --bind data "$M"'
OVERLAY = """mount -t tmpfs none "$M"; mkdir "$M/u" "$M/w" "$M/o"
    mount -t overlay -o lowerdir=data,upperdir="$M/u",workdir="$M/w" none "$M/o" """


@both
@pytest.mark.parametrize(
    "mounts",
    [
        BOUND,
        'mount -t tmpfs none "$M"; mkdir "$M/p"; mount --bind . "$M/p"; M="$M/p/data"',
        "mount -t tmpfs none /usr/share/man; mount --bind data /usr/share/man; M=/usr/share/man",
        f'{OVERLAY}; M="$M/o"',
    ],
    ids=["bound", "all-of-it", "where-noise-is", "overlay"],
)
def test_what_is_read_through_it_is_the_project_s(
    workspace: Workspace, there: Path, mounts: str, backend: str
) -> None:
    run(workspace, there, mounts, 'cat "$M/a" > out', backend)
    assert lineage(workspace, "out") == {"data/a"}
    assert workspace.ended.verdict == "complete", workspace.ended.gaps


@both
def test_also_where_its_bytes_were_known(workspace: Workspace, there: Path, backend: str) -> None:
    """So that nothing would be amiss but the name."""
    os.utime(workspace.root / "data/a", (1, 1))
    workspace.run("sh", "-c", "sleep 2.2; cat data/a > known")
    run(workspace, there, BOUND, 'cat "$M/a" > out', backend)
    assert lineage(workspace, "out") == {"data/a"}
    assert {ended.verdict for ended in workspace.all(RunEnded)} == {"complete"}


@both
def test_what_is_rewritten_through_it(workspace: Workspace, there: Path, backend: str) -> None:
    script = """cat "$M/a" > one; echo z >> "$M/a"; sort "$M/b" > "$M/c"; cat "$M/c" > two
        sort "$M/b" > "$M/new"; mv "$M/new" "$M/d"; cat data/d > three"""
    run(workspace, there, BOUND, script, backend)
    assert lineage(workspace, "one") == {"data/a"}
    assert lineage(workspace, "two") == {"data/b", "data/c"}
    assert {"data/b", "data/d"} <= lineage(workspace, "three")
    generated = workspace.generated()
    assert {"data/a", "data/c", "data/d"} <= generated.keys()
    assert all(made.attributed for made in generated.values())


@both
def test_a_file_that_has_the_same_name_here_is_another(
    workspace: Workspace, there: Path, backend: str
) -> None:
    (there / "a").write_text("another\n")
    run(workspace, there, f'cat "$M/a" > before; {BOUND}', 'cat "$M/a" > out', backend)
    assert lineage(workspace, "out") == {"data/a"}
    assert [path for path in lineage(workspace, "before") if path.endswith("there/a")]
    assert workspace.ended.verdict == "complete", workspace.ended.gaps


@both
def test_what_is_written_to_an_overlay_is_not_the_project_s(
    workspace: Workspace, there: Path, backend: str
) -> None:
    run(workspace, there, OVERLAY, 'echo z >> "$M/o/a"; cat "$M/o/a" > out', backend)
    assert "data/a" not in workspace.generated()


@both
def test_a_run_that_touches_nothing_else_of_the_project(
    workspace: Workspace, there: Path, backend: str
) -> None:
    run(workspace, there, "mount --bind data /mnt", 'cat /mnt/a > "$M/out"', backend)
    workspace.records()
    assert set(workspace.used()) == {"data/a"}
    assert workspace.ended.verdict == "complete", workspace.ended.gaps


@both
def test_scripts_and_modules(workspace: Workspace, there: Path, backend: str) -> None:
    (workspace.root / "s.sh").write_text('cat "$M/data/a" > out\n')
    run(workspace, there, 'mount --bind . "$M"', 'sh "$M/s.sh"', backend)
    workspace.records()
    assert {uri: used.role for uri, used in workspace.used().items()} == {
        "s.sh": "script",
        "data/a": "input",
    }


@both
def test_another_name_of_the_same_file_stays_one(
    workspace: Workspace, there: Path, backend: str
) -> None:
    """Links, of which some are gone when the run is written down."""
    os.link(workspace.root / "data/a", there / "kept")
    os.link(workspace.root / "data/b", there / "gone")
    script = """cat "$0/kept" > one; cat "$0/gone" > two; rm "$0/gone"
        sort data/a > made; ln made "$0/l"; cat "$0/l" > three; cat made > four; rm "$0/l"
        sort data/b > "$0/x"; mv "$0/x" "$0/y"; mv "$0/y" moved"""
    flags = ("--backend", backend) if backend != "auto" else ()
    done = workspace.run("sh", "-ec", script, str(there), flags=flags)
    assert done.returncode == 0, done.stderr
    generated = workspace.generated()
    assert {"made", "moved", "one", "two", "three", "four"} <= generated.keys()
    gone = {path.rpartition("/")[2] for path in lineage(workspace, "two")}
    assert gone & {"gone", "b"}
    assert len(lineage(workspace, "moved")) > 1
    with open_graph(workspace.root) as graph:
        assert graph.file("made").lineage().select("path")


# Without a run

ROOT, HELD, BEGAN = b"/p", Stat(8, 41, 3, 100, 101), 150


def opened(path: bytes, stat: Stat, tick: int = 5) -> Opened:
    return Opened(3, path, True, False, False, False, False, stat, pid=42, tick=tick)


def renamed(
    events: list[Event], before: dict[bytes, Stat], changes: list[Change] | None = None
) -> list[Event] | None:
    look = Look({p: (s.device, s.inode, s.size, s.mtime, s.ctime) for p, s in before.items()})

    def now() -> Look:
        raise AssertionError("nobody has to look at the tree again")

    strangers = Strangers(ROOT, [look, look], now, BEGAN)
    names = strangers.names(events, changes or [])
    return [*names.given(events)] if names else None


def test_ordinary_files_outside_cost_no_system_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def lstat(path: bytes) -> None:
        raise AssertionError(f"{path!r} was looked at")

    monkeypatch.setattr(os, "lstat", lstat)
    events: list[Event] = [
        opened(b"/usr/lib/python3/os.py", Stat(8, 50, 3, 100, 101)),
        opened(b"/data/a", Stat(8, 51, 3, 100, 101)),
        opened(b"/data/b", Stat(9, 41, 4, 100, 101)),
        opened(b"/p/a", HELD),
        Closed(3, b"/data/a", 5, Stat(8, 51, 3, 100, 101), pid=42, tick=7),
        Renamed(b"/tmp/a", b"/tmp/b", Stat(8, 52, 3, 100, 101), pid=42, tick=8),
    ]
    assert renamed(events, {b"/p/a": HELD}) is None


def test_an_inode_alone_is_no_identity() -> None:
    """It may have been another's: what was removed leaves it to the next file that is made."""
    assert renamed([opened(b"/no/a", Stat(8, 41, 3, 100, 99))], {b"/p/a": HELD}) is None


def test_a_state_that_the_file_had_meanwhile_is_its_own() -> None:
    grown = Stat(8, 41, 9, 200, 201)
    close = Closed(3, b"/p/a", 2, grown, pid=42, tick=4)
    found = renamed([close, opened(b"/no/a", grown)], {b"/p/a": HELD})
    assert [getattr(event, "path", b"") for event in found or ()] == [b"/p/a", b"/p/a"]


@pytest.mark.parametrize(
    "event",
    [
        Linked(b"/no/a", b"/p/b", HELD, pid=42, tick=9),
        Linked(b"/p/a", b"/no/a", HELD, pid=42, tick=4),
        Unlinked(b"/no/a", HELD, pid=42, tick=9),
        Renamed(b"/no/a", b"/no/b", HELD, pid=42, tick=9),
    ],
)
def test_a_link_that_was_seen_is_none_by_a_mount(event: Event) -> None:
    assert renamed([opened(b"/no/a", HELD), event], {b"/p/a": HELD}) is None


def test_only_what_somebody_else_took_away_is_worth_a_look() -> None:
    """Where a run touched nothing of the project, nobody had looked at that."""
    written = Opened(3, b"/no/t", False, True, True, False, True, HELD, pid=42, tick=2)
    looked: list[bytes] = []

    def now() -> Look:
        looked.append(ROOT)
        return Look({b"/p/a": (8, 41, 3, 100, 101)})

    ordinary = [written, opened(b"/no/t", HELD), opened(b"/usr/no", HELD)]
    assert Strangers(ROOT, [Look(), None], now, BEGAN).names(ordinary, []) is None
    assert not looked
    strange = Strangers(ROOT, [Look(), None], now, BEGAN).names([opened(b"/no/a", HELD)], [])
    assert strange is not None and strange.named(b"/no/a") == b"/p/a"
    assert (
        Strangers(ROOT, [Look(whole=False)], now, BEGAN).names([opened(b"/no/a", HELD)], []) is None
    )
    assert len(looked) == 1
