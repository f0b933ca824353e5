"""What stands in a question that is not finished: the brackets that are open, the stage that is begun.

What waits (`Reached.open`) is tokens, and None for each part that is complete.
"""

from __future__ import annotations

from collections.abc import Iterator

from provgraph.query.syntax import Lexeme
from provgraph.query.verb import Argument, Takes, Verb

Waiting = tuple[Lexeme | None, ...]


class Begun:
    """A stage that is being written: its verb, the query before it, and the tokens after the verb.

    `read` finds the argument that is open, its values so far, and words that may begin a phrase.
    """

    def __init__(self, verb: type[Verb], source: str, lexemes: list[Lexeme]) -> None:
        self.verb, self.source, self.lexemes = verb, source, lexemes
        self.given: set[str] = set()
        self.argument: Argument | None = None
        self.values: list[Lexeme] = []
        self.halfway: list[str] = []

    def wanted(self) -> Takes | None:
        self.read()
        return self.argument.takes if self.argument is not None else None

    def read(self) -> None:
        self.given, self.values, self.halfway = set(), [], []
        self.argument = next((a for a in self.verb.arguments().values() if a.leads), None)
        at = 0
        while at < len(self.lexemes):
            phrase = self.phrase_at(at) if self.may_begin_phrase else None
            if phrase is not None:
                self.argument = None if phrase.takes is Takes.NOTHING else phrase
                self.values = []
                self.given.add(phrase.phrase)
                at += len(phrase.phrase.split())
                continue
            words = [x.text for x in self.lexemes[at:]]
            if self.may_begin_phrase and any(is_begun(p, words) for p in self.left):
                self.halfway = words
                return
            self.values.append(self.lexemes[at])
            at += 1

    @property
    def may_begin_phrase(self) -> bool:
        """Whether a word that comes next may belong to a phrase, and is not surely a value."""
        if self.argument is None or not self.values:
            return self.argument is None or not self.given
        return self.values[-1].type not in ("COMMA", "OP", "AND", "OR", "NOT", "IN", "NOT_IN")

    def phrase_at(self, at: int) -> Argument | None:
        words = [x.text for x in self.lexemes[at:]]
        known = [a for a in self.verb.arguments().values() if a.phrase]
        known.sort(key=lambda argument: -len(argument.phrase.split()))
        for argument in known:
            phrase = argument.phrase.split()
            if words[: len(phrase)] == phrase:
                return argument
        return None

    @property
    def left(self) -> list[str]:
        arguments = self.verb.arguments().values()
        out = {*self.given, *(a.excludes for a in arguments if a.phrase in self.given)} - {""}
        return [a.phrase for a in arguments if a.phrase and not {a.phrase, a.excludes} & out]

    @property
    def wants_phrase(self) -> bool:
        begun = self.argument is not None and not self.values
        return self.may_begin_phrase and not (begun and self.given)

    @property
    def is_whole(self) -> bool:
        """Whether the stage could end here."""
        open = self.argument is not None and self.argument.phrase in self.given
        unfinished = open and not self.values
        listed = bool(self.values) and self.values[-1].type == "COMMA"
        needs = [self.verb.arguments()[name] for name in self.verb.needs()]
        led = [a for a in needs if not (a.phrase in self.given or (a.leads and self.lexemes))]
        return not (unfinished or listed or led or self.halfway)

    def phrases(self) -> Iterator[tuple[str, str]]:
        for argument in self.verb.arguments().values():
            if argument.phrase in self.left:
                yield argument.phrase, argument.meaning

    def rest_of_phrases(self) -> Iterator[tuple[str, str]]:
        for argument in self.verb.arguments().values():
            if argument.phrase in self.left and is_begun(argument.phrase, self.halfway):
                rest = argument.phrase.split()[len(self.halfway) :]
                yield " ".join(rest), argument.meaning


def type_of(part: Lexeme | None) -> str:
    return "" if part is None else part.type


def innermost(waiting: Waiting) -> tuple[Lexeme | None, Waiting]:
    """The bracket that is still open, and what waits inside of it."""
    for at in range(len(waiting) - 1, -1, -1):
        if type_of(waiting[at]) in ("LPAR", "LSQB"):
            return waiting[at], waiting[at + 1 :]
    return None, waiting


def selector_of(around: Waiting) -> Lexeme | None:
    """The kind of the selector that a bracket belongs to: the last word after which only a name and
    a version stand."""
    words: list[Lexeme] = []
    for part in reversed(around):
        if part is None or part.type in ("STRING", "BARE", "STAR", "VERSION"):
            continue
        if part.type != "WORD":
            return None if part.type == "VBAR" else words[-1] if words else None
        words.append(part)
    return words[-1] if words else None


def listed_field(waiting: Waiting) -> Lexeme | None:
    """The field of `field in (...)`, inside of those parentheses."""
    opener, inside = innermost(waiting)
    at = len(waiting) - len(inside) - 1
    if opener is None or at < 2 or type_of(waiting[at - 1]) not in ("IN", "NOT_IN"):
        return None
    return waiting[at - 2] if not inside or type_of(inside[-1]) == "COMMA" else None


def flat(lexemes: list[Lexeme]) -> list[Lexeme]:
    """Without what stands in brackets; a bracket that is closed counts as one value."""
    found: list[Lexeme] = []
    depth = 0
    for lexeme in lexemes:
        if lexeme.type in ("LPAR", "LSQB"):
            if depth == 0:
                found.append(lexeme)
            depth += 1
        elif lexeme.type in ("RPAR", "RSQB"):
            depth -= 1
        elif depth == 0:
            found.append(lexeme)
    return found


def is_begun(phrase: str, words: list[str]) -> bool:
    whole = phrase.split()
    return len(words) < len(whole) and whole[: len(words)] == words
