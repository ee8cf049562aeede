"""Blocks that come to call themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archspec.diagnostics import Label, Sink
from archspec.document.model import Block, Step, every_step


def check_recursion(blocks: Mapping[str, Block], sink: Sink) -> None:
    """Report each call that closes a circle of blocks."""
    done: set[str] = set()
    for root in blocks:
        path: list[tuple[str, Iterator[Step]]] = []
        name: str | None = root if root not in done else None
        while name is not None or path:
            if name is not None:
                path.append((name, every_step(blocks[name].steps)))
            name = None
            current, calls = path[-1]
            step = next((step for step in calls if step.word in blocks), None)
            if step is None:
                done.add(current)
                path.pop()
                continue
            callers = [caller for caller, _ in path]
            if step.word in callers:
                cycle = " → ".join([*callers[callers.index(step.word) :], step.word])
                sink.report(
                    "AS209",
                    f"the block `{step.word}` calls itself: {cycle}",
                    step.at,
                    help="a network is finite: use `repeat` for a block in a row",
                    labels=(Label(blocks[step.word].at, "the block"),),
                )
            elif step.word not in done:
                name = step.word
