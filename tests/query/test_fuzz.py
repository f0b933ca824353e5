"""Whatever is asked, there is an answer or an error in words: no crash, and no endless question.

Three ways to get what nobody would write: tokens in any order, questions with something wrong put into
them, and questions that the grammar itself gives. The seeds are numbers, so what fails can be repeated.
`make soak` draws 100,000 of them.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

import pytest
from contract.graphs import graph as any_graph
from question_goldens import KINDS, blocks

from provgraph.errors import BudgetExceeded, ProvgraphError, QueryError
from provgraph.model.vocabulary import EDGE_TYPES, FIELDS
from provgraph.query import syntax, values, verbs
from provgraph.query.binder import Scope, bind
from provgraph.query.completion import Vocabulary, complete
from provgraph.query.explain import explain
from provgraph.query.highlighting import parts
from provgraph.query.lines import questions, wants_more
from provgraph.query.optimizer import optimize
from provgraph.query.plan import Budget
from provgraph.query.syntax import parse
from provgraph.query.written import written
from provgraph.store import Store, embedded

MANY: Final = 100_000 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 2_000
SCOPE: Final = Scope(KINDS, now=values.moment("2026-11-30T12:00").start)
KNOWN: Final = Vocabulary(SCOPE, lambda kind, part: ["a.csv", 'b "c"'])

_FIELDS: Final = sorted({field.name for known in FIELDS.values() for field in known})
_STRANGE: Final = (
    "\0", "\u200b", "\ud800", "\U0001f600", "é", "'", "`", "\\", '"', "$p0", "--", "/*", ";", "%", "{}", "\r", "\x1b[31m", "\u2028", "9" * 400, "(" * 50, "[" * 50, "not " * 50, "@" * 9, "0x1f", "NaN", "1e999", "-0", "²", "١", "\uffff",
)  # fmt: skip
SAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "WORD": ("x", "in", "as", "of", "at", "by", "desc", "true", "now", "today", "kind", "tag.x", "latest", "file", "run", "model"),
    "STRING": ('"a b"', '""', '"raw/*"', '"\\n\\\\"', '"`$p0`"', '"2026-06-01"', '"blake3:1a2b"'),
    "BARE": ("raw/*", "./x", "~/x", "/a/b", "**/x", "s3://b/a", "a*", "client:4711"),
    "DATE": ("2026-11-20", "2026-02-30", "0001-01-01", "2026-11-20T12:30:15.123456789+01:00"),
    "DURATION": ("30d", "1h30m", "9" * 30 + "y", "0ms"),
    "SIZE": ("10MB", "0B", "9" * 30 + "PB"),
    "NUMBER": ("0", "1", "3", "-1.5", "1e9", "9" * 30),
    "VERSION": ("@3", "@latest", "@all", "@1a2b", "@commit:1a2b3c4", "@2026-06-01", '@"x"', "@0"),
    "OP": ("=", "!=", "<", "<=", ">", ">=", "~"),
    "SETOP": ("&", "+", " - "),
    "NOT_IN": ("not in ",),
    "IN": ("in ",),
    "EXPLAIN": ("explain ",),
    "AND": ("and",),
    "OR": ("or",),
    "NOT": ("not",),
    "STAR": ("*",),
    "COMMA": (",",),
    "LPAR": ("(",),
    "RPAR": (")",),
    "LSQB": ("[",),
    "RSQB": ("]",),
    "VBAR": ("|",),
}  # fmt: skip
VALID: Final = sorted(
    {
        *(example for name in verbs.names() for example in verbs.load(name).examples),
        *(asked for asked, _ in blocks("plans.txt")),
    }
)


def phrases() -> Iterator[str]:
    for name in verbs.names():
        yield name
        for argument in verbs.load(name).arguments().values():
            yield from argument.phrase.split()
            yield from argument.choices


_WORDS: Final = sorted(
    {*phrases(), *_FIELDS, *(edge.phrase for edge in EDGE_TYPES), *KINDS, "file", "run", "step"}
)
_SOUP: Final = (*_WORDS, *(text for each in SAMPLES.values() for text in each), *_STRANGE)


def soup(random: Random) -> str:
    return "".join(
        random.choice(_SOUP) + random.choice((" ", " ", " ", "", "\n"))
        for _ in range(random.randint(0, 14))
    )


def mutated(random: Random) -> str:
    text = random.choice(VALID)
    for _ in range(random.randint(1, 4)):
        at, to = sorted((random.randint(0, len(text)), random.randint(0, len(text))))
        match random.randrange(6):
            case 0:
                text = text[:at] + text[to:]
            case 1:
                text = text[:at] + random.choice(_SOUP) + text[at:]
            case 2:
                text = text[:to] + text[at:]
            case 3:
                other = random.choice(VALID)
                text = text[:at] + other[random.randint(0, len(other)) :]
            case 4:
                words = text.split(" ")
                words[random.randrange(len(words))] = random.choice(_SOUP)
                text = " ".join(words)
            case _:
                text = text[:at] + chr(random.choice((random.randrange(128), random.randrange(0xFFFF)))) + text[at:]  # fmt: skip
    return text


def _expansions() -> dict[str, list[list[str]]]:
    """The grammar's rules: what each symbol can become."""
    found: defaultdict[str, list[list[str]]] = defaultdict(list)
    for rule in syntax._parser("start").rules:
        found[rule.origin.name].append([symbol.name for symbol in rule.expansion])
    return dict(found)


_RULES: Final = _expansions()


def _heights() -> dict[str, int]:
    """How high the lowest tree over each symbol is."""
    heights = dict.fromkeys(SAMPLES, 0)
    while len(heights) < len(SAMPLES) + len(_RULES):
        for name, bodies in _RULES.items():
            known = [max((heights[s] for s in body), default=0) for body in bodies if heights.keys() >= set(body)]  # fmt: skip
            if known and name not in heights:
                heights[name] = 1 + min(known)
    return heights


_PLACES: Final = {
    "selector": ("file", "run", "step", "commit", *KINDS),
    "stage": verbs.names(),
    "comparison": tuple(_FIELDS),
    "membership": tuple(_FIELDS),
}
"""The words that mean something where a rule begins with a word."""


def grown(random: Random) -> str:
    """A text of the grammar, with words of the vocabulary in the places of words."""
    heights = _heights_kept
    said: list[str] = []
    stack = [("start", random.randint(4, 16), "")]
    while stack:
        symbol, room, rule = stack.pop()
        if symbol == "WORD" and random.random() < 0.95:
            said.append(random.choice(_PLACES.get(rule, _WORDS)))
        elif symbol in SAMPLES:
            said.append(random.choice(SAMPLES[symbol]))
        else:
            bodies = _RULES[symbol]
            lowest = min(max((heights[s] for s in body), default=0) for body in bodies)
            fit = [
                b for b in bodies if max((heights[s] for s in b), default=0) <= max(room, lowest)
            ]
            body = random.choice(fit)
            first = [(body[0], room - 1, symbol)] if body else []
            stack += [(name, room - 1, "") for name in reversed(body[1:])] + first
    return " ".join(said)


_heights_kept: Final = _heights()
WAYS: Final[dict[str, Callable[[Random], str]]] = {"soup": soup, "mutated": mutated, "grown": grown}


def test_every_terminal_of_the_grammar_has_samples() -> None:
    terminals = {terminal.name for terminal in syntax._parser("start").terminals}
    assert terminals - {"COMMENT"} - {t for t in terminals if t.startswith("__")} == set(SAMPLES)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with embedded.open(tmp_path_factory.mktemp("fuzz") / "graph.db") as opened:
        opened.apply(any_graph(Random(7), 40))
        yield opened


def outcome(text: str, store: Store) -> str:
    """What became of a text. Raises what is no error of ours."""
    try:
        question = parse(text)
        bound = bind(question, SCOPE)
    except QueryError as error:
        assert error.text == text
        assert 0 <= error.start <= len(text)
        assert str(error).startswith("query:")
        return "mistake"
    again = written(question.query)
    assert parse(again.text).query == question.query
    assert bind(again, SCOPE).plan == bound.plan
    assert explain(text, bound)
    try:
        store.run(optimize(bound.plan), Budget(seconds=20, nodes=100_000))
    except BudgetExceeded:
        return "budget"
    except ProvgraphError as error:
        raise AssertionError(f"{text!r}: {error}") from error
    return "answer"


@pytest.mark.parametrize("way", WAYS)
def test_a_text_is_answered_or_its_mistake_is_told(way: str, store: Store) -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(MANY // len(WAYS) + 1):
        text = WAYS[way](Random(seed))
        try:
            outcomes[outcome(text, store)] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}: {text!r}") from error
    assert outcomes["mistake"] > 0
    assert outcomes["budget"] == 0
    if way != "soup":
        assert outcomes["answer"] > MANY // 100, outcomes


@pytest.mark.parametrize("way", WAYS)
def test_any_text_can_be_completed_coloured_and_cut_into_questions(way: str) -> None:
    for seed in range(MANY // (4 * len(WAYS)) + 1):
        random = Random(seed)
        text = WAYS[way](random)
        try:
            cursor = random.randint(0, len(text))
            assert all(found.span.end == cursor for found in complete(text, cursor, KNOWN))
            assert all(0 <= span.start < span.end <= len(text) for span, _ in parts(text))
            wants_more(text)
            list(questions(text.splitlines()))
        except Exception as error:
            raise AssertionError(f"seed {seed}: {text!r}") from error


def test_the_seeds_are_all_different() -> None:
    texts = {grown(Random(seed)) for seed in range(500)}
    assert len(texts) > 400
