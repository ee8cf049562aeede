"""Batch norms folded into the conv, depthwise, conv_transpose, fc or patch_embedding before them.

At inference a batch norm is y = (x - mean) / sqrt(var + eps) * weight + bias with stored mean and
variance: a factor and a shift for each channel (Jacob et al. 2018, section 3.2).

A batch norm *before* a conv is left alone. It could go into a conv without padding, or with padding
that copies rows; with padding of zeros only if it shifts nothing, which the graph alone can't tell,
and through a relu, which is what usually stands between the two, not at all. In the zoo each batch
norm directly before a conv stands directly behind another one, into which it goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from archspec.graph import Node
from archspec.layers.base import Layer
from archspec.layers.norm import BatchNorm
from archspec.passes.folding import Numbers, PerChannel, fold
from archspec.passes.network import Network
from archspec.weights import Weights


def run(network: Network) -> Network:
    """The network without the batch norms that fold into the layer before them."""
    return fold(network, BATCH_NORM)


def _batch_norm(node: Node, weights: Weights) -> tuple[Numbers, Numbers]:
    layer = cast(BatchNorm, node.layer)
    tensors = {
        leaf: weights[node.tensor_name(leaf)].astype(np.float64)
        for leaf in (*node.signature.parameters, *node.signature.buffers)
    }
    factor = tensors.get("weight", 1.0) / np.sqrt(tensors["running_var"] + layer.eps)
    return factor, tensors.get("bias", 0.0) - tensors["running_mean"] * factor


BATCH_NORM: Mapping[type[Layer], PerChannel] = {BatchNorm: PerChannel(_batch_norm, shifts=True)}
"""Batch normalisation, as a factor and a shift for each channel."""
