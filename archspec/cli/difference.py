"""What changes in a file, as a diff that is shown."""

from __future__ import annotations

import difflib

from archspec.terminal import Style, printable

_COLOURS = {"+": "32", "-": "31", "@": "36"}


def difference(name: str, before: bytes, after: bytes, style: Style) -> str:
    """A unified diff, as `patch` takes it; with colours, what a terminal would obey is escaped."""
    lines = []
    old, new = _lines(before), _lines(after)
    for number, line in enumerate(difflib.unified_diff(old, new, name, name)):
        text, end = line.removesuffix("\n"), "\n"
        if not line.endswith("\n"):
            end = "\n\\ No newline at end of file\n"
        if style.colour:
            text = printable(text.removesuffix("\r").replace("\t", "    "))
            text = style.paint(text, "1" if number < 2 else _COLOURS.get(text[:1], ""))
        lines.append(f"{text}{end}")
    return "".join(lines)


def _lines(data: bytes) -> list[str]:
    """The lines of a text, with their ends: those that `patch` knows."""
    pieces = data.decode("utf-8-sig").split("\n")
    return [f"{piece}\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
