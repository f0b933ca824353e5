"""`%load_ext provgraph`: what a notebook has of it. Its cells are recorded, answers can be walked through,
`%%prov` asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What `%load_ext provgraph` calls."""
    from provgraph.notebook import asking, capturing

    asking.load(shell)
    capturing.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    from provgraph.notebook import asking, capturing

    capturing.unload()
    asking.unload(shell)
