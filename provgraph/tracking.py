"""What does a program say of its own run? Parameters, metrics, predictions, and which component it is.

Nothing happens outside `provgraph run`, and nothing here fails: a program may call it always. Only
the standard library is imported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ContextDecorator, suppress
from typing import Any, Final

SPOOL: Final = "PROVGRAPH_SPOOL"
"""The variable by which programs know their run: it names `events` in the folder of the recording. There is no other, because
each costs every program time."""
METRICS: Final = "metrics.ndjson"
"""In that folder, a line of JSON for each value that was said."""

_DEEPEST: Final = 16
"""What is nested deeper than that is kept as text."""


def run_folder() -> str:
    """The folder of the recording of the run that this process belongs to; empty outside of one."""
    return os.path.dirname(os.environ.get(SPOOL, ""))


tellers: list[Callable[[], int]] = []
"""Who knows which step of the program is at work (`provgraph.calls`)."""


def log_params(params: object = None, /, **values: object) -> None:
    """Keep parameters with the run that this program belongs to, as `param.NAME`, and with the step that
    is at work.

    They come by name, or in a mapping, such as a loaded configuration: what is nested in it is named with
    dots. An object's attributes will do (`argparse`'s, a dataclass's). Numbers and booleans keep their type, other values their text. Said twice, the last counts.

    >>> log_params(depth=6, criterion="gini")
    >>> log_params({"model": {"depth": 6}})  # param.model.depth
    """
    _append("param", {**_flat(_named(params)), **values})


def log_metrics(metrics: object = None, /, **values: object) -> None:
    """Keep results with the run that this program belongs to, as `metric.NAME`, and with the step that is
    at work. They are given as to `log_params`.

    >>> log_metrics(accuracy=0.97)
    >>> log_metrics({"test": {"accuracy": 0.97}})  # metric.test.accuracy
    """
    _append("metric", {**_flat(_named(metrics)), **values})


def log_prediction(
    name: str, *, inputs: Iterable[str | os.PathLike[str]] = (), **fields: object
) -> None:
    """Keep a prediction that this program made: a version of kind `prediction`, called `name`.

    `inputs` are the files, or URIs, that it was made from, such as the model; `fields` are kept as
    `prop.NAME`. A name said again is a new version of that prediction.

    >>> log_prediction("customer-17", inputs=["models/churn.pkl"], score=0.93, label="leaves")
    """
    import time

    names = [os.fspath(each) for each in inputs]
    say(
        [
            {
                "kind": "prediction",
                "name": name,
                "at": time.time_ns(),
                "inputs": [each if "://" in each else os.path.abspath(each) for each in names],
                "fields": {key: plain(value) for key, value in fields.items()},
            }
        ]
    )


class component(ContextDecorator):
    """The run that this program belongs to is an instance of a component, a named stage of the project,
    from when the block begins or the function is called. Other arguments are the component's tags.

    >>> with component("train", description="fits the forest", owner="ann", tier="gold"):
    ...     pass
    >>> @component("train")
    ... def main() -> None: ...
    """

    def __init__(
        self, name: str, *, description: str = "", owner: str = "", **tags: object
    ) -> None:
        self._said = {"kind": "component", "name": name, "description": description, "owner": owner}
        self._tags = {key: plain(value) for key, value in tags.items()}

    def __enter__(self) -> None:
        import time

        say([{**self._said, "fields": self._tags, "at": time.time_ns()}])

    def __exit__(self, *_: object) -> None:
        pass


def _named(values: object) -> Mapping[Any, object]:
    """
    >>> from argparse import Namespace
    >>> _named(Namespace(depth=6)), _named({"depth": 6}), _named(None)
    ({'depth': 6}, {'depth': 6}, {})
    >>> _named(6)
    Traceback (most recent call last):
    TypeError: they come by name, in a mapping or as attributes of an object, not as int
    """
    if values is None or isinstance(values, Mapping):
        return values or {}
    names = getattr(type(values), "__dataclass_fields__", None) or getattr(values, "__dict__", None)
    if names is None:
        kind = type(values).__name__
        raise TypeError(
            f"they come by name, in a mapping or as attributes of an object, not as {kind}"
        )
    return {name: getattr(values, name, None) for name in names if not name.startswith("_")}


def _flat(values: Mapping[Any, object], depth: int = 0) -> dict[str, object]:
    """
    >>> _flat({"a": {"b": 1, 2: 3}, "c": 4})
    {'a.b': 1, 'a.2': 3, 'c': 4}
    """
    flat: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and depth < _DEEPEST:
            flat |= {f"{name}.{inner}": v for inner, v in _flat(value, depth + 1).items()}
        else:
            flat[str(name)] = value
    return flat


def _append(kind: str, values: dict[str, object]) -> None:
    at_work = {"step": tellers[0]()} if tellers else {}
    said = ({"kind": kind, "name": name, "value": plain(v)} for name, v in values.items())
    say([{**each, **at_work} for each in said])


def say(said: list[dict[str, Any]]) -> None:
    """Tell the run, in a line each; nothing happens outside one."""
    folder = run_folder()
    if not folder or not said:
        return
    import json

    lines = "".join(json.dumps({**each, "pid": os.getpid()}) + "\n" for each in said)
    try:
        # One write to a file opened to append: lines of several processes do not mix.
        file = os.open(
            os.path.join(folder, METRICS),
            os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC,
            0o600,
        )
        try:
            os.write(file, lines.encode())
        finally:
            os.close(file)
    except OSError:
        pass


def plain(value: object) -> str | int | float | bool:
    """What is kept of a value: numbers that 64 bits hold and booleans as they are, else text.

    >>> plain(3), plain(None), plain(float("nan")), plain(1 << 64)
    (3, 'None', 'nan', '0x10000000000000000')
    """
    if isinstance(value, float):
        return float(value) if value - value == 0 else str(value)
    if isinstance(value, int):
        return value if -1 << 63 <= value < 1 << 63 else hex(value)  # text of any length
    if isinstance(value, str):
        return value
    own: object = None
    with suppress(Exception):
        own = getattr(value, "item", object)()  # numpy's and torch's scalars
    if isinstance(own, (bool, int, float, str)):
        return plain(own)
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the value's own
        return f"<{type(value).__name__}>"
