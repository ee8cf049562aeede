"""What was measured of a model: data that grows as it is measured, and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archspec.bench.layers import Row
from archspec.bench.roofline import Machine
from archspec.bench.statistics import Latency, percentile


@dataclass(frozen=True)
class Batch:
    """One batch size: the seconds of its runs, or why it has none.

    `memory` has the bytes that a process of its own had resident at most once it had run it.
    """

    batch: int
    latency: Latency | None = None
    failure: str | None = None
    memory: int | None = None

    @property
    def throughput(self) -> float | None:
        """Samples a second, at the median."""
        return self.batch / self.latency.p50 if self.latency and self.latency.p50 else None


@dataclass(frozen=True)
class Rival:
    """PyTorch at one batch size, in turns with onnxruntime: the seconds of both.

    `ratio` is onnxruntime's time by PyTorch's, the median over the turns.
    """

    how: str
    batch: int
    ours: Latency | None = None
    theirs: Latency | None = None
    ratio: float | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Layers:
    """Where the time goes at one batch size: a row for each layer, and what lies `between` them.

    `seconds` is what a whole run took under the profiler, the median of `runs`.
    """

    batch: int
    runs: int
    rows: tuple[Row, ...]
    between: float
    seconds: float
    machine: Machine | None = None

    @property
    def total(self) -> float:
        """The seconds of all rows, and of what lies between."""
        return sum(row.seconds for row in self.rows) + self.between


@dataclass(frozen=True)
class Report:
    """All that was measured; what is None or empty has not been, yet."""

    model: Mapping[str, Any]
    environment: Mapping[str, Any]
    settings: Mapping[str, Any]
    loads: tuple[float, ...] = ()
    first_run: float | None = None
    memory: Mapping[str, int | None] = field(default_factory=dict)
    batches: tuple[Batch, ...] = ()
    rivals: tuple[Rival, ...] = ()
    layers: Layers | None = None
    complete: bool = False

    @property
    def load(self) -> float | None:
        """The median of the loads."""
        return percentile(sorted(self.loads), 50) if self.loads else None


def document(report: Report) -> dict[str, Any]:
    """The report as JSON has it. Times are in seconds, sizes in bytes."""
    return {
        "model": dict(report.model),
        "environment": dict(report.environment),
        "settings": dict(report.settings),
        "complete": report.complete,
        "load": {"median": report.load, "all": list(report.loads)},
        "first_run": report.first_run,
        "memory": dict(report.memory),
        "batches": [_batch(batch) for batch in report.batches],
        "torch": [_rival(rival) for rival in report.rivals],
        "layers": None if report.layers is None else _layers(report.layers),
    }


def _latency(latency: Latency | None) -> dict[str, Any] | None:
    return None if latency is None else latency._asdict()


def _batch(batch: Batch) -> dict[str, Any]:
    return {
        "batch": batch.batch,
        "latency": _latency(batch.latency),
        "throughput": batch.throughput,
        "memory": batch.memory,
        "failure": batch.failure,
    }


def _rival(rival: Rival) -> dict[str, Any]:
    return {
        "how": rival.how,
        "batch": rival.batch,
        "onnxruntime": _latency(rival.ours),
        "torch": _latency(rival.theirs),
        "ratio": rival.ratio,
        "failure": rival.failure,
    }


def _layers(layers: Layers) -> dict[str, Any]:
    machine = layers.machine
    return {
        "batch": layers.batch,
        "runs": layers.runs,
        "run": layers.seconds,
        "total": layers.total,
        "between": layers.between,
        "peak": None if machine is None else {"macs": machine.macs, "bytes": machine.bytes},
        "rows": [_row(row, layers) for row in layers.rows],
    }


def _row(row: Row, layers: Layers) -> dict[str, Any]:
    return {
        "name": row.name,
        "layers": list(row.layers),
        "operators": list(row.operators),
        "kernels": row.kernels,
        "seconds": row.seconds,
        "share": row.seconds / layers.total if layers.total else None,
        "macs": row.macs,
        "bytes": row.bytes,
        "macs_per_second": row.rate(),
        "of_attainable": row.share_of_attainable(layers.machine) if layers.machine else None,
    }
