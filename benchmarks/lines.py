"""The table: a line a measurement."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Line(NamedTuple):
    """One measurement. `ratio` is peer to ours where more is better, ours to peer where less is;
    `goal` says which.
    """

    what: str
    ours: str
    peer: str = ""
    ratio: str = ""
    goal: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        verdict = {None: "", True: "yes", False: "no"}[self.met]
        return (self.what, self.ours, self.peer, self.ratio, self.goal, verdict)


_HEAD = ("what", "ours", "peer", "ratio, median (least–most)", "goal", "met")


def plain(lines: Iterable[Line]) -> str:
    """The lines as a table for a terminal."""
    rows = [_HEAD, *(line.cells() for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([padded[0], "─" * max(map(len, padded)), *padded[1:]])


def markdown(lines: Iterable[Line]) -> str:
    """The lines as a table for the README."""
    rows = [_HEAD, ("---",) * len(_HEAD), *(line.cells() for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
