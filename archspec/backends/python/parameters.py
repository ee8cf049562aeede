"""The arguments of a class: what its uses differ in, each named once and said in terms of others
where it follows from them.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archspec.backends.python.outline import Const
from archspec.backends.python.unify import ABSENT, Code, Slot

_FAMILY: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("in_channels", "out_channels", "num_features", "in_features", "out_features"),
            *("normalized_shape", "num_channels", "embed_dim", "groups", "num_parameters"),
            *("size", "shape", "channels"),
        ),
        "channels",
    ),
    **dict.fromkeys(("kernel_size", "padding", "dilation", "output_padding"), "window"),
}
"""What may be said in terms of what."""

_NAMED: Mapping[str, str] = {
    "num_features": "channels",
    "normalized_shape": "channels",
    "num_channels": "channels",
    "num_parameters": "channels",
    "embed_dim": "width",
    "size": "size",
    "shape": "channels",
    "p": "dropout",
}

_TYPES: Mapping[type, str] = {bool: "bool", int: "int", float: "float", str: "str"}


@dataclass
class Parameter:
    """An argument of a class's constructor, with its value in each use."""

    name: str
    values: tuple[Any, ...]
    role: str
    default: Any = ...

    @property
    def annotation(self) -> str:
        present = [value for value in self.values if value is not ABSENT]
        first = plain(present[0])
        if isinstance(first, Code):
            return "type[nn.Module]"
        kinds = {type(plain(value)) for value in present}
        if kinds <= set(_TYPES):
            return " | ".join(sorted(_TYPES[kind] for kind in kinds))
        if kinds == {tuple}:
            return f"tuple[{_TYPES.get(type(first[0]), 'float')}, ...]"
        if kinds <= {tuple, int}:
            return "int | tuple[int, ...]"
        return "nn.Module" if all(not isinstance(value, Const) for value in present) else "Any"


@dataclass
class Parameters:
    """The arguments of a class with so many `uses`. `given` are those of the spec's block in each
    use, `reserved` names that stand for something else, `incoming` the channels that the class
    takes, `outgoing` those that it makes.
    """

    uses: int
    given: Sequence[Mapping[str, Any]] = ()
    reserved: Iterable[str] = ()
    incoming: tuple[Any, ...] = ()
    outgoing: tuple[Any, ...] = ()
    made: list[Parameter] = field(default_factory=list)
    _derivations: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)
    _locals: set[str] = field(default_factory=set)

    def again(self) -> Parameters:
        """The same, for a second time: the arguments are known, and what tells the uses apart may
        follow from them.
        """
        known = [each for each in self.made if not _are_flags(each.values)]
        return Parameters(
            self.uses,
            self.given,
            self.reserved,
            self.incoming,
            self.outgoing,
            known,
            dict(self._derivations),
        )

    def say(self, slot: Slot) -> str:
        """What stands in a slot's place: an argument, or what follows from one."""
        values = tuple(plain(value) for value in slot.values)
        family = _FAMILY.get(slot.role, slot.role)
        if any(not isinstance(value, Const) and value is not ABSENT for value in slot.values):
            return self._add("layer", slot.values, slot.role)
        if slot.role in ("in_channels", "in_features") and agree(self.incoming or values, values):
            values = _joined(values, self.incoming or values)
        ours = [each for each in self.made if _FAMILY.get(each.role, each.role) == family]
        for parameter in ours:
            if agree(parameter.values, values):
                parameter.values = _joined(parameter.values, values)
                return self._use(parameter.name)
        for name, text, offered in self._offers(slot.role):
            if agree(offered, values) and all(value is not ABSENT for value in offered):
                return self._add_given(name, text, slot.role)
        if family in ("channels", "window"):
            said = _derived([(each.name, each.values) for each in ours], values, family)
            if said and family == "channels":
                self._derivations[said] = _joined(self._derivations.get(said, values), values)
            said = said or self._derived_from_given(values, family, slot.role)
            if said:
                return self._use(said)
        name = _NAMED.get(slot.role, slot.role)
        is_changed = not agree(self.incoming or values, self.outgoing or values)
        if is_changed and family == "channels" and agree(self.incoming, values):
            name = "in_channels"
        elif slot.role == "out_channels" and not agree(self.outgoing or values, values):
            name = "hidden_channels"
        return self._add(name, values, slot.role)

    def _use(self, text: str) -> str:
        self._used.update(re.findall(r"\w+", text))
        return text

    def flag(self, present: tuple[Any, ...], name: str, *, of_shapes: bool = False) -> str:
        """A condition that is true in the uses that have something, or an argument of this name.
        With `of_shapes` it is whether the shape changes on the way, by stride or channels.
        """
        opposite = tuple(not each if each is not ABSENT else each for each in present)
        for parameter in self.made:
            if _are_flags(parameter.values):
                if agree(parameter.values, present):
                    return self._use(parameter.name)
                if agree(parameter.values, opposite):
                    return self._use(f"not {parameter.name}")
        for given, _, offered in self._offers("bool"):
            if _are_flags(offered) and agree(offered, present):
                return self._add_given(given, given, "bool")
        condition = self._condition(present, of_shapes)
        return self._use(condition) if condition else self._add(name, present, "bool")

    def derived(self, values: tuple[Any, ...]) -> str:
        """What follows from the channels that are arguments; nothing where none does."""
        ours = [each for each in self.made if _FAMILY.get(each.role) == "channels"]
        return _derived([(each.name, each.values) for each in ours], values, "channels")

    def _condition(self, present: tuple[bool, ...], of_shapes: bool) -> str:
        """What the arguments tell, if they tell it in each of three uses or more."""
        if len(present) < 3:
            return ""
        sizes = [
            *((each.name, each.values) for each in self.made if _is_channels(each.role)),
            *self._derivations.items(),
        ]
        tests = [
            (f"{each.name} != 1", tuple(value != 1 for value in each.values))
            for each in self.made
            if each.role == "stride" and ABSENT not in each.values
        ]
        for index, (name, ours) in enumerate(sizes):
            for other, theirs in sizes[index + 1 :]:
                if ABSENT not in ours and ABSENT not in theirs:
                    differs = tuple(a != b for a, b in zip(ours, theirs, strict=True))
                    tests.append((f"{name} != {other}", differs))
        both = [
            (f"{text} or {words}", tuple(a or b for a, b in zip(holds, others, strict=True)))
            for index, (text, holds) in enumerate(tests)
            for words, others in tests[index + 1 :]
        ]
        for text, holds in [*both, *tests] if of_shapes else [*tests, *both]:
            if holds == present:
                return text
            if tuple(not each for each in holds) == present:
                return text.replace("!=", "==").replace(" or ", " and ")
        return ""

    def _offers(self, role: str) -> list[tuple[str, str, tuple[Any, ...]]]:
        """The block's arguments: a name, what is written, and the value in each use."""
        if not self.given or len(self.given) < self.uses:
            return []
        found = []
        for name, first in self.given[0].items():
            values = tuple(each.get(name, ABSENT) for each in self.given)
            if not _is_name(name):
                continue
            if isinstance(first, tuple) and all(
                isinstance(value, tuple) and len(value) == len(first) for value in values
            ):
                for index in range(len(first)):
                    text = f"{name}[{index}]"
                    found.append((name, text, tuple(value[index] for value in values)))
            found.append((name, name, values))
        # Those called like the module's argument first.
        return sorted(found, key=lambda each: role not in each[0] and each[0] not in role)

    def _derived_from_given(self, values: tuple[Any, ...], family: str, role: str) -> str:
        if family != "window":
            return ""
        for name, text, offered in self._offers(role):
            if "kernel" in name and _derived([(text, offered)], values, family):
                self._add_given(name, text, "kernel_size")
                return _derived([(text, offered)], values, family)
        return ""

    def _add_given(self, name: str, text: str, role: str) -> str:
        values = tuple(each[name] for each in self.given)
        own = next((each for each in self.made if each.name == name), None)
        if own is None and name not in self.reserved:
            self.made.append(Parameter(name, values, role if text == name else f"{role}s"))
        elif own is None or not agree(own.values, values):
            made = self._add(name, values, role)
            return self._use(made + text.removeprefix(name))
        return self._use(text)

    def local(self, name: str) -> str:
        """What a variable of the constructor's is called: this, if nothing else is."""
        given = {word for each in self.given for word in each}
        found = self._free(name, given)
        self._locals.add(found)
        return found

    def _free(self, name: str, others: Iterable[str] = ()) -> str:
        names = {*self.reserved, *self._locals, *(each.name for each in self.made), *others}
        found, number = name, 2
        while found in names:
            found, number = f"{name}{number}", number + 1
        return found

    def _add(self, name: str, values: tuple[Any, ...], role: str) -> str:
        found = self._free(name if _is_name(name) else "value")
        self.made.append(Parameter(found, values, role))
        return self._use(found)

    def settle(self) -> None:
        """Give the arguments that most uses have alike a default, and put these last."""
        self.made = [each for each in self.made if each.name in self._used]
        for parameter in self.made:
            values = [plain(value) for value in parameter.values]
            there = [value for value in values if value is not ABSENT]
            usual = max(there, key=lambda value: sum(_same(value, other) for other in there))
            often = sum(_same(usual, other) for other in values) * 2 >= self.uses
            small = _FAMILY.get(parameter.role) != "channels" or parameter.role == "groups"
            is_plain = isinstance(usual, int | float | str) and not isinstance(usual, Code)
            if _are_flags(tuple(values)):
                parameter.default = False if True in values and False in values else usual
            elif ABSENT in values and type(usual) is int:
                parameter.default = 0
            elif often and small and is_plain and self.uses > 2 and usual is not ABSENT:
                parameter.default = usual
        self.made.sort(key=lambda parameter: parameter.default is not ...)


def _is_channels(role: str) -> bool:
    return _FAMILY.get(role) == "channels"


def plain(value: Any) -> Any:
    return value.value if isinstance(value, Const) else value


def agree(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether two arguments are the same in each use that has both."""
    return all(a is ABSENT or b is ABSENT or _same(a, b) for a, b in zip(one, other, strict=True))


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _joined(one: Sequence[Any], other: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(b if a is ABSENT else a for a, b in zip(one, other, strict=True))


def _are_flags(values: Sequence[Any]) -> bool:
    return all(isinstance(value, bool) for value in values)


def _is_name(name: str) -> bool:
    # Python changes names that begin with `__` where they stand in a class.
    return name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__")


def _derived(known: list[tuple[str, tuple[Any, ...]]], values: tuple[Any, ...], family: str) -> str:
    """The values as a multiple, a part or a sum of known ones; nothing if they are none."""
    present = [index for index, value in enumerate(values) if value is not ABSENT]
    if not all(type(values[index]) is int for index in present):
        return ""
    usable = [
        (name, [held[index] for index in present])
        for name, held in known
        if all(type(held[index]) is int and held[index] > 0 for index in present)
    ]
    wanted = [values[index] for index in present]
    for name, held in usable:
        if len(set(held)) == 1:
            continue
        factor, rest = divmod(wanted[0], held[0])
        if (
            not rest
            and factor > 1
            and all(w == factor * h for w, h in zip(wanted, held, strict=True))
        ):
            return f"{name} * {factor}"
        divisor = held[0] // wanted[0] if wanted[0] else 0
        if divisor > 1 and all(h == divisor * w for w, h in zip(wanted, held, strict=True)):
            return f"{name} // {divisor}"
        if family == "window" and all(w == h // 2 for w, h in zip(wanted, held, strict=True)):
            return f"{name} // 2"
    for index, (name, held) in enumerate(usable):
        for words, others in usable[index + 1 :]:
            if wanted == [a + b for a, b in zip(held, others, strict=True)]:
                return f"{name} + {words}"
    return ""
