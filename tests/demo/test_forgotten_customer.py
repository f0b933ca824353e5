"""A customer of the demo, forgotten from end to end: nothing of them is left, and the rest is as it was.

What is typed is what `docs/forget-a-customer.md` says.
"""

from __future__ import annotations

import json
import pickle
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3
from demo.conftest import FOLLOWED, PAGE, PLANTED
from manual.pages import Desk, followed
from manual.test_pages import compare

from provgraph import demo
from provgraph.demo import truth
from provgraph.subjects.keys import Key

pytestmark = [
    pytest.mark.skipif(shutil.which("unshare") is None, reason="no `unshare` here"),
    pytest.mark.timeout(900),  # the demo is made and run in it
]

MARKS = (str(PLANTED).encode(), struct.pack("<d", PLANTED), b"Ada Bakker", b"client:4711")

Cli = Callable[..., str]


@pytest.fixture
def desk(demonstrated: Desk, tmp_path: Path) -> Desk:
    """A terminal in a copy of the demo."""
    shutil.copytree(demonstrated.home, tmp_path / "home", symlinks=True)
    return Desk(tmp_path / "home", tmp_path / "home/.demo")


@pytest.fixture
def cli(desk: Desk) -> Cli:
    def call(words: str, status: int = 0) -> str:
        ended, seen = desk.type(f"provgraph {words}")
        assert ended == status, (words, seen)
        return seen

    return call


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
    desk: Desk, cli: Cli
) -> None:
    project = desk.folder
    made, told, planned, done = re.split(r"(?=\*\*[145]\. )", PAGE.read_text("utf-8"))
    told = followed(told, desk, FOLLOWED)

    before = files(project)
    assert where(before, MARKS[0]) == ["data/customers/north.csv", "data/raw/customers.csv"]
    assert where(before, MARKS[1]) == ["models/churn-north.pkl"], "the model holds a copy of them"
    (key,) = (desk.home / ".config/provgraph/keys").glob("*.key")
    mac = Key(bytes.fromhex(key.read_text().split()[1])).hashed(f"client:{truth.CUSTOMER}")
    assert where(before, mac) == [".provgraph/subjects.db"]
    digests = {name: blake3(before[name]).hexdigest().encode() for name in truth.OF_CUSTOMER}
    assert all(where(before, digest) for digest in digests.values())
    found = json.loads(cli(f"subject report client:{truth.CUSTOMER} --json"))["found"]
    told_of = {line["properties"]["name"] for line in found if line["part"] != "came from"}
    assert told_of == truth.OF_CUSTOMER

    planned = followed(planned, desk, FOLLOWED)
    plan = json.loads(cli("forget show e1 --json"))["plan"]
    assert {line["name"] for line in plan["lines"]} == truth.OF_CUSTOMER
    assert [rerun["argv"] for rerun in plan["reruns"]] == [list(demo.CUSTOMERS)]

    done = followed(done, desk, FOLLOWED)
    compare(PAGE, f"{made}{told}{planned}{done}")
    after = files(project)
    raw = (bytes.fromhex(digest.decode()) for digest in digests.values())
    for needle in (*MARKS, mac, mac.hex().encode(), *digests.values(), *raw):
        assert where(after, needle) == []
    assert not [path.name for path in desk.home.iterdir() if "erasure" in path.name]
    report = json.loads(cli(f"subject report client:{truth.CUSTOMER} --json"))
    assert report == {"found": [], "unread": []}
    question = f"""ask 'subject "client:{truth.CUSTOMER}" | impact'"""
    assert "no content has that subject" in cli(question, status=3)

    for name in (*truth.NOT_OF_CUSTOMER, *(n for n in before if n.startswith("src/"))):
        assert after[name] == before[name], name
    model = pickle.loads(after["models/churn-north.pkl"])
    assert model.n_samples_fit_ == 39
    states = json.loads(cli("""ask 'file "models/churn-north.pkl"@all | select state' --json"""))
    assert sorted(row["state"] for row in states) == ["erased", "present"]
    made_from = json.loads(cli("""ask 'file "models/churn-north.pkl"@1 | lineage' --json"""))
    assert {"src/churn.py", "src/regions.py"} <= {row.get("name") for row in made_from}
