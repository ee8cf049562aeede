"""What follows from weights and constants alone is worked out when the model is written.

A result of constants becomes a constant. One of weights becomes an initializer whose values numpy
makes of them when they are written, so that none are read before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from archspec.backends.onnx.model import Given, Initializer, Made, Skeleton, Source, Weight
from archspec.layers.base import Shape, product

Array = NDArray[Any]

_SMALL = 1024
"""Elements of a constant that may be larger than what it is made of."""


def fold_constants(skeleton: Skeleton) -> Skeleton:
    """The model without the operations whose inputs are all weights or constants.

    What would take more room worked out than as it is stays an operation. Initializers that
    nothing uses any longer are dropped.
    """
    model = ModelProto()
    model.CopyFrom(skeleton.model)
    body = model.graph
    types = {value.name: value.type.tensor_type for value in body.value_info}
    sources: dict[str, Source] = {
        tensor.name: Given(numpy_helper.to_array(tensor)) for tensor in body.initializer
    }
    initializers = {tensor.name: tensor for tensor in skeleton.initializers}
    sources |= {tensor.name: tensor.source for tensor in skeleton.initializers}
    constants = {tensor.name: tensor for tensor in body.initializer}

    left = []
    for operation in body.node:
        made = _made(operation, sources)
        name = operation.output[0]
        # The outputs of the model are not among its `types`: an operation makes each of them.
        if made is None or name not in types or not _is_worth(made, types[name].shape):
            left.append(operation)
            continue
        if all(isinstance(operand, Given) for operand in made.operands):
            array = np.asarray(made.read({}))
            sources[name] = Given(array)
            constants[name] = numpy_helper.from_array(array, name)
        elif types[name].elem_type == TensorProto.FLOAT:
            sources[name] = made
            initializers[name] = Initializer(name, _shape(types[name].shape), made)
        else:
            left.append(operation)

    used = {name for operation in left for name in operation.input}
    used |= {value.name for value in body.output}
    made_still = {name for operation in left for name in operation.output}
    values = [value for value in body.value_info if value.name in made_still]
    del body.node[:], body.initializer[:], body.value_info[:]
    body.node.extend(left)
    body.initializer.extend(tensor for name, tensor in constants.items() if name in used)
    body.value_info.extend(values)
    kept = (tensor for name, tensor in initializers.items() if name in used)
    return skeleton._replace(model=model, initializers=tuple(kept))


def _made(operation: NodeProto, sources: Mapping[str, Source]) -> Made | None:
    """What makes the operation's value of weights and constants; None if something else does."""
    function = FUNCTIONS.get(operation.op_type)
    names = [name for name in operation.input if name]
    if function is None or not names or not all(name in sources for name in names):
        return None
    attributes = {entry.name: helper.get_attribute_value(entry) for entry in operation.attribute}
    if not attributes.keys() <= ATTRIBUTES.get(operation.op_type, frozenset()):
        return None
    return Made(partial(function, **attributes), tuple(sources[name] for name in names))


def _is_worth(made: Made, shape: Any) -> bool:
    """Whether the result, of a known shape, is no larger than what it is made of."""
    if not all(size.HasField("dim_value") for size in shape.dim):
        return False
    largest = max(_elements(operand) for operand in made.operands)
    return product(_shape(shape)) <= max(largest, _SMALL)


def _elements(source: Source) -> int:
    if isinstance(source, Weight):
        return product(source.shape)
    if isinstance(source, Given):
        return source.array.size
    return max(_elements(operand) for operand in source.operands)


def _shape(shape: Any) -> Shape:
    return tuple(size.dim_value for size in shape.dim)


def _transpose(array: Array, *, perm: list[int] | None = None) -> Array:
    return np.transpose(array, perm)


def _unsqueeze(array: Array, axes: Array) -> Array:
    return np.expand_dims(array, tuple(axes.tolist()))


def _squeeze(array: Array, axes: Array | None = None) -> Array:
    return np.squeeze(array, None if axes is None else tuple(axes.tolist()))


def _reshape(array: Array, shape: Array, *, allowzero: int = 0) -> Array:
    # 0 leaves a size as it is, unless that is said to mean none.
    sizes = [
        array.shape[axis] if size == 0 and not allowzero else size
        for axis, size in enumerate(shape.tolist())
    ]
    return array.reshape(sizes)


def _concat(*arrays: Array, axis: int) -> Array:
    return np.concatenate(arrays, axis)


def _cast(array: Array, *, to: int) -> Array:
    return array.astype(helper.tensor_dtype_to_np_dtype(to))


def _divide(array: Array, other: Array) -> Array:
    if array.dtype.kind not in "iu":
        return np.divide(array, other)
    quotient = array // other
    # ONNX rounds towards zero, numpy down.
    return np.where((quotient < 0) & (quotient * other != array), quotient + 1, quotient)


def _smallest(array: Array, *others: Array) -> Array:
    return reduce(np.minimum, others, array)


def _largest(array: Array, *others: Array) -> Array:
    return reduce(np.maximum, others, array)


FUNCTIONS: Mapping[str, Callable[..., Array]] = {
    "Identity": np.asarray,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Concat": _concat,
    "Cast": _cast,
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": _divide,
    "Min": _smallest,
    "Max": _largest,
    "Floor": np.floor,
    "Range": np.arange,
}
"""What numpy does for ONNX's operators: those that occur on weights, constants and sizes. The
arrays are the inputs, in their order, and the words are the attributes.
"""

ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "Transpose": frozenset({"perm"}),
    "Reshape": frozenset({"allowzero"}),
    "Concat": frozenset({"axis"}),
    "Cast": frozenset({"to"}),
}
"""The attributes that these take. An operation with others stays one."""
