"""What a PyTorch checkpoint may refer to: tensors, parameters and the storages they lie in.

Nothing of it is imported or run: a name outside the list is refused, whatever it is.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from typing import Any, NamedTuple

from archspec.layers.base import Shape
from archspec.weights.stored import DAMAGED, RANK_LIMIT, Unreadable
from archspec.weights.words import quoted

_SAVE_AGAIN = (
    "save the tensors alone, `torch.save(model.state_dict(), path)`, or as safetensors, "
    "`safetensors.torch.save_file(model.state_dict(), path)`."
)

_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "UntypedStorage": "uint8",
}
_STORAGE_MODULES = ("torch", "torch.cuda", "torch.storage")


class StorageType(NamedTuple):
    """The class of a storage, of elements of that type."""

    dtype: str


class Storage(NamedTuple):
    """A stretch of raw memory: `elements` of it, from the element `start` of the one at `key`."""

    key: str
    dtype: str
    elements: int
    start: int = 0


class View(NamedTuple):
    """A tensor: `offset` and `strides` count elements of its storage."""

    storage: Storage
    offset: int
    shape: Shape
    strides: tuple[int, ...]


class Objects:
    """The meaning of what a checkpoint's pickles refer to; `storages` are those seen, by key."""

    def __init__(self, data: mmap.mmap, start: int) -> None:
        self.storages: dict[str, Storage] = {}
        self._data = data
        self._start = start

    def find(self, module: str, name: str) -> object:
        function = _FUNCTIONS.get(f"{module}.{name}")
        if function is not None:
            return function
        if module in _STORAGE_MODULES and name in _STORAGES:
            return StorageType(_STORAGES[name])
        raise self._refusal(module, name)

    def call(self, function: object, arguments: tuple[Any, ...]) -> object:
        if not callable(function):
            raise Unreadable("its pickle calls what is no function", DAMAGED)
        return function(arguments)

    def persistent(self, identifier: object) -> object:
        """A storage: its class, key, device, count of elements and, of old, what part it is."""
        match identifier:
            case ("storage", StorageType(dtype), str(key), _, int(elements), *rest):
                root = self.storages.setdefault(key, Storage(key, dtype, elements))
            case _:
                raise Unreadable("its pickle refers to something other than a storage", DAMAGED)
        match rest:
            case [] | [None]:
                part = Storage(key, dtype, elements)
            case [(_, int(start), int(count))]:
                part = Storage(key, dtype, count, start)
            case _:
                raise Unreadable("its pickle has a malformed storage", DAMAGED)
        if root.dtype != dtype or min(elements, part.start, part.elements) < 0:
            raise Unreadable(
                f"its storage {quoted(key)} has two types, or a negative size", DAMAGED
            )
        return part

    def _refusal(self, module: str, name: str) -> Unreadable:
        """Why a global is refused, and what to do, which differs where a whole model is pickled."""
        # A module's pickled attributes give it away, whatever its class is called.
        beginning = self._data[self._start : self._start + (1 << 20)]
        if b"_parameters" in beginning and b"_modules" in beginning:
            return Unreadable(
                f"it is a whole pickled model, and needs {quoted(f'{module}.{name}')} to run",
                f"Load it where the model's code is, and {_SAVE_AGAIN}",
            )
        return Unreadable(
            f"it needs {quoted(f'{module}.{name}')} to run, which is no part of a state dict",
            f"A checkpoint can run any code, so archspec refuses. If you trust it, load it with "
            f"PyTorch, and {_SAVE_AGAIN}",
        )


def _ordered_dict(arguments: tuple[Any, ...]) -> dict[str, Any]:
    """An OrderedDict: empty, its items follow; or, as Python 2 wrote it, with a list of pairs."""
    match arguments:
        case ():
            return {}
        case (list(pairs),) if all(map(_is_pair, pairs)):
            items = dict(pairs)
            # So that a forged file cannot have one long list copied over and over.
            pairs.clear()
            return items
        case _:
            raise Unreadable("its pickle has a malformed OrderedDict", DAMAGED)


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def _size(arguments: tuple[Any, ...]) -> object:
    match arguments:
        case (tuple(sizes),):
            return sizes
        case _:
            raise Unreadable("its pickle has a malformed torch.Size", DAMAGED)


def _parameter(arguments: tuple[Any, ...]) -> View:
    match arguments:
        case (View() as view, *_):
            return view
        case _:
            raise Unreadable("its pickle has a malformed parameter", DAMAGED)


def _tensor(arguments: tuple[Any, ...]) -> View:
    """A tensor of storage, offset, sizes, strides; and requires_grad, hooks and metadata."""
    match arguments:
        case (Storage() as storage, int(offset), tuple(shape), tuple(strides), *rest):
            pass
        case _:
            raise Unreadable("its pickle has a malformed tensor", DAMAGED)
    if len(rest) > 2 and rest[2]:
        # A tensor that is read as its conjugate, or negated.
        raise Unreadable("its pickle has a tensor whose values are not those stored", _SAVE_AGAIN)
    if not len(shape) == len(strides) <= RANK_LIMIT or not all(
        type(number) is int and number >= 0 for number in (offset, *shape, *strides)
    ):
        raise Unreadable("its pickle has a malformed tensor", DAMAGED)
    return View(storage, offset, shape, strides)


_FUNCTIONS: dict[str, Callable[[tuple[Any, ...]], object]] = {
    "collections.OrderedDict": _ordered_dict,
    "torch.Size": _size,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
}
"""What a checkpoint may call, and what that makes here. (Parameter itself: before PyTorch 0.4.)"""
