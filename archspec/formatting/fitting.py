"""What is written on one line: how it reads there, and whether it may."""

from __future__ import annotations

from archspec.formatting import scalars
from archspec.formatting.tree import Alias, Collection, Entry, Node, Scalar, has_comment
from archspec.source import resolve

WIDTH = 100
LONGEST = 400
"""Columns of a line that is kept together for the comment beside it."""
_LONGEST_KEY = 1000
"""YAML reads no longer one before a colon; a longer one has to stand behind a `?`."""

Path = tuple[str, ...]
"""The keys that lead to a value of the spec."""

_LINE_BY_LINE = frozenset([(), ("layers",), ("blocks",), ("references",)])


def measure(node: Node) -> None:
    """Find out of all collections how they read on one line, and whether there are steps inside."""
    if not isinstance(node, Collection):
        return
    for entry in node.entries:
        measure(entry.value)
    inside = [entry.value for entry in node.entries if isinstance(entry.value, Collection)]
    node.is_structure = node.is_steps or any(
        value.is_structure or (value.is_mapping and not node.is_mapping) for value in inside
    )
    parts = [_part(entry) for entry in node.entries]
    written = [part for part in parts if part is not None]
    if len(written) == len(parts) and not has_comment(node.ending):
        text = ", ".join(written)
        node.flat = _anchored(node, f"{{{text}}}" if node.is_mapping else f"[{text}]")
        if len(node.flat) > LONGEST:
            node.flat = None


def one_line(node: Collection, is_item: bool, path: Path | None, room: int) -> str | None:
    """The collection in brackets, where it is to be written so and there is `room`. A mapping that
    `is_item` of a list written line by line has no brackets.
    """
    if not node.entries:
        return node.flat
    if node.flat is None or len(node.flat) > room:
        return None
    if node.is_structure and not node.is_flow:
        return None
    if is_item and node.is_mapping and not node.anchor:
        return None
    if _is_line_by_line(path):
        return None
    return node.flat


def in_rows(node: Collection, path: Path | None, width: int) -> list[str] | None:
    """A list in brackets on several lines, where it is to be written so: numbers on as few as it
    takes, and steps as their author put them together, if that is not one a line.
    """
    parts = [_part(entry) for entry in node.entries]
    written = [part for part in parts if part is not None]
    if node.is_mapping or len(written) < len(parts) or has_comment(node.ending):
        return None
    rows: list[list[str]] = []
    opening = _anchored(node, "[")
    if node.is_steps and node.is_flow and not _is_line_by_line(path):
        for entry, part in zip(node.entries, written, strict=True):
            if not rows or entry.starts_row:
                rows.append([])
            rows[-1].append(part)
        if len(rows) == len(parts):
            return None
    elif not node.is_steps and all(map(_is_number, node.entries)) and not _is_line_by_line(path):
        taken = width
        for part in written:
            taken += len(part) + 2
            if taken > width:
                rows.append([])
                taken = len(opening) + len(part) + 1
            rows[-1].append(part)
    lines = [f"{' ' * len(opening)}{', '.join(row)}," for row in rows]
    if not lines or max(map(len, lines)) > width:
        return None
    lines[0] = opening + lines[0][len(opening) :]
    lines[-1] = lines[-1][:-1] + "]"
    return lines


def _is_line_by_line(path: Path | None) -> bool:
    return path is not None and (path in _LINE_BY_LINE or path[:-1] == ("blocks",))


def _is_number(entry: Entry) -> bool:
    value = entry.value
    if not isinstance(value, Scalar) or value.style != "plain":
        return False
    return type(resolve(value.text)) in (int, float)


def key_text(key: Scalar | Alias, flow: bool) -> str | None:
    """A key as it stands before its colon; None where it can't stand there."""
    if isinstance(key, Alias):
        return f"*{key.name} "
    if scalars.is_block(key):
        return None
    text = _anchored(key, scalars.on_one_line(key, flow))
    return text if len(text) <= _LONGEST_KEY else None


def _part(entry: Entry) -> str | None:
    """An entry as it stands between brackets; None where it can't, or has a comment."""
    if any(map(has_comment, (entry.above, entry.header, entry.after, entry.below))):
        return None
    value = entry.value
    if isinstance(value, Collection):
        text = value.flat
        if text and not entry.key and value.is_mapping and len(value.entries) == 1:
            text = text if value.anchor else text[1:-1]
    elif isinstance(value, Alias):
        text = f"*{value.name}"
    else:
        text = None if scalars.is_block(value) else scalars.on_one_line(value, flow=True)
        text = _anchored(value, text) if text is not None else None
    if entry.key is None or text is None:
        return text
    key = key_text(entry.key, flow=True)
    return f"{key}: {text}" if key is not None else None


def _anchored(node: Scalar | Collection, text: str) -> str:
    return f"&{node.anchor} {text}" if node.anchor else text


def holds_comment(node: Node) -> bool:
    """Whether there is a comment anywhere inside."""
    if not isinstance(node, Collection):
        return False
    return has_comment(node.ending) or any(
        any(map(has_comment, (entry.above, entry.header, entry.after, entry.below)))
        or holds_comment(entry.value)
        for entry in node.entries
    )
