"""What does a program say of its own run? Parameters and metrics, kept with it.

Nothing happens outside `provgraph run`, and nothing here fails: a program may call it always. Only
the standard library is imported.
"""

from __future__ import annotations

import os
from typing import Final

METRICS: Final = "PROVGRAPH_METRICS"
"""The variable that names the file of the run: a line of JSON for each value."""


def log_params(**values: object) -> None:
    """Keep parameters with the run that this program belongs to, as `param.NAME`.

    Numbers and booleans keep their type, other values their text. Said twice, the last counts.

    >>> log_params(depth=6, criterion="gini")
    """
    _append("param", values)


def log_metrics(**values: object) -> None:
    """Keep results with the run that this program belongs to, as `metric.NAME`.

    >>> log_metrics(accuracy=0.97)
    """
    _append("metric", values)


def _append(kind: str, values: dict[str, object]) -> None:
    path = os.environ.get(METRICS)
    if not path or not values:
        return
    import json

    lines = "".join(
        json.dumps({"kind": kind, "name": name, "value": _plain(value), "pid": os.getpid()}) + "\n"
        for name, value in values.items()
    )
    try:
        # One write to a file opened to append: lines of several processes do not mix.
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, lines.encode())
        finally:
            os.close(file)
    except OSError:
        pass


def _plain(value: object) -> str | int | float | bool:
    """
    >>> _plain(3), _plain(None), _plain(float("nan"))
    (3, 'None', 'nan')
    """
    if isinstance(value, float):
        return float(value) if value - value == 0 else str(value)
    if isinstance(value, (bool, int, str)):
        return value
    item = getattr(value, "item", None)  # numpy's and torch's scalars
    if callable(item):
        try:
            plain = item()
        except (ValueError, TypeError, RuntimeError):
            return str(value)
        return _plain(plain) if isinstance(plain, (bool, int, float, str)) else str(value)
    return str(value)
