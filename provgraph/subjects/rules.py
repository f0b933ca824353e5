"""Where do identifiers stand? The `[[subjects]]` of `provgraph.toml`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from provgraph.config import Project
from provgraph.errors import ProjectError
from provgraph.query.glob import compiled


class Rule(BaseModel):
    """The files that match `dataset` (a glob over paths relative to the project) have a subject's
    identifier in `column`; `table` says of which table, in a database. A subject is called `prefix`
    and the identifier: `client:4711`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field(min_length=1)
    column: str = Field(min_length=1)
    prefix: str = ""
    table: str = ""

    def covers(self, name: str) -> bool:
        """
        >>> Rule(dataset="data/**/*.csv", column="id").covers("data/raw/a.csv")
        True
        """
        return compiled(self.dataset).fullmatch(name) is not None

    @property
    def key(self) -> str:
        """What tells apart the ways in which one content can be read: the dataset's name is none."""
        return json.dumps([self.column, self.prefix, self.table])

    def written(self) -> str:
        """The rule as TOML.

        >>> print(Rule(dataset="raw/*.csv", column="user", prefix="client:").written())
        [[subjects]]
        dataset = "raw/*.csv"
        column = "user"
        prefix = "client:"
        """
        given = self.model_dump(exclude_defaults=True)
        lines = (f"{name} = {_basic(value)}" for name, value in given.items())
        return "\n".join(("[[subjects]]", *lines))


def _basic(text: str) -> str:
    """A TOML basic string; JSON escapes what TOML must, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def rules(project: Project) -> tuple[Rule, ...]:
    """The project's rules. Raises `ProjectError` where one is wrong."""
    written: Any = project.settings.get("subjects", [])
    if not isinstance(written, list):
        raise ProjectError(f"{project.file}: `subjects` is a list of tables: `[[subjects]]`")
    return tuple(_rule(project, place, each) for place, each in enumerate(written, 1))


def _rule(project: Project, place: int, written: object) -> Rule:
    try:
        return Rule.model_validate(written)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ProjectError(
            f"{project.file}: [[subjects]] number {place}, `{where}`: {first['msg']}",
            hint='such as `dataset = "data/raw/*.csv"` and `column = "user_id"`',
        ) from None


def add(project: Project, rule: Rule) -> bool:
    """Write a rule at the end of `provgraph.toml`, unless it stands there. Raises `ProjectError`."""
    if rule in rules(project):
        return False
    try:
        with open(project.file, "a", encoding="utf-8") as file:
            file.write(f"\n{rule.written()}\n")
    except OSError as error:
        raise ProjectError(f"{project.file} cannot be written: {error.strerror}") from error
    return True


def covering(rules: Sequence[Rule], names: Sequence[str]) -> list[Rule]:
    """The rules that cover one of the names that a version had."""
    return [rule for rule in rules if any(rule.covers(name) for name in names)]
