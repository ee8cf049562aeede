"""Finding the network's tensors in what a training script saved around them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

_WRAPPERS = ("state_dict", "model", "model_state_dict")
"""Keys under which training scripts keep the state dict, beside an optimizer's and the like."""

_PREFIXES = ("module.", "_orig_mod.")
"""What PyTorch's DataParallel and torch.compile put before every name."""

_T = TypeVar("_T")


def state_dict(saved: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The names and tensors in what was saved: the mapping under a usual key, or the whole."""
    for key in _WRAPPERS:
        inner = saved.get(key)
        if isinstance(inner, Mapping):
            return inner
    return saved


def without_prefix(tensors: Mapping[str, _T], wanted: Collection[str]) -> Mapping[str, _T]:
    """The tensors, without a wrapper's prefix where all have it and no wanted name does."""
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in tensors) and not any(
            name.startswith(prefix) for name in wanted
        ):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors
