"""A model without its weights, while something is built around the network in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from onnx import ModelProto, NodeProto, ValueInfoProto, helper, numpy_helper

from archspec.backends.onnx.emitter import Attribute, Namespace
from archspec.backends.onnx.model import Skeleton

Dimension = int | str | None
"""A size, or the name of one that is free, if it has one."""

BATCH = "batch"


class Ends:
    """A copy of a model, and what is added to it."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.model = ModelProto()
        self.model.CopyFrom(skeleton.model)
        self._initializers = list(skeleton.initializers)
        self._before: list[NodeProto] = []
        self._behind: list[NodeProto] = []
        self._made = set(skeleton.ends)
        body = self.model.graph
        self.space = Namespace(
            [
                *(value.name for value in (*body.input, *body.output)),
                *(tensor.name for tensor in body.initializer),
                *(tensor.name for tensor in skeleton.initializers),
                *(name for operation in body.node for name in operation.output),
            ]
        )
        values = (*body.input, *body.output, *body.value_info)
        self.sizes = Namespace(
            {size.dim_param for value in values for size in value.type.tensor_type.shape.dim}
        )
        """The names of free sizes."""

    def skeleton(self) -> Skeleton:
        """The model with all that was added."""
        body = self.model.graph
        operations = [*self._before, *body.node, *self._behind]
        del body.node[:]
        body.node.extend(operations)
        return Skeleton(self.model, tuple(self._initializers), frozenset(self._made))

    def rename(self, old: str, new: str) -> str:
        """Call a value of the network otherwise, or near to it; what it is called now.

        An input or output of that name is left to whoever takes it over.
        """
        body = self.model.graph
        new = self.space.claim(new)
        for operation in (*self._before, *body.node, *self._behind):
            for names in (operation.input, operation.output):
                names[:] = [new if name == old else name for name in names]
        for named in (*body.value_info, *body.initializer):
            if named.name == old:
                named.name = new
        self._initializers = [
            tensor._replace(name=new) if tensor.name == old else tensor
            for tensor in self._initializers
        ]
        return new

    def feed(self, name: str, prepared: str) -> None:
        """Let the network take `prepared` for the input `name`."""
        for operation in self.model.graph.node:
            operation.input[:] = [prepared if taken == name else taken for taken in operation.input]

    def constant(self, name: str, value: ArrayLike, dtype: type[np.generic]) -> str:
        """A constant; its name."""
        name = self._claim(name)
        array = np.asarray(value, dtype)
        self.model.graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def before(
        self,
        name: str,
        operator: str,
        inputs: Iterable[str],
        shape: Sequence[Dimension],
        dtype: int,
        attributes: Mapping[str, Attribute],
    ) -> str:
        """An operation before the network, which makes a value of this shape and type, near to
        `name`; what the value is called.
        """
        name = self._claim(name)
        self._before.append(_operation(operator, name, inputs, [name], attributes))
        self.model.graph.value_info.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def behind(
        self,
        name: str,
        operator: str,
        inputs: Iterable[str],
        outputs: Sequence[str],
        **attributes: Attribute,
    ) -> None:
        """An operation behind the network, which makes outputs of the model."""
        self._made.update(outputs)
        self._behind.append(_operation(operator, name, inputs, outputs, attributes))

    def take_over(self, output: str, name: str) -> str:
        """Free the name of an output for what an end makes of its value; what that is called now,
        near to `name`.
        """
        info = ValueInfoProto()
        (stated,) = (value for value in self.model.graph.output if value.name == output)
        info.CopyFrom(stated)
        info.name = self.rename(output, name)
        self.model.graph.value_info.append(info)
        if output in self._made:  # by an end before this one
            self._made.add(info.name)
        return info.name

    def needs(self, opset: int) -> None:
        """See to it that operators are of this opset at least."""
        (default,) = (entry for entry in self.model.opset_import if not entry.domain)
        default.version = max(default.version, opset)
        # The oldest that goes with the opset, so that older runtimes take the file too.
        least = helper.find_min_ir_version_for(list(self.model.opset_import))
        self.model.ir_version = max(self.model.ir_version, least)

    def _claim(self, name: str) -> str:
        name = self.space.claim(name)
        self._made.add(name)
        return name


def _operation(
    operator: str,
    name: str,
    inputs: Iterable[str],
    outputs: Iterable[str],
    attributes: Mapping[str, Attribute],
) -> NodeProto:
    operation = NodeProto(op_type=operator, name=name, input=inputs, output=outputs)
    operation.attribute.extend(
        helper.make_attribute(key, value) for key, value in attributes.items()
    )
    return operation
