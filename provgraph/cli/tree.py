"""A tree of origins as text: the script, command, commit and time of each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from provgraph.cli.text import count, digest, duration, moment, size
from provgraph.model.elements import Node
from provgraph.model.uri import shown
from provgraph.origins import Branch

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

_WORD = {
    "executed": "script ",
    "code": "code ",
    "piped": "pipe from ",
    "informed": "from ",
    "variable": "from ",
    "derived": "was ",
    "used": "",
    "generated": "",
    "root": "",
}


DEEPEST = 40
"""How many levels are drawn; what lies behind is counted."""


_OF_THE_EFFECT = {
    **dict.fromkeys(_WORD, ""),
    "code": "code of ",
    "executed": "script of ",
    "piped": "pipe to ",
    "informed": "to ",
    "variable": "to ",
    "derived": "became ",
}
"""What is said of a branch that is an effect of the one it stands under."""

Toward = Literal["origin", "effect"]


def rendered(root: Branch, deepest: int = DEEPEST, toward: Toward = "origin") -> Tree:
    """The tree; `toward` says whether a branch is a cause or an effect of what it stands under."""
    from rich.tree import Tree

    words = _WORD if toward == "origin" else _OF_THE_EFFECT
    tree = Tree(_line(root, words), guide_style="dim")
    stack = [(tree, root, 1)]
    while stack:
        parent, branch, level = stack.pop()
        if branch.branches and level > deepest:
            parent.add(_depth_line(branch))
            continue
        for child in branch.branches:
            stack.append((parent.add(_line(child, words)), child, level + 1))
            if child.folded:
                parent.add(_fold_line(child))
    return tree


def _depth_line(branch: Branch) -> Text:
    from rich.text import Text

    behind, stack = 0, list(branch.branches)
    while stack:
        behind += 1
        stack += stack.pop().branches
    name = shown(str(branch.node.properties.get("name", branch.node.id)))
    return Text(f"… {count(behind, 'line')} behind {name} (`--full` shows them)", style="dim")


def _line(branch: Branch, words: dict[str, str]) -> Text:
    from rich.text import Text

    word = words[branch.relation]
    if branch.relation == "derived" and branch.word and words is _WORD:
        word = f"{branch.word} of "
    elif branch.relation == "variable":
        word = f"{branch.word} {word}"
    text = Text().append(word, style="dim")
    if branch.node.label == "Step":
        return _step(text, branch)
    return _version(text, branch)


_WHERE = {"above": "shown above", "below": "shown below", "folded": "among those not shown"}


def _version(text: Text, branch: Branch) -> Text:
    properties = branch.node.properties
    text.append(shown(str(properties.get("name", branch.node.id))), style="bold cyan")
    if branch.repeated:
        return text.append(f"  ({_WHERE[branch.repeated]})", style="dim")
    details = [str(properties.get("kind", ""))]
    if isinstance(held := properties.get("size"), int):
        details.append(size(held))
    if isinstance(at := properties.get("at"), int):
        details.append(moment(at))
    if known := properties.get("digest") or properties.get("blob"):
        details.append(digest(str(known)))
    if branch.commit is not None:
        details.append(f"commit {str(branch.commit.properties['sha'])[:7]}")
    elif (state := properties.get("state")) not in ("present", None):
        details.append(_STATES.get(str(state), str(state)))
    return text.append("  " + " · ".join(detail for detail in details if detail), style="dim")


_STATES = {
    "external": "never seen made",
    "unknown": "content not known",
    "superseded": "superseded since",
    "deleted": "deleted since",
}


def _step(text: Text, branch: Branch) -> Text:
    properties = branch.node.properties
    command = str(properties.get("command") or properties.get("name") or branch.node.id)
    if properties.get("how") == "unattributed":
        text.append("a program that was not seen", style="yellow")
    elif properties.get("how") == "pipe":
        text.append("all that share a pipe", style="green")
    else:
        is_cell = properties.get("how") == "cell"
        command = str(properties.get("name")) if is_cell else _shortened(command)
        text.append(shown(command), style="green")
    if branch.repeated:
        return text.append(f"  ({_WHERE[branch.repeated]})", style="dim")
    details = []
    if isinstance(at := properties.get("at"), int):
        details.append(moment(at))
    if isinstance(took := properties.get("duration"), int):
        details.append(duration(took))
    if (exit_status := properties.get("exit")) not in (None, 0):
        details.append(f"exit {exit_status}")
    if branch.starter:
        details.append(f"in {shown(branch.starter)}")
    if branch.run is not None:
        details.append(f"run {branch.run.properties['name']}")
        details += _code_state(branch.run)
    text.append("  " + " · ".join(details), style="dim")
    if properties.get("how") == "cell":
        text.append(_source(str(properties.get("command", ""))), style="green")
    return text


def _source(cell: str) -> str:
    """What a cell executed, below its name."""
    lines = [_shortened(line) for line in cell.strip().splitlines()]
    more = [f"… {len(lines) - LONGEST_CELL} lines more"] if len(lines) > LONGEST_CELL else []
    return "".join(f"\n  {shown(line)}" for line in (*lines[:LONGEST_CELL], *more))


LONGEST_CELL: Final = 12
"""How many lines of a cell are shown."""


def _code_state(run: Node) -> list[str]:
    commit = str(run.properties.get("commit", ""))
    if not commit:
        return []
    return [f"commit {commit[:7]}" + (" + changes" if run.properties.get("dirty") else "")]


def _shortened(command: str, limit: int = 160) -> str:
    return command if len(command) <= limit else command[: limit - 1] + "…"


def _fold_line(branch: Branch) -> Text:
    from rich.text import Text

    found = count(len(branch.folded), "more like it", "more like these")
    if branch.node.label != "Step":
        sizes = (node.properties.get("size") for node in branch.folded)
        found += f", {size(sum(held for held in sizes if isinstance(held, int)))}"
    return Text(f"… and {found} (`--full` shows them)", style="dim")
