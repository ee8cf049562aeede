"""The calls of a network by the modules that a person would have them in.

The names of layers say what is in what: `layer1.0.conv1`. A scope, `layer1.0`, becomes a module
with a forward of its own: it takes the values from outside that its calls need, and returns those
that are needed outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from archspec.backends.python.outline import Call, New, Outline, Ref
from archspec.layers.base import Shape


class Statement(NamedTuple):
    """A call in a scope's forward, which makes the values `made`, each of a shape if it is known.

    `key` tells the calls of a scope apart, and is the same for the same call in another use of the
    scope. `function` and `path`, here below the scope, are as a Call's; of a scope that is called
    it is `scope`.
    """

    key: tuple[Any, ...]
    function: str
    path: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    made: tuple[str, ...]
    shape: Shape | None
    kind: str = ""
    is_number: bool = False


@dataclass(eq=False)
class Place:
    """A scope: its children by their names, in the order of the state dict, and what it does.

    Once it `is_open`, its calls are its parent's.
    """

    path: str
    parent: Place | None = None
    members: dict[str, Place | New] = field(default_factory=dict)
    body: list[Call | Place] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    is_open: bool = False
    same_as: Place | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    def within(self, path: str) -> str:
        """A path as seen from here."""
        return path[len(self.path) + 1 :] if self.path else path

    def holds(self, path: str) -> bool:
        return not self.path or path.startswith(f"{self.path}.")

    def places(self) -> Iterator[Place]:
        """This one and all within."""
        yield self
        for member in self.members.values():
            if isinstance(member, Place):
                yield from member.places()

    def calls(self) -> Iterator[Call]:
        for each in self.body:
            if isinstance(each, Place):
                yield from each.calls()
            else:
                yield each


def references(value: Any) -> Iterator[str]:
    """The values among the arguments of a call."""
    if isinstance(value, Ref):
        yield value.name
    elif isinstance(value, tuple | list):
        for each in value:
            yield from references(each)
    elif isinstance(value, slice):
        yield from references((value.start, value.stop, value.step))
    elif isinstance(value, Mapping):
        yield from references(tuple(value.values()))


def mapped(value: Any, change: Callable[[str], Any]) -> Any:
    """The arguments of a call with another thing for each value."""
    if isinstance(value, Ref):
        return change(value.name)
    if isinstance(value, tuple | list):
        return tuple(mapped(each, change) for each in value)
    if isinstance(value, slice):
        return slice(*mapped((value.start, value.stop, value.step), change))
    if isinstance(value, Mapping):
        return {name: mapped(each, change) for name, each in value.items()}
    return value


def taken(call: Call | Statement) -> list[str]:
    return [*references(call.arguments), *references(call.options)]


def tree(outline: Outline) -> Place:
    """The network's own scope, with all others within."""
    root = Place("")
    places = {"": root}

    def place(path: str) -> Place:
        if path not in places:
            parent = place(path.rpartition(".")[0])
            places[path] = Place(path, parent)
            parent.members[places[path].name] = places[path]
        return places[path]

    for path, made in outline.modules.items():
        place(path.rpartition(".")[0]).members[path.rpartition(".")[2]] = made
    live = _live(outline)
    for call in outline.calls:
        if call.made in live:
            _put(call, place, places, outline)
    _share(root, places, outline)
    while _open_some(root, outline):
        pass
    root.inputs, root.outputs = list(outline.inputs), list(outline.outputs)
    return root


def _live(outline: Outline) -> set[str]:
    """The values that an output needs; a person would not make the others."""
    needed = set(outline.outputs)
    for call in reversed(outline.calls):
        if call.made in needed:
            needed.update(taken(call))
    return needed


def _put(call: Call, place: Any, places: Mapping[str, Place], outline: Outline) -> None:
    """Put a call in the scope that its layer is in."""
    layer = call.layer
    if layer in places or (call.path.startswith(f"{layer}.") and layer not in outline.modules):
        # A layer with modules below its name is a scope itself.
        where = place(layer)
    else:
        where = place(layer.rpartition(".")[0])
    if call.is_number:
        where = place("")  # Numbers are worked out once.
    line: list[Place] = []
    while where.parent is not None:
        line.append(where)
        where = where.parent
    for inner in reversed(line):
        if inner not in where.body:
            where.body.append(inner)
        elif where.body[-1] is not inner:
            inner.is_open = True  # Something else runs in between.
        where = inner
    where.body.append(call)


def _share(root: Place, places: Mapping[str, Place], outline: Outline) -> None:
    """Find the scopes that run the modules of another, and are that one called again."""
    for place in list(root.places()):
        foreign = [call for call in place.calls() if call.path and not place.holds(call.path)]
        if not place.path or not foreign or _within_shared(place):
            continue
        owner = places.get(_owner(place, foreign[0]) or "")
        if owner is not None and owner is not root and _does_the_same(place, owner, outline):
            place.same_as = owner
        else:
            place.is_open = True


def _within_shared(place: Place) -> bool:
    parent = place.parent
    return parent is not None and (parent.same_as is not None or _within_shared(parent))


def _owner(place: Place, call: Call) -> str | None:
    """The scope whose module a call in another scope runs."""
    tail = f".{place.within(call.layer)}"
    return call.path.removesuffix(tail) if call.path.endswith(tail) else None


def _does_the_same(place: Place, owner: Place, outline: Outline) -> bool:
    ours, theirs = list(place.calls()), list(owner.calls())
    if len(ours) != len(theirs):
        return False
    same: dict[str, str] = {}
    for one, other in zip(ours, theirs, strict=True):
        alike = place.within(one.layer) == owner.within(other.layer)
        alike &= one.function == other.function and len(taken(one)) == len(taken(other))
        alike &= outline.modules.get(one.path) == outline.modules.get(other.path)
        for mine, its in zip(taken(one), taken(other), strict=False):
            alike &= same.setdefault(mine, its) == its
        alike &= _constants(one) == _constants(other)
        if not alike:
            return False
        same[one.made] = other.made
    return True


def _constants(call: Call) -> str:
    """What a call is given besides values."""
    return repr(mapped((call.arguments, dict(call.options)), lambda name: ""))


def _open_some(root: Place, outline: Outline) -> bool:
    """Open the scopes that their parents cannot call, so that their calls are their parents'."""
    found = False
    for place in list(root.places()):
        # Its parent may have been opened before: then a scope around that one calls it.
        around = place.parent
        while around is not None and place not in around.body:
            around = around.parent
        if place.is_open and around is not None:
            first = around.body.index(place)
            around.body[first : first + 1] = place.body
            place.body, found = [], True
    _flow(root, outline)
    for place in root.places():
        if place.parent is not None and place.body and not _within_shared(place):
            place.is_open |= _reaches_out(place) or _is_awkward(place, outline)
            found |= place.is_open
    return found


def _reaches_out(place: Place) -> bool:
    """Whether a scope calls what is not within it."""
    called = [
        each.same_as.path if isinstance(each, Place) and each.same_as else each.path
        for each in place.body
    ]
    return place.same_as is None and not all(place.holds(path) for path in called if path)


def _is_awkward(place: Place, outline: Outline) -> bool:
    """Whether a scope takes or makes several values and is no block: nobody would call it."""
    scope = outline.graph.scopes.get(place.path)
    is_list = all(name.isdigit() for name in place.members)
    several = len(place.outputs) > 1 or (len(place.inputs) > 1 and is_list)
    return several and place.same_as is None and not (scope and scope.is_block)


def _flow(root: Place, outline: Outline) -> None:
    """Find what each scope takes and returns."""
    makers: dict[str, Place] = {}
    for place in root.places():
        place.inputs, place.outputs = [], []
        for each in place.body:
            if isinstance(each, Call):
                makers[each.made] = place
    for call in root.calls():
        user = makers[call.made]
        for name in taken(call):
            _note(name, makers.get(name, root), user)
    for name in outline.outputs:
        _note(name, makers.get(name, root), root)
    order = {call.made: index for index, call in enumerate(outline.calls)}
    for place in root.places():
        if not place.body:  # It only holds modules, and is not called.
            place.inputs, place.outputs = [], []
        place.outputs.sort(key=lambda name: order[name])


def _note(name: str, maker: Place, user: Place) -> None:
    """Note that a value of one scope is used in another: it leaves and enters those between."""
    place: Place | None = user
    while place is not None and not (place is maker or place.holds(maker.path)):
        if name not in place.inputs:
            place.inputs.append(name)
        place = place.parent
    place = maker
    while place is not None and not (place is user or place.holds(user.path)):
        if name not in place.outputs:
            place.outputs.append(name)
        place = place.parent


def statements(place: Place, outline: Outline) -> list[Statement]:
    """What a scope's forward does."""
    made = []
    for each in place.body:
        if isinstance(each, Call):
            origin, _ = outline.origins.get(each.layer, (None, ""))
            # A module by its name, and another call by the step that it is of.
            within = place.within(each.path)
            key = (each.function, within) if each.path else (each.function, origin)
            made.append(
                Statement(
                    key,
                    each.function,
                    within,
                    each.arguments,
                    each.options,
                    (each.made,),
                    each.shape,
                    each.kind,
                    each.is_number,
                )
            )
        else:
            called = each.same_as or each
            arguments = tuple(Ref(name) for name in each.inputs)
            outputs = tuple(each.outputs)
            shape = outline.shapes[outputs[0]] if len(outputs) == 1 else None
            within = place.within(called.path)
            made.append(
                Statement(("scope", within), "scope", within, arguments, {}, outputs, shape)
            )
    return made
