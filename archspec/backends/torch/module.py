"""A graph and its weights as a PyTorch module, whose forward is generated Python."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any

from numpy.typing import NDArray
from torch import fx, nn

from archspec.backends.lowering import lower
from archspec.backends.torch.emitter import USED_IN_CODE, Emitter
from archspec.backends.torch.lowerings import LOWERINGS
from archspec.backends.torch.sizes import RunTimeSizes
from archspec.graph import Graph, Node
from archspec.layers.conv import Convolution
from archspec.layers.linear import FullyConnected
from archspec.layers.merge import Add
from archspec.layers.norm import BatchNorm
from archspec.layers.transpose import ConvTranspose


def to_module(graph: Graph, weights: Mapping[str, NDArray[Any]] | None) -> fx.GraphModule:
    """The network as a PyTorch module on the CPU, in float32 and, unlike PyTorch's own modules when
    they are new, in eval mode: call `.train()` before training it.

    forward takes a tensor for each of the graph's inputs, in their order or by name, each N x its
    shape, with any numbers for symbolic sizes that the graph's symbols admit. It returns the
    output's tensor, or of several outputs a tuple in their order.

    `weights` holds an array for each of `graph.tensors()`; others are ignored. Their values are
    copied, so that training never writes into an array of the caller's or a mapped file. Without
    any, the tensors are on PyTorch's meta device: they have shapes, and no memory.

    A layer's module stands at the layer's name, so that hooks find it and `state_dict` has the
    names of `graph.tensors()` (and PyTorch's `num_batches_tracked` for each batch norm). Merges,
    subsampling and padding are calls between modules. Where PyTorch's module has the channels last
    (layer_norm, a position-wise fc, self_attention), it takes and makes N x L x C, between views.
    In the module's fx graph, `meta["archspec"]` names the value that a node makes, `meta["layer"]`
    the layer that it is of, and `meta["may_overwrite"]` says whether that one's first input is its
    alone to overwrite.

    As in torchvision's networks, a relu and a sum overwrite their input, the sum its first, where
    nothing else reads it: a hook on the layer before must clone what it keeps.

    Raises KeyError for a tensor without weights, ValueError for weights of another shape or a layer
    name that cannot be an attribute.
    """
    root, calls = fx.GraphModule(nn.Module(), fx.Graph()), fx.Graph()
    values: dict[str, fx.Node] = {}
    for name, argument in zip(graph.inputs, _arguments(graph.inputs), strict=True):
        values[name] = calls.placeholder(argument)
        values[name].meta["layer"] = name
    sizes = RunTimeSizes(calls, graph.inputs, values)
    producers = {node.name: node for node in graph.nodes}
    readers = Counter(list(graph.outputs))
    for node in graph.nodes:
        readers.update(node.inputs)
    for node in graph.nodes:
        inputs = tuple(values[name] for name in node.inputs)
        first = node.inputs[0]
        may_overwrite = _may_be_overwritten(producers.get(first), readers[first])
        emitter = Emitter(node, root, calls, inputs, weights, sizes, may_overwrite)
        values[node.name] = lower(node, graph, "torch", LOWERINGS, emitter, _no_call)
        for call in takewhile(lambda call: "layer" not in call.meta, reversed(calls.nodes)):
            call.meta.update(layer=node.name, may_overwrite=may_overwrite)
    for name, value in values.items():
        value.meta["archspec"] = name
    outputs = tuple(values[name] for name in graph.outputs)
    calls.output(outputs[0] if len(outputs) == 1 else outputs)
    root.graph = calls
    return root.eval()


def _no_call(value: Any) -> str:
    """Why what a kind from outside returns is no value; empty where it is one."""
    is_call = isinstance(value, fx.Node)
    return "" if is_call else f"it returns {value!r}, and no call of its emitter's"


_OVERWRITABLE = (Convolution, ConvTranspose, FullyConnected, BatchNorm, Add)


def _may_be_overwritten(producer: Node | None, readers: int) -> bool:
    """Whether a value's one reader may put its own output in the value's memory.

    It may where nobody else needs the value: not the caller, whose inputs have no producer; no
    other layer, nor the caller again, as an output; and not backward. The kinds listed make new
    memory, never a view of their input, and their gradients are of their inputs and weights alone
    (torch's derivatives.yaml): a relu's own needs only its output. That is the rule by which people
    write `inplace=True`, and it is worth having: without it ResNet-152 takes 1 % longer for one
    image, 3 % for 8 and 8 % for 32 (two CPU cores, torch 2.13), and training keeps both tensors.
    """
    return producer is not None and readers == 1 and isinstance(producer.layer, _OVERWRITABLE)


def _arguments(inputs: Iterable[str]) -> list[str]:
    """What forward calls its arguments: the inputs' names, `_` in or after those that cannot be."""
    arguments: list[str] = []
    for name in inputs:
        argument = re.sub(r"\W|^(?=\d)", "_", name)
        while argument in (*USED_IN_CODE, *arguments) or keyword.iskeyword(argument):
            argument += "_"
        arguments.append(argument)
    return arguments
