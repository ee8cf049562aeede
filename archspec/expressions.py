"""`$width * 2`: arithmetic in a spec, safe on any input.

An expression is parsed by Python's own parser, then walked once over a whitelist of syntax into a
closure; nothing is ever evaluated by Python itself. There are no attributes, no calls but the few
named, no powers, and every number is capped, so time and memory are too.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from archspec.no_number import NoNumber
from archspec.words import suggestion

LONGEST = 400
"""Characters."""
LARGEST = 2**62
"""No number that a network needs comes near."""
_DEEPEST = 40

_SPACES = {ord(character): " " for character in "\n\r\f\t\v"}
"""In one line, a column of the code is a column of the text."""
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")

Names = Mapping[str, Any]
Evaluate = Callable[[Names], Any]


class ExpressionError(Exception):
    """An expression that cannot be read or evaluated.

    `start` and `length` say which part of the text is to blame, and `instead` what is certainly
    meant in its place, if that is known.
    """

    def __init__(
        self, code: str, message: str, start: int, length: int, help: str = "", instead: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.start = start
        self.length = length
        self.help = help
        self.instead = instead


class Unknown(Exception):
    """A name whose value could not be computed, because of an error reported elsewhere."""


UNKNOWN = object()
"""The value of a name that an error elsewhere left without one; to use it raises Unknown."""


def is_expression(text: str) -> bool:
    """Whether a string holds a variable, and is arithmetic rather than itself."""
    return "$" in text and _VARIABLE.search(text) is not None


class Expression:
    """An expression ready to be evaluated; `names` are the variables it mentions."""

    __slots__ = ("_evaluate", "names", "text")

    def __init__(self, text: str) -> None:
        """Raises ExpressionError (AS401) where `text` is not an expression."""
        self.text = text
        self.names, self._evaluate = _compile(text)

    def evaluate(self, names: Names) -> Any:
        """The value, given that of each variable.

        Raises ExpressionError (AS402 to AS404), or Unknown where a variable has no value.
        """
        return self._evaluate(names)


@lru_cache(maxsize=1024)  # A spec says the same few things in many places.
def _compile(text: str) -> tuple[frozenset[str], Evaluate]:
    if len(text) > LONGEST:
        message = f"an expression may have {LONGEST} characters, not {len(text)}"
        raise ExpressionError("AS401", message, 0, len(text), "give its parts names in `vars`")
    if not text.isascii():
        bad = next(i for i, c in enumerate(text) if not c.isascii())
        _refuse_slip(text)
        message = f"`{text[bad]}` cannot stand in an expression"
        raise ExpressionError("AS401", message, bad, 1, _ALLOWED)
    # `$in` is no Python name: `$` becomes `_`, which keeps every column where it was.
    variables = {match.start(): match.group(1) for match in _VARIABLE.finditer(text)}
    for start, name in variables.items():
        before, after = text[start - 1 : start], text[start + 1 + len(name) :][:1]
        if before.isalnum() or before == "_" or after == "$":
            message = "two values stand side by side"
            help = "put an operator between them: `$a * $b`"
            raise ExpressionError("AS401", message, start, 1 + len(name), help)
    stray = re.search(r"\$(?![A-Za-z_])", text)
    if stray:
        help = "write the variable's name after the `$`"
        raise ExpressionError("AS401", "a `$` without a name", stray.start(), 1, help)
    lead = len(text) - len(text.lstrip())
    code = _VARIABLE.sub(r"_\1", text).translate(_SPACES).strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code, mode="eval")
    except SyntaxError as error:
        _refuse_slip(text)
        # Python calls the end of the text 0, or places it behind the last character.
        start = lead + (error.offset or len(code)) - 1
        start = max(0, min(start, lead + len(code) - 1))
        message = f"`{text.strip()}` is not an expression: {error.msg}"
        raise ExpressionError("AS401", message, start, 1, _ALLOWED) from None
    except (ValueError, RecursionError, MemoryError):
        message = "this expression cannot be read"
        raise ExpressionError("AS401", message, 0, len(text), _ALLOWED) from None
    evaluate = _Compiler(text, variables, lead).compile(tree.body, 0)
    return frozenset(variables.values()), evaluate


def _refuse_slip(text: str) -> None:
    """Raise ExpressionError where a piece of the text belongs to another language."""
    from archspec.slips import slip  # Where there is an error alone.

    found = slip(text)
    if found:
        raise ExpressionError("AS401", found.message, found.start, found.length, found.help)


_HELP = {
    "AS307": "give the input's sizes numbers with `--set`, or take channels, not a flat value",
    "AS402": "give it a value under `vars`",
    "AS403": "check what the variables are here",
    "AS404": "no network needs a number beyond 2 to the 62: check the units",
}
_ALLOWED = (
    "use numbers, $variables, + - * / // %, comparisons, and, or, not, `a if b else c`, "
    "`$list[0]`, min, max, round, ceil, floor, divisible"
)


def divisible(value: float, divisor: int) -> int:
    """The multiple of `divisor` nearest to `value` that loses at most a tenth of it
    (the rule of MobileNet's reference code for channel counts).
    """
    result = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return result + divisor if result < 0.9 * value else result


_FUNCTIONS: dict[str, tuple[Callable[..., Any], range]] = {
    "min": (min, range(2, 17)),
    "max": (max, range(2, 17)),
    "round": (round, range(1, 2)),
    "ceil": (math.ceil, range(1, 2)),
    "floor": (math.floor, range(1, 2)),
    "divisible": (divisible, range(2, 3)),
}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class _Compiler:
    """Turns whitelisted syntax into closures over the variables' values."""

    def __init__(self, text: str, variables: Mapping[int, str], lead: int) -> None:
        self.text = text
        self.variables = variables
        self.lead = lead

    def compile(self, node: ast.expr, depth: int) -> Evaluate:
        if depth > _DEEPEST:
            help = "give its parts names in `vars`"
            raise self.error("AS401", "this expression is nested too deep", node, help)
        compiler: Callable[[Any, int], Evaluate] | None = getattr(
            self, f"_{type(node).__name__}", None
        )
        if compiler is None:
            raise self.not_allowed(node)
        return compiler(node, depth + 1)

    def of(self, node: ast.expr) -> str:
        """The piece of the text that `node` was read from, in backticks."""
        start, length = self.place(node)
        return f"`{self.text[start : start + length]}`"

    def place(self, node: ast.expr) -> tuple[int, int]:
        start = node.col_offset + self.lead
        end = node.end_col_offset or node.col_offset + 1
        return start, end + self.lead - start

    def error(self, code: str, message: str, node: ast.expr, help: str = "") -> ExpressionError:
        return ExpressionError(code, message, *self.place(node), help or _HELP.get(code, ""))

    def not_allowed(self, node: ast.expr) -> ExpressionError:
        _refuse_slip(self.text)
        return self.error("AS401", f"{self.of(node)} is not allowed here", node, _ALLOWED)

    def _Constant(self, node: ast.Constant, _: int) -> Evaluate:
        value = node.value
        if type(value) not in (int, float, bool, str):
            raise self.not_allowed(node)
        start, length = self.place(node)
        if isinstance(value, str) and "$" in self.text[start : start + length]:
            message = "a variable in a string is not filled in"
            raise self.error("AS401", message, node, "compare the variable itself: `$a == 'text'`")
        if type(value) is int and value > LARGEST:
            raise self.error("AS404", f"{self.of(node)} is too large", node)
        return lambda _names: value

    def _Name(self, node: ast.Name, _: int) -> Evaluate:
        name = self.variables.get(node.col_offset + self.lead)
        if name is None:
            help = f"write `${node.id}` for the variable"
            if node.id.lower() in ("true", "false"):
                help = "leave the comparison out: `$a` is true or false by itself, and `not $a`"
            raise self.error("AS401", f"`{node.id}` is not a number or a variable", node, help)

        def variable(names: Names) -> Any:
            try:
                value = names[name]
            except KeyError:
                raise self.error("AS402", f"there is no variable `${name}` here", node) from None
            if value is UNKNOWN:
                raise Unknown
            if isinstance(value, NoNumber):
                message = f"`${name}` is {value} here, and not a number"
                raise self.error("AS307", message, node)
            return value

        return variable

    def _BinOp(self, node: ast.BinOp, depth: int) -> Evaluate:
        function = _BINARY.get(type(node.op))
        if function is None:
            raise self.not_allowed(node)
        left = self.compile(node.left, depth)
        right = self.compile(node.right, depth)

        def binary(names: Names) -> Any:
            a = self.number(left(names), node.left)
            b = self.number(right(names), node.right)
            try:
                return self.capped(function(a, b), node)
            except ZeroDivisionError:
                message = f"{self.of(node.right)} is 0 here, and divides"
                raise self.error("AS403", message, node) from None
            except OverflowError:
                raise self.error("AS404", f"{self.of(node)} is too large", node) from None

        return binary

    def _UnaryOp(self, node: ast.UnaryOp, depth: int) -> Evaluate:
        operand = self.compile(node.operand, depth)
        if isinstance(node.op, ast.Not):
            return lambda names: not operand(names)
        if isinstance(node.op, ast.USub):
            return lambda names: -self.number(operand(names), node.operand)
        if isinstance(node.op, ast.UAdd):
            return lambda names: self.number(operand(names), node.operand)
        raise self.not_allowed(node)

    def _BoolOp(self, node: ast.BoolOp, depth: int) -> Evaluate:
        values = [self.compile(value, depth) for value in node.values]
        if isinstance(node.op, ast.And):
            return lambda names: all(value(names) for value in values)
        return lambda names: any(value(names) for value in values)

    def _Compare(self, node: ast.Compare, depth: int) -> Evaluate:
        operands = [self.compile(value, depth) for value in (node.left, *node.comparators)]
        functions = [_COMPARISONS.get(type(op)) for op in node.ops]
        if None in functions:
            raise self.not_allowed(node)

        def compare(names: Names) -> bool:
            values = [operand(names) for operand in operands]
            if any(map(_is_long, values)):
                message = f"{self.of(node)} compares lists or texts that are too long"
                raise self.error("AS403", message, node)
            try:
                return all(
                    function(a, b)
                    for function, a, b in zip(functions, values, values[1:], strict=False)
                    if function
                )
            except TypeError:
                message = f"{self.of(node)} compares values of different types"
                raise self.error("AS403", message, node) from None

        return compare

    def _IfExp(self, node: ast.IfExp, depth: int) -> Evaluate:
        test = self.compile(node.test, depth)
        body = self.compile(node.body, depth)
        orelse = self.compile(node.orelse, depth)
        return lambda names: body(names) if test(names) else orelse(names)

    def _Subscript(self, node: ast.Subscript, depth: int) -> Evaluate:
        value = self.compile(node.value, depth)
        index = self.compile(node.slice, depth)

        def subscript(names: Names) -> Any:
            items, position = value(names), index(names)
            if not isinstance(items, tuple):
                raise self.error("AS403", f"{self.of(node.value)} is not a list", node)
            if type(position) is not int:
                raise self.error("AS403", f"{self.of(node.slice)} is not an integer", node)
            if not -len(items) <= position < len(items):
                message = f"{self.of(node.value)} has {len(items)} entries, and none at {position}"
                raise self.error("AS403", message, node, "entries count from 0")
            return items[position]

        return subscript

    def _Call(self, node: ast.Call, depth: int) -> Evaluate:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in _FUNCTIONS or node.func.col_offset + self.lead in self.variables:
            _refuse_slip(self.text)
            help = suggestion(name, _FUNCTIONS, f"the functions are {', '.join(_FUNCTIONS)}")
            raise self.error(
                "AS401", f"{self.of(node.func)} is not a function here", node.func, help
            )
        function, counts = _FUNCTIONS[name]
        if len(node.args) not in counts or node.keywords:
            takes = str(counts[0]) if len(counts) == 1 else f"{counts[0]} or more"
            help = f"write `{name}({', '.join('abc'[: counts[0]])})`"
            raise self.error("AS401", f"`{name}` takes {takes} arguments", node, help)
        arguments = [(argument, self.compile(argument, depth)) for argument in node.args]

        def call(names: Names) -> Any:
            values = [self.number(argument(names), at) for at, argument in arguments]
            if name == "divisible" and not (type(values[1]) is int and values[1] > 0):
                raise self.error("AS403", "the divisor must be an integer above 0", node)
            try:
                return self.capped(function(*values), node)
            except (OverflowError, ValueError):
                raise self.error("AS404", f"{self.of(node)} is too large", node) from None

        return call

    def number(self, value: Any, node: ast.expr) -> Any:
        if type(value) in (int, float):
            return value
        raise self.error("AS403", f"{self.of(node)} is {describe(value)}, not a number", node)

    def capped(self, value: Any, node: ast.expr) -> Any:
        if not -LARGEST <= value <= LARGEST:
            raise self.error("AS404", f"{self.of(node)} is too large", node)
        return value


def _is_long(value: Any) -> bool:
    """Whether a value holds so much that comparing it with another takes long."""
    left, count = [value], 0
    while left:
        value = left.pop()
        if isinstance(value, str | tuple | dict):
            count += len(value)
            if count > LONGEST:
                return True
            left += () if isinstance(value, str) else value
            left += value.values() if isinstance(value, dict) else ()
    return False


def describe(value: Any) -> str:
    """A value as a diagnostic calls it: `the string "3"`, `a list`, `true`."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinity"
    if isinstance(value, int | float):
        return f"the number {value}" if abs(value) < LARGEST else "a very large number"
    if isinstance(value, str):
        return f'the string "{value}"' if len(value) <= 40 else f'the string "{value[:37]}…"'
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, tuple) else f"a Python {type(value).__name__}"
