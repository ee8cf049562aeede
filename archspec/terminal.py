"""Text for a terminal: made safe, measured, wrapped, and coloured where that is wanted."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple, TextIO

WIDTH = 100
"""Columns of what goes to no terminal."""
NARROWEST = 40
WIDEST = 120
"""Columns that sentences take at most: longer lines are hard to read."""

_RESET = "\x1b[0m"


def printable(text: str) -> str:
    """The text with whatever could move the cursor, turn its direction or go unseen as escapes."""
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() else ascii(c)[1:-1] for c in text])


def cells(text: str) -> int:
    """The columns of a terminal that a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.category(c) in ("Mn", "Me")
        else 2
        if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in text
    )


class Style(NamedTuple):
    """How a text is laid out: in how many columns, with colours or without, and whether sentences
    are broken to fit.
    """

    width: int = WIDTH
    colour: bool = False
    wraps: bool = False

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour, the codes of an escape sequence: `1;31`."""
        return f"\x1b[{colour}m{text}{_RESET}" if self.colour and colour and text else text

    def wrapped(self, text: str, first: int = 0, others: int = 0) -> list[str]:
        """The text in lines that fit, where `first` columns are taken before the first of them,
        and `others` before each of the others. A word that is too long is not broken.
        """
        if not self.wraps:
            return [text]
        width = min(self.width, WIDEST)
        lines: list[str] = []
        line, room = "", width - first
        for word in text.split(" "):
            longer = f"{line} {word}" if line else word
            if line and cells(longer) > room:
                lines.append(line)
                line, room = word, width - others
            else:
                line = longer
        return [*lines, line]


def style_for(
    stream: TextIO, choice: str = "auto", environment: Mapping[str, str] = os.environ
) -> Style:
    """The style of what is written to `stream`; `choice` is always, never, or auto for colour."""
    is_terminal = stream.isatty()
    width = _columns(stream, is_terminal, environment)
    colour = choice == "always" or (choice == "auto" and _takes_colour(is_terminal, environment))
    return Style(max(NARROWEST, width or WIDTH), colour, width is not None)


def _columns(stream: TextIO, is_terminal: bool, environment: Mapping[str, str]) -> int | None:
    """How wide the terminal is; None where there is none, and nothing says how wide it would be."""
    said = environment.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and int(said[:9]) > 0:
        return int(said[:9])
    if not is_terminal:
        return None
    with suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or WIDTH
    return WIDTH


def _takes_colour(is_terminal: bool, environment: Mapping[str, str]) -> bool:
    """By the conventions that programs share: NO_COLOR comes first, then what forces colour."""
    if environment.get("NO_COLOR"):
        return False
    if {environment.get("FORCE_COLOR", ""), environment.get("CLICOLOR_FORCE", "")} - {"", "0"}:
        return True
    return is_terminal and environment.get("TERM") != "dumb" and environment.get("CLICOLOR") != "0"
