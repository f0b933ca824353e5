"""`provgraph neo4j`: start, stop and look at a Neo4j of one's own, without Docker."""

from __future__ import annotations

import os
from pathlib import Path

import click

from provgraph.cli.output import json_option, note, write_json
from provgraph.config import find_project, prepare_state
from provgraph.store.neo4j.names import Names
from provgraph.store.neo4j.server import LocalServer, Running, release


@click.group(name="neo4j")
def command() -> None:
    """A Neo4j on this machine, for this project: no Docker and no Java to install.

    \b
      pip install 'provgraph[neo4j-server]'
      provgraph neo4j start
      provgraph neo4j status
      provgraph neo4j stop

    It listens on 127.0.0.1 only and asks for a password, which is made at the first start. All that
    it has lies under `.provgraph/neo4j` (outside a project, under the user's state folder).
    """


@command.command()
@click.option(
    "--release",
    "wanted",
    default="lts",
    show_default=True,
    metavar="RELEASE",
    help="`lts` (5.26), `current` (the calendar release), or a version whole.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="The port; else the last one, or any.")
@click.option("--heap", default="512m", show_default=True, help="Memory for its objects.")
@click.option("--page-cache", default="256m", show_default=True, help="Memory for its files.")
@click.option("--patience", type=float, default=120, show_default=True, help="Seconds to wait.")
@json_option
def start(
    wanted: str, port: int | None, heap: str, page_cache: str, patience: float, as_json: bool
) -> None:
    """Start it, and wait until it answers; one that runs already is left as it is.

    \b
      provgraph neo4j start
      provgraph neo4j start --release current --port 7687
    """
    from provgraph.cli.progress import progress

    asked, server = release(wanted), _server()
    if (project := find_project(Path(os.curdir))) is not None:
        prepare_state(project)
    with progress("archives") as told:
        running = server.start(
            asked, port=port, heap=heap, page_cache=page_cache, patience=patience, told=told
        )
    _tell(server, running, as_json)


@command.command()
@click.option("--patience", type=float, default=60, show_default=True, help="Seconds to wait.")
@json_option
def stop(patience: float, as_json: bool) -> None:
    """Stop it, and wait until it has.

    \b
      provgraph neo4j stop
    """
    server = _server()
    stopped = server.stop(patience)
    if as_json:
        write_json({"running": False, "folder": str(server.home)})
    elif stopped:
        click.echo("stopped")
    else:
        note("it does not run")


@command.command()
@json_option
def status(as_json: bool) -> int:
    """Whether it runs, and how it is reached. Exit status 1 if it does not run.

    \b
      provgraph neo4j status --json
    """
    server = _server()
    running = server.running()
    if running is not None:
        _tell(server, running, as_json)
        return 0
    if as_json:
        write_json({"running": False, "folder": str(server.home)})
    else:
        click.echo(f"no Neo4j runs in {server.home}; `provgraph neo4j start` starts one")
    return 1


@command.command()
@click.option("--prefix", default="", help="What labels and edge types begin with.")
@json_option
def schema(prefix: str, as_json: bool) -> None:
    """Print the statements that make our constraints and indexes, for who may run them.

    \b
      provgraph neo4j schema | cypher-shell -d provenance
    """
    from provgraph.store.neo4j.schema import statements

    made = list(statements(Names(prefix)))
    if as_json:
        write_json({"statements": made})
        return
    for statement in made:
        click.echo(f"{statement};")


def _server() -> LocalServer:
    project = find_project(Path(os.curdir))
    if project is not None:
        return LocalServer(project.local_server)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return LocalServer(Path(state, "provgraph", "neo4j"))


def _tell(server: LocalServer, running: Running, as_json: bool) -> None:
    if as_json:
        write_json(
            {
                "running": True,
                "folder": str(server.home),
                "version": running.version,
                "pid": running.pid,
                "uri": running.uri,
                "user": "neo4j",
                "password_file": str(server.password_file),
            }
        )
        return
    click.echo(f"Neo4j {running.version} answers at {running.uri}")
    click.echo(f"  user      neo4j\n  password  in {server.password_file}\n")
    click.echo(f'to keep the graph there, in provgraph.toml:\n  [store]\n  uri = "{running.uri}"\n')
    click.echo(f"or in one shell:\n  export PROVGRAPH_STORE={running.uri}")
    if find_project(Path(os.curdir)) is None:  # a project finds the password by itself
        click.echo(f"  export PROVGRAPH_NEO4J_PASSWORD_FILE={server.password_file}")
