"""How is text of a question put to a database that keeps UTF-8 only?"""

from __future__ import annotations

from typing import Final

# Lone surrogates stand for bytes that are not UTF-8. No text in a database has them, so what
# replaces them in a question must be in no text either: a noncharacter.
_SURROGATES: Final = dict.fromkeys(range(0xD800, 0xE000), "\ufdd0")


def asked_text(text: str) -> str:
    r"""
    >>> asked_text("a\udcff") == "a\ufdd0", asked_text("\u00e9")
    (True, '\xe9')
    """
    return text if text.isascii() else text.translate(_SURROGATES)
