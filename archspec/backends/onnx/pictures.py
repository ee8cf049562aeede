"""A picture prepared in the graph, as the spec's `preprocess` section says.

What Pillow and numpy do in archspec/runtime/images.py, in operations of ONNX. Of these:

* Resize with `antialias` and `exclude_outside` is Pillow's: on uint8 onnxruntime does what Pillow
  does, in fixed point, the columns first and then the rows, rounded and clipped after each.
* `sizes` has all four sizes, and not two with `axes`: onnxruntime 1.32 cannot load those where it
  has moved the Transpose behind the Resize.
* The channels come first before anything else is done: CUDA's Resize knows no other order.
* (value × scale − mean) / std is value × factor + shift.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from onnx import TensorProto, helper

from archspec.backends.onnx.emitter import Attribute
from archspec.backends.onnx.surroundings import BATCH, Dimension, Ends
from archspec.graph import Graph
from archspec.layers.base import Shape, text_of
from archspec.layers.sizes import is_number
from archspec.metadata import Sizes
from archspec.preprocess import CHANNEL_COUNT, Interpolation, Preprocess, Size, both_sides

_FLOAT, _UINT8, _INT64 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT64
_HEIGHT, _WIDTH = 2, 3
"""Axes, once the channels come first."""

_MODES: Mapping[Interpolation, Mapping[str, Attribute]] = {
    # Of two pixels equally near, Pillow takes one or the other, as its sums are rounded.
    "nearest": {"mode": "nearest", "nearest_mode": "round_prefer_ceil"},
    "bilinear": {"mode": "linear", "antialias": 1, "exclude_outside": 1},
    "bicubic": {"mode": "cubic", "antialias": 1, "exclude_outside": 1, "cubic_coeff_a": -0.5},
}
_ANTIALIAS_SINCE = 18
"""The opset."""


def prepare_pictures(ends: Ends, graph: Graph) -> None:
    """Let the model take uint8 pictures, N × H × W × C, under the name of its input.

    Where the spec resizes or crops them, H and W are free. A picture that is smaller than the crop,
    or that does not come out as large as the network's input, makes the model fail when it runs.

    Raises ValueError where the network takes no pictures, or the spec does not say how.
    """
    name, shape, preprocess = _picture_input(graph)
    _check_sizes(graph, shape, preprocess)
    (value,) = ends.model.graph.input
    sizes = [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
    network: list[Dimension] = [*sizes[2:]]
    picture = network
    if preprocess.resize is not None or preprocess.crop is not None:
        picture = [ends.sizes.claim("height"), ends.sizes.claim("width")]
    channels = CHANNEL_COUNT[preprocess.channels]
    value.CopyFrom(helper.make_tensor_value_info(name, _UINT8, [BATCH, *picture, channels]))

    steps = _Pictures(ends, name, channels, list(picture))
    pixels = steps.planes(name)
    if preprocess.resize is not None:
        pixels = steps.resized(pixels, preprocess.resize, preprocess.interpolation)
    if preprocess.crop is not None:
        pixels = steps.cropped(pixels, preprocess.crop)
    pixels = steps.checked(
        pixels, network if preprocess.crop is None else both_sides(preprocess.crop)
    )
    _state_outputs(ends, graph, dict(zip(map(str, shape[1:]), steps.size, strict=True)))
    if preprocess.channels == "bgr":
        pixels = steps.reversed(pixels)
    ends.feed(name, steps.normalised(pixels, preprocess))


class _Pictures:
    """The steps, in order. What they make is called after `name`, the input's. `size` is the
    height and the width after the last step, None where that is known only when the model runs.
    """

    def __init__(self, ends: Ends, name: str, channels: int, size: list[Dimension]) -> None:
        self._ends = ends
        self._name = name
        self._channels = channels
        self.size = size

    def planes(self, pictures: str) -> str:
        """The channels first."""
        return self._pixels("planes", "Transpose", pictures, perm=[0, 3, 1, 2])

    def resized(self, pixels: str, size: Size, interpolation: Interpolation) -> str:
        """Of this height and width, or of this shorter side, and the longer one follows."""
        outer = self._numbers("outer", "Shape", pixels, start=0, end=_HEIGHT)
        if isinstance(size, int):
            sides = self._numbers("sides", "Shape", pixels, start=_HEIGHT)
            shorter = self._numbers("shorter", "ReduceMin", sides, count=1)
            scaled = self._numbers("scaled", "Mul", sides, self._constant("resize", [size]))
            inner = self._numbers("inner", "Div", scaled, shorter)  # rounded down
            self.size = [None, None]
        else:
            inner = self._constant("resize", size)
            self.size = [*size]
        sizes = self._numbers("sizes", "Concat", outer, inner, count=4, axis=0)
        self._ends.needs(_ANTIALIAS_SINCE)
        mode = _MODES[interpolation]
        return self._pixels("resized", "Resize", pixels, "", "", sizes, **mode)

    def cropped(self, pixels: str, crop: Size) -> str:
        """The centre, of this height and width, or less where the picture is smaller."""
        axes = self._constant("axes", [_HEIGHT, _WIDTH])
        sides = [side for side in self.size if isinstance(side, int)]
        if len(sides) == len(self.size):
            starts = [
                round((side - wanted) / 2)
                for side, wanted in zip(sides, both_sides(crop), strict=True)
            ]
            ends = [start + wanted for start, wanted in zip(starts, both_sides(crop), strict=True)]
            self.size = [*both_sides(crop)]
            start, end = self._constant("start", starts), self._constant("end", ends)
        else:
            start, end = self._start_and_end(pixels, both_sides(crop))
            self.size = [None, None]
        return self._pixels("cropped", "Slice", pixels, start, end, axes)

    def _start_and_end(self, pixels: str, crop: tuple[int, int]) -> tuple[str, str]:
        """Where the crop lies, worked out when the model runs."""
        wanted = self._constant("crop", crop)
        two = self._constant("two", [2])
        sides = self._numbers("uncropped", "Shape", pixels, start=_HEIGHT)
        # Half of what is left over, and of two such numbers the even one, as Python rounds.
        over = self._numbers("over", "Sub", sides, wanted)
        half = self._numbers("half", "Div", over, two)
        is_odd = self._numbers("is_odd", "Mod", half, two)
        start = self._numbers("start", "Div", self._numbers("up", "Add", over, is_odd), two)
        return start, self._numbers("end", "Add", start, wanted)

    def checked(self, pixels: str, expected: Sequence[Dimension]) -> str:
        """The same, but the model fails where a side is not as long as is `expected`."""
        for axis, (word, side) in enumerate(zip(("rows", "columns"), expected, strict=True)):
            if isinstance(side, int) and self.size[axis] != side:
                # Split insists on lengths that are all of the axis.
                self.size[axis] = side
                lengths = self._constant(word, [side])
                pixels = self._pixels(word, "Split", pixels, lengths, axis=_HEIGHT + axis)
            elif self.size[axis] is None:
                self.size[axis] = side
        return pixels

    def reversed(self, pixels: str) -> str:
        """The channels from the last to the first."""
        order = self._constant("order", range(self._channels)[::-1])
        return self._pixels("reversed", "Gather", pixels, order, axis=1)

    def normalised(self, pixels: str, preprocess: Preprocess) -> str:
        """(value × scale − mean) / std, as float32."""
        std = np.asarray(preprocess.std, np.float64).reshape(-1)
        with np.errstate(over="ignore"):
            factor = (preprocess.scale / std).astype(np.float32)
            shift = (-np.asarray(preprocess.mean, np.float64).reshape(-1) / std).astype(np.float32)
        if not (np.isfinite(factor).all() and np.isfinite(shift).all()):
            raise ValueError("`preprocess` makes numbers that float32 has not: `std` is too small")
        values = self._values("values", "Cast", pixels, to=_FLOAT)
        for word, operator, constants, neutral in (
            ("scaled_values", "Mul", factor, 1),
            ("shifted_values", "Add", shift, 0),
        ):
            if (constants != neutral).any():
                constant = self._constant(word, constants.reshape(-1, 1, 1), np.float32)
                values = self._values(word, operator, values, constant)
        return values

    def _pixels(self, word: str, operator: str, *inputs: str, **attributes: Attribute) -> str:
        """An operation that makes uint8 pictures, N × C × H × W; its value."""
        return self._made(word, operator, inputs, _UINT8, attributes)

    def _values(self, word: str, operator: str, *inputs: str, **attributes: Attribute) -> str:
        """The same in float32."""
        return self._made(word, operator, inputs, _FLOAT, attributes)

    def _made(
        self,
        word: str,
        operator: str,
        inputs: Sequence[str],
        dtype: int,
        attributes: Mapping[str, Attribute],
    ) -> str:
        shape = [BATCH, self._channels, *self.size]
        return self._ends.before(f"{self._name}/{word}", operator, inputs, shape, dtype, attributes)

    def _numbers(
        self, word: str, operator: str, *inputs: str, count: int = 2, **attributes: Attribute
    ) -> str:
        """An operation that makes whole numbers, mostly a height and a width; its value."""
        name = f"{self._name}/{word}"
        return self._ends.before(name, operator, inputs, [count], _INT64, attributes)

    def _constant(self, word: str, value: ArrayLike, dtype: type[np.generic] = np.int64) -> str:
        return self._ends.constant(f"{self._name}.{word}", value, dtype)


def _state_outputs(ends: Ends, graph: Graph, sizes: Mapping[str, Dimension]) -> None:
    """State the sizes of outputs that are known now, as all pictures come out in one size: Triton
    compares what the model states with what onnxruntime finds.
    """
    numbers = {name: size for name, size in sizes.items() if isinstance(size, int)}
    for value in ends.model.graph.output:
        stated = value.type.tensor_type.shape.dim[1:]
        shape: tuple[Any, ...] = graph.outputs[value.name].shape
        for dimension, size in zip(stated, shape, strict=True):
            if not is_number(size) and numbers.keys() >= set(size.names):
                dimension.dim_value = size.value(numbers)


def _picture_input(graph: Graph) -> tuple[str, Shape, Preprocess]:
    """The one input, its shape, and how pictures are prepared for it. Raises ValueError."""
    inputs = [(name, type_.shape) for name, type_ in graph.inputs.items()]
    if len(inputs) != 1 or len(inputs[0][1]) != 3:
        taken = " and ".join(text_of(shape) for _, shape in inputs)
        raise ValueError(
            f"preprocessing can be built in for one picture, and {graph.name} takes {taken}: "
            "leave it out"
        )
    ((name, shape),) = inputs
    section = graph.metadata.get("preprocess")
    if section is None:
        raise ValueError(
            f"the spec of {graph.name} has no `preprocess` section that fits its input, so there "
            "is nothing to build in: write one, or leave it out"
        )
    return name, shape, Preprocess.model_validate_json(json.dumps(section))


def _check_sizes(graph: Graph, shape: Shape, preprocess: Preprocess) -> None:
    """Raise ValueError where pictures may come out in sizes that the network does not take: a model
    cannot say so itself, and would compute something else.
    """
    free = [size for size in shape[1:] if not is_number(size)]
    if not free or preprocess.crop is not None or not isinstance(preprocess.resize, int):
        return
    symbols = graph.symbols
    limits = graph.metadata.get("sizes", {})
    are_independent = (
        symbols is not None
        and not symbols.ties
        and len(set(free)) == len(free)
        and all(str(size) in symbols.names for size in free)
    )
    if are_independent and all(
        _takes_all_from(Sizes.model_validate_json(json.dumps(limits[str(size)])), preprocess.resize)
        for size in free
        if str(size) in limits
    ):
        return
    raise ValueError(
        f"`resize: {preprocess.resize}` makes pictures of any longer side, and {graph.name} does "
        f"not take all of them: write a `crop` too, or `resize` as a height and a width"
    )


def _takes_all_from(sizes: Sizes, least: int) -> bool:
    """Whether every number from `least` on is one of these sizes."""
    return all(
        any(
            rest == number % sizes.period and first <= number and last is None
            for rest, first, last in sizes.runs
        )
        for number in range(least, least + sizes.period)
    )
