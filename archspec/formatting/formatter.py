"""A spec's text in the one layout, and the proof that it still says the same."""

from __future__ import annotations

from archspec.diagnostics import Sink, Source
from archspec.formatting.layout import lay_out
from archspec.formatting.reading import read
from archspec.formatting.sections import in_order
from archspec.formatting.tree import Written
from archspec.source import Plain, parse, plain


class FormattingFault(Exception):
    """A text that could not be laid out without harm: a fault of archspec's own."""


def format_source(source: Source, sink: Sink) -> str | None:
    """The text of a spec in the one layout; None where it can't be read as YAML, which is reported.

    Whether it is a right spec makes no difference. Raises FormattingFault where the text would not
    hold the same values, anchors and comments, or would be laid out otherwise a second time.
    """
    says = _says(source, sink)
    if sink.has_errors:
        return None
    try:
        written = read(source.text)
        ordered = in_order(written)
        text = lay_out(ordered.root)
        if text == source.text:
            return text
        _check(says, written, ordered is not written, Source(source.path, text, source.folder))
    except FormattingFault:
        raise
    except Exception as error:  # Whatever it is, the author's file is not to suffer.
        raise FormattingFault(f"{type(error).__name__}: {error}") from error
    return text


def _check(says: str, written: Written, is_moved: bool, laid_out: Source) -> None:
    """Raise an exception where the text that was laid out is not what was written."""
    sink = Sink()
    if _says(laid_out, sink) != says or sink.has_errors:
        raise FormattingFault("its values would change")
    again = read(laid_out.text)
    for before, after in zip(written[1:], again[1:], strict=True):
        if (sorted(before) != sorted(after)) if is_moved else (before != after):
            raise FormattingFault("its comments or anchors would change")
    if lay_out(in_order(again).root) != laid_out.text:
        raise FormattingFault("a second time it would be laid out otherwise")


def _says(source: Source, sink: Sink) -> str:
    """All values of a text, with their types, in their order; that of sections is no matter."""
    value = parse(source, sink)
    found: Plain = plain(value) if value is not None else None
    if isinstance(found, dict):
        found = dict(sorted(found.items()))
    return repr(found)
