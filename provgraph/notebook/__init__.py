"""`%load_ext provgraph`: what a notebook has of it. Answers can be walked through, `%%prov` asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What `%load_ext provgraph` calls."""
    from provgraph.notebook import asking

    asking.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    from provgraph.notebook import asking

    asking.unload(shell)
