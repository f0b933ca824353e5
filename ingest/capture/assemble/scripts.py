"""What did a program execute: which file was its script, and which of its reads are code?

The tables describe how interpreters and tools take their script; the functions read a command line
by them. A name found so counts only if the program then opened it.
"""

from __future__ import annotations

import posixpath
from typing import Final

import msgspec


class Interpreter(msgspec.Struct, frozen=True):
    """How a program is told what to run. Options: `inline` give the program's text itself, `named`
    its file, `valued` something else that takes a word, `module` the name of a tool. `positional`
    says whether the first other word is the script, if it ends in one of `suffixes`. `defaults` are
    read where nothing is named. `code` are the suffixes of files that it reads as code. A `shell`
    waits for its children rather than to work beside them; one that `lends` gives itself the pipes and the
    files of a child before it forks, and takes them away again after."""

    inline: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    valued: tuple[str, ...] = ()
    module: str = ""
    positional: bool = True
    suffixes: tuple[str, ...] = ("",)
    defaults: tuple[str, ...] = ()
    code: tuple[bytes, ...] = ()
    shell: bool = False
    lends: bool = False


_SHELL: Final = Interpreter(
    inline=("-c",),
    valued=("-o", "+o", "-O", "+O", "--rcfile", "--init-file"),
    code=(b".sh", b".bash", b".zsh", b".ksh", b".env", b".bashrc"),
    shell=True,
)
_AWK: Final = Interpreter(
    named=("-f", "--file"), valued=("-v", "-F", "-i"), positional=False, code=(b".awk",)
)
_MAKE: Final = Interpreter(
    named=("-f", "--file", "--makefile"),
    valued=("-C", "-I", "-o", "-W"),
    positional=False,
    defaults=("GNUmakefile", "makefile", "Makefile"),
    code=(b".mk", b".mak", b".d"),
)
_NOTEBOOK: Final = Interpreter(
    valued=("-k", "--kernel", "-p", "-r", "-f", "-y", "-b", "--cwd", "--to", "--output"),
    suffixes=(".ipynb", ".py", ".md"),
)

INTERPRETERS: Final[dict[str, Interpreter]] = {
    "python": Interpreter(
        inline=("-c",),
        valued=("-W", "-X", "--check-hash-based-pycs"),
        module="-m",
        code=(b".py", b".pyx", b".pyi"),
    ),
    "bash": _SHELL,
    "sh": _SHELL,
    "dash": _SHELL,
    "zsh": _SHELL,
    "ksh": _SHELL,
    "mksh": msgspec.structs.replace(_SHELL, lends=True),
    "ash": _SHELL,
    "fish": Interpreter(
        inline=("-c", "--command"),
        valued=("-C", "--init-command", "-d", "-o"),
        code=(b".fish",),
        shell=True,
    ),
    "tcsh": Interpreter(inline=("-c",), shell=True),
    "perl": Interpreter(inline=("-e", "-E"), valued=("-I",), code=(b".pl", b".pm", b".ph")),
    "ruby": Interpreter(inline=("-e",), valued=("-I", "-r", "-C"), code=(b".rb",)),
    "Rscript": Interpreter(inline=("-e",), code=(b".R", b".r")),
    "R": Interpreter(
        inline=("-e",), named=("-f", "--file"), positional=False, code=(b".R", b".r", b".Rprofile")
    ),
    "littler": Interpreter(inline=("-e",), code=(b".R", b".r")),
    "node": Interpreter(
        inline=("-e", "-p", "--eval", "--print"),
        valued=("-r", "--require", "--import", "-C", "--conditions", "--loader"),
        code=(b".js", b".mjs", b".cjs", b".ts", b".jsx", b".tsx"),
    ),
    "deno": Interpreter(suffixes=(".ts", ".js", ".mjs", ".tsx"), code=(b".ts", b".js")),
    "bun": Interpreter(suffixes=(".ts", ".js", ".mjs", ".tsx"), code=(b".ts", b".js")),
    "php": Interpreter(
        inline=("-r",), named=("-f", "--file"), valued=("-d", "-c"), code=(b".php", b".inc")
    ),
    "lua": Interpreter(inline=("-e",), valued=("-l",), code=(b".lua",)),
    "luajit": Interpreter(inline=("-e",), valued=("-l",), code=(b".lua",)),
    "julia": Interpreter(
        inline=("-e", "-E", "--eval", "--print"),
        valued=("-L", "--load", "-p", "-t", "-J", "-C"),
        code=(b".jl",),
    ),
    "octave": Interpreter(inline=("--eval",), valued=("-p", "--path"), code=(b".m",)),
    "tclsh": Interpreter(code=(b".tcl",)),
    "wish": Interpreter(code=(b".tcl",)),
    "guile": Interpreter(inline=("-c",), named=("-s",), valued=("-L", "-l"), code=(b".scm",)),
    "groovy": Interpreter(inline=("-e",), code=(b".groovy",)),
    "elixir": Interpreter(inline=("-e",), code=(b".exs", b".ex")),
    "java": Interpreter(
        named=("-jar",), valued=("-cp", "-classpath", "--class-path", "-p"), suffixes=(".java",)
    ),
    "awk": _AWK,
    "gawk": _AWK,
    "mawk": _AWK,
    "nawk": _AWK,
    "sed": Interpreter(
        named=("-f", "--file"), valued=("-e", "-l"), positional=False, code=(b".sed",)
    ),
    "jq": Interpreter(
        named=("-f", "--from-file"), valued=("-L",), positional=False, code=(b".jq",)
    ),
    "gnuplot": Interpreter(inline=("-e",), code=(b".gp", b".gnuplot", b".plt")),
    "psql": Interpreter(
        named=("-f", "--file"),
        valued=("-d", "-h", "-p", "-U", "-v", "-c"),
        positional=False,
        code=(b".sql",),
    ),
    "duckdb": Interpreter(
        named=("-f", "-init"), valued=("-c", "-s"), positional=False, code=(b".sql",)
    ),
    "sqlite": Interpreter(named=("-init",), positional=False, code=(b".sql",)),
    "make": _MAKE,
    "gmake": _MAKE,
    "ninja": Interpreter(
        named=("-f",), valued=("-C",), positional=False, defaults=("build.ninja",)
    ),
    "snakemake": Interpreter(
        named=("-s", "--snakefile"),
        positional=False,
        defaults=("Snakefile", "snakefile", "workflow/Snakefile", "workflow/snakefile"),
        code=(b".smk", b".py"),
    ),
    "dvc": Interpreter(positional=False, defaults=("dvc.yaml",)),
    "doit": Interpreter(named=("-f", "--file"), positional=False, defaults=("dodo.py",)),
    "invoke": Interpreter(positional=False, defaults=("tasks.py",)),
    "just": Interpreter(
        named=("-f", "--justfile"), positional=False, defaults=("justfile", "Justfile", ".justfile")
    ),
    "nextflow": Interpreter(suffixes=(".nf",), defaults=("main.nf",), code=(b".nf", b".groovy")),
    "cwltool": Interpreter(suffixes=(".cwl",), code=(b".cwl",)),
    "papermill": _NOTEBOOK,
    "jupyter": _NOTEBOOK,
    "jupyter-nbconvert": _NOTEBOOK,
    "jupyter-execute": _NOTEBOOK,
    "nbconvert": _NOTEBOOK,
    "quarto": Interpreter(suffixes=(".qmd", ".ipynb", ".Rmd", ".md")),
    "streamlit": Interpreter(suffixes=(".py",)),
    "torchrun": Interpreter(suffixes=(".py",), code=(b".py",)),
    "accelerate": Interpreter(suffixes=(".py",), code=(b".py",)),
    "dbt": Interpreter(positional=False, defaults=("dbt_project.yml",), code=(b".sql",)),
}

_MANY_IN_ONE: Final = ("busybox", "toybox")
"""Programs that are what their first word says, or the one after their own name."""


class Program(msgspec.Struct, frozen=True):
    """What a command line says. `scripts` are absolute paths one of which may be its script."""

    name: str
    interpreter: Interpreter | None = None
    scripts: tuple[bytes, ...] = ()


def program_of(executable: bytes, argv: list[bytes], cwd: bytes) -> Program:
    """
    >>> program_of(b"/usr/bin/python3.11", [b"python3", b"-W", b"ignore", b"train.py"], b"/p")
    ... # doctest: +ELLIPSIS
    Program(name='python3.11', interpreter=Interpreter(...), scripts=(b'/p/train.py',))
    >>> program_of(b"/bin/dash", [b"sh", b"-ec", b"make all"], b"/p").scripts
    ()
    >>> program_of(b"/usr/bin/make", [b"make", b"-j2"], b"/p").scripts
    (b'/p/GNUmakefile', b'/p/makefile', b'/p/Makefile')
    >>> program_of(b"/usr/bin/python3", [b"python3", b"-m", b"papermill", b"a.ipynb"], b"/p").scripts
    (b'/p/a.ipynb',)
    >>> program_of(b"/usr/bin/python3", [b"python3", b"/v/bin/snakemake", b"-c1"], b"/p").scripts[:2]
    (b'/v/bin/snakemake', b'/p/Snakefile')
    >>> program_of(b"/bin/busybox", [b"busybox", b"sh", b"run.sh"], b"/p").scripts
    (b'/p/run.sh',)
    """
    words = [word.decode("utf-8", "surrogateescape") for word in argv]
    name = posixpath.basename(executable).decode("utf-8", "replace")
    if name in _MANY_IN_ONE and len(words) > 1 and posixpath.basename(words[0]) == name:
        words = words[1:]
    interpreter = _interpreter(name) or (
        _interpreter(posixpath.basename(words[0].lstrip("-"))) if words else None
    )
    if interpreter is None:
        return Program(name)
    scripts = [
        posixpath.normpath(posixpath.join(cwd, named.encode("utf-8", "surrogateescape")))
        for named in _scripts(interpreter, words[1:])
    ]
    return Program(name, interpreter, tuple(scripts))


def _interpreter(name: str) -> Interpreter | None:
    """Versions do not count.

    >>> _interpreter("python3.12") is _interpreter("python") is INTERPRETERS["python"]
    True
    """
    return INTERPRETERS.get(name) or INTERPRETERS.get(name.rstrip("0123456789.-"))


def _scripts(interpreter: Interpreter, words: list[str]) -> list[str]:
    """The names that a command line gives, then those of the tool it hands over to."""
    found = _script(interpreter, words)
    if found is None:
        return []
    if found.name is None:
        return list(interpreter.defaults)
    tool = _interpreter(posixpath.basename(found.name))
    further = _scripts(tool, found.rest) if tool and tool is not interpreter else []
    return further if found.module else [found.name, *further]


class _Found(msgspec.Struct, frozen=True):
    name: str | None
    rest: list[str]
    module: bool = False


def _script(interpreter: Interpreter, words: list[str]) -> _Found | None:
    """None: the program's text is in the command line itself."""
    at = 0
    options = True
    while at < len(words):
        word, rest = words[at], words[at + 1 :]
        at += 1
        if options and word == "--":
            options = False
        elif options and len(word) > 1 and word[0] in "-+":
            option, value = _option(interpreter, word)
            if option in interpreter.inline:
                return None
            takes = option in interpreter.valued or option in interpreter.named
            if takes or (option and option == interpreter.module):
                if value is None:
                    value, rest, at = (rest[0] if rest else ""), rest[1:], at + 1
                if option in interpreter.named or option == interpreter.module:
                    return _Found(value, rest, module=option == interpreter.module)
        elif interpreter.positional and word.endswith(interpreter.suffixes):
            return _Found(word, rest)
        elif interpreter.positional and "" in interpreter.suffixes:
            break
    return _Found(None, [])


def _option(interpreter: Interpreter, word: str) -> tuple[str, str | None]:
    """An option that means something, and the value joined to it: `--file=x`, `-fx`, `-xc`.

    >>> _option(INTERPRETERS["make"], "-fbuild.mk"), _option(INTERPRETERS["bash"], "-xc")
    (('-f', 'build.mk'), ('-c', None))
    """
    known = {*interpreter.inline, *interpreter.named, *interpreter.valued, interpreter.module}
    name, equals, value = word.partition("=")
    if name in known:
        return name, value if equals else None
    if not word.startswith("--"):
        for place, letter in enumerate(word[1:], 1):
            if word[0] + letter in known:
                return word[0] + letter, word[place + 1 :] or None
    return word, None
