"""What is written in a YAML text, comments and blank lines included, apart from its layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Note(NamedTuple):
    """A comment, or a blank line, whose text is empty.

    `column` is where the comment stands in the text that was read, counted from 0, and None for one
    with something before it on its line.
    """

    text: str
    column: int | None


BLANK = Note("", None)


def has_comment(notes: Sequence[Note]) -> bool:
    """Whether there is more than blank lines."""
    return any(note is not BLANK for note in notes)


def without_blanks_before(notes: Sequence[Note]) -> Sequence[Note]:
    """The notes from the first comment on."""
    for number, note in enumerate(notes):
        if note is not BLANK:
            return notes[number:]
    return ()


def without_blanks_behind(notes: Sequence[Note]) -> Sequence[Note]:
    """The notes up to the last comment."""
    for number in range(len(notes), 0, -1):
        if notes[number - 1] is not BLANK:
            return notes[:number]
    return ()


@dataclass(slots=True, eq=False)
class Scalar:
    """A leaf. `text` is its value as text; `style` is `plain` or `double` (as `raw` has it, between
    its quotes), `literal`, `folded` (`raw` has its lines), or `string` for any other way to write
    one.
    """

    text: str
    style: str
    raw: tuple[str, ...] = ()
    anchor: str | None = None


@dataclass(slots=True, eq=False)
class Alias:
    """A `*name`."""

    name: str


@dataclass(slots=True, eq=False)
class Collection:
    """A mapping or a list. `column` is that of a comment that belongs to it, at least.

    `is_flow` says whether it is written in brackets, `is_steps` whether it is a list of steps.
    """

    is_mapping: bool
    is_flow: bool
    is_steps: bool
    column: int
    anchor: str | None = None
    entries: list[Entry] = field(default_factory=list)
    ending: list[Note] = field(default_factory=list)
    """Comments behind the last entry."""
    flat: str | None = None
    """How it is written on one line; None where it can't be, or is too long for any."""
    is_structure: bool = False
    """Whether there are steps in it, which is what makes an author write it in brackets or not."""


Node = Scalar | Alias | Collection


@dataclass(slots=True, eq=False)
class Entry:
    """A key and its value, or an item, with the comments around it."""

    key: Scalar | Alias | None
    value: Node
    above: list[Note] = field(default_factory=list)
    header: list[Note] = field(default_factory=list)
    """Comments between the key, or an opening bracket, and what follows."""
    after: list[Note] = field(default_factory=list)
    """Comments on the line that the value ends on."""
    starts_row: bool = False
    """Whether it stands on another line than what comes before it."""
    below: list[Note] = field(default_factory=list)
    """Comments that stand where the missing value of a key would."""


class Written(NamedTuple):
    """A whole text: its value in an entry without a key, and all comments and anchors in order."""

    root: Entry
    comments: tuple[str, ...]
    anchors: tuple[str, ...]
