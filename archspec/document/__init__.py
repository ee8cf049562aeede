"""What the author of a spec wrote: its sections, blocks and steps, each with its place.

Everything that can be judged without knowing a shape is judged here, in blocks that nothing calls
too: unknown words, missing and mistyped fields, expressions and their variables.
"""

from archspec.document.model import SHORTCUTS, STRUCTURES, Block, Home, Sections, Spec, Step
from archspec.document.sections import read

__all__ = ["SHORTCUTS", "STRUCTURES", "Block", "Home", "Sections", "Spec", "Step", "read"]
