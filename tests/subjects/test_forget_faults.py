"""What goes wrong while somebody is forgotten is told, loses nothing, and can be mended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from subjects.conftest import Cli
from subjects.test_forget import bytes_of, signed

from provgraph.erasure.scratch import apart

pytestmark = pytest.mark.skipif(shutil.which("unshare") is None, reason="no `unshare` here")


@pytest.fixture
def approved(captured: Path, cli: Cli) -> Path:
    signed(captured, cli)
    return captured


SCRIPT = """
set -eu
python=$1 project=$2 disk=$3
execute() {
    status=0
    "$python" -m provgraph forget execute e1 --consent > "$project.said" 2>&1 || status=$?
    echo "status $status: $(tr '\\n' ' ' < "$project.said")"
    echo "has $(cksum < raw/users.csv) $(cksum < models/b.json)"
}
mount -t tmpfs -o size=64m tmpfs "$disk"
cp -a "$project" "$disk/project"
cd "$disk/project"
full() {
    free=$(df --output=avail -k "$disk" | tail -1)
    head -c $(((free - $1) * 1024)) /dev/zero > "$disk/ballast"
    execute
    rm "$disk/ballast"
}
full 600
mount --bind raw raw
mount -o remount,bind,ro raw
execute
umount raw
full 64
execute
cp -a raw models out "$project"
"""
"""A disk that is full from the beginning, a folder that cannot be written, a disk that is full when files
have been changed already, and then everything as it should be."""


def test_a_full_disk_and_a_missing_right_lose_nothing_and_it_is_taken_up_after_them(
    approved: Path, tmp_path: Path
) -> None:
    def sums() -> str:
        shown = "echo $(cksum < raw/users.csv) $(cksum < models/b.json)"
        return subprocess.check_output(["sh", "-c", shown], cwd=approved, text=True).strip()

    (approved / "raw/picture").write_bytes(bytes(2_000_000))
    before = sums()
    (tmp_path / "disk").mkdir()
    words = [*apart(network=True), "sh", "-c", SCRIPT, "sh", sys.executable]
    done = subprocess.run(
        [*words, str(approved), str(tmp_path / "disk")],
        env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path / "config")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("status")]
    held = [
        line.removeprefix("has ") for line in done.stdout.splitlines() if line.startswith("has")
    ]
    assert len(told) == 4
    *failed, last = told
    assert last.startswith("status 0:") and "complete" in last
    for line in failed:
        assert not line.startswith("status 0") and "Traceback" not in line, line
        assert "complete" not in line
    assert "No space left" in failed[0] and "nothing was changed" in failed[0]
    assert "Read-only file system" in failed[1] and "takes it up" in failed[1]
    assert any(word in failed[2] for word in ("No space left", "full", "disk I/O error")), failed
    after = sums()
    assert held[-1] == after != before
    for sum in held:
        assert set(sum.split()) <= set(before.split()) | set(after.split()), (
            "one whole or the other"
        )


def test_without_the_key_that_signs_nothing_is_begun(
    approved: Path, cli: Cli, tmp_path: Path
) -> None:
    before = bytes_of(approved / "raw")
    key = tmp_path / "config/provgraph/approver.pem"
    kept = key.read_bytes()
    key.unlink()
    done = cli("forget", "execute", "e1", "--consent", check=False)
    assert (done.returncode, "no signing key" in done.stderr) == (5, True), done.stderr
    for name in (tmp_path / "config/provgraph/keys").glob("*.key"):
        name.rename(name.with_suffix(".away"))
    key.write_bytes(kept)
    done = cli("forget", "execute", "e1", "--consent", check=False)
    assert (done.returncode, "the key of the subject index" in done.stderr) == (5, True)
    assert bytes_of(approved / "raw") == before


def test_a_file_that_was_removed_or_changed_since_makes_the_plan_void(
    approved: Path, cli: Cli
) -> None:
    table = approved / "work/b.csv"
    kept = table.read_bytes()
    for change in (lambda: table.unlink(), lambda: table.write_bytes(kept + b"u4,1\n")):
        change()
        done = cli("forget", "execute", "e1", "--consent", check=False)
        assert (done.returncode, "the graph changed" in done.stderr) == (1, True), done.stderr
    table.write_bytes(kept)
    assert "e1: 5 lines" in cli("forget", "execute", "e1", "--dry-run").stdout
