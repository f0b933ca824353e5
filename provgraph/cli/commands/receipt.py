"""`provgraph receipt`: check the receipt of a deletion."""

from __future__ import annotations

from pathlib import Path

import click

from provgraph.cli.output import json_option, write_json


@click.group(name="receipt")
def command() -> None:
    """Check receipts of deletions."""


@command.command(name="verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--signer", default="", help="The public key that must have signed it, in base64.")
@json_option
def verify(file: Path, signer: str, as_json: bool) -> int:
    """Whether a receipt (its JSON file) is as it was signed. The exit status is 1 if it is not.

    Without `--signer` that says only that it was not changed since; who signed it is shown.

    \b
      provgraph receipt verify .provgraph/erasure/e1/receipt.json
    """
    from provgraph.erasure.receipt import is_genuine, read

    receipt = read(file.read_bytes())
    genuine = is_genuine(receipt, signer)
    if as_json:
        write_json({"genuine": genuine, "signer": receipt.signer, "complete": receipt.is_complete})
    elif genuine:
        click.echo(f"genuine, signed by {receipt.signer}; done {receipt.done}")
    else:
        click.echo("NOT genuine: it was changed, or somebody else signed it", err=True)
    return 0 if genuine else 1
