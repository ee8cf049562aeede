"""Items of a list of steps that are no steps: what is wrong with each, and the way out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from archspec import source
from archspec.diagnostics import Span
from archspec.document.unknown import TYPE_WORDS
from archspec.expressions import describe
from archspec.source import Scalar, Value, plain, text_at

_FORMS = "write `- relu`, `- fc: 10`, or `- conv: {out_channels: 64, kernel_size: 3}`"


class Problem(NamedTuple):
    """Why an item is no step. `fields` are what it says besides its word, as far as that can be
    told: its name, for one, is spoken of elsewhere.
    """

    message: str
    span: Span
    help: str
    word: str = ""
    fields: Mapping[str, Value] = MappingProxyType({})


def under_type(item: Value, meant: Callable[[str], str | None]) -> Problem | None:
    """The problem of a step that is written as `type: conv`; None where it is not.

    `meant` tells the kind or block that a word stands for.
    """
    if not isinstance(item, source.Mapping) or not item.values:
        return None
    key, kind = next(iter(item.values.items()))
    if key not in TYPE_WORDS or not (isinstance(kind, Scalar) and isinstance(kind.value, str)):
        return None
    word = meant(kind.value) or kind.value
    fields = {name: value for name, value in item.values.items() if name != key}
    rest = ": {…}" if fields else ""
    return Problem(
        f"a step begins with its kind, not with `{key}`",
        item.keys[key],
        f"write `- {word}{rest}`" + (", with the fields in the braces" if fields else ""),
        word,
        fields,
    )


def problem_with(item: Value, is_known: Callable[[str], bool]) -> Problem:
    """The problem of any other item that is no step; `is_known` tells kinds and blocks."""
    if isinstance(item, source.Mapping) and item.values:
        first, second = list(item.values)[:2]
        help = _FORMS
        if is_known(second):
            help = f"put a dash before `{second}`, if it is a step of its own"
        elif is_known(first):
            help = f"indent what belongs to `{first}` further, or put it in {{ }}"
        message = f"a step is one word with its fields, but this one has {len(item.values)}"
        body = item.values[first]
        fields = dict(body.values) if isinstance(body, source.Mapping) else {}
        siblings = {name: value for name, value in item.values.items() if not is_known(name)}
        return Problem(message, item.keys[second], help, first, siblings | fields)
    help = _FORMS
    if isinstance(item, source.Sequence):
        help = "put each of its steps behind a dash of its own"
        if len(item.items) == 1 and text_at(item.span).startswith("-"):
            help = "remove one of the two dashes"
    elif isinstance(item, Scalar) and item.value is None:
        help = "write a step behind the dash, or remove the dash"
    elif isinstance(item, Scalar) and isinstance(item.value, int | float):
        help = f"begin it with its word: `- fc: {text_at(item.span)}`"
    message = f"a step is a word, or a word with its fields, not {describe(plain(item))}"
    return Problem(message, item.span, help)
