"""Sizes of the inputs that are words and not numbers: `input: [3, H, W]`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from archspec.diagnostics import Sink, Span
from archspec.document.names import ALWAYS
from archspec.document.settings import IN_REPEAT, Setting
from archspec.source import Scalar, Sequence

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 40
"""Characters: formulas say the word often."""


MOST_SYMBOLS = 100

_TOO_MANY = (
    "AS501",
    f"a network may have {MOST_SYMBOLS} symbolic sizes",
    "use the same word for sizes that are the same, or write numbers",
)


def read_symbols(
    inputs: Mapping[str, Setting], variables: Collection[str], sink: Sink
) -> dict[str, Span]:
    """The symbolic sizes of the inputs, each with the place where it is first written.

    An input with a word that cannot stand for a size is broken, once that is reported.
    """
    symbols: dict[str, Span] = {}
    for setting in inputs.values():
        items = setting.value.items if isinstance(setting.value, Sequence) else ()
        for axis, item in enumerate(items):
            word = item.value if isinstance(item, Scalar) else None
            if not isinstance(word, str) or not _WORD.fullmatch(word):
                continue
            problem = _problem_with(word, axis, variables)
            if problem is None and word not in symbols and len(symbols) == MOST_SYMBOLS:
                problem = _TOO_MANY
            if problem is None:
                symbols.setdefault(word, item.span)
            else:
                code, message, help = problem
                sink.report(code, message, item.span, help=help)
                setting.broken = True
    return symbols


def _problem_with(word: str, axis: int, variables: Collection[str]) -> tuple[str, str, str] | None:
    """Why a word cannot be the size along an axis: a code, a message and a help."""
    if word in variables:
        return "AS208", f"`{word}` is a variable already", f"write `${word}` for its value"
    if axis == 0:
        message = f"the channels must be a number, not `{word}`: the weights follow from them"
        help = "only the sizes after the channels may be symbolic: [3, H, W]"
        if word in ("N", "B", "batch", "batch_size"):
            help = f"leave out the batch: {help}"
        return "AS307", message, help
    if word in ALWAYS | IN_REPEAT or word == "batch":
        return "AS207", f"`{word}` has a meaning of its own", "choose another word, such as H"
    if len(word) > _LONGEST:
        return "AS207", f"a size's name may have {_LONGEST} characters", "choose a shorter one"
    return None
