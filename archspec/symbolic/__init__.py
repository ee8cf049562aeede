"""Sizes without a number: `input: [3, H, W]`.

A symbolic size goes through the shape rules of layers as an int does, and comes out as a formula.
What a rule asks of it and cannot be answered for all inputs becomes a condition on the input. The
only importer of sympy, which is loaded for a spec that has a symbolic size and for no other.
"""

from archspec.symbolic.size import Size
from archspec.symbolic.symbols import Symbols

__all__ = ["Size", "Symbols"]
