"""Formulas that people write: `(H + 1) // 2`, where they say what shape they expect."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from archspec.layers.sizes import NeedsNumber, larger, smaller

LONGEST = 400
"""Characters."""
MOST_PRODUCTS = 8
"""Multiplying sums out makes many terms of few."""
_LARGEST = 2**62

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}
_FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {"min": smaller, "max": larger}


def read(text: str, sizes: Mapping[str, Any]) -> Any:
    """The size that a formula of these symbols says; None where it is none."""
    if len(text) > LONGEST or text.count("*") > MOST_PRODUCTS:
        return None
    try:
        return _read(ast.parse(text.strip(), mode="eval").body, sizes)
    except (SyntaxError, ValueError, RecursionError, MemoryError, ZeroDivisionError):
        return None
    except TypeError:  # A size is not divided by nothing, nor by what is less.
        return None
    except NeedsNumber:
        return None


def _read(node: ast.expr, sizes: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=int() as number) if type(number) is int and number <= _LARGEST:
            return number
        case ast.Name(id=name) if name in sizes:
            return sizes[name]
        case ast.BinOp(op=op) if type(op) in _OPERATORS:
            left, right = _read(node.left, sizes), _read(node.right, sizes)
            return _OPERATORS[type(op)](left, right)
        case ast.UnaryOp(op=ast.USub()):
            return -_read(node.operand, sizes)
        case ast.Call(func=ast.Name(id=word), args=[one, other], keywords=[]) if word in _FUNCTIONS:
            return _FUNCTIONS[word](_read(one, sizes), _read(other, sizes))
    raise ValueError(f"no part of a formula: {type(node).__name__}")
