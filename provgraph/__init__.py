"""provgraph: which run, script and data made this file, and what would be touched if it went.

In a program that runs under `provgraph run`:

>>> import provgraph
>>> provgraph.log_params(depth=6)
>>> provgraph.log_metrics(accuracy=0.97)
>>> provgraph.log_prediction("customer-17", inputs=["models/churn.pkl"], score=0.93)
>>> with provgraph.component("train", owner="ann"):
...     pass
>>> with provgraph.step("evaluate", folds=5):
...     pass

Outside a run they do nothing. To ask what was recorded:

    graph = provgraph.open()
    graph.file("report.html").lineage().where(kind="dataset").show()

Importing this package imports nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provgraph.asking.queries import Query as Query
    from provgraph.calls import step as step
    from provgraph.graph import Graph as Graph
    from provgraph.graph import open as open
    from provgraph.ingest.capture.inside import track as track
    from provgraph.notebook import load_ipython_extension as load_ipython_extension
    from provgraph.notebook import unload_ipython_extension as unload_ipython_extension
    from provgraph.tracking import component as component
    from provgraph.tracking import log_metrics as log_metrics
    from provgraph.tracking import log_params as log_params
    from provgraph.tracking import log_prediction as log_prediction

__version__ = "0.1.0"

_HOMES = {
    "Graph": "provgraph.graph",
    "Query": "provgraph.asking.queries",
    "open": "provgraph.graph",
    "step": "provgraph.calls",
    "track": "provgraph.ingest.capture.inside",
    "component": "provgraph.tracking",
    "load_ipython_extension": "provgraph.notebook",
    "log_metrics": "provgraph.tracking",
    "log_params": "provgraph.tracking",
    "log_prediction": "provgraph.tracking",
}
__all__ = [
    "Graph",
    "Query",
    "__version__",
    "component",
    "load_ipython_extension",
    "log_metrics",
    "log_params",
    "log_prediction",
    "open",
    "step",
    "track",
    "unload_ipython_extension",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
