"""`provgraph shell-hook`: record every command that is typed."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from provgraph.errors import CaptureError

SHELLS = Path(__file__).parents[1] / "shells"


@click.command(name="shell-hook")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what makes an interactive shell record what is typed at its prompt.

    The line for the shell's start-up file, the last that changes its prompt:

    \b
      eval "$(provgraph shell-hook bash)"         ~/.bashrc
      eval "$(provgraph shell-hook zsh)"          ~/.zshrc
      provgraph shell-hook fish | source          ~/.config/fish/config.fish

    Lines that begin with a blank, or that match a pattern of PROVGRAPH_IGNORE (by colons), are not
    recorded; `provgraph-hook off` stops it in a shell, `provgraph-hook on` goes on.
    """
    click.echo(text_for(shell))


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
