"""`--export python`: the file that a person would have written, and the network that is in it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import given, note
from torch import Tensor, nn

import archspec
from archspec.backends.python import source, write_python
from archspec.backends.torch import to_module
from archspec.graph import Graph
from archspec.kinds import Kind, Vocabulary
from archspec.weights import load, save_safetensors
from tests.cases import Case
from tests.graphs import graph_of
from tests.kinds import CASES
from tests.profiles import examples
from tests.specs import compiled
from tests.strategies import Spec, specs
from tests.zoo import ZOO

pytestmark = pytest.mark.usefixtures("one_thread")

MOST_RUN = 8_000_000
"""Parameters of the networks that are run here; of larger ones the tensors' shapes are compared."""


@cache
def text_of(name: str) -> str:
    return source(archspec.load(name))


def network_in(text: str) -> type[nn.Module]:
    """The last class of a file's text, which is the network's."""
    module = ModuleType("generated")
    exec(compile(text, "generated.py", "exec"), vars(module))
    classes = [each for each in vars(module).values() if isinstance(each, type)]
    return [each for each in classes if each.__module__ == "generated"][-1]


def inputs_of(graph: Graph, **sizes: int) -> list[Tensor]:
    random = torch.Generator().manual_seed(3)
    return [
        torch.randn(2, *[sizes.get(str(size), size) for size in type_.shape], generator=random)
        for type_ in graph.inputs.values()
    ]


def assert_same(graph: Graph, text: str, **sizes: int) -> None:
    """The network in the text has the state dict of the graph's module, and its outputs."""
    module, network = to_module(graph, load(graph, None, 0)), network_in(text)().eval()
    assert list(network.state_dict()) == list(module.state_dict())
    network.load_state_dict(module.state_dict())
    with torch.no_grad():
        ours = network(*inputs_of(graph, **sizes))
        theirs = module(*inputs_of(graph, **sizes))
    ours, theirs = (each if isinstance(each, tuple) else (each,) for each in (ours, theirs))
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one.nan_to_num(), other.nan_to_num())


@pytest.mark.parametrize("name", ZOO)
def test_a_network_of_the_zoo_is_the_same_in_its_file(name: str) -> None:
    graph = archspec.load(name)
    text = text_of(name)
    module = to_module(graph, None)
    with torch.device("meta"):
        network = network_in(text)()
    shapes = {key: tensor.shape for key, tensor in module.state_dict().items()}
    assert {key: tensor.shape for key, tensor in network.state_dict().items()} == shapes
    assert list(network.state_dict()) == list(shapes)
    if sum(shape.numel() for shape in shapes.values()) < MOST_RUN:
        assert_same(graph, text)


def test_files_pass_ruff_as_they_are(tmp_path: Path) -> None:
    for name in ZOO:
        (tmp_path / f"{name}.py").write_text(text_of(name), "utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    common = ["--isolated", "--line-length", "100", str(tmp_path)]
    check = [*ruff, "check", "--select", "E,F,I,UP", *common]
    for command in (check, [*ruff, "format", "--check", *common]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_needs_no_archspec(tmp_path: Path) -> None:
    write_python(archspec.load("resnet18_cifar"), tmp_path / "network.py")
    program = f"""
import sys
sys.modules["archspec"] = None  # An import of it fails.
sys.path.insert(0, {str(tmp_path)!r})
import torch
from network import Resnet18Cifar
print(tuple(Resnet18Cifar().eval()(torch.zeros(3, 3, 32, 32)).shape))
"""
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "(3, 10)"), done.stderr


def test_a_file_takes_the_exported_weights_strictly(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    graph = archspec.load("resnet18_cifar")
    save_safetensors(tmp_path / "weights.safetensors", load(graph, None, 5))
    network = network_in(source(graph))().eval()
    network.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    module = archspec.to_torch(graph, seed=5)
    (x,) = inputs_of(graph)
    assert torch.equal(network(x.clone()), module(x))


def test_the_same_spec_gives_the_same_text() -> None:
    assert source(archspec.load("googlenet")) == text_of("googlenet")


def test_a_block_is_a_class_whose_arguments_are_what_its_uses_differ_in() -> None:
    text = source(archspec.load("resnet50"))
    assert text.count("class ") == 2
    signature = "def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:"
    assert signature in text
    # torchvision's own condition for a projection (resnet.py, `_make_layer`).
    assert "if stride != 1 or in_channels != channels * 4:" in text
    assert "*(Bottleneck(512, 128) for _ in range(3)),  # 512 × 28 × 28" in text
    assert "y += self.downsample(x)  # channels * 4 × H/stride × W/stride" in text
    assert "25,557,032 parameters, 4,089,184,256 multiply-accumulates" in text


def test_a_block_takes_the_values_that_it_names() -> None:
    text = source(archspec.load("unet"))
    assert "def forward(self, x: Tensor, skip: Tensor) -> Tensor:" in text
    assert "y = self.up1(y, down3)" in text


def test_a_block_run_again_with_the_same_weights_is_called_again() -> None:
    text = source(archspec.load("siamese"))
    assert "self.feat(data)" in text and "self.feat(data_p)" in text
    assert "self.feat_p" not in text and "Tower2" not in text


QUOTES = '"""'
NETWORKS = {
    "symbolic sizes": """
input: [3, H, W]
layers:
  - conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}
  - upsample: {like: input, mode: bilinear}
  - layer_norm: {over: all, affine: false}
""",
    "several outputs": """
input: [3, 16, 16]
layers:
  - conv: {name: a, out_channels: 4, kernel_size: 3}
  - relu: {name: b}
  - conv: {name: c, out_channels: 2, kernel_size: 1}
outputs: [b, c]
""",
    "values inside a repeat": """
input: [4, 8, 8]
layers:
  - conv: {name: layer, repeat: 3, out_channels: 4, kernel_size: 3, padding: 1}
  - add: {from: [previous, layer.0]}
""",
    "words of Python": """
input: [4, 8, 8]
layers:
  - conv: {name: print, out_channels: 4, kernel_size: 1}
  - relu: {name: nn}
  - conv: {name: x, out_channels: 4, kernel_size: 1}
  - sequential: {name: Tensor, layers: [relu, conv: {out_channels: 2, kernel_size: 1}]}
  - conv: {name: 3x3, out_channels: 4, kernel_size: 3}
""",
    "a block called like the network, and like what a file imports": """
blocks:
  tensor: {layers: [conv: {name: c, out_channels: $in, kernel_size: 1}, relu]}
  none: {layers: [tensor: {repeat: 2}]}
  test: {layers: [none, tensor]}
input: [4, 8, 8]
layers: [test, test, tensor]
""",
    "a module shared across blocks": """
blocks:
  one:
    layers:
      - conv: {name: c, out_channels: 4, kernel_size: 1, shares: stem}
      - relu
      - conv: {name: d, out_channels: 4, kernel_size: 1}
input: [4, 8, 8]
layers:
  - conv: {name: stem, out_channels: 4, kernel_size: 1}
  - one: {name: a}
  - one: {name: b}
""",
    "kernels that are not learnt": """
input: [4, 9, 9]
layers:
  - sequential: {name: s, layers: [filter: {kernel: gaussian_blur, stride: 2, padding: 1}, relu]}
  - scale: {value: [1, 2, 3, 4]}
""",
    "residual under a name": """
input: [4, 8, 8]
layers:
  - residual:
      name: r
      layers: [conv: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}, batch_norm]
      shortcut: projection
  - relu
""",
    "names that nn.Sequential has taken": """
blocks:
  b: {sequential: [conv: {name: clear, out_channels: 4, kernel_size: 1}, relu]}
input: [4, 8, 8]
layers:
  - sequential: {name: s, layers: [conv: {name: append, out_channels: 4, kernel_size: 1}, relu]}
  - b
  - b
""",
    "arguments called like what a class has or makes": """
blocks:
  b:
    args: {children, layers, i, __w}
    sequential:
      - conv: {out_channels: $i, kernel_size: 1}
      - relu: {when: $layers}
      - sequential:
          layers: [relu: {when: not $layers}, conv: {out_channels: $__w, kernel_size: 1}]
      - relu
  c:
    args: {children}
    layers:
      - conv: {name: v, out_channels: 4, kernel_size: 1}
      - add: {from: [previous, v], when: $children}
      - relu
input: [4, 8, 8]
layers:
  - b: {children: 1, layers: true, i: 5, __w: 4}
  - b: {children: 1, layers: false, i: 6, __w: 5}
  - b: {children: 1, layers: true, i: 5, __w: 4}
  - c: {children: true}
  - c: {children: false}
""",
    "uses of a block in which layers of one name are in another order": """
blocks:
  b:
    args: {f}
    layers:
      - conv: {out_channels: $in, kernel_size: 1, when: $f}
      - hard_sigmoid
      - conv: {out_channels: $in, kernel_size: 1}
input: [4, 8, 8]
layers: [b: {f: true}, b: {f: false}]
""",
    "a sequence with names of which some uses have less": """
blocks:
  b:
    args: {f}
    layers:
      - sequential:
          layers:
            - conv: {out_channels: $in, kernel_size: 1, when: $f}
            - batch_norm: {name: t}
input: [4, 8, 8]
layers: [b: {f: true}, b: {f: false}]
""",
    "sequences that repeat something in some uses": """
blocks:
  b:
    args: {f}
    sequential:
      - residual:
          layers:
            - sequential:
                layers:
                  - conv: {out_channels: $in, kernel_size: 3, padding: same, when: $f, repeat: 2}
                  - relu
          shortcut: projection
input: [4, 8, 8]
layers: [b: {f: true}, b: {f: false}]
""",
    "rows of layers that grow by other steps": """
blocks:
  b:
    args: {n}
    layers:
      - conv: {out_channels: 4, kernel_size: 1}
      - conv: {out_channels: $n * 2, kernel_size: 1}
input: [4, 8, 8]
layers: [b: {n: 3}, relu, b: {n: 4}]
""",
    "a sequence whose steps take values from outside": """
input: [4, 8, 8]
layers:
  - relu: {name: mid}
  - concat:
      branches:
        - []
        - - hard_sigmoid
          - sequential:
              layers:
                - sequential: [conv: {out_channels: 4, kernel_size: 1}]
                - concat: {from: [previous, mid]}
                - conv: {out_channels: 4, kernel_size: 1}
""",
    "a scope that is opened after the one around it": """
blocks:
  b:
    args: {v}
    layers:
      - sequential:
          name: q
          layers:
            - conv: {out_channels: 4, kernel_size: 1}
            - sequential:
                layers: [concat: {from: [previous, $v]}, conv: {out_channels: 4, kernel_size: 1}]
            - relu
input: [4, 8, 8]
layers:
  - conv: {name: stem, out_channels: 4, kernel_size: 1}
  - relu: {name: mid}
  - b: {v: mid}
  - b: {v: stem}
""",
    "no name that a class could have": f"""
name: '1 + 1 = 2 {QUOTES} \\ ☃'
description: 'It ends "here{QUOTES} or \\ there {QUOTES}'
input: [4]
layers: [fc: 3]
""",
}


@pytest.mark.parametrize("case", NETWORKS)
def test_an_odd_network_is_the_same_in_its_file(case: str) -> None:
    text = NETWORKS[case]
    name = "" if text.startswith("\nname") else "name: test"
    found = compiled(f"archspec: 1\n{name}{text}")
    assert found.ok, found.diagnostics
    assert_same(found.graph, source(found.graph), H=17, W=12)


@pytest.mark.parametrize(
    "text",
    ["\\", "\\N{BULLET}", f"{QUOTES}; import os\n{QUOTES}", '"', "a\u2028b\u0085c", "😀" * 60],
)
def test_free_text_stays_within_the_docstrings(text: str) -> None:
    said = json.dumps(text, ensure_ascii=False)
    head = f"name: {said[:40]}" if len(text) < 40 else "name: test"
    head = f"archspec: 1\n{head}\ndescription: {said}\nreferences: [{said}]"
    found = compiled(f"{head}\ninput: [4]\nlayers: [fc: 3]\n")
    assert found.ok, found.diagnostics
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # An escape that is none is a warning.
        body = ast.parse(source(found.graph)).body
    assert [type(each) for each in body] == [ast.Expr, ast.ImportFrom, ast.ClassDef]


def test_a_layer_of_every_kind_is_the_same_in_its_file() -> None:
    seen: dict[str, int] = {}
    for case in CASES:
        seen[case.kind] = seen.get(case.kind, 0) + 1
        if seen[case.kind] % 9 == 1:  # each kind, and of kinds with many options a part
            assert_case(case)


def assert_case(case: Case) -> None:
    graph = graph_of(case.layer, *case.shapes)
    assert_same(graph, source(graph))


@pytest.mark.parametrize("axes", [1, 2])
def test_random_networks_are_the_same_in_their_files(axes: int) -> None:
    @examples(25)
    @given(specs(axes))
    def agree(spec: Spec) -> None:
        note(spec.text)
        graph = compiled(spec.text).graph
        assert_same(graph, source(graph))

    agree()


# Kinds from outside


class Doubled(nn.Module):
    """It is found by an import of this file."""

    def __init__(self, times: int = 2) -> None:
        super().__init__()
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        return x * self.times


class Forgetful(Doubled):
    def __init__(self, times: int) -> None:
        super().__init__(times)
        del self.times


def outside(made: Any) -> Graph:
    from archspec.layers.arithmetic import Abs

    class Double(Abs):
        kind = "double"

    kind = Kind(Double, lambda layer, emit: emit.module(made()))
    text = "archspec: 1\nname: test\ninput: [3, 4, 4]\nlayers: [double]\n"
    from archspec.pipeline import compile_bytes

    return compile_bytes("test.yaml", text.encode(), {}, Vocabulary([kind])).graph


def test_a_module_from_outside_is_imported() -> None:
    text = source(outside(lambda: Doubled(3)))
    assert "from tests.test_python_export import Doubled\n" in text
    assert "self.double1 = Doubled(times=3)" in text


def test_a_module_that_no_import_finds_is_an_error() -> None:
    class Local(Doubled):
        pass

    with pytest.raises(ValueError, match=r"double1: .* cannot import `.*Local`"):
        source(outside(Local))


def test_a_module_that_forgets_its_arguments_is_an_error() -> None:
    with pytest.raises(ValueError, match="double1: `Forgetful`"):
        source(outside(lambda: Forgetful(3)))
