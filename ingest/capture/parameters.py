"""Which parameters did a run have, besides those that it named itself? What its scripts were called with, and what
stands in the configuration files that it read.

Where each comes from is kept beside it, as `prop.origin.NAME`: `argv`, or the file. Nothing is read of files that are not to
be kept, and secrets are replaced as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from provgraph.ingest.capture.streams import Records, through
from provgraph.ingest.capture.texts import SECRETS
from provgraph.model.elements import Scalar
from provgraph.model.records import Content, Record, StepSeen, Used
from provgraph.model.uri import split

ARGV: Final = "argv"
LARGEST: Final = 32 * 1024
"""Bytes; a larger file is no configuration."""
_MOST, _MOST_FILES, _DEEPEST, _LONGEST = 300, 30, 8, 200
_TOOLS: Final = frozenset(
    [
        "pyproject.toml",
        "setup.cfg",
        "tox.ini",
        "pytest.ini",
        "mypy.ini",
        "ruff.toml",
        "provgraph.toml",
        "package.json",
        "tsconfig.json",
        "composer.json",
        "Cargo.toml",
        "mkdocs.yml",
        "docker-compose.yml",
        "docker-compose.yaml",
        "environment.yml",
        "dvc.yaml",
        ".pre-commit-config.yaml",
        ".readthedocs.yaml",
    ]
)
"""Configuration of tools rather than of the work."""
_SUFFIXES: Final = (".yaml", ".yml", ".json", ".toml", ".ini", ".cfg", ".conf")
_JSON: Final = re.compile(r"(?i).*(?:config|conf|param|setting|option|args).*\.json")

Contents = Callable[[str, Content], bytes | None]
"""The bytes of a URI that had a content, if they are still to be had."""
KindOf = Callable[[str], str]
"""The name of a URI's kind."""


def with_parameters(
    records: Records, contents: Contents, kind_of: KindOf
) -> tuple[Records, dict[str, Scalar]]:
    """The records, steps with what their scripts were called with; and the parameters of the run."""
    found = dict(_configured(records, contents, kind_of))
    called: dict[str, Scalar] = {}
    first: dict[str, Scalar] = {}
    for record in records:
        # What a script was called with stands in the first of its phases as in each.
        if type(record) is StepSeen and not record.phase and (own := _own(record)):
            first = first or own
            called |= {name: None if called.get(name, v) != v else v for name, v in own.items()}
    if called:
        records = through(records, lambda all: map(_with_own, all))
    called = {name: v for name, v in {**called, **first}.items() if v is not None}
    given = {f"param.{name}": value for name, (value, _) in found.items()} | called
    origins = {f"prop.origin.{name}": uri for name, (_, uri) in found.items()}
    origins |= {f"prop.origin.{name.removeprefix('param.')}": ARGV for name in called}
    return records, given | origins


def _own(step: StepSeen) -> dict[str, Scalar]:
    if not step.script or step.kind != "process":
        return {}
    return {f"param.{name}": value for name, value in of_step(step).items()}


def _with_own(record: Record) -> Record:
    if type(record) is StepSeen and not record.phase and (own := _own(record)):
        return msgspec.structs.replace(record, properties={**own, **record.properties})
    return record


# --- Command lines


def of_step(step: StepSeen) -> dict[str, Scalar]:
    """What a script was called with."""
    base = split(step.script)[0]
    for place, word in enumerate(step.argv):
        if word.rsplit("/", 1)[-1] == base:
            return of_words(step.argv[place + 1 :])
        if word == "-m":
            return of_words(step.argv[place + 2 :])
    return {}


_KEY: Final = re.compile(r"[+~]{0,2}([A-Za-z_][\w.\-/@]*)=(.*)", re.DOTALL)
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def of_words(words: list[str]) -> dict[str, Scalar]:
    """
    >>> of_words(["--lr", "0.1", "--batch-size=32", "-n", "5", "--fast", "model.depth=6", "in.csv"])
    {'lr': 0.1, 'batch_size': 32, 'n': 5, 'fast': True, 'model.depth': 6}
    >>> of_words(["-v", "a.csv", "--", "--no", "x=1"])
    {'v': True}
    """
    found: dict[str, Scalar] = {}
    rest = iter(enumerate(words))
    for place, word in rest:
        following = words[place + 1] if place + 1 < len(words) else ""
        if word == "--" or len(found) >= _MOST:
            break
        if _NUMBER.fullmatch(word):
            continue
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if not equals and _is_value(following):
                value, equals = next(rest)[1], "="
        elif word.startswith("-") and len(word) == 2:
            name, value, equals = word[1], "", ""
            if _NUMBER.fullmatch(following):
                value, equals = next(rest)[1], "="
        elif match := _KEY.fullmatch(word):
            name, equals, value = match[1], "=", match[2]
        else:
            continue
        if name := name.replace("-", "_"):
            _put(found, name, _value(value) if equals else True)
    return found


def _is_value(word: str) -> bool:
    """Whether a word belongs to the option before it."""
    if word.startswith("-"):
        return _NUMBER.fullmatch(word) is not None
    return bool(word) and not _KEY.fullmatch(word)


def _value(text: str) -> Scalar:
    """
    >>> _value("3"), _value("1e-3"), _value("true"), _value("adam")
    (3, 0.001, True, 'adam')
    """
    if _NUMBER.fullmatch(text):
        return int(text) if text.lstrip("+-").isdigit() and len(text) < 18 else float(text)
    return {"true": True, "false": False}.get(text.lower(), text)


def _put(found: dict[str, Scalar], name: str, value: object) -> None:
    """Of texts, those that are no data; of lists, those of plain values."""
    if isinstance(value, list) and all(isinstance(each, (str, int, float)) for each in value):
        value = str(value[:_LONGEST])
    if isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 1 << 63):
        found[name] = value if value - value == 0 else str(value)
    elif isinstance(value, str) and len(value) <= _LONGEST and value.isprintable():
        found[name] = value


# --- Files


def _configured(
    records: Iterable[Record], contents: Contents, kind_of: KindOf
) -> Iterator[tuple[str, tuple[Scalar, str]]]:
    """Name, value and file, in the order in which the files were read."""
    read = [
        record for record in records if type(record) is Used and _is_configuration(record, kind_of)
    ]
    uris: set[str] = set()
    for record in sorted(read, key=lambda record: record.when.tick):
        if record.uri in uris or len(uris) >= _MOST_FILES:
            continue
        uris.add(record.uri)
        held = contents(record.uri, record.content)
        for name, value in of_file(split(record.uri)[0], held).items() if held else ():
            yield name, (value, record.uri)


def _is_configuration(record: Used, kind_of: KindOf) -> bool:
    uri = record.uri
    if not uri.endswith(_SUFFIXES) or not 0 < record.content.size <= LARGEST:
        return False
    base = split(uri)[0]
    if "://" in uri or base in _TOOLS or "/." in f"/{uri}" or uri.encode().endswith(SECRETS):
        return False
    kind = kind_of(uri)
    return kind == "config" or (kind == "other" and _JSON.fullmatch(base) is not None)


@lru_cache(maxsize=100)
def of_file(name: str, content: bytes) -> Mapping[str, Scalar]:
    r"""What a configuration file says, with dotted names; nothing where it cannot be read.

    >>> dict(of_file("a.toml", b"seed = 1\n[model]\ndepth = 6\nsizes = [8, 4]\n"))
    {'seed': 1, 'model.depth': 6, 'model.sizes': '[8, 4]'}
    >>> dict(of_file("a.ini", b"[train]\nlr = 0.1\n")), dict(of_file("a.json", b'{"a": {"b": null}}'))
    ({'train.lr': 0.1}, {})
    """
    try:
        parsed = _parsed(name.rpartition(".")[2].lower(), content)
    except (ValueError, RecursionError):
        return {}
    found: dict[str, Scalar] = {}
    for key, value in _flatten(parsed):
        if len(found) >= _MOST:
            break
        _put(found, key, value)
    return found


def _parsed(suffix: str, content: bytes) -> object:
    """Raises ValueError and RecursionError."""
    match suffix:
        case "json":
            import json

            return json.loads(content)
        case "toml":
            import tomllib

            return tomllib.loads(content.decode())
        case "yaml" | "yml":
            import yaml

            try:
                # Not the C parser: it recurses without a limit.
                return yaml.load(content, Loader=yaml.SafeLoader)
            except yaml.YAMLError as error:
                raise ValueError(str(error)) from error
        case "ini" | "cfg" | "conf":
            import configparser

            parser = configparser.ConfigParser(interpolation=None)
            try:
                parser.read_string(content.decode())
            except configparser.Error as error:
                raise ValueError(str(error)) from error
            given = {
                name: {k: _value(v) for k, v in parser.items(name)} for name in parser.sections()
            }
            return given
        case _:
            return None


def _flatten(parsed: object) -> Iterator[tuple[str, Any]]:
    """What stands in a configuration, with dotted names. A mapping that aliases put into many places is
    looked at in each, so a file of a few lines could go on for ever: it ends after as much as a file can hold."""
    waiting: list[tuple[str, Any, int]] = [("", parsed, 0)]
    for _ in range(LARGEST):
        if not waiting:
            return
        name, value, depth = waiting.pop()
        if isinstance(value, dict) and depth <= _DEEPEST:
            inner = [
                (f"{name}.{key}" if name else str(key), held, depth + 1)
                for key, held in value.items()
                if isinstance(key, (str, int))
            ]
            waiting += reversed(inner)
        elif name:
            yield name, value
