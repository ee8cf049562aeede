"""The vocabulary: every kind of layer, by the word that a spec uses for it."""

from collections.abc import Iterator, Mapping
from importlib import import_module

from archspec.layers.base import Layer

_KINDS = {
    "conv": "conv.Conv",
    "depthwise": "conv.Depthwise",
    "conv_transpose": "transpose.ConvTranspose",
    "filter": "conv.Filter",
    "fc": "linear.FullyConnected",
    "max_pool": "pool.MaxPool",
    "avg_pool": "pool.AvgPool",
    "global_avg_pool": "pool.GlobalAvgPool",
    "global_max_pool": "pool.GlobalMaxPool",
    "adaptive_avg_pool": "pool.AdaptiveAvgPool",
    "adaptive_max_pool": "pool.AdaptiveMaxPool",
    "upsample": "resample.Upsample",
    "mean": "reduce.Mean",
    "flatten": "shape.Flatten",
    "reshape": "rearrange.Reshape",
    "permute": "rearrange.Permute",
    "pixel_shuffle": "rearrange.PixelShuffle",
    "pixel_unshuffle": "rearrange.PixelUnshuffle",
    "channel_shuffle": "rearrange.ChannelShuffle",
    "slice": "part.Slice",
    "split": "part.Split",
    "select": "part.Select",
    "subsample": "shape.Subsample",
    "pad": "shape.Pad",
    "pad_channels": "shape.PadChannels",
    "batch_norm": "norm.BatchNorm",
    "lrn": "norm.LocalResponseNorm",
    "layer_norm": "norm.LayerNorm",
    "group_norm": "norm.GroupNorm",
    "instance_norm": "norm.InstanceNorm",
    "l2_normalize": "norm.L2Normalize",
    "relu": "activation.Relu",
    "relu6": "activation.Relu6",
    "leaky_relu": "activation.LeakyRelu",
    "prelu": "activation.PRelu",
    "elu": "activation.Elu",
    "sigmoid": "activation.Sigmoid",
    "hard_sigmoid": "activation.HardSigmoid",
    "tanh": "activation.Tanh",
    "silu": "activation.Silu",
    "hard_swish": "activation.HardSwish",
    "mish": "activation.Mish",
    "softplus": "activation.Softplus",
    "gelu": "activation.Gelu",
    "softmax": "activation.Softmax",
    "log_softmax": "activation.LogSoftmax",
    "identity": "activation.Identity",
    "dropout": "activation.Dropout",
    "drop_path": "activation.DropPath",
    "scale": "arithmetic.Scale",
    "shift": "arithmetic.Shift",
    "power": "arithmetic.Power",
    "clamp": "arithmetic.Clamp",
    "abs": "arithmetic.Abs",
    "layer_scale": "arithmetic.LayerScale",
    "patch_embedding": "tokens.PatchEmbedding",
    "class_token": "tokens.ClassToken",
    "position_embedding": "tokens.PositionEmbedding",
    "self_attention": "attention.SelfAttention",
    "add": "merge.Add",
    "subtract": "merge.Subtract",
    "multiply": "merge.Multiply",
    "maximum": "merge.Maximum",
    "concat": "merge.Concat",
}
"""Where every kind is, by its word. A kind is added here, and nowhere else but the backends."""


class Kinds(Mapping[str, type[Layer]]):
    """Kinds of layer by their words.

    A family's module is imported when one of its words is asked for: a network uses few of them,
    and what is not imported costs `archspec check` nothing.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._loaded: dict[str, type[Layer]] = {}

    def __getitem__(self, word: str) -> type[Layer]:
        layer = self._loaded.get(word)
        if layer is None:
            family, _, name = self._places[word].partition(".")
            module = import_module(f"archspec.layers.{family}")
            layer = self._loaded[word] = getattr(module, name)
        return layer

    def __contains__(self, word: object) -> bool:
        return word in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def and_others(self) -> "Kinds":
        """These kinds, to which others can be added."""
        kinds = Kinds(self._places)
        kinds._loaded = dict(self._loaded)
        return kinds

    def add(self, layer: type[Layer]) -> None:
        """Add a kind from outside."""
        self._places[layer.kind] = layer.__qualname__
        self._loaded[layer.kind] = layer


LAYERS = Kinds(_KINDS)
"""Every kind of layer that is archspec's own."""
