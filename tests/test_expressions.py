"""Expressions: arithmetic with the usual meaning, and an error with its place for all else."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from archspec.expressions import (
    LARGEST,
    LONGEST,
    UNKNOWN,
    Expression,
    ExpressionError,
    Unknown,
    divisible,
    is_expression,
)
from tests.specs import Place, compiled, graph_of, places_of, shapes_of, spec

NAMES: dict[str, Any] = {
    "a": 7,
    "b": 2,
    "f": 0.5,
    "t": True,
    "l": (3, 4, (5, 6)),
    "s": "same",
    "in": 64,
    "index": 0,
    "n": None,
    "nan": math.nan,
    "inf": math.inf,
}


def _value(text: str) -> Any:
    return Expression(text).evaluate(NAMES)


VALUES: list[tuple[str, Any]] = [
    ("$a", 7),
    ("$a + $b * 2", 11),
    ("($a + $b) * 2", 18),
    ("$a - $b - 1", 4),
    ("$a / $b", 3.5),
    ("$a // $b", 3),
    ("-$a // $b", -4),
    ("$a % $b", 1),
    ("-$a", -7),
    ("+$a", 7),
    ("--$a", 7),
    ("$a * 1.0", 7.0),
    ("$in * 2", 128),
    ("$in*$in", 4096),
    ("2 if $index == 0 else 1", 2),
    ("2 if $index else 1", 1),
    ("1 if $a > 3 else 2 if $a > 1 else 3", 1),
    ("$a > 3", True),
    ("$a != 7", False),
    ("1 < $b < 3", True),
    ("1 < $b < 2", False),
    ("$a > 3 and $b > 3", False),
    ("$a > 3 or $b > 3", True),
    ("not $t", False),
    ("not $a == 7", False),
    ("$s == 'same'", True),
    ('$s != "valid"', True),
    ("$l[0]", 3),
    ("$l[-1][1]", 6),
    ("$l[$index + 1]", 4),
    ("min($a, $b)", 2),
    ("max($a, $b, 9)", 9),
    ("round($f * 5)", 2),  # to even, as Python and numpy round
    ("round($f * 7)", 4),
    ("ceil($a / $b)", 4),
    ("floor($a / $b)", 3),
    ("floor(-$a / $b)", -4),
    ("divisible($a * 8, 8)", 56),
    ("  $a  ", 7),
    ("$a\n+ $b", 9),
    ("max($a,\n  $b)", 7),
    ("1e3 * $b", 2000.0),
    ("0x10 + $b", 18),
    ("$t", True),
    ("$s", "same"),
    ("$l", (3, 4, (5, 6))),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_an_expression_has_the_value_of_arithmetic(text: str, value: Any) -> None:
    found = _value(text)
    assert found == value and type(found) is type(value)


# Channels: MobileNetV2 (Sandler et al. 2018, table 2) at the widths of its reference models, as
# torchvision and the TensorFlow code have them; V3 (Howard et al. 2019): squeezes of a quarter.
@pytest.mark.parametrize(
    ("value", "result"),
    [
        (32 * 0.35, 16),  # 11.2: 8 would lose more than a tenth
        (16 * 0.35, 8),
        (24 * 0.35, 8),
        (32 * 0.5, 16),
        (24 * 0.5, 16),  # 12 rounds up
        (96 * 0.35, 32),  # 33.6
        (160 * 0.35, 56),
        (320 * 0.35, 112),
        (24 * 0.75, 24),  # 18: 16 would lose more than a tenth
        (32 * 0.75, 24),
        (24 * 1.4, 32),  # 33.6
        (32 * 1.4, 48),  # 44.8
        (1280 * 1.4, 1792),
        (72 / 4, 24),  # V3-large, first squeeze: 18
        (120 / 4, 32),
        (480 / 4, 120),
        (672 / 4, 168),
        (960 / 4, 240),
        (16 / 4, 8),  # V3-small, first squeeze: 4
        (96 / 4, 24),
        (240 / 4, 64),
        (144 / 4, 40),
        (288 / 4, 72),
        (576 / 4, 144),
        (1, 8),
    ],
)
def test_divisible_is_mobilenets_rule_for_channels(value: float, result: int) -> None:
    assert divisible(value, 8) == result
    assert Expression("divisible($x, 8)").evaluate({"x": value}) == result


def test_divisible_loses_at_most_a_tenth() -> None:
    for value in range(1, 3000):
        found = divisible(value, 8)
        assert found % 8 == 0 and found >= 0.9 * value and (found == 8 or found <= value + 8)


def test_only_what_is_asked_for_is_evaluated() -> None:
    assert _value("$a if $t else $a / 0") == 7
    assert _value("$t or $a / 0 > 1") is True
    assert _value("$index > 0 and $l[9] > 1") is False
    assert Expression("$a if $t else $u").evaluate({**NAMES, "u": UNKNOWN}) == 7


def test_a_name_without_a_value_is_unknown_and_no_error() -> None:
    with pytest.raises(Unknown):
        Expression("$a + $b").evaluate({"a": 1, "b": UNKNOWN})


def test_the_names_of_an_expression_are_those_it_mentions() -> None:
    assert Expression("$a + $b * max($in, $a)").names == {"a", "b", "in"}


def test_only_a_dollar_and_a_name_make_an_expression() -> None:
    for text in ("$a", "3 * $a", "x$a", "$_", "${a} $b"):
        assert is_expression(text)
    for text in ("", "a", "3 * 4", "5$", "$ 5", "$5", "US$"):
        assert not is_expression(text)


# The part of the text that is to blame, and the code.
ERRORS: dict[str, tuple[str, str]] = {
    "$a +": ("AS401", "+"),
    "$a $b": ("AS401", ""),
    "($a": ("AS401", "("),
    "$a)": ("AS401", ")"),
    "$a = 3": ("AS401", ""),
    "$a; $b": ("AS401", ""),
    "$a + c": ("AS401", "c"),
    "a + $a": ("AS401", "a"),
    "$a + $": ("AS401", "$"),
    "$a + $5": ("AS401", "$"),
    "$a ** 2": ("AS401", "**"),
    "9**9**9 + $a": ("AS401", "**"),
    "$a << 9": ("AS401", "$a << 9"),
    "$a & 1": ("AS401", "&"),
    "$a | 1": ("AS401", "|"),
    "~$a": ("AS401", "~$a"),
    "$a @ $b": ("AS401", "$a @ $b"),
    "$a in $l": ("AS401", "$a in $l"),
    "$a is $b": ("AS401", "$a is $b"),
    "$a.real": ("AS401", "$a.real"),
    "1 + $a.__class__": ("AS401", "$a.__class__"),
    "().__class__ + $a": ("AS401", "().__class__"),
    "$a()": ("AS401", "$a"),
    "$max($a, 3)": ("AS401", "$max"),
    "open($a)": ("AS401", "open"),
    "__import__('os') + $a": ("AS401", "__import__"),
    "$l.index(3)": ("AS401", "$l.index"),
    "(lambda: $a)()": ("AS401", "lambda: $a"),
    "lambda: $a": ("AS401", "lambda: $a"),
    "[x for x in $l]": ("AS401", "[x for x in $l]"),
    "{$a: 1}": ("AS401", "{$a: 1}"),
    "[$a, $b]": ("AS401", "[$a, $b]"),
    "($a, $b)": ("AS401", "($a, $b)"),
    "f'{$a}'": ("AS401", ""),
    "(x := $a)": ("AS401", "x := $a"),
    "*$a": ("AS401", ""),
    "max(*$l)": ("AS401", "max(*$l)"),
    "max($a)": ("AS401", "max($a)"),
    "round($a, 2)": ("AS401", "round($a, 2)"),
    "max($a, key=$b)": ("AS401", "max($a, key=$b)"),
    "divisible($a)": ("AS401", "divisible($a)"),
    "$l[0:1]": ("AS401", "0:1"),
    "$l[0, 1]": ("AS401", "0, 1"),
    "await $a": ("AS401", ""),
    "yield $a": ("AS401", ""),
    "None or $a": ("AS401", "None"),
    "b'x' == $a": ("AS401", "b'x'"),
    "3j + $a": ("AS401", "3j"),
    "... or $a": ("AS401", "..."),
    "$a × 2": ("AS401", "×"),
    "$a # 2 ×": ("AS401", "×"),
    "$a + " + "9" * 60: ("AS404", "9" * 60),
    "$x": ("AS402", "$x"),
    "$a + $nope * 2": ("AS402", "$nope"),
    "$a / 0": ("AS403", "$a / 0"),
    "1 + $a // ($b - 2)": ("AS403", "$a // ($b - 2)"),
    "$a % 0": ("AS403", "$a % 0"),
    "$l[3]": ("AS403", "$l[3]"),
    "$l[-4]": ("AS403", "$l[-4]"),
    "$l[0.5]": ("AS403", "$l[0.5]"),
    "$l[$t]": ("AS403", "$l[$t]"),
    "$a[0]": ("AS403", "$a[0]"),
    "$s[0]": ("AS403", "$s[0]"),
    "$s + 1": ("AS403", "$s"),
    "1 + $t": ("AS403", "$t"),
    "2 * $l": ("AS403", "$l"),
    "$n + 1": ("AS403", "$n"),
    "-$s": ("AS403", "$s"),
    "'%d' % $a": ("AS403", "'%d'"),
    "'x' * $a": ("AS403", "'x'"),
    "max($a, $s)": ("AS403", "$s"),
    "$a < $s": ("AS403", "$a < $s"),
    "divisible($a, 0)": ("AS403", "divisible($a, 0)"),
    "divisible($a, 1.5)": ("AS403", "divisible($a, 1.5)"),
    "$a * 4611686018427387904 * 2": ("AS404", "$a * 4611686018427387904"),
    "1e300 * 1e300 * $a": ("AS404", "1e300 * 1e300"),
    "$nan + 1": ("AS404", "$nan + 1"),
    "round($inf)": ("AS404", "round($inf)"),
    "ceil($nan)": ("AS404", "ceil($nan)"),
    "floor(1e400 if $t else 1)": ("AS404", "floor(1e400 if $t else 1)"),
}


@pytest.mark.parametrize("text", ERRORS)
def test_what_is_no_arithmetic_is_an_error_at_its_place(text: str) -> None:
    code, blamed = ERRORS[text]
    with pytest.raises(ExpressionError) as caught:
        _value(text)
    error = caught.value
    assert error.code == code
    assert error.message and error.help
    assert 0 <= error.start < len(text)
    if blamed:
        assert text[error.start : error.start + error.length] == blamed


HOSTILE: list[str] = [
    "9**9**9**9 + $a",
    "$a" + " * 9" * 1000,
    "(" * 200 + "$a" + ")" * 200,
    "(" * 199 + "$a" + ")" * 199,
    "-" * 398 + "$a",
    "not " * 99 + "$a",
    "[" * 199 + "$a",
    "$l" + "[0]" * 130,
    "$a" + " if $a else $a" * 28,
    "$a+" * 130 + "$a",
    "$a<" * 130 + "$a",
    "max(" * 90 + "$a",
    "$a" * 100_000,
    "9" * 390 + "+$a",
    "9e999999999 * $a",
    "0x" + "f" * 390 + " - $a",
    "$a" + "\\" * 300,
    "$a" + "\n" * 300 + "+",
    "$a\x00",
    "'" * 399 + "$a",
    "$a" + "é" * 10,
    "\ud800$a",
    "divisible($a, 4611686018427387904) * divisible($a, 4611686018427387904)",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_expression_is_an_error_or_a_number_within_a_moment(text: str) -> None:
    try:
        value = _value(text)
        assert isinstance(value, int | float | bool)
    except ExpressionError as error:
        assert 0 <= error.start <= len(text) and error.message and error.help


def test_an_expression_that_is_too_long_is_refused_unread() -> None:
    assert Expression("$a" + " " * (LONGEST - 2)).evaluate(NAMES) == 7
    with pytest.raises(ExpressionError) as caught:
        Expression("$a" + " " * (LONGEST - 1))
    assert caught.value.code == "AS401"


def test_no_number_grows_beyond_the_cap() -> None:
    assert _value(f"$a * 0 + {LARGEST}") == LARGEST
    with pytest.raises(ExpressionError):
        _value(f"$a * 0 + {LARGEST} + 1")


def test_no_text_raises_anything_but_an_expression_error() -> None:
    """Seeded noise, of pieces of expressions and of any characters."""
    pieces = "$a $b $l $s $in $t $x ( ) [ ] + - * / // % ** < <= == and or not if else min( max( , "
    pieces += "round( ceil( floor( divisible( 0 1 2.5 1e9 'x' \" . : := = lambda for in is f' # \\ "
    pieces += "{ } ~ @ & | ^ ; ! $ $1 é \n \t None True ... 99999999999999999999"
    words = pieces.split(" ")
    generator = random.Random(0)
    values = 0
    for _ in range(20_000):
        if generator.random() < 0.2:
            text = "".join(chr(generator.randint(1, 0x2FF)) for _ in range(generator.randint(0, 9)))
        else:
            gap = generator.choice(["", " "])
            text = gap.join(generator.choices(words, k=generator.randint(1, 9)))
        try:
            _value(text)
            values += 1
        except ExpressionError as error:
            assert 0 <= error.start <= max(0, len(text) - 1), text
            assert error.length >= 0
    assert values > 100  # Some of the noise is arithmetic.


# In a spec


def _errors_of(layers: str) -> list[Place]:
    return places_of(compiled(spec(layers, input="[4]")))


def test_an_error_in_an_expression_points_into_the_text_however_it_is_quoted() -> None:
    for written, column in (
        ("2 * $x + 1", 13),
        ("'2 * $x + 1'", 14),
        ('"2 * $x + 1"', 14),
        ("  2 * $x", 15),
    ):
        (found,) = _errors_of(f"- fc: {written}")
        # `  - fc: ` is eight characters; the expression's third word follows.
        assert (found[0], found[1], found[2]) == ("AS402", 5, column)


def test_an_error_in_an_escaped_or_folded_text_points_at_the_text() -> None:
    for written in (r'"\x32 * $x"', "|\n      2 * $x", ">\n      2 *\n      $x"):
        (found,) = _errors_of(f"- fc: {written}")
        assert found[:2] == ("AS402", 5) and found[2] == 9


def test_the_channels_coming_in_are_known_where_a_step_stands() -> None:
    graph = graph_of(
        spec(
            "- conv: {out_channels: $in * 2, kernel_size: 1}\n- conv:\n"
            "    {out_channels: $in * 2, kernel_size: 1, groups: $in}"
        )
    )
    assert shapes_of(graph) == {"conv1": (6, 8, 8), "conv2": (12, 8, 8)}


@pytest.mark.parametrize(
    ("text", "blamed", "help"),
    [
        ("$a && $b", "&&", "write `and`"),
        ("$a || $b", "||", "write `or`"),
        ("not $a or !$b", "!", "write `not`"),
        ("$a ^ 2", "^", "multiply: `$a * $a`"),
        ("2 if $index = 0 else 1", "=", "write `==`"),
        ("$a === 1", "===", "write `==`"),
        ("$a > 1 ? 2 : 3", "?", "write `a if b else c`"),
        ("$depths.2", ".2", "write `[2]`"),
        ("int($a / 2)", "int", "write `floor`, or divide with `//`"),
        ("$a × 2", "×", "write `*`"),
        ("$a − 2", "−", "write `-`"),
        ("$a ≤ 2", "≤", "write `<=`"),
        ("flor($a)", "flor", "did you mean `floor`?"),
        ("1 if $a == '&&' else 2 ** 3", "**", "multiply: `$a * $a`"),
    ],
)
def test_what_another_language_writes_is_told_what_to_write_here(
    text: str, blamed: str, help: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        _value(text)
    error = caught.value
    assert (text[error.start : error.start + error.length], error.help) == (blamed, help)
