"""Lines -> questions: which lines belong together, and is a question at its end?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provgraph.query.syntax import reached

_GOES_ON = ("|", "&", "+", "-", "[", "]", ")", "@", ",")


def questions(lines: Iterable[str]) -> Iterator[str]:
    """The questions of a text, one after the other.

    A question ends with its line, unless it wants more or the next line goes on (with `|`, `&` ...). A blank
    line ends it in any case; lines that are remarks alone are passed over.

    >>> list(questions(["file x", "  | lineage", "run [", "  dirty]", "", "# done", "file y"]))
    ['file x\\n  | lineage', 'run [\\n  dirty]', 'file y']
    """
    begun = ""
    for line in lines:
        line = line.rstrip("\r\n")
        if begun and line.strip() and (wants_more(begun) or line.lstrip().startswith(_GOES_ON)):
            begun += f"\n{line}"
            continue
        if begun:
            yield begun
        begun = "" if line.lstrip().startswith("#") else line.strip() and line
    if begun:
        yield begun


def wants_more(text: str) -> bool:
    """Whether a question cannot end here, although nothing in it is wrong so far.

    >>> wants_more("run ["), wants_more("run"), wants_more("run ]"), wants_more("")
    (True, False, False, False)
    """
    here = reached(text)
    return here.end == len(text) and "$END" not in here.accepts and bool(here.lexemes)
