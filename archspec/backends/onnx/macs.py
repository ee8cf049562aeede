"""The multiply-accumulates of an operation of ONNX, from the shapes that it ran on.

The same that archspec counts of layers: those of convolutions and of products of matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

Shape = Sequence[int]
Shapes = Sequence[Shape]


def macs(operator: str, inputs: Shapes, outputs: Shapes) -> int:
    """The multiply-accumulates of one run; 0 for an operator that has none.

    The shapes include the batch, so the samples of a batch are all counted.
    """
    count = _COUNTS.get(operator)
    return 0 if count is None else count(inputs, outputs)


def _convolution(inputs: Shapes, outputs: Shapes) -> int:
    """Every element of the output is a sum over a kernel of C_in / groups × its sizes."""
    return prod(outputs[0]) * prod(inputs[1][1:])


def _transposed_convolution(inputs: Shapes, outputs: Shapes) -> int:
    """Every element of the input is spread over a kernel of C_out / groups × its sizes."""
    return prod(inputs[0]) * prod(inputs[1][1:])


def _product(inputs: Shapes, outputs: Shapes) -> int:
    return prod(outputs[0]) * (inputs[0][-1] if inputs[0] else 1)


def _general_product(inputs: Shapes, outputs: Shapes) -> int:
    """A is M × K or, transposed, K × M; M is the output's."""
    rows = outputs[0][0]
    return prod(outputs[0]) * prod(inputs[0]) // rows if rows else 0


_COUNTS: Mapping[str, Callable[[Shapes, Shapes], int]] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "Gemm": _general_product,
    "MatMul": _product,
}

COUNTED = frozenset(_COUNTS)
"""The operators that have any."""
