"""What people who know another language write in an expression, and what to write instead."""

from __future__ import annotations

import re
from typing import NamedTuple


class Slip(NamedTuple):
    """A piece of an expression, from `start` on, that belongs to another language."""

    start: int
    length: int
    message: str
    help: str


_POWER = "there are no powers"
_SLIPS: tuple[tuple[str, str, str], ...] = (
    (r"&&?", "`{}` is not used here", "write `and`"),
    (r"\|\|?", "`{}` is not used here", "write `or`"),
    (r"\*\*|\^", _POWER, "multiply: `$a * $a`"),
    (r"!(?!=)", "`{}` is not used here", "write `not`"),
    (r"===", "`{}` is not used here", "write `==`"),
    (r"(?<![=!<>:])=(?!=)", "`=` does not compare", "write `==`"),
    (r"\?", "`?` does not choose", "write `a if b else c`"),
    (r"(?<=[A-Za-z_])\.[0-9]+", "an entry of a list stands in brackets", "write `[{digits}]`"),
    (r"\b(?:int|trunc)(?=\()", "`{}` is not a function here", "write `floor`, or divide with `//`"),
    (r"[×·∙]", "`{}` cannot stand in an expression", "write `*`"),
    (r"[−–—]", "`{}` cannot stand in an expression", "write `-`"),
    (r"[÷∕]", "`{}` cannot stand in an expression", "write `/`, or `//` for whole numbers"),
    (r"≤", "`{}` cannot stand in an expression", "write `<=`"),
    (r"≥", "`{}` cannot stand in an expression", "write `>=`"),
    (r"≠", "`{}` cannot stand in an expression", "write `!=`"),
)
"""A pattern, what to say of it, and what to write; `{}` is what was found."""


def slip(text: str) -> Slip | None:
    """The first piece of an expression that belongs to another language; None where none does."""
    # What stands in quotes is compared, and no operator.
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", lambda quoted: " " * len(quoted.group()), text)
    found = [
        (match.start(), match, message, help)
        for pattern, message, help in _SLIPS
        for match in re.finditer(pattern, bare)
    ]
    if not found:
        return None
    start, match, message, help = min(found, key=lambda each: each[0])
    written = match.group()
    help = help.replace("{digits}", written.lstrip("."))
    return Slip(start, len(written), message.replace("{}", written), help)
