"""Which files are scripts or small texts by their name? The front compiles the same tables."""

from __future__ import annotations

from typing import Final

LARGEST: Final = 256 * 1024
"""Bytes; what is larger is no small text."""

TEXTS: Final = tuple(
    b".py .pyi .pyx .ipynb .sh .bash .zsh .fish .ksh .r .R .Rmd .qmd .jl .pl .pm .rb .js .mjs .cjs .jsx .ts"
    b" .tsx .sql .awk .sed .m .do .mk .mak .smk .nf .cwl .wdl .lua .php .tcl .ex .exs .c .h .cc .cpp .cxx .hh"
    b" .hpp .cu .rs .go .java .kt .scala .f .f90 .cs .swift .toml .yaml .yml .ini .cfg .conf .cmake .md .rst"
    b" .tex .bib .j2 .proto .dockerfile metrics.json scores.json params.json config.json requirements.txt".split()
)
"""Ends of names of code, configuration and writing. Tables, `.json` and `.txt` are not among them: they may
be data, which is kept only where it is asked for."""

NAMES: Final = frozenset(
    b"Makefile makefile GNUmakefile Snakefile Dockerfile Justfile justfile Rakefile Pipfile SConstruct".split()
)

SECRETS: Final = (
    b".env",
    b".pem",
    b".key",
    b".netrc",
    b".pgpass",
    b"secrets.toml",
    b"secrets.yaml",
)
"""Ends of names of what nobody wants to have twice."""


def is_text(path: bytes) -> bool:
    """
    >>> [is_text(name) for name in (b"/p/a.py", b"/p/Makefile", b"/p/a.csv", b"/p/secrets.yaml")]
    [True, True, False, False]
    """
    name = path.rpartition(b"/")[2]
    return (name.endswith(TEXTS) or name in NAMES) and not name.endswith(SECRETS)
