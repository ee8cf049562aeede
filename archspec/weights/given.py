"""Weights that a program gives: a mapping of names to anything that numpy can take."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from archspec.weights.stored import Array, Stored
from archspec.weights.unwrap import state_dict


def read_mapping(arrays: Mapping[str, ArrayLike]) -> dict[str, Stored]:
    """The given tensors, without copying those that are in the computer's memory already.

    A value that is no array has the type's name for its dtype.
    """
    return {name: _stored(value) for name, value in state_dict(arrays).items()}


def _stored(value: Any) -> Stored:
    try:
        array = _as_array(value)
    except (TypeError, ValueError, RuntimeError):
        # What numpy and PyTorch raise for ragged lists, sparse tensors, tensors without values.
        return Stored((), type(value).__name__, partial(np.asarray, value))
    return Stored(array.shape, array.dtype.name, lambda: array)


def _as_array(value: Any) -> Array:
    """The value as an array. A PyTorch tensor is known by its methods: torch is not imported."""
    if not hasattr(value, "detach"):
        return np.asarray(value)
    tensor = value.detach().cpu()
    # numpy has no bfloat16.
    return np.asarray((tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy())
