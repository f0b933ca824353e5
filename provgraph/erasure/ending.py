"""The end of a request: looked for what remains, a receipt written, the request's own files cleared."""

from __future__ import annotations

import msgspec

from provgraph.erasure.execution import Prepared, taken_up_later
from provgraph.erasure.plan import Plan
from provgraph.erasure.receipt import Receipt, page, read, written
from provgraph.erasure.requests import Folder, Kept
from provgraph.erasure.verification import remains
from provgraph.graph import Graph


def ended(graph: Graph, folder: Folder, plan: Plan, prepared: Prepared) -> Receipt:
    """Verify, sign, clear; returns the receipt. Raises `KeyMissing`, `StoreError`."""
    with taken_up_later(folder):
        folder.keep(_kept(prepared))
        receipt = written(graph, folder, plan, prepared, remains(graph, folder, prepared))
        folder.write("receipt.html", page(receipt).encode())
        folder.write("receipt.json", msgspec.json.format(msgspec.json.encode(receipt), indent=2))
        return cleared(folder)


def _kept(prepared: Prepared) -> list[Kept]:
    lines = (each.line for each in prepared.outcomes if each.what == "left")
    return [Kept(line.version, line.name) for line in lines if line.do == "keep" and line.version]


def cleared(folder: Folder) -> Receipt:
    """Take out of a request's own files what was erased, when there is a receipt; may be done again
    after a kill. What is left to be done by hand stays named there. Raises `StoreError`."""
    receipt = read(folder.read("receipt.json"))
    folder.clear(bare=not receipt.by_hand)
    if "receipt" not in folder.done():
        folder.log("receipt", complete=receipt.is_complete)
    return receipt
