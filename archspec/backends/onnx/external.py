"""Weights outside the model file: where they lie already, or in a file of their own beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from onnx import TensorProto

from archspec.backends.onnx.model import Initializer, Weights
from archspec.terminal import printable
from archspec.weights import Location
from archspec.weights import Weights as LoadedWeights
from archspec.weights.stored import Identity

# A page on most systems: what starts at one can be mapped into memory instead of read.
_ALIGNMENT = 4096


class Place(NamedTuple):
    """Where the bytes of a tensor are: a file in the model's folder, by name, and the stretch of it
    in bytes. The format asks for no alignment, and onnxruntime takes any.
    """

    file: str
    offset: int
    length: int

    def put(self, tensor: TensorProto) -> TensorProto:
        """The tensor, with its data there."""
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": self.file, "offset": self.offset, "length": self.length}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        return tensor


def places_in_files(
    initializers: Iterable[Initializer], weights: Weights, path: str | os.PathLike[str]
) -> dict[str, Place]:
    """The tensors, by their names in the model at `path`, whose bytes lie in a file as they are to
    be stored. Nothing of them is read.

    Raises ValueError where the model cannot point at that file, and OSError.
    """
    places: dict[str, Place] = {}
    names: dict[str, str] = {}
    for initializer in initializers:
        there = located(initializer, weights)
        if there is None:
            continue
        if there.path not in names:
            names[there.path] = _name_beside(there, path)
        places[initializer.name] = Place(names[there.path], there.offset, there.length)
    return places


def located(initializer: Initializer, weights: Weights) -> Location | None:
    """Where in a file the tensor's bytes lie as they are to be stored; None if they lie in none."""
    if initializer.key is None or not isinstance(weights, LoadedWeights):
        return None
    there = weights.location(initializer.key, initializer.element.word)
    return there if there is not None and there.length == initializer.nbytes else None


def check_unchanged(initializers: Iterable[Initializer], weights: Weights) -> None:
    """Raise ValueError where a file that the weights lie in has been written to since its header
    was read: what was copied may be of what it was or of what it is. One that another has taken the
    place of, or that is gone, is still there for whoever had opened it.
    """
    if not isinstance(weights, LoadedWeights):
        return
    seen: set[str] = set()
    for initializer in initializers:
        there = initializer.key and weights.location(initializer.key, None)
        if there and there.path not in seen:
            seen.add(there.path)
            with suppress(FileNotFoundError):
                now, then = Identity.of(os.stat(there.path)), there.identity
                if now[:2] == then[:2] and now != then:
                    raise _changed(there)


def _changed(there: Location) -> ValueError:
    shown = printable(there.path)
    return ValueError(f"{shown} has been replaced or changed since it was read: build once more")


def _name_beside(there: Location, path: str | os.PathLike[str]) -> str:
    """The name by which the model at `path` may point at the file. Raises ValueError and OSError.

    ONNX's checker and onnxruntime refuse what leads out of the model's folder; the checker also
    refuses any link, and a file that has several names.
    """
    source, status = there.path, os.stat(there.path)
    shown, model = printable(source), printable(os.fspath(path))
    copy = "or copy them with `--weights`"
    folder, name = os.path.split(os.path.abspath(source))
    own = os.path.realpath(os.path.dirname(os.path.abspath(path)))
    if Identity.of(status) != there.identity:
        raise _changed(there)
    if os.path.exists(path) and os.path.samefile(source, path):
        raise ValueError(f"{model} is what the weights are read from: choose another --output")
    if os.path.dirname(os.path.realpath(path)) != own:
        raise ValueError(
            f"{model} is a link to another folder, and a model can point at weights in its own "
            f"folder alone: name the file that it leads to, {copy}"
        )
    if os.path.realpath(folder) != own:
        raise ValueError(
            f"{model} cannot point at {shown}, which is in another folder: "
            f"put the two in one folder, {copy}"
        )
    if os.path.islink(source):
        raise ValueError(
            f"{model} cannot point at {shown}, which is a link: "
            f"put the file itself in the folder, {copy}"
        )
    if status.st_nlink > 1:
        raise ValueError(
            f"{model} cannot point at {shown}, which is a hard link, one name of several for a "
            f"file: put a file of its own in the folder, {copy}"
        )
    _check_name(name, f"{model} cannot point at {shown}")
    return name


def _check_name(name: str, what: str) -> None:
    """Raise ValueError for the name of a file that a model cannot have in it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what}: its name is not UTF-8") from None


def places_apart(
    initializers: Iterable[Initializer], weights: Weights, data_path: str
) -> dict[str, Place]:
    """The tensors one after another in a file of their own, each from a page's start.

    Raises ValueError where the model cannot point at that file, and where it is what some of them
    are read from.
    """
    shown = printable(data_path)
    _check_name(os.path.basename(data_path), f"the weights cannot go into {shown}")
    if os.path.islink(data_path):
        # It would be followed, and onnxruntime refuses what it leads to.
        raise ValueError(
            f"the weights would go into {shown}, which is a link, and a model can point at none: "
            "take it away, or choose another --output"
        )
    places, offset, sources = {}, 0, set()
    for initializer in initializers:
        places[initializer.name] = Place(os.path.basename(data_path), offset, initializer.nbytes)
        offset += -(-initializer.nbytes // _ALIGNMENT) * _ALIGNMENT
    if isinstance(weights, LoadedWeights) and os.path.exists(data_path):
        located = (weights.location(name, None) for name in weights)
        sources = {location.path for location in located if location is not None}
    if any(os.path.exists(source) and os.path.samefile(source, data_path) for source in sources):
        raise ValueError(
            f"{shown} would be written, and is what the weights are read from: "
            "choose another --output"
        )
    return places
