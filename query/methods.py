"""What does the module of methods say? `provgraph/asking/methods.py`, made from the verbs' declarations.

`python -m provgraph.query.methods provgraph/asking/methods.py` writes it anew.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from provgraph.model.kinds import BUILT_IN
from provgraph.model.vocabulary import LABELS
from provgraph.query import verbs
from provgraph.query.building import is_given_as_fields
from provgraph.query.verb import Argument, Takes, Verb

_ANNOTATIONS: Final[dict[Takes, str]] = {
    Takes.NOTHING: "bool",
    Takes.COUNT: "int",
    Takes.EDGES: "Words",
    Takes.QUERY: "Query | str",
    Takes.MOMENT: "Moment",
    Takes.CONDITION: "str",
    Takes.FIELDS: "Words",
    Takes.WORD: "str",
    Takes.WORDS: "Words",
    Takes.DURATION: "Duration",
    Takes.KEYS: "Words",
}
_SEVERAL: Final = frozenset((Takes.FIELDS, Takes.KEYS))
"""What can be given one after the other where it leads: `select("path", "by")`."""

_HEAD: Final = '''"""The language's kinds and verbs as methods. Made by `provgraph.query.methods`: not to be edited."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from provgraph.asking.queries import Query
    from provgraph.query.building import Constants

Words = str | Iterable[str]
"""Words, one by one or in a text with commas between."""

Moment = str | date
"""A date or a datetime (UTC without a zone), or a text such as "2026-11-20" or "today"."""

Duration = str | timedelta
"""A timedelta, or a text such as "30d"."""
'''
_SELECTORS: Final = '''

class Selectors:
    """Where a question begins: a kind, a name or glob, a version, a condition.

    `name` is what the language takes: a whole name, its last part, a glob, a digest, `./` and a path; a
    path object is that file on this machine. `version` is a number, "latest", "all", the beginning of a
    digest, "commit:1a2b3c4" or a date. `where` is a condition.
    """

    def find(
        self,
        kind: str,
        name: str | os.PathLike[str] | None = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        """Nodes of any kind that the language has a word for, those of the project's own too."""
        raise NotImplementedError
'''
_VERBS: Final = '''

class Verbs:
    """What can follow in a question: a method a verb, its arguments by name."""

    def _then(self, verb: str, /, **given: Any) -> Query:
        raise NotImplementedError
'''


def module() -> str:
    """The module's text."""
    parts = [_HEAD, _SELECTORS, *(_selector(kind, said, v) for kind, said, v in kinds())]
    parts += [_VERBS, *(_verb(name, verbs.load(name)) for name in verbs.names())]
    return "".join(parts)


def kinds() -> Iterator[tuple[str, str, bool]]:
    """Each kind with what it selects, and whether it has versions."""
    yield "file", "Versions of whatever is a file.", True
    for label in LABELS:
        yield label.lower(), f"{label}s.", label == "Version"
    for kind in BUILT_IN:
        yield kind, f"Versions of kind {kind}.", True


def _selector(kind: str, said: str, versioned: bool) -> str:
    version = "\n        version: str | int | date | None = None," if versioned else ""
    given = "version=version, where=where" if versioned else "where=where"
    return f'''
    def {kind}(
        self,
        name: str | os.PathLike[str] | None = None,
        *,{version}
        where: str | None = None,
    ) -> Query:
        """{said}"""
        return self.find("{kind}", name, {given})
'''


def _verb(name: str, verb: type[Verb]) -> str:
    parameters, passed = ["self"], []
    by_name = False
    for field, argument in sorted(verb.arguments().items(), key=lambda item: not item[1].leads):
        needed = field in verb.needs()
        given = field
        if is_given_as_fields(argument):
            parameters += [f"{field}: str | None = None", "/", "**fields: Constants"]
            given = f"({field}, fields)"
        elif argument.leads and argument.takes in _SEVERAL:
            parameters.append(f"*{field}: str")
        else:
            if not argument.leads and not by_name and not _has_star(parameters):
                parameters.append("*")
                by_name = True
            parameters.append(f"{field}: {_annotation(argument, needed)}")
        passed.append(f"{field}={given}")
    call = ", ".join([f'"{name}"', *passed])
    signature = "".join(f"        {parameter},\n" for parameter in parameters)
    signature = signature.replace("**fields: Constants,", "**fields: Constants,")
    return (
        f"\n    def {method(name)}(\n{signature}    ) -> Query:\n"
        f"{textwrap.indent(_documentation(verb), ' ' * 8)}\n"
        f"        return self._then({call})\n"
    )


def method(verb: str) -> str:
    """A verb's method.

    >>> method("lineage"), method("rerun plan")
    ('lineage', 'rerun_plan')
    """
    return verb.replace(" ", "_")


def _has_star(parameters: list[str]) -> bool:
    return any(parameter.startswith("*") for parameter in parameters)


def _annotation(argument: Argument, needed: bool) -> str:
    taken = _ANNOTATIONS[argument.takes]
    if argument.choices:
        words = ", ".join(f'"{choice}"' for choice in argument.choices)
        word = f"Literal[{words}]"
        taken = word if argument.takes is Takes.WORD else f"{word} | Iterable[{word}]"
    if argument.takes is Takes.NOTHING:
        return f"{taken} = False"
    return taken if needed else f"{taken} | None = None"


def _documentation(verb: type[Verb]) -> str:
    arguments = [f"{field}: {argument.meaning}" for field, argument in verb.arguments().items()]
    said = inspect.getdoc(verb) or ""
    whole = "\n\n".join([said, "\n".join(arguments)]) if arguments else said
    return f'"""{whole}\n"""' if "\n" in whole else f'"""{whole}"""'


def formatted(text: str) -> str:
    """As ruff lays it out."""
    import subprocess

    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", "methods.py", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_text(formatted(module()), "utf-8")
