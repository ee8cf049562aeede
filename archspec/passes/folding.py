"""Folding into the weights: where a layer that multiplies each channel and adds to it follows a
layer that is linear in its weights, other weights do both at once.

The layer that stays computes what the last of those folded into it did. So it makes that one's
value, under that one's name: whatever reads it, a graph output too, reads on, and each value of the
network is what the value of this name was before. Its tensors are named as they were (`Node.prefix`
says after what), because they take the place of these; it has a `bias` after this, if anything is
added.

Nothing goes that anyone could miss: the value on the way must have one reader and be no output. And
the layer that stays must not share its tensors with another node, which would need the old ones.

The new weights are worked out when they are asked for, in float64, and rounded to float32 once for
a run of layers; of each tensor there is one new array, as large as the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archspec.graph import Graph, Node, infer
from archspec.layers.base import Layer, Shape, product
from archspec.layers.conv import Conv, Depthwise
from archspec.layers.linear import FullyConnected
from archspec.layers.tokens import PatchEmbedding
from archspec.layers.transpose import ConvTranspose
from archspec.passes.network import Network, shared_tensors, takers
from archspec.weights import Stored, Weights

Numbers = NDArray[np.float64]


class PerChannel(NamedTuple):
    """A kind of layer that does `x * factor + shift` to each channel.

    `numbers` gives the two for a node, each a list of one number or of one a channel; `shifts` says
    whether the second can be anything but 0.
    """

    numbers: Callable[[Node, Weights], tuple[Numbers, Numbers]]
    shifts: bool


PerChannels = Mapping[type[Layer], PerChannel]


def _filters_first(layer: Any, weight: Shape) -> Shape:
    return 1, 1, weight[0], product(weight[1:])


def _filters_second(layer: ConvTranspose, weight: Shape) -> Shape:
    return layer.groups, weight[0] // layer.groups, weight[1], product(weight[2:])


_TAKES_IN: Mapping[type[Layer], Callable[[Any, Shape], Shape]] = {
    Conv: _filters_first,
    Depthwise: _filters_first,
    ConvTranspose: _filters_second,
    FullyConnected: _filters_first,
    PatchEmbedding: _filters_first,
}
"""The layers that others fold into: of a `weight` and, with `bias: true`, a `bias`. The weight's
shape in four axes, of which the first and the third count the output's channels.
"""


def fold(network: Network, kinds: PerChannels) -> Network:
    """The network with layers of these kinds folded into the ones before them; itself where there
    is none that can be.
    """
    graph, weights = network
    readers, shared = takers(graph), shared_tensors(graph)
    nodes: list[Node] = []
    made: dict[str, Stored] = {}
    gone: set[str] = set()
    for node in graph.nodes:
        run = _run(node, graph, readers, shared, kinds)
        if run:
            gone.update([folded.name for folded in run])
            nodes.append(_folded(node, run, kinds))
            made |= _tensors(nodes[-1], partial(_numbers, run, weights, kinds), weights)
        elif node.name not in gone:
            nodes.append(node)
    return network.with_nodes(nodes, made) if gone else network


def _run(
    node: Node,
    graph: Graph,
    readers: Mapping[str, list[Node]],
    shared: frozenset[str],
    kinds: PerChannels,
) -> list[Node]:
    """The layers one after another that fold into this one."""
    if type(node.layer) not in _TAKES_IN or node.tensor_name("") in shared:
        return []
    run: list[Node] = []
    value = node.name
    while value not in graph.outputs and len(readers[value]) == 1:
        (reader,) = readers[value]
        if type(reader.layer) not in kinds:
            break
        run.append(reader)
        value = reader.name
    return run


def _folded(node: Node, run: list[Node], kinds: PerChannels) -> Node:
    """The node that does what the whole run did."""
    layer = node.layer
    if any([kinds[type(folded.layer)].shifts for folded in run]):
        layer = layer.model_copy(update={"bias": True})
    return node._replace(
        name=run[-1].name,
        layer=layer,
        signature=infer(layer, node.input_shapes),
        prefix=node.tensor_name(""),
    )


def _tensors(
    node: Node, numbers: Callable[[], tuple[Numbers, Numbers]], weights: Weights
) -> dict[str, Stored]:
    """The tensors of a node that others were folded into, and that had these weights before."""
    shapes = {leaf: tensor.shape for leaf, tensor in node.signature.parameters.items()}
    blocks = _TAKES_IN[type(node.layer)](node.layer, shapes["weight"])
    name = node.tensor_name("weight")
    weight = partial(_scaled, weights, name, blocks, numbers)
    made = {name: Stored(shapes["weight"], "float32", weight)}
    if "bias" in shapes:
        name = node.tensor_name("bias")
        bias = partial(_shifted, weights, name, shapes["bias"], numbers)
        made[name] = Stored(shapes["bias"], "float32", bias)
    return made


def _numbers(run: list[Node], weights: Weights, kinds: PerChannels) -> tuple[Numbers, Numbers]:
    """The factor and the shift of all the layers of a run together."""
    factor, shift = np.ones(1), np.zeros(1)
    with np.errstate(all="ignore"):  # What is no number, or too large, is so in the output as well.
        for node in run:
            by, plus = kinds[type(node.layer)].numbers(node, weights)
            factor, shift = factor * by, shift * by + plus
    return factor, shift


def _scaled(
    weights: Weights, name: str, blocks: Shape, numbers: Callable[[], tuple[Numbers, Numbers]]
) -> NDArray[np.float32]:
    """A weight times the factor of the channel that each of its numbers goes to."""
    old = weights[name]
    groups, _, filters, _ = blocks
    factor = np.broadcast_to(numbers()[0], groups * filters).reshape(groups, 1, filters, 1)
    new = np.empty(old.shape, np.float32)
    with np.errstate(all="ignore"):
        # numpy multiplies float64 a few thousand numbers at a time, and makes no array of them.
        np.multiply(old.reshape(blocks), factor, out=new.reshape(blocks), casting="same_kind")
    return new


def _shifted(
    weights: Weights, name: str, shape: Shape, numbers: Callable[[], tuple[Numbers, Numbers]]
) -> NDArray[np.float32]:
    """A bias, which may not have been there, through factor and shift."""
    factor, shift = numbers()
    old = weights[name] if name in weights else np.zeros(shape, np.float32)
    with np.errstate(all="ignore"):
        new: Numbers = old * factor + shift
        return new.astype(np.float32)
