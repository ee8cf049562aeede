"""Scopes that do one thing after another: what becomes an nn.Sequential."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from archspec.backends.python.outline import Call, New, Outline
from archspec.backends.python.tree import Place, taken

_OF_SEQUENTIAL = frozenset({"append", "extend", "insert", "pop"})
"""What nn.Sequential has besides nn.Module's attributes: no module in one can be called so."""


class Link(NamedTuple):
    """One of a chain: a layer's calls, or a scope, under its name."""

    name: str
    calls: tuple[Call, ...]
    place: Place | None
    key: object


def links(place: Place, outline: Outline) -> list[Link] | None:
    """What a scope does one after the other, each taking what the one before makes; None where it
    does anything else, or does it in another order than its modules are in.
    """
    members = [each for each in place.members.values() if isinstance(each, New)]
    if any(each.function == "nn.Parameter" for each in members):
        return None  # It is the scope's own.
    if len(place.inputs) != 1 or len(place.outputs) != 1 or not place.body:
        return None
    found, value = list(_groups(place, outline)), place.inputs[0]
    for link in found:
        took, made = _ends(link)
        if took != [value] or len(made) != 1 or (link.place and link.place.same_as):
            return None
        value = made[0]
    names = [link.name for link in found]
    held = [name for name in names if name in place.members]
    if value != place.outputs[0] or held != list(place.members) or len(set(names)) < len(names):
        return None
    if not _OF_SEQUENTIAL.isdisjoint(names):
        return None
    return found


def is_numbered(found: list[Link]) -> bool:
    """Whether the links have the names that nn.Sequential gives."""
    return [link.name for link in found] == [str(index) for index in range(len(found))]


def is_one_call(link: Link) -> bool:
    """Whether a link is a module called on a value and nothing else."""
    if link.place is not None:
        return True
    call = link.calls[0]
    return len(link.calls) == 1 and call.function == "module" and not call.options


def prefix_of(names: list[str]) -> tuple[str, int] | None:
    """What names that count up begin with, and the first number."""
    parts = [re.fullmatch(r"(.*?)(\d+)", name) for name in names]
    if not all(parts):
        return None
    found = [(part[1], int(part[2])) for part in parts if part]
    word, first = found[0]
    expected = [(word, first + index) for index in range(len(found))]
    plain = all(
        f"{word}{number}" == name for (word, number), name in zip(found, names, strict=True)
    )
    return (word, first) if found == expected and plain else None


def _groups(place: Place, outline: Outline) -> Iterator[Link]:
    origins = outline.origins
    kinds: dict[object, set[str]] = {}
    for call in place.body:
        if isinstance(call, Call) and call.layer in origins:
            origin, kind = origins[call.layer]
            kinds.setdefault(origin, set()).add(kind)

    def key(layer: str) -> object:
        # The step that it is of; of several layers that the language makes of one step, which.
        origin, kind = origins[layer]
        return origin if len(kinds[origin]) == 1 else (origin, kind)

    held: list[Call] = []
    body: list[Any] = [*place.body, None]
    for each in body:
        if held and not (isinstance(each, Call) and each.layer == held[0].layer):
            layer = held[0].layer
            # A pass over the graph may have left the module under another name than the value's.
            modules = [call.path for call in held if call.function == "module"]
            path = modules[0] if len(modules) == 1 and place.holds(modules[0]) else layer
            yield Link(place.within(path), tuple(held), None, key(layer))
            held = []
        if isinstance(each, Call):
            held.append(each)
        elif each is not None:
            scope = outline.graph.scopes.get(each.path)
            yield Link(each.name, (), each, scope.origin if scope else ("scope", each.name))


def _ends(link: Link) -> tuple[list[str], list[str]]:
    """What a link takes from outside, and what it makes."""
    if link.place is not None:
        return link.place.inputs, link.place.outputs
    made = {call.made for call in link.calls}
    took = dict.fromkeys(name for call in link.calls for name in taken(call) if name not in made)
    return list(took), [link.calls[-1].made]
