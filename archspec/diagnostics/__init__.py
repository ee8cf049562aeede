"""What archspec has to say about a spec, as data: where, how bad, what, and the way out."""

from archspec.diagnostics.codes import CODES, Code, Severity
from archspec.diagnostics.diagnostic import (
    MOST_ERRORS,
    STANDARD_INPUT,
    Diagnostic,
    Edit,
    Enough,
    Fix,
    Label,
    Sink,
    Source,
    Span,
    SpecError,
    calls_of,
    shown_path,
)

__all__ = [
    "CODES",
    "MOST_ERRORS",
    "STANDARD_INPUT",
    "Code",
    "Diagnostic",
    "Edit",
    "Enough",
    "Fix",
    "Label",
    "Severity",
    "Sink",
    "Source",
    "Span",
    "SpecError",
    "calls_of",
    "shown_path",
]
