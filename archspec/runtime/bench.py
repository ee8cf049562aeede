"""A model measured, step by step: each step yields the report with what it adds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from archspec.bench.environment import cores, processor, versions
from archspec.bench.layers import rows
from archspec.bench.report import Batch, Layers, Report, Rival
from archspec.bench.statistics import Latency
from archspec.runtime.errors import InputError, RuntimeFailure
from archspec.runtime.feeds import chosen_sizes, fixed_batch, made_up
from archspec.runtime.measure import Budget, load, runner, seconds_of, timed
from archspec.runtime.memory import memory
from archspec.runtime.placement import Placement, describe
from archspec.runtime.profile import file_operations, machine, profile
from archspec.runtime.session import Array, Model, dimensions_text, open_model

LOADS = 5
SEED = 0
USUAL_BATCHES = (1, 8, 32)
_PAUSE = 0.02
"""Seconds between turns: the threads that ran look for work for a while before they sleep."""
_BLOCK = 0.2
"""Seconds of runs in a row, about, in a turn."""

Pass = Callable[[], object]
Progress = Callable[[str], None]
Steps = Generator[Report, None, Report]
"""The report each time that it has grown; it returns the last."""


@dataclass(frozen=True)
class Rivals:
    """What else runs the network, in turns with the model: for the inputs of a batch, a forward
    pass by each name; it raises RuntimeFailure where it can't be had.
    """

    makers: Mapping[str, Callable[[Mapping[str, Array]], Pass]]


@dataclass(frozen=True)
class Request:
    """What to measure. `batches` is None for the usual ones, those that the file allows."""

    path: Path
    placement: Placement
    batches: tuple[int, ...] | None
    sizes: Mapping[str, int]
    budget: Budget
    layers: bool = False
    rivals: Rivals | None = None


def measure(request: Request, progress: Progress) -> Steps:
    """Measure; the last report is complete. On an interrupt, what was measured of the step is
    yielded before it goes on. Raises ModelError, DeviceError and InputError.
    """
    progress("loading")
    placement = request.placement
    if placement.cuda_graph:  # A graph is of one batch size; others are opened when they are run.
        first = (request.batches or USUAL_BATCHES)[0]
        placement = replace(placement, batch=first)
    seconds, model = load(request.path, placement)
    batches = _batches(request, model)
    sizes = chosen_sizes(model, request.sizes)
    report = replace(_start(request, model, batches, sizes), loads=(seconds,))
    del model  # Its memory may be wanted by the process that measures memory.
    yield report
    failures: dict[int, str] = {}
    report = yield from _with_memory(report, request, batches, sizes, failures, progress)
    while True:
        progress(f"loading, {len(report.loads)} of {LOADS}")
        seconds, model = load(request.path, placement)
        report = replace(report, loads=(*report.loads, seconds))
        if len(report.loads) == LOADS:
            break
        del model
    yield report
    for batch in batches:
        if batch in failures:
            row = replace(_known(report, batch), failure=failures[batch])
            yield (report := _with_batch(report, row))
            continue
        if placement.cuda_graph and batch != model.placement.batch:
            model = open_model(request.path, replace(placement, batch=batch))
        report = yield from _with_latency(report, request, model, batch, sizes, progress)
    if request.rivals is not None:
        report = yield from _with_rivals(report, request, model, batches, sizes, progress)
    del model
    if request.layers:
        report = yield from _with_layers(report, request, batches[0], sizes, progress)
    report = replace(report, complete=True)
    yield report
    return report


def _batches(request: Request, model: Model) -> tuple[int, ...]:
    """Those to measure. Raises InputError where the file fixes another."""
    fixed = None if request.placement.cuda_graph else fixed_batch(model)
    if fixed is None:
        return request.batches or USUAL_BATCHES
    others = [batch for batch in request.batches or () if batch != fixed]
    if others:
        raise InputError(
            f"{model.path}: its batch is fixed to {fixed}, so {others[0]} cannot be run; leave "
            f"--batch out, or build it with `archspec build`, which leaves the batch free"
        )
    return (fixed,)


def _start(
    request: Request, model: Model, batches: Sequence[int], sizes: Mapping[str, int]
) -> Report:
    metadata = model.metadata
    providers = model.session.get_providers()
    budget = request.budget
    return Report(
        model={
            "path": model.path,
            "bytes": os.path.getsize(model.path),
            "name": metadata.name if metadata else None,
            "optimize": metadata.optimize if metadata else None,
            "precision": metadata.precision if metadata else None,
            "inputs": {tensor.name: dimensions_text(tensor.shape) for tensor in model.inputs},
        },
        environment={
            "processor": processor(),
            "cores": cores(),
            "providers": providers,
            **{name: value for name, value in describe(model.placement) if name not in ("batch",)},
            "versions": versions(),
        },
        settings={
            "batches": list(batches),
            "sizes": dict(sizes),
            "seed": SEED,
            "warm_up": budget.warm_up,
            "runs": budget.runs,
            "seconds": None if budget.runs else budget.seconds,
            "copies": model.placement.device == "cpu",
        },
    )


def _with_memory(
    report: Report,
    request: Request,
    batches: Sequence[int],
    sizes: Mapping[str, int],
    failures: dict[int, str],
    progress: Progress,
) -> Steps:
    """Add what a process of its own takes; batches that it has no room for go into `failures`."""
    progress("measuring memory")
    if (
        request.placement.cuda_graph
    ):  # Its batches are opened one by one, and the memory is a GPU's.
        return report
    for step in memory(request.path, request.placement, batches, sizes):
        if step.what != "batch":
            report = replace(report, memory={**report.memory, step.what: step.bytes})
        elif step.failure is None and step.batch is not None:
            report = _with_batch(report, Batch(step.batch, memory=step.bytes))
        else:
            assert step.batch is not None
            failures[step.batch] = step.failure or ""
            for larger in batches:
                if larger > step.batch:
                    failures[larger] = f"not tried, for {step.batch} could not be run"
        yield report
    return report


def _with_latency(
    report: Report,
    request: Request,
    model: Model,
    batch: int,
    sizes: Mapping[str, int],
    progress: Progress,
) -> Steps:
    found: list[float] = []
    row = _known(report, batch)
    try:
        run = runner(model, made_up(model, batch, sizes, SEED))
        if report.first_run is None:
            report = replace(report, first_run=seconds_of(run))
        for index, seconds in enumerate(timed(run, request.budget)):
            if index >= request.budget.warm_up:
                found.append(seconds)
            progress(f"batch {batch}: {len(found)} runs")
    except KeyboardInterrupt:
        if found:
            yield _with_batch(report, replace(row, latency=Latency.of(found)))
        raise
    except InputError as error:
        row = replace(row, failure=str(error))
    except MemoryError:
        row = replace(row, failure="its inputs do not fit into memory")
    else:
        row = replace(row, latency=Latency.of(found))
    report = _with_batch(report, row)
    yield report
    return report


def _known(report: Report, batch: int) -> Batch:
    """What is known of a batch so far."""
    return next((row for row in report.batches if row.batch == batch), Batch(batch))


def _with_batch(report: Report, row: Batch) -> Report:
    others = [other for other in report.batches if other.batch != row.batch]
    places = report.settings["batches"]
    ordered = sorted([*others, row], key=lambda one: places.index(one.batch))
    return replace(report, batches=tuple(ordered))


def _with_rivals(
    report: Report,
    request: Request,
    model: Model,
    batches: Sequence[int],
    sizes: Mapping[str, int],
    progress: Progress,
) -> Steps:
    assert request.rivals is not None
    for batch in batches:
        if _known(report, batch).latency is None:
            continue
        feeds = made_up(model, batch, sizes, SEED)
        for how, make in request.rivals.makers.items():
            progress(f"batch {batch}: torch {how}")
            try:
                rival = _in_turns(how, batch, runner(model, feeds), make(feeds), request.budget)
            except RuntimeFailure as error:
                rival = Rival(how, batch, failure=str(error))
            report = replace(report, rivals=(*report.rivals, rival))
            yield report
    return report


def _in_turns(how: str, batch: int, ours: Pass, theirs: Pass, budget: Budget) -> Rival:
    """Both in turns of some runs each, so that what slows the machine slows both."""
    for run in (ours, theirs):
        for _ in range(budget.warm_up):
            run()
    block = max(1, min(10, int(_BLOCK / max(seconds_of(ours), seconds_of(theirs), 1e-9))))
    times: tuple[list[float], list[float]] = ([], [])
    ratios: list[float] = []
    started = time.perf_counter()
    while not budget.is_spent(len(times[0]), (time.perf_counter() - started) / 2):
        middles = []
        for run, found in zip((ours, theirs), times, strict=True):
            time.sleep(_PAUSE)
            turn = [seconds_of(run) for _ in range(block)]
            middles.append(median(turn))
            found.extend(turn)
        ratios.append(middles[0] / middles[1])
    return Rival(how, batch, Latency.of(times[0]), Latency.of(times[1]), median(ratios))


def _with_layers(
    report: Report, request: Request, batch: int, sizes: Mapping[str, int], progress: Progress
) -> Steps:
    progress("profiling the layers")
    latency = _known(report, batch).latency
    budget = request.budget
    runs = budget.runs or budget.least
    if latency is not None and budget.runs is None:
        runs = max(runs, min(200, int(budget.seconds / max(latency.p50, 1e-6))))
    model = open_model(request.path, request.placement)
    feeds = made_up(model, batch, sizes, SEED)
    by_layer = model.metadata is not None
    del model
    operations = file_operations(request.path, feeds)
    found = profile(request.path, request.placement, feeds, runs, budget.warm_up)
    layers = Layers(
        batch=batch,
        runs=found.runs,
        rows=tuple(rows(operations, found.kernels, by_layer)),
        between=found.between,
        seconds=found.seconds,
    )
    yield replace(report, layers=layers)
    progress("measuring what the machine can do")
    report = replace(report, layers=replace(layers, machine=machine(request.placement)))
    yield report
    return report
