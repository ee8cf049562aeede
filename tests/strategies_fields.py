"""What the fields of a layer are drawn from, kind by kind, given the shape that it is to take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin

from hypothesis import reject
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from archspec.graph import Signature, infer
from archspec.layers import LAYERS
from archspec.layers.base import Inputs, Layer, LayerError, Shape, product

Strategy = st.SearchStrategy[Any]
Of = Callable[[Shape], Strategy]
"""What a field is drawn from, for an input of this shape."""

MOST_ELEMENTS = 600
MOST_PARAMS = 20_000
MOST_MACS = 300_000
"""Of one layer, so that a network takes no time."""


def _axes(x: Shape) -> int:
    return max(1, len(x) - 1)


def per_axis(least: int, most: int) -> Of:
    """One number, or one an axis."""

    def strategy(x: Shape) -> Strategy:
        size, axes = st.integers(least, most), _axes(x)
        return size | st.lists(size, min_size=axes, max_size=axes)

    return strategy


def _rows(x: Shape) -> Strategy:
    rows, axes = st.integers(0, 3), _axes(x)
    sides = st.lists(rows, min_size=2, max_size=2)
    return st.one_of(
        rows,
        st.lists(rows | sides, min_size=axes, max_size=axes),
        st.builds(lambda total: {"total": total}, per_axis(0, 5)(x)),
    )


def _padding(*words: str) -> Of:
    return lambda x: _rows(x) | st.sampled_from(words)


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


def _groups(x: Shape) -> Strategy:
    return st.sampled_from(_divisors(x[0]))


def _channels(x: Shape) -> Strategy:
    """Few, of which some are divided by the groups that there may be."""
    return st.integers(1, 6) | st.sampled_from([x[0], 2 * x[0]])


def _per_channel(x: Shape) -> Strategy:
    return _REALS | st.lists(_REALS, min_size=x[0], max_size=x[0])


_REALS = st.integers(-2, 2) | st.integers(-200, 200).map(lambda hundredths: hundredths / 100)
_POSITIVE = st.sampled_from([0.01, 0.1, 0.25, 0.5, 1, 2, 1.75])
_EPS = st.sampled_from([1e-5, 1e-3, 0.01, 0.5, 1])
_FRACTION = st.sampled_from([0, 0.1, 0.5, 1])


def _kernel(x: Shape) -> Strategy:
    """Numbers nested as deep as there are spatial axes, and the named kernels, which have two."""
    axes = _axes(x)

    def nested(sizes: Sequence[int]) -> Strategy:
        if not sizes:
            return _REALS
        return st.lists(nested(sizes[1:]), min_size=sizes[0], max_size=sizes[0])

    given = st.lists(st.integers(1, 3), min_size=axes, max_size=axes).flatmap(nested)
    named = st.sampled_from(["edge_detection", "sharpen", "gaussian_blur"])
    return given | named if axes == 2 else given


def _parts_of(x: Shape) -> Strategy:
    """The sizes of parts that are all channels together."""
    cuts = st.sets(st.integers(1, x[0] - 1), max_size=3) if x[0] > 1 else st.just(set())

    def sizes(cut: set[int]) -> list[int]:
        ends = [0, *sorted(cut), x[0]]
        return [end - start for start, end in pairwise(ends)]

    return cuts.map(sizes)


@st.composite
def _other_shape(draw: st.DrawFn, x: Shape) -> list[int]:
    """A shape of as many elements, of which one may be left to be worked out."""
    shape = [1] * draw(st.sampled_from([1, 2, 2, 3, 3, 4, 5]))
    rest = product(x)
    for index in range(len(shape) - 1):
        shape[index] = draw(st.sampled_from(_divisors(rest)))
        rest //= shape[index]
    shape[-1] = rest
    shape = draw(st.permutations(shape))
    if draw(st.booleans()):
        shape[draw(st.integers(0, len(shape) - 1))] = -1
    return shape


def _some_axes(x: Shape) -> Strategy:
    axis = st.integers(-len(x), len(x) - 1)
    each_once = st.lists(axis, min_size=1, max_size=len(x), unique_by=lambda n: n % len(x))
    return axis | each_once


def _order(x: Shape) -> Strategy:
    """All axes, each counted from the first or from the last."""
    last = st.lists(st.booleans(), min_size=len(x), max_size=len(x))
    axes = st.permutations(range(len(x)))
    counted = st.tuples(axes, last).map(lambda both: zip(*both, strict=True))
    return counted.map(lambda pairs: [axis - len(x) if last else axis for axis, last in pairs])


def _positions(number: int) -> Strategy:
    """Of so many, counted from the start or the end."""
    return st.integers(-number, number)


def _patches(x: Shape) -> Strategy:
    each = [st.sampled_from(_divisors(n)) for n in x[1:]] or [st.just(1)]
    return st.tuples(*each).map(list) | each[0]


def _factors(x: Shape) -> Strategy:
    factor = st.sampled_from([1, 2, 3, 1.5, 0.5, 2.25, 0.75, 1.0009765625])
    return factor | st.lists(factor, min_size=_axes(x), max_size=_axes(x))


OPTIONS: Mapping[str, Of] = {
    "kernel_size": per_axis(1, 4),
    "stride": per_axis(1, 3),
    "dilation": per_axis(1, 3),
    "padding": _padding("same", "same_upper", "same_lower", "valid"),
    "output_padding": per_axis(0, 2),
    "groups": _groups,
    "num_groups": _groups,
    "num_heads": _groups,
    "out_channels": _channels,
    "out_features": lambda x: st.integers(1, 9),
    "output_size": per_axis(1, 6),
    "multiplier": lambda x: st.integers(1, 3),
    "kernel": _kernel,
    "eps": lambda x: _EPS,
    "momentum": lambda x: _FRACTION,
    "p": lambda x: _FRACTION,
    "dropout": lambda x: _FRACTION,
    "init": lambda x: _REALS,
    "negative_slope": lambda x: _REALS,
    "num_parameters": lambda x: st.sampled_from([1, x[0], "channels"]),
    "alpha": lambda x: _POSITIVE,
    "beta": lambda x: _POSITIVE,
    "k": lambda x: _POSITIVE,
    "threshold": lambda x: _REALS,
    "exponent": lambda x: st.sampled_from([0, 1, 2, 3, 2.0]),
    "value": _per_channel,
    "min": lambda x: _REALS,
    "max": lambda x: _REALS,
    "axes": _some_axes,
    "order": _order,
    "shape": _other_shape,
    "upscale_factor": lambda x: st.sampled_from([r for r in (1, 2, 3) if x[0] % (r * r) == 0]),
    "downscale_factor": lambda x: st.integers(1, 3),
    "parts": _groups,
    "sizes": _parts_of,
    "index": lambda x: st.integers(-2, 1),
    "position": lambda x: _positions(x[-1]),
    "patch_size": _patches,
    "scale_factor": _factors,
    "size": per_axis(1, 9),
    "start": lambda x: _positions(x[0]),
    "stop": lambda x: _positions(x[0]),
}
"""By field: the words are the same in all kinds, and mean the same in most."""

OF_ONE_KIND: Mapping[tuple[str, str], Of] = {
    ("conv_transpose", "padding"): _padding("same_upper", "same_lower", "valid"),
    ("pad", "padding"): _rows,
    ("pad", "value"): lambda x: _REALS,
    ("flatten", "start"): lambda x: st.integers(-len(x), len(x) - 1),
    ("lrn", "size"): lambda x: st.integers(1, 8),
    ("pad_channels", "out_channels"): lambda x: st.integers(x[0], x[0] + 3),
}
"""By kind and field, where a field means something else."""


def strategy_of(kind: str, field: str, x: Shape) -> Strategy:
    """What a field is drawn from. A truth value, and one of several words, follow from its type.

    Raises KeyError where nothing is known of it.
    """
    if (kind, field) in OF_ONE_KIND:
        return OF_ONE_KIND[kind, field](x)
    if field in OPTIONS:
        return OPTIONS[field](x)
    type_ = LAYERS[kind].model_fields[field].annotation
    if type_ is bool:
        return st.booleans()
    if get_origin(type_) is Literal:
        return st.sampled_from(get_args(type_))
    raise KeyError(field)


@st.composite
def fields_of(draw: st.DrawFn, kind: str, x: Shape) -> dict[str, Any]:
    """Fields for a layer, which need not fit: those it must have, and any of the others."""

    def is_given(info: FieldInfo) -> bool:
        return info.is_required() or draw(st.booleans())

    fields = LAYERS[kind].model_fields
    return {
        name: draw(strategy_of(kind, name, x)) for name, info in fields.items() if is_given(info)
    }


def fitting(kind: str, fields: Mapping[str, Any], inputs: Inputs) -> tuple[Layer, Signature] | None:
    """The layer of these fields and what it does; None where it does not fit, or takes long."""
    try:
        layer = LAYERS[kind].model_validate(frozen(fields))
        signature = infer(layer, inputs)
    except (ValidationError, LayerError):
        return None
    small = signature.params <= MOST_PARAMS and signature.macs <= MOST_MACS
    return (layer, signature) if small and signature.output.elements <= MOST_ELEMENTS else None


@st.composite
def shapes(draw: st.DrawFn, axes: int) -> Shape:
    """Of a value with so many spatial axes; odd sizes as likely as even ones."""
    most = {0: 12, 1: 12, 2: 8, 3: 5}[axes]
    channels = draw(st.sampled_from([1, 2, 3, 4, 6]))
    return (channels, *(draw(st.integers(1, most)) for _ in range(axes)))


@st.composite
def layers(draw: st.DrawFn, kind: str) -> tuple[Layer, Inputs]:
    """A layer of a kind and the shapes of inputs that it fits."""
    for _ in range(20):
        x = draw(st.integers(0, 3).flatmap(shapes))
        fields = draw(fields_of(kind, x))
        inputs: tuple[Shape, ...] = (x,)
        if LAYERS[kind].takes_many:
            inputs = draw(_merged(kind, x))
        elif LAYERS[kind].reference and draw(st.booleans()):
            inputs = (x, draw(shapes(len(x) - 1)))
            fields = {key: fields[key] for key in fields if key not in SIZES}
        found = fitting(kind, fields, inputs)
        if found is not None:
            return found[0], inputs
    reject()


SIZES = ("size", "scale_factor")
"""Fields that say what the size of another value may say instead."""


@st.composite
def _merged(draw: st.DrawFn, kind: str, x: Shape) -> Inputs:
    """Shapes of values to merge: with other channels, or with sizes of 1."""
    count = 2 if kind == "subtract" else draw(st.integers(2, 4))
    if kind == "concat":
        return tuple((draw(st.integers(1, 5)), *x[1:]) for _ in range(count))
    return tuple(tuple(draw(st.sampled_from([n, n, 1])) for n in x) for _ in range(count))


def frozen(value: Any) -> Any:
    """A value of JSON as the reader of specs would have it."""
    if isinstance(value, list | tuple):
        return tuple(map(frozen, value))
    if isinstance(value, Mapping):
        return {key: frozen(item) for key, item in value.items()}
    return value
