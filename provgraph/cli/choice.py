"""One of a few words; for another one, which of them might be meant."""

from __future__ import annotations

import difflib
from typing import Any

import click

from provgraph.errors import UsageError


class Choice(click.Choice[str]):
    """
    >>> Choice(("table", "json")).convert("tabel", None, None)
    Traceback (most recent call last):
    provgraph.errors.UsageError: invalid value: 'tabel' is not one of 'table', 'json'.
      hint: `table` might be meant
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            near = difflib.get_close_matches(str(value), self.choices, n=1)
            if not near:
                raise
            said = error.format_message()
            raise UsageError(
                f"{said[:1].lower()}{said[1:]}", hint=f"`{near[0]}` might be meant"
            ) from None
