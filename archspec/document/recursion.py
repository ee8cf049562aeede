"""Blocks that come to call themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archspec.diagnostics import Label, Sink
from archspec.document.model import Block, Step, every_step


def check_recursion(blocks: Mapping[str, Block], sink: Sink) -> None:
    """Report each call that closes a circle of blocks."""
    done: set[str] = set()
    for root in blocks:
        path: dict[str, Iterator[Step]] = {}
        name: str | None = root if root not in done else None
        while name is not None or path:
            if name is not None:
                path[name] = every_step(blocks[name].steps)
            name = None
            current = next(reversed(path))
            step = next((step for step in path[current] if step.word in blocks), None)
            if step is None:
                done.add(current)
                del path[current]
                continue
            if step.word in path:
                callers = list(path)
                cycle = _written([*callers[callers.index(step.word) :], step.word])
                sink.report(
                    "AS209",
                    f"the block `{step.word}` calls itself: {cycle}",
                    step.at,
                    help="a network is finite: use `repeat` for a block in a row",
                    labels=(Label(blocks[step.word].at, "the block"),),
                )
            elif step.word not in done:
                name = step.word


def _written(names: list[str]) -> str:
    """The names one after another; of very many, the first and the last."""
    shown = names if len(names) <= _MOST_SHOWN else [*names[: _MOST_SHOWN // 2], "…", names[-1]]
    return " → ".join(shown)


_MOST_SHOWN = 20
