"""scale, shift and layer_scale folded into the conv, depthwise, conv_transpose, fc or
patch_embedding before them, together with the batch norms that stand behind these.

They multiply or add numbers that the spec gives or that were learnt, one for all channels or one a
channel. What only multiplies leaves a layer without a bias without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from archspec.graph import Node
from archspec.layers.arithmetic import LayerScale, Scale, Shift
from archspec.layers.base import Layer
from archspec.passes.fold_batch_norm import BATCH_NORM
from archspec.passes.folding import Numbers, PerChannel, fold
from archspec.passes.network import Network
from archspec.weights import Weights


def run(network: Network) -> Network:
    """The network without the scales and shifts that fold into the layer before them."""
    return fold(network, _SCALES)


_ONE, _ZERO = np.ones(1), np.zeros(1)


def _scale(node: Node, weights: Weights) -> tuple[Numbers, Numbers]:
    return _constant(cast(Scale, node.layer).value), _ZERO


def _shift(node: Node, weights: Weights) -> tuple[Numbers, Numbers]:
    return _ONE, _constant(cast(Shift, node.layer).value)


def _layer_scale(node: Node, weights: Weights) -> tuple[Numbers, Numbers]:
    return weights[node.tensor_name("")].astype(np.float64).reshape(-1), _ZERO


def _constant(value: float | tuple[float, ...]) -> Numbers:
    """The number or numbers that the compiled network has, which are float32."""
    return np.atleast_1d(np.asarray(value, np.float32)).astype(np.float64)


_SCALES: Mapping[type[Layer], PerChannel] = {
    Scale: PerChannel(_scale, shifts=False),
    Shift: PerChannel(_shift, shifts=True),
    LayerScale: PerChannel(_layer_scale, shifts=False),
    **BATCH_NORM,
}
