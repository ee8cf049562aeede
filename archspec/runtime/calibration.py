"""The samples that a network is shown before its values are given ranges of integers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from archspec.runtime.errors import (
    InputError,
    MissingPackageError,
    RuntimeFailure,
    open_input,
    reason,
)
from archspec.runtime.inputs import read_feeds
from archspec.runtime.session import Array, Model

try:
    import numpy as np
except ImportError as error:
    raise MissingPackageError("numpy", error) from error

SAMPLES = 128
"""Samples that are enough: the ranges of EfficientNet-Lite0 hardly change from 64 on."""

FEW_SAMPLES = 16
"""Below this many, ranges are likely to be too narrow for other samples."""

BATCH = 8
"""Samples that are run at once, at most: they are all that is in memory."""

ARRAYS = (".npy", ".npz")


class CalibrationError(RuntimeFailure):
    """A set of samples that the network cannot be calibrated with."""


class Samples:
    """Up to `limit` of the samples at `path`, read as they are asked for, in batches.

    A folder is searched with all its folders for pictures and arrays, each prepared as `archspec
    run` would, and its files are taken in an order that is random but always the same, so that
    one which is sorted by class is well mixed. A `.npy` or `.npz` file holds samples N × shape.

    `skipped` has why a file could not be used, `used` how many samples there were, both so far.
    `use` is what they are for, in words for errors.
    """

    def __init__(
        self, path: Path, model: Model, limit: int = SAMPLES, use: str = "calibrate with"
    ) -> None:
        self.path, self.model, self.limit, self.use = path, model, limit, use
        self.skipped: list[str] = []
        self.used = 0
        self._files = _files(path, use)

    def batches(self) -> Iterator[dict[str, Array]]:
        """The samples by the names of the model's inputs, up to BATCH at once and of one shape.

        Raises CalibrationError where not one can be used.
        """
        held: dict[str, list[Array]] = {}
        for sample in islice(self._samples(), self.limit):
            self.used += 1
            if held and (_is_full(held) or not _are_alike(held, sample)):
                yield {name: np.stack(arrays) for name, arrays in held.items()}
                held = {}
            for name, array in sample.items():
                held.setdefault(name, []).append(array)
        if not held:
            raise self._nothing()
        yield {name: np.stack(arrays) for name, arrays in held.items()}

    def _samples(self) -> Iterator[dict[str, Array]]:
        for file in self._files:
            try:
                feeds = read_feeds(file, self.model)
                _check_finite(feeds)
            except InputError as error:
                self.skipped.append(f"{file}: {error}")
                continue
            yield from _rows(feeds, self.limit)

    def _nothing(self) -> CalibrationError:
        if self.path.is_file():
            return CalibrationError(f"cannot {self.use} {self.skipped[0]}")
        number = len(self.skipped)
        return CalibrationError(
            f"cannot {self.use} {self.path}: none of its {number} "
            f"file{'s' if number != 1 else ''} can be used, the first for this: {self.skipped[0]}"
        )


def _files(path: Path, use: str) -> list[Path]:
    """The files to read, in the order in which to read them. Raises CalibrationError."""
    try:
        if not path.is_dir():
            with open_input(path):
                return [path]
        found = [each for each in path.rglob("*") if _is_sample(each) and each.is_file()]
    except InputError as error:
        raise CalibrationError(
            f"cannot {use} {path}: {error}; it is a folder of pictures, or a .npy or .npz "
            "file of samples"
        ) from error
    except OSError as error:
        raise CalibrationError(f"cannot read {error.filename or path}: {reason(error)}") from error
    if not found:
        raise CalibrationError(
            f"cannot {use} {path}: there is no picture in it, nor a .npy or .npz file of "
            f"samples; a hundred pictures like those that the network will see are enough"
        )
    found.sort()
    random.Random(0).shuffle(found)
    return found


def _is_sample(path: Path) -> bool:
    """Whether a file is one to be read, by its name: folders hold other things too."""
    suffix = path.suffix.lower()
    return not path.name.startswith(".") and (suffix in ARRAYS or suffix in _picture_suffixes())


def _picture_suffixes() -> frozenset[str]:
    # Here, so that arrays can be used without Pillow.
    from PIL import Image

    from archspec.runtime.images import FORMATS

    known = Image.registered_extensions()
    return frozenset(suffix for suffix, format_ in known.items() if format_ in FORMATS)


def _check_finite(feeds: Mapping[str, Array]) -> None:
    for name, array in feeds.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(
                f"the values for `{name}` are not all finite, and a range cannot be; "
                "leave such samples out"
            )


def _rows(feeds: Mapping[str, Array], limit: int) -> Iterator[dict[str, Array]]:
    """The samples of a batch one by one: of more than `limit`, that many spread over all."""
    number = len(next(iter(feeds.values())))
    taken = (
        range(number) if number <= limit else (index * number // limit for index in range(limit))
    )
    for index in taken:
        yield {name: array[index] for name, array in feeds.items()}


def _is_full(held: Mapping[str, list[Array]]) -> bool:
    return any(len(arrays) >= BATCH for arrays in held.values())


def _are_alike(held: Mapping[str, list[Array]], sample: Mapping[str, Array]) -> bool:
    return all(arrays[0].shape == sample[name].shape for name, arrays in held.items())
