"""`--export torchscript` and `--export program`: what PyTorch runs without the network's Python."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import archspec
from archspec.backends.torch import to_module, write_program, write_torchscript
from archspec.graph import Graph
from archspec.kinds import Kind, Vocabulary
from archspec.weights import load
from tests.specs import compiled

pytestmark = pytest.mark.usefixtures("one_thread")

Write = Callable[..., None]
Read = Callable[[Path], Any]

FORMATS: dict[str, tuple[Write, Read]] = {
    "torchscript": (write_torchscript, lambda path: torch.jit.load(str(path))),  # type: ignore[no-untyped-call]
    "program": (write_program, lambda path: torch.export.load(path).module()),
}

SYMBOLIC = """archspec: 1
name: test
input: [3, H, W]
layers:
  - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}
  - relu
  - max_pool: 2
  - conv_transpose: {out_channels: 4, kernel_size: 2, stride: 2}
  - add: {from: [previous, a]}
  - upsample: {like: input, mode: bilinear}
  - global_avg_pool
"""


def inputs_of(graph: Graph, batch: int, sizes: dict[str, int]) -> list[Tensor]:
    random = torch.Generator().manual_seed(batch)
    return [
        torch.randn(batch, *[sizes.get(str(size), size) for size in type_.shape], generator=random)
        for type_ in graph.inputs.values()
    ]


@pytest.mark.parametrize("word", FORMATS)
@pytest.mark.parametrize("name", ["siamese", "resnet18_cifar", "test"])
def test_a_program_makes_what_the_module_makes(name: str, word: str, tmp_path: Path) -> None:
    graph = compiled(SYMBOLIC).graph if name == "test" else archspec.load(name)
    weights = load(graph, None, 0)
    write, read = FORMATS[word]
    path = tmp_path / "network.pt2"
    write(graph, weights, path)
    program, module = read(path), to_module(graph, weights)
    for batch, sizes in ((1, {"H": 32, "W": 46}), (3, {"H": 18, "W": 20})):
        with torch.no_grad():
            ours = program(*inputs_of(graph, batch, sizes))
            theirs = module(*inputs_of(graph, batch, sizes))
        ours, theirs = (
            each if isinstance(each, Tensor) else torch.cat(each) for each in (ours, theirs)
        )
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("word", FORMATS)
def test_a_full_disk_leaves_what_was_there(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archspec.backends.torch import files

    class Full(files._Target):
        def write(self, data: Any) -> int:
            self.error = OSError(errno.ENOSPC, "No space left on device")
            raise self.error

    monkeypatch.setattr(files, "_Target", Full)
    path = tmp_path / "network.pt2"
    path.write_bytes(b"before")
    graph = archspec.load("lenet5")
    with pytest.raises(OSError, match="No space left"):
        FORMATS[word][0](graph, load(graph, None, 0), path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def strange(x: Tensor) -> Tensor:
    """What neither TorchScript nor torch.export can follow: it depends on the values."""
    import random as random_

    words = {float(x.sum()): random_.random} if x.sum() > 0 else {}
    return x * len(words)


@pytest.mark.parametrize("word", FORMATS)
def test_what_cannot_be_a_program_is_one_line(word: str, tmp_path: Path) -> None:
    from archspec.layers.arithmetic import Abs
    from archspec.pipeline import compile_bytes

    class Strange(Abs):
        kind = "strange"

    vocabulary = Vocabulary([Kind(Strange, lambda layer, emit: emit.call(strange, emit.x))])
    text = b"archspec: 1\nname: test\ninput: [3, 4, 4]\nlayers: [strange]\n"
    graph = compile_bytes("test.yaml", text, {}, vocabulary).graph
    with pytest.raises(ValueError) as found:
        FORMATS[word][0](graph, load(graph, None, 0), tmp_path / "network.pt2")
    assert "\n" not in str(found.value) and "cannot" in str(found.value)
    assert not list(tmp_path.iterdir())
