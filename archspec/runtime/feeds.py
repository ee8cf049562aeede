"""Inputs made up for a model, to measure it with."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.metadata import Sizes
from archspec.runtime.errors import InputError, MissingPackageError
from archspec.runtime.session import Array, Model, dimensions_text

try:
    import numpy as np
except ImportError as error:
    raise MissingPackageError("numpy", error) from error

_CODES = 256


def fixed_batch(model: Model) -> int | None:
    """The batch that the model's file fixes; None where it is free."""
    fixed = [tensor.shape[0] for tensor in model.inputs if tensor.shape]
    return next((size for size in fixed if isinstance(size, int)), None)


def chosen_sizes(model: Model, given: Mapping[str, int]) -> dict[str, int]:
    """A number for every free size of the inputs but the batch: what is `given`, else the smallest
    that the network admits. Raises InputError.
    """
    free = [
        size for tensor in model.inputs for size in tensor.shape[1:] if not isinstance(size, int)
    ]
    unknown = [name for name in given if name not in free]
    if unknown:
        inputs = ", ".join(dimensions_text(tensor.shape) for tensor in model.inputs)
        raise InputError(f"no size of its inputs is called `{unknown[0]}`: they are {inputs}")
    admitted = model.metadata.sizes if model.metadata else {}
    chosen: dict[str, int] = {}
    for name in free:
        if name is None:
            raise InputError("a size of its inputs is free and has no name, so none can be given")
        if name in given:
            chosen[name] = _admitted(name, given[name], admitted.get(name))
        elif name in admitted:
            chosen[name] = smallest(admitted[name])
        else:
            raise InputError(f"the size {name} of its inputs is free: give it, --set {name}=224")
    return chosen


def smallest(sizes: Sizes) -> int:
    """The smallest number from 1 on that is admitted."""
    firsts = []
    for rest, first, last in sizes.runs:
        number = max(first, 1)
        number += (rest - number) % sizes.period
        if last is None or number <= last:
            firsts.append(number)
    return min(firsts, default=1)


def made_up(model: Model, batch: int, sizes: Mapping[str, int], seed: int = 0) -> dict[str, Array]:
    """An array for each input: normal numbers, or for uint8 any of its values, drawn from the seed.
    Of other integers 0 alone, for they may be indices.
    """
    generator = np.random.default_rng(seed)
    feeds: dict[str, Array] = {}
    for tensor in model.inputs:
        shape = [
            size if isinstance(size, int) else batch if axis == 0 else sizes[str(size)]
            for axis, size in enumerate(tensor.shape)
        ]
        dtype = np.dtype(tensor.dtype)
        if dtype.kind == "f":
            feeds[tensor.name] = generator.standard_normal(shape, np.float32).astype(dtype)
        elif dtype == np.uint8:
            feeds[tensor.name] = generator.integers(_CODES, size=shape, dtype=np.uint8)
        else:
            feeds[tensor.name] = np.zeros(shape, dtype)
    return feeds


def _admitted(name: str, number: int, sizes: Sizes | None) -> int:
    if number < 1:
        raise InputError(f"{name} is {number}, and a size is at least 1")
    if sizes is not None and not sizes.admits(number):
        raise InputError(f"the network takes {sizes.words}, and here it is {number}")
    return number
