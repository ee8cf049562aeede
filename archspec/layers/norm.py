"""Normalisation."""

from typing import Annotated

from pydantic import Field

from archspec.layers.base import AxisWindow, Inputs, Layer, Shape, Tensor, pointwise_windows
from archspec.layers.fields import INT32_LARGEST, Fraction, NonNegativeReal, PositiveReal
from archspec.layers.window import spatial


class BatchNorm(Layer):
    """Batch normalisation with running statistics (Ioffe and Szegedy 2015), channel by channel.

    At inference (x - running_mean) / sqrt(running_var + eps) * weight + bias. `affine: false` has
    no weight and bias.
    """

    kind = "batch_norm"

    eps: PositiveReal = 1e-5
    momentum: Fraction = 0.1
    affine: bool = True

    def output_shape(self, inputs: Inputs) -> Shape:
        return inputs[0]

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return pointwise_windows(inputs[0])

    def parameters(self, inputs: Inputs) -> dict[str, Tensor]:
        if not self.affine:
            return {}
        shape = inputs[0][:1]
        return {"weight": Tensor(shape, constant=1.0), "bias": Tensor(shape)}

    def buffers(self, inputs: Inputs) -> dict[str, Tensor]:
        shape = inputs[0][:1]
        return {"running_mean": Tensor(shape), "running_var": Tensor(shape, constant=1.0)}

    def parameter_formula(self, inputs: Inputs) -> str:
        channels = inputs[0][0]
        return f"2 × {channels} = {2 * channels:,}" if self.affine else ""


Neighbours = Annotated[int, Field(ge=1, le=INT32_LARGEST)]


class LocalResponseNorm(Layer):
    """Local response normalisation across `size` neighbouring channels (Krizhevsky et al. 2012).

    x / (k + alpha / size * sum of x^2 over the neighbours)^beta, PyTorch's form: of an even number
    of neighbours, the one more lies before the channel.
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
