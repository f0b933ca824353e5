"""A prompt for questions: history, completion and colours. Importing it imports prompt_toolkit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.application.current import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style

from provgraph.cli.output import tell
from provgraph.errors import ProvgraphError
from provgraph.graph import Graph
from provgraph.query import verbs
from provgraph.query.completion import Vocabulary, complete
from provgraph.query.highlighting import parts
from provgraph.query.lines import wants_more
from provgraph.query.syntax import Span

LEAVING: Final = frozenset(("exit", "quit", ":q"))

_STYLE: Final = Style.from_dict(
    {
        "kind": "ansicyan",
        "verb": "bold ansigreen",
        "phrase": "ansigreen",
        "field": "ansimagenta",
        "text": "ansiyellow",
        "name": "ansiyellow",
        "value": "ansiyellow",
        "word": "bold",
        "operator": "",
        "comment": "italic ansibrightblack",
        "unread": "underline",
    }
)
_PLAIN: Final = Style.from_dict({"unread": "underline"})


def prompt(graph: Graph, answer: Callable[[Graph, str], None]) -> None:
    """Ask until the end of input. A mistake is told, and the next question asked."""
    session = made_session(graph.vocabulary())
    while True:
        try:
            text = session.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if not text.strip():
            continue
        if text.strip() in LEAVING:
            return
        if text.strip() == "help":
            print(help_text())
            continue
        try:
            graph.catch_up()
            answer(graph, text)
        except ProvgraphError as error:
            tell(str(error))
        except KeyboardInterrupt:
            tell("interrupted")


def made_session(vocabulary: Vocabulary, history: History | None = None) -> PromptSession[str]:
    return PromptSession(
        "provgraph> ",
        multiline=Condition(lambda: wants_more(get_app().current_buffer.text)),
        prompt_continuation="       ... ",
        history=history or kept_history(),
        completer=Suggesting(vocabulary),
        complete_while_typing=True,
        lexer=Coloured(),
        style=_PLAIN if "NO_COLOR" in os.environ else _STYLE,
        key_bindings=_keys(),
    )


def _keys() -> KeyBindings:
    """A new line can also be begun by hand, where the question could end."""
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


def help_text() -> str:
    """
    >>> print(help_text().splitlines()[0])
    A question is a kind, a name, and verbs after `|`:
    """
    examples = "\n".join(f"  {verbs.load(name).examples[0]}" for name in verbs.names())
    return (
        f"A question is a kind, a name, and verbs after `|`:\n\n{examples}\n\n"
        "Tab completes; Esc, then Enter begins a new line; Ctrl-D leaves."
    )


class Suggesting(Completer):
    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        cursor = document.cursor_position
        for found in complete(document.text, cursor, self.vocabulary):
            if found.role == "mark" and not complete_event.completion_requested:
                continue  # a menu of `|` at every blank would be in the way
            yield Completion(
                found.text,
                start_position=found.span.start - cursor,
                display_meta=found.meaning,
            )


class Coloured(Lexer):
    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        text = document.text
        starts = [0, *(at + 1 for at, character in enumerate(text) if character == "\n")]
        marked = parts(text)

        def line(number: int) -> StyleAndTextTuples:
            start = starts[number] if number < len(starts) else len(text)
            end = starts[number + 1] - 1 if number + 1 < len(starts) else len(text)
            return list(_line(text, Span(start, end), marked))

        return line


def _line(text: str, line: Span, marked: Iterable[tuple[Span, str]]) -> Iterator[tuple[str, str]]:
    """
    >>> list(_line("run | limit", Span(0, 11), [(Span(0, 3), "kind"), (Span(6, 11), "verb")]))
    [('class:kind', 'run'), ('', ' | '), ('class:verb', 'limit')]
    """
    at = line.start
    for span, part in marked:
        start, end = max(span.start, at), min(span.end, line.end)
        if start >= end:
            continue
        if at < start:
            yield "", text[at:start]
        yield f"class:{part}", text[start:end]
        at = end
    if at < line.end:
        yield "", text[at : line.end]


def kept_history() -> History:
    """Questions of former times, in a file of this user's alone; in memory where none can be kept."""
    home = os.environ.get("XDG_STATE_HOME", "")
    folder = (Path(home) if home.startswith("/") else Path("~/.local/state")) / "provgraph"
    try:
        file = folder.expanduser() / "questions"
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600))
    except (OSError, RuntimeError):
        return InMemoryHistory()
    return FileHistory(str(file))
