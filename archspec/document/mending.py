"""Mends of what is certainly a slip: a word misspelt, a number in quotes, a `yes`."""

from __future__ import annotations

from collections.abc import Collection

from archspec.diagnostics import Edit, Fix, Span
from archspec.source import Plain, resolve, text_at
from archspec.words import certain


def replacing(span: Span, text: str) -> Fix:
    """The fix that writes `text` in the place of what is there."""
    return Fix(f"write `{text}`", (Edit(span, text),))


def respelling(
    word: str, known: Collection[str], span: Span, taken: Collection[str] = ()
) -> Fix | None:
    """The fix of a word that is a slip of a known one, unless that is among those `taken`."""
    meant = certain(word, known)
    return replacing(span, meant) if meant is not None and meant not in taken else None


def first_line(span: Span, text: str) -> Fix | None:
    """The fix that puts a line before the first section, at `span`, of a file in block style."""
    if span.column != 1 or text_at(span)[:1] in ("{", "["):
        return None
    return Fix(f"add `{text}`", (Edit(Span(span.line, 1, span.line, 1, span.source), f"{text}\n"),))


def readings(value: Plain, span: Span) -> list[tuple[Plain, str]]:
    """What a value of a wrong type may have been meant as, and how that is written: a number
    instead of one in quotes, true instead of `yes`, 3 instead of `3.0`, "5" instead of `5`.

    There are none where the value is not what is written at `span`: it came out of an expression.
    """
    written = text_at(span)
    if not written or span.line != span.end_line:
        return []
    if isinstance(value, str):
        if written[0] in "'\"" and written[1:-1] == value and value:
            meant = resolve(value)
            return [] if isinstance(meant, str) else [(meant, value)]
        word = _TRUTHS.get(written.lower())
        return [(word == "true", word)] if word and written == value else []
    if type(value) in (int, float) and resolve(written) == value:
        whole = [(int(value), str(int(value)))] if _is_whole(value) else []
        return [*whole, (written, f'"{written}"')]
    return []


_TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""What YAML 1.1 reads these words as."""


def _is_whole(value: Plain) -> bool:
    return isinstance(value, float) and value.is_integer()
