"""The lines of a forward."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from archspec.backends.python.layout import WIDTH, Text, call, literal
from archspec.backends.python.merging import Step, Whole
from archspec.backends.python.outline import Ref
from archspec.backends.python.tree import Statement, mapped, references, taken
from archspec.backends.python.unify import Slot

_BINARY = frozenset({"+", "+=", "-", "*", "/", "//", "**"})


class Wording(NamedTuple):
    """How a class says what its forward is made of.

    `module` is a module by its path below the class, `constant` what stands in a Slot, `condition`
    what is true in the uses that a step is present in, empty where its module does nothing in the
    others; `shape` a shape.
    """

    module: Callable[[str], str]
    constant: Callable[[Slot, str], str]
    condition: Callable[[Step], str]
    shape: Callable[[Step], str]


class _Line:
    """A line that is not written yet: `target = text`, or `target += text`."""

    def __init__(self, target: str, sign: str, text: Text, shape: str, made: str) -> None:
        self.target, self.sign, self.text, self.shape, self.made = target, sign, text, shape, made
        self.condition = ""
        self.otherwise = ""
        self.is_call = False
        self.is_scope = False


def forward(whole: Whole, arguments: Sequence[str], wording: Wording) -> list[str]:
    """The body of a forward whose arguments are called this, two levels deep."""
    steps = _without_returns(whole)
    whole = whole._replace(steps=steps)
    names = dict(zip(whole.inputs, arguments, strict=True))
    lines: list[_Line] = []
    last_use, takers = _last_uses(whole), _takers(whole)
    texts: dict[str, Text] = {}
    for index, step in enumerate(whole.steps):
        line = _line(index, step, takers, names, texts, last_use, wording)
        if line is not None:
            lines.append(line)
        for name in taken(step.statement):
            if last_use[name] == index:
                names.pop(name, None)  # Nobody needs it any more.
    return _written(_nested_calls(lines, whole, names), whole, names)


def _without_returns(whole: Whole) -> tuple[Step, ...]:
    """The steps without views that are undone at once: axes moved there and back."""
    steps: list[Step] = []
    instead: dict[str, str] = {}
    makers: dict[str, Statement] = {}
    for step in whole.steps:
        statement = _renamed(step.statement, instead)
        before = makers.get(next(iter(taken(statement)), ""))
        if (
            step.is_whole
            and before is not None
            and before.function == statement.function == "torch.movedim"
            and before.arguments[1:] == statement.arguments[:0:-1]
        ):
            instead[statement.made[0]] = before.arguments[0].name
            continue
        for name in statement.made:
            makers[name] = statement
        steps.append(step._replace(statement=statement))
    outputs = [instead.get(name, name) for name in whole.outputs]
    # What nobody takes any more goes.
    kept: list[Step] = []
    needed = set(outputs)
    for step in reversed(steps):
        if needed & set(step.statement.made):
            kept.append(step)
            needed.update(taken(step.statement))
    return tuple(reversed(kept)) if outputs == list(whole.outputs) else whole.steps


def _renamed(statement: Statement, instead: Mapping[str, str]) -> Statement:
    if not any(name in instead for name in taken(statement)):
        return statement
    arguments, options = mapped(
        (statement.arguments, dict(statement.options)),
        lambda name: Ref(instead.get(name, name)),
    )
    return statement._replace(arguments=arguments, options=options)


def _uses(whole: Whole) -> dict[str, int]:
    uses: dict[str, int] = {}
    for step in whole.steps:
        for name in taken(step.statement):
            uses[name] = uses.get(name, 0) + 1
    for name in whole.outputs:
        uses[name] = uses.get(name, 0) + 1
    return uses


def _last_uses(whole: Whole) -> dict[str, int]:
    """The step that takes a value last; past the end for what is returned."""
    last: dict[str, int] = {}
    for index, step in enumerate(whole.steps):
        for name in taken(step.statement):
            last[name] = index
    last.update(dict.fromkeys(whole.outputs, len(whole.steps)))
    return last


def _takers(whole: Whole) -> dict[str, list[Statement]]:
    """The statements that take each value."""
    found: dict[str, list[Statement]] = {}
    for step in whole.steps:
        for name in dict.fromkeys(taken(step.statement)):
            found.setdefault(name, []).append(step.statement)
    return found


def _line(
    index: int,
    step: Step,
    takers: Mapping[str, list[Statement]],
    names: dict[str, str],
    texts: dict[str, Text],
    last_use: Mapping[str, int],
    wording: Wording,
) -> _Line | None:
    statement = step.statement
    if statement.function == "tensor":
        texts[statement.made[0]] = Text(wording.module(statement.path))
        return None
    text = _said(statement, names, texts, wording)
    sources = [name for name in taken(statement) if name in names]
    first = sources[0] if sources else None
    target = _target(index, step, takers, names, first, last_use)
    sign = "="
    if statement.function == "+=":
        a, b = statement.arguments
        text = _value(b, names, texts, wording, statement)
        if names.get(a.name) == target:
            sign = "+="
        else:
            text = _said(statement._replace(function="+"), names, texts, wording)
    for name, held in zip(statement.made, target.split(", "), strict=True):
        names[name] = held
    line = _Line(target, sign, text, wording.shape(step), statement.made[0])
    line.is_call = statement.function == "module" and len(sources) == 1 and not statement.options
    line.is_scope = statement.function == "scope" and len(sources) == 1
    condition = "" if step.is_whole else wording.condition(step)
    if condition:
        line.condition = condition
        alias = names[first] if first else target
        line.otherwise = alias if alias != target else ""
    return line


def _target(
    index: int,
    step: Step,
    readers: Mapping[str, list[Statement]],
    names: dict[str, str],
    first: str | None,
    last_use: Mapping[str, int],
) -> str:
    """What the value is called: as what it is made of, where nobody needs that any more."""
    statement = step.statement
    held = {name for made, name in names.items() if last_use.get(made, -1) > index}
    if len(statement.made) > 1:
        found: list[str] = []
        for number in range(len(statement.made)):
            found.append(_free(f"{_word(statement)}{number + 1}", {*held, *found}))
        return ", ".join(found)
    made = statement.made[0]
    takers = readers.get(made, [])
    meets_others = any(len(set(taken(each))) > 1 for each in takers)
    is_chain = len(takers) == 1 and taken(takers[0])[0] == made and not _is_listing(takers[0])
    is_call = statement.function in ("module", "scope")
    is_own = first is not None and last_use.get(first) == index and names[first] not in held
    # What a scope makes for several to take is called after it.
    if statement.function == "scope" and meets_others and not is_chain:
        return _free(_word(statement), held)
    if _is_listing(statement) and first is not None:
        generic = [word for word in ("x", *_LETTERS) if word not in held]
        return generic[0]
    if is_own and first is not None and not (is_call and meets_others and names[first] == "x"):
        return names[first]
    if is_own and is_chain and first is not None:
        return names[first]
    if is_call and not is_chain and takers:
        return _free(_word(statement), held)
    return next((letter for letter in _LETTERS if letter not in held), _free("y", held))


_LETTERS = ("y", "z", "u", "v")


def _is_listing(statement: Statement) -> bool:
    """Whether a call takes several values in a list, as torch.cat."""
    return any(
        isinstance(each, tuple | list) and len(list(references(each))) > 1
        for each in statement.arguments
    )


def _word(statement: Statement) -> str:
    """What a value may be called after the call that makes it."""
    word = statement.path.rpartition(".")[2] if statement.path else statement.kind
    word = re.sub(r"\W", "_", word) or "value"
    word = f"{statement.kind or 'y'}{word}" if word[0].isdigit() else word
    word = word.lower()
    return f"{word}_" if keyword.iskeyword(word) or word in _TAKEN else word


_TAKEN = frozenset({"self", "torch", "nn", "x", "math", "float", "slice", "l", "super"})


def _free(word: str, held: set[str]) -> str:
    found, number = word, 2
    while found in held:
        found, number = f"{word}_{number}", number + 1
    return found


def _said(
    statement: Statement, names: Mapping[str, str], texts: Mapping[str, Text], wording: Wording
) -> Text:
    function, arguments = statement.function, statement.arguments

    def value(each: Any) -> Text:
        return _value(each, names, texts, wording, statement)

    options = [value(each).named(name) for name, each in statement.options.items()]
    if function in ("module", "scope"):
        return call(wording.module(statement.path), [*map(value, arguments), *options])
    if function in _BINARY:
        one, other = (value(each).flat for each in arguments)
        space = "" if function == "**" else " "
        return Text(f"{one}{space}{function.rstrip('=')}{space}{other}")
    if function == "[]":
        return Text(f"{value(arguments[0]).flat}[{_index(arguments[1], value)}]")
    if function == ".":
        return Text(f"{value(arguments[0]).flat}.{arguments[1]}")
    if function.startswith("."):
        first, *rest = arguments
        return call(f"{value(first).flat}{function}", [*map(value, rest), *options])
    return call(function, [*map(value, arguments), *options])


def _value(
    each: Any,
    names: Mapping[str, str],
    texts: Mapping[str, Text],
    wording: Wording,
    statement: Statement,
) -> Text:
    """An argument of a call."""
    if isinstance(each, Ref):
        return texts.get(each.name) or Text(names[each.name])
    if isinstance(each, Slot):
        return Text(wording.constant(each, statement.kind))
    if isinstance(each, tuple | list):
        items = tuple(_value(item, names, texts, wording, statement) for item in each)
        return Text("(", items, ")")
    if isinstance(each, slice):
        ends = [each.start, each.stop, each.step]
        inner = [_value(end, names, texts, wording, statement).flat for end in ends]
        return Text(f"slice({', '.join(inner)})")
    return Text(literal(each))


def _index(index: Any, value: Callable[[Any], Text]) -> str:
    parts = index if isinstance(index, tuple) else (index,)
    return ", ".join(
        _slice(part, value) if isinstance(part, slice) else value(part).flat for part in parts
    )


def _slice(part: slice, value: Callable[[Any], Text]) -> str:
    start, stop, step = (
        "" if end is None or end is part.start == 0 else value(end).flat
        for end in (part.start, part.stop, part.step)
    )
    # As the formatter has it: room around a colon beside what is no single word or number.
    wide = any(not re.fullmatch(r"-?\w*", end) for end in (start, stop, step))
    before = f"{start} " if wide and start else start
    after = f" {stop}" if wide and stop else stop
    tail = (f" : {step}" if wide else f":{step}") if step else ""
    return f"{before}:{after}{tail}"


def _nested_calls(lines: list[_Line], whole: Whole, names: Mapping[str, str]) -> list[_Line]:
    """The lines with calls inside calls where a person would: conv, norm and activation; what is
    added, or one of several values that a call makes.
    """
    made: list[_Line] = []
    uses = _uses(whole)
    for line in lines:
        while made and uses.get(made[-1].made, 0) == 1 and _takes_in(line, made[-1]):
            made.pop()
        made.append(line)
    return made


def _takes_in(line: _Line, before: _Line) -> bool:
    """Whether a line can say the line before it within; it then does."""
    if line.condition or before.condition or before.sign != "=" or "," in before.target:
        return False
    text: Text | None = None
    if line.is_call and before.is_call and line.sign == "=" and line.shape == before.shape:
        is_next = line.text.items is not None and line.text.items[0].flat == before.target
        if is_next and line.text.flat.count("(") + before.text.flat.count("(") <= 3:
            text = Text(line.text.head, (before.text,), line.text.tail)
    elif (
        line.sign == "+="
        and line.text.flat == before.target
        and (before.is_call or before.is_scope)
    ):
        text = before.text
    elif line.text.items is None and re.fullmatch(rf"{before.target}\[\d+\]", line.text.head):
        text = Text(before.text.flat + line.text.head.removeprefix(before.target))
    if text is None:
        return False
    if len(f"        {line.target} {line.sign} {text.flat}  # {line.shape}") > WIDTH:
        return False
    line.text = text
    return True


def _written(lines: list[_Line], whole: Whole, names: Mapping[str, str]) -> list[str]:
    returned = ", ".join(names[name] for name in whole.outputs)
    made: list[str] = []
    for index, line in enumerate(lines):
        is_last = index == len(lines) - 1
        text = Text(line.text.head, line.text.items, line.text.tail, line.shape)
        if is_last and line.sign == "=" and line.target == returned and not line.condition:
            made += text.lines(2, "return ")
            returned = ""
        elif line.condition and line.otherwise:
            whole_line = f"{line.target} = {text.flat} if {line.condition} else {line.otherwise}"
            made += Text(whole_line, comment=line.shape).lines(2)
        elif line.condition:
            made.append(f"        if {line.condition}:")
            made += text.lines(3, f"{line.target} {line.sign} ")
        else:
            made += text.lines(2, f"{line.target} {line.sign} ")
    return [*made, f"        return {returned}"] if returned else made
