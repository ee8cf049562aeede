"""The networks of `specs/`, by where their figures come from, and how they are run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import archspec
from archspec.graph import Graph
from archspec.layers.base import Shape
from archspec.pipeline import compile_bytes
from tests import golden
from tests.references import golden as references

Array = NDArray[np.float32]

SPECS = Path(__file__).parent.parent / "specs"

DIGITS = ("lenet5", "lenet5_1998", "mlp")
"""Classifiers of digits, whose figures are worked by hand."""

TORCHVISION = golden.networks()
"""Those that `tests/data/torchvision/` has, by the same names."""

REFERENCES: Mapping[str, str] = {
    **{"dcgan": "dcgan_generator", "siamese": "siamese_mnist"},
    **{
        name: name
        for name in (
            *("alexnet_2012", "convnext_tiny", "darknet53", "fcn_resnet50", "resnet18_cifar"),
            *("resnet50_v1", "srresnet", "unet", "vit_b_16"),
        )
    },
}
"""Those that `tests/data/golden/` has, and by which name."""

OTHERS = ("efficientnet_lite0", "plain34")
"""Those whose figures test_zoo.py says the source of."""

ZOO = (*DIGITS, *TORCHVISION, *REFERENCES, *OTHERS)


def load_at(name: str, inputs: Mapping[str, Sequence[int]], **variables: Any) -> Graph:
    """A network of the zoo with inputs of other sizes."""
    sizes = {name: list(shape) for name, shape in inputs.items()}
    section = f"input: {sizes['input']}" if "input" in sizes else f"inputs: {sizes}"
    text = f"archspec: 1\nname: {name}\nextends: {name}.yaml\n{section}\n"
    found = compile_bytes(str(SPECS / f"{name}_elsewhere.yaml"), text.encode(), variables)
    assert found.ok, [diagnostic.message for diagnostic in found.diagnostics]
    return found.graph


def takes(name: str, shape: Sequence[int]) -> bool:
    """Whether a network of the zoo takes such an input: U-Net's reference pads what a size that 16
    does not divide leaves uneven, and the spec takes none.
    """
    return name != "unet" or all(size % 16 == 0 for size in shape[1:])


def cases(name: str) -> tuple[references.Case, ...]:
    """The runs of a reference that the spec can take part in."""
    found = references.read(REFERENCES[name]).cases
    return tuple(
        case for case in found if all(takes(name, it.shape[1:]) for it in case.inputs.values())
    )


def published(name: str, tensor: str) -> str:
    """What the reference calls a tensor of a network of the zoo."""
    return tensor.removeprefix("feat.") if name == "siamese" else tensor


def tensors(graph: Graph) -> dict[str, Shape]:
    return {name: tensor.shape for name, tensor in graph.tensors()}


def run_torch(graph: Graph, *inputs: Array, **options: Any) -> list[Array]:
    torch = pytest.importorskip("torch")
    module = archspec.to_torch(graph, **options)
    with torch.inference_mode():
        made = module(*(torch.from_numpy(x) for x in inputs))
    return [value.numpy() for value in (made if isinstance(made, tuple) else (made,))]


def run_onnx(path: Path, *inputs: Array) -> list[Array]:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return list(session.run(None, dict(zip(names, inputs, strict=True))))


def assert_close(found: Array, expected: Array, tolerance: float) -> None:
    """Equal, to within `tolerance` of the largest expected value."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())
