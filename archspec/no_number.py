"""What stands for a number that is not known yet."""

from __future__ import annotations


class NoNumber:
    """A value that is no number before the network is given an input: a symbolic size."""

    __slots__ = ()
