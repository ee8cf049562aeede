"""Formulas as people write them, and as programs do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from sympy import Add, Expr, Mul, Symbol

from archspec.symbolic import algebra

_SUM, _PRODUCT, _ATOM = range(3)
"""How tightly a text holds together."""


class _Style(NamedTuple):
    """The signs of one way of writing."""

    times: str
    minus: str
    number: Callable[[int], str]
    floor: Callable[[Expr, int], tuple[str, int]]
    power: Callable[[str, int], tuple[str, int]]
    juxtaposed: bool
    negated: int
    """How tightly the first term of a sum must hold together, to have a minus sign before it."""


def mathematics(formula: Expr, *, bare: bool = False) -> str:
    """`⌈H / 2⌉`, `(H − 4)`: in brackets where it is a sum or a product, unless `bare`."""
    text, tightness = _written(formula, _MATHEMATICS)
    return text if bare or tightness == _ATOM else f"({text})"


def code(formula: Expr) -> str:
    """`(H + 1) // 2`: what Python would compute."""
    return _written(formula, _CODE)[0]


@lru_cache(maxsize=4096)
def _written(formula: Expr, style: _Style) -> tuple[str, int]:
    """The text of a formula, and how tightly it holds together."""
    if isinstance(formula, Symbol):
        return formula.name, _ATOM
    if formula.is_Integer:
        number = int(formula)
        text = style.number(abs(number))
        return (text, _ATOM) if number >= 0 else (f"{style.minus}{text}", _SUM)
    if formula.is_Add:
        return _sum(formula, style), _SUM
    if formula.is_Mul:
        return _product(formula, style)
    if formula.is_Pow:
        base, power = formula.as_base_exp()
        return style.power(_bound(base, style, _ATOM), int(power))
    if isinstance(formula, algebra.Floor):
        return style.floor(formula.args[0], int(formula.args[1]))
    word = {algebra.Smaller: "min", algebra.Larger: "max"}[type(formula)]
    inner = ", ".join(_written(argument, style)[0] for argument in formula.args)
    return f"{word}({inner})", _ATOM


def _bound(formula: Expr, style: _Style, tightness: int) -> str:
    """The text of a formula that stands beside others."""
    text, own = _written(formula, style)
    return text if own >= tightness else f"({text})"


def _sum(formula: Expr, style: _Style) -> str:
    text = ""
    terms = _ordered(Add.make_args(formula), style)
    # `5 − H`: a sum starts with what is added, where anything is.
    start = next((term for term in terms if not term.could_extract_minus_sign()), terms[0])
    terms.remove(start)
    for term in (start, *terms):
        negative = term.could_extract_minus_sign()
        written = _bound(-term if negative else term, style, _PRODUCT)
        if text:
            text += f" {style.minus if negative else '+'} {written}"
        else:
            text = _negated(-term, style) if negative else written
    return text


def _negated(formula: Expr, style: _Style) -> str:
    return style.minus + _bound(formula, style, style.negated)


def _product(formula: Expr, style: _Style) -> tuple[str, int]:
    coefficient, rest = formula.as_coeff_Mul()
    if coefficient < 0:
        return _negated(-formula, style), _SUM
    factors = [_bound(factor, style, _ATOM) for factor in _ordered(Mul.make_args(rest), style)]
    if coefficient != 1:
        number = style.number(int(coefficient))
        if style.juxtaposed and len(factors) == 1 and coefficient < 100:
            return number + factors[0], _ATOM
        factors.insert(0, number)
    return style.times.join(factors), _PRODUCT


def _ordered(parts: Iterable[Expr], style: _Style) -> list[Expr]:
    """Terms, or factors, in order: those that grow most first, a number last."""

    def order(part: Expr) -> tuple[int, int, str]:
        degree = sum(power for _, power in algebra.powers(part))
        below = sum(int(floor.args[1]) for floor in part.atoms(algebra.Floor))
        return -degree, below, _written(part, style)[0]

    return sorted(parts, key=order)


def _brackets(numerator: Expr, divisor: int) -> tuple[str, int]:
    number = int(numerator.as_coeff_Add()[0])
    left, right = "⌊⌋"
    if number == divisor - 1:
        numerator, (left, right) = numerator - number, "⌈⌉"
    return f"{left}{_bound(numerator, _MATHEMATICS, _PRODUCT)} / {divisor}{right}", _ATOM


def _double_slash(numerator: Expr, divisor: int) -> tuple[str, int]:
    # No product: `2 * a // b` would be another number.
    return f"{_bound(numerator, _CODE, _ATOM)} // {divisor}", _PRODUCT


def _raised(base: str, power: int) -> tuple[str, int]:
    return base + str(power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")), _ATOM


def _repeated(base: str, power: int) -> tuple[str, int]:
    # To Python, a * a // 2 is (a * a) // 2, and -a * a is -(a * a).
    return " * ".join([base] * power), _ATOM


_MATHEMATICS = _Style(
    times=" × ",
    minus="−",
    number=lambda number: f"{number:,}",
    floor=_brackets,
    power=_raised,
    juxtaposed=True,
    negated=_PRODUCT,
)
_CODE = _Style(
    times=" * ",
    minus="-",
    number=str,
    floor=_double_slash,
    power=_repeated,
    juxtaposed=False,
    negated=_ATOM,  # To Python, -a // 2 is (-a) // 2.
)
