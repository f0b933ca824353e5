"""What of a translation is about names that nothing was known of? That can be bound before a graph is asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from provgraph.model.translate import Occurrence, Translation


def apart(translation: Translation, strange: set[str]) -> tuple[Translation, Translation]:
    """What is about `strange` URIs alone, and the rest. A version ties the names that it had to each other.

    >>> from provgraph.model.records import Content, Name, When
    >>> versions = (("u", "a"), ("v", "ab"), ("w", "c"))
    >>> made = Translation(occurrences=[
    ...     Occurrence(version, tuple(Name(uri, When(1)) for uri in uris), Content()) for version, uris in versions
    ... ])
    >>> [[o.version for o in part.occurrences] for part in apart(made, {"a", "c"})]
    [['w'], ['u', 'v']]
    """
    alone = Translation(translation.nodes, translation.edges)
    rest = Translation(removed=translation.removed)
    if not strange:
        rest.occurrences, rest.references = translation.occurrences, translation.references
        return alone, rest
    free = strange - translation.removed
    free -= _tied(translation.occurrences, free)
    for occurrence in translation.occurrences:
        is_free = occurrence.names[0].uri in free
        (alone if is_free else rest).occurrences.append(occurrence)
    for reference in translation.references:
        (alone if reference.uri in free else rest).references.append(reference)
    return alone, rest


def _tied(occurrences: Iterable[Occurrence], strange: set[str]) -> set[str]:
    """The URIs that share a version with one that is not strange, directly or not."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for occurrence in occurrences:
        names[occurrence.version].update(name.uri for name in occurrence.names)
    several = [uris for uris in names.values() if len(uris) > 1]
    of: defaultdict[str, list[set[str]]] = defaultdict(list)
    for uris in several:
        for uri in uris:
            of[uri].append(uris)
    waiting = [uri for uri in of if uri not in strange]
    reached = set(waiting)
    while waiting:
        for uris in of[waiting.pop()]:
            waiting += uris - reached
            reached |= uris
    return reached
