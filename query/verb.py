"""What is a verb? Its arguments, its documentation and its plan, declared once.

The binder, completion, error messages and the reference page all derive from that declaration.
Importing this file imports pydantic.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import CoreSchema, core_schema

from provgraph.model.vocabulary import Field as KnownField
from provgraph.model.vocabulary import Label
from provgraph.query.mistake import listed
from provgraph.query.plan import Column, Condition, Latest, Plan, SortKey, Which


class Takes(StrEnum):
    """What an argument takes, in words."""

    NOTHING = "nothing more"
    COUNT = "a whole number from 1"
    EDGES = "edge types, with commas between"
    QUERY = "a query in parentheses"
    MOMENT = "a date"
    CONDITION = "a condition"
    FIELDS = "fields, with commas between"
    WORD = "a word"
    WORDS = "words, with commas between"
    DURATION = "a duration"
    KEYS = "fields, with commas between, each with `desc` for the reverse order"


@dataclass(frozen=True, slots=True)
class Argument:
    """`phrase` is the words before it, "" for none. With `leads` they can be left out right after
    the verb. `choices` are the words that it takes, where it takes words. `also` are fields
    that it takes beside those of the rows. `beside` is the phrase of an
    argument that it cannot be without, `excludes` of one that it cannot stand beside."""

    phrase: str
    takes: Takes
    meaning: str
    leads: bool = False
    choices: tuple[str, ...] = ()
    latest: bool = False
    """Whether a name in its query means its latest version, not all of them."""
    also: tuple[KnownField, ...] = ()
    beside: str = ""
    excludes: str = ""

    @property
    def wants(self) -> str:
        """
        >>> Argument("by", Takes.WORD, "the order", choices=("lift", "coverage")).wants
        'a word: lift or coverage'
        """
        return f"{self.takes}: {listed(self.choices, 'or')}" if self.choices else str(self.takes)


class _AsBound:
    """The binder made the value; nothing is left to check, and no schema to build."""

    def __get_pydantic_core_schema__(self, _: Any, __: Any) -> CoreSchema:
        return core_schema.any_schema()


Count = Annotated[int, Field(gt=0)]  # pydantic's PositiveInt costs 15 ms to import
BoundQuery = Annotated[Plan, _AsBound()]
BoundCondition = Annotated[Condition, _AsBound()]
BoundColumns = Annotated[tuple[Column, ...], _AsBound()]
BoundKeys = Annotated[tuple[SortKey, ...], _AsBound()]


class Verb(BaseModel, ABC):
    """A stage after `|`. The first line of a verb's docstring is its summary."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    aliases: ClassVar[tuple[str, ...]] = ()
    decides_which: ClassVar[bool] = False
    """Whether it says which versions a name before it means (`which`); others leave that to the
    next verb. Its arguments cannot depend on its rows."""
    reshapes: ClassVar[bool] = False
    """Whether its rows are others than the source's, so that it cannot follow `select`."""
    wants: ClassVar[frozenset[Label]] = frozenset()
    """At least one of these must be among its rows' labels; empty: any will do."""
    examples: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def plan(self, source: Plan) -> Plan:
        """What the rows of `source` become."""

    def which(self) -> Which:
        return Latest()

    @classmethod
    def arguments(cls) -> dict[str, Argument]:
        """By field, in the order of declaration."""
        return {
            name: mark
            for name, declared in cls.model_fields.items()
            for mark in declared.metadata
            if isinstance(mark, Argument)
        }

    @classmethod
    def needs(cls) -> list[str]:
        """The fields that must be given."""
        return [name for name, declared in cls.model_fields.items() if declared.is_required()]
