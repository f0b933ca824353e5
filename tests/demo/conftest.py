"""The demo, made and run by `provgraph demo` as the manual says, once for all its tests."""

from __future__ import annotations

import pytest
from manual.pages import ROOT, Desk, followed

from provgraph import demo
from provgraph.demo import truth

PAGE = ROOT / "docs/forget-a-customer.md"
FOLLOWED = "tests/demo/test_forgotten_customer.py"
PLANTED = 77123.25
"""What 4711 pays a month, and nobody else."""


@pytest.fixture(scope="session")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A terminal in it. One customer was given something to be known by before."""
    home = tmp_path_factory.mktemp("demonstrated")
    folder = home / ".demo"
    demo.prepare(folder)
    table = folder / "data/raw/customers.csv"
    rows = table.read_text().splitlines()
    place = next(n for n, row in enumerate(rows) if row.startswith(f"{truth.CUSTOMER},"))
    cells = rows[place].split(",")
    assert cells[1] == "Ada Bakker"
    cells[4] = str(PLANTED)
    rows[place] = ",".join(cells)
    table.write_text("\n".join((*rows, "")))
    desk = Desk(home, folder)
    # Once made, matplotlib's list of fonts is the same for every run.
    status, seen = desk.type("provgraph init && python -c 'import matplotlib.font_manager'")
    assert status == 0, seen
    desk.folder = home
    followed(PAGE.read_text("utf-8").partition("**1. ")[0], desk, FOLLOWED)
    assert desk.folder == folder
    return desk
