"""What a step says of itself, where it stands: how often it runs, whether at all, and its name."""

from __future__ import annotations

import re

from archspec.diagnostics import Label
from archspec.document import Block, Step
from archspec.document.model import MOST_STEPS
from archspec.document.settings import Setting
from archspec.elaborate.builder import NOTHING, Builder
from archspec.elaborate.scopes import Scope
from archspec.expressions import Names, Unknown, describe
from archspec.source import Plain, Scalar, Sequence


def repeats(setting: Setting, names: Names, builder: Builder) -> int:
    """How often a step is to run. Raises Unknown, reported, where that is no count."""
    count = setting.evaluate(names, builder)
    if type(count) is not int or count < 0:
        message = f"`repeat` must be an integer of at least 0, not {describe(count)}"
        help = "write a whole number"
        if type(count) is float:
            help = "write a whole number, or round it: `round(...)`, `ceil(...)`"
        elif isinstance(count, tuple):
            help = 'take one of them: `"$depths[0]"`'
        code = "AS206" if type(count) is int else "AS205"
        builder.report(code, message, setting.span, help=help)
        raise Unknown
    if count > MOST_STEPS:
        message = f"a network may have {MOST_STEPS:,} steps, not {count:,}"
        builder.report("AS501", message, setting.span, help="repeat it less often")
        raise Unknown
    return count


def is_variable(written: object) -> bool:
    """Whether a value is written as a variable and nothing else."""
    return isinstance(written, str) and re.fullmatch(r"\$\w+", written) is not None


def is_present(setting: Setting, names: Names, builder: Builder) -> bool:
    """Whether a step is there. Raises Unknown, reported, where that is neither yes nor no."""
    present = setting.evaluate(names, builder)
    if type(present) is not bool:
        message = f"`when` must be true or false, not {describe(present)}"
        help = "compare it with something: `$channels > 64`"
        written = setting.value.value if isinstance(setting.value, Scalar) else None
        if is_variable(written) and type(present) in (int, float):
            help = f"compare it with something: `{written} > {present}`"
        elif isinstance(present, str) and any(sign in present for sign in "<>=+-*"):
            help = "a text is an expression where it holds a variable: `$channels > 64`"
        builder.report("AS205", message, setting.span, help=help)
        raise Unknown
    return present


def report_no_name(setting: Setting, said: tuple[Plain, ...], builder: Builder) -> None:
    """Report what is no name among the values that `from` says, at the first of them."""
    at, wrong = setting.span, said[0] if said else None
    if isinstance(setting.value, Sequence) and said:
        index = next(n for n, name in enumerate(said) if not isinstance(name, str))
        at, wrong = setting.value.items[index].span, said[index]
    help = "`from: [previous, a]`"
    if type(wrong) is int:
        help = "steps are taken by their names: give that one a `name`, and write it here"
    message = "`from` must be the name of a value, or a list of names"
    builder.report("AS205", message, at, help=help)


def check_inline(step: Step, block: Block, builder: Builder) -> None:
    """Report what speaks of the call of an inline block by name, for it has none."""
    for field, given in (("name", step.name), ("shares", step.shares)):
        if given is not None:
            message = f"the steps of `{block.name}` are `inline`, and it takes no `{field}`"
            help = "list them under `layers`, and they are inside a name of their own"
            builder.report("AS203", message, step.place_of(field), help=help)


def name_of(
    step: Step, word: str, scope: Scope, names: Names, position: int | None, builder: Builder
) -> str:
    """The step's name in its scope."""
    if step.name is None:
        name = scope.count(word)
        _take(name, step, scope, builder)
    elif position is None or step.name.counts:
        scope.count(word)
        name = step.name.evaluate(names, builder)
        _take(name, step, scope, builder)
    else:
        base = step.name.evaluate(names, builder)
        name = f"{base}.{position}"
        if position == 0:
            scope.count(word)
            _take(base, step, scope, builder)
    return name


def _take(name: str, step: Step, scope: Scope, builder: Builder) -> None:
    at = step.name.scalar.span if step.name else step.at
    other = scope.take(name, at)
    if other is not None:
        again = other == at
        labels = () if again else (Label(other, "by this"),)
        message = f"the name `{name}` is taken" + (", by the same step before" if again else "")
        help = "count its repeats in it: `$number`" if again else "choose another name"
        builder.report("AS208", message, at, help=help, labels=labels)


def name_broken(
    step: Step, scope: Scope, names: Names, builder: Builder, *, is_known: bool
) -> None:
    """Give a step that could not run its name all the same, so that `from` finds no fault. Where
    its word `is_known`, it is called after that if it has none.
    """
    if step.name is None:
        scope.values[scope.count(step.word)] = NOTHING
        scope.has_lost_names |= not is_known
    elif step.name.broken or step.name.holds_variables:
        scope.has_lost_names = True
    else:
        scope.values[step.name.evaluate(names, builder)] = NOTHING
