"""`provgraph subject`: whose data is where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from provgraph.cli.output import json_option, note, write_json, write_table
from provgraph.cli.progress import progress
from provgraph.cli.session import described, opened
from provgraph.cli.text import count, value

if TYPE_CHECKING:
    from provgraph.erasure.census import Census
    from provgraph.graph import Graph


@click.group(name="subject")
def command() -> None:
    """Say where people's identifiers stand, and ask whose data is where.

    \b
      provgraph subject add data/raw/customers.csv --column client
      provgraph subject report client:4711
      provgraph impact client:4711                       what has its data, and why that is said
      provgraph ask 'subject "client:4711" | impact | where kind = model'

    Identifiers are not kept, only hashes of them under a key that lies outside the project.
    """


@command.command(name="add")
@click.argument("dataset")
@click.option("--column", required=True, help="The column that has the identifier.")
@click.option("--prefix", default="", help="What stands before the identifier: `client:`.")
@click.option("--table", default="", help="The table, where the dataset is a database.")
@json_option
def add(dataset: str, column: str, prefix: str, table: str, as_json: bool) -> None:
    """Add a rule: DATASET, a path or a glob from the project's root, has identifiers in a column.

    The rule is written to `provgraph.toml` and holds for every version, earlier and later ones.

    \b
      provgraph subject add data/raw/customers.csv --column client
      provgraph subject add 'exports/*.csv' --column user_id --prefix client:
    """
    from provgraph.subjects import keys
    from provgraph.subjects.rules import Rule
    from provgraph.subjects.rules import add as add_rule

    with opened() as graph:
        rule = Rule(dataset=_relative(graph, dataset), column=column, prefix=prefix, table=table)
        _check(graph, rule)
        if not keys.exists(graph.project):
            keys.make(graph.project)
            note(f"made the index's key, {keys.path_of(graph.project)}: keep it, and keep it apart")
        if not add_rule(graph.project, rule):
            note("this rule stood there before")
        if not _is_recorded(graph, rule.dataset):
            note(f"no run has read or made {rule.dataset} yet: it is looked at when one has")
        graph.project.__dict__.pop("settings", None)
        _index(graph, as_json)


def _relative(graph: Graph, dataset: str) -> str:
    """The path as the graph names it; a glob is as it is."""
    from provgraph.query.glob import is_glob

    return dataset if is_glob(dataset) else graph.uri(dataset)


def _is_recorded(graph: Graph, dataset: str) -> bool:
    from provgraph.query.plan import Find, Globbed, Limit

    return bool(graph.answer(Limit(Find("Version", Globbed(dataset)), 1)).values)


def _check(graph: Graph, rule: Any) -> None:
    """Read the file that is there now, if one is: what is wrong is said before the rule stands."""
    from provgraph.query.glob import is_glob
    from provgraph.subjects.tables import format_for

    path = None if is_glob(rule.dataset) else graph.path(rule.dataset)
    if path is not None and path.is_file():
        next(iter(format_for(path).identifiers(path, rule.column, rule.table)), None)


@command.command(name="index")
@json_option
def index(as_json: bool) -> None:
    """Read what the rules cover and was not read yet.

    \b
      provgraph subject index
    """
    with opened() as graph:
        _index(graph, as_json)


def _index(graph: Graph, as_json: bool) -> None:
    from provgraph.erasure import census

    with census.opened(graph) as held, progress("versions") as told:
        taken = census.take(graph, held, told)
    _tell(taken, as_json)


def _tell(taken: Census, as_json: bool) -> None:
    if as_json:
        unread = [
            {"version": each.version, "name": each.name, "column": each.rule.column}
            | {"reason": each.reason}
            for each in taken.unread
        ]
        write_json({"read": taken.read, "known": taken.known, "unread": unread})
        return
    for each in taken.unread:
        note(f"{each.name} ({each.version[:9]}) was not read: {each.reason}")
    click.echo(
        f"read {count(taken.read, 'content')} with {count(taken.subjects, 'subject')};"
        f" {count(taken.known, 'version')} known before, {len(taken.unread)} not read"
    )


@command.command(name="list")
@json_option
def list_rules(as_json: bool) -> None:
    """The rules.

    \b
      provgraph subject list
    """
    from provgraph.subjects.rules import rules

    with opened() as graph:
        found = rules(graph.project)
    if as_json:
        write_json([rule.model_dump() for rule in found])
    else:
        write_table(
            ("dataset", "column", "prefix", "table"),
            ((rule.dataset, rule.column, rule.prefix, rule.table) for rule in found),
        )


@command.command(name="report")
@click.argument("subject", nargs=-1, required=True)
@json_option
def report(subject: tuple[str, ...], as_json: bool) -> None:
    """What is held about a subject, where it came from and what it went into.

    \b
      provgraph subject report client:4711
    """
    from provgraph.erasure.report import looked_for, reported

    with opened() as graph:
        with progress("versions") as told:
            found, not_read = looked_for(graph, subject, told)
        lines = reported(graph, found)
    if as_json:
        document = [
            {"part": line.part, "how": line.how, "why": line.why, **described(line.node)}
            for line in lines
        ]
        unread = [{"version": each.version, "reason": each.reason} for each in not_read]
        write_json({"found": document, "unread": unread})
        return
    for each in not_read:
        note(f"{each.name} ({each.version[:9]}) was not read: {each.reason}")
    write_table(
        ("part", "how", "kind", "name", "state", "time", "size", "why"),
        (
            (
                line.part,
                line.how,
                *(value(key, line.node.properties.get(key)) for key in ("kind", "name", "state")),
                value("at", line.node.properties.get("at")),
                value("size", line.node.properties.get("size")),
                line.why,
            )
            for line in lines
        ),
    )


@command.group(name="key")
def key() -> None:
    """The key of the index."""


@key.command(name="new")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def new(yes: bool, as_json: bool) -> None:
    """Make a key in place of a lost one; everything has to be read again.

    \b
      provgraph subject key new --yes
    """
    from provgraph.erasure import census
    from provgraph.subjects import keys

    with opened() as graph:
        if keys.exists(graph.project) and not yes:
            click.confirm("There is a key. What was read under it can be lost. Go on?", abort=True)
        keys.make(graph.project)
        with census.opened(graph) as held:
            held.erase_contents([each.digest for each in held.contents()])
        _index(graph, as_json)


@key.command(name="rotate")
@json_option
def rotate(as_json: bool) -> None:
    """Put a new key in use and read everything again under it.

    The old key is kept as long as there is a content that was read under it and is not here any more.

    \b
      provgraph subject key rotate
    """
    from provgraph.erasure import asking, census
    from provgraph.erasure.requests import alone
    from provgraph.subjects import keys

    with opened() as graph, alone(graph.project):
        before = keys.keys(graph.project)
        made = keys.make(graph.project, beside=before)
        with census.opened(graph) as held, progress("versions") as told:
            taken = census.take(graph, held, told)
            older = [each for each in held.contents() if each.key != made.name]
        asking.know_by(graph, before, made)
        if not older:
            keys.drop_older(graph.project)
        _tell(taken, as_json)
        if older:
            note(f"{count(len(older), 'content')} could not be read again; the old key is kept")


@key.command(name="path")
@json_option
def path(as_json: bool) -> None:
    """Where the key is.

    \b
      provgraph subject key path
    """
    from provgraph.subjects import keys

    with opened() as graph:
        where = str(keys.path_of(graph.project))
    if as_json:
        write_json({"path": where})
    else:
        click.echo(where)
