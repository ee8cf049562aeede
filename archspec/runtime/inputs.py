"""An input file to the arrays that a model is fed with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from archspec.runtime.errors import InputError, MissingPackageError, one_line, open_input
from archspec.runtime.session import Array, Model, ModelTensor, dimensions_text

try:
    import numpy as np
except ImportError as error:
    raise MissingPackageError("numpy", error) from error


def read_feeds(path: Path, model: Model) -> dict[str, Array]:
    """One array for each of the model's inputs, batch included, in the model's element type.

    `.npy` is one array and `.npz` several by the names of the inputs, taken as they are; any other
    file is a picture, prepared as the model's metadata say, unless the model does that itself.
    Raises InputError.
    """
    try:
        feeds = _read_feeds(path, model)
    except MemoryError as error:
        raise InputError("does not fit into this machine's memory; give a smaller one") from error
    _check_sizes(feeds, model)
    return feeds


def _read_feeds(path: Path, model: Model) -> dict[str, Array]:
    match path.suffix.lower():
        case ".npz":
            return _named_feeds(_read_npz(path, model), model)
        case ".npy":
            tensor = _only_input(model)
            return {tensor.name: fit(_read_npy(path), tensor)}
        case _:
            tensor = _only_input(model)
            return {tensor.name: fit(_read_picture(path, model), tensor, _PICTURE_HELP)}


def _check_sizes(feeds: Mapping[str, Array], model: Model) -> None:
    """Raise InputError where a free size is a number that the network cannot take, or two of one
    name differ: onnxruntime would fail with less to say, or compute something else.
    """
    given: dict[str, int] = {}
    for tensor in model.inputs:
        for name, size in zip(tensor.shape, feeds[tensor.name].shape, strict=True):
            if isinstance(name, str) and given.setdefault(name, size) != size:
                raise InputError(f"{name} is {given[name]} in one place and {size} in another")
    for name, sizes in model.metadata.sizes.items() if model.metadata else ():
        if name in given and not sizes.admits(given[name]):
            raise InputError(f"the network takes {sizes.words}, and here it is {given[name]}")


_PICTURE_HELP = (
    "a `resize` and a `crop` in the spec's `preprocess` section bring every picture to one size, "
    "and `channels` is how many planes it has"
)
_ARRAY_HELP = "give one sample of that shape, or a batch of them"


def fit(array: Array, tensor: ModelTensor, help: str = _ARRAY_HELP) -> Array:
    """The array as the model's input takes it; a single sample becomes a batch of one.

    `help` ends the message about a wrong shape. Raises InputError.
    """
    if not np.can_cast(array.dtype, tensor.dtype, casting="same_kind"):
        raise InputError(
            f"its elements are {array.dtype}, and the model's input `{tensor.name}` takes "
            f"{tensor.dtype}; convert them with numpy's astype"
        )
    if not _holds(tensor.dtype, array):
        limits = np.iinfo(tensor.dtype)
        raise InputError(
            f"it has numbers from {array.min()} to {array.max()}, and the model's input "
            f"`{tensor.name}` takes {tensor.dtype}, from {limits.min} to {limits.max}; scale them"
        )
    batch = array[np.newaxis] if array.ndim == len(tensor.shape) - 1 else array
    fits = batch.ndim == len(tensor.shape) and all(
        size == expected if isinstance(expected, int) else size > 0
        for size, expected in zip(batch.shape, tensor.shape, strict=True)
    )
    if not fits:
        raise InputError(
            f"the shape is {dimensions_text(array.shape)}, and the model's input `{tensor.name}` "
            f"takes {_expected_text(tensor)}; {help}"
        )
    with np.errstate(over="ignore"):  # an infinite score is reported where it shows
        return np.ascontiguousarray(batch, dtype=tensor.dtype)


def _holds(dtype: str, array: Array) -> bool:
    """Whether numbers of the array stay what they are: whole ones that are too large for their new
    type would start again from its lowest, as numpy casts them.
    """
    if not np.issubdtype(dtype, np.integer) or np.can_cast(array.dtype, dtype) or not array.size:
        return True
    limits = np.iinfo(dtype)
    return bool(limits.min <= array.min() and array.max() <= limits.max)


def _expected_text(tensor: ModelTensor) -> str:
    """The shape to give: without the batch, unless the model fixes that too."""
    batch, sample = tensor.shape[:1], tensor.shape[1:]
    fixed = all(isinstance(size, int) for size in batch)
    return dimensions_text(tensor.shape if fixed else sample)


def _only_input(model: Model) -> ModelTensor:
    if len(model.inputs) != 1:
        names = ", ".join(tensor.name for tensor in model.inputs)
        raise InputError(
            f"the model has {len(model.inputs)} inputs ({names}); "
            "give a .npz file with one array for each, by these names"
        )
    return model.inputs[0]


def _read_picture(path: Path, model: Model) -> Array:
    metadata = model.metadata
    if metadata is None:
        raise InputError(
            "the model says nothing of how a picture becomes its input, for it was not written by "
            "archspec; give the preprocessed values as .npy"
        )
    if metadata.preprocess is None:
        raise InputError(
            f"the spec of {metadata.name} has no `preprocess` section, so how a picture becomes "
            "its input is not known; add one and build again, or give the values as .npy"
        )
    # Here, so that arrays can be run without Pillow.
    from archspec.runtime.images import read_image, read_whole

    read = read_whole if metadata.preprocessed_within else read_image
    return read(path, metadata.preprocess)


def _read_npy(path: Path) -> Array:
    with open_input(path):
        pass  # so that below it is the content that is to blame
    try:
        # Mapped, so that a header which claims more than the file holds costs no memory.
        return np.lib.format.open_memmap(path, mode="r")
    except Exception as error:
        raise _broken(error, "numpy.save writes one") from error


def _read_npz(path: Path, model: Model) -> dict[str, Array]:
    """The arrays of the model's inputs; others in the file are not looked at."""
    wanted = {tensor.name for tensor in model.inputs}
    with open_input(path) as file:
        try:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.lib.npyio.NpzFile):
                return {name: archive[name] for name in archive.files if name in wanted}
        except MemoryError:
            raise
        except Exception as error:
            raise _broken(error, "numpy.savez writes one") from error
    raise InputError("holds one array without a name; call the file .npy")


def _named_feeds(arrays: Mapping[str, Array], model: Model) -> dict[str, Array]:
    missing = [tensor.name for tensor in model.inputs if tensor.name not in arrays]
    if missing:
        raise InputError(
            f"the file has no array named {', '.join(missing)}; "
            "numpy.savez(file, name=array, …) gives each input its own"
        )
    return {tensor.name: fit(arrays[tensor.name], tensor) for tensor in model.inputs}


def _broken(error: Exception, help: str) -> InputError:
    """What numpy raises for a broken file: ValueError, EOFError, BadZipFile, TokenError, …"""
    return InputError(f"not a file of plain numpy arrays ({one_line(error)}); {help}")
