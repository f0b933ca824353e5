"""`provgraph init`: make a project."""

from __future__ import annotations

from pathlib import Path

import click

from provgraph.cli.output import json_option, write_json
from provgraph.config import create_project, find_project


@click.command(name="init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--name", default="", help="What the project is called; the folder's name otherwise.")
@json_option
def command(folder: Path, name: str, as_json: bool) -> None:
    """Make FOLDER a project: a `provgraph.toml` to commit, and a private `.provgraph/`.

    \b
      provgraph init
      provgraph init ../churn-study --name churn
    """
    known = find_project(folder)
    fresh = known is None or known.root != folder.resolve()
    project = create_project(folder, name) if fresh or known is None else known
    if as_json:
        write_json({"root": str(project.root), "id": project.id, "created": fresh})
    elif fresh:
        click.echo(f"project {project.name} in {project.root}: commit provgraph.toml")
    else:
        click.echo(f"{project.root} is a project already")
