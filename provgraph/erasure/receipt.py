"""What was asked, found, done and kept, and what remains: signed, and as a page to print.

The signature is Ed25519 over the canonical JSON of the receipt (keys sorted, no blanks) without the
signature. `log` is the hash of the last line of the request's log, which holds all lines before it.
"""

from __future__ import annotations

import html
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, assert_never

import msgspec

from provgraph import __version__
from provgraph.erasure import approvals
from provgraph.erasure.copies import Copy
from provgraph.erasure.execution import CHANGED, SHARED, Outcome, Prepared, part_name
from provgraph.erasure.plan import Plan
from provgraph.erasure.requests import Folder
from provgraph.errors import UsageError
from provgraph.graph import Graph
from provgraph.model.erased import Mapped, scrubbed

FORMAT: Final = 1
_CONTEXT: Final = b"provgraph receipt 1\0"
_DONE: Final = {
    "redact": "written again without the rows",
    "rebuild": "made again without the data",
    "erase": "erased",
    "forget": "its file was gone; what the graph said of it was erased",
}
_LEFT: Final = "somebody changed it while this was carried out, and it was left as it is: see whether it has the data"


class Item(msgspec.Struct, frozen=True):
    """A version: its name, what kind of file it is, how it had to do with the data, what was done."""

    name: str
    kind: str
    how: str
    why: str
    way: list[str]
    done: str


class Receipt(msgspec.Struct, frozen=True):
    """Times are ISO 8601 in UTC. `is_complete` says that nothing remains to be done by hand and that
    nothing of the erased was found. `signer` is the public key of `signature`, in base64."""

    format: int
    request: str
    reference: str
    project: str
    asked: str
    due: str
    done: str
    plan: str
    approvals: list[approvals.Approval]
    erased: list[Item]
    kept: list[Item]
    unchanged: list[Item]
    by_hand: list[Item]
    duties: list[Item]
    commands: list[str]
    blind: list[str]
    found_after: list[str]
    residual: list[str]
    log: str
    provgraph: str
    is_complete: bool
    signer: str = ""
    signature: str = ""


_OTHER_COPIES: Final = (
    Item(
        "other copies of the graph",
        "",
        "copy",
        "made before this",
        [],
        "a checkout that gets provgraph.erased, and has the key, forgets at its next sync; exports and "
        "backups, and checkouts that are not kept, are to be removed",
    ),
    Item(
        "copies that people have",
        "",
        "copy",
        "made before this, by hand or by mail, of the files that were erased",
        [],
        "whoever was given one is to be told, and to delete it",
    ),
)


def written(
    graph: Graph, folder: Folder, plan: Plan, prepared: Prepared, remains: list[str]
) -> Receipt:
    """The receipt of a request that has been carried out, signed. Raises `KeyMissing`."""
    request = folder.request()
    entries = list(folder.entries())
    how = {entry.what: entry.details.get("how") for entry in entries}
    left = [each for each in prepared.outcomes if each.what == "left"]
    numbered = [(e, how.get(part_name(n, e))) for n, e in enumerate(prepared.outcomes, 1)]
    by_hand = [_item(e, e.reason) for e in left if e.line.do not in ("keep", "duty")]
    by_hand += [_item(e, _LEFT) for e, said in numbered if said == CHANGED]
    ran = {each.line.run for each in prepared.outcomes if each.what != "left"}
    receipt = Receipt(
        format=FORMAT,
        request=folder.id,
        reference=request.reference,
        project=graph.project.name,
        asked=_stamp(request.asked),
        due=_stamp(request.due),
        done=_stamp(time.time_ns()),
        plan=plan.hash,
        approvals=approvals.valid(graph.project, folder, plan.hash),
        erased=[
            _item(each, _said(each, said))
            for each, said in numbered
            if each.what in ("done", "remove", "gone") and said != CHANGED
        ]
        + [_own(copy, how) for copy in plan.copies if prepared.erased],
        kept=[_item(e, e.line.basis) for e in left if e.line.do == "keep"],
        unchanged=[_item(e, e.reason) for e in prepared.outcomes if e.what == "unchanged"],
        by_hand=by_hand,
        duties=[
            *(_item(each, each.line.basis) for each in left if each.line.do == "duty"),
            *_duties_of_store(graph, how.get("filled the store anew")),
            *(_OTHER_COPIES if prepared.erased else ()),
        ],
        commands=[" ".join(rerun.argv) for rerun in plan.reruns if rerun.run in ran],
        blind=list(plan.blind),
        found_after=remains,
        residual=_residual(graph, entries[-1].at, prepared),
        log=entries[-1].hash,
        provgraph=__version__,
        is_complete=not by_hand and not remains,
        signer=approvals.public_text(approvals.private_key()),
    )
    words = Mapped({}, {}, prepared.tokens.texts)
    receipt = scrubbed(receipt, words)  # a word that was taken out stands in no receipt either
    signature = approvals.signed(_message(receipt))
    return msgspec.structs.replace(receipt, signature=signature)


def _item(outcome: Outcome, done: str) -> Item:
    line = outcome.line
    return Item(line.name, line.kind, line.how, line.why, line.way, done)


def _own(copy: Copy, how: Mapping[str, object]) -> Item:
    """What became of a file of provgraph's own."""
    match copy.what:
        case "kept content":
            said, bytes = "erased", how.get("cleared the kept contents")
        case "journal segment":
            said, bytes = "written again without it", how.get("rewrote the journal")
        case _:
            assert_never(copy.what)
    done = f"{said}; its bytes were {bytes}" if bytes else said
    return Item(copy.name, copy.what, "copy", copy.said, copy.way, done)


def _said(outcome: Outcome, how: object) -> str:
    said = _DONE.get(outcome.line.do, outcome.line.do)
    if outcome.what == "remove" and outcome.line.do != "erase":
        said = f"removed: {outcome.reason}"
    if how in ("overwritten", "unlinked"):
        return f"{said}; its bytes were {how}"
    return f"{said}; it was gone already" if how == "was gone" else said


def _duties_of_store(graph: Graph, how: object) -> list[Item]:
    """What a database that is shared keeps out of our reach."""
    uri = graph.project.store_uri
    if not uri or how != SHARED:
        return []
    done = (
        "its store was overwritten; its transaction logs keep what was written until the server removes "
        "them (db.tx_log.rotation.retention_policy), and its backups as long as they are kept: see to both"
    )
    return [Item(uri, "database", "store", "the graph is kept there", [], done)]


def _residual(graph: Graph, at: int, prepared: Prepared) -> list[str]:
    from provgraph.model import suppression

    found = [
        "The shape of the provenance stays: kinds, times and edges, under random names.",
        (
            "Storage below the file system (the spare blocks of a solid-state disk, snapshots, backups) is "
            "not reached by overwriting."
        ),
    ]
    mine = [entry for entry in suppression.entries(graph.project) if entry.expires > at]
    if prepared.erased and mine:
        until = _stamp(max(entry.expires for entry in mine))
        found.append(
            f"{len(mine)} keyed hashes of erased contents, by which they are recognised should they come "
            f"again, until {until}. The key is kept outside of the project; once it is destroyed they say "
            "nothing, and nothing can be recognised by them."
        )
    return found


def _message(receipt: Receipt) -> bytes:
    bare = msgspec.structs.replace(receipt, signature="")
    return _CONTEXT + msgspec.json.encode(bare, order="sorted")


def read(raw: bytes) -> Receipt:
    """Raises `UsageError` where it is no receipt."""
    try:
        return msgspec.json.decode(raw, type=Receipt)
    except msgspec.DecodeError as error:
        raise UsageError(f"this is no receipt: {error}") from None


def is_genuine(receipt: Receipt, signer: str = "") -> bool:
    """Whether it is as it was signed, by `signer` (a public key in base64) if one is given."""
    if signer and signer != receipt.signer:
        return False
    return approvals.is_signed(receipt.signer, _message(receipt), receipt.signature)


def _stamp(at: int) -> str:
    return f"{datetime.fromtimestamp(at // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}"


# The page.

_STYLE: Final = """
body { font: 11pt/1.5 Georgia, serif; color: #111; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: 0 } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } th { text-align: left; font-weight: normal; color: #555 }
td, th { padding: .25rem .75rem .25rem 0; vertical-align: top; border-bottom: 1px solid #ddd }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere } .way { color: #555; font-size: .9em }
.verdict { border: 1px solid #111; padding: .6rem 1rem; margin: 1.5rem 0 }
@media print { body { margin: 0; max-width: none } h2 { break-after: avoid } tr { break-inside: avoid } }
"""


def page(receipt: Receipt) -> str:
    """The receipt as an HTML page, made for printing."""
    counted = Counter(item.kind or "file" for item in receipt.erased)
    what = ", ".join(f"{kind}: {number}" for kind, number in sorted(counted.items())) or "nothing"
    verdict = (
        "Complete: everything that was found is erased or kept for the reasons below, and nothing of it "
        "was found afterwards."
        if receipt.is_complete
        else "Not complete: what remains is listed below."
    )
    facts = (
        ("Request", receipt.request),
        ("Reference", receipt.reference or "–"),
        ("Project", receipt.project),
        ("Asked, due, done", f"{receipt.asked} · {receipt.due} · {receipt.done}"),
        ("Approved by", ", ".join(each.approver for each in receipt.approvals) or "–"),
        ("Erased", what),
    )
    parts = (
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        f"<title>Erasure {_text(receipt.request)}</title><style>{_STYLE}</style>",
        "<h1>Receipt of an erasure</h1>",
        f"<p class='verdict'>{_text(verdict)}</p>",
        "<table>",
        *(
            f"<tr><th scope='row'>{_text(name)}</th><td>{_text(said)}</td></tr>"
            for name, said in facts
        ),
        "</table>",
        _items("What was erased", receipt.erased),
        _items("What is kept, and why", receipt.kept),
        _items("What was made again and came out the same", receipt.unchanged),
        _items("What remains to be done by hand", receipt.by_hand),
        _items("Duties outside of this system", receipt.duties),
        _list("Commands that were run again", receipt.commands),
        _list("What could not be known", receipt.blind),
        _list("Found afterwards", receipt.found_after or ["nothing"]),
        _list("What is still held", receipt.residual),
        "<h2>Proof</h2><table>",
        *(
            f"<tr><th scope='row'>{name}</th><td><code>{_text(said)}</code></td></tr>"
            for name, said in (
                ("Plan (SHA-256)", receipt.plan),
                ("Log (SHA-256)", receipt.log),
                ("Signer (Ed25519)", receipt.signer),
                ("Signature", receipt.signature),
            )
        ),
        (
            "</table><p class='way'>`provgraph receipt verify` checks the signature of the JSON file that "
            f"belongs to this page. provgraph {_text(receipt.provgraph)}.</p></html>"
        ),
    )
    return "\n".join(part for part in parts if part)


def _items(title: str, items: list[Item]) -> str:
    if not items:
        return ""
    rows = (
        f"<tr><td>{_text(item.name)}<div class='way'>{_text(item.how)}: {_text(item.why)}"
        f"{_text(_way(item.way))}</div></td><td>{_text(item.done)}</td></tr>"
        for item in items
    )
    return f"<h2>{_text(title)}</h2>\n<table>{''.join(rows)}</table>"


def _way(names: list[str]) -> str:
    return f" ({' → '.join(names)})" if len(names) > 1 else ""


def _list(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    return (
        f"<h2>{_text(title)}</h2>\n<ul>{''.join(f'<li>{_text(line)}</li>' for line in lines)}</ul>"
    )


def _text(value: Any) -> str:
    return html.escape(str(value))
