"""The names of a classifier's classes: a list in the spec, or a text file beside it."""

from __future__ import annotations

from archspec.beside import read_beside
from archspec.diagnostics import Sink, Span

_HELP = "labels are UTF-8 text, a label a line"


def read_labels(labels: str | tuple[str, ...], at: Span, sink: Sink) -> list[str] | None:
    """The labels in the order of the classes, or None where that is reported.

    A string is the path of a file with a label a line, in the spec's folder or below.
    """
    if not isinstance(labels, str):
        return list(labels)
    data = read_beside(labels, at, "`labels`", sink, _HELP)
    if data is None:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"`labels` `{labels[:100]}` cannot be read: {error}"
        sink.report("AS001", message, at, help=_HELP)
        return None
    return text.removesuffix("\n").replace("\r\n", "\n").split("\n")
