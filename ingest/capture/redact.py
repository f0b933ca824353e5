"""Which parts of a command line or URL are secrets, and what is kept in their place.

What is replaced is the value, never the word that names it, so that a redacted command still says
what it did. The rules err toward hiding: a journal cannot be asked to forget what it never held.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

HIDDEN: Final = "[redacted]"

_NAMES: Final = (
    r"pass(?:word|wd|phrase|code)?|pwd|secret(?:s|[-_]?key)?|token|credentials?|cookie"
    r"|api[-_]?key|access[-_]?key(?:[-_]?id)?|private[-_]?key|account[-_]?key|auth(?:orization)?"
    r"|bearer|sas|dsn|connection[-_]?string"
)
_NAME: Final = re.compile(rf"(?:^|[-_.])(?:{_NAMES})$", re.IGNORECASE)
"""A word whose value is secret: `password`, `db-password`, `AWS_SECRET_ACCESS_KEY`."""

_NOT_SECRET: Final = frozenset({"--no-auth", "--auth-type", "--pwd"})

# A letter means a password to these programs alone; to others it is a port, a path, a pattern.
_SHORT: Final[dict[str, tuple[str, ...]]] = {
    "mysql": ("-p",),
    "mysqldump": ("-p",),
    "mysqladmin": ("-p",),
    "mariadb": ("-p",),
    "sshpass": ("-p",),
    "curl": ("-u", "-U", "--user", "--proxy-user"),
    "wget": ("--http-user", "--ftp-user"),
    "redis-cli": ("-a",),
    "mongo": ("-p",),
    "mongosh": ("-p",),
    "sqlcmd": ("-P",),
    "docker": ("-p",),
    "podman": ("-p",),
}
SECRETIVE: Final = frozenset(_SHORT)
"""Programs to which a letter means a password."""

_LOGIN_ONLY: Final = frozenset({"docker", "podman"})  # elsewhere their -p publishes a port


@cache
def _shapes() -> tuple[tuple[re.Pattern[str], str], ...]:
    # Compiled when a word first looks like more than a word: most commands never do.
    return tuple((re.compile(pattern), replacement) for pattern, replacement in _SHAPES)


_ASSIGNED: Final = (
    rf"(?i)((?:^|[\s;|'\"({{\[,])(?:[\w-]*[-_])?(?:{_NAMES})\s*=\s*)"
    r"(?:'[^']*'|\"[^\"]*\"|[^\s;&|'\")]+)"
)
_KEYED: Final = (
    rf"(?im)((?:^|[{{,\[(])[ \t]*(?:- )?['\"]?(?:[\w-]*[-_.])?(?:{_NAMES})['\"]?[ \t]*:[ \t]*)"
    r"(?:'[^'\n]*'|\"[^\"\n]*\")"
)
"""A key and a text, as in a dictionary."""

_SETTING: Final = (
    rf"(?im)(^[ \t]*(?:- )?['\"]?(?:[\w-]*[-_.])?(?:{_NAMES})['\"]?[ \t]*:[ \t]+)"
    r"(?![|>{\[&*'\"]|\[redacted\])[^\s#][^\n#]*?(?=[ \t]*(?:,?[ \t]*$|[ \t]#))"
)
"""A key and a bare word, as in YAML. In a program it would be a type."""

_KEYS: Final = (
    r"\b(?:AKIA|ASIA|AGPA|AROA)[A-Z0-9]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{20,}\b",
    r"\bgithub_pat_[A-Za-z0-9_]{20,}\b",
    r"\bglpat-[A-Za-z0-9_-]{20,}",
    r"\bxox[abposr]-[A-Za-z0-9-]{10,}",
    r"\bsk-[A-Za-z0-9_-]{20,}",
    r"\bhf_[A-Za-z0-9]{20,}\b",
    r"\bAIza[A-Za-z0-9_-]{35}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
)
"""Keys that are known by their shape."""

_SHAPES: Final[tuple[tuple[str, str], ...]] = (
    # scheme://user:secret@host, and a lone token before the @ of http(s)
    (r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@?#]*):[^\s/@]*@", rf"\1:{HIDDEN}@"),
    (r"(?i)\b(https?://)[^\s/:@?#]{16,}@", rf"\1{HIDDEN}@"),
    # ?token=..., &X-Amz-Signature=..., Azure's sig=
    (
        (
            rf"(?i)([?&;](?:[\w.-]*[-_.])?(?:{_NAMES}|sig|signature|x-amz-(?:signature|credential|"
            r"security-token)|x-goog-(?:signature|credential))=)[^&;#\s'\"]*"
        ),
        rf"\1{HIDDEN}",
    ),
    (r"(?i)\b((?:bearer|basic|token)\s+)[A-Za-z0-9._~+/=-]{8,}", rf"\1{HIDDEN}"),
    (
        (
            r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-(?:api|auth)-(?:key|token))"
            r"(\s*:\s*)(?!\s|bearer |basic |token )[^'\"\n]+"
        ),
        rf"\1\2{HIDDEN}",
    ),
    # NAME=value inside a longer word, such as the text given to `sh -c`
    (_ASSIGNED, rf"\1{HIDDEN}"),
    (_KEYED, rf"\1{HIDDEN}"),
    (
        rf"(?i)((?:^|\s)--(?:[\w-]*-)?(?:{_NAMES})\s+)(?:'[^']*'|\"[^\"]*\"|[^\s;&|'\"-][^\s;&|'\"]*)",
        rf"\1{HIDDEN}",
    ),
    *((shape, HIDDEN) for shape in _KEYS),
)


def argv(words: Sequence[str]) -> list[str]:
    """A command line without its secrets.

    >>> argv(["load", "--db-password", "hunter2", "--api-key=abc", "--rows", "5"])
    ['load', '--db-password', '[redacted]', '--api-key=[redacted]', '--rows', '5']
    >>> argv(["mysql", "-phunter2", "db"]), argv(["cp", "-p", "a", "b"])
    (['mysql', '-p[redacted]', 'db'], ['cp', '-p', 'a', 'b'])
    >>> argv(["env", "API_KEY=abc", "./train.sh"])
    ['env', 'API_KEY=[redacted]', './train.sh']
    """
    short = _short_options(words)
    kept: list[str] = []
    hide_next = False
    before = ""
    for word in words:
        if hide_next and not _is_option(word):
            kept.append(HIDDEN)
            hide_next = False
            continue
        hide_next = word in short or _names_secret(word)
        if hide_next:
            kept.append(word)
        else:
            kept.append(url(word) if _SHELL_TEXT_NEXT.fullmatch(before) else _word(word, short))
        before = word
    return kept


def url(text: str) -> str:
    """A URL without user information and without parameters that let somebody in.

    >>> url("https://ann:pw@host/data?x=1&token=abc#top")
    'https://ann:[redacted]@host/data?x=1&token=[redacted]#top'
    """
    for pattern, replacement in _shapes():
        text = pattern.sub(replacement, text)
    return text


def text(content: str, *, settings: bool = False) -> str:
    r"""A script, or a file of settings, without its secrets. What is looked up or computed is none.

    >>> print(text("load --db-password 'hunter2' rows\ntoken = tokens[0]\nPASSWORD=hunter2\n"), end="")
    load --db-password [redacted] rows
    token = tokens[0]
    PASSWORD=[redacted]
    >>> text("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n")
    '[redacted]\n'
    >>> text("password: hunter2\n", settings=True), text("password: str\n")
    ('password: [redacted]\n', 'password: str\n')
    """
    if settings:
        content = re.sub(_SETTING, rf"\1{HIDDEN}", content)
    for pattern, replacement in _shapes():
        if pattern.pattern == _ASSIGNED:
            content = pattern.sub(
                lambda found: found[0] if _is_code(found) else found[1] + HIDDEN, content
            )
        else:
            content = pattern.sub(replacement, content)
    return "".join(map(_line, content.splitlines(keepends=True)))


def _is_code(found: re.Match[str]) -> bool:
    return _CALL.match(found.string, found.end(1)) is not None


_CALL: Final = re.compile(r"[A-Za-z_]\w*\s*[.(\[]")
_BLANK: Final = re.compile(r"(\s+)")
_AROUND: Final = "'\",;()"


def _line(line: str) -> str:
    """Its words as a command's, whatever quotes stand around them."""
    parts = _BLANK.split(line)
    words = [part.strip(_AROUND) for part in parts[::2]]
    for place, (word, kept) in enumerate(zip(words, argv(words), strict=True)):
        if kept != word and not _CALL.match(word.partition("=")[2]):
            parts[2 * place] = parts[2 * place].replace(word, kept)
    return "".join(parts)


_SHELL_TEXT_NEXT: Final = re.compile(r"-[a-z]*c")


def _word(word: str, short: tuple[str, ...]) -> str:
    name, equals, value = word.partition("=")
    if equals and value and _is_word(name) and _NAME.search(name.lstrip("-")):
        return f"{name}={HIDDEN}"
    for option in short:
        if len(option) == 2 and word.startswith(option) and len(word) > 2:
            return option + HIDDEN
        if word.startswith(option + "="):
            return f"{option}={HIDDEN}"
    return url(word) if _WORTH_A_LOOK.search(word) else word


_WORTH_A_LOOK: Final = re.compile(r"[=:@ ]|[A-Za-z0-9_-]{16}")
_IS_WORD: Final = re.compile(r"-{0,2}[A-Za-z0-9_.-]+")


def _is_word(name: str) -> bool:
    return _IS_WORD.fullmatch(name) is not None


def _names_secret(word: str) -> bool:
    """Whether the next word is the value: `--token x`, not `token x`, which may be a subcommand."""
    return (
        word.startswith("-")
        and "=" not in word
        and word not in _NOT_SECRET
        and _is_word(word)
        and _NAME.search(word.lstrip("-")) is not None
    )


def _is_option(word: str) -> bool:
    return word.startswith("--") and len(word) > 2


def _short_options(words: Sequence[str]) -> tuple[str, ...]:
    """The letters that mean a password to a program named in the first words (after `env`, `sudo`
    and the like)."""
    for at, word in enumerate(words[:6]):
        program = word.rsplit("/", 1)[-1]
        if program in _LOGIN_ONLY and "login" not in words[at + 1 :]:
            return ()
        if program in _SHORT:
            return _SHORT[program]
    return ()
