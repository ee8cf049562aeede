"""Activations, and the other kinds that leave the shape as it is."""

from typing import Literal

from archspec.layers.base import AxisWindow, Inputs, Layer, Shape, pointwise_windows
from archspec.layers.fields import Fraction, Real


class Elementwise(Layer):
    """A function of each element: (...) -> (...), with nothing learnt."""

    def output_shape(self, inputs: Inputs) -> Shape:
        return inputs[0]

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return pointwise_windows(inputs[0])


class Relu(Elementwise):
    """max(x, 0)."""

    kind = "relu"


class Relu6(Elementwise):
    """min(max(x, 0), 6)."""

    kind = "relu6"


class LeakyRelu(Elementwise):
    """x where x > 0, else negative_slope x."""

    kind = "leaky_relu"
    main_field = "negative_slope"

    negative_slope: Real = 0.01


class Sigmoid(Elementwise):
    """1 / (1 + exp(-x))."""

    kind = "sigmoid"


class Tanh(Elementwise):
    """tanh(x)."""

    kind = "tanh"


class Silu(Elementwise):
    """x sigmoid(x), also called swish."""

    kind = "silu"


class Gelu(Elementwise):
    """x Phi(x), with Phi the normal distribution's, or its approximation by tanh."""

    kind = "gelu"
    main_field = "approximate"

    approximate: Literal["none", "tanh"] = "none"


class Softmax(Elementwise):
    """exp(x) over its sum across channels, at each position."""

    kind = "softmax"


class Identity(Elementwise):
    """x."""

    kind = "identity"
    is_view = True


class Dropout(Elementwise):
    """In training, each element is 0 with probability p and the rest grow by 1 / (1 - p)
    (Srivastava et al. 2014). At inference, x.
    """

    kind = "dropout"
    main_field = "p"
    is_view = True

    p: Fraction = 0.5
