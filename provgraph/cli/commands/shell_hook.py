"""`provgraph shell-hook`: record every command that is typed."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from provgraph.cli.choice import Choice
from provgraph.cli.output import json_option, write_json
from provgraph.errors import CaptureError

SHELLS = Path(__file__).parents[1] / "shells"


@click.command(name="shell-hook")
@click.argument("shell", type=Choice(["bash", "zsh", "fish"]))
@json_option
def command(shell: str, as_json: bool) -> None:
    """Print what makes an interactive shell record what is typed at its prompt.

    It goes into the shell's start-up file, behind what else changes the prompt. Lines that begin with
    a blank, or that match a pattern of PROVGRAPH_IGNORE (by colons), are not recorded;
    `provgraph-hook off` stops it in a shell, `provgraph-hook on` goes on.

    \b
      eval "$(provgraph shell-hook bash)"         ~/.bashrc
      eval "$(provgraph shell-hook zsh)"          ~/.zshrc
      provgraph shell-hook fish | source          ~/.config/fish/config.fish
    """
    script = text_for(shell)
    if as_json:
        write_json({"shell": shell, "script": script})
    else:
        click.echo(script)


def text_for(shell: str) -> str:
    """The functions of a shell. Raises CaptureError where the native front is missing: Python would
    be felt at every prompt."""
    from provgraph.ingest.capture import launcher, shim
    from provgraph.ingest.capture.audit import SITE

    front = launcher.of_this_process()
    if front is None:
        raise CaptureError(
            "the shell hook needs provgraph's native part, which is not installed",
            hint="install a wheel for this platform, or install again where there is a C compiler",
        )
    library = shim.library()
    try:
        tracer: Path | None = shim.tracer()
    except CaptureError:
        tracer = None
    launcher.note_for(front, library, tracer)
    text = (SHELLS / f"hook.{shell}").read_text("utf-8")
    for name, path in (("FRONT", front), ("LIBRARY", library), ("SITE", SITE)):
        text = text.replace(f"@{name}@", shlex.quote(str(path)))
    return text
