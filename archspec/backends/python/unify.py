"""One expression for what several uses of a class have in its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from archspec.backends.python.outline import (
    Argument,
    Const,
    Counted,
    Expression,
    InOrder,
    Item,
    New,
)


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""What a use has where it has nothing."""


class Unlike(Exception):
    """Uses of a class that no one class can serve."""


@dataclass(frozen=True)
class Slot:
    """A place where uses differ: what each has there, ABSENT where it has none."""

    values: tuple[Any, ...]
    role: str


class Some(NamedTuple):
    """An item that is there in some uses alone."""

    item: Item
    present: tuple[bool, ...]


OVERWRITING = frozenset(
    f"nn.{name}"
    for name in (
        *("ReLU", "ReLU6", "Hardswish", "SiLU", "Hardsigmoid", "Mish", "LeakyReLU", "ELU"),
        *("Dropout", "Dropout1d", "Dropout2d", "Dropout3d"),
    )
)
"""Modules that take `inplace`."""


def one_of(values: Sequence[Expression | _Absent], role: str = "") -> Expression:
    """The expression that has a Slot wherever the values differ. Raises Unlike."""
    present = [value for value in values if not isinstance(value, _Absent)]
    first = present[0]
    if all(value == first for value in present):
        return first
    if all(isinstance(value, Const) for value in present):
        return Slot(tuple(values), first.role)
    if all(isinstance(value, Counted) for value in present):
        if len({value.step for value in present}) > 1:
            raise Unlike(role)
        starts = [value if isinstance(value, _Absent) else value.start for value in values]
        return Counted(one_of(starts, role), first.step)
    if all(isinstance(value, InOrder) for value in present):
        return _in_order(values)
    if all(isinstance(value, New) for value in present):
        if len({value.function for value in present}) == 1:
            return _of_one_class(values)
        if all(value.plain and _is_bare(value) for value in present):
            return _of_plain_classes(values)
    return Slot(tuple(values), role or "layer")


def form_of(value: Expression) -> object:
    """What makes a module, but for the constants."""
    if isinstance(value, InOrder):
        return tuple((item.key, item.name, form_of(item.value)) for item in value.items)
    return value.function, tuple(argument.name for argument in value.arguments)


def _of_one_class(values: Sequence[New | _Absent]) -> New:
    present = [value for value in values if isinstance(value, New)]
    names: dict[str, Argument] = {}
    for value in present:
        for index, argument in enumerate(value.arguments):
            names.setdefault(argument.name or str(index), argument)
    arguments = []
    for name, argument in names.items():
        found: list[Any] = [
            each if isinstance(each, _Absent) else _argument(each, name, argument)
            for each in values
        ]
        if name == "inplace" and len({each for each in found if each is not ABSENT}) > 1:
            found = [Const(False, "inplace")]
        arguments.append(argument._replace(value=one_of(found, name)))
    return replace(
        present[0],
        arguments=tuple(arguments),
        overwrites=all(value.overwrites for value in present),
    )


def _argument(value: New, name: str, like: Argument) -> Expression:
    for index, argument in enumerate(value.arguments):
        if name == (argument.name or str(index)):
            return argument.value
    if like.default is ...:
        raise Unlike(name)
    return Const(like.default, name)


def _is_bare(value: New) -> bool:
    """Whether a module without tensors was made with no argument that matters."""
    return all(
        argument.name == "inplace"
        or (isinstance(argument.value, Const) and argument.value.value == argument.default)
        for argument in value.arguments
    )


def _of_plain_classes(values: Sequence[New | _Absent]) -> New:
    """A module whose class is an argument, `activation`."""
    present = [value for value in values if isinstance(value, New)]
    functions = tuple(
        value if isinstance(value, _Absent) else Const(Code(value.function), "activation")
        for value in values
    )
    inplace = all(value.overwrites and value.function in OVERWRITING for value in present)
    arguments = (Argument("inplace", Const(True, "inplace"), False, False),) if inplace else ()
    return New(Slot(functions, "activation"), arguments, True, inplace)  # type: ignore[arg-type]


class Code(str):
    """Python as it is written, and no text in quotes."""

    __slots__ = ()


def _in_order(values: Sequence[InOrder | _Absent]) -> InOrder:
    lists: list[Sequence[Item] | _Absent] = [
        value if isinstance(value, _Absent) else value.items for value in values
    ]
    numbered = all(
        [item.name for item in value.items] == [str(index) for index in range(len(value.items))]
        for value in values
        if not isinstance(value, _Absent)
    )
    made: list[Any] = []
    for key, found in aligned(lists, lambda item: item.key):
        present = tuple(not isinstance(item, _Absent) for item in found)
        items = [item for item in found if not isinstance(item, _Absent)]
        # A list that some uses have less of gives numbers for names.
        if not numbered and (len({item.name for item in items}) > 1 or len(items) < len(values)):
            raise Unlike(key)
        held = [item if isinstance(item, _Absent) else item.value for item in found]
        shapes = {item.shape for item in items}
        shape = shapes.pop() if len(shapes) == 1 else None
        item = Item(items[0].name, one_of(held), key, shape)
        is_whole = present == tuple(not isinstance(value, _Absent) for value in values)
        made.append(item if is_whole else Some(item, present))
    return InOrder(tuple(made))


def aligned(
    lists: Sequence[Sequence[Any] | _Absent], key: Callable[[Any], Hashable]
) -> list[tuple[Any, tuple[Any, ...]]]:
    """The elements of several lists side by side by their keys, ABSENT where one has none.

    Raises Unlike where they differ in how often they repeat something, or in their order.
    """
    keys = [[] if isinstance(each, _Absent) else [key(item) for item in each] for each in lists]
    counts = [Counter(each) for each in keys if each]
    for repeated in {each for count in counts for each in count if count[each] > 1}:
        if len({count[repeated] for count in counts}) > 1:
            raise Unlike(repeated)
    whole: list[Any] = []
    for each in sorted(keys, key=len, reverse=True):
        whole = _supersequence(whole, each)
    most: Counter[Any] = Counter()
    for count in counts:
        most |= count
    if Counter(whole) != most:  # What one has before another, and another after it, is there twice.
        raise Unlike(whole)
    rows = [_placed(each, whole) for each in keys]
    return [
        (
            name,
            tuple(
                ABSENT if isinstance(items, _Absent) or row[place] is None else items[row[place]]
                for row, items in zip(rows, lists, strict=True)
            ),
        )
        for place, name in enumerate(whole)
    ]


def _supersequence(one: list[Any], other: list[Any]) -> list[Any]:
    """The shortest list found in which both are, in their orders."""
    if one == other:
        return one
    made: list[Any] = []
    for _, start, end, begin, stop in SequenceMatcher(None, one, other, False).get_opcodes():
        made += one[start:end]
        made += other[begin:stop] if one[start:end] != other[begin:stop] else []
    return made


def _placed(keys: list[Any], whole: list[Any]) -> list[Any]:
    """For each key of the whole, which of the keys stands there, None where none does."""
    places: list[Any] = []
    at = 0
    # From the end, so that what may be left out is what comes first.
    for name in reversed(whole):
        if at < len(keys) and keys[len(keys) - 1 - at] == name:
            places.append(len(keys) - 1 - at)
            at += 1
        else:
            places.append(None)
    if at < len(keys):
        raise Unlike(keys)
    return places[::-1]
