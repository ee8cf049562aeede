"""Ways to mend a step that are certain, as edits of the file's text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from archspec.diagnostics import Edit, Fix, Span
from archspec.layers.base import Layer, LayerError, Shape
from archspec.layers.fields import Padding
from archspec.layers.sizes import are_numbers
from archspec.source import text_at

_DASH = re.compile(r"(?P<indent>[ ]*)-[ ]+")
_IN_BRACKETS = re.compile(r".*[\[,]\s*(?P<brace>\{\s*)?")


def step_before(word: str, at: Span, places: Mapping[str, Span]) -> Fix | None:
    """The step `word` put before the one whose word is at `at`, where that is sure to be what comes
    before it: a step with a `from` takes another value.
    """
    if "from" in places:
        return None
    line = at.source.lines()[at.line - 1]
    lead = line[: at.column - 1]
    dash = _DASH.fullmatch(lead)
    brackets = _IN_BRACKETS.fullmatch(lead)
    if dash:
        start, text = at.column, f"{word}\n{dash['indent']}- "
    elif brackets:
        start, text = at.column - len(brackets["brace"] or ""), f"{word}, "
    else:
        return None
    here = Span(at.line, start, at.line, start, at.source)
    return Fix(f"put `{word}` before it", (Edit(here, text),))


def padding_for(
    layer: Layer, x: Shape, expected: Shape, places: Mapping[str, Span]
) -> tuple[str, Fix | None] | None:
    """What `padding` makes a layer give the `expected` shape, and the edit that writes it; None
    where none does, or the layer has no padding.

    A kernel that is padded by as much as itself sees nothing else, so a wider one is not tried.
    """
    window = getattr(layer, "kernel_size", None)
    if "padding" not in type(layer).model_fields or window is None or not are_numbers(x):
        return None
    widest = max(window) if isinstance(window, tuple) else window
    for rows in range(min(widest, _WIDEST)):
        padding = Padding("explicit", sides=((rows, rows),), alike=True)
        try:
            makes = layer.model_copy(update={"padding": padding}).output_shape((x,))
        except LayerError:
            continue
        if makes == expected:
            return f"`padding: {rows}`", _written(rows, places)
    return None


_WIDEST = 64
"""Rows of padding that are tried."""


def _written(rows: int, places: Mapping[str, Span]) -> Fix | None:
    """The edit that gives a step this padding."""
    padding = str(rows)
    title = f"write `padding: {padding}`"
    if "padding" in places:
        written = places["padding"]
        return None if "$" in text_at(written) else Fix(title, (Edit(written, padding),))
    kernel = places.get("kernel_size")
    if kernel is None or kernel.end_line != kernel.line:
        return None
    line = kernel.source.lines()[kernel.line - 1]
    lead, behind = line[: kernel.column - 1], line[kernel.end_column - 1 :].lstrip()
    key = re.fullmatch(r"(?P<before>.*?)(?P<key>[\"']?kernel_size[\"']?\s*:\s*)", lead)
    if key is None:
        return None  # The main field, by itself.
    end = Span(kernel.line, kernel.end_column, kernel.line, kernel.end_column, kernel.source)
    if behind[:1] in (",", "}"):
        return Fix(title, (Edit(end, f", padding: {padding}"),))
    column = kernel.column - len(key["key"])
    start = Span(kernel.line, column, kernel.line, column, kernel.source)
    if not key["before"].strip() and text_at(kernel):
        return Fix(title, (Edit(start, f"padding: {padding}\n{key['before']}"),))
    return None
