"""`provgraph run`: run a command and record it.

This is only its help; `provgraph.cli.run` does it, without importing click.
"""

from __future__ import annotations

import click

from provgraph.cli.choice import Choice


@click.command(
    name="run",
    short_help="Run a command and record it.",
    context_settings={"ignore_unknown_options": True},
)
@click.option("--tag", metavar="NAME=VALUE", multiple=True, help="Keep `tag.NAME` with the run.")
@click.option("--param", metavar="NAME=VALUE", multiple=True, help="Keep `param.NAME`.")
@click.option("--json", "as_json", is_flag=True, help="End standard error with the run as JSON.")
@click.option(
    "--backend",
    type=Choice(["auto", "preload", "ptrace", "none"]),
    default="auto",
    help="How programs are watched: by a preloaded shim, and by a tracer those that cannot load it "
    "(auto); by the shim alone; by the tracer alone, which is slower and misses no system call; or "
    "not at all, so that only changed files are noticed.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND [ARGUMENT...]")
def command(
    tag: tuple[str, ...],
    param: tuple[str, ...],
    as_json: bool,
    backend: str,
    words: tuple[str, ...],
) -> int:
    """Run a command and record what it reads, writes, renames and starts.

    The command's exit status, signals and streams are its own. Outside a project, one is made at
    the root of the git repository, or here.

    \b
      provgraph run -- python src/train.py
      provgraph run --tag stage=nightly --param depth=6 -- sh pipeline.sh
      provgraph run --json -- sh -c 'sort features.csv | head -2 > top.csv'
    """
    from provgraph.cli.run import main

    flags = [word for given in tag for word in ("--tag", given)]
    flags += [word for given in param for word in ("--param", given)]
    flags += ["--backend", backend, *(["--json"] if as_json else [])]
    return main([*flags, "--", *words])
