"""Kinds that make one value of several."""

from collections.abc import Callable

from archspec.layers.base import (
    AxisWindow,
    Inputs,
    Layer,
    LayerError,
    Shape,
    pointwise_windows,
    text_of,
)
from archspec.layers.sizes import are_numbers, common
from archspec.layers.window import axis_names


class _Broadcast(Layer):
    """An operation on elements at the same place: (C, ...), (C, ...) -> (C, ...). A size of 1 is
    repeated to match the others', so that a gate of one value a channel scales the whole channel.
    """

    takes_many = True

    def output_shape(self, inputs: Inputs) -> Shape:
        shape = _repeated(inputs)
        if shape is None:
            odd = _odd_one(inputs, _repeated)
            # What is repeated, such as a gate of one value a channel, stays so.
            pairs = zip(inputs[0], inputs[odd], strict=False)
            wanted = tuple([size if own != 1 else own for size, own in pairs])
            raise LayerError(
                f"{self.kind} needs values of one shape, not {_list_of(inputs)}",
                code="AS304",
                help=_ways_out(inputs) or "make every size equal, or 1, which is repeated",
                input=odd,
                wanted=wanted if len(inputs[odd]) == len(inputs[0]) else inputs[0],
            )
        return shape

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return pointwise_windows(self.output_shape(inputs))


class Add(_Broadcast):
    """The sum of the values, element by element."""

    kind = "add"


class Multiply(_Broadcast):
    """The product of the values, element by element."""

    kind = "multiply"


class Subtract(_Broadcast):
    """The first value less the second, element by element."""

    kind = "subtract"

    def output_shape(self, inputs: Inputs) -> Shape:
        if len(inputs) != 2:
            raise LayerError(
                f"subtract takes two values, not {len(inputs)}",
                code="AS212",
                field="from",
                help="add first what is to be taken away",
            )
        return super().output_shape(inputs)


class Maximum(_Broadcast):
    """The largest of the values, element by element."""

    kind = "maximum"


class Concat(Layer):
    """The values side by side along the channels: (C1, ...), (C2, ...) -> (C1 + C2, ...)."""

    kind = "concat"
    takes_many = True

    def output_shape(self, inputs: Inputs) -> Shape:
        shape = _side_by_side(inputs)
        if shape is None:
            odd = _odd_one(inputs, _side_by_side)
            raise LayerError(
                f"concat needs values that differ in their channels alone, not {_list_of(inputs)}",
                code="AS304",
                help=_resized(inputs) or _alike_but_for_channels({len(shape) for shape in inputs}),
                input=odd,
                wanted=(inputs[odd][0], *inputs[0][1:]),
            )
        return shape

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return pointwise_windows(inputs[0])

    def shape_formula(self, inputs: Inputs, output: Shape) -> str:
        return f"{' + '.join(str(shape[0]) for shape in inputs)} = {output[0]} channels"


def _repeated(inputs: Inputs) -> Shape | None:
    """The shape that all of these become where sizes of 1 are repeated; None where they differ."""
    sizes = [
        common([size for size in along if size != 1] or [1]) for along in zip(*inputs, strict=False)
    ]
    known = tuple([size for size in sizes if size is not None])
    return known if len(known) == len(sizes) and _are_of_one_rank(inputs) else None


def _side_by_side(inputs: Inputs) -> Shape | None:
    """The shape that these make along the channels; None where they differ in another size."""
    sizes = [common(along) for along in zip(*[shape[1:] for shape in inputs], strict=False)]
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes) or not _are_of_one_rank(inputs):
        return None
    return (sum(shape[0] for shape in inputs), *known)


def _are_of_one_rank(inputs: Inputs) -> bool:
    return len({len(shape) for shape in inputs}) == 1


def _odd_one(inputs: Inputs, merged: Callable[[Inputs], Shape | None]) -> int:
    """The number of the first of the inputs that does not go with those before it."""
    return next(n for n in range(1, len(inputs)) if merged(inputs[: n + 1]) is None)


def _ways_out(inputs: Inputs) -> str:
    """What gives two values one shape, where they differ in their channels or their size alone;
    empty where it takes more.
    """
    if len(inputs) != 2 or len(inputs[0]) != len(inputs[1]) or not all(map(are_numbers, inputs)):
        return ""
    (channels, *sizes), (others, *other_sizes) = inputs
    if sizes == other_sizes and sizes:
        return (
            f"a `conv: {{out_channels: {channels}, kernel_size: 1}}` makes {others} channels "
            f"{channels}; concat takes them as they are"
        )
    return _resized(inputs) if channels == others else ""


def _resized(inputs: Inputs) -> str:
    """How one of two values gets the other's size, where that is a whole number of times as large;
    else empty.
    """
    if len(inputs) != 2 or len(inputs[0]) != len(inputs[1]) or not all(map(are_numbers, inputs)):
        return ""
    sizes, others = inputs[0][1:], inputs[1][1:]
    for large, small, words in ((sizes, others, _WORDS), (others, sizes, _WORDS[::-1])):
        factors = {n // m if n % m == 0 else 0 for n, m in zip(large, small, strict=True)}
        factor = factors.pop() if len(factors) == 1 else 0
        if factor > 1:
            return (
                f"`max_pool: {factor}`, or a stride of {factor}, makes the {words[0]} as small; "
                f"`upsample: {factor}` the {words[1]} as large"
            )
    return ""


_WORDS = ("first", "second")


def _alike_but_for_channels(ranks: set[int]) -> str:
    """The way out where values that have so many axes cannot be put side by side."""
    if 1 in ranks:
        return "flatten every branch, or none of them"
    if len(ranks) > 1:
        return (
            "bring every branch to the same number of axes, with `flatten: {start: 1}` or reshape"
        )
    *others, last = axis_names(max(ranks) - 1)
    return f"bring every branch to the same {', '.join(others)}{' and ' if others else ''}{last}"


def _list_of(shapes: Inputs) -> str:
    shown = [text_of(shape) for shape in shapes[:4]]
    if len(shapes) > 4:
        shown.append(f"{len(shapes) - 4} more")
    return f"{', '.join(shown[:-1])} and {shown[-1]}"
