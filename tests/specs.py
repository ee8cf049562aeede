"""Specs as text, for the tests of the front end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from textwrap import dedent
from typing import Any

from archspec.diagnostics import Diagnostic, Severity
from archspec.graph import Graph, Node
from archspec.pipeline import Compiled, compile_bytes

_MARK = re.compile("«(AS[0-9]{3})»")

Place = tuple[str, int, int]
"""A code, a line and a column."""


def spec(layers: str, input: str = "[3, 8, 8]", sections: str = "") -> str:
    """A spec of these steps. `layers` is a list in block style, at any indentation."""
    steps = "\n".join(f"  {line}" for line in dedent(layers).strip("\n").splitlines())
    more = f"{dedent(sections).strip()}\n" if sections else ""
    return f"archspec: 1\nname: test\ninput: {input}\n{more}layers:\n{steps}\n"


def compiled(text: str | bytes, **variables: Any) -> Compiled:
    """What becomes of a spec."""
    data = text if isinstance(text, bytes) else text.encode()
    return compile_bytes("test.yaml", data, variables)


def graph_of(text: str, **variables: Any) -> Graph:
    """The graph of a spec that has no errors."""
    found = compiled(text, **variables)
    assert found.ok, [(d.code, d.span[:2], d.message) for d in errors_of(found)]
    return found.graph


def errors_of(found: Compiled) -> list[Diagnostic]:
    return [d for d in found.diagnostics if d.severity is Severity.ERROR]


def places_of(found: Compiled) -> list[Place]:
    """The errors' codes and places, in the order in which they are reported."""
    return [(d.code, d.span.line, d.span.column) for d in errors_of(found)]


def codes_of(text: str | bytes, **variables: Any) -> list[str]:
    """The codes of a spec's errors."""
    return [d.code for d in errors_of(compiled(text, **variables))]


def unmarked(text: str) -> tuple[str, list[Place]]:
    """The text without its «marks», and the error that each stands for, at the place of what
    comes after it.
    """
    places: list[Place] = []
    pieces: list[str] = []
    end = 0
    for mark in _MARK.finditer(text):
        pieces.append(text[end : mark.start()])
        end = mark.end()
        before = "".join(pieces)
        line = before.count("\n") + 1
        places.append((mark.group(1), line, len(before) - before.rfind("\n")))
    return "".join([*pieces, text[end:]]), places


def shapes_of(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Every node's output shape, by its name."""
    return {node.name: node.output.shape for node in graph.nodes}


def names_of(text: str, **variables: Any) -> list[str]:
    """The names of a spec's nodes, in order."""
    return [node.name for node in graph_of(text, **variables).nodes]


def nodes_of(graph: Graph) -> Mapping[str, Node]:
    return {node.name: node for node in graph.nodes}
