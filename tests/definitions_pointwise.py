"""What the kinds of `tests/kinds_pointwise.py` compute, said by others.

`REFERENCE` is in NumPy, from the fields as they are written and the papers' formulas; `EXPECTED`
is PyTorch's own functions, called by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

Array = NDArray[Any]
Fields = Mapping[str, Any]
Weights = Mapping[str, Array]
Tensors = list[torch.Tensor]


# In NumPy. An input is of the shape (N, C, ...)


def by_channel(values: Any, x: Array) -> Array:
    """One number a channel, in a shape that meets `x`."""
    return np.asarray(values).reshape(-1, *(1 for _ in x.shape[2:]))


def standardized(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    mean = x.mean(axes, keepdims=True)
    result: Array = (x - mean) / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + eps)
    return result


def scaled_and_shifted(x: Array, weights: Weights) -> Array:
    if "layer.weight" not in weights:
        return x
    result: Array = x * by_channel(weights["layer.weight"], x)
    return result + by_channel(weights["layer.bias"], x)


def layer_norm(fields: Fields, weights: Weights, x: Array) -> Array:
    eps = fields.get("eps", 1e-5)
    if fields.get("over") != "all":
        return scaled_and_shifted(standardized(x, (1,), eps), weights)
    normal = standardized(x, tuple(range(1, x.ndim)), eps)
    result: Array = normal * weights.get("layer.weight", 1) + weights.get("layer.bias", 0)
    return result


def group_norm(fields: Fields, weights: Weights, x: Array) -> Array:
    each = x.shape[1] // fields["num_groups"]
    normal = np.empty_like(x)
    for first in range(0, x.shape[1], each):
        group = x[:, first : first + each]
        axes = tuple(range(1, x.ndim))
        normal[:, first : first + each] = standardized(group, axes, fields.get("eps", 1e-5))
    return scaled_and_shifted(normal, weights)


def instance_norm(fields: Fields, weights: Weights, x: Array) -> Array:
    normal = standardized(x, tuple(range(2, x.ndim)), fields.get("eps", 1e-5))
    return scaled_and_shifted(normal, weights)


def l2_normalize(fields: Fields, weights: Weights, x: Array) -> Array:
    lengths = np.sqrt((x**2).sum(1, keepdims=True))
    result: Array = x / np.maximum(lengths, fields.get("eps", 1e-12))
    return result


def prelu(fields: Fields, weights: Weights, x: Array) -> Array:
    slopes = by_channel(weights["layer.weight"], x)
    return np.where(x > 0, x, slopes * x)


def softplus(fields: Fields, weights: Weights, x: Array) -> Array:
    beta = fields.get("beta", 1)
    smooth = np.log(1 + np.exp(beta * x)) / beta
    return np.where(beta * x > fields.get("threshold", 20), x, smooth)


def softmax(x: Array, axis: int) -> Array:
    powers = np.exp(x)
    result: Array = powers / powers.sum(axis, keepdims=True)
    return result


def position_wise(fields: Fields, weights: Weights, x: Array) -> Array:
    """The fully connected layer on the channels of each position, one position at a time."""
    weight, bias = weights["layer.weight"], weights.get("layer.bias", 0)
    out = np.empty((len(x), len(weight), *x.shape[2:]))
    for position in np.ndindex(x.shape[2:]):
        place: tuple[Any, ...] = (slice(None), slice(None), *position)
        out[place] = x[place] @ weight.T + bias
    return out


def patch_embedding(fields: Fields, weights: Weights, x: Array) -> Array:
    weight = weights["layer.weight"]
    sizes = weight.shape[2:]
    grid = [n // patch for n, patch in zip(x.shape[2:], sizes, strict=True)]
    tokens = []
    for position in np.ndindex(*grid):
        rows = [slice(i * patch, (i + 1) * patch) for i, patch in zip(position, sizes, strict=True)]
        place: tuple[Any, ...] = (slice(None), slice(None), *rows)
        patch = x[place].reshape(len(x), -1)
        tokens.append(patch @ weight.reshape(len(weight), -1).T + weights.get("layer.bias", 0))
    return np.stack(tokens, -1)


def class_token(fields: Fields, weights: Weights, x: Array) -> Array:
    token = np.repeat(weights["layer"].reshape(1, -1, 1), len(x), 0)
    return np.concatenate([token, x], 2)


def self_attention(fields: Fields, weights: Weights, x: Array) -> Array:
    """Head by head, on each sample's tokens as the rows of a matrix (Vaswani et al. 2017)."""
    channels, heads = x.shape[1], fields["num_heads"]
    width = channels // heads
    in_bias = weights.get("layer.in_proj_bias", np.zeros(3 * channels))
    out_bias = weights.get("layer.out_proj.bias", np.zeros(channels))
    out = np.empty_like(x)
    for sample, columns in enumerate(x):
        tokens = columns.T
        queries, keys, values = (
            tokens @ weights["layer.in_proj_weight"][part].T + in_bias[part]
            for part in (slice(i * channels, (i + 1) * channels) for i in range(3))
        )
        attended = []
        for head in range(heads):
            mine = slice(head * width, (head + 1) * width)
            scores = queries[:, mine] @ keys[:, mine].T / math.sqrt(width)
            attended.append(softmax(scores, 1) @ values[:, mine])
        joined = np.concatenate(attended, 1)
        out[sample] = (joined @ weights["layer.out_proj.weight"].T + out_bias).T
    return out


def of_x(function: Callable[[Array], Any]) -> Callable[..., Array]:
    def reference(fields: Fields, weights: Weights, x: Array) -> Array:
        result: Array = function(x)
        return result

    return reference


REFERENCE: dict[str, Callable[..., Array]] = {
    "layer_norm": layer_norm,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "l2_normalize": l2_normalize,
    "prelu": prelu,
    "elu": lambda fields, weights, x: np.where(x > 0, x, fields.get("alpha", 1) * (np.exp(x) - 1)),
    "hard_sigmoid": of_x(lambda x: np.clip(x + 3, 0, 6) / 6),
    "hard_swish": of_x(lambda x: x * np.clip(x + 3, 0, 6) / 6),
    "mish": of_x(lambda x: x * np.tanh(np.log(1 + np.exp(x)))),
    "softplus": softplus,
    "log_softmax": of_x(lambda x: np.log(softmax(x, 1))),
    "drop_path": of_x(lambda x: x),
    "fc": position_wise,
    "scale": lambda fields, weights, x: x * by_channel(fields["value"], x),
    "shift": lambda fields, weights, x: x + by_channel(fields["value"], x),
    "power": lambda fields, weights, x: x ** fields["exponent"],
    "clamp": lambda fields, weights, x: np.minimum(
        np.maximum(x, fields.get("min", -np.inf)), fields.get("max", np.inf)
    ),
    "abs": of_x(lambda x: np.where(x < 0, -x, x)),
    "layer_scale": lambda fields, weights, x: x * weights["layer"],
    "patch_embedding": patch_embedding,
    "class_token": class_token,
    "position_embedding": lambda fields, weights, x: x + weights["layer"].swapaxes(1, 2),
    "self_attention": self_attention,
}


# In PyTorch


def _layer_norm(layer: Any, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    weight, bias = weights or (None, None)
    if layer.over == "all":
        return F.layer_norm(x, x.shape[1:], weight, bias, layer.eps)
    last = x.movedim(1, -1)
    return F.layer_norm(last, x.shape[1:2], weight, bias, layer.eps).movedim(-1, 1)


def _group_norm(layer: Any, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    weight, bias = weights or (None, None)
    return F.group_norm(x, layer.num_groups, weight, bias, layer.eps)


def _instance_norm(layer: Any, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    weight, bias = weights or (None, None)
    return F.instance_norm(x, weight=weight, bias=bias, eps=layer.eps)


def _along_channels(value: Any, x: torch.Tensor) -> torch.Tensor:
    return torch.tensor(value).reshape(-1, *(1 for _ in x.shape[2:]))


def _patch_embedding(layer: Any, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    convolution = getattr(F, f"conv{x.ndim - 2}d")
    tokens: torch.Tensor = convolution(x, *weights, stride=layer.patch_size)
    return tokens.flatten(2)


def _class_token(layer: Any, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    # As torchvision's VisionTransformer does it, in (N, L, C).
    tokens = x.permute(0, 2, 1)
    token = weights[0].expand(len(x), -1, -1)
    return torch.cat([token, tokens], dim=1).permute(0, 2, 1)


def _attention(layer: Any, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    """The branch of PyTorch's own that gives the attention's weights, with (L, N, C)."""
    given = iter(weights)
    in_weight = next(given)
    in_bias = next(given) if layer.bias else None
    out_weight = next(given)
    out_bias = next(given) if layer.bias else None
    tokens = x.permute(2, 0, 1)
    output, _ = F.multi_head_attention_forward(
        tokens,
        tokens,
        tokens,
        x.shape[1],
        layer.num_heads,
        in_weight,
        in_bias,
        None,
        None,
        False,
        0.0,
        out_weight,
        out_bias,
        training=False,
        need_weights=True,
    )
    return output.permute(1, 2, 0)


EXPECTED: dict[str, Callable[..., torch.Tensor]] = {
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "l2_normalize": lambda layer, weights, x: F.normalize(x, eps=layer.eps),
    "prelu": lambda layer, weights, x: F.prelu(x, *weights),
    "elu": lambda layer, weights, x: F.elu(x, layer.alpha),
    "hard_sigmoid": lambda layer, weights, x: F.hardsigmoid(x),
    "hard_swish": lambda layer, weights, x: F.hardswish(x),
    "mish": lambda layer, weights, x: F.mish(x),
    "softplus": lambda layer, weights, x: F.softplus(x, layer.beta, layer.threshold),
    "log_softmax": lambda layer, weights, x: F.log_softmax(x, 1),
    "drop_path": lambda layer, weights, x: x,
    "fc": lambda layer, weights, x: F.linear(x.movedim(1, -1), *weights).movedim(-1, 1),
    "scale": lambda layer, weights, x: x * _along_channels(layer.value, x),
    "shift": lambda layer, weights, x: x + _along_channels(layer.value, x),
    "power": lambda layer, weights, x: x.pow(layer.exponent),
    "clamp": lambda layer, weights, x: x.clamp(layer.min, layer.max),
    "abs": lambda layer, weights, x: x.abs(),
    "layer_scale": lambda layer, weights, x: x * weights[0],
    "patch_embedding": _patch_embedding,
    "class_token": _class_token,
    "position_embedding": lambda layer, weights, x: x + weights[0].permute(0, 2, 1),
    "self_attention": _attention,
}
