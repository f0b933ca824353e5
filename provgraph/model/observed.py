"""How are a moment and a content kept as properties? There and back."""

from __future__ import annotations

from provgraph.model.elements import Properties, Value
from provgraph.model.records import Content, Stat, When


def moment_properties(when: When) -> dict[str, Value]:
    given: dict[str, Value] = {"at": when.at}
    if when.tick:
        given["tick"] = when.tick
    if when.boot:
        given["boot"] = when.boot
    if when.host:
        given["host"] = when.host
    return given


def moment_of(properties: Properties) -> When:
    """
    >>> moment_of(moment_properties(When(5, 2, "b")))
    When(at=5, tick=2, boot='b', host='')
    """
    at, tick = properties["at"], properties.get("tick", 0)
    assert isinstance(at, int) and isinstance(tick, int)
    return When(at, tick, str(properties.get("boot", "")), str(properties.get("host", "")))


def content_properties(content: Content) -> dict[str, Value]:
    given: dict[str, Value] = {}
    if content.digest:
        given["digest"] = content.digest
    if content.blob:
        given["blob"] = content.blob
    if content.size >= 0:
        given["size"] = content.size
    if content.stat:
        s = content.stat
        given["stat"] = f"{s.device}:{s.inode}:{s.size}:{s.mtime}:{s.ctime}"
    return given


def content_of(properties: Properties) -> Content:
    size, stat = properties.get("size", -1), properties.get("stat")
    assert isinstance(size, int)
    return Content(
        str(properties.get("digest", "")),
        str(properties.get("blob", "")),
        size,
        Stat(*map(int, str(stat).split(":"))) if stat else None,
    )
