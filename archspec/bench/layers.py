"""Which layers an operation of onnxruntime's computes, and what they take.

onnxruntime runs other operations than the file has: it puts a convolution, the sum and the
activation after it into one kernel, and reorders values for its kernels. The kernel carries the
name of one of the operations that it replaced, or of the value that it made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archspec.bench.roofline import Machine


class Operation(NamedTuple):
    """An operation of the file: its name, the values that it takes and makes, its MACs, and the
    bytes of the weights that it reads.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    macs: int = 0
    weight_bytes: int = 0


class Kernel(NamedTuple):
    """An operation as onnxruntime ran it: its name there, and for one run, on average, its seconds
    and the bytes that it read and wrote, without weights. `inputs` counts the values it takes.
    """

    name: str
    operator: str
    seconds: float
    bytes: int = 0
    inputs: int = 0


@dataclass(frozen=True)
class Row:
    """A layer, or what onnxruntime adds; `layers` are all that its kernels compute.

    `place` is where its first operation stands in the file; what onnxruntime adds has none.
    `seconds`, `macs` and `bytes` are for one run, of a whole batch.
    """

    name: str
    layers: tuple[str, ...]
    operators: tuple[str, ...]
    kernels: int
    seconds: float
    macs: int
    bytes: int
    place: int | None

    def rate(self) -> float | None:
        """Multiply-accumulates a second; None where there are none."""
        return self.macs / self.seconds if self.macs and self.seconds else None

    def share_of_attainable(self, machine: Machine) -> float | None:
        """What it reaches of the roofline."""
        return machine.share(self.macs, self.bytes, self.seconds)


_CODES = ("QuantizeLinear", "DequantizeLinear")
"""What stands around the layers of a quantised file, and is none."""

ADDED = "added by onnxruntime"
NO_KERNEL = "(in kernels of other names)"


def rows(
    operations: Sequence[Operation], kernels: Sequence[Kernel], by_layer: bool = True
) -> list[Row]:
    """A row for each layer that has a kernel, in the file's order; one for each operator that
    onnxruntime adds; and one for the operations that have MACs and no kernel, if there are any. The
    seconds of all rows are those of all kernels, and their MACs those of all operations.

    With `by_layer`, an operation belongs to the layer that its name starts with: `<layer>/<leaf>`.
    """
    names = _Names(operations)
    anchors = [_anchor(kernel.name, names) for kernel in kernels]
    owners = _owners(operations, kernels, anchors, names)
    layers = [one.name.split("/")[0] if by_layer else one.name for one in operations]
    groups: dict[tuple[bool, str], list[int]] = {}
    for index, place in enumerate(anchors):
        key = (False, kernels[index].operator) if place is None else (True, layers[place])
        groups.setdefault(key, []).append(index)
    made = []
    for (is_layer, name), group in groups.items():
        computed = [place for place, owner in sorted(owners.items()) if owner in group]
        starts = [*computed, *(place for i in group if (place := anchors[i]) is not None)]
        own = [layers[place] for place in computed if operations[place].operator not in _CODES]
        multiplying = [layers[place] for place in computed if operations[place].macs]
        made.append(
            Row(
                name=[*multiplying, name][0] if is_layer else f"{name} ({ADDED})",
                layers=tuple(dict.fromkeys(own)),
                operators=tuple(dict.fromkeys(kernels[i].operator for i in group)),
                kernels=len(group),
                seconds=sum(kernels[i].seconds for i in group),
                macs=sum(operations[place].macs for place in computed),
                bytes=sum(kernels[i].bytes for i in group)
                + sum(operations[place].weight_bytes for place in computed),
                place=min(starts, default=None),
            )
        )
    lost = [place for place, one in enumerate(operations) if one.macs and place not in owners]
    if lost:
        found = tuple(dict.fromkeys(layers[place] for place in lost))
        macs = sum(operations[place].macs for place in lost)
        made.append(Row(NO_KERNEL, found, (), 0, 0.0, macs, 0, None))
    last = len(operations)
    return sorted(made, key=lambda row: last if row.place is None else row.place)


class _Names:
    """Where an operation stands in the file, by its own name and by those of what it makes."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.makers = {
            value: place for place, one in enumerate(operations) for value in one.outputs
        }
        self.places = {one.name: place for place, one in enumerate(operations) if one.name}

    def place(self, name: str) -> int | None:
        return self.places.get(name, self.makers.get(name))


_BEGINNING = re.compile(r"^(fused |InsertedPrecisionFreeCast_)")
_ENDINGS = re.compile(r"(_token_\d+|_nchwc|_nhwc|_quant|_fused|_transformed)$")
"""What onnxruntime puts around the name that a kernel has of an operation, or of a value."""


def _anchor(kernel: str, names: _Names) -> int | None:
    """Where the operation that a kernel is named after stands; None if it is of none."""
    if names.place(kernel) is None:
        kernel = _BEGINNING.sub("", kernel)
    while True:
        place = names.place(kernel)
        shorter = _ENDINGS.sub("", kernel)
        if place is not None or shorter == kernel:
            return place
        kernel = shorter


def _owners(
    operations: Sequence[Operation],
    kernels: Sequence[Kernel],
    anchors: Sequence[int | None],
    names: _Names,
) -> dict[int, int]:
    """The kernel that computes an operation, for all of which that can be told.

    What has no kernel of its name went into another's. What multiplies, into what reads its output:
    a convolution is in the kernel called after its activation. What does not, such as the
    activation, into the kernel that made what it reads; of several into that with the most inputs,
    for it is the one that took the sum. What is made of weights alone, into what reads it.
    """
    owners: dict[int, int] = {}
    for kernel, place in enumerate(anchors):
        if place is not None:
            owners.setdefault(place, kernel)
    readers: dict[str, list[int]] = {}
    for place, operation in enumerate(operations):
        for value in operation.inputs:
            readers.setdefault(value, []).append(place)

    def after(place: int) -> list[int]:
        return [r for value in operations[place].outputs for r in readers.get(value, ())]

    for place in reversed(range(len(operations))):
        if operations[place].macs and place not in owners:
            _pass_down(place, operations, after, owners)
    for place, operation in enumerate(operations):
        if place not in owners and not operation.macs:
            makers = [names.makers.get(value, -1) for value in operation.inputs]
            before = [owners[maker] for maker in makers if maker in owners]
            if before:
                owners[place] = max(before, key=lambda kernel: kernels[kernel].inputs)
    for place in reversed(range(len(operations))):
        if place not in owners and not operations[place].macs:
            following = [owners[reader] for reader in after(place) if reader in owners]
            if following:
                owners[place] = following[0]
    return owners


def _pass_down(
    place: int,
    operations: Sequence[Operation],
    after: Callable[[int], list[int]],
    owners: dict[int, int],
) -> None:
    """Give an operation, and those after it that have no kernel, to the first kernel that follows
    where each has one reader.
    """
    passed = [place]
    while True:
        following = after(passed[-1])
        if len(following) != 1:
            return
        (reader,) = following
        if reader in owners:
            owners.update(dict.fromkeys(passed, owners[reader]))
            return
        if operations[reader].macs:
            return
        passed.append(reader)
