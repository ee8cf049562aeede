"""What a network is tried on: weights that keep it lively, and inputs like prepared pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from archspec.graph import Graph
from archspec.layers.base import Shape, product
from archspec.preprocess import CHANNEL_COUNT, Preprocess
from archspec.runtime.pixels import scaled

Floats = NDArray[np.float32]

_COARSE = 8
"""Cells along each side of the pattern that a picture is drawn from."""


def lively_weights(graph: Graph, seed: int) -> dict[str, Floats]:
    """Weights that keep values at about the size that they have, as trained ones do. Those that a
    network starts from let a deep one forget its input, and every fault with it.
    """
    random = np.random.default_rng(seed)
    made = {}
    for name, tensor in graph.tensors():
        leaf, shape = name.rpartition(".")[2], tensor.shape
        if leaf == "running_var" or (leaf == "weight" and len(shape) == 1):
            values = random.uniform(0.5, 1.5, shape)
        elif len(shape) == 1:
            values = random.normal(0, 0.3, shape)
        else:
            values = random.normal(0, 1.4 / product(shape[1:]) ** 0.5, shape)
        made[name] = values.astype(np.float32)
    return made


def preprocess_of(graph: Graph) -> Preprocess | None:
    """How the spec has pictures prepared, if it says."""
    written = graph.metadata.get("preprocess")
    return None if written is None else Preprocess.model_validate(written)


def pictures(shape: Sequence[int], batch: int, seed: int) -> NDArray[np.uint8]:
    """Patterns of light and dark with some noise, N × H × W × C, for `shape` C × H × W."""
    random = np.random.default_rng([seed, batch])
    channels, height, width = shape
    coarse = random.uniform(0, 255, (batch, _COARSE, _COARSE, channels))
    rows, columns = (np.arange(size) * _COARSE // size for size in (height, width))
    noise = random.normal(0, 24, (batch, height, width, channels))
    return np.clip(coarse[:, rows][:, :, columns] + noise, 0, 255).astype(np.uint8)


def prepared(pixels: NDArray[np.uint8], preprocess: Preprocess | None) -> Floats:
    """Pictures N × H × W × C as the network's input N × C × H × W. Without a `preprocess` they are
    brought to mean 0 and deviation 1, about.
    """
    values = pixels.astype(np.float32).transpose(0, 3, 1, 2)
    if preprocess is None:
        return np.ascontiguousarray((values - np.float32(127.5)) / np.float32(74))
    return scaled(values, preprocess)


def picture_size(shape: Shape, preprocess: Preprocess) -> Shape:
    """A picture, C × H × W, to give a model that prepares pictures itself for this input: another
    size than the input's, where it resizes them.
    """
    channels, height, width = shape
    if preprocess.resize is None:
        return shape
    return channels, height + height // 4, width + width // 2


def prepared_by_pillow(pixels: NDArray[np.uint8], preprocess: Preprocess) -> Floats:
    """Pictures N × H × W × C as `archspec run` prepares them for a model that does not."""
    # Here, so that arrays can be compared without Pillow.
    from PIL import Image

    from archspec.runtime.images import crop, resize, to_array

    made = []
    for picture in pixels:
        image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
        made.append(to_array(crop(resize(image, preprocess), preprocess), preprocess))
    return np.stack(made)


def inputs(
    shapes: Mapping[str, Shape], batch: int, seed: int, preprocess: Preprocess | None
) -> dict[str, Floats]:
    """A batch for each input: pictures where it has the axes of one, else normally distributed."""
    made = {}
    for position, (name, shape) in enumerate(shapes.items()):
        own = seed + 1000 * position
        if is_picture(shape, preprocess):
            made[name] = prepared(pictures(shape, batch, own), preprocess)
        else:
            random = np.random.default_rng([own, batch])
            made[name] = random.standard_normal((batch, *shape), np.float32)
    return made


def is_picture(shape: Shape, preprocess: Preprocess | None) -> bool:
    """Whether an input of this shape, C × H × W, is to be given pictures."""
    if len(shape) != 3:
        return False
    return preprocess is None or shape[0] == CHANNEL_COUNT[preprocess.channels]
