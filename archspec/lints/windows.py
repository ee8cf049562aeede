"""AS702, AS703, AS704 and AS714: windows that see padding alone, or leave out a part of the input.

All follow from the windows that a layer says it has: output i reads `extent` rows from row
i * stride - before on. What is said of symbolic sizes holds for every number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import gcd, prod
from typing import Any

from archspec.diagnostics import Diagnostic, Span, calls_of
from archspec.graph import Node
from archspec.layers.base import AxisWindow, text_of
from archspec.layers.fields import count, per_axis
from archspec.layers.sizes import are_numbers, is_number
from archspec.layers.window import axis_names
from archspec.lints.network import Network, place_of

_POOLS = frozenset({"max_pool", "avg_pool"})
_SLIDING = _POOLS | {"conv", "depthwise", "filter"}
"""Kinds whose windows are the author's own."""


class _Axis:
    """A window's motion along one axis, from a `size` to the output's."""

    __slots__ = ("before", "dilation", "extent", "name", "output", "size", "stride")

    def __init__(
        self, name: str, size: int, output: int, window: AxisWindow, dilation: int
    ) -> None:
        self.name = name
        self.size = size
        self.output = output
        self.extent, self.stride, self.before = window
        self.dilation = dilation

    @property
    def kernel(self) -> int:
        return (self.extent - 1) // self.dilation + 1

    @property
    def read(self) -> int:
        """Of every `stride` rows, how many some window reads, away from the borders."""
        return min(self.kernel, self.stride // gcd(self.stride, self.dilation))

    @property
    def skips(self) -> bool:
        """Whether there are rows between those that windows read."""
        return self.read < self.stride and not (is_number(self.output) and self.output == 1)


def windows(network: Network) -> Iterator[Diagnostic]:
    """What the windows of each layer leave out, once for each place in the text."""
    clean: set[int] = set()
    told: set[tuple[Span, str]] = set()
    for node in network.graph.nodes:
        # The language's own projections have no places: nobody wrote their stride.
        if node.kind not in _SLIDING or not node.places:
            continue
        # The same layer on the same shape has the same windows: nodes share what is known of it.
        if id(node.signature) in clean:
            continue
        axes = _unusual_axes(node)
        if not axes:
            clean.add(id(node.signature))
            continue
        for code, judge in _JUDGES.items():
            found = None if (node.origin, code) in told else judge(node, axes)
            if found is not None:
                told.add((node.origin, code))
                yield found._replace(labels=calls_of(node.frames))


def _unusual_axes(node: Node) -> list[_Axis]:
    """How a node's window moves along each axis; none where there is plainly nothing to say."""
    (x,), motions = node.input_shapes, node.signature.windows
    if motions is None or _is_usual(node, motions):
        return []
    names = axis_names(len(motions))
    dilation = per_axis(getattr(node.layer, "dilation", 1), len(motions), "dilation")
    figures = zip(names, x[1:], node.output.shape[1:], motions, dilation, strict=True)
    return [_Axis(*figure) for figure in figures]


def _is_usual(node: Node, motions: tuple[AxisWindow, ...]) -> bool:
    """Whether there is plainly nothing to say of a node, as of most: no window lies outside the
    input, no weight, and no row is between windows or behind the last.
    """
    if getattr(node.layer, "dilation", 1) != 1:
        return False
    sizes, made = node.input_shapes[0][1:], node.output.shape[1:]
    for size, output, (extent, stride, before) in zip(sizes, made, motions, strict=True):
        if not (type(size) is type(output) is type(before) is int):
            return False
        last = (output - 1) * stride - before
        if stride > extent or before >= extent or not 0 <= last < size or size + before < extent:
            return False
        if last + extent < size and (node.kind in _POOLS or stride == extent):
            return False
    return True


def _padding_alone(node: Node, axes: list[_Axis]) -> Diagnostic | None:
    """Windows that lie in the padding. That of a pool is smaller, and copied rows are no padding
    in this sense.
    """
    if node.kind in _POOLS or _copies(node):
        return None
    blind = [axis for axis in axes if _blind_windows(axis)]
    if not blind:
        return None
    extent = blind[0].extent
    outputs = _along(blind, lambda axis: _of_rows(_blind_windows(axis), axis.output))
    return Diagnostic(
        "AS702",
        f"the padding is at least as large as the kernel, which spans {count(extent, 'row')}: "
        f"in {outputs} the output sees padding alone",
        place_of(node, "padding"),
        help=f"pad by at most {extent - 1} on each side"
        + ("; `padding: same` keeps the size" if all([a.stride == 1 for a in axes]) else ""),
    )


def _copies(node: Node) -> bool:
    return bool(getattr(node.layer, "padding_mode", "zeros") != "zeros")


def _blind_windows(axis: _Axis) -> int:
    """How many windows end before the input's first row, or start after its last."""
    if not is_number(axis.before):
        return 0  # It is just enough for a size that is not known, and less than a window.
    first = max(0, -((axis.extent - 1 - axis.before) // axis.stride))
    if not (is_number(axis.size) and is_number(axis.output)):
        return first
    last = max(0, axis.output + (-(axis.size + axis.before) // axis.stride))
    return min(axis.output, first + last)


def _skipped(node: Node, axes: list[_Axis]) -> Diagnostic | None:
    """Rows between those that windows read."""
    skipping = [axis for axis in axes if axis.skips]
    if not skipping:
        return None
    first = skipping[0]
    read = _along(skipping, lambda axis: f"{axis.read} of every {count(axis.stride, 'row')}")
    apart = f", its rows {first.dilation} apart" if first.dilation > 1 else ""
    way_out = f"use a kernel of at least {first.stride}"
    if apart and first.kernel >= first.stride:
        way_out = "leave out the dilation"
    elif apart:
        way_out += " without the dilation"
    elif first.kernel > 1:
        way_out += f", or a stride of at most {first.kernel}"
    else:
        way_out += (
            f", or put `avg_pool: {first.stride}` before it and leave out the stride; "
            f"`subsample: {first.stride}` before it skips on purpose"
        )
    return Diagnostic(
        "AS703",
        f"the stride of {first.stride} skips input: the kernel spans "
        f"{count(first.extent, 'row')}{apart}, and reads {read}",
        place_of(node, "stride"),
        help=way_out,
    )


def _dropped(node: Node, axes: list[_Axis]) -> Diagnostic | None:
    """Rows behind the last that a window reads: the size is rounded down. Of a convolution whose
    windows overlap, that the border's row is not in one is not worth a word.
    """
    dropping = [axis for axis in axes if _rows_dropped(axis)]
    if node.kind not in _POOLS:
        dropping = [axis for axis in dropping if axis.stride == axis.extent]
    if not dropping:
        return None
    rows = _along(dropping, lambda axis: _last(_rows_dropped(axis), axis.size))
    lacking = dropping[0].stride - _rows_dropped(dropping[0])
    fitting = dropping[0].size - _rows_dropped(dropping[0])
    ways = [f"pad by {count(lacking, 'row')} more behind the last"]
    if node.kind in _POOLS:
        ways.insert(0, "`ceil_mode: true` reads what is left")
    if node.kind in _POOLS and all([axis.output == 1 for axis in axes]):
        ways.insert(0, f"`global_{node.kind}` reads all")
    first = dropping[0]
    alike = [a.name for a in dropping if (a.size, a.stride) == (first.size, first.stride)]
    ways.append(f"or make the {' and the '.join(alike)} {fitting} or {fitting + first.stride} here")
    return Diagnostic(
        "AS704",
        f"this {node.kind} never reads {rows} of its input",
        node.origin,
        help=", ".join(ways),
    )


def _rows_dropped(axis: _Axis) -> int:
    """The rows of the input behind the last window's, where these are known."""
    if axis.skips or not are_numbers((axis.size, axis.output, axis.before)):
        return 0
    return max(0, axis.size + axis.before - (axis.output - 1) * axis.stride - axis.extent)


def _blind_weights(node: Node, axes: list[_Axis]) -> Diagnostic | None:
    """Weights of a kernel that no window holds over a row of the input."""
    if node.kind in _POOLS or _copies(node):
        return None
    seeing = prod([_seeing(axis) for axis in axes])
    weights = prod([axis.kernel for axis in axes])
    if seeing == weights:
        return None
    smaller = max([_seeing(axis) for axis in axes])
    padding = "no" if smaller <= 1 else "as much less"
    return Diagnostic(
        "AS714",
        f"{weights - seeing:,} of the {weights:,} weights of each kernel only ever see padding: "
        f"the input is {text_of(node.input_shapes[0][1:])}",
        place_of(node, "kernel_size"),
        help=f"a kernel of {max(1, smaller)} with {padding} padding does the same; or put this "
        "where its input is larger",
    )


def _seeing(axis: _Axis) -> int:
    """How many of a kernel's rows lie over a row of the input in some window."""
    if not are_numbers((axis.size, axis.output, axis.before)):
        return axis.kernel
    # In the last window the first rows reach furthest in, and in the first window the last ones.
    first = max(0, -(((axis.output - 1) * axis.stride - axis.before) // axis.dilation))
    last = max(0, axis.kernel + (-(axis.size + axis.before) // axis.dilation))
    return max(0, axis.kernel - first - last)


_JUDGES: Mapping[str, Callable[[Node, list[_Axis]], Diagnostic | None]] = {
    "AS702": _padding_alone,
    "AS703": _skipped,
    "AS704": _dropped,
    "AS714": _blind_weights,
}
"""What finds each code. A code that was told of a place is not looked for there again."""


def _last(some: int, all_: int) -> str:
    """`the last of 7 rows`; `the last 2 of 7 rows`."""
    return f"the last of {count(all_, 'row')}" if some == 1 else f"the last {_of_rows(some, all_)}"


def _of_rows(some: int, all_: Any) -> str:
    """`2 of 7 rows`; `2 rows`, where it is not known of how many."""
    return f"{some:,} of {count(all_, 'row')}" if is_number(all_) else count(some, "row")


def _along(axes: list[_Axis], say: Callable[[_Axis], str]) -> str:
    """What there is to say of each axis, once for those of which it is the same."""
    said: dict[str, list[str]] = {}
    for axis in axes:
        said.setdefault(say(axis), []).append(f"the {axis.name}")
    return " and ".join([f"{text} along {' and '.join(names)}" for text, names in said.items()])
