"""Activations, and the other kinds that leave the shape as it is."""

from typing import Annotated, Any, Literal

from pydantic import PlainValidator, WithJsonSchema

from archspec.layers.base import (
    AxisWindow,
    Inputs,
    Layer,
    LayerError,
    Shape,
    Tensor,
    pointwise_windows,
)
from archspec.layers.fields import LARGEST, Fraction, PositiveReal, Real, integers, wrong


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
    """x where x > 0, else negative_slope x.

    Fields:
        negative_slope: What negative values are multiplied by.
    """

    kind = "leaky_relu"
    main_field = "negative_slope"

    negative_slope: Real = 0.01


def _num_parameters(value: Any) -> int | str:
    if value == "channels":
        return "channels"
    if type(value) is int and 1 <= value <= LARGEST:
        return value
    expected = "1, or `channels` for one a channel"
    raise wrong(expected, (value,), int)


_NUM_PARAMETERS = WithJsonSchema({"anyOf": [{"enum": ["channels"]}, integers(1)]})


class PRelu(Elementwise):
    """x where x > 0, else a learnt slope times x (He et al. 2015): one slope, or one a channel.

    `num_parameters` is 1, or the number of channels, or `channels`, which means that number.

    Fields:
        num_parameters: How many slopes are learnt: 1, or `channels` for one a channel.
        init: What the slopes start as.
    """

    kind = "prelu"
    main_field = "num_parameters"

    num_parameters: Annotated[int | str, PlainValidator(_num_parameters), _NUM_PARAMETERS] = 1
    init: Real = 0.25

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        if self.num_parameters not in (1, x[0], "channels"):
            raise LayerError(
                f"prelu has one slope, or one a channel, not {self.num_parameters} "
                f"for {x[0]} channels",
                field="num_parameters",
                help="write 1, or `channels`",
            )
        return x

    def parameters(self, inputs: Inputs) -> dict[str, Tensor]:
        return {"weight": Tensor((self._slopes(inputs),), constant=self.init)}

    def _slopes(self, inputs: Inputs) -> int:
        return 1 if self.num_parameters == 1 else inputs[0][0]

    def parameter_formula(self, inputs: Inputs) -> str:
        slopes = self._slopes(inputs)
        return f"{slopes} × 1 = {slopes:,}"


class Elu(Elementwise):
    """x where x > 0, else alpha (exp(x) - 1) (Clevert, Unterthiner and Hochreiter 2016).

    Fields:
        alpha: How far below 0 negative values may fall.
    """

    kind = "elu"
    main_field = "alpha"

    alpha: Real = 1.0


class Sigmoid(Elementwise):
    """1 / (1 + exp(-x))."""

    kind = "sigmoid"


class HardSigmoid(Elementwise):
    """min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, MobileNetV3)."""

    kind = "hard_sigmoid"


class Tanh(Elementwise):
    """tanh(x)."""

    kind = "tanh"


class Silu(Elementwise):
    """x sigmoid(x), also called swish."""

    kind = "silu"


class HardSwish(Elementwise):
    """x min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, MobileNetV3)."""

    kind = "hard_swish"


class Mish(Elementwise):
    """x tanh(log(1 + exp(x))) (Misra 2020)."""

    kind = "mish"


class Softplus(Elementwise):
    """log(1 + exp(beta x)) / beta, and x itself where beta x > threshold, as PyTorch has it.

    Fields:
        beta: How sharp the bend at 0 is.
        threshold: The value of beta x beyond which the result is x itself.
    """

    kind = "softplus"
    main_field = "beta"

    beta: PositiveReal = 1.0
    threshold: Real = 20.0


class Gelu(Elementwise):
    """x Phi(x), with Phi the normal distribution's, or its approximation by tanh.

    Fields:
        approximate: `tanh` for the approximation by tanh, `none` for the exact function.
    """

    kind = "gelu"
    main_field = "approximate"

    approximate: Literal["none", "tanh"] = "none"


class Softmax(Elementwise):
    """exp(x) over its sum across channels, at each position."""

    kind = "softmax"


class LogSoftmax(Elementwise):
    """x minus the logarithm of the sum of exp(x) across channels, at each position."""

    kind = "log_softmax"


class Identity(Elementwise):
    """x."""

    kind = "identity"
    is_view = True


class Dropout(Elementwise):
    """In training, each element is 0 with probability p and the rest grow by 1 / (1 - p)
    (Srivastava et al. 2014). At inference, x.

    Fields:
        p: The probability that an element becomes 0.
    """

    kind = "dropout"
    main_field = "p"
    is_view = True

    p: Fraction = 0.5


class DropPath(Elementwise):
    """In training, each sample is 0 as a whole with probability p and the rest grow by 1 / (1 - p):
    stochastic depth (Huang et al. 2016), by rows as in torchvision. At inference, x.

    It stands at the end of a residual's branch.

    Fields:
        p: The probability that a whole sample becomes 0.
    """

    kind = "drop_path"
    main_field = "p"
    is_view = True

    p: Fraction
