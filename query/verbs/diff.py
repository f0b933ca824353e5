"""`diff`: what differs between two runs, or two lineages."""

from __future__ import annotations

from typing import Annotated, ClassVar

from provgraph.model.vocabulary import Label
from provgraph.query.plan import ASPECTS, Aspect, Latest, Plan, Which
from provgraph.query.plan import Diff as Compared
from provgraph.query.verb import Argument, BoundQuery, Takes, Verb


class Diff(Verb):
    """A table of what differs in how the rows and those of another question came to be.

    A run stands for what its steps did; a version for everything that was done in its lineage. `aspect`
    is one of `inputs` (files that those steps read and had not made, by digest), `code` (scripts and
    what they imported), `environment` (packages, interpreter, system, processors,
    variables as `$NAME`), `parameters`, `metrics`,
    `command` (by script or program) and `commit`; `name` is what differs, `before` and `after` its
    values there and here, `change` is `added`, `removed` or `changed`, and `origin` says of a parameter whether
    it stood on the command line (`argv`) or in which file.

    Names mean their latest version.
    """

    decides_which: ClassVar[bool] = True
    reshapes: ClassVar[bool] = True
    wants: ClassVar[frozenset[Label]] = frozenset(("Version", "Run", "Step"))
    examples: ClassVar[tuple[str, ...]] = (
        'run "r12" | diff (run "r15") on inputs, code, environment, parameters',
        'model "churn"@1 | diff (model "churn"@2) | where aspect = parameters',
    )

    other: Annotated[
        BoundQuery,
        Argument("", Takes.QUERY, "what they are compared with", leads=True, latest=True),
    ]
    on: Annotated[
        tuple[Aspect, ...],
        Argument("on", Takes.WORDS, "what is looked at; else all", choices=ASPECTS),
    ] = ASPECTS

    def which(self) -> Which:
        return Latest()

    def plan(self, source: Plan) -> Plan:
        return Compared(source, self.other, tuple(each for each in ASPECTS if each in self.on))
