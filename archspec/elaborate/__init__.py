"""Spec → Graph: one walk over the steps, in the order in which the data flows.

For each step the walk evaluates its expressions, makes its layer, infers the output's shape, and
appends a node. A step that is wrong is reported and its value is unknown; whatever depends on it is
left alone, so that no error is reported for being the consequence of another.
"""

from archspec.elaborate.network import elaborate

__all__ = ["elaborate"]
