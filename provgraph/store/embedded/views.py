"""Which views does a person's own SQL have? One a label, its fields as columns, in readable units.

They are temporary: made for a connection, whatever wrote the file. Times are ISO 8601 text in UTC to the
nanosecond, durations seconds, truth values 0 and 1, lists JSON. `properties` is the JSON of what has no
column; `properties ->> 'param.depth'` takes one out.
"""

from __future__ import annotations

from typing import Final

from provgraph.model.vocabulary import FIELDS, LABELS, Field, FieldType, Label
from provgraph.store.embedded.schema import COLUMNS, json_path

VIEWS: Final[dict[str, Label]] = {f"{label.lower()}s": label for label in LABELS}
"""The views that stand beside `nodes` and `edges`, by name."""


def create() -> str:
    """The statements that make them.

    >>> print([line for line in create().splitlines() if '"exit"' in line][0].strip())
    n.properties ->> '$."exit"' AS "exit",
    """
    return "\n".join(_view(name, label) for name, label in VIEWS.items())


def _view(name: str, label: Label) -> str:
    columns = "".join(f'\n    {_read(field)} AS "{field.name}",' for field in FIELDS[label])
    return (
        f"CREATE TEMP VIEW {name} AS SELECT{columns}\n    n.properties AS properties\n"
        f"FROM node n WHERE n.label = (SELECT id FROM label WHERE name = '{label}');"
    )


def _read(field: Field) -> str:
    held = _held(field.key, "->" if field.type is FieldType.TEXTS else "->>")
    match field.type:
        case FieldType.TIME:
            return (
                f"strftime('%Y-%m-%dT%H:%M:%S', {held} / 1000000000, 'unixepoch')"
                f" || printf('.%09dZ', {held} % 1000000000)"
            )
        case FieldType.DURATION:
            return f"{held} / 1e9"
        case _:
            return held


def _held(key: str, operator: str) -> str:
    if key == "id":
        return "n.uid"
    path = json_path(key).replace("'", "''")
    written = f"n.properties {operator} '{path}'"
    return f'coalesce(n."{key}", {written})' if key in COLUMNS else written
