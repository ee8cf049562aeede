"""A symbolic size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from sympy import Add, Expr, Integer, Mul

from archspec.layers.sizes import NeedsNumber
from archspec.no_number import NoNumber
from archspec.symbolic import algebra
from archspec.symbolic.text import code, mathematics

if TYPE_CHECKING:
    from archspec.symbolic.symbols import Symbols


LONGEST_SUM = 40
"""Products in a sum that are shown as such."""


class Size(NoNumber):
    """A size that follows from the symbols of one network's inputs.

    It has `+ - * //` with ints and sizes of the same network, which give sizes, or an int where the
    symbols drop out; sizes with the same formula are equal. Whatever asks for its value raises
    NeedsNumber: questions go through archspec.layers.sizes.
    """

    __slots__ = ("_product", "formula", "symbols")

    def __init__(self, symbols: Symbols, formula: Expr, product: Expr | None = None) -> None:
        self.symbols = symbols
        self.formula = formula
        self._product = formula if product is None else product
        """The formula with products left as such, not multiplied out."""

    @property
    def names(self) -> list[str]:
        """The symbols that it follows from, in the order of the inputs."""
        own = algebra.names(self.formula)
        return [name for name in self.symbols.names if name in own]

    @property
    def code(self) -> str:
        """The formula as a program would have it: `(H + 1) // 2`."""
        return code(self._shown)

    @property
    def key(self) -> str:
        """The formula as a program would have it; equal sizes have equal keys."""
        return code(self.formula)

    @property
    def bare(self) -> str:
        """The formula as people write it, where nothing stands beside it."""
        return mathematics(self._shown, bare=True)

    def value(self, values: Any) -> Any:
        """The size where the symbols have these values, by name: ints, or whatever has `+ * //`."""
        return algebra.evaluate(self.formula, values)

    def __str__(self) -> str:
        return mathematics(self._shown)

    @property
    def _shown(self) -> Expr:
        return self._product if algebra.has_products(self.formula) else self.formula

    def __repr__(self) -> str:
        return self.code

    def __format__(self, spec: str) -> str:
        return str(self)  # A width, or a comma among thousands, is for numbers.

    def __hash__(self) -> int:
        return hash(self.formula)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Size):
            return False
        return self.symbols is other.symbols and bool(self.formula == other.formula)

    # Arithmetic

    def _made(self, formula: Expr, product: Expr | None = None) -> Any:
        if formula.is_Integer:
            return int(formula)
        made = Size(self.symbols, formula, product)
        self.symbols.count(made)
        return made

    def _both(self, other: Any) -> tuple[Expr, Expr]:
        if isinstance(other, Size):
            return other.formula, other._product
        if isinstance(other, int):
            return Integer(int(other)), Integer(int(other))
        raise NeedsNumber(self)

    def __add__(self, other: Any) -> Any:
        formula, product = self._both(other)
        total = self.formula + formula
        shown = self._product + product if algebra.has_products(total) else total
        return self._made(total, shown if len(shown.args) <= LONGEST_SUM else None)

    __radd__ = __add__

    def __neg__(self) -> Any:
        return self._made(-self.formula, -self._product)

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        formula, product = self._both(other)
        whole = algebra.multiplied(self.formula, formula)
        return self._made(whole, _times(self._product, product))

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        if type(other) is int and other > 0:
            return self._made(algebra.quotient(self.formula, other))
        if isinstance(other, Size):
            made = algebra.divided_exactly(self.formula, other.formula)
            if made is not None:
                return self._made(made)
            raise NeedsNumber(other)
        return NotImplemented

    # What sizes.py asks

    def assume_at_least(self, size: Any, least: Any) -> bool:
        return self.symbols.assume("at least", size, least)

    def assume_equal(self, one: Any, other: Any) -> bool:
        return self.symbols.assume("equal", one, other)

    def assume_divides(self, divisor: Any, size: Any) -> bool:
        if type(divisor) is not int:
            raise NeedsNumber(divisor)
        return self.symbols.assume("divisible by", size, divisor)

    def are_one(self, one: Any, other: Any) -> bool:
        return self.symbols.are_one(one, other)

    def smaller(self, one: Any, other: Any) -> Any:
        return self._chosen(one, other, algebra.Smaller, 1)

    def larger(self, one: Any, other: Any) -> Any:
        return self._chosen(one, other, algebra.Larger, -1)

    def _chosen(self, one: Any, other: Any, function: Any, sign: int) -> Any:
        a, b = formula_of(one), formula_of(other)
        for chosen, difference in ((one, b - a), (other, a - b)):
            least = algebra.least(sign * difference, self.symbols.spend)
            if least is not None and least >= 0:
                return chosen
        return self._made(function(a, b))

    def total(self, numbers: list[Any]) -> Any:
        products = Add(*[each._product if isinstance(each, Size) else each for each in numbers])
        whole = Add(*[formula_of(number) for number in numbers])
        return self._made(whole, products if len(products.args) <= LONGEST_SUM else None)

    def simpler(self, one: Any, other: Any) -> Any:
        """Of two sizes that are equal, the one that says more with less."""
        return min(one, other, key=lambda size: (not isinstance(size, int), len(str(size))))

    # What only a number can answer

    def _refuse(self, *_: Any) -> NoReturn:
        raise NeedsNumber(self)

    __bool__ = __int__ = __index__ = __float__ = __len__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __mod__ = __rmod__ = __divmod__ = __rdivmod__ = __truediv__ = __rtruediv__ = _refuse
    __rfloordiv__ = __pow__ = __rpow__ = __round__ = __abs__ = _refuse


def formula_of(size: Any) -> Expr:
    """The formula of a size, which may be an int."""
    return size.formula if isinstance(size, Size) else Integer(size)


def _times(one: Expr, other: Expr) -> Expr:
    """A product that stays one: of 3 (H - 4), sympy alone would make a sum."""
    if other.is_Integer:
        one, other = other, one
    number, rest = other.as_coeff_Mul()
    if one.is_Integer and rest.is_Add and one * number != 1:
        return Mul(one * number, rest, evaluate=False)
    return one * other
