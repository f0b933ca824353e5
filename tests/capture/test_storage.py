"""Is a project recorded rightly whatever file system it lies on? Each is made here, and mounted (Debian's packages
`xfsprogs` and `btrfs-progs`)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from capture.test_where_it_runs import lineage
from capture.workspace import Workspace, environment

from provgraph.config import create_project

WORK = f"""set -e
sort in > sorted
cp --reflink=auto in copied
cat low >> sorted
sed -i s/low/LOW/ low
mv low moved
ln sorted second
{sys.executable} -c '
import mmap
with open("mapped", "w+b") as file:
    file.truncate(8192)
    with mmap.mmap(file.fileno(), 0) as memory:
        memory[:2] = open("copied", "rb").read(2)
'
chmod 600 deep/low
cat second mapped moved deep/low > all
"""


@contextmanager
def mounted(*command: str | Path, at: Path) -> Iterator[Path]:
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", *command, at], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", at], check=True)


@contextmanager
def made(kind: str, folder: Path) -> Iterator[Path]:
    """A folder on a file system of that kind, with two files, which of an overlay are in the lower layer."""
    folder.mkdir(exist_ok=True)
    if kind == "overlay":
        layers = {name: folder / name for name in ("lowerdir", "upperdir", "workdir")}
        for layer in layers.values():
            layer.mkdir()
        (layers["lowerdir"] / "deep").mkdir()
        for name in ("low", "deep/low"):
            (layers["lowerdir"] / name).write_text("low\n")
        options = ",".join(f"{name}={layer}" for name, layer in layers.items())
        with mounted("-t", kind, "-o", options, kind, at=folder / "project") as there:
            yield there
        return
    image = folder / "image"
    with image.open("wb") as disk:
        disk.truncate(400 << 20)
    subprocess.run([f"/sbin/mkfs.{kind}", "-q", image], check=True)
    with mounted("-o", "loop", image, at=folder / "project") as there:
        (there / "deep").mkdir()
        for name in ("low", "deep/low"):
            (there / name).write_text("low\n")
        yield there


@pytest.mark.parametrize("front", ["python", "native"])
@pytest.mark.parametrize("kind", ["xfs", "btrfs", "overlay"])
def test_the_lineage_of_a_project_on(
    kind: str, front: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with made(kind, tmp_path) as root:
        (root / "in").write_text("in\n")
        native = [str(request.getfixturevalue("native_front"))] if front == "native" else None
        workspace = Workspace(create_project(root), environment(), native)
        done = workspace.run("sh", "-c", WORK)
        assert done.returncode == 0, done.stderr
        assert lineage(workspace, "moved") == {"low"}
        assert lineage(workspace, "mapped") == {"copied", "in"}
        assert lineage(workspace, "all") >= {"second", "sorted", "mapped", "moved", "deep/low"}
        assert (workspace.ended.verdict, workspace.ended.gaps) == ("complete", [])


def test_a_subvolume_and_its_snapshot(workspace: Workspace, tmp_path: Path) -> None:
    """Each has device and inodes of its own. That the snapshot was made no program is seen to do."""
    with made("btrfs", tmp_path / "disk") as root:
        there = Workspace(create_project(root), environment(), workspace.provgraph)
        subprocess.run(["btrfs", "-q", "subvolume", "create", root / "data"], check=True)
        (root / "data/a").write_text("x\n")
        line = (
            "cp --reflink=always data/a b; mv b c; sort c > data/d;"
            " btrfs -q subvolume snapshot data then; cat then/a > e"
        )
        done = there.run("sh", "-ec", line)
        assert done.returncode == 0, done.stderr
        assert lineage(there, "data/d") == {"data/a", "b", "c"}
        assert "then/a" in lineage(there, "e")
        assert there.ended.gaps == ["2 files changed by a program that was not seen"]
