"""Which format a weights file is in: what its first bytes say, whatever it is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from archspec.weights.pth import read_pickles, read_zip
from archspec.weights.safetensors import read_safetensors
from archspec.weights.stored import File, Stored, Unreadable, open_file

_Reader = Callable[[File], dict[str, Stored]]

_KINDS = "archspec reads .safetensors, and PyTorch checkpoints (.pth, .pt, .bin, .ckpt)."

_OTHERS = {
    b"version https://git-lfs": (
        "it is a Git LFS pointer, not the file itself",
        "Fetch the file: `git lfs pull`.",
    ),
    b"<": ("it is a web page, not weights", "Download the file again, from its direct address."),
    b"\x89HDF": ("it is HDF5, which archspec does not read", _KINDS),
    b"\x93NUMPY": ("it is a single numpy array, without a name", _KINDS),
    b"\x1f\x8b": ("it is compressed with gzip", "Unpack it first: `gunzip`."),
}
"""What people give by mistake, by its first bytes."""


def read_file(path: str) -> dict[str, Stored]:
    """The tensors of a weights file. Raises OSError if it cannot be read, Unreadable if malformed.

    Only names, shapes and types are read; the values stay in the file.
    """
    file = open_file(path)
    return _reader(file)(file)


def _reader(file: File) -> _Reader:
    beginning = file.data[:512]
    if beginning.startswith(b"PK\3\4"):
        return read_zip
    if beginning[8:9] == b"{" and int.from_bytes(beginning[:8], "little") <= len(file.data) - 8:
        return read_safetensors
    if beginning.startswith(b"\x80"):
        return read_pickles
    if beginning[257:262] == b"ustar":
        raise Unreadable(
            "it is in PyTorch's first format, a tar archive",
            "Load it with PyTorch and save it again: `torch.save(model.state_dict(), path)`.",
        )
    for signature, (message, help) in _OTHERS.items():
        if beginning.startswith(signature):
            raise Unreadable(message, help)
    if PurePath(file.path).suffix == ".safetensors":
        # Its reader says what is wrong with it.
        return read_safetensors
    raise Unreadable("it is in no format that archspec knows", _KINDS)
