"""What does a notebook's kernel do, cell by cell? From `%load_ext provgraph` on it is a run, and each
execution of a cell a step of it.

A cell hears of another through the variables that it reads: of the one that gave the variable its value last,
whatever order they stand in. A new kernel is a new run, and nothing is known of the old one's variables.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from provgraph.calls import enter, leave
from provgraph.config import Project, find_project
from provgraph.ingest.capture.inside import track
from provgraph.ingest.capture.runner import note
from provgraph.notebook.names import changed, names, reached, sharing

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

_LARGEST: Final = 256 * 1024
_PYTHON: Final = frozenset(["time", "timeit", "capture", "prun", "memit", "mprun"])
"""Magics whose text is Python."""
_EXPANDED: Final = re.compile(r"[{$]\s*([A-Za-z_]\w*)")


@dataclass
class _Cell:
    number: int
    count: int
    source: str
    before: dict[str, int]


def load(shell: InteractiveShell) -> None:
    """Record the cells from now on, in the project of the working directory."""
    if _recorded:
        return
    project = find_project(Path())
    if project is None:
        note("no project is here, so cells are not recorded; `provgraph init` makes one")
        return
    _recorded.append(Cells(shell, project))


def unload() -> None:
    while _recorded:
        _recorded.pop().end()


def write() -> None:
    """Let what was done so far be asked for."""
    for cells in _recorded:
        cells.write()


class Cells:
    """The cells of one kernel."""

    def __init__(self, shell: InteractiveShell, project: Project) -> None:
        self._shell = shell
        self._inside = os.path.join(project.root, "")
        self._made_by: dict[str, int] = {}
        self._open: list[_Cell] = []
        self._notebook = _notebook(shell.user_ns)
        self._track = track(
            **({"notebook": os.path.basename(self._notebook)} if self._notebook else {})
        )
        history = self._history  # the last is the cell that loads us
        self._begin(str(history[-1]) if history else "", "", len(history) - 1)
        shell.events.register("pre_run_cell", self.before)
        shell.events.register("post_run_cell", self.after)

    @property
    def _history(self) -> list[str]:
        manager = self._shell.history_manager
        return manager.input_hist_raw if manager is not None else []

    def end(self) -> None:
        for name, callback in (("pre_run_cell", self.before), ("post_run_cell", self.after)):
            self._shell.events.unregister(name, callback)
        while self._open:
            leave(self._open.pop().number, tells=False)
        self._track.end()

    def write(self) -> None:
        self._track.write()

    def before(self, info: ExecutionInfo) -> None:
        self._begin(info.raw_cell or "", str(info.cell_id or ""), len(self._history))

    def _begin(self, source: str, cell: str, count: int) -> None:
        number = enter(
            f"In [{count}]",
            "cell",
            within=self._open[-1].number if self._open else 0,
            text=source[:_LARGEST],
            notebook=self._notebook,
            cell=cell,
        )
        held = {name: id(value) for name, value in self._shell.user_ns.items()}
        self._open.append(_Cell(number, count, source, held))

    def after(self, result: ExecutionResult | None) -> None:
        if not self._open or result is None:
            return
        cell = self._open.pop()
        error = result.error_before_exec or result.error_in_exec
        heard: list[tuple[str, int]] = []
        with suppress(Exception):  # a cell that cannot be understood is recorded without
            heard = self._heard(cell, result.success, result.result)
        if result.result is not None:
            self._made_by |= {"_": cell.number, f"_{cell.count}": cell.number}
        name = type(error).__name__ if error is not None else ""
        leave(cell.number, error=name, tells=False, heard=heard)
        if not self._open:
            self._track.write(sparing=True)

    def _heard(self, cell: _Cell, success: bool, shown: object) -> list[tuple[str, int]]:
        """The variables that a cell read and the cells that had made them. What it makes itself is its own
        from now on."""
        space = self._shell.user_ns
        found = names("\n".join(_python(self._shell.transform_cell(cell.source), self._shell)))
        fresh = {name for name, value in space.items() if cell.before.get(name) != id(value)}
        made = (fresh | (found.made if success else set())) - self._shell.user_ns_hidden.keys()
        hidden = self._shell.user_ns_hidden.keys()
        shared = sharing(changed(found, space, shown), space) - hidden
        touched = (found.perhaps | shared) - made
        read = reached(found.read | _mentioned(cell.source, space), space) | touched
        if read & {"Out", "_oh"}:
            read |= {name for name in self._made_by if re.fullmatch(r"_\d+", name)}
        known = (name for name in sorted(read) if name in self._made_by)
        heard = [
            (name, self._made_by[name]) for name in known if not self._is_installed(space.get(name))
        ]
        self._made_by |= dict.fromkeys(
            (name for name in made | touched if name in space), cell.number
        )
        for name in self._made_by.keys() - space.keys():
            del self._made_by[name]
        return heard

    def _is_installed(self, value: object) -> bool:
        """Whether it comes from a package, which the run's environment stands for."""
        module = value if isinstance(value, ModuleType) else None
        if isinstance(value, (type, FunctionType, BuiltinFunctionType, MethodType)):
            module = sys.modules.get(value.__module__ or "builtins")
        if module is None or module.__name__ == "__main__":
            return False
        file = os.path.realpath(getattr(module, "__file__", None) or os.sep)
        return not file.startswith(self._inside) or "-packages" + os.sep in file


_recorded: list[Cells] = []


def _notebook(space: Mapping[str, Any]) -> str:
    """Where the notebook lies, if who shows it says so: a Jupyter server, VS Code."""
    told = os.environ.get("JPY_SESSION_NAME") or space.get("__vsc_ipynb_file__") or ""
    path = os.path.realpath(str(told)) if told else ""
    return path if path.endswith(".ipynb") else ""


def _python(source: str, shell: InteractiveShell) -> Iterator[str]:
    """A transformed cell, and what magics such as `%%time` execute as Python."""
    yield source
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="run_line_magic" | "run_cell_magic"),
                args=[ast.Constant(value=str(name)), *_, ast.Constant(value=str(text))],
            ) if name in _PYTHON:
                yield shell.transform_cell(text)
            case _:
                pass


def _mentioned(source: str, space: Mapping[str, Any]) -> set[str]:
    """The variables that `!command {name}` and magics put in."""
    lines = (line.lstrip() for line in source.splitlines())
    given = (
        _EXPANDED.findall(line) for line in lines if line.startswith(("!", "%")) or "= !" in line
    )
    return {name for found in given for name in found if name in space}
