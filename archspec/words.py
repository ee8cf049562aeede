"""The closest known word to one that is not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

MOST_CANDIDATES = 100
"""Words that are compared at most: each takes a while, and a file may have many mistakes."""


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` is most likely a slip of, or None."""
    return _closest(word, tuple(islice(known, MOST_CANDIDATES)))


@lru_cache(maxsize=256)  # The same slip may be made in each of many repeats.
def _closest(word: str, known: tuple[str, ...]) -> str | None:
    # difflib costs milliseconds to import, and only a mistake needs it.
    import difflib

    alike = {folded(name): name for name in reversed(known)}
    if folded(word) in alike:
        return alike[folded(word)]
    matches = difflib.get_close_matches(word[:64], known, n=1, cutoff=0.6)
    return matches[0] if matches else None


def suggestion(word: str, known: Iterable[str], instead: str = "") -> str:
    """The help for an unknown word: its closest neighbour, else `instead`."""
    near = closest(word, known)
    return f"did you mean `{near}`?" if near else instead


def certain(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` is without doubt a slip of, or None.

    It is the same but for capitals, `_`, `-` and `2d`; or a letter away from it, of a long word
    two, and no other is as near, nor of a short word nearly as near. Any other number in it is no
    slip, nor is a sign: `kernel_size:3` lacks a space.
    """
    if len(word) > _LONGEST or not all(c.isalnum() or c.isspace() or c in "_-" for c in word):
        return None
    known = tuple(islice(known, MOST_CANDIDATES))
    alike = [name for name in known if folded(name) == folded(word)]
    if alike:
        return alike[0] if len(alike) == 1 else None
    most = 1 if len(word) < _LONG else 2
    near = [(_distance(word, name, most + 1), name) for name in known]
    near.sort()
    if not near or near[0][0] > most or len(word) < _SHORTEST:
        return None
    if list(filter(str.isdigit, word)) != list(filter(str.isdigit, near[0][1])):
        return None
    doubt = near[0][0] + (len(word) < _SHORT)
    return near[0][1] if len(near) == 1 or near[1][0] > doubt else None


_SHORTEST, _SHORT, _LONG, _LONGEST = 3, 5, 8, 40
"""Letters of words that are told apart in `certain`."""


def folded(word: str) -> str:
    """What spellings of one word share: small letters, without `_`, `-`, and `1d` to `3d`."""
    return re.sub(r"[-_]|[123]d", "", word.lower())


def _distance(first: str, second: str, most: int) -> int:
    """How many letters have to be changed, added, taken out, or swapped with the next one; or one
    more than `most`.
    """
    if abs(len(first) - len(second)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first, 1):
        above, row, older = row, [i], before
        before = above
        for j, other in enumerate(second, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == second[j - 2] and first[i - 2] == other:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
