"""The batches labelled in this process: files are read ahead while the network runs."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from archspec.predict.labelling import Job, Labeller, Reading, open_labeller

if TYPE_CHECKING:
    from pyarrow import RecordBatch

Work = tuple[int, Sequence[bytes]]
"""A batch by its number: the paths of its pictures."""

AHEAD = 2
"""Batches that are read while one is run. So many are in memory, however large the folder is."""


@dataclass(frozen=True)
class Local:
    """`readers` threads read and decode pictures; by default one a core."""

    readers: int | None = None

    def open(self, job: Job) -> Labeller:
        """The model as it will run."""
        placement = replace(job.placement, spins=False)  # The readers need the cores too.
        return open_labeller(replace(job, placement=placement))

    def __call__(
        self, labeller: Labeller, work: Iterator[Work]
    ) -> Generator[tuple[int, RecordBatch], None, None]:
        """The rows of each batch, in order. Raises what `Labeller.label` raises."""
        pool = ThreadPoolExecutor(self.readers or cores())
        try:
            ahead: deque[tuple[Work, list[Future[Reading]]]] = deque()
            for item in chain(work, [None] * AHEAD):
                if item is not None:
                    ahead.append((item, [pool.submit(labeller.read, path) for path in item[1]]))
                if ahead and (item is None or len(ahead) > AHEAD):
                    (index, paths), readings = ahead.popleft()
                    yield index, labeller.label(paths, [reading.result() for reading in readings])
        finally:
            pool.shutdown(cancel_futures=True)


def cores() -> int:
    """The cores that this process may use."""
    affinity: Any = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
