"""How is the database reached? By the environment first, then by what `provgraph.toml` says."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from provgraph.config import Project
from provgraph.errors import ProjectError, reason_of
from provgraph.store.neo4j.server.process import LocalServer

SCHEMES: Final = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
_PREFIX: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_VARIABLES: Final = {
    "uri": "PROVGRAPH_STORE",
    "user": "PROVGRAPH_NEO4J_USER",
    "password": "PROVGRAPH_NEO4J_PASSWORD",
    "password_file": "PROVGRAPH_NEO4J_PASSWORD_FILE",
    "database": "PROVGRAPH_NEO4J_DATABASE",
    "prefix": "PROVGRAPH_NEO4J_PREFIX",
    "schema": "PROVGRAPH_NEO4J_SCHEMA",
}


class Settings(BaseModel):
    """`prefix` begins every label and edge type of ours, for a database that others use too.
    `schema` false makes no constraints and indexes, where that is not allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str
    user: str = Field("neo4j", min_length=1)
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    database: str | None = Field(None, min_length=1)
    prefix: str = ""
    schema_: bool = Field(True, alias="schema")

    @field_validator("uri")
    @classmethod
    def _is_reachable(cls, uri: str) -> str:
        parts = urlsplit(uri)
        if parts.scheme not in SCHEMES or not parts.hostname:
            raise ValueError(f"such as neo4j://host:7687; the schemes are {', '.join(SCHEMES)}")
        if parts.username or parts.password:
            raise ValueError("user and password stand elsewhere")
        try:
            parts.port  # noqa: B018
        except ValueError as error:
            raise ValueError("a port is a number up to 65535") from error
        return uri

    @field_validator("database")
    @classmethod
    def _may_hold_a_graph(cls, database: str | None) -> str | None:
        if database is not None and database.casefold() == "system":
            raise ValueError("Neo4j keeps users and the names of databases in `system`, no graph")
        return database

    @field_validator("prefix")
    @classmethod
    def _is_a_word(cls, prefix: str) -> str:
        if prefix and not _PREFIX.fullmatch(prefix):
            raise ValueError("a letter, then letters, digits and `_`, 40 of them at most")
        return prefix

    def secret(self) -> str:
        """The password. Raises `ProjectError` where its file cannot be read."""
        if self.password.get_secret_value() or self.password_file is None:
            return self.password.get_secret_value()
        try:
            return self.password_file.expanduser().read_text("utf-8").strip()
        except OSError as error:
            raise ProjectError(f"no password is read: {reason_of(error)}") from error
        except UnicodeDecodeError as error:
            raise ProjectError(f"{self.password_file} holds no password: {error}") from error


def settings_of(project: Project, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a project whose graph is in a Neo4j. The password of the project's own server
    is found where that server keeps it. Raises `ProjectError`."""
    written = project.settings.get("store", {})
    if "password" in written:
        raise ProjectError(
            f"{project.file}: [store] holds a password, and the file is committed",
            hint="set PROVGRAPH_NEO4J_PASSWORD, or PROVGRAPH_NEO4J_PASSWORD_FILE",
        )
    found = {
        field: environment[name] for field, name in _VARIABLES.items() if environment.get(name)
    }
    settings = _checked(project, {**written, **found})
    if settings.secret():
        return settings
    server = LocalServer(project.local_server)
    running = server.running()
    if running is None or running.uri != settings.uri:
        return settings
    return settings.model_copy(update={"password_file": server.password_file})


def _checked(project: Project, values: Mapping[str, Any]) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        where = _VARIABLES.get(field)
        raise ProjectError(
            f"the store's `{field}` is wrong: {first['msg'].removeprefix('Value error, ')}",
            hint=f"it stands in [store] of {project.file}" + (f", or in {where}" if where else ""),
        ) from error
