"""The pictures of a folder, in an order that depends on their names alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from archspec.predict.errors import PredictError
from archspec.runtime.errors import reason


class Picture(NamedTuple):
    """A file that is a picture by its name. `path` is relative to the folder, with slashes, in the
    file system's own bytes; `size` is in bytes and `modified` in nanoseconds, and both are −1 where
    the system does not say: the file cannot be read either.
    """

    path: bytes
    size: int
    modified: int


@dataclass
class Walk:
    """What was met on the way besides pictures.

    `unread` has the places that may hold pictures and could not be looked into, with the reason;
    `loops` the links that lead back to a folder they lie in, which are not followed; `others` is
    how many files are no pictures by their names.
    """

    unread: list[tuple[bytes, str]] = field(default_factory=list)
    loops: list[bytes] = field(default_factory=list)
    others: int = 0


class _Level(NamedTuple):
    prefix: bytes
    identity: tuple[int, int]
    names: Iterator[bytes]


def find_pictures(folder: Path, suffixes: frozenset[str], walk: Walk) -> Iterator[Picture]:
    """The pictures in the folder and in those within it, sorted by the bytes of their names, a
    folder's files where its own name stands. `suffixes` are in lower case.

    Links are followed, but not into a folder that they lie in. Names that begin with a dot are left
    out, and so is what is no regular file: opening a pipe would wait for ever. Raises PredictError
    where the folder itself cannot be read.
    """
    root = os.fsencode(folder)
    ends = tuple(os.fsencode(suffix) for suffix in suffixes)
    try:
        names = _names(root, ends, walk)
        levels = [_Level(b"", _identity(os.stat(root)), names)]
    except OSError as error:
        raise PredictError(
            f"{folder}: the folder cannot be read: {reason(error)}; check the path"
        ) from error
    while levels:
        level = levels[-1]
        name = next(level.names, None)
        if name is None:
            levels.pop()
            continue
        path = level.prefix + name
        try:
            status = os.stat(os.path.join(root, path))
        except OSError as error:
            if name.lower().endswith(ends):
                yield Picture(path, -1, -1)  # What is wrong is said when it is opened.
            else:
                walk.unread.append((path, f"the folder cannot be read: {reason(error)}"))
            continue
        if stat.S_ISDIR(status.st_mode):
            if _identity(status) in [upper.identity for upper in levels]:
                walk.loops.append(path)
                continue
            try:
                names = _names(os.path.join(root, path), ends, walk)
            except OSError as error:
                walk.unread.append((path, f"the folder cannot be read: {reason(error)}"))
                continue
            levels.append(_Level(path + b"/", _identity(status), names))
        elif stat.S_ISREG(status.st_mode):
            yield Picture(path, status.st_size, status.st_mtime_ns)
        else:
            walk.unread.append((path, "not a regular file"))


def order(path: bytes) -> list[bytes]:
    """By this `find_pictures` sorts paths."""
    return path.split(b"/")


def _names(folder: bytes, ends: tuple[bytes, ...], walk: Walk) -> Iterator[bytes]:
    """The names of pictures and folders, sorted."""
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(b"."):
                continue
            # Broken links that are called as pictures are: they are, and cannot be read.
            if entry.name.lower().endswith(ends) or _is_folder(entry):
                names.append(entry.name)
            else:
                walk.others += 1
    names.sort()
    return iter(names)


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
