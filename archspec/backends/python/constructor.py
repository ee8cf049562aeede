"""The lines of a class's constructor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from archspec.backends.python.chains import prefix_of
from archspec.backends.python.layout import WIDTH, Text, call, literal, nested, size
from archspec.backends.python.merging import Step
from archspec.backends.python.outline import Argument, Const, Counted, InOrder, Item, New
from archspec.backends.python.parameters import Parameters
from archspec.backends.python.tree import Place
from archspec.backends.python.unify import Slot, Some, one_of
from archspec.module_words import MODULE_WORDS


class Ahead(NamedTuple):
    """A statement that must stand before another, at so much more depth."""

    depth: int
    start: str
    text: Text


class Run(NamedTuple):
    """So many modules in a row, one expression of a counter, under a word and numbers."""

    word: str
    first: int
    module: New
    length: int


class Constructor:
    """Writes the constructor of a class, whose arguments are `parameters`; one that `is_dict` has
    its modules by their keys.
    """

    def __init__(self, parameters: Parameters, *, is_dict: bool = False) -> None:
        self.parameters, self.is_dict = parameters, is_dict
        self._lines: list[str] = []
        self._attributes: dict[str, str] = {}
        self._members: set[str] = set()
        self._starts: list[str] = ["        super().__init__()"]

    def lines(self) -> list[str]:
        """The whole constructor; none where the class has nothing to construct."""
        attributes = [f"        self.{name} = {text}" for text, name in self._attributes.items()]
        body = [*self._starts, *attributes, *self._lines]
        arguments = []
        for each in self.parameters.made:
            default = "" if each.default is ... else f" = {literal(each.default)}"
            arguments.append(Text(f"{each.name}: {each.annotation}{default}"))
        head = Text("def __init__(", (Text("self"), *arguments), ") -> None:")
        return [*head.lines(1), *body]

    def member(self, name: str, value: Any, present: tuple[bool, ...], *, is_skipped: bool) -> None:
        """A module or a parameter. Where it is in some uses alone and `is_skipped` in the others,
        these have nn.Identity for it.
        """
        self._members.add(name)
        target = f"self.{name} = " if name.isidentifier() else f'self["{name}"] = '
        before: list[Ahead] = []
        text, nothing = self._text(value, before, name), f"{target}nn.Identity()"
        if is_parameter(value) and not name.isidentifier():
            text, target = call("self.register_parameter", [Text(f'"{name}"'), text]), ""
        elif not (name.isidentifier() or self.is_dict):
            nothing = f'self.add_module("{name}", nn.Identity())'
            text, target = call("self.add_module", [Text(f'"{name}"'), text]), ""
        if all(present):
            self._lines += [*_deeper(before, 2), *text.lines(2, target)]
            return
        word = f"with_{name}" if name.isidentifier() else "whole"
        condition = self.parameters.flag(present, word, of_shapes=is_skipped)
        if is_skipped and target and not before:
            line = f"        {target}{text.flat} if {condition} else nn.Identity()"
            if len(line) <= WIDTH and not text.has_comments:
                self._lines.append(line)
                return
        if is_skipped:
            self._lines.append(f"        {nothing}")
        self._lines.append(f"        if {condition}:")
        self._lines += [*_deeper(before, 3), *text.lines(3, target)]

    def sequence(self, items: InOrder) -> None:
        """The items of a class that is an nn.Sequential itself."""
        before: list[Ahead] = []
        if any(isinstance(item, Some) for item in items.items):
            name = self._list(items, before, "layers")
            self._starts = [*_deeper(before, 2), f"        super().__init__(*{name})"]
            return
        text = call("super().__init__", self._items(items.items, before))
        self._starts = [*_deeper(before, 2), *text.lines(2)]

    def run(self, runs: Sequence[Run]) -> None:
        """What a class that is an nn.Sequential of such modules has in each of its uses."""
        module = one_of([run.module for run in runs])
        text = self._text(module, [], "").flat
        count = self._text(
            one_of([Const(run.length, "depth") for run in runs], "depth"), [], ""
        ).flat
        word, first = runs[0].word, runs[0].first
        number = "{i}" if first == 0 else f"{{i + {first}}}"
        counter = "i" if word or _mentions(module) else "_"
        if word:
            line = f'(f"{word}{number}", {text}) for i in range({count})'
            made = call("super().__init__", [call("OrderedDict", [Text(line, bare=True)])])
        else:
            made = call("super().__init__", [Text(f"*({text} for {counter} in range({count}))")])
        self._starts = made.lines(2)

    def constant(self, slot: Slot, kind: str) -> str:
        """What a forward says for a number in which the uses differ."""
        return self._attribute(self.parameters.say(slot), slot.role or kind)

    def condition(self, step: Step, members: Sequence[tuple[str, Any, tuple[bool, ...]]]) -> str:
        """What is true where a step is taken; nothing where its module is nn.Identity elsewhere."""
        statement = step.statement
        for name, _, present in members:
            if name == statement.path and present == step.present and len(statement.arguments) == 1:
                return ""
        word = f"with_{statement.path.rpartition('.')[2] or statement.kind}"
        is_sum = statement.function in ("+", "+=")
        said = self.parameters.flag(step.present, word, of_shapes=is_sum)
        if said.startswith("not "):
            return f"not {self._attribute(said[4:], word)}"
        return self._attribute(said, word)

    def _attribute(self, text: str, word: str) -> str:
        if text not in self._attributes:
            name = text if text.isidentifier() else re.sub(r"\W", "_", word)
            taken = {*self._attributes.values(), *self._members}
            found, number = name, 2
            while found in taken or found in MODULE_WORDS | _OF_DICTS:
                found, number = f"{name}_{number if number > 2 else ''}", number + 1
            self._attributes[text] = found
        return f"self.{self._attributes[text]}"

    # Expressions

    def _text(self, value: Any, before: list[Ahead], name: str) -> Text:
        """An expression; lines that must stand before it, not indented yet, go to `before`."""
        if isinstance(value, Slot):
            return Text(self.parameters.say(value))
        if isinstance(value, Const):
            return Text(literal(value.value))
        if isinstance(value, Counted):
            start = self._text(value.start, before, name).flat
            step = "i" if value.step == 1 else f"{value.step} * i"
            return Text(step if start == "0" else f"{start} + {step}")
        if isinstance(value, InOrder):
            return self._sequential(value, before, name)
        if value.function == "with_constants":
            return self._with_constants(value, before, name)
        function = value.function
        if isinstance(function, Slot):
            function = self.parameters.say(function)
        arguments = []
        for each in value.arguments:
            if _is_left_out(each):
                continue
            text = self._text(each.value, before, name)
            is_single = value.function == "nn.Parameter"
            arguments.append(text if each.positional or is_single else text.named(each.name))
        return call(function, arguments)

    def _with_constants(self, value: New, before: list[Ahead], name: str) -> Text:
        module, *constants = value.arguments
        items = [self._text(module.value, before, name)]
        for each in constants:
            held = each.value
            if isinstance(held, Slot):
                items.append(Text(f"torch.tensor({self.parameters.say(held)})").named(each.name))
                continue
            rows, repeated = held.value, ")"
            if isinstance(rows, tuple) and len(rows) > 1 and len(set(rows)) == 1:
                # The same kernel for each channel.
                ones = ", 1" * _depth(rows[0])
                rows, repeated = rows[:1], f").repeat({len(rows)}{ones})"
            items.append(Text(f"{each.name}=torch.tensor(", (nested(rows),), repeated))
        return call("with_constants", items)

    def _sequential(self, value: InOrder, before: list[Ahead], name: str) -> Text:
        if any(isinstance(item, Some) for item in value.items):
            return Text(f"nn.Sequential(*{self._list(value, before, _local(name))})")
        names = [item.name for item in value.items]
        if names == [str(index) for index in range(len(names))]:
            return call("nn.Sequential", self._items(value.items, before))
        texts = [self._text(item.value, before, item.name) for item in value.items]
        whole = run_of([item.value for item in value.items])
        counted = prefix_of(names)
        if whole is not None and counted is not None and len(names) > 2:
            word, first = counted
            number = "{i}" if first == 0 else f"{{i + {first}}}"
            made = self._text(whole, before, name).flat
            line = f'(f"{word}{number}", {made}) for i in range({len(names)})'
            if len(line) < WIDTH - 16:
                return call("nn.Sequential", [call("OrderedDict", [Text(line, bare=True)])])
        comments = [_comment(item) if len(names) > 1 else "" for item in value.items]
        if all(each.isidentifier() for each in names):
            pairs = [
                replace(text.named(each), comment=comment)
                for each, text, comment in zip(names, texts, comments, strict=True)
            ]
            return call("nn.Sequential", [call("OrderedDict", pairs)])
        pairs = [
            Text("(", (Text(literal(each)), text), ")", comment)
            for each, text, comment in zip(names, texts, comments, strict=True)
        ]
        return call("nn.Sequential", [call("OrderedDict", [Text("[", tuple(pairs), "]")])])

    def _items(self, items: Sequence[Item], before: list[Ahead]) -> list[Text]:
        """The items of a sequence, those in a row that are alike once."""
        made: list[Text] = []
        index = 0
        while index < len(items):
            count, run = _longest_run([item.value for item in items[index:]])
            last = items[index + count - 1]
            if count > 2:
                counter = "i" if _mentions(run) else "_"
                text = self._text(run, before, last.name).flat
                line = f"*({text} for {counter} in range({count}))"
                if len(line) < WIDTH - 16:
                    made.append(Text(line, comment=_comment(last)))
                    index += count
                    continue
            item = self._text(items[index].value, before, items[index].name)
            made.append(replace(item, comment=_comment(items[index])))
            index += 1
        return made

    def _list(self, value: InOrder, before: list[Ahead], name: str) -> str:
        """Statements that make a list of modules, some of which are there in some uses alone."""
        name, is_new = self.parameters.local(name), True
        held: list[Text] = []

        def put() -> None:
            nonlocal is_new, held
            if held:
                listed = Text("[", tuple(held), "]")
                sign = f"{name}: list[nn.Module] = " if is_new else f"{name} += "
                if len(held) == 1 and not is_new:
                    before.append(Ahead(0, "", call(f"{name}.append", held)))
                else:
                    before.append(Ahead(0, sign, listed))
                is_new, held = False, []

        for each in value.items:
            inner: list[Ahead] = []
            if isinstance(each, Some):
                put()
                if is_new:
                    before.append(Ahead(0, "", Text(f"{name}: list[nn.Module] = []")))
                    is_new = False
                text = self._text(each.item.value, inner, name)
                word = getattr(each.item.value, "function", name)
                word = word if isinstance(word, str) else "activation"
                condition = self.parameters.flag(each.present, f"with_{_snake(word)}")
                before.append(Ahead(0, "", Text(f"if {condition}:")))
                before += [each._replace(depth=each.depth + 1) for each in inner]
                before.append(Ahead(1, "", call(f"{name}.append", [text])))
            else:
                text = self._text(each.value, inner, name)
                before.extend(inner)
                held.append(replace(text, comment=_comment(each)))
        put()
        return name


def _depth(value: Any) -> int:
    return 1 + _depth(value[0]) if isinstance(value, tuple) else 0


def is_parameter(value: Any) -> bool:
    return isinstance(value, New) and value.function == "nn.Parameter"


_OF_DICTS = frozenset({"clear", "items", "keys", "pop", "update", "values"})
"""What nn.ModuleDict has besides nn.Module's attributes: no module in one can be called so."""


def is_list(place: Place) -> bool:
    """Whether a scope's modules are said by their numbers."""
    return list(place.members) == [str(index) for index in range(len(place.members))]


def is_dict(place: Place) -> bool:
    """Whether a scope's modules are said by their keys: some names are no attribute's."""
    odd = [held for name, held in place.members.items() if not name.isidentifier()]
    return not all(map(is_parameter, odd)) and _OF_DICTS.isdisjoint(place.members)


def _deeper(ahead: list[Ahead], depth: int) -> list[str]:
    return [line for each in ahead for line in each.text.lines(depth + each.depth, each.start)]


def _comment(item: Item) -> str:
    if isinstance(item.value, InOrder) and len(item.value.items) > 1:
        return ""  # Its last item says it.
    return size(item.shape) if item.shape is not None else ""


def _is_left_out(argument: Argument) -> bool:
    value = argument.value
    return (
        isinstance(value, Const)
        and argument.default is not ...
        and type(value.value) is type(argument.default)
        and value.value == argument.default
    )


def _local(name: str) -> str:
    return name if name.isidentifier() and name not in ("x", "self") else "layers"


def _snake(word: str) -> str:
    word = word.rpartition(".")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower()


def _longest_run(values: list[Any]) -> tuple[int, Any]:
    """How many values from the first on are one expression of a counter, and that expression."""
    best: tuple[int, Any] = (1, values[0])
    for count in range(2, len(values) + 1):
        run = run_of(values[:count])
        if run is None:
            break
        best = (count, run)
    return best


def run_of(values: list[Any]) -> Any:
    """One expression of a counter for several calls of a class; None where there is none."""
    first = values[0]
    if not all(isinstance(value, New) and value.function == first.function for value in values):
        return None
    if not isinstance(first.function, str) or first.function == "with_constants":
        return None
    if any(len(value.arguments) != len(first.arguments) for value in values):
        return None
    arguments = []
    for column in zip(*(value.arguments for value in values), strict=True):
        held = [argument.value for argument in column]
        if all(each == held[0] for each in held):
            arguments.append(column[0])
            continue
        if not all(isinstance(each, Const) and type(each.value) is int for each in held):
            return None
        step = held[1].value - held[0].value
        if step <= 0 or any(
            each.value != held[0].value + index * step for index, each in enumerate(held)
        ):
            return None
        first_value = held[0]
        arguments.append(column[0]._replace(value=Counted(first_value, step)))
    return New(first.function, tuple(arguments), first.plain, first.overwrites)


def _mentions(run: Any) -> bool:
    return any(isinstance(argument.value, Counted) for argument in run.arguments)
