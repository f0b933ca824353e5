"""A command teaches by example: what its docstring shows after `\\b` ends its help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import click

_EXAMPLES: Final = re.compile(r"\n?\x08\n(?P<lines>(?:  +\S.*\n?)+)")


def taught(command: click.Command) -> click.Command:
    """The command with its examples, and those of its subcommands, moved to the end of their help."""
    said = command.help or ""
    found = _EXAMPLES.search(said)
    if found is not None:
        command.help = (said[: found.start()].rstrip() + "\n\n" + said[found.end() :]).strip()
        lines = "\n".join(line[2:] for line in found["lines"].rstrip().splitlines())
        command.epilog = f"Examples:\n\n\b\n{lines}"
    if isinstance(command, click.Group):
        for (
            each
        ) in command.commands.values():  # those that are loaded; the others are when they are
            taught(each)
    return command


def examples(command: click.Command) -> list[str]:
    """What the command's help shows to be typed, one each.

    >>> examples(taught(click.Command("x", help="Do it.\\n\\n\\b\\n  x a\\n  x b    why\\n")))
    ['x a', 'x b    why']
    """
    _, _, lines = (command.epilog or "").partition("\b\n")
    return [line.strip() for line in lines.splitlines()]


def leaves(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words (`forget plan`)."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {words}", leaf) for words, leaf in leaves(command, context))
        else:
            yield name, command
