"""The commands: one file each in `commands/`, found by its name, errors told in words."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from provgraph import __version__
from provgraph.cli.teaching import taught
from provgraph.errors import ProvgraphError, UsageError

# What is left goes with the process: nobody need look for garbage among it.
atexit.register(gc.freeze)

_ORDER = [
    "init",
    "run",
    "shell-hook",
    "why",
    "ask",
    "sql",
    "cypher",
    "impact",
    "history",
    "diff",
    "log",
    "show",
    "flag",
    "unflag",
    "tag",
    "note",
    "component",
    "subject",
    "forget",
    "receipt",
    "ingest",
    "sync",
    "neo4j",
    "ui",
    "doctor",
    "completion",
    "demo",
]


class Commands(click.Group):
    """Finds `commands/<name>.py` when a command is asked for; nothing else is imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        found = {file.stem.replace("_", "-") for file in _folder().glob("[a-z]*.py")}
        return sorted(found, key=lambda name: (_ORDER.index(name) if name in _ORDER else 99, name))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"provgraph.cli.commands.{cmd_name.replace('-', '_')}")
        return taught(module.command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by the first lines of their files: importing them all would be felt."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(name)) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise UsageError(f"no such command `{args[0]}`", hint=self._nearest(ctx, args[0]))
        return super().resolve_command(ctx, args)

    def _nearest(self, ctx: click.Context, name: str) -> str:
        import difflib

        near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
        return f"`{near[0]}` might be meant" if near else "`provgraph --help` lists the commands"


def _folder() -> Path:
    return Path(__file__).parent / "commands"


def _summary(name: str) -> str:
    """
    >>> _summary("why")
    'What produced a file.'
    """
    with (_folder() / f"{name.replace('-', '_')}.py").open(encoding="utf-8") as source:
        said = source.readline().strip().strip('"').partition(": ")[2]
    return said[:1].upper() + said[1:]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="provgraph")
def root() -> None:
    """Record what commands read and write, and ask where files come from.

    \b
      provgraph run -- sh pipeline.sh                run it, recorded
      provgraph why models/churn.pkl                 what produced this file
      provgraph impact data/raw/customers.csv        what was made from it
      provgraph ask 'model "churn" | lineage | where kind = dataset'

    Exit status: 0 done; 1 an error; 2 wrong usage or a mistake in a query; 3 nothing of that name;
    4 a question ran past its budget; 5 the store, the journal or a source cannot be used.
    """


def main(words: list[str]) -> int:
    """Run one command; returns its exit status. A mistake of the user's is told without a traceback
    (set PROVGRAPH_TRACEBACK=1 to see it)."""
    try:
        color = False if "NO_COLOR" in os.environ else None  # None: on a terminal
        result: Any = taught(root).main(
            args=words, prog_name="provgraph", standalone_mode=False, color=color
        )
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except ProvgraphError as error:
        if os.environ.get("PROVGRAPH_TRACEBACK"):
            raise
        from provgraph.cli.output import tell

        tell(str(error))
        return error.exit_status
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        from provgraph.cli.output import tell

        tell(_in_words(error))
        return 2
    except click.exceptions.Abort:
        return 130
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _in_words(error: click.ClickException) -> str:
    """What Click found wrong, as our own errors are told."""
    said = error.format_message()
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "provgraph"
    hint = f"`{where} --help` shows how"
    if near := getattr(error, "possibilities", None):  # of an option, or a command within a command
        said, hint = error.message, f"`{near[0]}` might be meant"
    return f"{said[:1].lower()}{said[1:]}\n  hint: {hint}"
