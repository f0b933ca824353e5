"""A customer of the demo, forgotten from end to end: nothing of them is left, and the rest is as it was."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from provgraph import demo
from provgraph.demo import truth
from provgraph.subjects.keys import Key

pytestmark = pytest.mark.skipif(shutil.which("unshare") is None, reason="no `unshare` here")

PLANTED = 77123.25
"""What 4711 pays a month, and nobody else."""
MARKS = (str(PLANTED).encode(), struct.pack("<d", PLANTED), b"Ada Bakker", b"client:4711")

Cli = Callable[..., str]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    def call(*words: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "provgraph", *words],
            cwd=tmp_path / "project",
            env=demo.environment() | {"XDG_CONFIG_HOME": str(tmp_path / "config")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr if status else done.stdout

    return call


@pytest.fixture
def project(tmp_path: Path, cli: Cli) -> Path:
    """The demo after its customers were looked at, with rules that say where their numbers stand."""
    folder = tmp_path / "project"
    demo.prepare(folder)
    table = folder / "data/raw/customers.csv"
    rows = table.read_text().splitlines()
    place = next(n for n, row in enumerate(rows) if row.startswith(f"{truth.CUSTOMER},"))
    cells = rows[place].split(",")
    assert cells[1] == "Ada Bakker"
    cells[4] = str(PLANTED)
    rows[place] = ",".join(cells)
    table.write_text("\n".join((*rows, "")))
    cli("run", "--", *demo.CUSTOMERS)
    cli("ingest", "git")
    for dataset in ("data/raw/customers.csv", "data/customers/*.csv"):
        cli("subject", "add", dataset, "--column", "user_id", "--prefix", "client:")
    with open(folder / "provgraph.toml", "a") as settings:
        settings.write(
            f"\n[erasure]\napprovals = 1\n{cli('forget', 'key').replace('NAME', 'mira')}"
        )
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, with what lies in each file."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def where(found: dict[str, bytes], needle: bytes) -> list[str]:
    return [name for name, held in found.items() if needle in held]


def test_a_customer_is_forgotten_and_the_model_is_made_again_without_them(
    project: Path, cli: Cli, tmp_path: Path
) -> None:
    before = files(project)
    assert where(before, MARKS[0]) == ["data/customers/north.csv", "data/raw/customers.csv"]
    assert where(before, MARKS[1]) == ["models/churn-north.pkl"], "the model holds a copy of them"
    (key,) = (tmp_path / "config/provgraph/keys").glob("*.key")
    mac = Key(bytes.fromhex(key.read_text().split()[1])).hashed(f"client:{truth.CUSTOMER}")
    assert where(before, mac) == [".provgraph/subjects.db"]
    digests = {name: blake3(before[name]).hexdigest().encode() for name in truth.OF_CUSTOMER}
    assert all(where(before, digest) for digest in digests.values())

    found = json.loads(cli("subject", "report", f"client:{truth.CUSTOMER}", "--json"))["found"]
    told = {line["properties"]["name"] for line in found if line["part"] != "came from"}
    assert told == truth.OF_CUSTOMER

    plan = json.loads(cli("forget", f"client:{truth.CUSTOMER}", "--json"))["plan"]
    assert {line["name"] for line in plan["lines"]} == truth.OF_CUSTOMER
    assert [rerun["argv"] for rerun in plan["reruns"]] == [list(demo.CUSTOMERS)]
    cli("forget", "approve", "e1")
    assert "e1 is carried out, complete" in cli("forget", "execute", "e1", "--consent")
    assert "genuine" in cli("receipt", "verify", ".provgraph/erasure/e1/receipt.json")

    after = files(project)
    raw = (bytes.fromhex(digest.decode()) for digest in digests.values())
    for needle in (*MARKS, mac, mac.hex().encode(), *digests.values(), *raw):
        assert where(after, needle) == []
    assert not [path.name for path in tmp_path.iterdir() if "erasure" in path.name]
    report = json.loads(cli("subject", "report", f"client:{truth.CUSTOMER}", "--json"))
    assert report == {"found": [], "unread": []}
    question = f'subject "client:{truth.CUSTOMER}" | impact'
    assert "no content has that subject" in cli("ask", question, status=3)

    for name in (*truth.NOT_OF_CUSTOMER, *(n for n in before if n.startswith("src/"))):
        assert after[name] == before[name], name
    model = pickle.loads(after["models/churn-north.pkl"])
    assert model.n_samples_fit_ == 39
    states = json.loads(cli("ask", 'file "models/churn-north.pkl"@all | select state', "--json"))
    assert sorted(row["state"] for row in states) == ["erased", "present"]
    made_from = json.loads(cli("ask", 'file "models/churn-north.pkl"@1 | lineage', "--json"))
    assert {"src/churn.py", "src/regions.py"} <= {row.get("name") for row in made_from}
