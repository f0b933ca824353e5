"""`provgraph forget`: delete somebody's data, or a file, with everything that was made from it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from provgraph.cli.output import json_option, note, write_json, write_table
from provgraph.cli.session import opened
from provgraph.cli.text import count, duration, moment, size
from provgraph.errors import UsageError

if TYPE_CHECKING:
    from provgraph.erasure.plan import Plan
    from provgraph.erasure.queue import Listed
    from provgraph.erasure.requests import Folder
    from provgraph.graph import Graph

_SHORTEST = 3
"""Letters of a text that is taken out: fewer stand in every second word, and in bytes by chance."""
_NAMED = 3
"""Files that may go, of a request whose hold has ended; JSON has them all."""


class Forget(click.Group):
    """A word that is no subcommand begins a new request: `forget client:4711`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which a request goes through them

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] == "--list":
            return "list", self.commands["list"], args[1:]
        if args and args[0] not in self.commands and not args[0].startswith("-h"):
            return "plan", self.commands["plan"], args
        return super().resolve_command(ctx, args)


@click.group(name="forget", cls=Forget, context_settings={"ignore_unknown_options": True})
def command() -> None:
    """Plan, approve and carry out a deletion, and prove it.

    \b
      provgraph forget client:4711 --reference DSR-17    a plan: what goes, in which order, and why
      provgraph forget approve e1                        sign it
      provgraph forget execute e1 --dry-run              what would be done
      provgraph forget execute e1 --consent              do it; killed, it is taken up again
      provgraph forget list                              requests, with what is overdue
      provgraph forget expired                           a plan of what may be kept no longer

    Nothing is changed before `execute`.
    """


@command.command(name="plan")
@click.argument("targets", nargs=-1, required=True, metavar="SUBJECT|FILE...")
@click.option("--reference", default="", help="What the request is called elsewhere.")
@click.option("--due", metavar="DATE", default="", help="Until when; a month if not given.")
@click.option(
    "--text", "texts", multiple=True, help="Words to take out of names and arguments too."
)
@click.option(
    "--erase-derived", is_flag=True, help="Erase what was made from it, and rebuild nothing."
)
@json_option
def plan(
    targets: tuple[str, ...],
    reference: str,
    due: str,
    texts: tuple[str, ...],
    erase_derived: bool,
    as_json: bool,
) -> None:
    """Make a request and its plan, for one or several SUBJECTs or FILEs together.

    \b
      provgraph forget plan features.csv --erase-derived --due 2030-01-31
    """
    from provgraph.erasure.asking import sorted_out
    from provgraph.erasure.requests import DEADLINE, Request, open_request

    now = time.time_ns()
    if short := next((text for text in texts if len(text.strip()) < _SHORTEST), None):
        raise UsageError(
            f"`{short}` stands in too many words to be taken out",
            hint=f"give a text of at least {_SHORTEST} letters",
        )
    with opened() as graph:
        subjects, files = sorted_out(graph, targets, graph.uri)
        request = Request(
            id="",
            reference=reference,
            asked=now,
            due=_moment(due) if due else now + DEADLINE,
            subjects=subjects,
            files=files,
            texts=list(texts),
            erase_derived=erase_derived,
        )
        folder = open_request(graph.project, request)
        _plan(graph, folder, as_json)


@command.command(name="expired")
@json_option
def expired(as_json: bool) -> None:
    """Make a request of what is older than the `[[retention]]` rules allow, and of what was kept and is on
    hold no more.

    \b
      provgraph forget expired
    """
    from provgraph.erasure.asking import due_again

    with _in_hand() as graph:
        folder = due_again(graph, time.time_ns())
        if folder is not None:
            _plan(graph, folder, as_json)
        elif as_json:
            write_json(None)
        else:
            click.echo("nothing is older than it may be, and no hold has ended")


@command.command(name="replan")
@click.argument("id")
@json_option
def replan(id: str, as_json: bool) -> None:
    """Make the plan of a request anew; what was approved has to be approved again.

    \b
      provgraph forget replan e2
    """
    with _in_hand() as graph:
        _plan(graph, _folder(graph, id), as_json)


def _plan(graph: Graph, folder: Folder, as_json: bool) -> None:
    from provgraph.erasure.asking import replanned

    _show(folder, replanned(graph, folder), as_json)


def _moment(text: str) -> int:
    from provgraph.query.values import moment as read

    try:
        return read(text).last
    except ValueError as error:
        raise UsageError(str(error)) from None


@contextmanager
def _in_hand() -> Iterator[Graph]:
    """The graph, and nobody else to change the project's requests."""
    from provgraph.erasure.requests import alone

    with opened() as graph, alone(graph.project):
        yield graph


def _folder(graph: Graph, id: str) -> Folder:
    from provgraph.erasure.requests import folder

    return folder(graph.project, id)


def _read_plan(folder: Folder) -> Plan:
    from provgraph.erasure.plan import decoded
    from provgraph.erasure.requests import no_plan

    if not folder.has("plan.json"):
        raise no_plan(folder)
    return decoded(folder.read("plan.json"))


@command.command(name="show")
@click.argument("id")
@json_option
def show(id: str, as_json: bool) -> None:
    """Show a plan: every version, what is done with it, and why.

    \b
      provgraph forget show e2
    """
    with opened() as graph:
        folder = _folder(graph, id)
        _show(folder, _read_plan(folder), as_json)


def _show(folder: Folder, made: Plan, as_json: bool) -> None:
    import msgspec

    if as_json:
        write_json(
            {"request": folder.id, "state": folder.state(), "hash": made.hash}
            | {"plan": msgspec.to_builtins(made)}
        )
        return
    write_table(
        ("do", "kind", "name", "size", "how", "why"),
        (
            (
                line.do,
                line.kind,
                line.name,
                size(line.bytes) if line.bytes else "",
                line.how,
                _why(line.basis, line.way) or line.why,
            )
            for line in made.lines
        ),
    )
    for copy in made.copies:
        do = "erased too" if copy.what == "kept content" else "written again"
        click.echo(f"{do}: {copy.name}: {_why(copy.said, copy.way[:-1])}")
    for rerun in made.reruns:
        took = f" (took {duration(int(rerun.seconds * 1e9))})" if rerun.seconds else ""
        click.echo(f"run again: {' '.join(rerun.argv)}{took}")
    for blind in made.blind:
        note(f"not known: {blind}")
    touched = sum(line.bytes for line in made.of("redact", "erase", "rebuild"))
    models = sum(line.kind == "model" for line in made.of("rebuild"))
    click.echo(
        f"{folder.id}: {count(len(made.lines), 'line')}, {size(touched)},"
        f" {count(models, 'model')} to make again; plan {made.hash[:12]}"
    )


def _why(said: str, names: Sequence[str]) -> str:
    """
    >>> _why("", ["a.csv", "b.csv"]), _why("tax law", ["a.csv"])
    ('a.csv → b.csv', 'tax law (a.csv)')
    """
    way = " → ".join(names)
    return f"{said} ({way})" if said and way else said or way


@command.command(name="list")
@json_option
def list_requests(as_json: bool) -> None:
    """Requests, the most urgent first.

    \b
      provgraph forget list
    """
    from provgraph.erasure.queue import listed

    with opened() as graph:
        found = listed(graph.project, time.time_ns())
    if as_json:
        write_json([_document(each) for each in found])
        return
    write_table(
        ("id", "reference", "state", "asked", "due", ""),
        (
            (
                each.request.id,
                each.request.reference,
                each.state,
                moment(each.request.asked),
                moment(each.request.due),
                ", ".join(
                    [*(["OVERDUE"] if each.is_overdue else []), *map(_may_go, each.free[:_NAMED])]
                ),
            )
            for each in found
        ),
    )


def _document(found: Listed) -> dict[str, Any]:
    return {
        "id": found.request.id,
        "reference": found.request.reference,
        "state": found.state,
        "asked": moment(found.request.asked),
        "due": moment(found.request.due),
        "overdue": found.is_overdue,
        "free": list(found.free),
    }


def _may_go(name: str) -> str:
    return f"{name} may go"


@command.command(name="key")
@json_option
def key(as_json: bool) -> None:
    """Make a key to approve with, if there is none, and show its public half.

    \b
      provgraph forget key
    """
    from provgraph.erasure import approvals

    public = approvals.make_key()
    if as_json:
        write_json({"path": str(approvals.key_path()), "public": public})
        return
    note(f"the key is in {approvals.key_path()}; its public half goes into provgraph.toml:")
    click.echo(f'[erasure.approvers]\n"NAME" = "{public}"')


@command.command(name="approve")
@click.argument("id")
@json_option
def approve(id: str, as_json: bool) -> None:
    """Sign a plan with one's own key.

    \b
      provgraph forget approve e2
    """
    from provgraph.erasure import approvals

    with _in_hand() as graph:
        folder = _folder(graph, id)
        made = _read_plan(folder)
        _refuse_outdated(graph, folder, made)
        approval = approvals.approve(graph.project, folder, made.hash)
        standing = approvals.standing(graph.project, folder, made.hash)
    if as_json:
        write_json({"approver": approval.approver, "plan": approval.plan})
    else:
        given = f"{len(standing.given)} of {standing.needed}"
        click.echo(f"{approval.approver} approved plan {made.hash[:12]} of {id} ({given})")


def _refuse_outdated(graph: Graph, folder: Folder, made: Plan) -> None:
    from provgraph.erasure.execution import OutOfDate
    from provgraph.erasure.holds import today
    from provgraph.erasure.plan import planned

    request = folder.request()
    if "began" not in folder.done() and planned(graph, request, today()) != made:
        raise OutOfDate(
            f"the graph changed since {folder.id} was planned, or what is to be kept",
            hint=f"`provgraph forget replan {folder.id}`",
        )


@command.command(name="execute")
@click.argument("id")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@click.option("--consent", is_flag=True, help="Run the recorded commands again without asking.")
@click.option("--network", is_flag=True, help="Let them reach the network.")
@json_option
def execute(id: str, dry_run: bool, consent: bool, network: bool, as_json: bool) -> int:
    """Carry a plan out; killed or failed, it is taken up where it was.

    \b
      provgraph forget execute e2 --dry-run
      provgraph forget execute e2 --consent
    """
    import msgspec

    from provgraph.erasure import ending
    from provgraph.erasure.execution import Execution

    with opened() if dry_run else _in_hand() as graph:
        folder = _folder(graph, id)
        if folder.has("receipt.json"):
            receipt = ending.cleared(folder)
        else:
            made = _read_plan(folder)
            if dry_run:
                _refuse_outdated(graph, folder, made)
                _show(folder, made, as_json)
                return 0
            running = Execution(graph, folder, note, network)
            prepared = running.carry_out(lambda rerun: consent or _asked(rerun.argv))
            receipt = ending.ended(graph, folder, made, prepared)
    if as_json:
        write_json(msgspec.to_builtins(receipt))
    else:
        said = "complete" if receipt.is_complete else "NOT complete: something remains"
        click.echo(f"{id} is carried out, {said}")
        click.echo(f"receipt: {folder.path / 'receipt.html'} and receipt.json")
    return 0 if receipt.is_complete else 1


def _asked(argv: list[str]) -> bool:
    return click.confirm(f"Run again, in a copy: {' '.join(argv)}?", err=True)


@command.command(name="abandon")
@click.argument("id")
@json_option
def abandon(id: str, as_json: bool) -> None:
    """Give a request up, as long as nothing was changed.

    \b
      provgraph forget plan data/raw/customers.csv
      provgraph forget abandon e3
    """
    from provgraph.erasure.execution import Execution

    with _in_hand() as graph:
        folder = _folder(graph, id)
        Execution(graph, folder, note).abandon()
    if as_json:
        write_json({"request": id, "state": folder.state()})
    else:
        click.echo(f"{id} is abandoned; nothing was changed")


@command.command(name="join")
@click.argument("ids", nargs=-1, required=True, metavar="ID ID...")
@json_option
def join(ids: tuple[str, ...], as_json: bool) -> None:
    """Make one request of several that wait, and its plan: a command that concerns more than one of them
    is run again once.

    \b
      provgraph forget data/raw/customers.csv
      provgraph forget src/features.py
      provgraph forget join e4 e5
    """
    from provgraph.erasure.asking import joined

    with _in_hand() as graph:
        folder = joined(graph, [_folder(graph, id) for id in dict.fromkeys(ids)])
        _plan(graph, folder, as_json)
