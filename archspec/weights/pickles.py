"""Reading pickles without running them: a small machine for the opcodes that PyTorch writes.

The standard library's unpickler can be told which globals to admit, but a forged file can still
make it fill the memory (a memo index of 2^32 is enough). Here each step is bounded, and what a
global means, or a call, is the reader's business: no object is made that is not plain data.
Opcodes are described in the standard library's `pickletools`.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from archspec.weights.stored import DAMAGED, Unreadable

_STEP_LIMIT = 2_000_000
"""A network of 1,000 tensors with its optimizer takes some 150,000 opcodes."""

_SIZE_LIMIT = 1 << 26
"""The longest pickle, in bytes. Values of tensors are not in it."""

_GLOBAL_LIMIT = 1000
"""The longest name of a global, in bytes."""

_KEYS = (str, int, float, bytes, type(None))
"""What may be the key of a dict: nothing whose hash can take long to work out."""


class Meaning(Protocol):
    """What a pickle's references to the world outside stand for. Each may raise Unreadable."""

    def find(self, module: str, name: str) -> object:
        """What stands for the global of that name."""

    def call(self, function: object, arguments: tuple[Any, ...]) -> object:
        """What a call of something that `find` gave makes."""

    def persistent(self, identifier: object) -> object:
        """The object that is kept outside the pickle."""


class Unpickled(NamedTuple):
    """A pickle's value, and where in the data the pickle ends."""

    value: Any
    end: int


def unpickle(data: mmap.mmap, start: int, end: int, meaning: Meaning) -> Unpickled:
    """The value of the pickle that begins at `start`, and lies before `end`.

    It is made of None, bool, int, float, str, bytes, tuple, list, dict (an OrderedDict is one), and
    of what `meaning` gives. Raises Unreadable if it is malformed, too long, or uses more of the
    pickle language than PyTorch does.
    """
    machine = _Machine(data, start, min(end, start + _SIZE_LIMIT), meaning)
    try:
        for _ in range(_STEP_LIMIT):
            opcode = machine.take(1)
            if opcode == b".":
                return Unpickled(machine.stack.pop(), machine.position)
            step = _STEPS.get(opcode)
            if step is None:
                raise Unreadable(
                    f"its pickle has the opcode {opcode!r}, which is not used", DAMAGED
                )
            step(machine)
    except (IndexError, KeyError, UnicodeDecodeError):
        # The stack or the memo lacks what an opcode takes, or a text is no text.
        raise Unreadable("its pickle is malformed", DAMAGED) from None
    raise Unreadable(f"its pickle has more than {_STEP_LIMIT:,} steps", DAMAGED)


class _Machine:
    """The state while a pickle is read: a stack, the stacks set aside at marks, and a memo."""

    def __init__(self, data: mmap.mmap, position: int, end: int, meaning: Meaning) -> None:
        self.data = data
        self.position = position
        self.end = end
        self.meaning = meaning
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def take(self, length: int) -> bytes:
        """The next bytes."""
        start, self.position = self.position, self.position + length
        if self.position > self.end:
            raise Unreadable("its pickle is cut short, or too long", DAMAGED)
        return self.data[start : self.position]

    def line(self) -> str:
        """The text up to the next line feed."""
        limit = min(self.end, self.position + _GLOBAL_LIMIT)
        end = self.data.find(b"\n", self.position, limit)
        if end < 0:
            raise Unreadable("its pickle is malformed", DAMAGED)
        text = self.data[self.position : end].decode("utf-8")
        self.position = end + 1
        return text

    def pop_mark(self) -> list[Any]:
        """What was pushed since the last mark."""
        items, self.stack = self.stack, self.marked.pop()
        return items


_Step = Callable[[_Machine], None]


def _mark(machine: _Machine) -> None:
    machine.marked.append(machine.stack)
    machine.stack = []


def _push(value: Callable[[_Machine], object]) -> _Step:
    """The opcode that pushes a value made from what follows it."""
    return lambda machine: machine.stack.append(value(machine))


def _number(layout: str) -> _Step:
    packed = struct.Struct(layout)
    return _push(lambda machine: packed.unpack(machine.take(packed.size))[0])


def _octets(machine: _Machine, width: int) -> bytes:
    """The bytes whose count comes first, in `width` bytes."""
    return machine.take(int.from_bytes(machine.take(width), "little"))


def _text(width: int) -> _Step:
    return _push(lambda machine: _octets(machine, width).decode("utf-8", "surrogatepass"))


def _tuple_of(length: int) -> _Step:
    def step(machine: _Machine) -> None:
        if length > len(machine.stack):
            raise IndexError
        at = len(machine.stack) - length
        machine.stack[at:] = [tuple(machine.stack[at:])]

    return step


def _tuple_since_mark(machine: _Machine) -> None:
    items = machine.pop_mark()
    machine.stack.append(tuple(items))


def _extend(machine: _Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if not isinstance(target, list):
        raise Unreadable("its pickle appends to what is no list", DAMAGED)
    target.extend(items)


def _update(machine: _Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    keys = items[::2]
    if not isinstance(target, dict) or len(items) % 2:
        raise Unreadable("its pickle sets items of what is no dict", DAMAGED)
    if not all(isinstance(key, _KEYS) for key in keys):
        raise Unreadable("its pickle has a dict whose keys are neither names nor numbers", DAMAGED)
    target.update(zip(keys, items[1::2], strict=True))


def _append(machine: _Machine) -> None:
    item = machine.stack.pop()
    _extend(machine, [item])


def _set_item(machine: _Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _update(machine, [key, value])


def _memoize(index: Callable[[_Machine], int]) -> _Step:
    def step(machine: _Machine) -> None:
        machine.memo[index(machine)] = machine.stack[-1]

    return step


def _index(width: int) -> Callable[[_Machine], int]:
    return lambda machine: int.from_bytes(machine.take(width), "little")


def _recall(index: Callable[[_Machine], int]) -> _Step:
    return _push(lambda machine: machine.memo[index(machine)])


def _global_after(machine: _Machine) -> None:
    module, name = machine.line(), machine.line()
    machine.stack.append(machine.meaning.find(module, name))


def _global_on_stack(machine: _Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise Unreadable("its pickle is malformed", DAMAGED)
    machine.stack.append(machine.meaning.find(module, name))


def _call(machine: _Machine) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    if not isinstance(arguments, tuple):
        raise Unreadable("its pickle is malformed", DAMAGED)
    machine.stack.append(machine.meaning.call(function, arguments))


def _build(machine: _Machine) -> None:
    # The attributes of a state dict (`_metadata`: versions of the modules) say nothing of values.
    machine.stack.pop()
    if not isinstance(machine.stack[-1], dict):
        raise Unreadable("its pickle sets attributes of what is no dict", DAMAGED)


def _persistent(machine: _Machine) -> None:
    machine.stack.append(machine.meaning.persistent(machine.stack.pop()))


def _skip(length: int) -> _Step:
    def step(machine: _Machine) -> None:
        machine.take(length)

    return step


_STEPS: dict[bytes, _Step] = {
    b"\x80": _skip(1),  # PROTO
    b"\x95": _skip(8),  # FRAME
    b"(": _mark,
    b"N": _push(lambda _: None),
    b"\x88": _push(lambda _: True),
    b"\x89": _push(lambda _: False),
    b"J": _number("<i"),
    b"K": _number("<B"),
    b"M": _number("<H"),
    b"G": _number(">d"),
    b"\x8a": _push(lambda machine: int.from_bytes(_octets(machine, 1), "little", signed=True)),
    b"X": _text(4),
    b"\x8c": _text(1),
    b"T": _text(4),
    b"U": _text(1),
    b"B": _push(lambda machine: _octets(machine, 4)),
    b"C": _push(lambda machine: _octets(machine, 1)),
    b")": _push(lambda _: ()),
    b"\x85": _tuple_of(1),
    b"\x86": _tuple_of(2),
    b"\x87": _tuple_of(3),
    b"t": _tuple_since_mark,
    b"]": _push(lambda _: []),
    b"a": _append,
    b"e": lambda machine: _extend(machine, machine.pop_mark()),
    b"}": _push(lambda _: {}),
    b"s": _set_item,
    b"u": lambda machine: _update(machine, machine.pop_mark()),
    b"q": _memoize(_index(1)),
    b"r": _memoize(_index(4)),
    b"\x94": _memoize(lambda machine: len(machine.memo)),
    b"h": _recall(_index(1)),
    b"j": _recall(_index(4)),
    b"c": _global_after,
    b"\x93": _global_on_stack,
    b"R": _call,
    b"b": _build,
    b"Q": _persistent,
}
"""What each opcode does; `pickletools.opcodes` has their names."""
