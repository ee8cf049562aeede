"""The report as a person reads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archspec.bench.layers import Row
from archspec.bench.report import Batch, Layers, Report
from archspec.bench.statistics import Latency
from archspec.terminal import cells, printable

Cells = tuple[str, ...]

_INDENT = "  "


def text(report: Report, top: int | None = None, by_time: bool = True) -> str:
    """The report; of its layers the `top`, or all, by the time they take or as in the network."""
    parts = [_head(report), _start(report)]
    if report.batches:
        parts.append(_batches(report))
    if report.rivals:
        parts.append(_rivals(report))
    if report.layers is not None:
        parts.append(_layers(report.layers, top, by_time))
    return "\n\n".join(parts)


def milliseconds(seconds: float) -> str:
    """To three digits, about: `0.123`, `1.23`, `12.3`, `123`."""
    number = 1e3 * seconds
    return f"{number:.{0 if number >= 100 else 1 if number >= 10 else 2 if number >= 1 else 3}f}"


def megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:,.0f} MB"


def _head(report: Report) -> str:
    model, environment, settings = report.model, report.environment, report.settings
    about = [model["name"], model["precision"]]
    if model["optimize"] is not None:
        about.append(f"optimize {model['optimize']}")
    known = [part for part in about if part]
    inputs = [f"{name} {shape}" for name, shape in model["inputs"].items()]
    sizes = [f"{name} = {size}" for name, size in settings["sizes"].items()]
    versions = [f"{name} {version}" for name, version in environment["versions"].items()]
    asked = "device", "threads", "TF32", "cuDNN search", "CUDA graph"
    placed = [f"{name} {environment[name]}" for name in asked if name in environment]
    lines = [
        f"{model['path']}: {', '.join(known)}" if known else model["path"],
        f"{environment['processor']}, {environment['cores']} processors; {', '.join(versions)}",
        f"{', '.join(environment['providers'])}; {', '.join(placed)}",
        f"inputs: {', '.join(inputs)}; "
        + ", ".join([*sizes, f"drawn from seed {settings['seed']}"]),
    ]
    return "\n".join(map(printable, lines))


def _start(report: Report) -> str:
    lines: list[Cells] = []
    if report.load is not None:
        several = f"median of {len(report.loads)}, " if len(report.loads) > 1 else ""
        first = f"{several}the first {milliseconds(report.loads[0])} ms"
        lines.append(("session load", f"{milliseconds(report.load)} ms", first))
    if report.first_run is not None:
        lines.append(("first run", f"{milliseconds(report.first_run)} ms", ""))
    loaded, before = report.memory.get("loaded"), report.memory.get("packages")
    if loaded is not None:
        note = f"of these {megabytes(before)} before the model" if before is not None else ""
        lines.append(("memory, loaded", megabytes(loaded), note))
    return "\n".join(_aligned(lines, "<><"))


def _batches(report: Report) -> str:
    head = (
        "batch",
        "runs",
        "p50",
        "p90",
        "p95",
        "p99",
        "min",
        "max",
        "mean",
        "samples/s",
        "memory",
    )
    measured = [batch for batch in report.batches if batch.latency is not None]
    rows = [_batch(batch, batch.latency) for batch in measured if batch.latency is not None]
    lines = _aligned([head, *rows], ">" * len(head)) if rows else []
    lines += [
        f"{_INDENT}batch {batch.batch}: {printable(batch.failure)}"
        for batch in report.batches
        if batch.failure is not None
    ]
    warm_up = report.settings["warm_up"]
    copies = "" if report.settings["copies"] else "; inputs and outputs stay on the device"
    note = (
        f"milliseconds; {warm_up} runs before those of each batch do not count{copies}; memory is "
        "the most that a process of its own had resident"
    )
    return "\n".join([*lines, note])


def _batch(batch: Batch, latency: Latency) -> Cells:
    times = (latency.p50, latency.p90, latency.p95, latency.p99, latency.least, latency.most)
    return (
        str(batch.batch),
        str(latency.runs),
        *map(milliseconds, (*times, latency.mean)),
        f"{batch.throughput or 0:,.1f}",
        megabytes(batch.memory),
    )


def _rivals(report: Report) -> str:
    head = ("batch", "torch", "onnxruntime", "torch", "ratio")
    rows: list[Cells] = [head]
    failures: list[str] = []
    for rival in report.rivals:
        if rival.ours is None or rival.theirs is None or rival.ratio is None:
            failures.append(
                f"{_INDENT}batch {rival.batch}, {rival.how}: {printable(rival.failure or '')}"
            )
            continue
        medians = milliseconds(rival.ours.p50), milliseconds(rival.theirs.p50)
        rows.append((str(rival.batch), rival.how, *medians, f"{rival.ratio:.2f}"))
    note = "median milliseconds, taken in turns; the ratio is onnxruntime's time by PyTorch's"
    table = _aligned(rows, "><>>>") if len(rows) > 1 else []
    return "\n".join([*table, *failures, note])


def _layers(layers: Layers, top: int | None, by_time: bool) -> str:
    head = ("layer", "operators", "ms", "share", "MMACs", "GMAC/s", "MACs/byte", "of attainable")
    chosen = sorted(layers.rows, key=lambda row: -row.seconds) if by_time else list(layers.rows)
    shown = chosen if top is None else chosen[:top]
    rows = [head, *(_row(row, layers) for row in shown)]
    left_out = [row for row in layers.rows if row not in shown]
    if left_out:
        name = f"{len(left_out)} more; --all shows them"
        rows.append(_sum(name, left_out, 0.0, layers))
    rows.append(("between operations", "", *_time(layers.between, layers), "", "", "", ""))
    rows.append(_sum("all", layers.rows, layers.between, layers))
    lines = _aligned(rows, "<<>>>>>>")
    title = f"layers at batch {layers.batch}: the median of {layers.runs} profiled runs"
    notes = [
        f"a whole run took {milliseconds(layers.seconds)} ms under the profiler; a layer's time is "
        "that of the kernel that has it, with what was fused into it",
    ]
    if layers.machine is not None:
        machine = layers.machine
        notes.append(
            f"measured here, in float32: {machine.macs / 1e9:.1f} GMAC/s, and "
            f"{machine.bytes / 1e9:.1f} GB/s from memory; below {machine.ridge:.1f} MACs/byte a "
            "layer waits for memory, unless what it reads is in the caches: then it may be above "
            "100 %"
        )
    return "\n".join([title, *lines, *notes])


def _row(row: Row, layers: Layers) -> Cells:
    rate, reached = row.rate(), None
    if layers.machine is not None:
        reached = row.share_of_attainable(layers.machine)
    operators = "+".join(row.operators)
    return (
        printable(_name(row)),
        printable(operators if row.kernels <= 1 else f"{row.kernels} × {operators}"),
        *_time(row.seconds, layers),
        f"{row.macs / 1e6:,.2f}" if row.macs else "",
        "" if rate is None else f"{rate / 1e9:.1f}",
        f"{row.macs / row.bytes:.1f}" if row.macs and row.bytes else "",
        "" if reached is None else f"{reached:.0%}",
    )


def _name(row: Row) -> str:
    """The layer, and by their last names what else its kernel computes."""
    others = [layer.rpartition(".")[2] for layer in row.layers if layer != row.name]
    return " + ".join([row.name, *others[:3], *(["…"] if len(others) > 3 else [])])


def _sum(name: str, rows: Iterable[Row], between: float, layers: Layers) -> Cells:
    rows = list(rows)
    seconds = sum(row.seconds for row in rows) + between
    macs = sum(row.macs for row in rows)
    rate = f"{macs / seconds / 1e9:.1f}" if macs and seconds else ""
    return (name, "", *_time(seconds, layers), f"{macs / 1e6:,.2f}", rate, "", "")


def _time(seconds: float, layers: Layers) -> tuple[str, str]:
    share = f"{seconds / layers.total:.1%}" if layers.total else ""
    return milliseconds(seconds), share


def _aligned(rows: Sequence[Cells], alignments: str) -> list[str]:
    """Lines of the rows' cells, each column as wide as its widest, to the `<` left or `>` right."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    return [
        _INDENT
        + "  ".join(
            " " * (width - cells(cell)) + cell
            if alignment == ">"
            else cell + " " * (width - cells(cell))
            for cell, alignment, width in zip(row, alignments, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
