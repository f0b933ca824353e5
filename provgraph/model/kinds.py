"""What a file is: the table of kinds, first match wins.

A project's own `[kinds]` in `provgraph.toml` come first. A pattern without `/` is held against the
last part of a name, one with `/` against the whole. The reason kept with a version is the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from provgraph.model.glob import compiled
from provgraph.model.uri import split

BUILT_IN: Final[Mapping[str, tuple[str, ...]]] = {
    "model": (
        "*.pkl",
        "*.pickle",
        "*.joblib",
        "*.pt",
        "*.pth",
        "*.ckpt",
        "*.onnx",
        "*.safetensors",
        "*.gguf",
        "*.keras",
        "*.cbm",
        "*.ubj",
        "*.mlmodel",
        "*.tflite",
        "*.skops",
    ),
    "notebook": ("*.ipynb",),
    "script": (
        "*.py",
        "*.sh",
        "*.bash",
        "*.zsh",
        "*.fish",
        "*.r",
        "*.R",
        "*.jl",
        "*.pl",
        "*.pm",
        "*.rb",
        "*.php",
        "*.lua",
        "*.js",
        "*.ts",
        "*.sql",
        "*.awk",
        "*.m",
        "*.do",
        "Makefile",
        "makefile",
        "*.mk",
        "Snakefile",
        "*.smk",
        "*.nf",
        "*.cwl",
    ),
    "source": (
        "*.c",
        "*.h",
        "*.cc",
        "*.cpp",
        "*.cxx",
        "*.hpp",
        "*.rs",
        "*.go",
        "*.java",
        "*.kt",
        "*.scala",
        "*.f90",
        "*.pyx",
    ),
    "config": (
        "*.toml",
        "*.yaml",
        "*.yml",
        "*.ini",
        "*.cfg",
        "*.conf",
        ".env",
        "*.properties",
        "params.json",
        "config.json",
        "requirements*.txt",
    ),
    "metrics": ("metrics.json", "metrics/**/*.json", "*.metrics.json", "scores.json"),
    "report": ("*.html", "*.pdf", "*.docx", "report*.md", "reports/**/*.md", "report/**/*.md"),
    "figure": ("*.png", "*.svg", "*.jpg", "*.jpeg", "*.gif", "*.eps", "*.webp"),
    "prediction": ("predictions*.*", "predictions/**/*.*", "preds*.*"),
    "dataset": (
        "*.csv",
        "*.tsv",
        "*.parquet",
        "*.feather",
        "*.arrow",
        "*.orc",
        "*.avro",
        "*.jsonl",
        "*.ndjson",
        "*.h5",
        "*.hdf5",
        "*.nc",
        "*.zarr",
        "*.npy",
        "*.npz",
        "*.mat",
        "*.rds",
        "*.RData",
        "*.dta",
        "*.sav",
        "*.xlsx",
        "*.xls",
        "*.db",
        "*.sqlite",
        "*.sqlite3",
        "*.duckdb",
        "*.tfrecord",
        "*.csv.gz",
        "*.tsv.gz",
        "*.json.gz",
        "data/**/*.json",
        "data/**/*.txt",
    ),
    "document": ("*.md", "*.rst", "*.txt", "*.tex"),
}

OTHER: Final = "other"

PREDICTIONS: Final = "prediction://"
"""How the URI of a prediction that a program logged begins; it is one in every project."""

CELLS: Final = "cell://"
"""How the URI of a notebook's cell begins."""

TABLES: Final = ("sqlite://", "duckdb://", "postgresql://", "mysql://")
"""How the URIs of tables in databases begin."""

ANSWERS: Final = ("http://", "https://", "s3://", "gs://")
"""How the URIs begin of what a server was asked for, of whose state it need not have said anything."""


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    reason: str


@dataclass(frozen=True)
class Kinds:
    """A table of kinds: pairs of a glob and a kind, in the order they are tried."""

    rules: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, own: Mapping[str, str]) -> Kinds:
        """The project's own rules (glob -> kind) before the built-in ones.

        >>> Kinds.of({"gold/**": "dataset"}).kind("gold/x.bin")
        Kind(name='dataset', reason='gold/**')
        >>> Kinds.of({}).kind("models/churn.pkl").name, Kinds.of({}).kind("a.xyz").name
        ('model', 'other')
        """
        built_in = ((glob, kind) for kind, globs in BUILT_IN.items() for glob in globs)
        tables = ((f"{scheme}**", "dataset") for scheme in TABLES)
        said = ((f"{PREDICTIONS}**", "prediction"), (f"{CELLS}**", "script"))
        return cls((*said, *own.items(), *tables, *built_in))

    @property
    def names(self) -> frozenset[str]:
        return frozenset(kind for _, kind in self.rules) | {OTHER}

    def kind(self, uri: str) -> Kind:
        return self._known(uri)

    @cached_property
    def _known(self) -> Callable[[str], Kind]:
        """Here, not beside the class: to look rules up by what they are takes longer than to apply them."""
        table = _Table(self.rules)
        return lru_cache(maxsize=65536)(lambda uri: _kind(table, uri))


class _Table:
    """Rules, prepared. `by_end` are the places of those for a suffix (`*.csv`), which are most and are looked
    up; `others` the rest, each with whether it is of the whole name. `bases` and `paths` are those at once."""

    def __init__(self, rules: tuple[tuple[str, str], ...]) -> None:
        self.rules = rules
        self.by_end: dict[str, int] = {}
        self.others: list[tuple[int, re.Pattern[str], bool]] = []
        for place, (glob, _) in enumerate(rules):
            if glob.startswith("*.") and not set("*?/") & set(glob[1:]):
                self.by_end.setdefault(glob[1:], place)
            else:
                self.others.append((place, compiled(glob), "/" in glob))
        self.bases = _any_of(pattern for _, pattern, is_of_path in self.others if not is_of_path)
        self.paths = _any_of(pattern for _, pattern, is_of_path in self.others if is_of_path)


def _any_of(patterns: Iterable[re.Pattern[str]]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{p.pattern})" for p in patterns) or r"\b\B", re.DOTALL)


def _kind(table: _Table, uri: str) -> Kind:
    base, _ = split(uri)
    rules, by_end = table.rules, table.by_end
    places = [by_end[end] for end in _ends(base) if end in by_end]
    first = min(places, default=len(rules))
    if table.bases.fullmatch(base) or table.paths.fullmatch(uri):
        for place, pattern, is_of_path in table.others:
            if place > first:
                break
            if pattern.fullmatch(uri if is_of_path else base):
                first = place
                break
    if first == len(rules):
        return Kind(OTHER, "no rule")
    glob, kind = rules[first]
    return Kind(kind, glob)


def _ends(base: str) -> Iterator[str]:
    """What a glob may be to match a name by its suffix alone."""
    at = base.find(".")
    while at >= 0:
        yield base[at:]
        at = base.find(".", at + 1)
