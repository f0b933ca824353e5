"""`provgraph ask`: a question in the query language."""

from __future__ import annotations

import sys

import click

from provgraph.cli import completing
from provgraph.cli.answers import FORMATS, Format, write_answer
from provgraph.cli.choice import Choice
from provgraph.cli.output import json_option
from provgraph.cli.session import Moment, opened, store_option
from provgraph.graph import Graph


@click.command(name="ask")
@click.argument("query", nargs=-1, shell_complete=completing.question)
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds it may take.")
@click.option("--max-nodes", type=click.IntRange(1), help="How many nodes it may visit.")
@click.option(
    "--recorded",
    type=Moment(),
    metavar="DATE",
    help="Ask what had been recorded by then, not what is known now.",
)
@click.option("--explain", is_flag=True, help="Show every stage instead of the answer.")
@click.option(
    "--format", type=Choice(FORMATS), help="How the answer is printed; a table by default."
)
@store_option
@json_option
def command(
    query: tuple[str, ...],
    timeout: float | None,
    max_nodes: int | None,
    recorded: int | None,
    explain: bool,
    format: Format | None,
    as_json: bool,
) -> None:
    """Answer a question in the query language.

    `as of` in a question is about when things happened; `--recorded` about when they came to be known.
    Without QUERY it is a prompt on a terminal; else questions are read from standard input, one after
    the other.

    \b
      provgraph ask 'model "churn" | lineage | where kind = dataset'
      provgraph ask 'run [exit != 0] | sort started desc | limit 5'
      provgraph ask 'script "src/train.py" | impact depth 1 | runs'
      provgraph ask 'model "churn" | lineage' --format dot > churn.dot
      provgraph ask 'explain model "churn" | lineage'
    """
    how: Format = format or ("json" if as_json else "table")

    def answer(graph: Graph, text: str) -> None:
        question = graph.ask(text).within(seconds=timeout, nodes=max_nodes)
        if explain or question.syntax.explain:
            click.echo(question.explain())
        else:
            write_answer(graph, question, how)

    with opened(recorded) as graph:
        if query:
            answer(graph, " ".join(query))
        elif sys.stdin.isatty() and sys.stdout.isatty():
            from provgraph.cli.prompt import prompt

            prompt(graph, answer)
        else:
            from provgraph.query.lines import questions

            for text in questions(sys.stdin):
                answer(graph, text)
