"""What can go wrong with a whole folder."""

from __future__ import annotations

from archspec.runtime.errors import RuntimeFailure


class PredictError(RuntimeFailure):
    """The folder cannot be labelled, or not any further. What was finished is kept."""
