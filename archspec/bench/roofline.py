"""How fast a layer can be on this machine: Williams, Waterman & Patterson 2009, Roofline.

A layer that does few multiply-accumulates for each byte that it reads and writes waits for memory;
one that does many, for the arithmetic. The roofline is the lower of the two.
"""

from __future__ import annotations

from typing import NamedTuple


class Machine(NamedTuple):
    """What the machine reaches at most: multiply-accumulates and bytes a second, as measured."""

    macs: float
    bytes: float

    @property
    def ridge(self) -> float:
        """The MACs a byte from which on arithmetic is the limit."""
        return self.macs / self.bytes

    def attainable(self, macs: int, bytes: int) -> float:
        """The MACs a second that are attainable for so many MACs on so many bytes, above 0."""
        return min(self.macs, self.bytes * macs / bytes)

    def share(self, macs: int, bytes: int, seconds: float) -> float | None:
        """What was reached of what is attainable: of the roofline where there are MACs, else of the
        memory's rate. None where nothing was moved, or no time was measured.

        It may be above 1: what lies in the processor's caches comes faster than from memory.
        """
        if bytes <= 0 or seconds <= 0:
            return None
        if macs == 0:
            return bytes / seconds / self.bytes
        return macs / seconds / self.attainable(macs, bytes)
