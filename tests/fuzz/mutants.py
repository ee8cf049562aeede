"""Mutants of specs: changed as texts, and as values. The same seed, the same mutant."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from archspec import zoo
from tests.fuzz.words import BYTES, EXPRESSIONS, KINDS, VALUES, WORDS

_TESTS = Path(__file__).parent.parent
_LARGEST_SEED = 6_000
_LARGEST = 20_000
"""Bytes: beyond, a mutant is cut off."""


@lru_cache(maxsize=1)
def seeds() -> tuple[bytes, ...]:
    """Texts to begin with: the zoo's, those of broken specs, those that have crashed archspec."""
    broken = [_TESTS / "corpus", _TESTS / "fuzz" / "crashes"]
    return (*_right(), *_read(path for folder in broken for path in sorted(folder.iterdir())))


@lru_cache(maxsize=1)
def _right() -> tuple[bytes, ...]:
    """The zoo's, which find one another wherever they are."""
    return tuple([re.sub(rb"(\w+)\.yaml", rb"\1", data) for data in _read(zoo.networks().values())])


def _read(paths: Iterable[Path]) -> tuple[bytes, ...]:
    found = [path.read_bytes() for path in paths if path.is_file()]
    return tuple([data for data in found if len(data) <= _LARGEST_SEED])


def mutant(seed: int, index: int) -> bytes:
    """The mutant of this number."""
    random = Random(f"{seed}:{index}")
    data = random.choice(_right() if random.random() < 0.5 else seeds())
    way = random.random()
    if way < 0.6:
        data = mutated_tree(data, random)
    if way > 0.5:
        data = mutated_text(data, random)
    return data[:_LARGEST]


# As a text


def mutated_text(data: bytes, random: Random) -> bytes:
    """The text with some of its lines and words changed."""
    lines = data.split(b"\n")
    for _ in range(_some(random)):
        change = random.choice(_CHANGES)
        lines = change(lines, random) or [b""]
    return random.choice(_ENDS)(b"\n".join(lines)) if random.random() < 0.1 else b"\n".join(lines)


def _some(random: Random) -> int:
    """A small number, most often 1."""
    count = 1
    while count < 8 and random.random() < 0.45:
        count += 1
    return count


Lines = list[bytes]
Change = Callable[[Lines, Random], Lines]


def _drop(lines: Lines, random: Random) -> Lines:
    at = random.randrange(len(lines))
    return lines[:at] + lines[at + _some(random) :]


def _duplicate(lines: Lines, random: Random) -> Lines:
    at = random.randrange(len(lines))
    piece = lines[at : at + _some(random)] * _some(random)
    return lines[:at] + piece + lines[at:]


def _move(lines: Lines, random: Random) -> Lines:
    at = random.randrange(len(lines))
    line, rest = lines[at], lines[:at] + lines[at + 1 :]
    to = random.randrange(len(lines))
    return [*rest[:to], line, *rest[to:]]


def _reindent(lines: Lines, random: Random) -> Lines:
    at, count = random.randrange(len(lines)), _some(random)
    by = random.choice((b" ", b"  ", b"    ", b"\t", b"- "))
    for number in range(at, min(at + count, len(lines))):
        line = lines[number]
        lines[number] = by + line if random.random() < 0.5 else line[len(by) :]
    return lines


def _splice(lines: Lines, random: Random) -> Lines:
    others = random.choice(seeds()).split(b"\n")
    start = random.randrange(len(others))
    at = random.randrange(len(lines))
    return lines[:at] + others[start : start + _some(random) * 2] + lines[at:]


def _word(lines: Lines, random: Random) -> Lines:
    """Another word, value or expression in the place of one."""
    at = random.randrange(len(lines))
    pieces = _split(lines[at])
    numbers = [i for i, piece in enumerate(pieces) if piece.strip() and piece not in b"{}[],:"]
    if numbers:
        pieces[random.choice(numbers)] = _anything(random).encode()
    lines[at] = b"".join(pieces)
    return lines


def _swap(lines: Lines, random: Random) -> Lines:
    """Two words that change places."""
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    first, second = _split(lines[one]), _split(lines[other])
    i, j = random.randrange(len(first)), random.randrange(len(second))
    first[i], second[j] = second[j], first[i]
    lines[one], lines[other] = b"".join(first), b"".join(second)
    return lines


def _split(line: bytes) -> list[bytes]:
    """A line in words and what is between them."""
    pieces, word = [], b""
    for byte in (bytes([one]) for one in line):
        if byte in b" {}[],:\"'":
            pieces += [word, byte]
            word = b""
        else:
            word += byte
    return [*pieces, word]


def _bytes(lines: Lines, random: Random) -> Lines:
    """A few bytes put in, or taken out, or changed."""
    text = b"\n".join(lines)
    at = random.randrange(len(text) + 1)
    away = random.choice((0, 0, 1, 1, 4))
    return (text[:at] + random.choice(BYTES) + text[at + away :]).split(b"\n")


def _cut(lines: Lines, random: Random) -> Lines:
    text = b"\n".join(lines)
    return text[: random.randrange(len(text) + 1)].split(b"\n")


def _line(lines: Lines, random: Random) -> Lines:
    """A line more: a step, a field, or a section."""
    at = random.randrange(len(lines) + 1)
    beside = lines[at - 1] if at else b""
    indentation = beside[: len(beside) - len(beside.lstrip(b" -"))]
    made = random.choice(
        (
            f"{random.choice(KINDS)}",
            f"{random.choice(KINDS)}: {_anything(random)}",
            f"{random.choice(KINDS)}: {{{_field(random)}, {_field(random)}}}",
            f"{random.choice(WORDS)}: {_anything(random)}",
            f"sequential: {{layers: [{random.choice(KINDS)}], {_field(random)}}}",
            f"residual: {{layers: [{random.choice(KINDS)}], shortcut: {_anything(random)}}}",
            f"add: {{branches: [[], [{random.choice(KINDS)}]], {_field(random)}}}",
        )
    )
    return [*lines[:at], indentation + made.encode(), *lines[at:]]


def _field(random: Random) -> str:
    return f"{random.choice(WORDS)}: {_anything(random)}"


def _anything(random: Random) -> str:
    way = random.random()
    if way < 0.35:
        return random.choice(WORDS)
    if way < 0.7:
        return random.choice(VALUES)
    if way < 0.9:
        return random.choice(EXPRESSIONS)
    if way < 0.95:
        return str(random.randrange(-3, 70_000))
    return f"[{random.choice(VALUES)}, {random.choice(EXPRESSIONS)}]"


_CHANGES: Sequence[Change] = (
    *(_drop, _duplicate, _move, _reindent, _splice, _splice, _bytes, _bytes, _cut),
    *(_word, _word, _word, _word, _swap, _swap, _line, _line, _line),
)
_ENDS: Sequence[Callable[[bytes], bytes]] = (
    lambda text: text.replace(b"\n", b"\r\n"),
    lambda text: text.replace(b"\n", b"\r"),
    lambda text: text.replace(b"\n", "\u2028".encode()),
    lambda text: text.replace(b"\n", "\x85".encode()),
    lambda text: text.replace(b"  ", b"\t"),
    lambda text: b"\xef\xbb\xbf" + text,
    lambda text: text.rstrip(b"\n"),
)


# As values


def mutated_tree(data: bytes, random: Random) -> bytes:
    """What the text says with some of its values changed, written in one of the ways there are."""
    tree = _tree(data)
    if tree is None:
        return data
    tree = json.loads(tree)
    for _ in range(_some(random)):
        places = list(_places(tree))
        if not places:
            break
        holder, key = random.choice(places)
        random.choice(_TREE_CHANGES)(holder, key, random)
    if random.random() < 0.5:
        return json.dumps(tree, ensure_ascii=random.random() < 0.5).encode("utf-8", "replace")
    flow = random.choice((None, False, True))
    return yaml.dump(
        tree, Dumper=_Dumper, sort_keys=False, default_flow_style=flow, allow_unicode=True
    ).encode("utf-8", "replace")


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        return True


@lru_cache(maxsize=1024)
def _tree(data: bytes) -> str | None:
    """The values of a text, as JSON; None where there are none."""
    try:
        tree = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return json.dumps(tree, default=str) if isinstance(tree, dict) else None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        return None


Place = tuple[Any, Any]
"""A mapping or list, and a key or position in it."""


def _places(tree: Any) -> list[Place]:
    found: list[Place] = []
    left = [tree]
    while left:
        value = left.pop()
        keys = value if isinstance(value, dict) else range(len(value))
        for key in keys:
            found.append((value, key))
            if isinstance(value[key], dict | list):
                left.append(value[key])
    return found


def _take_out(holder: Any, key: Any, random: Random) -> None:
    del holder[key]


def _put_twice(holder: Any, key: Any, random: Random) -> None:
    if isinstance(holder, list):
        holder[key:key] = [_copy(holder[key]) for _ in range(_some(random))]
    else:
        holder[random.choice(WORDS)] = _copy(holder[key])


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _other_value(holder: Any, key: Any, random: Random) -> None:
    way = random.random()
    if way < 0.3:
        holder[key] = random.choice(EXPRESSIONS)
    elif way < 0.5:
        holder[key] = random.choice(WORDS)
    elif way < 0.7:
        holder[key] = _copy(random.choice(_PLAIN))
    elif way < 0.85:
        text = random.choice(VALUES)
        tree = _tree(f"a: {text}".encode())
        holder[key] = json.loads(tree)["a"] if tree else text
    else:
        holder[key] = random.randrange(-2, 300)


_PLAIN: Sequence[Any] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**40, 2**62, 2**63, 10**30, 0.5, -0.5, 1e308),
    *(float("inf"), "", " ", "a", [], {}, [[]], [None], {"": ""}, [1, 2], ["previous", "input"]),
    *("\u202e", "\x00", "\n", "a\tb", "é", "$", "${a}", "{$a}", [3, "H", "W"], [3, 8, 8], [3, "H"]),
)


def _other_key(holder: Any, key: Any, random: Random) -> None:
    if isinstance(holder, dict):
        holder[random.choice(WORDS)] = holder.pop(key)
    else:
        holder[key] = {random.choice(WORDS): holder[key]}


def _from_elsewhere(holder: Any, key: Any, random: Random) -> None:
    """A value of another spec in the place of this one, or beside it."""
    text = _tree(random.choice(seeds()))
    if text is None:
        return
    there, other = random.choice(_places(json.loads(text)) or [([None], 0)])
    if isinstance(holder, dict) and isinstance(there, dict) and random.random() < 0.5:
        holder[other] = there[other]
    elif isinstance(holder, list) and random.random() < 0.5:
        holder.insert(key, there[other])
    else:
        holder[key] = there[other]


def _other_place(holder: Any, key: Any, random: Random) -> None:
    """Two values that are beside one another change places."""
    keys = list(holder) if isinstance(holder, dict) else range(len(holder))
    other = random.choice(keys)
    holder[key], holder[other] = holder[other], holder[key]


def _wrap(holder: Any, key: Any, random: Random) -> None:
    value = holder[key]
    holder[key] = random.choice(
        (
            lambda: [value],
            lambda: {random.choice(WORDS): value},
            lambda: {"layers": [value], "repeat": random.randrange(4)},
            lambda: {"sequential": [value]},
            lambda: {"residual": {"layers": [value], "shortcut": "projection"}},
            lambda: {"add": {"branches": [[value], []]}},
            lambda: {"concat": {"branches": [[value], [], [value]], "repeat": 2}},
        )
    )()


def _more(holder: Any, key: Any, random: Random) -> None:
    """A field more for a step."""
    value = holder[key]
    field = random.choice(
        (
            lambda: ("repeat", random.choice((0, 1, 3, 40, 700, "$in", "$a"))),
            lambda: ("when", random.choice((True, False, "$first", "$in > 3", 1))),
            lambda: ("name", random.choice(("a", "conv1", "a$number", "a{$index * 2}", "T", "1"))),
            lambda: (
                "from",
                random.choice(("previous", "input", "a", ["a", "input"], ["input"] * 3)),
            ),
            lambda: ("shares", random.choice(("a", "conv1", "input", "layer1"))),
            lambda: ("expect", random.choice(([3, 8, 8], ["$in", "H", "W"], "$a", [1], "H // 2"))),
            lambda: (random.choice(WORDS), random.choice(VALUES)),
        )
    )()
    if isinstance(value, dict):
        value[field[0]] = field[1]
    elif isinstance(value, str):
        holder[key] = {value: dict([field])}


_TREE_CHANGES: Sequence[Callable[[Any, Any, Random], None]] = (
    *(_take_out, _put_twice, _other_value, _other_value, _other_value, _other_key, _other_key),
    *(_from_elsewhere, _from_elsewhere, _other_place, _wrap, _more, _more, _more),
)
