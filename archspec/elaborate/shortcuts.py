"""A residual's ways around its body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from archspec.diagnostics import Span
from archspec.document import SHORTCUTS, Step
from archspec.elaborate.builder import NOTHING, Builder, Value
from archspec.elaborate.scopes import Scope
from archspec.layers.base import text_of
from archspec.layers.conv import Conv
from archspec.layers.fields import INT32_LARGEST
from archspec.layers.merge import Add
from archspec.layers.norm import BatchNorm
from archspec.layers.shape import PadChannels, Subsample
from archspec.layers.sizes import (
    NeedsNumber,
    are_numbers,
    are_one_shape,
    equal_shapes,
    is_number,
)


class Around(NamedTuple):
    """A body to go around: the value before it, the one it makes, and its first node's index."""

    incoming: Value
    body: Value
    first: int
    at: Span
    scope: Scope


def identity(builder: Builder, around: Around) -> Value:
    """The value before the body, as it is."""
    return around.incoming


def projection(builder: Builder, around: Around) -> Value:
    """A 1×1 convolution with the body's stride, and batch normalisation: option B of He et al.
    2016. Its layers are called downsample.0 and downsample.1, as torchvision's.
    """
    if len(builder.types[around.incoming].shape) == 1:
        message = "a projection is a convolution, and the value before the residual is flat"
        help = "give the shortcut's steps yourself: `shortcut: [fc: …]`"
        builder.report("AS305", message, around.at, help=help)
        return NOTHING
    channels = builder.channels(around.body)
    if not is_number(channels):
        raise NeedsNumber(channels)
    fields = {"out_channels": channels, "kernel_size": 1, "bias": False}
    stride = stride_of(builder, around)
    if stride is not None:
        fields["stride"] = stride
    local = around.scope.free("downsample")
    around.scope.take(local, around.at)
    name = around.scope.full(local)
    conv = builder.layer(Conv, fields)
    value = builder.emit(conv, f"{name}.0", (around.incoming,), around.at)
    return builder.emit(builder.layer(BatchNorm, {}), f"{name}.1", (value,), around.at)


def pad(builder: Builder, around: Around) -> Value:
    """Every stride-th row and column, and channels of zeros: option A of He et al. 2016."""
    value, scope = around.incoming, around.scope
    stride = stride_of(builder, around)
    if stride is not None and any(along > 1 for along in stride):
        layer = builder.layer(Subsample, {"stride": stride})
        value = builder.emit(layer, scope.full(scope.count("subsample")), (value,), around.at)
    channels = builder.types[around.body].shape[0]
    if channels > builder.types[around.incoming].shape[0]:
        layer = builder.layer(PadChannels, {"out_channels": channels})
        value = builder.emit(layer, scope.full(scope.count("pad_channels")), (value,), around.at)
    return value


WAYS: Mapping[str, Callable[[Builder, Around], Value]] = {
    "identity": identity,
    "projection": projection,
    "pad": pad,
}
"""What is made where the shapes differ; `if_same_shape` has nothing to make then."""
assert {*WAYS, "if_same_shape"} == set(SHORTCUTS)


def stride_of(builder: Builder, around: Around) -> tuple[int, ...] | None:
    """The stride from the value before a body to the one it makes, along each axis.

    The product of the strides of the layers between them, on the way with the least where there
    are several: a gate that sees everything is no way. None where there is none, or the body is
    flat.
    """
    rank = len(builder.types[around.incoming].shape) - 1
    reached = {around.incoming: (1,) * rank}
    for node in builder.nodes[around.first :]:
        known = [reached[value] for value in node.inputs if value in reached]
        windows = node.layer.windows(node.input_shapes) if known else None
        if windows is not None and len(windows) == rank:
            least = [min(along) for along in zip(*known, strict=True)]
            # Of a larger stride than any layer may have, too, only the first row is left.
            reached[node.name] = tuple(
                [min(s * w.stride, INT32_LARGEST) for s, w in zip(least, windows, strict=True)]
            )
    return reached.get(around.body) or None


def close(builder: Builder, around: Around, step: Step, skip: Value | None, name: str) -> Value:
    """The sum of a residual's body and of what goes around it, under `name`.

    `skip` is the value that the shortcut's own steps made, None where the shortcut is a word.
    """
    try:
        return _closed(builder, around, step, skip, name)
    except NeedsNumber as error:
        message = f"the shortcut must be known, and follows from the input: {error.message}"
        builder.report(error.code, message, step.place_of("shortcut"), help=error.help)
        return NOTHING


def _closed(builder: Builder, around: Around, step: Step, skip: Value | None, name: str) -> Value:
    body, types = around.body, builder.types
    if skip is None:
        if body not in types or around.incoming not in types:
            return NOTHING
        if step.shortcut == "identity" or are_one_shape(
            types[body].shape, types[around.incoming].shape
        ):
            skip = around.incoming
        elif step.shortcut == "if_same_shape":
            return body
        else:
            skip = WAYS[str(step.shortcut)](builder, around)
    if body not in types or skip not in types:
        return NOTHING
    if not equal_shapes(types[body].shape, types[skip].shape):
        _report_difference(builder, around, step, body, skip)
        return NOTHING
    return builder.emit(builder.layer(Add, {}), name, (body, skip), step.at)


def _report_difference(
    builder: Builder, around: Around, step: Step, body: Value, skip: Value
) -> None:
    made, kept = (text_of(builder.types[value].shape) for value in (body, skip))
    way = f"{step.shortcut} " if isinstance(step.shortcut, str) else ""
    keeps = _padding_that_keeps(builder, around)
    if step.shortcut == "identity":
        project = "`shortcut: projection`"
        help = f"{keeps}, or use {project}" if keeps else f"use {project}"
        if keeps and not _projects(builder, around, body):
            help = keeps
        elif not keeps:
            help = f"{help}, or make the body keep {kept}"
    elif way:
        help = f"{keeps or 'pad the body'}, or give steps that make {made} as the `shortcut`"
    else:
        from archspec.elaborate.advice import advice

        change = advice(skip, builder.types[body].shape, (body,), builder.by_name)
        help = change or f"the shortcut must make {made}, as the body does"
    message = f"the body makes {made}, but the {way}shortcut gives {kept}"
    labels = (builder.made_here(body), builder.made_here(skip))
    builder.report("AS305", message, step.place_of("shortcut"), help, labels, (body,))


def _projects(builder: Builder, around: Around, body: Value) -> bool:
    """Whether a projection, with the body's stride, makes the body's size."""
    sizes = builder.types[around.incoming].shape[1:]
    strides = stride_of(builder, around)
    if strides is None or not are_numbers(sizes):
        return True  # It cannot be said that it does not.
    made = tuple([(size - 1) // stride + 1 for size, stride in zip(sizes, strides, strict=True)])
    return made == builder.types[body].shape[1:]


def _padding_that_keeps(builder: Builder, around: Around) -> str:
    """The padding that lets each layer of the body keep its input's size, or divide it by its
    stride, where some lack it: which layers, and how much; empty where that is not the matter.
    """
    from archspec.elaborate.mends import padding_for  # Where there is an error alone.

    said: dict[str, str] = {}
    for node in builder.nodes[around.first :]:
        x, y = node.input_shapes[0], node.output.shape
        windows = node.signature.windows
        if windows is None or len(x) != len(y) or len(windows) != len(x) - 1 or not are_numbers(x):
            continue
        whole = tuple([-(-size // w.stride) for size, w in zip(x[1:], windows, strict=True)])
        if not are_numbers(y) or all(n >= m for n, m in zip(y[1:], whole, strict=True)):
            continue
        mend = padding_for(node.layer, x, (y[0], *whole), node.places)
        if mend is None:
            return ""
        said.setdefault(f"`{node.name.rpartition('.')[2]}`", mend[0])
    if not said:
        return ""
    return "give " + " and ".join(f"{name} {padding}" for name, padding in list(said.items())[:4])
