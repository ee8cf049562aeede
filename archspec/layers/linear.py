"""The fully connected layer."""

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
from archspec.layers.fields import Positive


class FullyConnected(Layer):
    """Every output sees every input: (features,) -> (out_features,).

    With `position_wise`, the same layer at each position, where every output sees every channel:
    (C, ...) -> (out_features, ...).

    Parameters: in_features x out_features weights, then out_features biases.

    Fields:
        out_features: How many numbers come out: how many neurons the layer has.
        bias: Whether a learnt number is added to each output.
        position_wise: Whether the channels at each position are mapped by themselves, where the
            input is not flat.
    """

    kind = "fc"
    main_field = "out_features"

    out_features: Positive
    bias: bool = True
    position_wise: bool = False

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        if len(x) != 1 and not self.position_wise:
            raise LayerError(
                f"fc needs a flat input, not one of {text_of(x)}",
                code="AS303",
                help="put `- flatten` before it, or `position_wise: true` for one at each position",
                before="flatten",
            )
        return (self.out_features, *x[1:])

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return inputs[0][0] * product(output)

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return pointwise_windows(inputs[0])

    def parameters(self, inputs: Inputs) -> dict[str, Tensor]:
        features = inputs[0][0]
        # PyTorch's start: uniform within 1 / sqrt(fan_in), weights and biases alike.
        bound = float(features) ** -0.5
        tensors = {"weight": Tensor((self.out_features, features), bound=bound)}
        if self.bias:
            tensors["bias"] = Tensor((self.out_features,), bound=bound)
        return tensors

    def parameter_formula(self, inputs: Inputs) -> str:
        features = inputs[0][0]
        bias = f" + {self.out_features}" if self.bias else ""
        total = (features + self.bias) * self.out_features
        return f"{features} × {self.out_features}{bias} = {total:,}"
