"""Warnings that experts give of a network that has no errors, and is most likely not what was
meant. A lint is a file of its own, or shares one with those of its family; all are listed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from archspec.diagnostics import Diagnostic
from archspec.document import Spec
from archspec.graph import Graph
from archspec.lints.activations import activations_in_a_row, last_softmax
from archspec.lints.biases import undone_biases
from archspec.lints.hidden import hidden_names
from archspec.lints.names import unused_names
from archspec.lints.network import Lint, Network
from archspec.lints.receptive_field import nothing_new_to_see
from archspec.lints.values import unused_values
from archspec.lints.windows import windows

LINTS: tuple[Lint, ...] = (
    undone_biases,
    windows,
    unused_names,
    hidden_names,
    unused_values,
    activations_in_a_row,
    last_softmax,
    nothing_new_to_see,
)

MOST = 1000
"""Warnings of one lint; a network with more has one cause for them."""


def lint(spec: Spec, graph: Graph) -> Iterator[Diagnostic]:
    """All warnings of a network that has no errors; one thing at one place, once."""
    network = Network(spec, graph)
    for found in LINTS:
        yield from islice(found(network), MOST)
