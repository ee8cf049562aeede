"""Files that a spec names: beside it, or in a folder below, and nowhere else."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from archspec.diagnostics import Sink, Span
from archspec.source import LARGEST_FILE


def find_beside(written: str, at: Span, what: str, sink: Sink) -> Path | None:
    """The file that a spec calls `written`, at `at`; None where it leads out of the spec's folder,
    which is reported, so that a spec reads nothing but what belongs to it. `what` is what messages
    call it.
    """
    path = PurePosixPath(written)
    folder = at.source.folder
    if path.is_absolute() or ".." in path.parts or "\\" in written or ":" in written:
        message = f"{what} must be a file in the spec's folder or below, not `{written[:100]}`"
        sink.report("AS206", message, at, help="put the file beside the spec")
        return None
    try:
        file = (folder / path).resolve()
        if file.is_relative_to(folder.resolve()):
            return file
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle
        _report_unreadable(written, at, what, error, sink)
        return None
    message = f"{what} leads out of the spec's folder: `{written[:100]}`"
    sink.report("AS206", message, at, help="put the file beside the spec")
    return None


def read_beside(written: str, at: Span, what: str, sink: Sink, help: str = "") -> bytes | None:
    """The bytes of the file that a spec calls `written`; None where that is reported."""
    file = find_beside(written, at, what, sink)
    if file is None:
        return None
    try:
        if not file.is_file():
            raise ValueError("it is no regular file" if file.exists() else "there is no such file")
        with file.open("rb") as opened:
            data = opened.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise ValueError("it is too large")
    except (OSError, ValueError) as error:
        _report_unreadable(written, at, what, error, sink, help)
        return None
    return data


def _report_unreadable(
    written: str, at: Span, what: str, error: Exception, sink: Sink, help: str = ""
) -> None:
    reason = getattr(error, "strerror", None) or str(error)
    message = f"{what} `{written[:100]}` cannot be read: {reason}"
    sink.report("AS001", message, at, help=help or "put the file beside the spec")
