"""The names of a classifier's classes: a list in the spec, or a text file beside it."""

from __future__ import annotations

from pathlib import PurePosixPath

from archspec.diagnostics import Sink, Span
from archspec.source import LARGEST_FILE


def read_labels(labels: str | tuple[str, ...], at: Span, sink: Sink) -> list[str] | None:
    """The labels in the order of the classes, or None where that is reported.

    A string is the path of a file with a label a line. It is relative to the spec's folder and may
    not lead out of it, so that a spec reads nothing but what belongs to it.
    """
    if not isinstance(labels, str):
        return list(labels)
    path = PurePosixPath(labels)
    folder = at.source.folder
    if path.is_absolute() or ".." in path.parts or "\\" in labels or ":" in labels:
        message = f"`labels` must be a file in the spec's folder or below, not `{labels[:100]}`"
        sink.report("AS206", message, at, help="put the file beside the spec")
        return None
    try:
        file = (folder / path).resolve()
        if not file.is_relative_to(folder.resolve()):
            message = f"`labels` leads out of the spec's folder: `{labels[:100]}`"
            sink.report("AS206", message, at, help="put the file beside the spec")
            return None
        if not file.is_file():
            raise ValueError("it is no regular file" if file.exists() else "there is no such file")
        with file.open("rb") as opened:
            data = opened.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise ValueError("it is too large")
        text = data.decode("utf-8-sig")
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle
        reason = getattr(error, "strerror", None) or str(error)
        message = f"the labels `{labels[:100]}` cannot be read: {reason}"
        sink.report("AS001", message, at, help="labels are UTF-8 text, a label a line")
        return None
    return text.removesuffix("\n").replace("\r\n", "\n").split("\n")
