"""What a model does before and behind the network: pictures prepared, scores made probabilities,
the likeliest classes chosen.

The network stays as it is. An end takes over the name of the input or output that it stands before
or behind, and the value that had it is called `<name>/…`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from archspec.backends.onnx.emitter import Attribute, Namespace
from archspec.backends.onnx.model import Skeleton, add_metadata
from archspec.backends.onnx.options import Options
from archspec.graph import Graph
from archspec.layers.base import text_of
from archspec.layers.sizes import is_number

Dimension = int | str | None
"""A size, or the name of one that is free, if it has one."""

BATCH = "batch"

SCORES, CLASSES = "scores", "classes"
"""The outputs of a model that makes the likeliest classes only, in this order."""


def add_ends(skeleton: Skeleton, graph: Graph, options: Options) -> Skeleton:
    """The model with the ends that `options` ask for; `skeleton` itself is left alone.

    With `preprocess`, the input keeps its name and is uint8, N × H × W × C: RGB, or one channel for
    gray. With `softmax`, the output keeps its name. With `top_k`, two outputs take its place:
    `scores`, float32 N × K, the largest first, and `classes`, int64 N × K; a layer of such a name
    yields it, and only beside an input of that name is the output called `scores_`.

    What the ends compute is float32, or whole numbers, whatever the network's precision.

    Raises ValueError where the network is not one for which that can be done.
    """
    ends = Ends(skeleton)
    if options.preprocess:
        # Here, as most models have no pictures to prepare.
        from archspec.backends.onnx.pictures import prepare_pictures

        prepare_pictures(ends, graph)
    scores = "probabilities" if _are_probabilities(graph) else "logits"
    if options.softmax and scores == "logits":
        _add_softmax(ends, graph)
        scores = "probabilities"
    if options.top_k is not None:
        _add_top_k(ends, graph, options.top_k)
    add_metadata(
        ends.model,
        scores=scores,
        preprocessed_within=options.preprocess,
        top_k=options.top_k,
    )
    return ends.skeleton()


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


def _are_probabilities(graph: Graph) -> bool:
    return graph.metadata.get("scores") == "probabilities"


def _add_softmax(ends: Ends, graph: Graph) -> None:
    name, _ = _classifier(graph, "softmax")
    logits = ends.take_over(name, f"{name}/logits")
    ends.behind(f"{name}/softmax", "Softmax", [logits], [name], axis=1)


def _add_top_k(ends: Ends, graph: Graph, count: int) -> None:
    name, classes = _classifier(graph, "top-k")
    if not 1 <= count <= classes:
        raise ValueError(
            f"the likeliest {count:,} classes of {classes:,} in all: give a number from 1 to "
            f"{classes:,}"
        )
    body = ends.model.graph
    scores = ends.take_over(name, f"{name}/all")
    del body.output[:]
    taken = {value.name for value in body.input}
    outputs = [_output_name(ends, word, taken) for word in (SCORES, CLASSES)]
    number = ends.constant(f"{name}.k", [count], np.int64)
    ends.behind(f"{name}/top_k", "TopK", [scores, number], outputs, axis=1, largest=1, sorted=1)
    types = (TensorProto.FLOAT, TensorProto.INT64)
    for output, type_ in zip(outputs, types, strict=True):
        body.output.append(helper.make_tensor_value_info(output, type_, [BATCH, count]))


def _output_name(ends: Ends, word: str, inputs: set[str]) -> str:
    """`word`, which a value within the network yields; an input keeps its name."""
    if word not in inputs:
        ends.rename(word, f"{word}/within")
        return word
    return ends.space.claim(word)


def _classifier(graph: Graph, what: str) -> tuple[str, int]:
    """The one output and how many classes it scores. Raises ValueError for another network."""
    shapes = " and ".join(text_of(type_.shape) for type_ in graph.outputs.values())
    match list(graph.outputs.items()):
        case [(name, type_)] if len(type_.shape) == 1 and is_number(type_.shape[0]):
            if type_.shape[0] > 1:
                return name, type_.shape[0]
    raise ValueError(
        f"{what} is for a classifier, one output of two or more scores, and {graph.name} has "
        f"{shapes}: leave it out"
    )
