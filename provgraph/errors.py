"""What can go wrong, as one tree.

ProvgraphError                 every error that a person can mend; carries a hint and an exit status
├── UsageError                 the call itself is wrong: an unknown option value, a missing argument (2)
├── ProjectError               no project here, or its `provgraph.toml` is wrong (2)
├── QueryError                 a question that cannot be understood; points into its text (2)
│   ├── QuerySyntaxError       the text does not parse
│   └── BindingError           it parses, but a name, verb, field or type in it is wrong
├── NotFound                   nothing in the graph answers to a name (3)
├── AmbiguousName              several things answer to a name (3)
├── BudgetExceeded             a question ran past its time or size (4)
├── StoreError                 the store cannot be used: locked, damaged, of another version (5)
├── JournalError               a segment or spool is damaged (5)
├── CaptureError               a run cannot be recorded (5)
├── KeyMissing                 a key that lies outside the project is not here (5)
└── IngestError                a source cannot be read (5)

Text states the fact; `hint` is the nearest fix. Neither addresses the reader.
"""

from __future__ import annotations


class ProvgraphError(Exception):
    """An error that a person can mend.

    `hint` is one line, the nearest fix; `exit_status` is what the command line returns.
    """

    exit_status = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """
        >>> print(ProvgraphError("no such file", hint="look with `ls`"))
        no such file
          hint: look with `ls`
        """
        return self.message if self.hint is None else f"{self.message}\n  hint: {self.hint}"


def reason_of(error: Exception) -> str:
    """What went wrong, on one line, for a sentence that says what came of it.

    >>> reason_of(OSError(28, "No space left on device")), reason_of(ProvgraphError("no", hint="yes"))
    ('No space left on device', 'no')
    >>> reason_of(FileNotFoundError(2, "No such file or directory", "a.csv"))
    'No such file or directory: a.csv'
    """
    if isinstance(error, ProvgraphError):
        return error.message
    if isinstance(error, OSError) and error.strerror:
        return ": ".join([error.strerror, *([str(error.filename)] if error.filename else [])])
    return str(error)


class UsageError(ProvgraphError):
    exit_status = 2


class ProjectError(ProvgraphError):
    exit_status = 2


class QueryError(ProvgraphError):
    """A question that cannot be understood.

    `text` is the question and `start`, `end` the character offsets of the place in it.
    """

    exit_status = 2

    def __init__(
        self, message: str, *, text: str, start: int, end: int, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.text, self.start, self.end = text, start, max(end, start + 1)

    @property
    def line(self) -> int:
        return self.text.count("\n", 0, self.start) + 1

    @property
    def column(self) -> int:
        return self.start - (self.text.rfind("\n", 0, self.start) + 1) + 1

    def __str__(self) -> str:
        """
        >>> print(QueryError("unknown verb `linage`", text='file "m" | linage', start=11, end=17,
        ...                  hint="`lineage` might be meant"))
        query:1:12: unknown verb `linage`
          file "m" | linage
                     ^^^^^^
          hint: `lineage` might be meant
        """
        begin = self.text.rfind("\n", 0, self.start) + 1
        line = self.text[begin:].split("\n", 1)[0]
        end = min(self.end, begin + len(line)) - begin
        line, start, end = _cut(line, self.start - begin, max(end, self.start - begin + 1))
        shown = [
            f"query:{self.line}:{self.column}: {self.message}",
            f"  {line.expandtabs(1)}",
            f"  {' ' * start}{'^' * (end - start)}",
        ]
        return "\n".join(shown + ([f"  hint: {self.hint}"] if self.hint else []))


_LONGEST = 160


def _cut(line: str, start: int, end: int) -> tuple[str, int, int]:
    """A line that a screen can show, with the place in it.

    >>> line, start, end = _cut("x" * 500 + "bad" + "y" * 500, 500, 503)
    >>> line[start:end], len(line), line[:2], line[-2:]
    ('bad', 162, '…x', 'y…')
    """
    if len(line) <= _LONGEST:
        return line, start, end
    begin = max(0, min(start - _LONGEST // 3, len(line) - _LONGEST))
    kept = line[begin : begin + _LONGEST]
    before = "…" if begin else ""
    after = "…" if begin + _LONGEST < len(line) else ""
    shift = len(before) - begin
    return f"{before}{kept}{after}", start + shift, min(end + shift, len(before) + len(kept))


class QuerySyntaxError(QueryError):
    pass


class BindingError(QueryError):
    pass


class NotFound(ProvgraphError):
    exit_status = 3


class AmbiguousName(ProvgraphError):
    exit_status = 3


class BudgetExceeded(ProvgraphError):
    exit_status = 4


class StoreError(ProvgraphError):
    exit_status = 5


class JournalError(ProvgraphError):
    exit_status = 5


class CaptureError(ProvgraphError):
    exit_status = 5


class KeyMissing(ProvgraphError):
    exit_status = 5


class IngestError(ProvgraphError):
    exit_status = 5
