"""Random networks whose input has symbolic sizes are, at every size that is legal, the networks
whose input has these sizes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, note
from hypothesis import strategies as st

from archspec.backends.onnx import write_model
from archspec.backends.torch import to_module
from archspec.backends.torch.values import values_by_torch
from archspec.graph import Graph
from archspec.layers.base import Shape
from archspec.layers.sizes import number_at
from tests.agreement import (
    Values,
    assert_values,
    values_in_float64,
    weights_of,
)
from tests.profiles import examples
from tests.specs import codes_of, compiled, graph_of
from tests.strategies import Spec, specs
from tests.test_onnx import random_inputs, session

pytestmark = pytest.mark.usefixtures("one_thread")

WORDS = ("H", "V", "W")


def without_figures(document: Any) -> Any:
    """The document, but for what it says must come out at one size."""
    if isinstance(document, dict):
        return {key: without_figures(item) for key, item in document.items() if key != "expect"}
    if isinstance(document, list):
        return [without_figures(item) for item in document]
    return document


ONE_INPUT = st.integers(1, 3).flatmap(specs).filter(lambda spec: "input" in spec.document)


def with_input(document: Mapping[str, Any], shape: list[Any]) -> str:
    return json.dumps({**document, "input": shape})


@st.composite
def sizes(draw: st.DrawFn, graph: Graph, own: Shape) -> dict[str, int]:
    """The sizes that the network was written for, the smallest that are legal, or others."""
    assert graph.symbols is not None
    words = WORDS[: len(own)]
    known = dict(zip(words, own, strict=True))
    least = {**dict.fromkeys(words, 1), **(graph.symbols.smallest() or known)}
    more = {word: least[word] + draw(st.integers(0, 4)) for word in words}
    return draw(st.sampled_from([known, least, more]))


def test_symbolic_sizes_stand_for_every_legal_number(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"

    @examples(150)
    @given(ONE_INPUT, st.data())
    def stand(spec: Spec, data: st.DataObject) -> None:
        document = without_figures(spec.document)
        channels, *own = graph_of(spec.text).inputs["input"].shape
        text = with_input(document, [channels, *WORDS[: len(own)]])
        note(text)
        found = compiled(text)
        # What needs a number has its own message; a layer may also not fit whatever the number is.
        moved = any(kind in text for kind in ("permute", "reshape"))
        assert found.ok or set(codes_of(text)) <= ({"AS301", "AS307"} if moved else {"AS307"})
        assume(found.ok and found.graph.symbols is not None)
        values = data.draw(sizes(found.graph, tuple(own)))
        assert found.graph.symbols is not None
        assume(found.graph.symbols.admits(values))
        same = graph_of(with_input(document, [channels, *values.values()]))
        shapes = {node.name: node.output.shape for node in same.nodes}
        for node in found.graph.nodes:
            shape = tuple([number_at(size, values) for size in node.output.shape])
            assert shapes.get(node.name, shape) == shape, node.name
        if shapes.keys() == {node.name for node in found.graph.nodes}:
            try:
                assert_same(found.graph, same, path)
            except ValueError as error:
                # Where a size has become the channels', constants may follow from it.
                assert moved and "needs a number" in str(error)
        else:
            # Where sizes are the same for a few small inputs, a shortcut has nothing to make.
            assert "shortcut" in text

    stand()


def assert_same(symbolic: Graph, graph: Graph, path: Path) -> None:
    """The network compiled with symbolic sizes computes what the one with numbers does."""
    weights, inputs = weights_of(symbolic), random_inputs(graph, 2)
    exact = values_in_float64(to_module(graph, weights), inputs)
    made: Values = values_by_torch(to_module(symbolic, weights), inputs)
    assert_values({name: made[name] for name in graph.outputs}, made, exact)
    write_model(symbolic, weights, path)
    outputs = session(path).run(None, inputs)
    assert_values(dict(zip(graph.outputs, outputs, strict=True)), made, exact)
