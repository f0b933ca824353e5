"""What do the events of a run mean? One case a test."""

from __future__ import annotations

import msgspec
import networkx as nx  # type: ignore[import-untyped]
import pytest
from capture.machine import Machine, Process, pipeline

from provgraph.ingest.capture.assemble import phases
from provgraph.ingest.capture.assemble.phases import MOST, Phase, Phases
from provgraph.ingest.capture.assemble.pipes import Inform
from provgraph.ingest.capture.assemble.processes import Execution
from provgraph.ingest.capture.assemble.processes import Process as Life
from provgraph.ingest.capture.events import (
    Closed,
    Descriptor,
    Drawn,
    ExecFailed,
    Executing,
    Exited,
    Forked,
    Interpreted,
    Linked,
    Memory,
    Missed,
    Opened,
    Piped,
    Renamed,
    Truncated,
)
from provgraph.model.binding import touched_uris
from provgraph.model.records import (
    Derived,
    Generated,
    Informed,
    Invalidated,
    StepSeen,
    Used,
)
from provgraph.model.translate import translate

# Reads and writes


def test_a_program_uses_what_it_opens_and_generates_what_it_writes() -> None:
    m = Machine("raw.csv")
    p = m.program("tool")
    p.read("raw.csv")
    p.write("out.csv")
    p.exit()
    told = m.assemble()
    assert told.used == [("tool", "raw.csv")]
    assert told.generated == [("tool", "out.csv")]
    assert told.lineage("out.csv") == {"raw.csv"}


def test_opening_to_read_and_write_without_a_change_is_a_read_alone() -> None:
    m = Machine("data.db")
    p = m.program("sqlite3")
    p.close(p.open("data.db", "r+"))
    told = m.assemble()
    assert told.used == [("sqlite3", "data.db")]
    assert told.generated == []


def test_an_emptied_file_is_a_write_even_if_nothing_was_written() -> None:
    m = Machine("old.csv")
    p = m.program("tool")
    p.close(p.open("old.csv", "w"))
    assert m.assemble().generated == [("tool", "old.csv")]


def test_an_append_derives_from_what_was_there() -> None:
    m = Machine("log.txt")
    m.program("tool").write("log.txt", "more", "a")
    told = m.assemble()
    assert told.generated == [("tool", "log.txt")]
    assert told.derived == [("log.txt", "log.txt", "append")]
    assert told.of(Derived)[0].content.digest == "text:old log.txt"


def test_a_change_in_place_derives_from_what_was_there_and_uses_it() -> None:
    m = Machine("data.db")
    p = m.program("sqlite3")
    fd = p.open("data.db", "r+")
    p.put(fd, "!")
    p.write("report.csv")
    p.close(fd)
    told = m.assemble()
    assert told.derived == [("data.db", "data.db", "change")]
    assert told.lineage("report.csv") == {"data.db"}


def test_appending_to_an_empty_or_new_file_derives_from_nothing() -> None:
    m = Machine()
    m.write(b"/p/empty", "")
    p = m.program("tool")
    p.write("empty", "x", "a")
    p.write("new", "x", "a")
    assert m.assemble().derived == []


def test_each_close_after_a_write_is_a_version_of_its_own() -> None:
    m = Machine()
    p = m.program("tool")
    p.write("a", "1")
    p.write("a", "2")
    told = m.assemble()
    assert told.generated == [("tool", "a"), ("tool", "a")]
    assert len({made.version for made in told.of(Generated)}) == 2


def test_the_same_state_read_twice_is_one_use() -> None:
    m = Machine("raw.csv")
    m.program("tool").read("raw.csv", "raw.csv")
    assert m.assemble().used == [("tool", "raw.csv")]


def test_a_file_that_changes_while_it_is_read_is_used_in_both_states() -> None:
    m = Machine("live.log")
    reader, writer = m.program("reader"), m.program("writer")
    fd = reader.open("live.log")
    writer.write("live.log", "more", "a")
    reader.close(fd)
    told = m.assemble()
    assert [used.content.digest for used in told.of(Used)] == [
        "text:old live.log",
        "text:old live.logmore",
    ]
    reader_step = next(step for step in told.steps if told.name(step) == "reader")
    assert told.version("live.log") in told.causes[reader_step]


def test_what_a_process_changed_itself_while_it_read_it_is_no_second_use() -> None:
    m = Machine("a")
    p = m.program("tool")
    fd = p.open("a")
    p.write("a", "+", "a")
    p.close(fd)
    assert m.assemble().used == [("tool", "a")]


def test_a_killed_process_has_generated_what_it_left_behind() -> None:
    m = Machine("raw.csv")
    p = m.program("tool")
    p.read("raw.csv")
    p.put(p.open("out.csv", "w"), "half")
    told = m.assemble()
    assert told.generated == [("tool", "out.csv")]
    assert told.of(Generated)[0].content.digest == "text:half"
    assert told.of(StepSeen)[0].exit is None


def test_a_mapped_file_is_looked_at_when_its_process_has_ended() -> None:
    m = Machine()
    p = m.program("tool")
    fd = p.open("map.npy", "w")
    inode = p.handles[fd].inode
    p.close(fd, mapped=True)
    m.fill(inode, "later")
    p.exit()
    told = m.assemble()
    assert [made.content.digest for made in told.of(Generated)] == ["text:later"]


def test_truncating_by_name_is_a_write() -> None:
    m = Machine("a")
    p = m.program("truncate")
    before = m.files[b"/p/a"].stat()
    m.fill(m.files[b"/p/a"], "")
    p.say(Truncated, b"/p/a", before, m.files[b"/p/a"].stat())
    told = m.assemble()
    assert told.generated == [("truncate", "a")]
    assert told.derived == [("a", "a", "change")]


def test_a_file_read_while_another_still_writes_it_comes_from_the_writer() -> None:
    m = Machine("raw.csv")
    writer, reader = m.program("writer"), m.program("reader")
    writer.read("raw.csv")
    fd = writer.open("stream.txt", "w")
    writer.put(fd, "some")
    reader.read("stream.txt")
    reader.write("seen.txt")
    writer.put(fd, "more")
    writer.close(fd)
    told = m.assemble()
    assert told.lineage("seen.txt") == {"raw.csv", "stream.txt"}
    assert [made.content.digest for made in told.of(Generated)][:2] == [
        "text:some",
        "text:somemore",
    ]


# Redirected standard streams


def test_a_fork_that_redirects_and_execs_leaves_what_it_opened_to_the_program() -> None:
    m = Machine("in.csv")
    shell = m.program("bash")
    child = shell.fork()
    child.open("in.csv", "r", fd=0)
    child.open("out.csv", "w", fd=1)
    sort = child.exec("sort")
    sort.put(1, "sorted")
    sort.exit()
    shell.exit()
    told = m.assemble()
    assert told.used == [("sort", "in.csv")]
    assert told.generated == [("sort", "out.csv")]
    assert told.commands == ["bash", "sort"]


def test_a_program_that_writes_nothing_still_made_the_file_that_its_output_went_to() -> None:
    m = Machine()
    shell = m.program("bash")
    child = shell.fork()
    child.open("out.txt", "w", fd=1)
    child.exec("true").exit()
    shell.exit()
    assert m.assemble().generated == [("true", "out.txt")]


def test_a_group_redirected_to_one_file_is_generated_by_each_that_wrote_but_not_by_the_shell() -> (
    None
):
    m = Machine("a", "b")
    shell = m.program("bash")
    shell.open("log", "w", fd=1)
    for name in ("a", "b"):
        cat = shell.spawn("cat", name)
        cat.read(name)
        cat.put(1, name)
        cat.exit()
    shell.spawn("true").exit()
    shell.close(1)
    shell.exit()
    told = m.assemble()
    assert told.generated == [("cat a", "log"), ("cat b", "log")]
    assert told.derived == [("log", "log", "append")]
    assert told.lineage("log") == {"a", "b"}


def test_two_that_wrote_side_by_side_to_the_output_that_they_were_given_both_made_it() -> None:
    """Which of them wrote, when both are done and neither has closed it, is not seen."""
    m = Machine("a", "b")
    shell = m.program("bash")
    shell.open("log", "a", fd=1)
    xargs = shell.spawn("xargs", "-P2", "cat")
    cats = [xargs.spawn("cat", name) for name in ("a", "b")]
    for cat, name in zip(cats, ("a", "b"), strict=True):
        cat.read(name)
        cat.put(1, name)
    for process in (*cats, xargs, shell):
        process.exit()
    told = m.assemble()
    assert told.generated == [("cat a", "log"), ("cat b", "log")]
    assert told.lineage("log") == {"a", "b"}


def test_what_the_shell_wrote_before_its_child_is_the_shells() -> None:
    m = Machine("names", "a")
    shell = m.program("bash")
    shell.read("names")
    shell.open("log", "w", fd=1)
    shell.put(1, "header")
    cat = shell.spawn("cat", "a")
    cat.read("a")
    cat.put(1, "a")
    cat.exit()
    shell.close(1)
    told = m.assemble()
    assert told.generated == [("bash", "log"), ("cat a", "log")]
    assert told.lineage("log") == {"names", "a"}


def test_what_the_shell_wrote_after_its_child_is_the_shells() -> None:
    m = Machine("a")
    shell = m.program("bash")
    shell.open("log", "w", fd=1)
    cat = shell.spawn("cat", "a")
    cat.read("a")
    cat.put(1, "a")
    cat.exit()
    shell.put(1, "done")
    shell.close(1)
    told = m.assemble()
    assert told.generated == [("bash", "log"), ("cat a", "log")]
    assert told.lineage("log") == {"a"}


def test_a_program_that_only_lent_its_file_to_a_child_has_not_written_it() -> None:
    m = Machine("own", "a")
    p = m.program("python3", "x.py")
    p.read("own")
    p.open("log", "w", fd=1)
    cat = p.spawn("cat", "a")
    cat.read("a")
    cat.put(1, "a")
    cat.exit()
    p.close(1)
    told = m.assemble()
    assert told.generated == [("cat a", "log")]
    assert told.lineage("log") == {"a"}


def test_what_a_shell_wrote_before_it_lent_its_input_comes_from_that_input() -> None:
    """As of `{ read x; echo "$x" > first; cat > rest; } < a`: a builtin tells nothing of what it reads."""
    m = Machine("a")
    shell = m.program("sh")
    shell.open("a", fd=0)
    shell.open("first", "w", fd=1)
    shell.put(1, "2")
    shell.close(1)
    shell.open("rest", "w", fd=1)
    cat = m.program("cat")
    cat.put(1, "1")
    cat.exit()
    shell.close(1)
    shell.close(0)
    told = m.assemble()
    assert sorted(told.generated) == [("cat", "rest"), ("sh", "first")]
    assert (told.lineage("first"), told.lineage("rest")) == ({"a"}, {"a"})


def lent_and_closed_early(shell: str) -> tuple[Machine, Process, Process]:
    """A program is given what its parent opened for it, and has written when the parent closes that. What it said
    is that, whoever of the two is the first to close it (fish, ksh93's pipelines, `Popen` in a `with`)."""
    m = Machine("own", "a")
    parent = m.program(shell)
    parent.read("own")
    parent.open("log", "w", fd=1)
    cat = m.program("cat", "a")
    cat.read("a")
    cat.put(1, "a")
    parent.close(1)
    parent.plug(m.pipe().write())
    return m, parent, cat


def test_a_shell_that_closes_what_its_command_has_written_and_waits_has_not_written() -> None:
    m, shell, cat = lent_and_closed_early("ksh93")
    cat.exit()
    shell.read("own")
    shell.write("next")
    shell.exit()
    told = m.assemble()
    assert sorted(told.generated) == [("cat a", "log"), ("ksh93", "next")]
    assert told.lineage("log") == {"a"}


def test_a_shell_that_closes_what_is_still_written_and_waits_has_not_written() -> None:
    m, shell, cat = lent_and_closed_early("ksh93")
    cat.put(1, "more")
    cat.exit()
    shell.exit()
    told = m.assemble()
    assert told.generated == [("cat a", "log")]
    assert told.lineage("log") == {"a"}


@pytest.mark.parametrize("shell_is_first", [False, True])
def test_what_a_shell_closes_before_its_command_tells_what_it_was_given_is_the_command_s(
    shell_is_first: bool,
) -> None:
    """`sort < a > log` in fish: sort has begun, but not yet said so."""
    m = Machine("own", "a")
    shell = m.program("fish")
    shell.open("a", fd=0)
    shell.open("log", "w", fd=1)
    sort = Process(m, 300, shell)
    m.say(Forked(shell.pid, [], pid=300, tick=m.now()))
    sort.say(Executing, b"/usr/bin/sort")
    own = m.pipe()
    if not shell_is_first:
        sort.image("sort")
    shell.close(0)
    shell.plug(own.read())
    shell.close(1)
    shell.plug(own.write())
    if shell_is_first:
        sort.image("sort")
    sort.put(1, "a")
    sort.exit()
    shell.write("next")
    shell.exit()
    told = m.assemble()
    assert told.used == [("sort", "a")]
    assert {name for name, uri in told.generated if uri == "log"} == {"sort"}
    assert (told.lineage("log"), told.lineage("next")) == ({"a"}, set())


@pytest.mark.parametrize("exits", [False, True])
def test_what_a_shell_closes_is_its_own_if_its_command_does_not_come_to_run(exits: bool) -> None:
    m = Machine("a")
    shell = m.program("fish")
    shell.open("log", "w", fd=1)
    child = Process(m, 300, shell)
    m.say(Forked(shell.pid, [], pid=300, tick=m.now()))
    child.say(Executing, b"/usr/bin/sort")
    shell.close(1)
    child.say(ExecFailed, 2)
    if exits:
        child.say(Exited, 127)
    shell.exit()
    assert ("fish", "log") in m.assemble().generated


@pytest.mark.parametrize("goes_on", ["reads", "forks", "spawns", "exits"])
def test_a_shell_that_goes_on_beside_its_command_may_have_written_what_they_shared(
    goes_on: str,
) -> None:
    """As fish does in `begin; cat a &; echo $own; end > log`."""
    m, shell, cat = lent_and_closed_early("fish")
    match goes_on:
        case "reads":
            shell.read("own")
        case "forks":
            shell.fork()
        case "spawns":
            m.program("true").exit()
        case _:
            pass
    last = [shell, cat] if goes_on == "exits" else [cat, shell]
    for process in last:
        process.exit()
    assert m.assemble().lineage("log") == {"own", "a"}


@pytest.mark.parametrize("more", ["", "more"])
def test_a_program_that_closes_what_its_child_has_open_may_have_written_as_the_child(
    more: str,
) -> None:
    """What it had still in memory goes out when it closes the file. What the child wrote is not lost."""
    m, parent, cat = lent_and_closed_early("python3")
    if more:
        cat.put(1, more)
    cat.exit()
    parent.exit()
    assert m.assemble().lineage("log") == {"own", "a"}


def test_what_is_written_in_the_background_is_not_lost_if_its_shell_closes_first() -> None:
    m = Machine("a", "b")
    shell = m.program("bash")
    shell.open("log", "w", fd=1)
    cats = [shell.spawn("cat", name) for name in ("a", "b")]
    for cat, name in zip(cats, ("a", "b"), strict=True):
        cat.read(name)
    cats[1].put(1, "b")
    cats[1].exit()
    cats[0].put(1, "a")
    shell.close(1)
    cats[0].exit()
    shell.exit()
    assert m.assemble().lineage("log") == {"a", "b"}


def test_a_killed_child_of_a_redirected_group_is_not_forgotten() -> None:
    m = Machine("a")
    shell = m.program("bash")
    shell.open("log", "w", fd=1)
    killed = shell.spawn("python3", "x.py")
    killed.read("a")
    killed.put(1, "half")
    shell.close(1)
    shell.exit()
    assert m.assemble().lineage("log") == {"a"}


def test_of_several_killed_children_of_a_group_none_is_forgotten() -> None:
    m = Machine(*"abcdef")
    shell = m.program("bash")
    shell.open("log", "w", fd=1)
    children = {name: shell.spawn("python3", f"{name}.py") for name in "abcdef"}
    for name, killed in children.items():
        killed.read(name)
        killed.put(1, name)
    shell.close(1)
    shell.exit()
    assert m.assemble().lineage("log") == set("abcdef")


def test_an_exec_in_place_keeps_apart_what_each_program_wrote() -> None:
    m = Machine("a", "b")
    p = m.program("bash")
    p.read("a")
    p.open("log", "w", fd=1)
    p.put(1, "first")
    p.exec("cat", "b")
    p.read("b")
    p.put(1, "second")
    p.exit()
    told = m.assemble()
    assert told.generated == [("bash", "log"), ("cat b", "log")]
    assert told.lineage("log") == {"a", "b"}


def test_a_killed_fork_with_an_older_opening_does_not_take_what_its_shell_writes() -> None:
    m = Machine("a", "b")
    p = m.program("bash")
    p.read("a")
    p.open("log", "w")
    p.fork()
    p.read("b")
    p.write("log")
    assert m.assemble().lineage("log") == {"a", "b"}


# Names


def test_a_temporary_file_renamed_by_its_writer_is_one_version_with_two_names() -> None:
    m = Machine()
    p = m.program("tool")
    p.write("out.csv.tmp")
    p.rename("out.csv.tmp", "out.csv")
    told = m.assemble()
    assert told.generated == [("tool", "out.csv.tmp", "out.csv")]
    assert told.invalidated == []


def test_a_file_renamed_while_its_writer_has_it_open_keeps_its_version() -> None:
    m = Machine()
    p = m.program("tool")
    fd = p.open("out.tmp", "w")
    p.put(fd, "x")
    p.rename("out.tmp", "out.csv")
    p.close(fd)
    assert m.assemble().generated == [("tool", "out.tmp", "out.csv")]


def older_and_newer() -> tuple[Machine, Process]:
    """A program that made `out.tmp` of `a.csv`, and then `out.csv` of both."""
    m = Machine("a.csv", "b.csv")
    p = m.program("tool")
    p.read("a.csv")
    p.write("out.tmp")
    p.read("b.csv")
    p.write("out.csv")
    return m, p


def test_a_name_that_an_older_version_takes_over_is_answered_by_that_version() -> None:
    m, p = older_and_newer()
    p.rename("out.csv", "out.bak")
    p.rename("out.tmp", "out.csv")
    told = m.assemble()
    assert ("tool", "out.csv") in told.generated
    assert told.derived == [("out.csv", "out.tmp", "rename")]
    assert told.lineage("out.csv") == {"a.csv", "out.tmp"}
    assert told.lineage("out.bak") == {"a.csv", "b.csv"}


def test_what_is_written_through_one_name_of_a_file_is_there_under_the_others() -> None:
    m = Machine("a.csv", "b.csv")
    p = m.program("tool")
    p.read("a.csv")
    p.write("one")
    m.program("ln").link("one", "two")
    q = m.program("other")
    q.read("b.csv")
    q.write("two")
    told = m.assemble()
    assert told.lineage("one") == told.lineage("two") == {"b.csv"}
    q.unlink("two")
    told = m.assemble()
    assert told.invalidated == [("other", "two", "delete")]
    assert "b.csv" in told.lineage("one")


def test_a_name_whose_file_was_removed_is_answered_by_the_version_that_has_it() -> None:
    m, p = older_and_newer()
    p.unlink("out.csv")
    p.rename("out.tmp", "out.csv")
    assert m.assemble().lineage("out.csv") == {"a.csv", "out.tmp"}


def test_a_rename_by_another_program_is_a_version_of_its_own() -> None:
    m = Machine("raw.csv")
    p = m.program("tool")
    p.read("raw.csv")
    p.write("a")
    m.program("mv", "a", "b").rename("a", "b")
    told = m.assemble()
    assert told.generated == [("tool", "a"), ("mv a b", "b")]
    assert told.derived == [("b", "a", "rename")]
    assert told.invalidated == [("mv a b", "a", "rename")]
    assert told.lineage("b") == {"a", "raw.csv"}


@pytest.mark.parametrize("mover", ["tool", "mv"])
@pytest.mark.parametrize("how", ["rename", "link"])
def test_a_name_is_a_file_s_from_when_it_was_seen_there_on_if_that_is_told_later(
    mover: str, how: str
) -> None:
    m = Machine("raw.csv")
    p, reader = m.program("tool"), m.program("reader")
    p.read("raw.csv")
    p.write("part")
    q = p if mover == "tool" else m.program("mv")
    early = m.files[b"/p/part"]
    if how == "rename":
        m.files[b"/p/port"] = m.files.pop(b"/p/part")
    else:
        m.files[b"/p/port"] = early
    reader.read("port")
    q.say(Renamed if how == "rename" else Linked, b"/p/part", b"/p/port", early.stat())
    reader.write("out")
    told = m.assemble()
    assert {"port", "raw.csv"} <= told.lineage("out")
    assert told.lineage("port") == {"raw.csv"} | ({"part"} if mover == "mv" else set())


def test_renaming_over_a_file_replaces_it() -> None:
    m = Machine("out.csv")
    p = m.program("tool")
    p.write("tmp")
    p.rename("tmp", "out.csv")
    told = m.assemble()
    assert told.invalidated == [("tool", "out.csv", "replace")]
    assert told.of(Invalidated)[0].content.digest == "text:old out.csv"


def test_an_exchange_moves_both_ways() -> None:
    m = Machine("a", "b")
    p = m.program("swap")
    a, b = m.files[b"/p/a"], m.files[b"/p/b"]
    p.say(Renamed, b"/p/a", b"/p/b", a.stat(), b.stat(), exchange=True)
    told = m.assemble()
    assert told.derived == [("b", "a", "rename"), ("a", "b", "rename")]
    assert [made.content.digest for made in told.of(Generated)] == ["text:old a", "text:old b"]


def test_a_folders_move_moves_every_file_known_under_it() -> None:
    m = Machine("in/deep/x", "inner")
    p = m.program("tool")
    p.read("in/deep/x", "inner")
    p.write("in/y")
    m.program("mv", "in", "out").say(Renamed, b"/p/in", b"/p/out", directory=True)
    told = m.assemble()
    assert told.generated[1:] == [("mv in out", "out/deep/x"), ("mv in out", "out/y")]
    assert all(path in told.assembly.writes for path in (b"/p/in", b"/p/out", b"/p/out/y"))


def test_a_link_by_another_program_is_a_copy() -> None:
    m = Machine("a")
    m.program("ln", "a", "b").link("a", "b")
    told = m.assemble()
    assert told.generated == [("ln a b", "b")]
    assert told.derived == [("b", "a", "copy")]


def test_a_file_made_under_a_temporary_link_is_one_version() -> None:
    m = Machine()
    p = m.program("tool")
    p.write("a.tmp")
    p.link("a.tmp", "a")
    p.unlink("a.tmp")
    told = m.assemble()
    assert told.generated == [("tool", "a.tmp", "a")]
    assert told.invalidated == []


def test_a_nameless_file_takes_the_name_that_it_is_linked_to() -> None:
    m = Machine()
    p = m.program("tool")
    inode = m.inode()
    tick = p.say(Opened, 3, b"/p/#7 (deleted)", True, True, False, False, True, after=inode.stat())
    m.fill(inode, "content")
    p.say(Linked, b"", b"/p/out", inode.stat())
    p.say(Closed, 3, b"/p/out", tick, inode.stat())
    told = m.assemble()
    assert told.generated == [("tool", "out")]
    assert told.of(Generated)[0].content.digest == "text:content"


def test_a_deleted_temporary_file_was_there() -> None:
    m = Machine("raw.csv")
    p = m.program("tool")
    p.write("scratch")
    p.unlink("scratch")
    told = m.assemble()
    assert told.generated == [("tool", "scratch")]
    assert told.invalidated == [("tool", "scratch", "delete")]


def test_removed_and_made_again_is_two_versions_that_do_not_derive_from_each_other() -> None:
    m = Machine("a")
    p = m.program("tool")
    p.unlink("a")
    p.write("a")
    told = m.assemble()
    assert told.generated == [("tool", "a")]
    assert told.derived == []
    assert told.of(Invalidated)[0].content.digest == "text:old a"


# Phases


def test_what_is_read_after_an_output_was_finished_is_no_origin_of_it() -> None:
    m = Machine("a", "c")
    p = m.program("python3", "x.py")
    p.read("a")
    p.write("b")
    p.read("c")
    p.write("d")
    told = m.assemble()
    assert told.lineage("b") == {"a"}
    assert told.lineage("d") == {"a", "c"}
    assert told.commands == ["python3 x.py", "python3 x.py #1"]
    assert told.informed == {("python3 x.py #1", "python3 x.py", "continuation")}


def test_reading_back_an_own_output_makes_no_circle() -> None:
    m = Machine("a")
    p = m.program("tool")
    p.read("a")
    p.write("b")
    p.read("b")
    p.write("c")
    told = m.assemble()
    assert nx.is_directed_acyclic_graph(told.causes)
    assert told.lineage("c") == {"a", "b"}


def test_reading_again_what_was_known_opens_no_phase() -> None:
    m = Machine("config")
    p = m.program("tool")
    for name in "abc":
        p.read("config")
        p.write(name)
    assert m.assemble().commands == ["tool"]


def test_reading_the_environment_opens_no_phase() -> None:
    m = Machine("/usr/lib/x", "/usr/lib/y")
    p = m.program("tool")
    p.write("a")
    p.read("/usr/lib/x")
    p.write("b")
    told = m.assemble()
    assert told.commands == ["tool"]
    assert told.used == []
    assert told.assembly.environment_reads == [b"/usr"]


def test_very_many_phases_are_merged_from_the_oldest_on() -> None:
    m = Machine(*(f"in{i}" for i in range(3 * MOST)))
    p = m.program("tool")
    for i in range(3 * MOST):
        p.read(f"in{i}")
        p.write(f"out{i}")
    told = m.assemble()
    assert len(told.steps) <= MOST
    assert nx.is_directed_acyclic_graph(told.causes)
    last = 3 * MOST - 1
    assert told.lineage(f"out{last}") == {f"in{i}" for i in range(3 * MOST)}
    assert f"in{last}" not in told.lineage(f"out{last - 100}")
    assert "in20" not in told.lineage("out0")


def test_a_worker_that_handles_hundreds_of_files_makes_none_the_origin_of_those_before() -> None:
    m = Machine(*(f"in{i}" for i in range(400)))
    p = m.program("tool")
    for i in range(400):
        p.read(f"in{i}")
        p.write(f"out{i}")
    told = m.assemble()
    for i in range(0, 400, 57):
        assert told.lineage(f"out{i}") == {f"in{before}" for before in range(i + 1)}


def test_phases_that_pass_something_on_are_never_merged() -> None:
    m = Machine("seed")
    p = m.program("tool")
    p.read("seed")
    for i in range(100):
        p.write(f"step{i}")
        p.read(f"step{i}")
    told = m.assemble()
    assert nx.is_directed_acyclic_graph(told.causes)
    assert len(told.steps) == 101


def test_a_phases_id_stays_when_phases_are_merged() -> None:
    def ids(count: int) -> set[str]:
        m = Machine(*(f"in{i}" for i in range(2 * MOST)))
        p = m.program("tool")
        for i in range(count):
            p.read(f"in{i}")
            p.write(f"out{i}")
        return set(m.assemble().steps)

    few, many = ids(MOST - 4), ids(MOST + 6)
    assert len(few) == MOST - 4 and len(many) <= MOST
    assert len(few & many) > MOST - 14


def test_two_programs_that_hand_a_file_to_and_fro_make_no_circle() -> None:
    m = Machine("start")
    one, two = m.program("one"), m.program("two")
    one.read("start")
    for i in range(5):
        one.write(f"ping{i}")
        two.read(f"ping{i}")
        two.write(f"pong{i}")
        one.read(f"pong{i}")
    told = m.assemble()
    assert nx.is_directed_acyclic_graph(told.causes)
    assert told.lineage("pong4") >= {"start", "ping4", "pong3"}


# Pipes


def test_a_pipeline_is_joined_by_its_pipes_and_not_by_its_shell() -> None:
    m = Machine("a")
    shell = m.program("bash")
    one, two, three = pipeline(shell, ("cat", "a"), ("sort",), ("tee", "out"))
    one.read("a")
    three.write("out")
    for p in (one, two, three, shell):
        p.exit()
    told = m.assemble()
    assert told.informed == {("sort", "cat a", "pipe"), ("tee out", "sort", "pipe")}
    assert told.lineage("out") == {"a"}


def test_two_pipelines_at_once_do_not_mix() -> None:
    m = Machine("a", "b")
    shell = m.program("bash")
    one = pipeline(shell, ("cat", "a"), ("tee", "x"))
    two = pipeline(shell, ("cat", "b"), ("tee", "y"))
    two[0].read("b")
    one[0].read("a")
    two[1].write("y")
    one[1].write("x")
    told = m.assemble()
    assert told.lineage("x") == {"a"}
    assert told.lineage("y") == {"b"}


def test_what_a_command_substitution_prints_reaches_the_shell() -> None:
    m = Machine("a", "f")
    shell = m.program("bash")
    shell.write("before")
    pipe = m.pipe()
    child = shell.fork()
    child.plug(pipe.write())
    cat = child.exec("cat", "a")
    cat.read("a")
    cat.exit()
    shell.write("after")
    told = m.assemble()
    assert told.lineage("after") == {"a"}
    assert told.lineage("before") == set()
    assert ("bash #1", "cat a", "pipe") in told.informed


def test_a_substitution_that_reads_what_the_shell_wrote_makes_no_circle() -> None:
    m = Machine()
    shell = m.program("bash")
    shell.write("f")
    child = shell.fork()
    child.plug(m.pipe().write())
    cat = child.exec("cat", "f")
    cat.read("f")
    cat.exit()
    shell.write("g")
    told = m.assemble()
    assert nx.is_directed_acyclic_graph(told.causes)
    assert told.lineage("g") == {"f"}


def test_what_a_program_sends_to_its_child_and_reads_back_makes_no_circle() -> None:
    m = Machine("a")
    p = m.program("python3", "x.py")
    p.read("a")
    given, taken = m.pipe(), m.pipe()
    child = p.fork()
    child.plug(given.read())
    child.plug(taken.write())
    gzip = child.exec("gzip")
    gzip.write("note")
    gzip.exit()
    p.write("out")
    told = m.assemble()
    assert told.lineage("note") == {"a"}
    assert told.informed >= {
        ("gzip", "python3 x.py", "pipe"),
        ("python3 x.py #1", "gzip", "pipe"),
    }
    assert nx.is_directed_acyclic_graph(told.causes)


def test_the_pipe_that_the_run_itself_was_started_with_joins_nothing() -> None:
    m = Machine("a")
    outer = m.pipe()
    shell = m.program("bash", out=outer.write())
    cat = shell.spawn("cat", "a")
    cat.read("a")
    cat.exit()
    shell.write("b")
    told = m.assemble()
    assert told.lineage("b") == set()
    assert told.of(Informed) == []


def test_a_loop_that_reads_a_pipe_is_a_step() -> None:
    m = Machine("list")
    shell = m.program("bash")
    pipe = m.pipe()
    left = shell.fork()
    left.plug(pipe.write())
    cat = left.exec("cat", "list")
    cat.read("list")
    loop = shell.fork()
    loop.plug(pipe.read())
    loop.write("out")
    told = m.assemble()
    assert told.lineage("out") == {"list"}
    assert ("bash (fork)", "cat list", "pipe") in told.informed


def test_a_named_pipe_joins_those_who_open_it() -> None:
    m = Machine("a")
    fifo = m.inode()
    writer, reader = m.program("writer"), m.program("reader")
    writer.read("a")
    writer.say(Piped, 3, fifo.number, False, True)
    reader.say(Piped, 4, fifo.number, True, False)
    reader.write("out")
    assert m.assemble().lineage("out") == {"a"}


def test_a_socket_on_standard_descriptors_joins_child_and_parent() -> None:
    m = Machine("a")
    node = m.program("node", "x.js")
    inode = m.inode()
    child = node.fork()
    child.pipes[1] = Descriptor(1, "socket", True, True, inode.stat())
    cat = child.exec("cat", "a")
    cat.read("a")
    cat.exit()
    node.write("out")
    told = m.assemble()
    assert told.lineage("out") == {"a"}
    assert ("node x.js", "cat a", "socket") in told.informed


def test_a_pipe_with_thousands_of_ends_stays_linear() -> None:
    m = Machine("a")
    shell = m.program("bash")
    pipe = m.pipe()
    left, right = shell.fork(), shell.fork()
    left.plug(pipe.write())
    right.plug(pipe.read())
    for _ in range(100):
        writer, reader = left.spawn("cat", "a"), right.spawn("head")
        writer.read("a")
        reader.write("out")
        writer.exit()
        reader.exit()
    told = m.assemble()
    assert len(told.of(Informed)) < 1_000
    assert told.lineage("out") == {"a"}


def test_what_a_shell_pipes_in_by_itself_comes_from_the_shell() -> None:
    m = Machine("names")
    shell = m.program("dash", "run.sh")
    shell.read("names")
    shell.plug(m.pipe().read())
    cat = shell.spawn("cat")
    cat.write("here")
    told = m.assemble()
    assert told.lineage("here") == {"names"}


# Processes


def test_a_fork_that_works_is_a_step_informed_by_its_parents_past() -> None:
    m = Machine("config", "part", "later")
    p = m.program("bash", "x.sh")
    p.read("config")
    child = p.fork()
    child.read("part")
    child.write("out")
    child.exit()
    p.read("later")
    p.write("end")
    told = m.assemble()
    assert told.lineage("out") == {"config", "part"}
    assert told.lineage("end") == {"config", "later"}
    assert ("bash x.sh (fork)", "bash x.sh", "fork") in told.informed


def test_workers_with_memory_in_common_may_know_what_others_had_read_by_then() -> None:
    m = Machine("part1", "part2", "early")
    p = m.program("python3", "x.py")
    p.say(Memory, 0)
    p.read("early")
    p.write("before")
    workers = [p.fork(), p.fork()]
    for name, worker in zip(("part1", "part2"), workers, strict=True):
        worker.read(name)
        worker.write(f"{name}.out")
    p.write("after")
    told = m.assemble()
    assert told.lineage("before") == {"early"}
    assert told.lineage("after") == {"early", "part1", "part2"}
    assert told.lineage("part1.out") == {"early", "part1"}
    assert told.lineage("part2.out") == {"early", "part1", "part2"}


def test_a_fork_with_memory_in_common_may_know_what_its_parent_read_and_nothing_later() -> None:
    m = Machine("early", "first", "second", "late", "own")
    p = m.program("python3", "x.py")
    p.say(Memory, 0)
    p.read("early")
    worker, idle = p.fork(), p.fork()
    p.read("first")
    worker.read("own")
    worker.write("one")
    p.read("second")
    worker.write("two")
    p.read("late")
    worker.exit()
    idle.exit()
    told = m.assemble()
    assert told.lineage("one") == {"early", "own", "first"}
    assert told.lineage("two") == {"early", "own", "first", "second"}


def test_a_fork_without_memory_in_common_is_told_nothing_more_and_tells_nothing() -> None:
    m = Machine("first", "own")
    p = m.program("python3", "x.py")
    worker = p.fork()
    p.read("first")
    worker.read("own")
    worker.write("one")
    worker.exit()
    p.write("two")
    told = m.assemble()
    assert (told.lineage("one"), told.lineage("two")) == ({"own"}, {"first"})


def test_a_shell_tells_its_subshells_nothing_more() -> None:
    m = Machine("first")
    shell = m.program("bash")
    subshell = shell.fork()
    shell.read("first")
    subshell.write("one")
    assert m.assemble().lineage("one") == set()


def test_a_fork_that_begins_late_did_not_change_what_another_had_found_before() -> None:
    m = Machine("a", "b")
    shell = m.program("dash")
    out = shell.open("out", "w")
    moment = m.now()
    second = shell.fork()
    second.read("b")
    second.put(out, "b")
    first = shell.fork()
    # It was forked before, and looks only now.
    m.events[-1] = msgspec.structs.replace(m.events[-1], tick=moment)
    first.handles[out].opened = moment
    first.read("a")
    first.put(out, "b a")
    shell.close(out)
    for subshell in (second, first):
        subshell.close(out, wrote=True)
        subshell.exit()
    assert m.assemble().lineage("out") == {"a", "b"}


def test_a_fork_may_look_just_before_a_file_has_its_first_bytes() -> None:
    """The kernel sets the time of a file that is written to before its size."""
    m = Machine("a", "b")
    shell = m.program("mksh")
    out = shell.open("out", "w")
    moment = m.now()
    shell.read("b")
    inode = shell.handles[out].inode
    inode.modified = m.now()
    subshell = shell.fork()
    m.events[-1] = msgspec.structs.replace(m.events[-1], tick=moment, looked=m.now())
    subshell.handles[out].opened = moment
    inode.text, inode.size = "b", 1
    subshell.read("a")
    subshell.put(out, "a")
    for process in (subshell, shell):
        process.close(out, wrote=True)
        process.exit()
    assert m.assemble().lineage("out") == {"a", "b"}


def test_what_a_fork_looked_at_late_stands_in_the_order_of_time() -> None:
    m = Machine("a", "b")
    shell = m.program("mksh", "script")
    out = shell.open("out", "w", fd=1)
    job = shell.fork()
    shell.handles.pop(out)
    moment = m.now()
    cat = job.spawn("cat", "a")
    cat.read("a")
    cat.put(out, "a")
    cat.exit()
    later = job.fork()
    # It was forked before all that, and looks only now.
    m.events[-1] = msgspec.structs.replace(m.events[-1], tick=moment, looked=m.now())
    later.handles[out].opened = moment
    cat = later.spawn("cat", "b")
    cat.read("b")
    cat.put(out, "b")
    cat.exit()
    for process in (later, job):
        process.close(out, wrote=True)
        process.exit()
    shell.exit()
    assert m.assemble().lineage("out") == {"a", "b"}


def test_what_is_told_late_is_an_origin_of_what_was_told_before_of_later() -> None:
    m = Machine("a", "b", "c")
    shell = m.program("dash", "script")
    out = shell.open("out", "w", fd=1)
    job, other = shell.fork(), shell.fork()
    shell.read("a")
    shell.put(out, "a")
    cat = other.spawn("cat", "b")  # finds what the shell wrote, and says so at its end
    job.read("c")
    for process in (job, cat, other, shell):
        if process is cat:
            cat.read("b")
            cat.put(out, "b")
        process.close(out, wrote=True)
        process.exit()
    assert m.assemble().lineage("out") == {"a", "b", "c"}


def test_a_fork_reads_what_its_parent_had_written_by_then() -> None:
    m = Machine("a")
    p = m.program("python3", "x.py")
    out = p.open("out", "w+")
    p.put(out, "first")
    fork = p.fork()
    handle = fork.handles[out]
    fork.read("a")
    fork.put(out, " second")
    fork.write("out", "anew")
    stat = handle.inode.stat()
    fork.say(Drawn, out, handle.opened, stat.device, stat.inode)
    fork.close(out)
    told = m.assemble()
    read = {used.content.stat for used in told.of(Used) if used.uri == "out"}
    assert read and read <= {made.content.stat for made in told.of(Generated)}


def test_a_fork_reads_what_another_wrote_before_it_looked() -> None:
    m = Machine("a")
    p = m.program("python3", "x.py")
    kept = p.open("kept", "w+")
    writer = p.fork()
    moment = m.now()
    writer.read("a")
    writer.put(kept, "a")
    writer.close(kept, wrote=True)
    writer.exit()
    reader = p.fork()
    # It was forked before all that, and looks only now.
    m.events[-1] = msgspec.structs.replace(m.events[-1], tick=moment, looked=m.now())
    handle = reader.handles[kept]
    stat = handle.inode.stat()
    reader.say(Drawn, kept, moment, stat.device, stat.inode)
    reader.write("out")
    p.close(kept)
    assert m.assemble().lineage("out") == {"a", "kept"}


def test_a_program_may_write_beside_what_its_process_started_before() -> None:
    m = Machine("a", "b")
    shell = m.program("bash", "script")
    out = shell.open("out", "w", fd=1)
    subshell = shell.fork()
    job = subshell.fork()
    cat, other = subshell.exec("cat", "a"), job.exec("cat", "b")
    cat.read("a")
    other.read("b")
    cat.put(out, "a")
    other.put(out, "b")
    for process in (other, cat, shell):
        process.close(out, wrote=process is not shell)
        process.exit()
    assert m.assemble().lineage("out") == {"a", "b"}


def test_a_fork_that_spoke_has_written_its_output_beside_another_that_was_killed() -> None:
    m = Machine("a", "b")
    shell = m.program("bash", "script")
    subshell = shell.fork()
    out = subshell.open("out", "w", fd=1)
    subshell.fork()  # and killed
    subshell.read("a")
    subshell.put(out, "a")
    subshell.say(Executing, b"/usr/bin/cat", spoke=1 << 1)
    cat = subshell.image("cat", "b")
    cat.read("b")
    cat.put(out, "b")
    cat.close(out, wrote=True)
    cat.exit()
    shell.exit()
    assert m.assemble().lineage("out") == {"a", "b"}


def test_parts_written_by_forks_and_read_by_their_parent_make_no_circle() -> None:
    m = Machine("raw")
    p = m.program("python3", "x.py")
    p.read("raw")
    for name in ("part1", "part2"):
        child = p.fork()
        child.write(name)
        child.exit()
        p.read(name)
    p.write("out")
    told = m.assemble()
    assert told.lineage("out") == {"raw", "part1", "part2"}
    assert nx.is_directed_acyclic_graph(told.causes)


def test_a_subshell_that_only_starts_others_is_no_step() -> None:
    m = Machine("a")
    shell = m.program("bash")
    subshell = shell.fork()
    cat = subshell.spawn("cp", "a", "b")
    cat.read("a")
    cat.write("b")
    cat.exit()
    subshell.exit()
    shell.exit()
    told = m.assemble()
    assert told.commands == ["bash", "cp a b"]
    parents = {step.argv[0]: step.parent for step in told.of(StepSeen)}
    assert told.name(parents["cp"]) == "bash"


def test_programs_that_leave_no_trace_are_left_out_but_what_connects_stays() -> None:
    m = Machine("a")
    make = m.program("make")
    make.spawn("date").exit()
    shell = make.spawn("sh", "-c", "cp a b")
    cp = shell.spawn("cp", "a", "b")
    cp.read("a")
    cp.write("b")
    told = m.assemble()
    assert told.commands == ["make", "sh -c cp a b", "cp a b"]


def test_talk_that_reaches_nothing_is_left_out() -> None:
    m = Machine("run.sh", "a")
    shell = m.program("bash", "run.sh")
    shell.read("run.sh")
    child = shell.fork()
    child.plug(m.pipe().write())
    child.exec("dirname", "run.sh").exit()
    cp = shell.spawn("cp", "a", "b")
    cp.read("a")
    cp.write("b")
    told = m.assemble()
    assert told.commands == ["bash run.sh", "cp a b"]
    assert told.informed == set()


def test_the_root_stays_even_if_it_did_nothing() -> None:
    m = Machine()
    m.program("true").exit(3)
    told = m.assemble()
    assert told.commands == ["true"]
    assert told.of(StepSeen)[0].exit == 3


def test_a_program_that_only_becomes_another_is_left_out() -> None:
    m = Machine("a")
    p = m.program("env", "python3", "x.py")
    p.exec("python3", "x.py")
    p.read("a")
    told = m.assemble()
    assert told.commands == ["python3 x.py"]
    assert told.of(StepSeen)[0].parent == ""


def test_a_nested_run_is_started_by_the_step_that_started_it() -> None:
    m = Machine()
    m.program("true").exit()
    assert m.assemble(parent="s123").of(StepSeen)[0].parent == "s123"


def test_a_process_id_that_is_used_again_is_another_process() -> None:
    m = Machine("a", "b")
    shell = m.program("bash")
    one = shell.spawn("cp", "a", "x")
    one.read("a")
    one.write("x")
    one.exit()
    m.pids = one.pid - 1
    two = shell.spawn("cp", "b", "y")
    assert two.pid == one.pid
    two.read("b")
    two.write("y")
    two.exit()
    told = m.assemble()
    assert told.lineage("x") == {"a"}
    assert told.lineage("y") == {"b"}


def test_a_child_whose_parent_was_never_seen_descends_from_the_root() -> None:
    m = Machine("a")
    shell = m.program("bash")
    silent = Process(m, 4_000, shell)
    Process(m, 4_001, silent).image("cat").read("a")
    told = m.assemble()
    cat = next(step for step in told.of(StepSeen) if step.argv == ["cat"])
    assert told.name(cat.parent) == "bash"


def test_a_failed_exec_is_no_program() -> None:
    m = Machine("a")
    p = m.program("bash")
    p.say(Executing, b"/usr/bin/missing")
    p.say(ExecFailed, 2)
    p.read("a")
    told = m.assemble()
    assert told.commands == ["bash"]
    assert told.gaps == []


def test_an_untraced_program_is_a_gap_and_a_step_of_what_was_redirected() -> None:
    m = Machine("in")
    shell = m.program("bash")
    child = shell.fork()
    child.open("in", "r", fd=0)
    fd = child.open("out", "w", fd=1)
    child.say(Executing, b"/p/tool", [b"./tool", b"-v"], False, "static")
    child.put(fd, "x")
    told = m.assemble()
    assert told.gaps == ["static program not traced: tool"]
    assert told.lineage("out") == {"in", "tool"}
    assert "./tool -v" in told.commands


def test_what_the_backend_missed_is_said_once() -> None:
    m = Machine()
    p = m.program("tool")
    for _ in range(2):
        p.say(Missed, "io_uring")
    p.say(Missed, "cosmic-ray", b"/p/x")
    assert m.assemble().gaps == [
        "input and output by io_uring not seen",
        "cosmic ray: x",
    ]


def test_an_executed_step_tells_its_command_without_secrets_its_folder_and_its_time() -> None:
    m = Machine()
    m.program("load", "--password", "hunter2").exit(1)
    step = m.assemble().of(StepSeen)[0]
    assert step.argv == ["load", "--password", "[redacted]"]
    assert (step.cwd, step.program, step.exit, step.kind) == (".", "load", 1, "process")
    assert step.started.at == step.started.tick + 1_000_000
    assert step.ended is not None and step.ended.tick > step.started.tick


# Scripts and code


def test_an_interpreters_script_is_executed_and_its_modules_are_code() -> None:
    m = Machine("src/train.py", "src/util.py", "data.csv")
    p = m.program("python3", "-u", "src/train.py", "data.csv", executable="/usr/bin/python3.11")
    p.read("src/train.py", "src/util.py", "data.csv")
    told = m.assemble()
    assert told.roles == {"src/train.py": "script", "src/util.py": "code", "data.csv": "input"}
    assert told.of(StepSeen)[0].script == "src/train.py"


def test_a_compiled_module_stands_for_its_source() -> None:
    m = Machine("util.py", "__pycache__/util.cpython-311.pyc", "__pycache__/new.cpython-311.pyc")
    p = m.program("python3", "-c", "import util")
    p.read("__pycache__/util.cpython-311.pyc")
    p.write("__pycache__/new.cpython-311.pyc")
    told = m.assemble()
    assert told.roles == {"util.py": "code"}
    assert told.generated == []


def test_a_stale_compiled_module_and_its_source_are_one_use() -> None:
    m = Machine("util.py", "__pycache__/util.cpython-311.pyc")
    m.program("python3", "-m", "tool").read("__pycache__/util.cpython-311.pyc", "util.py")
    told = m.assemble()
    assert [used.content.digest for used in told.of(Used)] == ["text:old util.py"]


def test_an_interpreter_that_speaks_for_itself_is_believed() -> None:
    m = Machine("real.py", "lazy.py", "part.py")
    p = m.program("python3", "link.py")
    p.read("real.py", "part.py")
    p.write("out")
    p.say(Interpreted, b"/p/real.py", "", [b"/p/lazy.py"], {"param.rate": 0.1})
    told = m.assemble()
    assert told.roles == {"real.py": "script", "part.py": "code", "lazy.py": "code"}
    assert told.lineage("out") == {"real.py", "part.py", "lazy.py"}
    assert told.of(StepSeen)[0].properties == {"param.rate": 0.1}


def test_a_program_of_the_project_is_executed() -> None:
    m = Machine("build/tool")
    m.program("build/tool", executable="build/tool")
    told = m.assemble()
    assert told.roles == {"build/tool": "script"}
    assert told.of(StepSeen)[0].script == "build/tool"


def test_a_makefile_is_what_make_executes() -> None:
    m = Machine("Makefile", "rules.mk", "main.c")
    m.program("make", "-j2").read("Makefile", "rules.mk", "main.c")
    assert m.assemble().roles == {"Makefile": "script", "rules.mk": "code", "main.c": "input"}


# Noise


@pytest.mark.parametrize(
    "path",
    [
        "/usr/share/zoneinfo/UTC",
        "/etc/passwd",
        "/opt/conda/lib/python3.11/os.py",
        "/home/ann/.cache/pip/x",
        "/home/ann/.bashrc",
        "/data/lib/libx.so.3",
        "node_modules/x/index.js",
        ".venv/lib/python3.11/site-packages/sklearn/datasets/data/iris.csv",
        "env/pyvenv.cfg",
        "env/lib/x.py",
        ".git/HEAD",
    ],
)
def test_the_environment_is_no_input(path: str) -> None:
    m = Machine(path, "env/pyvenv.cfg")
    p = m.program("python3", executable="/opt/conda/bin/python3.11")
    p.read("env/pyvenv.cfg", path)
    p.write("out")
    told = m.assemble()
    assert told.used == []


@pytest.mark.parametrize(
    "path",
    [
        "/data/raw.csv",
        "/home/ann/data/x.csv",
        "/opt/data/x.csv",
        "/home/ann/.cache/huggingface/hub/models--bert/blobs/1",
        "lib/plugin.so",
        "bin/tool",
    ],
)
def test_data_is_an_input_wherever_it_lies(path: str) -> None:
    m = Machine(path)
    m.program("python3", executable="/opt/conda/bin/python3.11").read(path)
    uri = path if not path.startswith("/") else f"file://here{path}"
    assert m.assemble().used == [("python3", uri)]


def test_a_passing_file_of_one_process_in_tmp_is_left_out_and_one_that_is_handed_on_is_not() -> (
    None
):
    m = Machine("a")
    p = m.program("tool")
    p.read("a")
    p.write("/tmp/own")
    p.read("/tmp/own")
    p.unlink("/tmp/own")
    p.write("/tmp/handed")
    q = m.program("other")
    q.read("/tmp/handed")
    q.unlink("/tmp/handed")
    q.write("b")
    told = m.assemble()
    assert told.commands == ["tool", "other"]
    assert told.lineage("b") == {"a", "file://here/tmp/handed"}
    assert not any("own" in uri for uri in touched_uris(translate(told.records, "p")))  # type: ignore[arg-type]


# Shells that redirect first and then vfork


def vforked(shell: Process, *argv: str) -> Process:
    """A child that shares its parent's memory until it runs its program."""
    machine = shell.machine
    machine.pids += 1
    child = Process(machine, machine.pids, shell)
    child.say(Forked, shell.pid)
    return child.exec(*argv)


def test_what_a_shell_opened_for_one_command_is_that_commands() -> None:
    m = Machine("in.csv")
    shell = m.program("dash", "run.sh", executable="/usr/bin/dash")
    shell.open("in.csv", "r", fd=0)
    shell.open("out.csv", "w", fd=1)
    vforked(shell, "grep", "x").exit()
    shell.close(1)
    shell.close(0)
    shell.write("note")
    told = m.assemble()
    assert told.used == [("grep x", "in.csv")]
    assert told.generated == [("dash run.sh", "note"), ("grep x", "out.csv")]


def test_what_a_shell_reads_between_its_commands_is_also_its_own() -> None:
    m = Machine("list")
    shell = m.program("dash", "run.sh", executable="/usr/bin/dash")
    shell.open("list", "r", fd=0)
    for _ in range(2):
        vforked(shell, "head").exit()
    shell.close(0)
    shell.write("note")
    assert m.assemble().lineage("note") == {"list"}


def test_an_untraced_program_has_what_its_shell_opened_for_it() -> None:
    m = Machine("in", "run.sh")
    shell = m.program("dash", "run.sh", executable="/usr/bin/dash")
    shell.open("run.sh", "r", fd=10)
    shell.open("in", "r", fd=0)
    out = shell.open("out", "w", fd=1)
    child = Process(m, 900, shell)
    child.say(Forked, shell.pid)
    child.say(Executing, b"/p/tool", [b"./tool"], False, "go")
    shell.put(out, "result")
    shell.close(1)
    shell.close(0)
    shell.exit()
    told = m.assemble()
    assert told.lineage("out") == {"in", "tool"}
    assert ("dash run.sh", "in") not in told.used


# Any order, any size


def test_the_order_in_which_processes_are_told_does_not_matter() -> None:
    m = Machine("a")
    shell = m.program("bash")
    one, two = pipeline(shell, ("cat", "a"), ("tee", "b"))
    one.read("a")
    two.write("b")
    one.exit()
    two.exit()
    shell.exit()
    by_process = sorted(m.events, key=lambda event: -event.pid)
    assert m.assemble(by_process).records == m.assemble().records


def test_nothing_at_all_is_no_record() -> None:
    assert Machine().assemble().records == []


def test_very_many_phases_are_what_they_were_when_they_are_held_as_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by = Execution(Life(1, 0), 0, 0, 0, b"/")
    heard = Inform(by, by, "pipe", 3)
    made = [
        Phase(by, 3 * n, n, n % 4, [heard] if n % 3 == 1 else None, n or None, 7) for n in range(9)
    ]
    monkeypatch.setattr(phases, "MANY", 4)
    known = Phases()
    for phase in made:
        known.append(phase)
    fields = msgspec.structs.astuple
    assert list(map(fields, known)) == list(map(fields, made))
    assert (len(known), fields(known[-1]), fields(known[2])) == (
        9,
        fields(made[8]),
        fields(made[2]),
    )
    assert phases.phase_at(known, 5).started == 5


def test_two_who_create_one_file_at_once_have_both_written_it() -> None:
    m = Machine("a", "b")
    p, q = m.program("first"), m.program("second")
    p.read("a")
    q.read("b")
    ours = p.open("log", "a")
    theirs = q.open("log", "a")
    m.events[-1] = msgspec.structs.replace(m.events[-1], created=True, before=None)
    p.put(ours, "1")
    p.close(ours)
    q.put(theirs, "2")
    q.close(theirs)
    assert m.assemble().lineage("log") == {"a", "b"}


def test_who_finds_written_what_it_believes_to_have_created_goes_on_with_it() -> None:
    m = Machine("a", "b")
    p, q = m.program("first"), m.program("second")
    p.read("a")
    p.write("log", "1", "a")
    q.read("b")
    theirs = q.open("log", "a")
    m.events[-1] = msgspec.structs.replace(m.events[-1], created=True, before=None)
    q.put(theirs, "2")
    q.close(theirs)
    assert m.assemble().lineage("log") == {"a", "b"}


def test_a_rename_between_two_names_of_one_file_leaves_both() -> None:
    m = Machine("a")
    p = m.program("tool")
    p.read("a")
    p.write("x")
    p.link("x", "y")
    stat = m.files[b"/p/x"].stat()
    p.say(Renamed, b"/p/x", b"/p/y", stat, stat)
    p.unlink("y")
    told = m.assemble()
    assert told.generated == [("tool", "x")]
    assert told.lineage("x") == {"a"}
