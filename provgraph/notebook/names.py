"""Which names does a cell read that it has not made itself, and which does it make or change?

Told from its text, in the order in which it is executed: of `df = load(); df.plot()` the second `df` is
its own. What happens within functions happens when they are called; `reached` follows them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final, NamedTuple

_HARMLESS: Final = re.compile(
    r"(to_|save|dump|write|plot|show|print|info|head|tail|describe|display|log)\w*|enumerate|getattr|hasattr"
    r"|help|id|isinstance|issubclass|iter|len|list|max|min|repr|set|sorted|str|sum|tuple|type|zip"
)
"""Calls that leave what they are given as it was, by their names."""
_CHANGING: Final = re.compile(
    r"(fit|partial_fit|train|update|append|extend|insert|pop|remove|shuffle|step|backward|compile|load_state)\w*"
)
"""Calls that are taken to change something even where what they give is used."""


class Call(NamedTuple):
    """A call that may change something: `owner` is what a method hangs on, empty for a function. `last`: it
    is what the cell shows."""

    owner: str
    arguments: tuple[str, ...]
    last: bool = False


@dataclass
class Names:
    """`read`: names that had to be there. `made`: that surely have a new value if all went well; `perhaps`:
    that may have (within `if` or a loop). `changed`: whose values were changed in place, `calls` what
    may have done so besides, `given` what calls were given or hang on."""

    read: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    perhaps: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    given: set[str] = field(default_factory=set)


def names(source: str) -> Names:
    """
    >>> found = names("df = load('a.csv')\\ndf.plot()\\nlog(other)\\nfor i in range(n): total += i")
    >>> sorted(found.read), sorted(found.made), sorted(found.perhaps), found.calls
    (['load', 'log', 'n', 'other', 'range', 'total'], ['df'], ['i', 'total'], [])
    >>> names("model.fit(X, y)").calls, names("frame['x'] = 1").changed
    ([Call(owner='model', arguments=('X', 'y'), last=True)], {'frame'})
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return Names()
    found = Names()
    found.made = _Reading(found, tree.body[-1] if tree.body else None).block(tree.body, set())
    found.perhaps -= found.made
    return found


def changed(found: Names, namespace: Mapping[str, Any], shown: object) -> set[str]:
    """The names whose values may have been changed in place. `shown` is what the last expression gave: a call
    that gives something else than what it was made of is taken to have changed nothing."""
    names = set(found.changed)
    for call in found.calls:
        owner = namespace.get(call.owner)
        is_method = call.owner and not isinstance(owner, (ModuleType, type))
        given = (call.owner,) if is_method else call.arguments
        if call.last and shown is not None:
            given = tuple(name for name in given if namespace.get(name) is shown)
        names.update(given)
    names |= {name for name in found.given if _goes_on(namespace.get(name))}
    return {name for name in names if not isinstance(namespace.get(name), _FIXED)}


def sharing(names: Iterable[str], namespace: Mapping[str, Any]) -> set[str]:
    """The names and those that stand for the same objects, or for what holds them.

    >>> rows = []
    >>> sorted(sharing(["rows"], {"rows": rows, "all": {"a": [rows]}, "same": rows, "other": []}))
    ['all', 'rows', 'same']
    """
    found = {name for name in names if name in namespace}
    objects = {id(_whole(namespace[name])) for name in found}
    if objects:
        found |= {name for name, value in namespace.items() if _holds(value, objects, _DEEPEST)}
    return found


_DEEPEST, _MOST = 3, 1000


def _holds(value: object, objects: set[int], depth: int) -> bool:
    if isinstance(value, _FIXED):
        return False
    if id(_whole(value)) in objects:
        return True
    inner: Iterable[object] = ()
    if isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        inner = value
    elif type(value).__module__ == "__main__":
        inner = getattr(value, "__dict__", {}).values()
    return depth > 0 and any(_holds(each, objects, depth - 1) for each in islice(inner, _MOST))


def _whole(value: Any) -> Any:
    """What a view of numpy's is one of."""
    while type(value).__module__ == "numpy" and getattr(value, "base", None) is not None:
        value = value.base
    return value


def _goes_on(value: object) -> bool:
    """Whether each use of it shows in the next: an open file, a connection, a function with a cache."""
    kind = type(value)
    return any(callable(getattr(kind, name, None)) for name in ("write", "close", "cache_clear"))


_FIXED: Final = (
    *(ModuleType, type, FunctionType, MethodType, BuiltinFunctionType),
    *(bool, int, float, complex, str, bytes, type(None)),
)
"""What is not changed in place, or is not followed."""


class _Reading:
    """Walks statements in order; `own` are names that were surely made before."""

    def __init__(self, found: Names, last: ast.stmt | None) -> None:
        self.found, self.last = found, last

    def block(self, body: Iterable[ast.stmt], own: set[str]) -> set[str]:
        own = set(own)
        for statement in body:
            self.statement(statement, own)
        return own

    def statement(self, node: ast.stmt, own: set[str]) -> None:
        match node:
            case ast.If():
                self.take(node.test, own)
                one, other = self.block(node.body, own), self.block(node.orelse, own)
                self.found.perhaps |= (one | other) - own
                own |= one & other
            case ast.For() | ast.AsyncFor():
                self.take(node.iter, own)
                inner = own | set(_stored(node.target))
                self.perhaps(node.body, inner, own)
                self.perhaps(node.orelse, own, own)
            case ast.While():
                self.take(node.test, own)
                self.perhaps(node.body, own, own)
                self.perhaps(node.orelse, own, own)
            case ast.Try() | ast.TryStar():
                self.perhaps(node.body, own, own)
                for handler in node.handlers:
                    named = {handler.name} if handler.name else set()
                    self.perhaps(handler.body, own | named, own | named)
                self.perhaps(node.orelse, own, own)
                own |= self.block(node.finalbody, own)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self.take(item.context_expr, own)
                    if item.optional_vars is not None:
                        own |= set(_stored(item.optional_vars))
                own |= self.block(node.body, own)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for part in (*node.decorator_list, node.args, node.returns):
                    self.take(part, own)
                own.add(node.name)
            case ast.ClassDef():
                for base in (*node.decorator_list, *node.bases, *node.keywords):
                    self.take(base, own)
                self.block(node.body, own)
                own.add(node.name)
            case ast.AugAssign():
                self.take(node.value, own)
                self.take(node.target, own)
                self.found.read |= set(_stored(node.target)) - own
                own |= set(_stored(node.target))
            case ast.Match():
                self.take(node.subject, own)
                for case in node.cases:
                    captured = {n for part in ast.walk(case.pattern) if (n := _captured(part))}
                    self.perhaps(case.body, own | captured, own)
            case ast.Delete():
                self.take(node, own)
            case ast.Import() | ast.ImportFrom():
                own |= {(a.asname or a.name).split(".")[0] for a in node.names}
            case _:
                self.take(node, own)
                own |= set(_stored(node))

    def perhaps(self, body: Iterable[ast.stmt], inner: set[str], own: set[str]) -> None:
        self.found.perhaps |= self.block(body, inner) - own

    def take(self, node: ast.AST | None, own: set[str]) -> None:
        """An expression, or a statement without statements in it."""
        if node is None:
            return
        self.found.read |= set(_loaded(node)) - own
        alone = node.value if isinstance(node, ast.Expr) else None
        alone = alone.value if isinstance(alone, ast.Await) else alone
        for part in ast.walk(node):
            if isinstance(part, ast.Call):
                owner, arguments = _given(part)
                self.found.given |= {owner or _called(part), *arguments}
            match part:
                case ast.Call() if part is alone or _CHANGING.fullmatch(_called(part)):
                    if not _HARMLESS.fullmatch(_called(part)):
                        last = part is alone and node is self.last
                        self.found.calls.append(Call(*_given(part), last))
                case (
                    ast.Attribute(ctx=ast.Store() | ast.Del())
                    | ast.Subscript(ctx=ast.Store() | ast.Del())
                ):
                    self.found.changed |= set(_root(part))
                case _:
                    pass


def _loaded(node: ast.AST, hidden: frozenset[str] = frozenset()) -> Iterator[str]:
    """The names that an expression reads, but for the variables of comprehensions and lambdas."""
    match node:
        case ast.Name(id=name, ctx=ast.Load()):
            if name not in hidden:
                yield name
        case ast.Lambda(args=args, body=body):
            for default in (*args.defaults, *args.kw_defaults):
                if default is not None:
                    yield from _loaded(default, hidden)
            every = (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg)
            yield from _loaded(body, hidden | {a.arg for a in every if a is not None})
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            inner = hidden
            for part in node.generators:
                yield from _loaded(part.iter, inner)
                inner = inner | set(_stored(part.target))
                for test in part.ifs:
                    yield from _loaded(test, inner)
            values = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
            for value in values:
                yield from _loaded(value, inner)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _loaded(child, hidden)


def _stored(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id


def _captured(part: ast.AST) -> str:
    match part:
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return name
        case ast.MatchMapping(rest=str(rest)):
            return rest
        case _:
            return ""


def _root(node: ast.AST) -> Iterator[str]:
    """The name that an attribute or an item hangs on.

    >>> list(_root(ast.parse("a.b[0].c", mode="eval").body))
    ['a']
    """
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        yield node.id


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _given(call: ast.Call) -> tuple[str, tuple[str, ...]]:
    owner = "" if isinstance(call.func, ast.Name) else next(_root(call.func), "")
    values = (*call.args, *(keyword.value for keyword in call.keywords))
    return owner, tuple(name for value in values for name in _root(value))


# --- Through functions


def reached(read: Iterable[str], namespace: Mapping[str, Any]) -> set[str]:
    """The names and those that functions and classes of the namespace itself, which they stand for, read
    when they are called.

    >>> space = {"limit": 3}
    >>> exec("def few(rows): return rows[:limit]", space)
    >>> sorted(reached(["few"], space))
    ['few', 'limit']
    """
    found: set[str] = set()
    waiting = list(read)
    while waiting:
        name = waiting.pop()
        if name in found or name not in namespace:
            continue
        found.add(name)
        for function in _functions(namespace[name]):
            if function.__globals__ is namespace:
                waiting += _globals_of(function.__code__)
    return found


def _functions(value: object) -> Iterator[FunctionType]:
    """A function, the methods of a class that was written in the notebook, or of an object of such a class."""
    value = getattr(value, "__wrapped__", value) if isinstance(value, FunctionType) else value
    if isinstance(value, FunctionType):
        yield value
    elif not isinstance(value, ModuleType):
        kind = value if isinstance(value, type) else type(value)
        if kind.__module__ == "__main__":
            for member in vars(kind).values():
                member = getattr(member, "__func__", getattr(member, "fget", member))
                if isinstance(member, FunctionType):
                    yield member


def _globals_of(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant)
