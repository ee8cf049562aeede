"""Formulas of integers: sums and products of symbols and of floors, with sympy beneath.

A formula is a sympy expression of symbols, which stand for integers of at least 1, with integer
coefficients, and of the functions below. It is kept expanded, and its floors in one form each, so
that two formulas that are written alike are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from math import gcd, lcm
from typing import Any

import sympy
from sympy import Add, Expr, Integer, Symbol

from archspec.layers.sizes import larger, smaller

MOST_EVALUATED = 4096
"""Values of a formula that are computed to decide a question about it."""


class Floor(sympy.Function):  # type: ignore[misc]  # sympy has no types
    """⌊numerator / denominator⌋, the denominator a number above 1."""

    nargs = 2
    is_integer = True


class Smaller(sympy.Function):  # type: ignore[misc]
    """The smaller of two formulas."""

    nargs = 2
    is_integer = True


class Larger(sympy.Function):  # type: ignore[misc]
    """The larger of two formulas."""

    nargs = 2
    is_integer = True


def symbol(name: str) -> Expr:
    """An integer of at least 1."""
    return Symbol(name, integer=True, positive=True)


def terms(formula: Expr) -> Iterator[tuple[Expr, int]]:
    """The products of symbols and floors in a formula, each with its coefficient; 1 for what is a
    number.
    """
    for term, coefficient in formula.as_coefficients_dict().items():
        yield term, int(coefficient)


def has_products(formula: Expr) -> bool:
    """Whether symbols and floors are multiplied with one another in it."""
    return any(sum(power for _, power in powers(term)) > 1 for term, _ in terms(formula))


def multiplied(one: Expr, other: Expr) -> Expr:
    """The product of two formulas, multiplied out."""
    return Add(*[c * d * a * b for a, c in terms(one) for b, d in terms(other)])


def quotient(formula: Expr, divisor: int) -> Expr:
    """⌊formula / divisor⌋, for a divisor above 0.

    What the divisor divides comes out of the floor, coefficients in it are below the divisor, and a
    floor in the floor becomes one: ⌊(⌊a / q⌋ + c) / d⌋ = ⌊(a + c q) / (q d)⌋.
    """
    if divisor == 1:
        return formula
    parts = dict(terms(formula))
    number = parts.pop(Integer(1), 0)
    if parts and all(coefficient < 0 for coefficient in parts.values()):
        # A ceiling, written as people do: -(-n // s).
        return -quotient(-formula + divisor - 1, divisor)
    whole = sum((c // divisor * term for term, c in parts.items()), Integer(number // divisor))
    rest = {term: c % divisor for term, c in parts.items() if c % divisor}
    common = gcd(divisor, *rest.values())
    number, divisor = number % divisor // common, divisor // common
    if divisor == 1 or not rest:
        return whole + sum(c // common * term for term, c in rest.items())
    numerator = sum((c // common * term for term, c in rest.items()), Integer(number))
    floors = [term for term in rest if isinstance(term, Floor)]
    if len(floors) == 1 and rest[floors[0]] == common:
        inner, below = floors[0].args
        return whole + quotient(inner + below * (numerator - floors[0]), int(below) * divisor)
    return whole + Floor(numerator, Integer(divisor))


def divided_exactly(formula: Expr, divisor: Expr) -> Expr | None:
    """The formula that makes `formula` when it is multiplied by `divisor`; None where none does."""
    factors = sorted(_factors(formula) | _factors(divisor), key=str)
    stand_ins = {factor: sympy.Dummy() for factor in factors}
    made, rest = sympy.div(
        formula.xreplace(stand_ins), divisor.xreplace(stand_ins), *stand_ins.values(), domain="QQ"
    )
    if rest != 0 or not all(c.is_Integer for c in made.as_coefficients_dict().values()):
        return None
    return sympy.expand(made.xreplace({dummy: atom for atom, dummy in stand_ins.items()}))


def _factors(formula: Expr) -> set[Expr]:
    """The symbols and floors that a formula's terms are products of."""
    return {base for term, _ in terms(formula) for base, _ in powers(term)}


def powers(term: Expr) -> Iterator[tuple[Expr, int]]:
    """The symbols and floors that a term is the product of, each with its power."""
    for factor in sympy.Mul.make_args(term):
        base, power = factor.as_base_exp()
        if not base.is_Integer:
            yield base, int(power)


@lru_cache(maxsize=4096)
def length(formula: Expr) -> int:
    """How many symbols, floors and choices it takes to write a formula."""
    return sum(map(length, formula.args)) if formula.args else int(formula.is_Symbol)


def isolated(formula: Expr) -> Iterator[tuple[str, int, Expr]]:
    """The symbols that a formula is a multiple of and a rest without them: each with the number of
    times and the rest.
    """
    for term, times in terms(formula):
        if isinstance(term, Symbol):
            rest = formula - times * term
            if term.name not in names(rest):
                yield term.name, times, rest


@lru_cache(maxsize=4096)
def work(formula: Expr) -> int:
    """How many operations it takes to evaluate a formula, its symbols and numbers included."""
    return 1 + sum(map(work, formula.args))


@lru_cache(maxsize=4096)
def names(formula: Expr) -> frozenset[str]:
    """The symbols that a formula speaks of."""
    return frozenset(free.name for free in formula.free_symbols)


# Values

Evaluate = Callable[[Mapping[str, Any]], Any]


def evaluate(formula: Expr, values: Mapping[str, Any]) -> Any:
    """The formula's value where symbols have these: ints, or whatever has `+ * //`."""
    return _compiled(formula)(values)


@lru_cache(maxsize=4096)
def _compiled(formula: Expr) -> Evaluate:
    if formula.is_Integer:
        number = int(formula)
        return lambda values: number
    if isinstance(formula, Symbol):
        name = formula.name
        return lambda values: values[name]
    arguments = [_compiled(argument) for argument in formula.args]
    if formula.is_Add:
        return lambda values: _sum([each(values) for each in arguments])
    if formula.is_Mul:
        return lambda values: _product([each(values) for each in arguments])
    first, second = arguments
    if formula.is_Pow:
        return lambda values: _product([first(values)] * second(values))
    if isinstance(formula, Floor):
        return lambda values: first(values) // second(values)
    choose = {Smaller: smaller, Larger: larger}[type(formula)]
    return lambda values: choose(first(values), second(values))


def _sum(values: list[Any]) -> Any:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def _product(values: list[Any]) -> Any:
    total = values[0]
    for value in values[1:]:
        total = total * value
    return total


Spend = Callable[[int], None]
"""Is told how much work is about to be done: about how many operations on numbers. It may raise an
error to say that this is too much.
"""

# How formulas of one symbol go on


@lru_cache(maxsize=4096)
def step(formula: Expr) -> tuple[int, int] | None:
    """A period and a growth (p, g) of a formula of one symbol, f(n + p) = f(n) + g for every n;
    None for one without, such as a square.
    """
    if formula.is_Integer:
        return 1, 0
    if isinstance(formula, Symbol):
        return 1, 1
    if isinstance(formula, Floor):
        inner = step(formula.args[0])
        if inner is None:
            return None
        period, growth = inner
        divisor = int(formula.args[1])
        times = divisor // gcd(divisor, growth)
        return period * times, growth * times // divisor
    if isinstance(formula, Smaller | Larger):
        both = [step(argument) for argument in formula.args]
        if None in both:
            return None
        (p, g), (q, h) = (each for each in both if each is not None)
        period = lcm(p, q)
        # Of two that grow at different rates one wins in the end, but not from the start.
        return (period, g * (period // p)) if g * q == h * p else None
    period, growths = 1, []
    for term, coefficient in terms(formula):
        if term.is_Mul or term.is_Pow:
            return None
        found = step(term)
        if found is None:
            return None
        growths.append((found[0], coefficient * found[1]))
        period = lcm(period, found[0])
    return period, sum(g * (period // p) for p, g in growths)


def least(formula: Expr, spend: Spend) -> int | None:
    """A number that the formula never goes below: the least that there is, for a sum of formulas of
    one symbol each that have a `step`; None where it may go below any, or that is not known.
    """
    spend(_LOOK + work(formula))
    bounds = [_least_of_part(part, of, spend) for of, part in _parts(formula).items()]
    known = [bound for bound in bounds if bound is not None]
    return sum(known) if len(known) == len(bounds) else None


def steps(formula: Expr) -> list[tuple[int, int] | None]:
    """The steps of the parts of a formula that speak of one symbol each, and None for a part that
    speaks of several.
    """
    return [step(part) if len(of) <= 1 else None for of, part in _parts(formula).items()]


def _parts(formula: Expr) -> dict[frozenset[str], Expr]:
    """What a formula is the sum of, by the symbols that each part speaks of."""
    parts: dict[frozenset[str], Expr] = {}
    for term, coefficient in terms(formula):
        of = names(term)
        parts[of] = parts.get(of, Integer(0)) + coefficient * term
    return parts


_LOOK = 40
"""What taking a formula apart costs, counted in operations on numbers."""


def _least_of_part(part: Expr, of: frozenset[str], spend: Spend) -> int | None:
    if part.is_Integer:
        return int(part)
    motion = step(part) if len(of) == 1 else None
    if motion is not None and motion[0] <= MOST_EVALUATED:
        (name,) = of
        period, growth = motion
        if growth < 0:
            return None
        spend(period * work(part))
        values: list[int] = [evaluate(part, {name: n}) for n in range(1, period + 1)]
        return min(values)
    # Products of what is never below 0, added up, are least where each factor is.
    total = 0
    for term, coefficient in terms(part):
        least_of_term = coefficient
        for base, power in powers(term):
            bound = _least_of_factor(base, spend)
            if bound is None or bound < 0 or coefficient < 0:
                return None
            least_of_term *= bound**power
        total += least_of_term
    return total


def _least_of_factor(factor: Expr, spend: Spend) -> int | None:
    if isinstance(factor, Symbol):
        return 1
    bounds = [least(argument, spend) for argument in factor.args]
    if isinstance(factor, Floor):
        return None if bounds[0] is None else bounds[0] // int(factor.args[1])
    known = [bound for bound in bounds if bound is not None]
    if isinstance(factor, Larger):
        return max(known, default=None)
    return min(known) if len(known) == len(bounds) else None
