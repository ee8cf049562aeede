"""What a kind of layer is: its fields, its output shape, its tensors, its cost, its formula.

Shapes never include the batch: `(C, L)`, `(C, H, W)`, `(C, D, H, W)`, or `(features,)` once flat.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict

Shape = tuple[int, ...]
Inputs = tuple[Shape, ...]


class LayerError(Exception):
    """A layer that does not fit its input.

    `field` names the field whose value is to blame, where there is one; `help` is the way out.
    `before` is the word of a step that makes it fit for certain, put before this one. `input` is
    the number of the input that does not go with those before it, `wanted` a shape that would.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "AS301",
        field: str | None = None,
        help: str = "",
        before: str = "",
        input: int | None = None,
        wanted: Shape | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.field = field
        self.help = help
        self.before = before
        self.input = input
        self.wanted = wanted


class Tensor(NamedTuple):
    """A named tensor that a layer owns: a parameter, or a buffer (running statistics).

    With `bound` None every element starts as `constant`; otherwise elements are drawn uniformly
    from [-bound, bound).
    """

    shape: Shape
    constant: float = 0.0
    bound: float | None = None

    @property
    def size(self) -> int:
        return product(self.shape)


class AxisWindow(NamedTuple):
    """What one spatial axis of a layer reads: output i covers input i*stride - before, and `extent`
    elements from there.
    """

    extent: int
    stride: int
    before: int


class Layer(BaseModel):
    """The base of every kind. A subclass declares its fields and answers the questions below.

    A layer takes one value, unless `takes_many` is set (add, multiply, concat), or a `reference`
    is given to it. Tensor names are the leaf of the state-dict name (`weight`); the empty name
    stands for the layer's own. Where fields do not go together, whatever the input, a validator of
    the whole raises LayerError.

    Fields:
        branches: Lists of steps, two or more, whose results are merged; `[]` is the incoming value
            itself. Instead, `from` may name the values.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", defer_build=True, allow_inf_nan=False
    )

    kind: ClassVar[str]
    main_field: ClassVar[str | None] = None
    takes_many: ClassVar[bool] = False
    reference: ClassVar[str | None] = None
    """The field that names a second value, of which the layer reads the size alone, if any. It is
    no field of the class: with it, `inputs` are the value and the one that is named.
    """
    is_view: ClassVar[bool] = False
    """At inference the output is the input's memory, unchanged (flatten, dropout)."""

    @abstractmethod
    def output_shape(self, inputs: Inputs) -> Shape:
        """The output's shape. Raises LayerError where the layer does not fit."""

    @abstractmethod
    def macs(self, inputs: Inputs, output: Shape) -> int:
        """Multiply-accumulates for one sample. Only convolutions, fc, filter and the products of
        attention have any: the convention that torchvision publishes (no bias, normalisation,
        activation or pooling).
        """

    @abstractmethod
    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        """What each spatial axis reads, for the receptive field; None: every output sees all."""

    def parameters(self, inputs: Inputs) -> Mapping[str, Tensor]:
        """The learnable tensors, by leaf name."""
        return {}

    def buffers(self, inputs: Inputs) -> Mapping[str, Tensor]:
        """The tensors that are stored with the weights and not learnt, by leaf name."""
        return {}

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        """How the output size follows, with the numbers in it; empty where it is the input's."""
        return ""

    def parameter_formula(self, inputs: Inputs) -> str:
        """How the parameter count follows, with the numbers in it; empty where there are none."""
        return ""


def pointwise_windows(shape: Shape) -> tuple[AxisWindow, ...] | None:
    """The windows of a layer that reads, for each output position, that very input position."""
    return (AxisWindow(1, 1, 0),) * (len(shape) - 1) if len(shape) > 1 else None


def product(factors: Shape) -> int:
    result = 1
    for factor in factors:
        result = result * factor
    return result


def text_of(shape: Shape) -> str:
    """`64 × 112 × 112`: a shape as people write it."""
    return " × ".join(str(size) for size in shape)
