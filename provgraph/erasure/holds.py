"""What may be kept, and for how long: the `[[keep]]` and `[[retention]]` of `provgraph.toml`."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from provgraph.config import Project
from provgraph.errors import ProjectError
from provgraph.query.glob import compiled
from provgraph.query.mistake import listed
from provgraph.query.values import duration


class Keep(BaseModel):
    """Files that match `files` (a glob over paths relative to the project) are kept on this basis until
    `expires`, by whoever `owner` names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: str = Field(min_length=1)
    basis: Literal["legal hold", "retention", "anonymised"]
    reason: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    expires: date | None = None

    def covers(self, names: Sequence[str], today: date) -> bool:
        """
        >>> hold = Keep(files="books/**", basis="retention", reason="tax law", owner="finance",
        ...             expires=date(2030, 1, 1))
        >>> hold.covers(["books/2026.csv"], date(2026, 1, 1)), hold.covers(["books/x"], date(2031, 1, 1))
        (True, False)
        """
        if self.expires is not None and today > self.expires:
            return False
        return any(compiled(self.files).fullmatch(name) for name in names)

    def in_words(self) -> str:
        until = f", until {self.expires}" if self.expires else ""
        return f"{self.basis}: {self.reason} ({self.owner}{until})"

    def written(self) -> str:
        """The rule as TOML.

        >>> hold = Keep(files="a.csv", basis="legal hold", reason="case 7", owner="legal")
        >>> print(hold.written())
        [[keep]]
        files = "a.csv"
        basis = "legal hold"
        reason = "case 7"
        owner = "legal"
        """
        given = self.model_dump(exclude_defaults=True)
        return "\n".join(("[[keep]]", *(f"{key} = {_literal(given[key])}" for key in given)))


class Retention(BaseModel):
    """Files that match `files` go when they are older than `older_than` (`400d`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: str = Field(min_length=1)
    older_than: str
    reason: str = Field(min_length=1)
    owner: str = Field(min_length=1)

    @field_validator("older_than")
    @classmethod
    def _is_duration(cls, text: str) -> str:
        duration(text)
        return text

    @property
    def age(self) -> int:
        """Nanoseconds."""
        return duration(self.older_than)


def _literal(value: object) -> str:
    """A date, or a TOML basic string: JSON escapes what TOML must, but for DEL."""
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def hold(project: Project, keep: Keep) -> None:
    """Write a rule at the end of `provgraph.toml`. Raises `ProjectError`."""
    try:
        with open(project.file, "a", encoding="utf-8") as file:
            file.write(f"\n{keep.written()}\n")
    except OSError as error:
        raise ProjectError(f"{project.file} cannot be written: {error.strerror}") from error


def keeps(project: Project) -> tuple[Keep, ...]:
    """Raises `ProjectError` where one is wrong."""
    return _rules(project, "keep", Keep)


def retentions(project: Project) -> tuple[Retention, ...]:
    """Raises `ProjectError` where one is wrong."""
    return _rules(project, "retention", Retention)


_Rule = TypeVar("_Rule", bound=BaseModel)


def _rules(project: Project, name: str, of: type[_Rule]) -> tuple[_Rule, ...]:
    written = project.settings.get(name, [])
    if not isinstance(written, list):
        raise ProjectError(f"{project.file}: `{name}` is a list of tables: `[[{name}]]`")
    found = []
    for place, each in enumerate(written, 1):
        try:
            found.append(of.model_validate(each))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ProjectError(
                f"{project.file}: [[{name}]] number {place}, `{where}`: {first['msg']}",
                hint=f"it takes {listed(of.model_fields)}",
            ) from None
    return tuple(found)


def today() -> date:
    """Whether a rule keeps something is asked on the day of the plan, and again when it is carried out."""
    return day(time.time_ns())


def day(at: int) -> date:
    """The day in UTC of a time in nanoseconds.

    >>> day(1_780_000_000_123_000_000).isoformat()
    '2026-05-28'
    """
    return datetime.fromtimestamp(at / 1e9, UTC).date()
