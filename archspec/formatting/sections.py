"""The sections of a spec in their order: what it is, what it takes, its layers, what they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archspec.formatting.tree import (
    BLANK,
    Collection,
    Entry,
    Note,
    Scalar,
    Written,
    has_comment,
    without_blanks_before,
)

ORDER = (
    "archspec",
    "name",
    "description",
    "references",
    "extends",
    "imports",
    "vars",
    "input",
    "inputs",
    "blocks",
    "layers",
    "outputs",
    "expect",
    "preprocess",
    "labels",
)
_RANKS = {key: rank for rank, key in enumerate(ORDER)}
_FIRST_OF_A_GROUP = frozenset(("blocks", "layers", "expect", "preprocess"))
_HEADINGS = ORDER[:3]
"""Sections that a comment at the top of the file stands above without speaking of them."""


def in_order(written: Written) -> Written:
    """The same with its sections in order, each with the comments above it.

    They stay as they are where one is unknown, where an alias could come before its anchor, and
    where it can't be told what a comment between two sections speaks of.
    """
    root = written.root.value
    if not isinstance(root, Collection) or not root.is_mapping:
        return written
    entries = root.entries
    ranks = [
        _RANKS.get(entry.key.text, -1) if isinstance(entry.key, Scalar) else -1 for entry in entries
    ]
    if ranks == sorted(ranks) or -1 in ranks or any(name[0] == "*" for name in written.anchors):
        return written
    if not _comments_can_move(entries, ranks, root.ending):
        return written
    head = entries[0].above
    spaced = any(entry.above[:1] == [BLANK] for entry in entries[1:])
    moved: list[Entry] = []
    for rank, entry in sorted(zip(ranks, entries, strict=True), key=lambda pair: pair[0]):
        above = [] if entry is entries[0] else [note for note in entry.above if note is not BLANK]
        blank = [BLANK] if spaced and ORDER[rank] in _FIRST_OF_A_GROUP else []
        moved.append(replace(entry, above=[*([] if moved else head), *blank, *above]))
    value = replace(root, entries=moved)
    return written._replace(root=replace(written.root, value=value))


def _comments_can_move(
    entries: Sequence[Entry], ranks: Sequence[int], ending: Sequence[Note]
) -> bool:
    first, *others = entries
    if has_comment(first.above) and ORDER[ranks[0]] not in _HEADINGS:
        return False
    if has_comment(ending) and ranks[-1] != max(ranks):
        return False
    return all(BLANK not in without_blanks_before(entry.above) for entry in others)
