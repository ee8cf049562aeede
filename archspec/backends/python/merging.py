"""What several uses of a scope do, as one body: where only some do something, the others go on with
what it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from archspec.backends.python.outline import Const, Ref
from archspec.backends.python.tree import Statement, mapped, references, taken
from archspec.backends.python.unify import ABSENT, Slot, Unlike, aligned
from archspec.layers.base import Shape


@dataclass(frozen=True)
class Body:
    """What one use of a scope takes, does and returns."""

    inputs: Sequence[str]
    statements: Sequence[Statement]
    outputs: Sequence[str]


class Step(NamedTuple):
    """A statement of all uses, or of those in which it is `present`: the others take for its value
    what it takes first.
    """

    statement: Statement
    present: tuple[bool, ...]
    shapes: tuple[Shape | None, ...] = ()

    @property
    def is_whole(self) -> bool:
        return all(self.present)


class Whole(NamedTuple):
    """The body of all uses of a scope."""

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]


def merged(bodies: Sequence[Body]) -> Whole:
    """The body of all uses. Raises Unlike where they are too different."""
    if len({len(body.inputs) for body in bodies}) > 1:
        raise Unlike("inputs")
    values: list[dict[str, str]] = [{} for _ in bodies]
    """For each use, its own value for one of the whole."""
    inputs = tuple(f"in{index}" for index in range(len(bodies[0].inputs)))
    for body, held in zip(bodies, values, strict=True):
        held.update(zip(inputs, body.inputs, strict=True))
    rows = aligned([body.statements for body in bodies], lambda statement: statement.key)
    steps: list[Step] = []
    order: list[str] = list(inputs)
    for index, (_, found) in enumerate(rows):
        step = _step(index, found, values, order)
        steps.append(step)
        order += step.statement.made
    outputs = []
    for position in range(len(bodies[0].outputs)):
        wanted = [body.outputs[position] for body in bodies]
        outputs.append(_known(wanted, values, order))
    return Whole(inputs, tuple(steps), tuple(outputs))


def _step(index: int, found: Sequence[Any], values: list[dict[str, str]], order: list[str]) -> Step:
    present = tuple(each is not ABSENT for each in found)
    statements: list[Statement] = [each for each in found if each is not ABSENT]
    first = statements[0]
    made = tuple(f"v{index}_{number}" for number in range(len(first.made)))
    if len({(len(each.made), len(taken(each))) for each in statements}) > 1:
        raise Unlike(first.key)
    known = [
        _known([each if each is ABSENT else taken(each)[place] for each in found], values, order)
        for place in range(len(taken(first)))
    ]
    sources = iter(known)
    template = mapped((first.arguments, dict(first.options)), lambda name: Ref(next(sources)))
    if len(statements) > 1:
        template = _one_of([_blank(each) for each in found], template)
    arguments, options = template
    for held, each in zip(values, found, strict=True):
        if each is not ABSENT:
            held.update(zip(made, each.made, strict=True))
        elif len(made) == 1 and known:
            held[made[0]] = held[known[0]]
        else:
            raise Unlike(first.key)
    shapes = tuple(None if each is ABSENT else each.shape for each in found)
    whole = first._replace(arguments=arguments, options=options, made=made)
    return Step(whole, present, shapes)


def _known(wanted: Sequence[Any], values: list[dict[str, str]], order: list[str]) -> str:
    """The value of the whole that each use has this one of its own for."""
    for name in reversed(order):
        if all(
            each is ABSENT or held.get(name) == each
            for each, held in zip(wanted, values, strict=True)
        ):
            return name
    raise Unlike("values")


def _blank(statement: Any) -> Any:
    """A call's arguments with a mark for each value: what is left are constants."""
    if statement is ABSENT:
        return ABSENT
    return mapped((statement.arguments, dict(statement.options)), lambda name: Ref(""))


def _one_of(blanks: Sequence[Any], template: Any, role: str = "value") -> Any:
    """The template with a Slot for each constant in which the uses differ."""
    present = [each for each in blanks if each is not ABSENT]
    if isinstance(template, Ref) or all(_same(each, present[0]) for each in present):
        return template
    if isinstance(template, tuple) and len({len(each) for each in present}) == 1:
        absent = [ABSENT] * len(template)
        parts = zip(*(absent if each is ABSENT else each for each in blanks), strict=True)
        return tuple(_one_of(part, each, role) for part, each in zip(parts, template, strict=True))
    if isinstance(template, Mapping):
        return {
            name: _one_of([each if each is ABSENT else each[name] for each in blanks], value, name)
            for name, value in template.items()
        }
    if isinstance(template, slice):
        ends = [each if each is ABSENT else (each.start, each.stop, each.step) for each in blanks]
        return slice(*_one_of(ends, (template.start, template.stop, template.step), "size"))
    if any(list(references(each)) for each in present):
        raise Unlike(role)
    return Slot(tuple(each if each is ABSENT else Const(each, role) for each in blanks), role)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
