"""How names and shapes that come out of a weights file are shown to people."""

from __future__ import annotations

from archspec.layers.base import Shape, text_of
from archspec.terminal import printable

_LONGEST = 120


def quoted(name: object) -> str:
    """The name in backquotes, on one line, cut where very long, with nothing a terminal obeys."""
    text = str(name) if isinstance(name, str | int | float | None) else type(name).__name__
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    return f"`{printable(shown)}`"


def shape_text(shape: Shape) -> str:
    """`64 × 3 × 7 × 7`; a scalar is said in words."""
    return text_of(shape) or "a scalar"
