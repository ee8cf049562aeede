"""Normalisation."""

from typing import Annotated, Literal

from pydantic import Field

from archspec.layers.base import (
    AxisWindow,
    Inputs,
    Layer,
    LayerError,
    Shape,
    Tensor,
    pointwise_windows,
    product,
    text_of,
)
from archspec.layers.channels import check_divides
from archspec.layers.fields import (
    INT32_LARGEST,
    Fraction,
    NonNegativeReal,
    Positive,
    PositiveReal,
)
from archspec.layers.sizes import at_least
from archspec.layers.window import spatial

_NOTHING_LEFT = "nothing is left of a single number when its mean is taken away"


class _Normalization(Layer):
    """(x - mean) / sqrt(variance + eps) * weight + bias: (C, ...) -> (C, ...).

    The kind says what the mean and the variance are over. `affine: false` has no weight and bias;
    as they start, they change nothing.

    Fields:
        eps: What is added to the variance, so that nothing is divided by 0.
        affine: Whether there are a learnt weight and bias.
    """

    eps: PositiveReal = 1e-5
    affine: bool = True

    def weight_shape(self, x: Shape) -> Shape:
        """The shape of `weight`, and of `bias`: one number a channel."""
        return x[:1]

    def output_shape(self, inputs: Inputs) -> Shape:
        return inputs[0]

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return None

    def parameters(self, inputs: Inputs) -> dict[str, Tensor]:
        shape = self.weight_shape(inputs[0])
        return {"weight": Tensor(shape, constant=1.0), "bias": Tensor(shape)} if self.affine else {}

    def parameter_formula(self, inputs: Inputs) -> str:
        shape = self.weight_shape(inputs[0])
        return f"2 × {text_of(shape)} = {2 * product(shape):,}" if self.affine else ""


class BatchNorm(_Normalization):
    """Batch normalisation with running statistics (Ioffe and Szegedy 2015), channel by channel.

    At inference the mean and the variance are the running ones.

    Fields:
        momentum: How much of each batch goes into the running statistics in training.
    """

    kind = "batch_norm"

    momentum: Fraction = 0.1

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        if len(x) > 1:
            spatial(x, self.kind)
        return x

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return pointwise_windows(inputs[0])

    def buffers(self, inputs: Inputs) -> dict[str, Tensor]:
        shape = inputs[0][:1]
        return {"running_mean": Tensor(shape), "running_var": Tensor(shape, constant=1.0)}


class LayerNorm(_Normalization):
    """Layer normalisation (Ba, Kiros and Hinton 2016): (C, ...) -> (C, ...).

    The mean and the variance are over the channels of each position by itself (`weight` and `bias`
    are of shape (C,): nn.LayerNorm(C) on tokens, and torchvision's LayerNorm2d), or with
    `over: all` over all that a sample has (of the input's shape: nn.LayerNorm([C, H, W])).

    Fields:
        over: What the mean and the variance are over: the channels at each position, or `all` of a
            sample.
    """

    kind = "layer_norm"

    over: Literal["channels", "all"] = "channels"

    def normalized_shape(self, x: Shape) -> Shape:
        """The axes that the mean is over, by their sizes: the first of the shape `x`, or all."""
        return x if self.over == "all" else x[:1]

    def weight_shape(self, x: Shape) -> Shape:
        return self.normalized_shape(x)

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        if not at_least(product(self.normalized_shape(x)), 2):
            numbers = "numbers" if self.over == "all" else "channels"
            raise LayerError(
                f"layer_norm needs two {numbers} or more, and {text_of(x)} has one: "
                f"{_NOTHING_LEFT}",
                help="leave it out, or use batch_norm",
            )
        return x

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return None if self.over == "all" else pointwise_windows(inputs[0])


class GroupNorm(_Normalization):
    """Group normalisation (Wu and He 2018): (C, ...) -> (C, ...).

    The channels are divided into `num_groups` groups of neighbours, and the mean and the variance
    are over a group's channels and all positions. `weight` and `bias` are one number a channel.

    Fields:
        num_groups: The groups that the channels are divided into; it divides the incoming channels.
    """

    kind = "group_norm"
    main_field = "num_groups"

    num_groups: Positive

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        check_divides(self.num_groups, x[0], "num_groups", "group")
        if not at_least(x[0] // self.num_groups * product(x[1:]), 2):
            raise LayerError(
                f"each of {self.num_groups} groups of {text_of(x)} is a single number, "
                "of which nothing is left when its mean is taken away",
                field="num_groups",
                help="use fewer groups, or normalise where the value is larger",
            )
        return x


class InstanceNorm(_Normalization):
    """Instance normalisation (Ulyanov, Vedaldi and Lempitsky 2016): (C, ...) -> (C, ...).

    The mean and the variance are over the positions of each channel of each sample, in training
    and at inference alike: there are no running statistics. As in PyTorch, `affine` is false
    unless asked for; `weight` and `bias` are one number a channel.
    """

    kind = "instance_norm"

    affine: bool = False

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        if not at_least(product(spatial(x, self.kind)), 2):
            raise LayerError(
                f"instance_norm needs two positions or more, and {text_of(x)} has one: "
                f"{_NOTHING_LEFT}",
                help="normalise before the value is pooled so far, or use layer_norm",
            )
        return x


class L2Normalize(Layer):
    """Each position's channels over their length: (C, ...) -> (C, ...).

    x / max(sqrt(sum of x^2 over the channels), eps), as torch.nn.functional.normalize has it.

    Fields:
        eps: The least length that is divided by.
    """

    kind = "l2_normalize"

    eps: PositiveReal = 1e-12

    def output_shape(self, inputs: Inputs) -> Shape:
        return inputs[0]

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return pointwise_windows(inputs[0])


Neighbours = Annotated[int, Field(ge=1, le=INT32_LARGEST)]


class LocalResponseNorm(Layer):
    """Local response normalisation across `size` neighbouring channels (Krizhevsky et al. 2012):
    (C, ...) -> (C, ...).

    x / (k + alpha / size * sum of x^2 over the neighbours)^beta, PyTorch's form: of an even number
    of neighbours, the one more lies before the channel.

    Fields:
        size: How many neighbouring channels are summed over.
        alpha: The weight of the sum of squares, which is divided by `size`.
        beta: The power that the divisor is raised to.
        k: What is added to the sum.
    """

    kind = "lrn"
    main_field = "size"

    size: Neighbours
    alpha: NonNegativeReal = 1e-4
    beta: NonNegativeReal = 0.75
    k: PositiveReal = 1.0

    def output_shape(self, inputs: Inputs) -> Shape:
        spatial(inputs[0], self.kind)
        return inputs[0]

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return pointwise_windows(inputs[0])
