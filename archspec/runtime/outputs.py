"""Raw outputs to a file."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from archspec.files import replace_file
from archspec.runtime.errors import MissingPackageError, OutputError, reason
from archspec.runtime.session import Array, dimensions_text

try:
    import numpy as np
except ImportError as error:
    raise MissingPackageError("numpy", error) from error


def save_outputs(path: Path, runs: Sequence[Mapping[str, Array]]) -> None:
    """Write an `.npz` with one array for each output, the runs one after another along the batch.

    `runs` is not empty. The file is whole or as it was before. Raises OutputError.
    """
    arrays = {name: _joined(name, [run[name] for run in runs]) for name in runs[0]}
    try:
        with replace_file(path) as file:
            _write_npz(file, arrays)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {reason(error)}; choose another place with -o"
        ) from error


def check_folder(path: Path) -> None:
    """Raise OutputError now if `path` lies in no folder, rather than after hours of work."""
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; make it first")


def _write_npz(file: IO[bytes], arrays: Mapping[str, Array]) -> None:
    # Not numpy.savez, which takes the names as keywords and so refuses an output called `file`.
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            # A ZipInfo made by hand carries no time of day: same outputs, same bytes.
            member = zipfile.ZipInfo(f"{name}.npy")
            with archive.open(member, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)


def _joined(name: str, arrays: Sequence[Array]) -> Array:
    if len(arrays) == 1:
        return arrays[0]
    if any(array.shape[1:] != arrays[0].shape[1:] or array.ndim == 0 for array in arrays):
        shapes = ", ".join(sorted({dimensions_text(array.shape) for array in arrays}))
        raise OutputError(
            f"the output {name} came in shapes that do not go into one array ({shapes}); "
            "give -o with one input at a time"
        )
    return np.concatenate(arrays)
