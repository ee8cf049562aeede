"""Attention."""

from archspec.layers.base import AxisWindow, Inputs, Layer, Shape, Tensor
from archspec.layers.channels import check_divides
from archspec.layers.fields import Fraction, Positive
from archspec.layers.tokens import check_tokens


class SelfAttention(Layer):
    """Multi-head self-attention (Vaswani et al. 2017) on L tokens of C channels: (C, L) -> (C, L).

    Of each token a query, a key and a value are made (`in_proj_weight`, 3C x C, and
    `in_proj_bias`), and divided into `num_heads` parts of C / num_heads channels. In each head a
    token takes the mean of all values, weighed by softmax(query key / sqrt(C / num_heads)); the
    heads side by side pass through `out_proj`, C x C. In training, `dropout` is the probability
    that a weight of the mean is 0. The tensors are those of nn.MultiheadAttention(C, num_heads).

    Fields:
        num_heads: The parts that the features are divided into, each of which attends by itself; it
            divides the incoming channels.
        bias: Whether learnt numbers are added to queries, keys, values and the output.
        dropout: The probability, in training, that a weight of attention becomes 0.
    """

    kind = "self_attention"
    main_field = "num_heads"

    num_heads: Positive
    bias: bool = True
    dropout: Fraction = 0.0

    def output_shape(self, inputs: Inputs) -> Shape:
        (x,) = inputs
        check_tokens(x, self.kind)
        check_divides(self.num_heads, x[0], "num_heads", "head")
        return x

    def macs(self, inputs: Inputs, output: Shape) -> int:
        """4 L C^2 for the four projections, and 2 L^2 C for the products of queries with keys and
        of weights with values, whatever the heads: what torchvision counts, whose vit_b_16 is
        published with 17.564 GMACs and has 16.849 without the latter.
        """
        channels, length = inputs[0]
        return 4 * length * channels * channels + 2 * length * length * channels

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return None

    def parameters(self, inputs: Inputs) -> dict[str, Tensor]:
        channels = inputs[0][0]
        # PyTorch's start: Glorot's uniform for the three that are one matrix; biases are 0.
        joint = (6.0 / (channels + 3 * channels)) ** 0.5
        own = float(channels) ** -0.5
        tensors = {"in_proj_weight": Tensor((3 * channels, channels), bound=joint)}
        if self.bias:
            tensors["in_proj_bias"] = Tensor((3 * channels,))
        tensors["out_proj.weight"] = Tensor((channels, channels), bound=own)
        if self.bias:
            tensors["out_proj.bias"] = Tensor((channels,))
        return tensors

    def parameter_formula(self, inputs: Inputs) -> str:
        channels = inputs[0][0]
        bias = f" + 4 × {channels}" if self.bias else ""
        total = 4 * channels * (channels + self.bias)
        return f"4 × {channels} × {channels}{bias} = {total:,}"
