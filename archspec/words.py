"""The closest known word to one that is not."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

MOST_CANDIDATES = 100
"""Words that are compared at most: each takes a while, and a file may have many mistakes."""


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` is most likely a slip of, or None."""
    # difflib costs milliseconds to import, and only a mistake needs it.
    import difflib

    known = list(islice(known, MOST_CANDIDATES))
    folded = {name.lower().replace("_", ""): name for name in known}
    plain = word.lower().replace("_", "").replace("-", "").replace("2d", "")
    if plain in folded:
        return folded[plain]
    matches = difflib.get_close_matches(word[:64], known, n=1, cutoff=0.6)
    return matches[0] if matches else None


def suggestion(word: str, known: Iterable[str], instead: str = "") -> str:
    """The help for an unknown word: its closest neighbour, else `instead`."""
    near = closest(word, known)
    return f"did you mean `{near}`?" if near else instead
