"""Layers removed that give back what they take: dropout, and layers that do nothing to values of
the shapes at hand, such as a 1×1 pool, a `flatten` of what is flat or a `slice` of all channels.

What read such a layer's value reads the value that the layer took. A layer whose value is an output
stays, and is no work for a runtime: the output has its name, and the value before it another.

A kind is in the table below, or is never removed. Where shapes are compared, symbolic sizes are
equal if their formulas are: the same for every input, or nothing is removed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from archspec.graph import Node
from archspec.layers import activation, arithmetic, merge, part, pool, rearrange, reduce, resample
from archspec.layers import shape as shaping
from archspec.layers.base import Layer
from archspec.passes.network import Network, rewired


def run(network: Network) -> Network:
    """The network without the layers that do nothing, but for those that make an output."""
    graph = network.graph
    instead: dict[str, str] = {}
    kept: dict[str, Node] = {}
    for old in graph.nodes:
        node = rewired(old, instead)
        is_nothing = _IS_NOTHING.get(type(node.layer))
        is_output = node.name in graph.outputs
        if is_nothing and not is_output and is_nothing(node, kept.get(node.inputs[0])):
            instead[node.name] = node.inputs[0]
        else:
            kept[node.name] = node
    return network.with_nodes(kept.values()) if instead else network


Predicate = Callable[[Node, Node | None], bool]
"""Whether a layer gives back its first value; the second is the node that makes it, None where it
is an input of the network.
"""


def _always(node: Node, maker: Node | None) -> bool:
    return True


def _keeps_shape(node: Node, maker: Node | None) -> bool:
    """For kinds that cannot keep a value's shape but by doing nothing."""
    return node.output.shape == node.input_shapes[0]


def _takes_one(node: Node, maker: Node | None) -> bool:
    return len(node.inputs) == 1


def _slides_over_single_rows(node: Node, maker: Node | None) -> bool:
    axes = cast(pool.MaxPool | pool.AvgPool, node.layer).axes(node.input_shapes[0])
    # Windows of one row can't be padded.
    return all([axis.kernel == 1 and axis.stride == 1 for axis in axes])


def _keeps_order(node: Node, maker: Node | None) -> bool:
    order = cast(rearrange.Permute, node.layer).order
    return order == tuple(range(len(order)))


def _shuffles_nothing(node: Node, maker: Node | None) -> bool:
    groups = cast(rearrange.ChannelShuffle, node.layer).groups
    return groups in (1, node.input_shapes[0][0])


def _is(neutral: float) -> Predicate:
    """For kinds with a number, or one a channel, whose main field has it."""

    def predicate(node: Node, maker: Node | None) -> bool:
        value = getattr(node.layer, node.layer.main_field or "")
        return all([number == neutral for number in (value if type(value) is tuple else (value,))])

    return predicate


_UP_TO_ONE = (activation.Sigmoid, activation.HardSigmoid, activation.Softmax)
# Softplus is not among these: with a `threshold` below 0 it gives back numbers below 0.
_NEVER_NEGATIVE = (*_UP_TO_ONE, activation.Relu, activation.Relu6, arithmetic.Abs)


def _follows(*kinds: type[Layer]) -> Predicate:
    """For kinds that change nothing in what these kinds make."""

    def predicate(node: Node, maker: Node | None) -> bool:
        return maker is not None and type(maker.layer) in kinds

    return predicate


_is_positive = _follows(*_NEVER_NEGATIVE)


def _either(*predicates: Predicate) -> Predicate:
    return lambda node, maker: any([predicate(node, maker) for predicate in predicates])


_IS_NOTHING: Mapping[type[Layer], Predicate] = {
    activation.Identity: _always,
    activation.Dropout: _always,
    activation.DropPath: _always,
    activation.Relu: _is_positive,
    activation.LeakyRelu: _either(_is(1.0), _is_positive),
    activation.Relu6: _follows(*_UP_TO_ONE, activation.Relu6),
    arithmetic.Abs: _is_positive,
    arithmetic.Scale: _is(1.0),
    arithmetic.Shift: _is(0.0),
    arithmetic.Power: _is(1.0),
    merge.Add: _takes_one,
    merge.Multiply: _takes_one,
    merge.Maximum: _takes_one,
    merge.Concat: _takes_one,
    part.Slice: _keeps_shape,
    part.Split: _keeps_shape,
    pool.MaxPool: _slides_over_single_rows,
    pool.AvgPool: _slides_over_single_rows,
    pool.GlobalAvgPool: _keeps_shape,
    pool.GlobalMaxPool: _keeps_shape,
    pool.AdaptiveAvgPool: _keeps_shape,
    pool.AdaptiveMaxPool: _keeps_shape,
    rearrange.Reshape: _keeps_shape,
    rearrange.Permute: _keeps_order,
    rearrange.PixelShuffle: _keeps_shape,
    rearrange.PixelUnshuffle: _keeps_shape,
    rearrange.ChannelShuffle: _shuffles_nothing,
    reduce.Mean: _keeps_shape,
    resample.Upsample: _keeps_shape,
    shaping.Flatten: _keeps_shape,
    shaping.Pad: _keeps_shape,
    shaping.PadChannels: _keeps_shape,
    shaping.Subsample: _keeps_shape,
}
"""When a layer of each kind gives back what it takes."""
