"""Where a value that came through a block's arguments was written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from archspec.diagnostics import Label, Span
from archspec.document import Block, Step
from archspec.source import text_at

_ALONE = re.compile(r"[\"']?\$(?P<name>[A-Za-z_][A-Za-z0-9_]*)[\"']?")
"""An expression that is one variable and nothing else."""


class Call(NamedTuple):
    """A block that is being run, and the step that calls it."""

    step: Step
    block: Block


def to_blame(span: Span, calls: Sequence[Call]) -> tuple[Span, tuple[Label, ...]]:
    """Where the value was written that is used at `span`, and the labels that say how it got there.

    Where that place holds a variable alone, which is an argument of the innermost of `calls`, it is
    what the call gives, or the argument's default; and so on outwards.
    """
    labels: list[Label] = []
    for call in reversed(calls):
        alone = _ALONE.fullmatch(text_at(span))
        name = alone["name"] if alone else ""
        if name not in call.block.args:
            break
        setting = call.step.fields.get(name) or call.block.args[name]
        if setting is None:
            break
        labels.append(Label(span, f"used here, in block `{call.block.name}`"))
        span = setting.span
        if name not in call.step.fields:
            break  # A default speaks of its own block's arguments, evaluated before.
    return span, tuple(labels)
