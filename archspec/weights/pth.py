"""Reading PyTorch checkpoints, in both formats of `torch.save`, without PyTorch.

Since 1.6 a checkpoint is a zip archive: `data.pkl` pickles the objects, and `data/<key>` is the raw
memory of each storage. Before, it was a run of pickles (a magic number, a version, facts about the
system, the objects, the keys of the storages) and then, for each storage, its count of elements in
eight bytes and its raw memory. In both, a pickled tensor is a view of a storage: offset, sizes,
strides, in elements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from archspec.weights.admitted import Objects, Storage, View
from archspec.weights.pickles import unpickle
from archspec.weights.stored import DAMAGED, File, Layout, Stored, Unreadable, item_size, stored_at
from archspec.weights.unwrap import state_dict
from archspec.weights.words import quoted
from archspec.weights.zips import Extent, Zip

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001

_SAVE_STATE = "Save the tensors alone, by name: `torch.save(model.state_dict(), path)`."


def read_zip(file: File) -> dict[str, Stored]:
    """The tensors of a checkpoint that is a zip archive. Raises Unreadable."""
    archive = Zip(file.data)
    folder = _folder(archive.names)
    pickled = archive.extent(folder + "data.pkl")
    objects = Objects(file.data, pickled.offset)
    end = pickled.offset + pickled.length
    value = unpickle(file.data, pickled.offset, end, objects).value
    byte_order = "<"
    if folder + "byteorder" in archive.names:
        offset, length = archive.extent(folder + "byteorder")
        byte_order = ">" if file.data[offset : offset + length] == b"big" else "<"
    extents = {key: archive.extent(f"{folder}data/{key}") for key in objects.storages}
    return _tensors(file, value, extents, byte_order)


def read_pickles(file: File) -> dict[str, Stored]:
    """The tensors of a checkpoint that is a run of pickles. Raises Unreadable."""
    size = len(file.data)
    objects = Objects(file.data, 0)
    magic, position = unpickle(file.data, 0, size, objects)
    if magic != _MAGIC_NUMBER:
        raise Unreadable("it is a pickle, but not one that `torch.save` wrote", _SAVE_STATE)
    version, position = unpickle(file.data, position, size, objects)
    if version != _PROTOCOL_VERSION:
        raise Unreadable("it is a PyTorch checkpoint of an unknown version", _SAVE_STATE)
    _, position = unpickle(file.data, position, size, objects)
    value, position = unpickle(file.data, position, size, objects)
    keys, position = unpickle(file.data, position, size, objects)
    return _tensors(file, value, _run_of_storages(file, keys, position, objects.storages), "<")


def _folder(names: frozenset[str]) -> str:
    """The folder, ending in a slash, that all of a checkpoint lies in; empty if there is none."""
    folders = [name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")]
    if "data.pkl" in names:
        folders.append("")
    if len(folders) != 1:
        raise Unreadable("it is a zip archive, but not one that `torch.save` wrote", _SAVE_STATE)
    if folders[0] + "constants.pkl" in names:
        raise Unreadable(
            "it is a TorchScript program, not a checkpoint",
            "Load it with `torch.jit.load`, and save its tensors alone: "
            "`torch.save(model.state_dict(), path)`.",
        )
    return folders[0]


def _run_of_storages(
    file: File, keys: Any, position: int, storages: Mapping[str, Storage]
) -> dict[str, Extent]:
    """Where each storage lies, of those that follow one another from `position`."""
    if not isinstance(keys, list):
        raise Unreadable("its list of storages is malformed", DAMAGED)
    extents = {}
    for key in keys:
        storage = storages.get(key) if isinstance(key, str) else None
        if storage is None:
            raise Unreadable(f"its storage {quoted(key)} belongs to no tensor", DAMAGED)
        count = int.from_bytes(file.data[position : position + 8], "little")
        length = count * item_size(storage.dtype)
        extents[storage.key] = Extent(position + 8, length)
        position += 8 + length
        if position > len(file.data):
            raise Unreadable(f"it ends before its storage {quoted(key)} does", DAMAGED)
    return extents


def _tensors(
    file: File, value: Any, extents: Mapping[str, Extent], byte_order: str
) -> dict[str, Stored]:
    """The tensors of the state dict in the value that was pickled."""
    if not isinstance(value, dict):
        raise Unreadable("it holds no dict of tensors", _SAVE_STATE)
    named = state_dict(value)
    for name, view in named.items():
        if not isinstance(view, View):
            kind = "a storage" if isinstance(view, Storage) else type(view).__name__
            raise Unreadable(f"its {quoted(name)} is no tensor ({kind})", _SAVE_STATE)
    return {
        str(name): _tensor(file, name, view, extents, byte_order) for name, view in named.items()
    }


def _tensor(
    file: File, name: str, view: View, extents: Mapping[str, Extent], byte_order: str
) -> Stored:
    """The tensor that a view sees, once it is sure that it lies within its storage."""
    storage, size = view.storage, item_size(view.storage.dtype)
    extent = extents.get(storage.key)
    if extent is None or (storage.start + storage.elements) * size > extent.length:
        raise Unreadable(f"the storage of {quoted(name)} is smaller than it says", DAMAGED)
    steps = zip(view.shape, view.strides, strict=True)
    last = view.offset + sum((length - 1) * stride for length, stride in steps)
    if math.prod(view.shape) and last >= storage.elements:
        raise Unreadable(f"{quoted(name)} reaches past the end of its storage", DAMAGED)
    offset = extent.offset + (storage.start + view.offset) * size
    return stored_at(file, Layout(storage.dtype, offset, view.shape, view.strides, byte_order))
