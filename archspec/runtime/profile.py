"""Where a model's time goes, by onnxruntime's own profile of its runs; and what this machine can.

A profile is a list of events as Chrome's trace viewer takes them: for each operation that ran, its
name, its microseconds, and the types, shapes and bytes of what it read and wrote.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from archspec.backends.onnx.macs import macs
from archspec.backends.onnx.operations import (
    FileOperation,
    UnreadableModel,
    operations,
    write_product,
    write_sum,
)
from archspec.bench.layers import Kernel, Operation
from archspec.bench.roofline import Machine
from archspec.runtime.errors import MissingPackageError, ModelError, one_line
from archspec.runtime.placement import Placement
from archspec.runtime.session import Array, Model, open_model, quiet_options

try:
    import numpy as np
except ImportError as error:
    raise MissingPackageError("numpy", error) from error
try:
    import onnxruntime
except ImportError as error:
    raise MissingPackageError("onnxruntime", error) from error

_KERNEL = "_kernel_time"

_PRODUCT = 1536
"""Rows and columns of the matrices that the peak of arithmetic is measured with."""
_SUM = 1 << 24
"""Elements of the vectors that the memory is measured with: more than caches hold."""
_PROBES = 12


class Profile(NamedTuple):
    """What a model's runs took, in seconds: each kernel, what lies between them, and the whole.

    Each is the median of `runs`, so the parts make up the whole but for what else the machine did.
    """

    kernels: tuple[Kernel, ...]
    between: float
    seconds: float
    runs: int


def profile(
    path: Path, placement: Placement, feeds: Mapping[str, Array], runs: int, warm_up: int
) -> Profile:
    """Run the model with onnxruntime's profiler, which itself takes some time of each run.

    Raises ModelError, DeviceError and InputError.
    """
    with _scratch() as folder:
        model = open_model(path, placement, profile=f"{folder}/profile")
        for _ in range(warm_up + runs):
            model.predict(feeds)
        events = _ended(model)
    found = list(_runs(events))[warm_up:]
    between = [run.seconds - sum(event["dur"] for event in run.events) / 1e6 for run in found]
    whole = median(run.seconds for run in found)
    return Profile(_kernels(found), median(between), whole, len(found))


def file_operations(path: Path, feeds: Mapping[str, Array]) -> list[Operation]:
    """The operations of the file with the MACs that they take of these inputs, and the bytes of
    their weights.

    The shapes are those of a run on the CPU of the file as it is, without any optimisation. Raises
    ModelError.
    """
    try:
        read = operations(path)
    except UnreadableModel as error:
        raise ModelError(str(error)) from error
    events = _plain_run(path, feeds)
    return [_operation(one, events.get(one.name, [])) for one in read]


def machine(placement: Placement) -> Machine:
    """What this machine reaches through onnxruntime with these settings: the multiply-accumulates
    of a large product of float32 matrices, and the bytes of a sum of large vectors, a second.
    """
    product = _fastest(write_product, _PRODUCT, (_PRODUCT, _PRODUCT), placement)
    total = _fastest(write_sum, _SUM, (_SUM,), placement)
    return Machine(_PRODUCT**3 / product, 3 * 4 * _SUM / total)


@contextmanager
def _scratch() -> Iterator[str]:
    """A folder for profiles. Raises ModelError where they cannot be kept there."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield folder
    except (OSError, ValueError) as error:  # A profile that was cut short is no JSON.
        raise ModelError(
            f"{tempfile.gettempdir()}: a profile cannot be kept here ({one_line(error)}); make "
            "room, or name another folder in TMPDIR"
        ) from error


class _Run(NamedTuple):
    seconds: float
    events: list[dict[str, Any]]


def _ended(model: Model) -> list[dict[str, Any]]:
    """The events of a model that was opened with a profile."""
    return _read(model.session.end_profiling())


def _read(path: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(Path(path).read_text("utf-8"))
    return events


def _runs(events: Sequence[Mapping[str, Any]]) -> Iterator[_Run]:
    """Each run, with the events of its operations."""
    wholes = sorted((e["ts"], e["dur"]) for e in events if e["name"] == "model_run")
    kernels = sorted(
        (e for e in events if e["cat"] == "Node" and e["name"].endswith(_KERNEL)),
        key=lambda event: (event["ts"], -event["dur"]),
    )
    for start, length in wholes:
        within: list[dict[str, Any]] = []
        free = start
        for event in kernels:
            # What runs inside another, a branch of an `If`, is in that one's time.
            if free <= event["ts"] < start + length:
                within.append(dict(event))
                free = event["ts"] + event["dur"]
        yield _Run(length / 1e6, within)


def _kernels(runs: Sequence[_Run]) -> tuple[Kernel, ...]:
    """The kernels in the order of the first run; all runs have the same."""
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    first: dict[tuple[str, str], Mapping[str, Any]] = {}
    for run in runs:
        for event in run.events:
            key = (event["name"], event["args"].get("node_index", ""))
            seconds[key].append(event["dur"] / 1e6)
            first.setdefault(key, event["args"])
    return tuple(
        Kernel(
            name=key[0].removesuffix(_KERNEL),
            operator=first[key]["op_name"],
            seconds=median(found),
            bytes=_size(first[key], "activation_size", "output_size"),
            inputs=len(first[key].get("input_type_shape", ())),
        )
        for key, found in seconds.items()
    )


def _plain_run(path: Path, feeds: Mapping[str, Array]) -> dict[str, list[Mapping[str, Any]]]:
    """What each operation read and wrote, by its name, at one run of the file as it is."""
    options = quiet_options()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # Weights that are packed for a kernel are no input of it any more.
    options.add_session_config_entry("session.disable_prepacking", "1")
    options.enable_profiling = True
    with _scratch() as folder:
        options.profile_file_prefix = f"{folder}/profile"
        try:
            session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            session.run(None, dict(feeds))
            kept = session.end_profiling()
        except Exception as error:  # onnxruntime's exceptions have no base of their own
            raise ModelError(
                f"{path}: onnxruntime cannot run its layers one by one on the CPU; leave --layers "
                "out"
            ) from error
        events = _read(kept)
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith(_KERNEL):
            found[event["name"].removesuffix(_KERNEL)].append(event["args"])
    return found


def _operation(one: FileOperation, events: list[Mapping[str, Any]]) -> Operation:
    """The operation with the figures of the first of `events`, which is taken from them."""
    if not events:
        return Operation(*one)
    args = events.pop(0)
    shapes = (_shapes(args["input_type_shape"]), _shapes(args["output_type_shape"]))
    return Operation(*one, macs(one.operator, *shapes), _size(args, "parameter_size"))


def _shapes(typed: Sequence[Mapping[str, Sequence[int]]]) -> list[Sequence[int]]:
    """`[{"float": [1, 3, 224, 224]}, …]` → `[[1, 3, 224, 224], …]`"""
    return [shape for one in typed for shape in one.values()]


def _size(args: Mapping[str, Any], *keys: str) -> int:
    return sum(int(args.get(key) or 0) for key in keys)


def _fastest(
    write: Callable[[Path, int], None],
    size: int,
    shape: tuple[int, ...],
    placement: Placement,
) -> float:
    """The seconds of the fastest of some runs of a model that `write` writes."""
    feeds = {name: np.full(shape, 0.5, np.float32) for name in ("a", "b")}
    placement = replace(placement, batch=None, cuda_graph=False)
    with _scratch() as folder:
        path = Path(folder) / "probe.onnx"
        write(path, size)
        model = open_model(path, placement, profile=f"{folder}/profile")
        for _ in range(_PROBES):
            model.predict(feeds)
        events = _ended(model)
    microseconds: int = min(run.events[0]["dur"] for run in _runs(events))
    return microseconds / 1e6
