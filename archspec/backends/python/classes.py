"""The classes of a file: one for each block of the spec. What its uses differ in are arguments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from archspec.backends.python.chains import Link, is_numbered, is_one_call, links, prefix_of
from archspec.backends.python.constructor import (
    Constructor,
    Run,
    is_dict,
    is_list,
    is_parameter,
    run_of,
)
from archspec.backends.python.forward import Wording, forward
from archspec.backends.python.layout import WIDTH, Text
from archspec.backends.python.merging import Body, Whole, merged
from archspec.backends.python.outline import Argument, Const, InOrder, Item, New, Outline
from archspec.backends.python.parameters import Parameter, Parameters
from archspec.backends.python.shapes import NO_SHAPE, in_words
from archspec.backends.python.tree import Place, Statement, statements, taken, tree
from archspec.backends.python.unify import ABSENT, Unlike, aligned, form_of, one_of

MOST_FLAGS = 4
"""Differences in what the uses of one class do; with more, they are classes of their own."""


class Class(NamedTuple):
    """A class as text, and the call of its constructor in each of the places that it is used in."""

    name: str
    lines: list[str]
    uses: Mapping[str, New]


class Classes:
    """The classes that a network needs, the innermost first; `root` is its own scope."""

    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self.root = tree(outline)
        self.made: list[Class] = []
        imported = {line.rpartition(" ")[2] for line in outline.imports}
        given = [scope.arguments or {} for scope in outline.graph.scopes.values()]
        self._reserved = _RESERVED | imported
        self._taken = set(self._reserved).union(*given)
        self._uses: dict[str, New] = {}
        self._working: set[object] = set()
        self._lifted: dict[object, str] = {}
        self._places: dict[object, list[Place]] = {}
        for place in self.root.places():
            if place.path and place.body and place.same_as is None:
                self._places.setdefault(self._key(place), []).append(place)
        self.name = self._class_name(outline.graph.name, "Network")

    def network(self, docstring: list[str]) -> Class:
        """The class of the whole network."""
        return self._class([self.root], self.name, docstring)

    def _key(self, place: Place) -> object:
        scope = self.outline.graph.scopes.get(place.path)
        return place.path if scope is None or place.is_open else scope.definition

    # What a module is made with

    def _expression(self, member: Place | New) -> Any:
        """The call of a constructor that makes a scope, or a layer's module."""
        if isinstance(member, New):
            return member
        found = links(member, self.outline)
        if found is not None and not self._is_class(member, found):
            return InOrder(tuple(self._item(member, link) for link in found))
        held = any(map(is_parameter, member.members.values()))
        if not (member.body or held) and all(name.isdigit() for name in member.members):
            names = [str(index) for index in range(len(member.members))]
            if list(member.members) == names:
                items = member.members.items()
                return InOrder(
                    tuple(Item(name, self._expression(each), name) for name, each in items)
                )
        if member.path not in self._uses:
            self._make(self._key(member), member)
        return self._uses[member.path]

    def _is_class(self, place: Place, found: list[Link]) -> bool:
        """Whether a chain is worth a class: a block's that is used several times, and whatever
        nn.Sequential cannot do.
        """
        numbered = is_numbered(found)
        if not numbered and not all(map(is_one_call, found)):
            return True
        scope = self.outline.graph.scopes.get(place.path)
        if scope is None or not scope.is_block:
            return False
        if not numbered:
            return True
        return len(found) > 1 and len(self._alike(place)) > 1

    def _alike(self, place: Place) -> list[Place]:
        """The uses of the same block; one alone where these repeat something differently often."""
        places = self._places[self._key(place)]
        if all(self._run(each, links(each, self.outline)) for each in places):
            return places
        chains = [links(each, self.outline) for each in places]
        counts = [Counter(link.key for link in each) for each in chains if each is not None]
        repeated = {key for count in counts for key in count if count[key] > 1}
        if any(len({count[key] for count in counts}) > 1 for key in repeated):
            return [place]
        return places

    def _item(self, place: Place, link: Link) -> Item:
        shape = self._shape_of(link)
        if link.place is not None:
            return Item(link.name, self._expression(link.place), link.key, shape)
        member = place.members.get(link.name)
        if is_one_call(link) and isinstance(member, New):
            return Item(link.name, member, link.key, shape)
        return Item(link.name, self._lift(place, link, member), link.key, shape)

    def _shape_of(self, link: Link) -> Any:
        if link.calls:
            return link.calls[-1].shape
        assert link.place is not None, "a link is calls or a scope"
        return self.outline.shapes[link.place.outputs[0]]

    def _lift(self, place: Place, link: Link, member: Any) -> New:
        """A module for what a layer does in calls: nn.Sequential holds modules alone."""
        base = member if isinstance(member, New) else New("nn.Module")
        alone = Place(f"{place.path}.{link.name}", place, body=list(link.calls))
        made = {call.made for call in link.calls}
        source = [name for call in link.calls for name in taken(call) if name not in made]
        body = Body(
            source[:1],
            [each._replace(path="") for each in statements(alone, self.outline)],
            [link.calls[-1].made],
        )
        whole = merged([body])
        kind = link.calls[0].kind
        wording = Wording(
            lambda path: "super().forward",
            lambda slot, kind: "",
            lambda step: "",
            lambda step: "",
        )
        lines = forward(whole, ["x"], wording)
        key = (kind, base.function, *lines)
        if key not in self._lifted:
            name = self._class_name(kind, "Step")
            says = f"The layer `{kind}`, as a module."
            if link.calls[0].function == "torch.movedim":
                says = (
                    f"{base.function} for values whose channels are the first axis, not the last."
                )
            elif base.function != "nn.Module":
                says = f"{base.function}, and what the layer `{kind}` does around it."
            head = [f"class {name}({base.function}):", f'    """{says}"""', ""]
            lines = [*head, "    def forward(self, x: Tensor) -> Tensor:", *lines]
            self.made.append(Class(name, lines, {}))
            self._lifted[key] = name
        return New(self._lifted[key], base.arguments)

    # Classes

    def _make(self, key: object, place: Place) -> None:
        """Make the class, or classes, of all scopes with the same steps."""
        if key in self._working:  # A block within itself, by way of another that is given it.
            places = [place]
        else:
            places = [each for each in self._places.get(key, [place]) if not self._is_chain(each)]
            if not self._is_chain(place) and place not in places:
                places = [place]
        self._working.add(key)
        scope = self.outline.graph.scopes.get(place.path)
        word = scope.word if scope is not None and scope.is_block else place.name
        word = f"{place.parent.name}_{word}" if word.isdigit() and place.parent else word
        groups = self._groups(places)
        for group in groups:
            name = self._class_name(word + self._distinction(group, groups), "Block")
            made = self._class(group, name, [])
            self.made.append(made)
            self._uses.update(made.uses)
        self._working.discard(key)

    def _is_chain(self, place: Place) -> bool:
        found = links(place, self.outline)
        return found is not None and not self._is_class(place, found)

    def _groups(self, places: list[Place]) -> list[list[Place]]:
        """The places whose bodies one class can have."""
        groups: list[list[Place]] = []
        alike: dict[object, list[Place]] = {}
        for place in places:
            alike.setdefault(self._signature(place), []).append(place)
        for each in sorted(alike.values(), key=len, reverse=True):
            for part in [each] if len(each) == 1 or self._fit(each) else [[one] for one in each]:
                fitting = next((group for group in groups if self._fit([*group, *part])), None)
                if fitting is None:
                    groups.append(list(part))
                else:
                    fitting.extend(part)
        order = {place.path: index for index, place in enumerate(places)}
        for group in groups:
            group.sort(key=lambda place: order[place.path])
        return groups

    def _signature(self, place: Place) -> object:
        keys = tuple(each.key for each in statements(place, self.outline))
        forms = [(name, form_of(self._expression(member))) for name, member in self._held(place)]
        return keys, tuple(forms), len(place.inputs)

    @staticmethod
    def _held(place: Place) -> list[tuple[str, Place | New]]:
        """The members, but for those that are another called again: they have no modules."""
        return [
            (name, member)
            for name, member in place.members.items()
            if not (isinstance(member, Place) and member.same_as)
        ]

    def _fit(self, places: list[Place]) -> bool:
        chains = [links(place, self.outline) for place in places]
        runs = [self._run(place, found) for place, found in zip(places, chains, strict=True)]
        try:
            if None not in runs:
                one_of([run.module for run in runs if run is not None])
                return len({(run.word, run.first) for run in runs if run is not None}) == 1
            if all(found is not None and is_numbered(found) for found in chains):
                self._items(places, chains)
                return True
            whole = self._whole(places)
            members = self._members(places)
        except Unlike:
            return False
        patterns = {step.present for step in whole.steps} | {found for _, _, found in members}
        return len(patterns) <= MOST_FLAGS

    def _items(self, places: list[Place], chains: list[list[Link] | None]) -> InOrder:
        """The modules of a class that is an nn.Sequential. Raises Unlike."""
        made: InOrder = one_of(
            [
                InOrder(tuple(self._item(place, link) for link in found or ()))
                for place, found in zip(places, chains, strict=True)
            ]
        )
        return made

    def _distinction(self, group: list[Place], groups: list[list[Place]]) -> str:
        """What tells the uses of one class of a block from those of another, for its name."""
        if group is groups[0]:
            return ""
        scopes = self.outline.graph.scopes
        given = [
            [dict(scopes[place.path].arguments or {}) for place in each if place.path in scopes]
            for each in groups
        ]
        mine = given[groups.index(group)]
        for name in mine[0] if mine else ():
            values = {repr(each.get(name)) for each in mine}
            others = {repr(each.get(name)) for each in given[0]}
            if len(values) == 1 and not values & others:
                return f"_{name}_{re.sub(r'[^0-9A-Za-z]', '', values.pop())}"
        return f"_{groups.index(group) + 1}"

    def _whole(self, places: list[Place]) -> Whole:
        return merged(
            [Body(place.inputs, self._statements(place), place.outputs) for place in places]
        )

    def _statements(self, place: Place) -> list[Statement]:
        return statements(place, self.outline)

    def _members(self, places: list[Place]) -> list[tuple[str, Any, tuple[bool, ...]]]:
        """The modules and parameters of a class: a name, what makes it, and who has it."""
        found = []
        for name, row in aligned(list(map(self._held, places)), lambda item: item[0]):
            present = tuple(each is not ABSENT for each in row)
            values = [ABSENT if each is ABSENT else self._expression(each[1]) for each in row]
            found.append((name, one_of(values, name), present))
        return found

    def _class(self, places: list[Place], name: str, docstring: list[str]) -> Class:
        scopes = self.outline.graph.scopes
        chains = [links(place, self.outline) for place in places]
        given = [dict(scopes[each.path].arguments or {}) for each in places if each.path in scopes]
        outgoing = tuple(self._sizes(place.outputs[0])[0] for place in places if place.outputs)
        incoming = tuple(self._sizes(place.inputs[0])[0] for place in places if place.inputs)
        parameters = Parameters(len(places), given, self._reserved | {"i", "_"}, incoming, outgoing)
        # Twice: what tells the uses apart may follow from arguments that are found after it.
        self._written(places, chains, given, parameters)
        made = parameters.again()
        constructor, body, base = self._written(places, chains, given, made)
        if len(places) > 1 or not docstring:
            docstring = self._docstring(places, made)
        made.settle()
        lines = [f"class {name}({base}):", *docstring, "", *constructor.lines()]
        lines += ["", *body] if body else []
        uses = {
            place.path: New(name, _arguments(made.made, index))
            for index, place in enumerate(places)
        }
        return Class(name, lines, uses)

    def _docstring(self, places: list[Place], parameters: Parameters) -> list[str]:
        """What a class is, and the shapes that it takes and makes."""
        scope = self.outline.graph.scopes.get(places[0].path)
        word = scope.word if scope is not None and scope.is_block else places[0].name
        says = f"The block `{word}`" if scope is not None and scope.is_block else f"`{word}`"
        if places[0].inputs and len(places[0].outputs) == 1:
            shapes = [
                self._words([self._sizes(value[0]) for value in values], places, parameters)
                for values in ([place.inputs for place in places], [p.outputs for p in places])
            ]
            if all(shapes):
                says = f"{says}: {shapes[0]} → {shapes[1]}"
        line = f'    """{says}."""'
        return [line] if len(line) <= WIDTH else [f'    """{says.partition(":")[0]}."""']

    def _sizes(self, value: str) -> Any:
        """The shape of a value, as far as it is known."""
        return self.outline.shapes.get(value) or NO_SHAPE

    def _written(
        self,
        places: list[Place],
        chains: list[list[Link] | None],
        given: Sequence[Mapping[str, Any]],
        parameters: Parameters,
    ) -> tuple[Constructor, list[str], str]:
        """A class's constructor, the lines of its forward if it has one, and its base."""
        constructor = Constructor(parameters, is_dict=is_dict(places[0]))
        runs = [self._run(place, found) for place, found in zip(places, chains, strict=True)]
        if places[0].path and len(places) > 1 and None not in runs:
            constructor.run([run for run in runs if run is not None])
            return constructor, [], "nn.Sequential"
        if places[0].path and all(found is not None and is_numbered(found) for found in chains):
            items = self._items(places, chains)
            constructor.sequence(items)
            return constructor, [], "nn.Sequential"
        members = self._members(places)
        whole = self._whole(places)
        steps = {step.statement.path: step for step in whole.steps}
        for member, value, present in members:
            step = steps.get(member)
            steady = step is not None and len(step.statement.arguments) == 1
            constructor.member(member, value, present, is_skipped=steady)
        wording = Wording(
            lambda path: self._reference(path, places[0]),
            constructor.constant,
            lambda step: constructor.condition(step, members),
            lambda step: self._words(step.shapes, places, parameters),
        )
        inputs = self._inputs(places, given)
        body = forward(whole, inputs, wording) if places[0].body else []
        head = [f"{each}: Tensor" for each in inputs]
        made = "Tensor"
        if len(whole.outputs) > 1:
            made = f"tuple[{', '.join(['Tensor'] * len(whole.outputs))}]"
        if body:
            text = Text("def forward(", tuple(map(Text, ("self", *head))), f") -> {made}:")
            body = [*text.lines(1), *body]
        return constructor, body, "nn.ModuleDict" if constructor.is_dict else "nn.Module"

    def _run(self, place: Place, found: list[Link] | None) -> Run | None:
        """A chain that is one module again and again, under names that count."""
        counted = prefix_of([link.name for link in found]) if found else None
        if found is None or counted is None or len(found) < 2:
            return None
        expression = run_of([self._item(place, link).value for link in found])
        return None if expression is None else Run(*counted, expression, len(found))

    def _inputs(self, places: list[Place], given: Sequence[Mapping[str, Any]]) -> list[str]:
        """What forward's arguments are called."""
        place = places[0]
        if not place.path:
            names = list(self.outline.inputs)
            names = [f"{name}_" if name in self._reserved else name for name in names]
            return ["x"] if len(names) == 1 else names

        def is_free(name: str, found: list[str]) -> bool:
            return name.isidentifier() and name not in found and name not in self._reserved

        found = ["x"]
        calls = {call.made: call.layer for call in self.outline.calls}
        for position in range(1, len(place.inputs)):
            layer = calls.get(place.inputs[position], place.inputs[position])
            # The block's argument that names the value.
            said = [
                name
                for name, value in (given[0] if given else {}).items()
                if value == layer.partition(".")[0] and is_free(name, found)
            ]
            found.append(said[0] if said else f"x{position + 1}")
        return found

    def _reference(self, path: str, place: Place) -> str:
        """How a forward says a module, or a parameter, below its own."""
        said, here = "self", place
        for name in path.split("."):
            inner = here.members.get(name)
            if is_parameter(inner) and not name.isidentifier():
                return f'{said}.get_parameter("{name}")'
            if name.isidentifier():
                said += f".{name}"
            elif here is not place and is_list(here):
                said += f"[{name}]"
            else:
                said += f'["{name}"]' if is_dict(here) else f'.get_submodule("{name}")'
            here = inner if isinstance(inner, Place) else here
        return said

    def _words(self, shapes: Sequence[Any], places: list[Place], parameters: Parameters) -> str:
        return in_words(shapes, [self._sizes(place.inputs[0]) for place in places], parameters)

    def _class_name(self, word: str, otherwise: str) -> str:
        parts = re.split(r"[^0-9A-Za-z]+", word)
        name = "".join(part[:1].upper() + part[1:] for part in parts) or otherwise
        name = name if name.isidentifier() and name.isascii() else f"{otherwise}{name}"
        name = name if name.isascii() else otherwise
        found, number = name, 2
        while found in self._taken:
            found, number = f"{name}{number}", number + 1
        self._taken.add(found)
        return found


_RESERVED = frozenset(
    {
        *("None", "True", "False", "Tensor", "OrderedDict", "torch", "nn", "F", "self", "super"),
        *("with_constants", "range", "float", "tuple", "list", "int", "bool", "str", "type"),
        *("x", "Any", "__class__"),
    }
)


def _arguments(made: Sequence[Parameter], index: int) -> tuple[Argument, ...]:
    """What one use of a class gives its constructor."""
    found = []
    for parameter in made:
        value = parameter.values[index]
        if value is ABSENT:
            there = [each for each in parameter.values if each is not ABSENT]
            value = parameter.default if parameter.default is not ... else there[0]
        if not isinstance(value, Const | New | InOrder):
            value = Const(value, parameter.name if parameter.role == "bool" else parameter.role)
        found.append(Argument(parameter.name, value, parameter.default is ..., parameter.default))
    return tuple(found)
