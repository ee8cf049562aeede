"""The batches labelled by the workers of a Ray cluster, or of one on this machine.

The pictures and the model are read by the workers: on a cluster of several machines both must lie
on a file system that all of them see under the same path.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.predict.errors import PredictError
from archspec.predict.labelling import Job, Labeller, open_labeller
from archspec.predict.local import Work
from archspec.runtime.digest import model_digest
from archspec.runtime.errors import MissingPackageError, RuntimeFailure, one_line
from archspec.runtime.placement import Placement

if TYPE_CHECKING:
    from pyarrow import RecordBatch

RETRIES = 3
"""How often a batch is given out again whose worker died: more often, and it is the batch."""

_PATIENCE = 10
"""Seconds that a cluster has to answer, and workers to finish what they are at when it ends."""

_AT_ONCE = 2
"""Batches that a worker is given at a time: one is read while the other runs."""


@dataclass(frozen=True)
class OnRay:
    """`address` is a cluster's, as `ray.init` takes it; by default $RAY_ADDRESS, and without that a
    cluster of this machine alone is started, and ended again. `workers` is how many processes open
    the model: by default one a GPU, or on the CPU one a core (of `placement.threads` cores each).
    """

    address: str | None = None
    workers: int | None = None

    def open(self, job: Job) -> Labeller:
        """The model on this machine's CPU, to be looked at: it runs elsewhere."""
        _import_ray()
        return replace(open_labeller(replace(job, placement=Placement(threads=1))), job=job)

    def __call__(
        self, labeller: Labeller, work: Iterator[Work]
    ) -> Generator[tuple[int, RecordBatch], None, None]:
        """The rows of each batch, as they are done. Raises PredictError."""
        ray = _import_ray()
        begun = not ray.is_initialized()
        if begun:
            self._connect(ray)
        try:
            yield from self._spread(ray, labeller.job, work)
        finally:
            if begun:
                ray.shutdown()

    def _connect(self, ray: Any) -> None:
        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        if address == "local":
            options |= {"num_cpus": self.workers, "include_dashboard": False}
        try:
            _knock(address)
            ray.init(address, **options)
        except Exception as error:  # ConnectionError, RuntimeError, ValueError, TimeoutError
            raise PredictError(
                f"Ray does not start, or there is no cluster at {address} ({one_line(error)}); "
                "check --address, or leave it out for a cluster of this machine alone"
            ) from error

    def _spread(
        self, ray: Any, job: Job, work: Iterator[Work]
    ) -> Generator[tuple[int, RecordBatch], None, None]:
        job = replace(job, model=Path(os.path.abspath(job.model)))
        kind, count = self._worker(ray, job)
        workers: list[Any] = []
        places: deque[Any] = deque()
        given: dict[Any, tuple[Any, int]] = {}

        def one_done() -> tuple[int, RecordBatch]:
            (reference, *_), _ = ray.wait(list(given), num_returns=1)
            worker, index = given.pop(reference)
            places.append(worker)
            return index, _rows(ray, reference)

        try:
            for index, paths in work:
                if len(workers) < count:  # no more of them than there is work for
                    workers.append(kind.remote(job))
                    places.appendleft(workers[-1])
                    places.extend(workers[-1:] * (_AT_ONCE - 1))
                elif not places:
                    yield one_done()
                worker = places.popleft()
                given[worker.label.remote(list(paths))] = worker, index
            while given:
                yield one_done()
        finally:
            if given:  # It was stopped. Ray would complain, at length, of work cut short.
                ray.wait(list(given), num_returns=len(given), timeout=_PATIENCE)

    def _worker(self, ray: Any, job: Job) -> tuple[Any, int]:
        """The class of the actors, with what each takes of the cluster, and how many there are."""
        there = ray.cluster_resources()
        cpus, gpus = int(there.get("CPU", 0)), int(there.get("GPU", 0))
        if job.placement.device == "cpu":
            each: dict[str, Any] = {"num_cpus": job.placement.threads or 1}
            most = cpus // each["num_cpus"]
        else:
            each = {"num_gpus": 1, "num_cpus": max(1, cpus // gpus) if gpus else 1}
            most = min(gpus, cpus)
        if most < 1:
            raise PredictError(
                f"the Ray cluster has {cpus} CPUs and {gpus} GPUs, and one worker takes "
                + " and ".join(f"{number} {what[4:].upper()}" for what, number in each.items())
                + "; choose another --device or fewer --threads"
            )
        kind = ray.remote(
            max_restarts=-1, max_task_retries=RETRIES, max_concurrency=_AT_ONCE, **each
        )(_Worker)
        return kind, min(self.workers or most, most)


class _Worker:
    """An actor: a process that opens the model once, and labels batches."""

    def __init__(self, job: Job) -> None:
        import ray

        context: Any = ray.get_runtime_context()
        threads = int(context.get_assigned_resources().get("CPU", 1))
        if job.placement.device == "cpu":
            job = replace(job, placement=replace(job.placement, threads=threads, spins=False))
        else:  # Ray shows a worker its own GPU alone.
            job = replace(job, placement=replace(job.placement, device_id=0))
        self._pool = ThreadPoolExecutor(threads)
        self._fault = ""
        try:
            self._labeller = _open(job)
        except RuntimeFailure as error:
            self._fault = str(error)  # An actor that fails here would be of few words.

    def label(self, paths: Sequence[bytes]) -> RecordBatch:
        if self._fault:
            raise PredictError(self._fault)
        try:
            return self._labeller.label(paths, list(self._pool.map(self._labeller.read, paths)))
        except RuntimeFailure as error:
            raise PredictError(str(error)) from None  # others may not survive the way back


def _knock(address: str) -> None:
    """Raise OSError where nobody listens: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()


def _open(job: Job) -> Labeller:
    host = os.uname().nodename if hasattr(os, "uname") else "a worker"
    if not job.folder.is_dir():
        raise PredictError(
            f"{job.folder}: there is no such folder on {host}; the workers read the pictures "
            "themselves, so they must lie on a file system that all of them share"
        )
    if model_digest(job.model) != job.digest:
        raise PredictError(
            f"{job.model}: is another model on {host} than here; put the same file there, or on a "
            "file system that all share"
        )
    return replace(open_labeller(job), job=job)


def _rows(ray: Any, reference: Any) -> RecordBatch:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, PredictError):
            raise PredictError(str(error.cause)) from error
        raise
    except ray.exceptions.RayError as error:
        raise PredictError(
            f"the workers on Ray died {RETRIES + 1} times over one batch ({one_line(error)}); a "
            "smaller --batch takes less memory, and --engine local shows what happens"
        ) from error


def _import_ray() -> Any:
    # Ray reports its use to its makers unless it is told not to.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as error:
        raise MissingPackageError("ray", error, extra="ray") from error
    return ray
