"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EISDIR
from typing import BinaryIO


@contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for binary writing that takes the place of `path` once all of it is written.

    On any failure, an interrupt included, what stood at `path` stays as it was and nothing is left
    beside it. Its permissions stay as they were, and a link is followed. What is no regular file,
    such as /dev/null or a pipe, cannot be replaced and is written to directly.

    Raises OSError, naming `path`, where its folder is missing or cannot be written to, or where it
    is a folder itself.
    """
    if _is_special(path):
        with open(path, "wb") as file:
            yield file
        return
    target = os.path.realpath(path)
    # The name does not grow out of the target's, which may be as long as a name can be already.
    temporary = os.path.join(os.path.dirname(target), f".archspec-{secrets.token_hex(8)}")
    try:
        # Not tempfile: it makes files that the owner alone can read.
        file = open(temporary, "xb")  # noqa: SIM115 (closed below, before the renaming)
    except OSError as error:
        error.filename = os.fspath(path)
        raise
    try:
        with file:
            yield file
        with suppress(OSError):  # There was none, or its system has no such thing.
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def rewrite_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Put `data` in the place of what is in an author's file, whole or not at all.

    A file that may not be written to is not replaced either, though its folder would allow it.
    Raises OSError.
    """
    with open(path, "r+b"):
        pass
    with replace_file(path) as file:
        file.write(data)


def _is_special(path: str | os.PathLike[str]) -> bool:
    """Whether something other than a regular file is at `path`. Raises OSError for a folder."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), os.fspath(path))
    return not stat.S_ISREG(mode)
