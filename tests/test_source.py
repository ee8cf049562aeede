"""YAML text becomes values with places: YAML 1.2's core schema, every span, and no surprises."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

from archspec.diagnostics import Severity, Sink, Source, Span
from archspec.source import (
    LARGEST_FILE,
    Mapping,
    Scalar,
    Sequence,
    Value,
    decode,
    parse,
    plain,
    read_source,
    text_at,
)

Place = tuple[int, int, int, int]


def _parsed(text: str) -> tuple[Value | None, Sink]:
    sink = Sink()
    source = decode("test.yaml", text.encode("utf-8", "surrogatepass"), sink)
    return (parse(source, sink) if source is not None else None), sink


def _value(text: str) -> Value:
    value, sink = _parsed(text)
    assert value is not None and not sink.has_errors, sink.sorted()
    return value


def _at(value: Value) -> Place:
    return value.span[:4]


# Figures of YAML 1.2.2, section 10.3.2, and of its examples; where 1.1 differs, see facts.md.
CORE: list[tuple[str, Any]] = [
    ("~", None),
    ("null", None),
    ("Null", None),
    ("NULL", None),
    ("", None),
    ("nULL", "nULL"),
    ("true", True),
    ("True", True),
    ("FALSE", False),
    ("tRUE", "tRUE"),
    ("no", "no"),
    ("No", "No"),
    ("off", "off"),
    ("on", "on"),
    ("yes", "yes"),
    ("y", "y"),
    ("0", 0),
    ("-0", 0),
    ("+12", 12),
    ("-19", -19),
    ("010", 10),
    ("0o10", 8),
    ("0o18", "0o18"),
    ("-0o7", "-0o7"),
    ("0x1F", 31),
    ("0xg", "0xg"),
    ("0b101", "0b101"),
    ("1_000", "1_000"),
    ("1:30", "1:30"),
    ("1e3", 1000.0),
    ("1.0e3", 1000.0),
    ("12e-2", 0.12),
    (".5", 0.5),
    ("-.5", -0.5),
    ("+.5", 0.5),
    ("1.", 1.0),
    ("0.", 0.0),
    (".", "."),
    ("1.2.3", "1.2.3"),
    ("--", "--"),
    ("1e", "1e"),
    ("e3", "e3"),
    (".inf", math.inf),
    ("+.INF", math.inf),
    ("-.Inf", -math.inf),
    ("inf", "inf"),
    ("infinity", "infinity"),
    ("nan", "nan"),
    ("2024-01-01", "2024-01-01"),
    ("=", "="),
    ('"3"', "3"),
    ("'true'", "true"),
    ('"~"', "~"),
    ('""', ""),
    ("!!str 3", "3"),
    ("'it''s'", "it's"),
    (r'"\u00e9\n"', "é\n"),
    ("1٣", "1٣"),  # an Arabic 3 is no digit of YAML's
    ("²", "²"),
]


@pytest.mark.parametrize(("written", "meant"), CORE)
def test_a_scalar_is_read_by_the_core_schema_of_yaml_1_2(written: str, meant: Any) -> None:
    found = plain(_value(f"a: {written}\n"))["a"]
    assert found == meant and type(found) is type(meant)


def test_nan_is_a_number() -> None:
    for written in (".nan", ".NaN", ".NAN"):
        assert math.isnan(plain(_value(f"a: {written}"))["a"])


def test_a_number_of_thousands_of_digits_is_a_string() -> None:
    assert plain(_value(f"a: {'9' * 10_000}"))["a"] == "9" * 10_000


@pytest.mark.parametrize("written", ["no", "Yes", "on", "OFF", "010", "1_000", "1:30"])
def test_what_yaml_1_1_reads_otherwise_is_warned_of_where_it_stands(written: str) -> None:
    _, sink = _parsed(f"a: 1\nb: [x, {written}]")
    (found,) = sink.sorted()
    assert (found.code, found.severity) == ("AS121", Severity.WARNING)
    assert found.span[:2] == (2, 8) and found.help


@pytest.mark.parametrize("written", ['"no"', "'010'", "No way", "0", "10", "true", "1.5"])
def test_what_both_read_alike_is_not_warned_of(written: str) -> None:
    assert not _parsed(f"a: {written}")[1].sorted()


def test_collections_become_tuples_and_mappings_in_their_order() -> None:
    text = "b: [1, [2], {c: 3}]\na:\n- x\n-\n  y: {}\n  z: []\n"
    assert plain(_value(text)) == {"b": (1, (2,), {"c": 3}), "a": ("x", {"y": {}, "z": ()})}
    assert list(plain(_value(text))) == ["b", "a"]


# Places: lines and columns from 1, the end exclusive.


def _member(value: Value, *path: str | int) -> Value:
    for step in path:
        if isinstance(value, Mapping):
            value = value.values[str(step)]
        else:
            assert isinstance(value, Sequence) and isinstance(step, int)
            value = value.items[step]
    return value


PLACES: list[tuple[str, tuple[str | int, ...], Place]] = [
    ("a: bc\n", ("a",), (1, 4, 1, 6)),
    ("a: bc # d\n", ("a",), (1, 4, 1, 6)),
    ("a:   'b c'\n", ("a",), (1, 6, 1, 11)),
    ('a: "b\\n"\n', ("a",), (1, 4, 1, 9)),
    ("a: [b, c]\n", ("a",), (1, 4, 1, 10)),
    ("a: [b, c]\n", ("a", 1), (1, 8, 1, 9)),
    ("a: {b: c}\n", ("a",), (1, 4, 1, 10)),
    ("a: {b: c}\n", ("a", "b"), (1, 8, 1, 9)),
    ("a: {b}\n", ("a", "b"), (1, 6, 1, 6)),
    ("a:\n  b: c\n", ("a", "b"), (2, 6, 2, 7)),
    ("- a\n-   b\n", (1,), (2, 5, 2, 6)),
    ("- - a\n  - b\n", (0, 1), (2, 5, 2, 6)),
    ("a: [1,\n  2,\n  3]\n", ("a",), (1, 4, 3, 5)),
    ("a: [1,\n  2,\n  3]\n", ("a", 2), (3, 3, 3, 4)),
    ('a: "b\n  c"\n', ("a",), (1, 4, 2, 5)),
    ("é: ü\nb: 1\n", ("b",), (2, 4, 2, 5)),
    ("{é: 1, b: 2}\n", ("b",), (1, 11, 1, 12)),
    ("{😀: 1, b: 2}\n", ("b",), (1, 11, 1, 12)),
    ("a: 1\r\nb: 2\r\n", ("b",), (2, 4, 2, 5)),
    ("a: 1\rb: 2\r", ("b",), (2, 4, 2, 5)),
    ("a: 1\x85b: 2\n", ("b",), (2, 4, 2, 5)),
    ("a: 1\u2028b: 2\n", ("b",), (2, 4, 2, 5)),
    ("\ufeffa: 1\n", ("a",), (1, 4, 1, 5)),
    ("# c\n\n---\na: 1\n", ("a",), (4, 4, 4, 5)),
    ("a: &x 3\nb: *x\n", ("a",), (1, 4, 1, 8)),
]


@pytest.mark.parametrize(("text", "path", "where"), PLACES)
def test_a_value_knows_its_place(text: str, path: tuple[str | int, ...], where: Place) -> None:
    value = _value(text)
    found = _at(_member(value, *path))
    if "&x" in text:  # An anchor may count as part of the value.
        assert found[0] == where[0] and found[2:] == where[2:]
    else:
        assert found == where


def test_a_block_scalar_begins_at_its_mark() -> None:
    assert _at(_member(_value("a: |\n  b\n  c\nd: 1\n"), "a"))[:2] == (1, 4)


def test_a_key_knows_its_place() -> None:
    value = _value("a: 1\nb:\n  'c': 2\n  d: 3\n")
    inner = _member(value, "b")
    assert isinstance(value, Mapping) and isinstance(inner, Mapping)
    assert tuple(value.keys["b"][:4]) == (2, 1, 2, 2)
    assert tuple(inner.keys["c"][:4]) == (3, 3, 3, 6)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_the_line_of_a_span_is_the_line_that_is_shown(end: str) -> None:
    value = _value(end.join(["a: 1", "b: [2,", "  three]", "c: 4", ""]))
    three = _member(value, "b", 1)
    assert text_at(three.span) == "three"
    assert three.span.source.lines()[three.span.line - 1] == "  three]"


def test_a_span_gives_its_parts() -> None:
    source = Source("a", "hello world", Path())
    span = Span(1, 1, 1, 12, source)
    assert text_at(span.part(6, 5)) == "world"


# What is refused, and where.

REFUSED: dict[str, tuple[str, tuple[str, int, int]]] = {
    "a key twice": ("a: 1\nb: {c: 1, c: 2}", ("AS102", 2, 11)),
    "an anchor in itself": ("a: &a [*a]", ("AS101", 1, 8)),
    "an anchor of a mapping in itself": ("a: &a {b: *a}", ("AS101", 1, 11)),
    "an alias before its anchor": ("a: *b\nb: &b 1", ("AS101", 1, 4)),
    "a merge key": ("a: &a {b: 1}\nc:\n  <<: *a", ("AS105", 3, 3)),
    "a merge key of nothing to merge": ("a: {<<: 1}", ("AS105", 1, 5)),
    "a tag of ours": ("a: !conv {b: 1}", ("AS105", 1, 4)),
    "a tag of numbers": ("a: !!int 3", ("AS105", 1, 4)),
    "a tag of binary": ("a: !!binary abcd", ("AS105", 1, 4)),
    "a tag of a sequence": ("a: !!omap [b: 1]", ("AS105", 1, 4)),
    "two documents": ("a: 1\n---\nb: 2\n", ("AS105", 2, 1)),
    "a document after an end": ("a: 1\n...\n---\nb: 2\n", ("AS105", 3, 1)),
    "a tab before a dash": ("a:\n\t- 1", ("AS101", 2, 1)),
    "a tab in the indentation": ("a:\n  b: 1\n\tc: 2", ("AS101", 3, 1)),
    "an unclosed bracket": ("a: [1, 2\n", ("AS101", 1, 4)),
    "an unclosed quote": ("a: 'b\n", ("AS101", 1, 4)),
    "a bracket of the other kind": ("a: [1, 2}", ("AS101", 1, 9)),
    "an unknown escape": (r'a: "\q"', ("AS101", 1, 5)),
    "a reserved mark": ("a: @b", ("AS101", 1, 4)),
    "a null byte": ("a: 1\nb: \x00", ("AS002", 2, 4)),
    "a bell": ("a: 1\r\nb: x\x07", ("AS002", 2, 5)),
    "a bell behind another line end": ("a: 1\u2028b: x\x07", ("AS002", 2, 5)),
    "a control character of Latin-1": ("a: 1\nb: x\x9b", ("AS002", 2, 5)),
}


@pytest.mark.parametrize("title", REFUSED)
def test_what_is_no_plain_yaml_is_refused_where_it_stands(title: str) -> None:
    text, expected = REFUSED[title]
    _, sink = _parsed(text)
    (found,) = [d for d in sink.sorted() if d.severity is Severity.ERROR]
    assert (found.code, *found.span[:2]) == expected, found.message
    assert found.help


def test_a_quoted_merge_sign_is_a_key_like_any_other() -> None:
    assert plain(_value('"<<": 1')) == {"<<": 1}


def test_bytes_that_are_not_utf_8_are_named() -> None:
    for data, byte in ((b"a: \xff", "0xff"), (b"\xff\xfea\x00", "0xff"), (b"\x89PNG\r\n", "0x89")):
        sink = Sink()
        assert decode("a.yaml", data, sink) is None
        (found,) = sink.sorted()
        assert found.code == "AS002" and byte in found.message and found.help


def test_a_file_of_a_hundred_megabytes_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)
    data = read_source(str(path))
    assert len(data) == LARGEST_FILE + 1
    sink = Sink()
    assert decode(str(path), data, sink) is None
    assert [d.code for d in sink.sorted()] == ["AS003"]


def test_a_file_at_the_limit_is_read() -> None:
    sink = Sink()
    source = decode("a", b"a: 1 #" + b"x" * (LARGEST_FILE - 6), sink)
    assert source is not None
    assert parse(source, sink) is not None


@pytest.mark.parametrize(
    "text",
    [
        "[" * 30_000,
        "{a: " * 30_000,
        "- " * 30_000,
        "? " * 30_000,
        "a: " + "[" * 30_000 + "]" * 30_000,
        "!!x [" * 30_000,
        "&a [" * 30_000,
        "'" * 1_000_001,
        "\\" * 1_000_000,
        "*" * 1_000_000,
        "%" * 1_000_000,
        "a: |" + "\n" * 1_000_000,
        "\n" * 3_000_000 + "a: [",
    ],
)
def test_hostile_text_is_refused(text: str) -> None:
    value, sink = _parsed(text)
    assert value is not None or sink.has_errors


def test_sixty_levels_are_read() -> None:
    assert _value("[" * 60 + "]" * 60) is not None


def test_an_alias_bomb_is_refused_by_what_it_would_expand_to() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    value, sink = _parsed("\n".join(lines))
    assert value is None and [d.code for d in sink.sorted()] == ["AS104"]


def test_an_alias_stands_for_its_anchors_value() -> None:
    text = "a: &x {b: [1, &y 2]}\nc: *x\nd: *y\ne: &x 3\nf: *x\n"
    inner = {"b": (1, 2)}
    assert plain(_value(text)) == {"a": inner, "c": inner, "d": 2, "e": 3, "f": 3}


def test_any_bytes_are_a_value_or_a_diagnostic() -> None:
    """Seeded noise: pieces of YAML in any order never raise."""
    pieces = ["a", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ", ", "&a ", "*a", "!t ", "|\n", ">"]
    pieces += ["'", '"', "#", "---\n", "...", "\t", "? ", "%YAML 1.1\n", "~", "1", "\r", "\u2028"]
    generator = random.Random(0)
    for _ in range(3000):
        text = "".join(generator.choices(pieces, k=generator.randint(1, 14)))
        value, sink = _parsed(text)
        for found in sink.sorted():
            assert found.span.line >= 1 and found.span.column >= 1
            assert found.span.line <= len(found.span.source.lines())
        if value is None and not sink.has_errors:
            stripped = [line.split("#")[0].strip() for line in text.splitlines()]
            assert not any(line.strip(".-") for line in stripped if not line.startswith("%"))


def test_scalars_are_scalars() -> None:
    assert isinstance(_value("a"), Scalar)
