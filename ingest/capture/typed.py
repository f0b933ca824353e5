"""What does a typed line have the shell itself read, and which variables does it use that were set before?

The shell is not watched, so its line is read instead, as bash, zsh and fish have it. Functions and aliases are
not followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final

import msgspec


class Typed(msgspec.Struct):
    """`files` are read by the shell, `names` its variables from before. `elsewhere`: it reads a file of which the line
    does not say which it is."""

    files: list[str] = []
    names: list[str] = []
    elsewhere: bool = False

    def read(self, name: str, folder: str) -> None:
        if re.search(r"[$*?[]", name):
            self.elsewhere = True
        elif name:
            path = os.path.join(folder, os.path.expanduser(name))
            self.files.append(os.path.normpath(path))


_BEFORE_COMMANDS: Final = re.compile(
    r"if|then|elif|else|while|until|do|time|!|\{|begin|and|or|not|command|builtin"
)
_READERS: Final = re.compile(r"read|mapfile|readarray|echo|printf|set|done|fi|esac|end|\}|exec")
"""Before a redirection, each has the shell itself read."""
_SETTERS: Final = re.compile(
    r"read|mapfile|readarray|export|declare|typeset|local|readonly|for|select|set"
)
_SET: Final = re.compile(r"(\w+)(?:\[.*?\])?\+?=")
_USED: Final = re.compile(r"\$\{?[#!^]?(\w+)")
_KNOWN: Final = re.compile(
    r"\d+|_|HOME|(OLD)?PWD|USER|LOGNAME|SHELL|HOST(NAME|TYPE)?|PATH|LANG|TERM|TMPDIR|EDITOR|PAGER|E?UID|PPID|SHLVL|IFS"
    r"|RANDOM|SECONDS|EPOCH\w+|LINENO|COLUMNS|LINES|PIPESTATUS|status|argv|pipestatus|(BASH|ZSH|FISH|XDG|LC|SSH)_?\w*"
)
"""Variables that say nothing of files."""
_HERE: Final = re.compile(r"<<-?\s*(?P<quote>[\\'\"]?)(?P<end>\w+)['\"]?(?=[\s;|&)>])")
_SEPARATORS: Final = "\n;|&()`"


def typed(line: str, folder: str) -> Typed:
    """
    >>> typed("while read n; do cat in/$n; done < list", "/p")
    Typed(files=['/p/list'], names=[], elsewhere=False)
    >>> typed('sort <<< "$(<a) $x" > b; cat < c; y=1; echo \\'$z\\' "$y"', "/p")
    Typed(files=['/p/a'], names=['x'], elsewhere=False)
    >>> typed('cd sub && source env.sh; read x < "$f"', "/p")
    Typed(files=['/p/sub/env.sh'], names=['f'], elsewhere=True)
    >>> typed("cat <<A <<'B'\\n$x (\\nA\\n$y\\nB\\nsort < b", "/p")
    Typed(files=[], names=['x'], elsewhere=False)
    """
    found, own = Typed(), set[str]()
    text, bodies = _without_here_documents(line)
    for words in _commands(text):
        while words and _BEFORE_COMMANDS.fullmatch(words[0]):
            del words[0]
        plain = [word for word in words if word[0] != "<"]
        first = plain[0] if plain else ""
        if first in ("source", ".") and len(plain) > 1:
            found.read(plain[1], folder)
        elif not first or _READERS.fullmatch(first) or _SET.match(first):
            for word in words:
                if word[0] == "<":
                    found.read(word[1:], folder)
        if first in ("cd", "pushd") and len(plain) == 2:
            folder = os.path.join(folder, os.path.expanduser(plain[1]))
        used = [name for word in words for name in _USED.findall(word)]
        found.names += [name for name in used if name not in own]
        own.update(_set(plain, first))
    found.names += [name for name in _USED.findall(" ".join(bodies)) if name not in own]
    found.names = [name for name in dict.fromkeys(found.names) if not _KNOWN.fullmatch(name)]
    return found


def _set(words: list[str], first: str) -> Iterator[str]:
    for word in words:
        given = _SET.match(word)
        if given is not None:
            yield given[1]
        elif _SETTERS.fullmatch(first) and word.isidentifier():
            yield word


def _without_here_documents(line: str) -> tuple[str, list[str]]:
    """And the bodies in which the shell puts its variables."""
    kept, bodies = list[str](), list[str]()
    rest = iter(line.split("\n"))
    for text in rest:
        kept.append(_HERE.sub("", text + "\n"))
        for here in _HERE.finditer(text + "\n"):
            for inner in rest:
                if inner.strip() == here["end"]:
                    break
                if not here["quote"]:
                    bodies.append(inner)
    return "".join(kept), bodies


def _commands(text: str) -> Iterator[list[str]]:
    """The words of each simple command, without what quotes them and without its outputs: a file that it is given
    to read stands behind `<`. A `$` that means itself is left out.

    >>> list(_commands('a="$(<b)" c <d >e | f <(g "h i" \\'$j\\')'))
    [['a='], ['<b'], ['c', '<d'], ['f'], ['g', 'h i', 'j']]
    """
    words, word, at = list[str](), "", 0
    quoted, around = False, list[bool]()
    direction = ""
    while at < len(text) + 1:
        c = text[at] if at < len(text) else "\n"
        begins = text.startswith(("$(", "<(", ">("), at) and (not quoted or c == "$")
        ends = c in _SEPARATORS and not (quoted and c != "`") and not begins
        at += 1
        if c == "\\":
            word, at = word + text[at : at + 1].strip("$\n"), at + 1
        elif c == "'" and not quoted:
            end = text.find("'", at)
            end = len(text) if end < 0 else end
            word, at = word + text[at:end].replace("$", ""), end + 1
        elif c == '"':
            quoted = not quoted
        elif begins or ends or (not quoted and c in " \t<>#"):
            if c == "#" and word:
                word += c
                continue
            if word and direction != ">" and not (direction == "<" and not word):
                words.append(("<" if direction == "<" else "") + word)
            if word or c in _SEPARATORS:
                word, direction = "", ""
            if begins or ends:
                if words:
                    yield words
                words = []
            if begins:
                around.append(quoted)
                quoted, at = False, at + 1
            elif c == ")" and around:
                quoted = around.pop()
            elif c == "#":
                end = text.find("\n", at)
                at = len(text) if end < 0 else end
            elif c in "<>":
                there = re.match(r"<<|[<>&|]+", text[at:])
                direction = c if there is None else "-" if c == "<" and there[0] == "<<" else ">"
                at += there.end() if there else 0
        else:
            word += c
    if words:
        yield words
