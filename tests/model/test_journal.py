"""Segments are read as far as they can be trusted, and say so."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from provgraph.errors import JournalError
from provgraph.model.journal import MAGIC, SegmentWriter, frame, read_segment, segments
from provgraph.model.records import (
    Annotated,
    CommitSeen,
    Committed,
    ComponentSeen,
    Content,
    Derived,
    EnvironmentSeen,
    Generated,
    Informed,
    Invalidated,
    Name,
    Record,
    RunEnded,
    RunStarted,
    Stat,
    StepSeen,
    Used,
    When,
)

WHEN = When(1_700_000_000_000_000_000, 5, "0123abcd", "here")
CONTENT = Content("blake3:" + "ab" * 32, "git:" + "cd" * 20, 12, Stat(1, 2, 12, 3, 4))
ONE_OF_EACH: list[Record] = [
    RunStarted("r1", ["sh", "a.sh"], ".", WHEN, "me", "Me", "me@example.org", "f" * 40, True),
    EnvironmentSeen("e1", "env", "3.12.1", "Linux", ["numpy==2.1"], {"prop.x": 1}),
    StepSeen("s1", "r1", ["sh", "a.sh"], ".", WHEN, WHEN, "sh", "a.sh", 7, exit=0),
    Used("s1", "in.csv", WHEN, CONTENT),
    Generated("s1", "v1", [Name("t.tmp", WHEN), Name("out.csv", WHEN)], CONTENT),
    Derived("v1", "out.csv", WHEN, Content(), "append"),
    Invalidated("s1", "old.csv", WHEN, CONTENT),
    Informed("s1", "s0", "pipe", WHEN),
    CommitSeen("f" * 40, ["e" * 40], "Me", "me@example.org", 1, 2, "message"),
    Committed("f" * 40, "in.csv", "git:" + "cd" * 20, 2),
    RunEnded("r1", WHEN, 0, "", "complete", [], {"param.depth": 6}),
]

"""What the first version wrote."""
SINCE: list[Record] = [
    Annotated("v1", "Version", "flag", WHEN, "", "odd", "Me", "me@x", "out.csv", WHEN, CONTENT),
    Annotated("r1", "Run", "tag", WHEN, "stage", True),
    ComponentSeen("train", WHEN, "r1", "fits", "me", {"tier": 1}),
    Generated("s1", "v2", [Name("prediction://1", WHEN)], CONTENT, properties={"prop.score": 0.5}),
]


def written(folder: Path, records: list[Record] = ONE_OF_EACH) -> Path:
    with SegmentWriter(folder, "project", "one") as writer:
        for record in records:
            writer.write(record)
    return writer.path


def test_every_record_comes_back_as_it_was(tmp_path: Path) -> None:
    segment = read_segment(written(tmp_path, [*ONE_OF_EACH, *SINCE]))
    assert segment.records == [*ONE_OF_EACH, *SINCE]
    assert (segment.condition, segment.lost) == ("whole", 0)
    assert segment.header.project == "project"


def test_the_first_versions_segment_is_still_read() -> None:
    segment = read_segment(Path(__file__).parent / "journal-v1.segment")
    assert segment.records == ONE_OF_EACH
    assert segment.condition == "whole"


def test_a_segment_is_private(tmp_path: Path) -> None:
    assert written(tmp_path).stat().st_mode & 0o777 == 0o600


def test_a_segment_cut_anywhere_gives_a_prefix_of_its_records(tmp_path: Path) -> None:
    whole = written(tmp_path).read_bytes()
    cut = tmp_path / "cut.segment"
    conditions = set()
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        try:
            segment = read_segment(cut)
        except JournalError:
            assert length < 120  # not even the header is whole
            continue
        assert segment.records == ONE_OF_EACH[: len(segment.records)]
        conditions.add(segment.condition)
    assert conditions == {"torn", "open"}


def test_a_flipped_bit_ends_reading_before_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    segment = read_segment(path)
    assert segment.condition == "damaged"
    assert 0 < len(segment.records) < len(ONE_OF_EACH)
    assert segment.lost > 0


def test_what_is_no_segment_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.segment"
    path.write_bytes(b"something else")
    with pytest.raises(JournalError, match="not a journal segment"):
        read_segment(path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    import msgspec

    path = tmp_path / "x.segment"
    header = {"format": 99, "project": "p", "name": "x", "created": 0}
    path.write_bytes(MAGIC + frame(msgspec.msgpack.encode(header)))
    with pytest.raises(JournalError, match="format 99"):
        read_segment(path)


def test_an_unknown_record_type_is_passed_over(tmp_path: Path) -> None:
    import msgspec

    with SegmentWriter(tmp_path, "p", "x") as writer:
        writer.write(ONE_OF_EACH[0])
        writer._buffer += frame(msgspec.msgpack.encode({"t": "of-the-future", "x": 1}))
        writer.write(ONE_OF_EACH[1])
    assert read_segment(writer.path).records == ONE_OF_EACH[:2]


def test_two_writers_never_share_a_segment(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(JournalError, match="cannot be written"):
        written(tmp_path)


def test_a_full_disk_is_an_error_in_words(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, "p", "x")
    os.dup2(os.open("/dev/full", os.O_WRONLY), writer._file)
    writer.write(ONE_OF_EACH[0])
    with pytest.raises(JournalError, match="No space left"):
        writer.flush()


def test_a_full_disk_leaves_no_part_of_a_record(tmp_path: Path) -> None:
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from provgraph.model.journal import SegmentWriter\n"
        "from provgraph.model.records import Informed\n"
        "writer = SegmentWriter(Path(sys.argv[1]), 'p', 'x')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))\n"
        "for n in range(1000):\n"
        "    writer.write(Informed('step', f'cause-{n}', 'pipe'))\n"
        "    writer.flush()\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "File too large" in done.stderr
    segment = read_segment(tmp_path / "x.segment")
    assert (segment.condition, segment.lost) == ("open", 0)
    assert len(segment.records) > 5


def test_a_segment_that_cannot_be_begun_leaves_no_file(tmp_path: Path) -> None:
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from provgraph.model.journal import SegmentWriter\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"  # refuses every write, as a full disk does
        "SegmentWriter(Path(sys.argv[1]), 'p', 'x')\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "JournalError" in done.stderr and "cannot be written" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_was_flushed_survives_kill_9(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from provgraph.model.journal import SegmentWriter\n"
        "from provgraph.model.records import Informed\n"
        "writer = SegmentWriter(Path(sys.argv[1]), 'p', 'x')\n"
        "for n in range(1000):\n"
        "    writer.write(Informed(str(n), 'b', 'pipe'))\n"
        "    writer.flush()\n"
        "print('written', flush=True)\n"
        "time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    segment = read_segment(tmp_path / "x.segment")
    assert (segment.condition, len(segment.records)) == ("open", 1000)


def test_segments_are_listed_by_name_and_none_where_there_is_no_folder(tmp_path: Path) -> None:
    assert segments(tmp_path / "none") == []
    (tmp_path / "b.segment").touch()
    (tmp_path / "a.segment").touch()
    (tmp_path / "other").touch()
    assert [path.name for path in segments(tmp_path)] == ["a.segment", "b.segment"]
