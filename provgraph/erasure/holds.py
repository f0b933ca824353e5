"""What may be kept, and why: the `[[keep]]` of `provgraph.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from provgraph.config import Project
from provgraph.errors import ProjectError
from provgraph.query.glob import compiled


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


def keeps(project: Project) -> tuple[Keep, ...]:
    """The project's rules. Raises `ProjectError` where one is wrong."""
    written = project.settings.get("keep", [])
    if not isinstance(written, list):
        raise ProjectError(f"{project.file}: `keep` is a list of tables: `[[keep]]`")
    found = []
    for place, each in enumerate(written, 1):
        try:
            found.append(Keep.model_validate(each))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ProjectError(
                f"{project.file}: [[keep]] number {place}, `{where}`: {first['msg']}",
                hint="it wants files, basis, reason and owner, and may say when it expires",
            ) from None
    return tuple(found)
