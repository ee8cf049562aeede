"""Kinds for sequences of tokens, whose values are (C, L): L tokens of C features each.

Like every value they have the channels first; PyTorch's and torchvision's tensors for them are as
published, (1, L, C).
"""

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
from archspec.layers.conv import kernel_formula, kernels
from archspec.layers.fields import Positive, PositivePerAxis, per_axis
from archspec.layers.sizes import divides, larger
from archspec.layers.window import axis_names, spatial


def check_tokens(x: Shape, kind: str) -> None:
    """Raise LayerError where a value is no sequence of tokens."""
    if len(x) != 2:
        raise LayerError(
            f"{kind} needs a sequence of shape [channels, length], not one of {text_of(x)}",
            code="AS303",
            help=f"put {kind} before the flatten"
            if len(x) == 1
            else "put `- flatten: {start: 1}` before it, or `- patch_embedding`: "
            "they make a sequence of an image",
        )


class PatchEmbedding(Layer):
    """Patches that do not overlap, each mapped to one token (Dosovitskiy et al. 2021).

    (C, H, W) -> (out_channels, H / patch_size * W / patch_size), and so on 1 to 3 axes: a
    convolution whose stride is its kernel, then the positions in one row. `weight` and `bias` are
    the convolution's.

    Fields:
        out_channels: The features of each token.
        patch_size: Rows of a patch, which divide the input's: one number for every spatial axis, or
            a list of one an axis.
        bias: Whether a learnt number is added to each feature.
    """

    kind = "patch_embedding"
    main_field = "out_channels"

    out_channels: Positive
    patch_size: PositivePerAxis
    bias: bool = True

    def patches(self, x: Shape) -> tuple[int, ...]:
        """The size of a patch along each spatial axis."""
        return per_axis(self.patch_size, len(spatial(x, self.kind)), "patch_size")

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        patches = self.patches(x)
        for name, size, patch in zip(axis_names(len(patches)), x[1:], patches, strict=True):
            if not divides(patch, size):
                # To the nearest whole patch, of which there is at least one.
                near = larger((size + patch // 2) // patch * patch, patch)
                raise LayerError(
                    f"a {name} of {size} cannot be divided into patches of {patch}",
                    field="patch_size",
                    help=f"make the {name} a multiple of {patch}: {near} is the nearest",
                )
        return (self.out_channels, product(self.grid(x)))

    def grid(self, x: Shape) -> Shape:
        """How many patches there are along each spatial axis."""
        return tuple([n // patch for n, patch in zip(x[1:], self.patches(x), strict=True)])

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return product(output) * product(self._weight(inputs)[1:])

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        # With more axes than one the positions are no longer in a grid.
        patches = self.patches(inputs[0])
        return (AxisWindow(patches[0], patches[0], 0),) if len(patches) == 1 else None

    def parameters(self, inputs: Inputs) -> dict[str, Tensor]:
        return kernels(self._weight(inputs), self.out_channels if self.bias else 0)

    def _weight(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        return (self.out_channels, x[0], *self.patches(x))

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        (x,) = inputs
        each = [f"({n} / {patch})" for n, patch in zip(x[1:], self.patches(x), strict=True)]
        return f"{' × '.join(each)} = {output[1]}"

    def parameter_formula(self, inputs: Inputs) -> str:
        filters, channels, *kernel = self._weight(inputs)
        return kernel_formula((*kernel, channels), filters, self.bias)


class ClassToken(Layer):
    """A learnt token before the others: (C, L) -> (C, L + 1).

    It has the step's own name and the shape (1, 1, C), as torchvision's `class_token`, and starts
    as zeros.
    """

    kind = "class_token"

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        check_tokens(x, self.kind)
        return (x[0], x[1] + 1)

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return (AxisWindow(1, 1, 1),)

    def parameters(self, inputs: Inputs) -> dict[str, Tensor]:
        return {"": Tensor((1, 1, inputs[0][0]))}

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        return f"1 + {inputs[0][1]} = {output[1]}"

    def parameter_formula(self, inputs: Inputs) -> str:
        return f"1 × {inputs[0][0]} = {inputs[0][0]:,}"


POSITION_BOUND = 0.02 * 3**0.5
"""Where position embeddings start: uniform within this, so that their standard deviation is 0.02,
as that of torchvision's normal ones.
"""


class PositionEmbedding(Layer):
    """A learnt vector added at each position: (C, L) -> (C, L).

    They have the step's own name and the shape (1, L, C), as torchvision's `pos_embedding`.
    """

    kind = "position_embedding"

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        check_tokens(x, self.kind)
        return x

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return pointwise_windows(inputs[0])

    def parameters(self, inputs: Inputs) -> dict[str, Tensor]:
        channels, length = inputs[0]
        return {"": Tensor((1, length, channels), bound=POSITION_BOUND)}

    def parameter_formula(self, inputs: Inputs) -> str:
        channels, length = inputs[0]
        return f"{length} × {channels} = {length * channels:,}"
