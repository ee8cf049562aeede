"""Protocol buffers as text, the format of `config.pbtxt`.

https://protobuf.dev/reference/protobuf/textformat-spec/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


class Word(str):
    """A value of an enumeration, which stands without quotes."""


Value = str | int | bool | Mapping[str, "Value"] | Sequence["Value"]
"""A string, a number, a message, or values of a repeated field."""

Message = Mapping[str, Value]


def written(message: Message) -> str:
    """The text of a message: a line a field, and the lines of a message in it indented."""
    return "".join(f"{line}\n" for line in _fields(message))


def _fields(message: Message) -> Iterator[str]:
    for name, value in message.items():
        if isinstance(value, Mapping):
            yield f"{name} {{"
            yield from _indented(_fields(value))
            yield "}"
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield from _repeated(name, value)
        else:
            yield f"{name}: {_scalar(value)}"


def _repeated(name: str, values: Sequence[Value]) -> Iterator[str]:
    if all(isinstance(value, Mapping) for value in values):
        for value in values:
            yield from _fields({name: value})
    else:
        yield f"{name}: [{', '.join(map(_scalar, values))}]"


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _scalar(value: Value) -> str:
    if isinstance(value, Word):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"{value!r} is no single value of a field")


def quoted(text: str) -> str:
    """A string literal: quotes, backslashes and what cannot be printed are escaped."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    # By byte, in three octal digits, so that a digit that follows is none of them.
    return "".join(f"\\{byte:03o}" for byte in character.encode())
