"""The batches on which a network is compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archspec.analysis.smallest_input import shapes_at
from archspec.backends.onnx import read
from archspec.graph import Graph
from archspec.layers.base import Shape
from archspec.preprocess import Preprocess
from archspec.runtime import values as runtime_values
from archspec.runtime.calibration import Samples
from archspec.verification import samples
from archspec.verification.options import Options
from archspec.verification.subject import Subject, VerificationError

Array = NDArray[Any]

_SIDES = (64, 96, 224, 32, 48)
"""What is tried for sizes that are free, as far as the network takes it."""


class Trial(NamedTuple):
    """A batch that is compared: what to call it, and the inputs as each of the two takes them.

    Where the model prepares pictures itself, PyTorch's module takes what it makes of them, and
    `pictures` is what Pillow makes.
    """

    name: str
    inputs: dict[str, Array]
    feeds: dict[str, Array]
    pictures: Array | None = None


def trials(subject: Subject, options: Options, sizes: list[Mapping[str, int]]) -> Iterator[Trial]:
    """The batches of random samples, at these numbers for free sizes in turns, and the pictures.

    Raises VerificationError, and RuntimeFailure where no picture can be used.
    """
    preprocess = samples.preprocess_of(subject.graph)
    for position, batch in enumerate(options.batches):
        values = sizes[position % len(sizes)]
        shapes = shapes_at(subject.graph, values)
        at = "".join(f", {name}={size}" for name, size in values.items())
        name = f"batch {batch}{at}"
        yield _trial(name, subject, shapes, batch, options.seed or 0, preprocess)
    if options.images is not None:
        chosen = Samples(options.images, subject.model, options.image_samples, "compare on")
        for number, feeds in enumerate(chosen.batches(), start=1):
            name = f"images, batch {number}"
            if subject.metadata.preprocessed_within:
                yield _picture_trial(name, subject, feeds, preprocess)
                continue
            floats = {each: array.astype(np.float32) for each, array in feeds.items()}
            yield Trial(name, floats, feeds)


def _trial(
    name: str,
    subject: Subject,
    shapes: Mapping[str, Shape],
    batch: int,
    seed: int,
    preprocess: Preprocess | None,
) -> Trial:
    if subject.metadata.preprocessed_within:
        ((taken, shape),) = shapes.items()
        size = shape if preprocess is None else samples.picture_size(shape, preprocess)
        pixels = samples.pictures(size, batch, seed)
        return _picture_trial(name, subject, {taken: pixels}, preprocess)
    inputs: dict[str, Array] = dict(samples.inputs(shapes, batch, seed, preprocess))
    types = {tensor.name: tensor.dtype for tensor in subject.model.inputs}
    feeds = {each: array.astype(types[each], copy=False) for each, array in inputs.items()}
    return Trial(name, inputs, feeds)


def _picture_trial(
    name: str, subject: Subject, feeds: dict[str, Array], preprocess: Preprocess | None
) -> Trial:
    """A batch for a model that prepares pictures itself. Raises VerificationError."""
    if preprocess is None:
        raise VerificationError(
            "the model prepares pictures itself, and the spec has no `preprocess` that says how: "
            "give the spec that it was built from"
        )
    ((taken, pixels),) = feeds.items()
    value = read.prepared_pictures(subject.proto, taken)
    model = read.exposed(subject.proto, [value])
    folder, placement = subject.path.parent, subject.model.placement
    made = runtime_values.run_bytes(model, folder, feeds, [value], placement)[value]
    return Trial(name, {taken: made}, feeds, samples.prepared_by_pillow(pixels, preprocess))


def sizes_of(graph: Graph) -> list[Mapping[str, int]]:
    """Numbers for the symbolic sizes, two sets of them if the network takes two.

    Raises VerificationError where none are found.
    """
    symbols = graph.symbols
    if symbols is None or not symbols.names:
        return [{}]
    names = symbols.names
    tried = [
        {name: side + step * position for position, name in enumerate(names)}
        for side in _SIDES
        for step in (32, 0)
    ]
    admitted: list[Mapping[str, int]] = [values for values in tried if symbols.admits(values)]
    smallest = symbols.smallest()
    if smallest is not None:
        admitted.append(smallest)
    if not admitted:
        raise VerificationError(
            f"no numbers were found for {', '.join(names)}: give them, "
            f"`{' '.join(f'--set {name}=224' for name in names)}`"
        )
    return admitted[:2]
