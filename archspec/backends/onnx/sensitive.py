"""Which operations stay in float32 when a network is put in half precision, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

from numpy.typing import NDArray
from onnx import NodeProto

from archspec.backends.onnx.elements import Element

KEPT: Mapping[str, str] = {
    # What exponentiates: float16 ends at e^11.
    "Exp": "e^12 is beyond float16",
    "Softplus": "it is log(1 + e^x), and runtimes differ in how they keep e^x in range",
    "Softmax": "a sum of exponentials over all classes or tokens, each a fraction of it",
    "LogSoftmax": "the logarithm of such a sum",
    "Pow": "the square of 256 is beyond float16",
    "Log": "near 1 it takes the difference of close numbers",
    # What sums many numbers: a half's rounding is lost again with every addition.
    "ReduceSum": "a sum of many numbers, which may be beyond float16 as well",
    "ReduceMean": "a mean is worked out from such a sum",
    "GlobalAveragePool": "the mean of a whole plane",
    "CumSum": "the rounding of all additions before is in each sum",
    # What normalises: means of squares, differences from a mean, and division by what may be tiny.
    "BatchNormalization": "a variance below 6e-8 is 0 in float16, and statistics of unscaled "
    "pictures are beyond it; and onnxruntime's kernels take no statistics of another type than x",
    "LayerNormalization": "means of squares; NVIDIA's TensorRT warns of it in float16",
    "InstanceNormalization": "means of squares over a plane",
    "GroupNormalization": "means of squares over several planes",
    "RMSNormalization": "means of squares",
    "LpNormalization": "sums of squares",
    "MeanVarianceNormalization": "means of squares",
    "LRN": "sums of squares, to a power",
    # Classes are told apart by their scores: those that a half makes equal have no order.
    "TopK": "scores that are equal in a half would change places",
    "ArgMax": "scores that are equal in a half would change places",
}
"""Operators that are computed in float32, with the reason for each. PyTorch's autocast has most of
them in float32 too (https://docs.pytorch.org/docs/stable/amp.html).
"""

MOVING = frozenset(
    [
        *("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Slice", "Gather"),
        *("Relu", "LeakyRelu", "Clip"),
    ]
)
"""Operators that cost no more than a cast does. Between two that are kept in float32 they are too,
instead of two casts.
"""

_LONG = 64
"""Elements of a window from which on its mean is a sum of many numbers."""


class Network(NamedTuple):
    """What there is to know of a model's operations.

    `floats` are the values and tensors that are float32 in the model as it is, `constants` those of
    them that are no weights, and `float32_edges` the inputs and outputs that stay float32. `ends`
    are values that are made before and behind the network, in their own types.
    """

    operations: tuple[NodeProto, ...]
    floats: frozenset[str]
    constants: Mapping[str, NDArray[Any]]
    float32_edges: frozenset[str]
    ends: frozenset[str]


def kept_in_float32(network: Network, half: Element) -> list[bool]:
    """For each of the operations, whether it is computed in float32."""
    kept: list[bool] = []
    delicate: set[tuple[str, str]] = set()
    for operation in network.operations:
        # Operations of one layer have its name before a stroke.
        layer = operation.name.partition("/")[0]
        onward = _is_delicate(operation, network, half) or any(
            (layer, name) in delicate for name in operation.input
        )
        if onward:
            delicate.update((layer, name) for name in operation.output)
        is_end = not network.ends.isdisjoint(operation.output)
        kept.append(onward or is_end or operation.op_type in KEPT or _is_long_mean(operation))
    return _with_those_between(network, kept)


def _is_delicate(operation: NodeProto, network: Network, half: Element) -> bool:
    """Whether neither the operation nor what its layer makes of its result fits into a half."""
    inputs = [name for name in operation.input if name in network.floats]
    # Sizes, indices and the numbers of pixels: a float16 counts to 2048, a bfloat16 to 256.
    if not inputs or operation.op_type == "Cast":
        return any(name in network.floats for name in operation.output)
    # A square: that of 256 is beyond float16, that of 0.0001 is 0.
    if operation.op_type == "Mul" and len(set(inputs)) == 1:
        return True
    # A number that a half does not have, such as an epsilon of 1e-12. Resize's scales stay float32.
    own = [network.constants[name] for name in inputs if name in network.constants]
    return operation.op_type != "Resize" and not all(map(half.holds, own))


def _is_long_mean(operation: NodeProto) -> bool:
    if operation.op_type != "AveragePool":
        return False
    (sizes,) = (entry.ints for entry in operation.attribute if entry.name == "kernel_shape")
    return bool(prod(sizes) >= _LONG)


def _with_those_between(network: Network, kept: Sequence[bool]) -> list[bool]:
    """With what only moves numbers from operations in float32 to others in float32."""
    users: dict[str, list[int]] = defaultdict(list)
    for index, operation in enumerate(network.operations):
        for name in operation.input:
            users[name].append(index)
    wanted = list(kept)
    for index, operation in reversed(list(enumerate(network.operations))):
        if operation.op_type in MOVING:
            name = operation.output[0]
            is_used = name in network.float32_edges or name in users
            wanted[index] = kept[index] or (is_used and all(wanted[i] for i in users[name]))
    between = list(kept)
    wide = set(network.float32_edges)
    for index, operation in enumerate(network.operations):
        between[index] = kept[index] or (wanted[index] and operation.input[0] in wide)
        if between[index]:
            wide.update(operation.output)
    return between
