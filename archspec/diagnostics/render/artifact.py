"""How files are called in what other programs read."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from archspec.diagnostics.diagnostic import STANDARD_INPUT


def relative(path: str) -> str:
    """The path with slashes: from the folder that we are in, where the file is in it or below, or
    else absolute.
    """
    if path == STANDARD_INPUT:
        return path
    here = Path(os.path.abspath(path))
    try:
        return here.relative_to(os.getcwd()).as_posix()
    except ValueError:
        return here.as_posix()


def uri(path: str) -> str:
    """The path as a URI: a relative reference, or `file:///…`."""
    from urllib.parse import quote

    name = relative(path)
    quoted = quote(os.fsencode(name))
    if not PurePath(name).is_absolute():
        return quoted
    return f"file://{'' if quoted.startswith('/') else '/'}{quoted}"
