"""`provgraph init`: make a project."""

from __future__ import annotations

from pathlib import Path

import click

from provgraph.cli.output import json_option, write_json
from provgraph.config import STATE, Project, create_project, find_project, prepare_state
from provgraph.errors import ProjectError


@click.command(name="init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--name", default="", help="What the project is called; the folder's name otherwise.")
@json_option
def command(folder: Path, name: str, as_json: bool) -> None:
    """Make FOLDER a project: a `provgraph.toml` to commit, and a private `.provgraph/`. A clone of a
    project gets the `.provgraph/` that it has not.

    \b
      provgraph init
      provgraph init ../churn-study --name churn
    """
    known = find_project(folder)
    fresh = known is None or known.root != folder.resolve()
    project = create_project(folder, name) if fresh or known is None else known
    completed = not fresh and _completed(project)
    if as_json:
        made = {"created": fresh, "completed": completed}
        write_json({"root": str(project.root), "id": project.id} | made)
    elif fresh:
        click.echo(f"project {project.name} in {project.root}: commit provgraph.toml")
    elif completed:
        click.echo(f"{project.root} is a project already; what lacked of its {STATE}/ is made")
    else:
        click.echo(f"{project.root} is a project already")


def _completed(project: Project) -> bool:
    try:
        return prepare_state(project)
    except OSError as error:
        raise ProjectError(
            f"{project.state} cannot be made: {error.strerror}",
            hint="choose a folder that can be written",
        ) from error
