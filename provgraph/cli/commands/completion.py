"""`provgraph completion`: let the shell complete commands, options, names and questions."""

from __future__ import annotations

import click

from provgraph.cli.choice import Choice
from provgraph.cli.output import json_option, write_json

SHELLS = ("bash", "zsh", "fish")


@click.command(name="completion")
@click.argument("shell", type=Choice(SHELLS))
@json_option
def command(shell: str, as_json: bool) -> None:
    """Print a script that makes SHELL complete what is typed after `provgraph`.

    Commands, options, the names of recorded files and runs, and the words of the query language.

    \b
      provgraph completion bash >> ~/.bashrc
      provgraph completion zsh >> ~/.zshrc
      provgraph completion fish > ~/.config/fish/completions/provgraph.fish
    """
    from click.shell_completion import get_completion_class

    from provgraph.cli.application import root

    made = get_completion_class(shell)
    assert made is not None  # each of SHELLS is one of Click's
    script = made(root, {}, "provgraph", "_PROVGRAPH_COMPLETE").source()
    if as_json:
        write_json({"shell": shell, "script": script})
    else:
        click.echo(script)
