"""`python -m benchmarks.conventions [NETWORK…]`: MACs by archspec's conventions, beside the tools'.

A tool counts the network that archspec compiles to PyTorch; timm counts its own of that name. All
of them need `pip install -e '.[conventions]'`; what is not installed is left out, and said.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any, NamedTuple

import torch

import archspec
from archspec import zoo
from archspec.analysis.conventions import CONVENTIONS
from archspec.graph import Graph
from archspec.layers.sizes import is_number
from benchmarks.peers.counters import COUNTERS, TIMM, quietly, timm, versions
from tests.cases import Case
from tests.graphs import graph_of
from tests.kinds import CASES

RECORD = Path(__file__).parent.parent / "tests" / "data" / "conventions.json"
"""What the tools said, for the tests: by network, and by case of a kind."""

Figures = dict[str, float]
"""By tool."""


class Line(NamedTuple):
    """One network, or case of a kind, as one tool counts it."""

    what: str
    tool: str
    ours: int
    theirs: float

    @property
    def difference(self) -> float:
        return self.ours - self.theirs


def main() -> int:
    """Measure, print, and record if asked to; 1 if some figures differ."""
    options = _options()
    tools = _installed(options.tools)
    lines: list[Line] = []
    networks: dict[str, Figures] = {}
    for name in options.networks or zoo.networks():
        print(f"counting {name} …", file=sys.stderr)
        graph = archspec.load(name)
        if all(is_number(size) for type_ in graph.inputs.values() for size in type_.shape):
            networks[name] = count_network(name, graph, tools)
            lines += _compared(name, graph, networks[name])
    kinds: list[tuple[Case, Figures]] = []
    for case in CASES if options.kinds or options.record else ():
        graph = graph_of(case.layer, *case.shapes)
        kinds.append((case, count(graph, tools)))
        lines += _compared(case.id, graph, kinds[-1][1])
    if options.record:
        _record(networks, kinds, tools)
    differing = [line for line in lines if line.difference]
    print(_table(differing if options.differences else lines))
    print(f"\n{len(lines)} figures, of which {len(differing)} differ")
    return 1 if differing else 0


def count_network(name: str, graph: Graph, tools: Iterable[str]) -> Figures:
    """What the tools count of a network of the zoo, those of them that can."""
    figures = count(graph, tools)
    if "timm" in tools and name in TIMM:
        with quietly():
            figures["timm"] = timm(TIMM[name])
    return figures


def count(graph: Graph, tools: Iterable[str]) -> Figures:
    """What the tools count of a graph as archspec compiles it, for one sample."""
    counters = {name: COUNTERS[name] for name in tools if name in COUNTERS}
    inputs = tuple(torch.randn(1, *type_.shape) for type_ in graph.inputs.values())
    with quietly():
        # A module of its own for each: they leave hooks and buffers behind.
        return {
            name: counter(archspec.to_torch(graph), inputs)  # type: ignore[arg-type]
            for name, counter in counters.items()
        }


def chosen(cases: Iterable[Case]) -> Iterator[Case]:
    """The cases that show something the ones before do not: a field, a word in it, a rank."""
    seen: set[Any] = set()
    for case in cases:
        axes = len(case.shapes[0])
        words = {
            (field, value if isinstance(value, str | bool) else None)
            for field, value in case.fields.items()
        }
        shows = {(case.kind, axes, None), *((case.kind, axes, word) for word in words)}
        if not shows <= seen:
            seen |= shows
            yield case


def _compared(what: str, graph: Graph, figures: Figures) -> list[Line]:
    return [
        Line(what, tool, CONVENTIONS[tool].macs(graph), theirs) for tool, theirs in figures.items()
    ]


def _installed(asked: Sequence[str]) -> tuple[str, ...]:
    """The tools that are installed, of those that were asked for."""
    tools = []
    for tool in asked or CONVENTIONS:
        try:
            found = versions(tool)
        except PackageNotFoundError as error:
            print(f"{tool} is left out: {error.name} is not installed", file=sys.stderr)
            continue
        if found != CONVENTIONS[tool].packages:
            ours = ", ".join(f"{name} {of}" for name, of in CONVENTIONS[tool].packages.items())
            print(f"{tool}: found {found}, and archspec's rules are of {ours}", file=sys.stderr)
        tools.append(tool)
    return tuple(tools)


def _record(
    networks: Mapping[str, Figures], kinds: Sequence[tuple[Case, Figures]], tools: Sequence[str]
) -> None:
    """Write what was counted, beside what other tools counted before."""
    before = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
    of_networks = {**before.get("networks", {})}
    for name, figures in networks.items():
        of_networks[name] = {**of_networks.get(name, {}), **_whole(figures)}
    earlier = {_key(row): row["macs"] for row in before.get("kinds", ())}
    rows = []
    by_id = {case.id: figures for case, figures in kinds}
    for case in chosen(CASES):
        row = {"kind": case.kind, "fields": case.fields, "shapes": case.shapes}
        row = json.loads(json.dumps(row))
        rows.append({**row, "macs": {**earlier.get(_key(row), {}), **_whole(by_id[case.id])}})
    packages = {**before.get("packages", {}), **{tool: versions(tool) for tool in tools}}
    text = [
        '{"made_by": "python -m benchmarks.conventions --record",',
        f'"packages": {json.dumps(packages)},',
        '"networks": {',
        ",\n".join(f"{json.dumps(n)}: {json.dumps(of_networks[n])}" for n in sorted(of_networks)),
        '},\n"kinds": [',
        ",\n".join(json.dumps(row) for row in rows),
        "]}\n",
    ]
    RECORD.write_text("\n".join(text), "utf-8")


def _key(row: Mapping[str, Any]) -> str:
    return json.dumps([row["kind"], row["fields"], row["shapes"]])


def _whole(figures: Figures) -> dict[str, int]:
    """As integers; no tool counts parts of one."""
    assert all(figure.is_integer() for figure in figures.values()), figures
    return {name: int(figure) for name, figure in figures.items()}


def _table(lines: Sequence[Line]) -> str:
    rows = [("network", "tool", "archspec", "the tool", "difference")]
    rows += [
        (line.what, line.tool, f"{line.ours:,}", f"{line.theirs:,.0f}", f"{line.difference:+,.0f}")
        for line in lines
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  "
        f"{row[3]:>{widths[3]}}  {row[4]:>{widths[4]}}"
        for row in rows
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conventions", description=__doc__)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="(default: all of the zoo)")
    parser.add_argument("--tools", nargs="+", choices=tuple(CONVENTIONS), default=())
    parser.add_argument("--kinds", action="store_true", help="count every kind of layer as well")
    parser.add_argument("--differences", action="store_true", help="print only what differs")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name} for the tests")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
