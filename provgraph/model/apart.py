"""What of a translation is about names that nobody else is at? That can be bound while others are being written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from provgraph.model.translate import Occurrence, Translation


def apart(translation: Translation, busy: set[str]) -> tuple[Translation, Translation]:
    """What has nothing to do with the `busy` URIs, and the rest. A version ties the names that it had to each other.

    >>> from provgraph.model.records import Content, Name, When
    >>> versions = (("u", "a"), ("v", "ab"), ("w", "c"))
    >>> made = Translation(occurrences=[
    ...     Occurrence(version, tuple(Name(uri, When(1)) for uri in uris), Content()) for version, uris in versions
    ... ])
    >>> [[o.version for o in part.occurrences] for part in apart(made, {"b"})]
    [['w'], ['u', 'v']]
    """
    alone = Translation(translation.nodes, translation.edges)
    rest = Translation()
    if busy:
        busy = busy | _tied(translation.occurrences, busy)
    for occurrence in translation.occurrences:
        (rest if occurrence.names[0].uri in busy else alone).occurrences.append(occurrence)
    for reference in translation.references:
        (rest if reference.uri in busy else alone).references.append(reference)
    rest.removed = translation.removed & busy
    alone.removed = translation.removed - busy
    return alone, rest


def _tied(occurrences: Sequence[Occurrence], busy: set[str]) -> set[str]:
    """The URIs that share a version with a busy one, directly or not."""
    is_each_of_one = all(len(each.names) == 1 for each in occurrences)
    if is_each_of_one and len({each.version for each in occurrences}) == len(occurrences):
        return set()  # as nearly always
    names: defaultdict[str, set[str]] = defaultdict(set)
    for occurrence in occurrences:
        names[occurrence.version].update(name.uri for name in occurrence.names)
    of: defaultdict[str, list[set[str]]] = defaultdict(list)
    for uris in names.values():
        if len(uris) > 1:
            for uri in uris:
                of[uri].append(uris)
    waiting = [uri for uri in of if uri in busy]
    reached = set(waiting)
    while waiting:
        for uris in of[waiting.pop()]:
            waiting += uris - reached
            reached |= uris
    return reached
