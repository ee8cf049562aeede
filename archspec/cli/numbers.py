"""Numbers on the command line."""

from __future__ import annotations

import argparse


def whole(text: str, least: int = 1, most: int | None = None) -> int:
    """A whole number of at most nine digits. Raises ArgumentTypeError, saying what is expected."""
    limit = 10**9 - 1 if most is None else most
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= limit):
        bounds = f"from {least} on" if most is None else f"from {least} to {most}"
        raise argparse.ArgumentTypeError(f"expected a whole number {bounds}, and not {text!r}")
    return int(text)
