"""Layers that have the weights of others: `shares`."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

import archspec
from archspec.analysis.cost import cost
from archspec.graph import Graph
from archspec.reports import json as report
from archspec.reports import text
from tests.specs import compiled, errors_of, graph_of, nodes_of, places_of, spec, unmarked

TWINS = """
archspec: 1
name: twins
inputs: {left: [3, 8, 8], right: [3, 6, 6]}
blocks:
  tower:
    layers:
      - conv: {out_channels: 4, kernel_size: 3, padding: 1}
      - batch_norm
      - relu
      - residual: {name: res, layers: [conv: {name: inner, out_channels: 4, kernel_size: 1}]}
      - global_avg_pool
      - flatten
layers:
  - tower: {name: a, from: left}
  - tower: {name: b, from: right, shares: a}
  - concat: {from: [a, b]}
  - fc: 2
"""


def owners(graph: Graph) -> dict[str, str]:
    return {node.name: node.owner for node in graph.nodes if node.owner}


def test_a_block_that_shares_has_no_weights_of_its_own() -> None:
    graph = graph_of(TWINS)
    assert owners(graph) == {
        **{f"b.{part}": f"a.{part}" for part in ("conv1", "batch_norm1", "res.inner")}
    }
    assert {name.split(".")[0] for name, _ in graph.tensors()} == {"a", "fc1"}
    # 4 × (27 + 1), 2 × 4, 4 × (4 + 1), and 2 × (8 + 1): each once.
    assert cost(graph).params == 112 + 8 + 20 + 18
    # The towers run on 8 × 8 and on 6 × 6, and both count.
    assert cost(graph).macs == (64 + 36) * (4 * 27 + 16) + 16


def test_what_is_shared_is_computed_as_if_it_were_written_twice(tmp_path: Path) -> None:
    torch, onnxruntime = pytest.importorskip("torch"), pytest.importorskip("onnxruntime")
    shared = graph_of(TWINS)
    apart = graph_of(TWINS.replace(", shares: a", ""))
    random = np.random.RandomState(0)
    weights = {n: random.standard_normal(t.shape).astype("f") ** 2 for n, t in shared.tensors()}
    twice = weights | {n.replace("a.", "b.", 1): w for n, w in weights.items() if n[0] == "a"}
    inputs = {
        name: random.standard_normal((2, *type_.shape)).astype(np.float32)
        for name, type_ in shared.inputs.items()
    }
    tensors = [torch.from_numpy(value) for value in inputs.values()]
    expected = archspec.to_torch(apart, twice)(*tensors).detach().numpy()
    module = archspec.to_torch(shared, weights)
    assert {n for n in module.state_dict() if "tracked" not in n} == set(weights)
    for copied in (module, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        np.testing.assert_allclose(copied(*tensors).detach().numpy(), expected, rtol=1e-5)
    archspec.to_onnx(shared, tmp_path / "twins.onnx", weights)
    session = onnxruntime.InferenceSession(tmp_path / "twins.onnx")
    np.testing.assert_allclose(session.run(None, inputs)[0], expected, rtol=1e-5)
    archspec.to_onnx(apart, tmp_path / "apart.onnx", twice)
    sizes = [(tmp_path / f"{name}.onnx").stat().st_size for name in ("twins", "apart")]
    assert sizes[0] < sizes[1]


def test_both_uses_train_the_same_weights() -> None:
    torch = pytest.importorskip("torch")
    graph = graph_of(
        spec("""
            - conv: {out_channels: 3, kernel_size: 3, padding: 1}
            - conv: {out_channels: 3, kernel_size: 3, padding: 1, shares: conv1}
        """)
    )
    module = archspec.to_torch(graph).train()
    x = torch.ones(1, 3, 8, 8)
    module(x).sum().backward()
    weight, bias = module.get_parameter("conv1.weight"), module.get_parameter("conv1.bias")
    conv = torch.nn.functional.conv2d
    once = conv(x, weight.detach(), bias.detach(), padding=1)
    again = weight.detach().clone().requires_grad_()
    conv(once, again, bias.detach(), padding=1).sum().backward()
    assert weight.grad is not None and again.grad is not None
    assert not torch.allclose(weight.grad, again.grad)  # The first use has its part in it.


def test_a_third_layer_shares_what_the_second_shares() -> None:
    graph = graph_of(
        spec("""
            - conv: {name: a, out_channels: 3, kernel_size: 1}
            - conv: {name: b, out_channels: 3, kernel_size: 1, shares: a}
            - conv: {name: c, out_channels: 3, kernel_size: 1, shares: b}
            - conv: {name: d, out_channels: 3, kernel_size: 1, shares: a, repeat: 2}
        """)
    )
    assert owners(graph) == dict.fromkeys(("b", "c", "d.0", "d.1"), "a")


def test_repeats_share_with_those_of_their_number() -> None:
    graph = graph_of(
        spec("""
            - conv: {name: a, repeat: 2, out_channels: 3, kernel_size: 1}
            - conv: {name: b, repeat: 2, out_channels: 3, kernel_size: 1, shares: a}
        """)
    )
    assert owners(graph) == {"b.0": "a.0", "b.1": "a.1"}
    text = spec("""
        - conv: {name: a, repeat: 2, out_channels: 3, kernel_size: 1}
        - conv: {name: b, repeat: 3, out_channels: 3, kernel_size: 1, shares: a}
    """)
    (error,) = errors_of(compiled(text))
    assert error.code == "AS308" and "a.0, a.1" in error.help


def test_the_reports_say_whose_the_weights_are() -> None:
    found = compiled(TWINS)
    layers = {layer["name"]: layer for layer in report.report(found)["layers"]}
    assert layers["b.conv1"]["shares"] == "a.conv1"
    assert (layers["b.conv1"]["params"], layers["b.conv1"]["parameters"]) == (0, {})
    assert layers["b.conv1"]["macs"] == 36 * 4 * 27
    assert "shares" not in layers["a.conv1"]
    assert sum(layer["params"] for layer in layers.values()) == cost(found.graph).params
    (line,) = [line for line in text.layers(found.graph).splitlines() if "b.conv1" in line]
    assert line.split() == [
        "b.conv1",
        "conv",
        "with",
        "a.conv1",
        *["4", "×", "6", "×", "6"],
        "3,888",
    ]


REFUSED = [
    (
        """
        - conv: {name: a, out_channels: 4, kernel_size: 3}
        - conv: {name: b, out_channels: 4, kernel_size: 3, shares: «AS308»a}
        """,
        "its weight is 4 × 4 × 3 × 3, and 4 × 3 × 3 × 3 there",
    ),
    (
        """
        - conv: {name: a, out_channels: 3, kernel_size: 3}
        - conv: {name: b, out_channels: 3, kernel_size: 3, stride: 2, shares: «AS308»a}
        """,
        "its stride is another",
    ),
    (
        """
        - conv: {name: a, out_channels: 3, kernel_size: 3, bias: false}
        - conv: {name: b, out_channels: 3, kernel_size: 3, shares: «AS308»a}
        """,
        "its bias is 3, and not there",
    ),
    (
        """
        - batch_norm: {name: a}
        - conv: {name: b, out_channels: 3, kernel_size: 3, shares: «AS308»a}
        """,
        "it is conv, and that is batch_norm",
    ),
    ("- relu\n- relu: {shares: «AS308»relu1}", "has no weights"),
    ("- conv: {out_channels: 3, kernel_size: 1, shares: «AS211»input}", "`input` is none"),
    ("- conv: {out_channels: 3, kernel_size: 1, shares: «AS211»previous}", "`previous` is none"),
    ("- conv: {out_channels: 3, kernel_size: 1, shares: «AS211»conv2}", "no value"),
    ("- conv: {out_channels: 3, kernel_size: 1, shares: «AS205»[a]}", "name of a step"),
    ("- conv: {out_channels: 3, kernel_size: 1, shares: «AS402»$a}", "no variable"),
    (
        """
        - sequential: {name: a, layers: [conv: {out_channels: 3, kernel_size: 1}]}
        - sequential:
            name: b
            shares: «AS308»a
            layers: [relu, conv: {out_channels: 3, kernel_size: 1}]
        """,
        "`b.1` would share the weights of `a.1`, which is not there",
    ),
    (
        """
        - residual: [conv: {out_channels: 3, kernel_size: 1}]
        - residual: {shares: «AS308»residual1, layers: [conv: {out_channels: 3, kernel_size: 1}]}
        """,
        "`conv2` is named outside `residual2`",
    ),
    (
        """
        - conv: {name: ax, out_channels: 3, kernel_size: 1}
        - relu: {name: a}
        - residual:
            shares: «AS308»a
            layers: [conv: {name: residual1x, out_channels: 3, kernel_size: 1}]
        """,
        "`residual1x` is named outside `residual1`",
    ),
]


@pytest.mark.parametrize(("layers", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_be_shared_is_reported_once_where_it_is_asked_for(
    layers: str, message: str
) -> None:
    text, marks = unmarked(spec(layers))
    found = compiled(text)
    assert places_of(found) == marks
    (error,) = errors_of(found)
    assert message in error.message and error.help


def test_an_error_in_what_is_shared_is_not_reported_again() -> None:
    text = spec("""
        - conv: {name: a, out_channels: 4, kernel_size: 30}
        - conv: {name: b, from: input, out_channels: 4, kernel_size: 3, shares: a}
    """)
    assert [d.code for d in errors_of(compiled(text))] == ["AS301"]


def test_a_layer_of_the_same_name_outside_is_another() -> None:
    graph = graph_of(
        spec(
            """
            - conv: {name: a, out_channels: 3, kernel_size: 1}
            - unit: {name: u}
            - unit: {name: v, shares: u}
            """,
            sections="""
            blocks:
              unit:
                layers:
                  - conv: {name: b, out_channels: 3, kernel_size: 1}
                  - conv: {name: c, out_channels: 3, kernel_size: 1, shares: b}
            """,
        )
    )
    assert owners(graph) == {"u.c": "u.b", "v.b": "u.b", "v.c": "v.b"} | {"v.c": "u.b"}
    assert list(nodes_of(graph)) == ["a", "u.b", "u.c", "v.b", "v.c"]


def test_a_module_is_shared_by_layers_on_inputs_of_other_sizes() -> None:
    """`same_upper` adds a row on each side of 7, and one row in all to 8."""
    torch = pytest.importorskip("torch")
    text = """
    archspec: 1
    name: sizes
    inputs: {a: [3, 8, 7], b: [3, 7, 8]}
    blocks:
      half: {layers: [conv: {out_channels: 3, kernel_size: 3, stride: 2, padding: same_upper}]}
    layers:
      - half: {name: c, from: a}
      - half: {name: d, from: b, shares: c}
    outputs: [c, d]
    """
    module = archspec.to_torch(graph_of(text))
    a, b = torch.randn(1, 3, 8, 7), torch.randn(1, 3, 7, 8)
    pad, conv = torch.nn.functional.pad, torch.nn.functional.conv2d
    weights = module.get_parameter("c.conv1.weight"), module.get_parameter("c.conv1.bias")
    found = module(a, b)
    torch.testing.assert_close(found[0], conv(pad(a, (1, 1, 0, 1)), *weights, stride=2))
    torch.testing.assert_close(found[1], conv(pad(b, (0, 1, 1, 1)), *weights, stride=2))
