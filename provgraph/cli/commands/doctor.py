"""`provgraph doctor`: what works here, what does not, and how to mend it."""

from __future__ import annotations

from dataclasses import asdict

import click

from provgraph.cli.output import json_option, write_json
from provgraph.doctor import examine


@click.command(name="doctor")
@json_option
def command(as_json: bool) -> int:
    """Examine the machine, the project, the journal and the store. Exit status 1 if anything is
    wrong.

    \b
      provgraph doctor
      provgraph doctor --json
    """
    findings = examine()
    if as_json:
        write_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark = {"good": "ok  ", "limited": "note", "bad": "BAD "}[finding.verdict]
            click.echo(f"{mark}  {finding.subject}: {finding.found}")
            if finding.remedy:
                click.echo(f"        {finding.remedy}")
    return 1 if any(finding.verdict == "bad" for finding in findings) else 0
