"""Transformers, and the kinds around them, as PyTorch modules and as ONNX files.

The expected outputs are those of PyTorch's own modules, put together by hand.
"""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import fx, nn

import archspec
from archspec.backends.onnx import write_model
from archspec.backends.torch import to_module
from archspec.graph import Graph
from tests import vit
from tests.cases import Case
from tests.graphs import graph_of as graph_of_layer
from tests.kinds_pointwise import POINTWISE
from tests.specs import graph_of, spec
from tests.test_onnx import assert_close, run, session

Array = NDArray[np.float32]


def weights_of(graph: Graph) -> dict[str, Array]:
    """Weights that are all different, small, and of both signs."""
    random = np.random.default_rng(3)
    return {
        name: random.uniform(-0.5, 0.5, tensor.shape).astype(np.float32)
        for name, tensor in graph.tensors()
    }


def inputs_of(graph: Graph, batch: int = 3) -> torch.Tensor:
    (type_,) = graph.inputs.values()
    return torch.randn(batch, *type_.shape, generator=torch.Generator().manual_seed(5))


# A transformer against PyTorch's own

ENCODER = """\
archspec: 1
name: vit
input: [3, 8, 12]
blocks:
  layer:
    layers:
      - residual:
          layers:
            - layer_norm: {name: norm1}
            - self_attention: {name: self_attn, num_heads: 3}
      - residual:
          layers:
            - layer_norm: {name: norm2}
            - fc: {name: linear1, out_features: 20, position_wise: true}
            - gelu
            - fc: {name: linear2, out_features: 12, position_wise: true}
  encoder:
    layers:
      - sequential: {name: layers, layers: [layer: {repeat: 2}]}
      - layer_norm: {name: norm}
layers:
  - patch_embedding: {name: patches, out_channels: 12, patch_size: 4}
  - class_token: {name: token}
  - position_embedding: {name: positions}
  - encoder: {name: encoder}
  - select: 0
  - fc: {name: head, out_features: 5}
"""


class Reference(nn.Module):
    """The same network of PyTorch's modules, with values of (N, L, C) as it has them."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 12, 4, 4)
        self.token = nn.Parameter(torch.empty(1, 1, 12))
        self.positions = nn.Parameter(torch.empty(1, 7, 12))
        layer = nn.TransformerEncoderLayer(
            12, 3, 20, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, 2, norm=nn.LayerNorm(12), enable_nested_tensor=False
        )
        self.head = nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1) + self.positions
        logits: torch.Tensor = self.head(self.encoder(tokens)[:, 0])
        return logits


@pytest.fixture(scope="module")
def pair() -> tuple[Graph, fx.GraphModule, Reference]:
    """A graph, its module, and the reference with the very same weights."""
    graph = graph_of(ENCODER)
    module = to_module(graph, weights_of(graph))
    reference = Reference().eval()
    reference.load_state_dict(module.state_dict(), strict=True)
    return graph, module, reference


@pytest.mark.parametrize("grad", [True, False], ids=["with gradients", "PyTorch's fast path"])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_vision_transformer_computes_what_pytorchs_encoder_does(
    pair: tuple[Graph, fx.GraphModule, Reference], grad: bool, batch: int
) -> None:
    graph, module, reference = pair
    x = inputs_of(graph, batch)
    with torch.set_grad_enabled(grad):
        torch.testing.assert_close(module(x), reference(x))


def test_a_vision_transformer_in_onnx_computes_what_pytorchs_encoder_does(
    pair: tuple[Graph, fx.GraphModule, Reference], tmp_path: Path
) -> None:
    graph, _, reference = pair
    path = tmp_path / "model.onnx"
    write_model(graph, weights_of(graph), path)
    runtime = session(path)
    for batch in (1, 4):
        x = inputs_of(graph, batch)
        with torch.no_grad():
            expected = reference(x)
        (output,) = runtime.run(None, {"input": x.numpy()})
        assert_close(output, expected.numpy())
    names = {tensor.name for tensor in onnx.load(path).graph.initializer}
    assert set(reference.state_dict()) <= names


def test_its_gradients_are_those_of_pytorchs_encoder(
    pair: tuple[Graph, fx.GraphModule, Reference],
) -> None:
    graph, module, reference = pair
    x = inputs_of(graph)
    for one in (module, reference):
        one.zero_grad()
        one.train()(x).square().sum().backward()
        one.eval()
    theirs = dict(reference.named_parameters())
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
        torch.testing.assert_close(parameter.grad, theirs[name].grad)


def test_a_step_of_attention_is_pytorchs_module_and_is_hooked_by_its_name(
    pair: tuple[Graph, fx.GraphModule, Reference],
) -> None:
    graph, module, _ = pair
    target = module.get_submodule("encoder.layers.0.self_attn")
    assert isinstance(target, nn.MultiheadAttention)
    assert isinstance(module.get_submodule("encoder.layers.0.norm1"), nn.LayerNorm)
    seen: list[torch.Size] = []
    handle = target.register_forward_hook(lambda _, __, output: seen.append(output[0].shape))
    module(inputs_of(graph))
    handle.remove()
    assert seen == [(3, 7, 12)]


def test_weights_go_through_a_safetensors_file_into_both_backends(
    pair: tuple[Graph, fx.GraphModule, Reference], tmp_path: Path
) -> None:
    graph, module, reference = pair
    file = tmp_path / "weights.safetensors"
    save_file(reference.state_dict(), file)
    x = inputs_of(graph)
    expected = module(x).detach()
    torch.testing.assert_close(archspec.to_torch(graph, file)(x), expected, rtol=0, atol=0)
    archspec.to_onnx(graph, tmp_path / "model.onnx", file)
    assert_close(run(tmp_path / "model.onnx", {"input": x.numpy()})[0], expected.numpy())


def test_dropout_of_attention_is_in_training_alone() -> None:
    graph = graph_of(spec("- self_attention: {num_heads: 2, dropout: 0.5}", "[4, 6]"))
    module, x = to_module(graph, weights_of(graph)), inputs_of(graph)
    torch.testing.assert_close(module(x), module(x), rtol=0, atol=0)
    module.train()
    assert not torch.equal(module(x), module(x))


# Stochastic depth

RANKS = [(7,), (7, 5), (7, 5, 4), (7, 5, 4, 3)]


def drop_path(p: float, shape: tuple[int, ...]) -> fx.GraphModule:
    return to_module(graph_of_layer(Case("drop_path", {"p": p}, ()).layer, shape), {})


@pytest.mark.parametrize("shape", RANKS)
def test_a_drop_path_drops_whole_samples_and_lets_the_rest_grow(shape: tuple[int, ...]) -> None:
    module = drop_path(0.25, shape).train()
    torch.manual_seed(0)
    x = torch.rand(2000, *shape) + 1
    factors = (module(x) / x).flatten(1)
    # Each sample by one factor: 0, or 1 / (1 - p)
    torch.testing.assert_close(factors, factors[:, :1].expand_as(factors))
    kept = factors[:, 0] > 0
    torch.testing.assert_close(factors[kept, 0], torch.full((int(kept.sum()),), 1 / 0.75))
    # 2,000 throws with p = 0.25 have a deviation of 19; four of them either way
    assert 424 < int((~kept).sum()) < 576


@pytest.mark.parametrize("shape", RANKS)
def test_at_inference_a_drop_path_is_its_input_without_a_copy(shape: tuple[int, ...]) -> None:
    module = drop_path(0.9, shape)
    x = torch.randn(2, *shape)
    output = module(x)
    assert torch.equal(output, x)
    assert output.data_ptr() == x.data_ptr()


@pytest.mark.parametrize("shape", RANKS)
def test_a_drop_path_of_0_keeps_all_and_one_of_1_nothing(shape: tuple[int, ...]) -> None:
    x = torch.randn(5, *shape)
    assert torch.equal(drop_path(0, shape).train()(x), x)
    assert torch.equal(drop_path(1, shape).train()(x), torch.zeros_like(x))


def test_a_dropped_sample_has_no_gradient_in_its_branch() -> None:
    graph = graph_of(spec("- residual: {layers: [tanh, drop_path: 0.5]}", "[4, 6]"))
    module = to_module(graph, {}).train()
    torch.manual_seed(0)
    x = torch.randn(64, 4, 6, requires_grad=True)
    module(x).sum().backward()
    assert x.grad is not None
    gradient = x.grad.flatten(1)
    dropped = (gradient == 1).all(1)
    assert 0 < int(dropped.sum()) < 64
    slope = 1 - torch.tanh(x.detach()).square().flatten(1)
    torch.testing.assert_close(gradient[~dropped], 1 + 2 * slope[~dropped])


# What people do with modules

EVERYTHING = spec(
    """
    - prelu: {num_parameters: channels}
    - layer_norm
    - group_norm: 3
    - instance_norm: {affine: true}
    - fc: {out_features: 6, position_wise: true}
    - relu
    - residual:
        layers: [hard_swish, scale: [1, -1, 2, 0.5, 1, 3], layer_scale: 0.3, drop_path: 0.2]
    - residual:
        layers: [mish, softplus: {beta: 2}, elu, shift: [1, 0, 0, 0, 0, -1], power: 2]
    - clamp: {min: -4, max: 4}
    - l2_normalize
    - layer_norm: {over: all}
    - patch_embedding: {out_channels: 6, patch_size: 2}
    - class_token: {name: token}
    - position_embedding: {name: positions}
    - self_attention: {num_heads: 2, name: attention}
    - drop_path: 0.1
    - hard_sigmoid
    - abs
    - log_softmax
    - flatten
    - fc: 4
    - drop_path: 0.1
    """,
    "[6, 6, 8]",
)


@pytest.fixture(scope="module")
def built() -> fx.GraphModule:
    graph = graph_of(EVERYTHING)
    return to_module(graph, weights_of(graph))


def assert_same(copied: Callable[..., Any], module: fx.GraphModule) -> None:
    for batch in (2, 3):
        x = inputs_of(graph_of(EVERYTHING), batch)
        with torch.no_grad():
            torch.testing.assert_close(copied(x), module(x))


def saved(module: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    copied: nn.Module = torch.load(file, weights_only=False)
    return copied


@pytest.mark.parametrize(
    "duplicate", [lambda m: pickle.loads(pickle.dumps(m)), saved, copy.deepcopy]
)
def test_a_copy_computes_the_same_with_the_same_state(
    duplicate: Callable[[nn.Module], nn.Module], built: fx.GraphModule
) -> None:
    copied = duplicate(built)
    names = [name for name, _ in graph_of(EVERYTHING).tensors()]
    assert list(copied.state_dict()) == list(built.state_dict())
    assert set(built.state_dict()) == set(names)
    assert_same(copied, built)


def test_a_saved_module_runs_and_trains_where_archspec_is_not_installed(
    built: fx.GraphModule, tmp_path: Path
) -> None:
    script = """
        import sys
        sys.modules["archspec"] = None  # importing it is an error
        import torch
        module = torch.load(sys.argv[1], weights_only=False)
        x, expected = torch.load(sys.argv[2])
        torch.testing.assert_close(module(x), expected)
        module.train()(x).sum().backward()
        assert all(parameter.grad is not None for parameter in module.parameters())
    """
    x = inputs_of(graph_of(EVERYTHING))
    torch.save(built, tmp_path / "module.pt")
    torch.save((x, built(x).detach()), tmp_path / "values.pt")
    done = subprocess.run(
        [
            *(sys.executable, "-c", textwrap.dedent(script)),
            *(str(tmp_path / "module.pt"), str(tmp_path / "values.pt")),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_module_can_be_exported_with_any_batch(built: fx.GraphModule) -> None:
    inputs = (inputs_of(graph_of(EVERYTHING)),)
    program = torch.export.export(built, inputs, dynamic_shapes=({0: torch.export.Dim("batch")},))
    assert set(program.state_dict) == set(built.state_dict())
    assert_same(program.module(), built)


def test_a_module_can_be_compiled_whole(built: fx.GraphModule) -> None:
    compiled = torch.compile(built, backend="eager", fullgraph=True)
    assert_same(compiled, built)
    trained = copy.deepcopy(built).train()
    torch.compile(trained, backend="eager", fullgraph=True)(inputs_of(graph_of(EVERYTHING)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_module_converts_to_other_precisions(dtype: torch.dtype, built: fx.GraphModule) -> None:
    x = inputs_of(graph_of(EVERYTHING))
    with torch.no_grad():
        expected, output = built(x), copy.deepcopy(built).to(dtype)(x.to(dtype))
    assert output.dtype == dtype
    torch.testing.assert_close(output.float(), expected, rtol=0.05, atol=0.05)


def test_a_constant_of_a_channel_follows_its_module_and_is_in_no_state_dict() -> None:
    graph = graph_of(spec("- scale: [2, 3]", "[2, 4]"))
    module = to_module(graph, {})
    assert list(module.state_dict()) == []
    for copied in (module, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert copied.to("meta")(torch.ones(1, 2, 4, device="meta")).device.type == "meta"


def test_a_relu_in_the_memory_of_a_position_wise_layer_has_the_right_gradients() -> None:
    text = "- fc: {name: one, out_features: 5, position_wise: true}\n- relu: {name: act}"
    graph = graph_of(spec(text, "[4, 6]"))
    module = to_module(graph, weights_of(graph)).train()
    act = module.get_submodule("act")
    assert isinstance(act, nn.ReLU) and act.inplace
    x = inputs_of(graph)
    module(x).square().sum().backward()
    found = {name: parameter.grad.clone() for name, parameter in module.named_parameters()}  # type: ignore[union-attr]
    module.zero_grad()
    act.inplace = False
    module(x).square().sum().backward()
    for name, parameter in module.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=0, atol=0)


# ONNX


def test_none_of_these_kinds_needs_a_later_opset_than_the_oldest(tmp_path: Path) -> None:
    for case in POINTWISE:
        write_model(
            graph_of_layer(case.layer, *case.shapes),
            weights_of(graph_of_layer(case.layer, *case.shapes)),
            tmp_path / "model.onnx",
        )
        (opset,) = onnx.load(tmp_path / "model.onnx").opset_import
        assert opset.version == 17, case.id


EXTREMES = ("elu", "hard_sigmoid", "hard_swish", "mish", "softplus", "log_softmax", "l2_normalize")


@pytest.mark.parametrize("kind", EXTREMES)
def test_at_extremes_both_backends_agree_and_nothing_overflows(kind: str, tmp_path: Path) -> None:
    values = [0.0, *(sign * 10.0**power for power in range(-6, 5) for sign in (1, -1))]
    values += [19.9, 20.1, 14.0, 17.0, 88.0, 89.0, -88.0, -104.0]
    x = torch.tensor(values).reshape(1, -1, 1).expand(2, -1, 3).contiguous()
    x[1] = 0
    graph = graph_of_layer(Case(kind, {}, ()).layer, (len(values), 3))
    expected = to_module(graph, {})(x)
    assert bool(expected.isfinite().all())
    write_model(graph, {}, tmp_path / "model.onnx")
    (output,) = run(tmp_path / "model.onnx", {"input": x.numpy()})
    np.testing.assert_allclose(output, expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "fields",
    [
        *({"threshold": threshold} for threshold in (-1, 0, 0.5, 8, 13, 14, 15, 30)),
        {"beta": 3, "threshold": 14},
        {"beta": 0.1, "threshold": 1},
    ],
)
def test_softplus_turns_to_its_input_where_pytorchs_does(
    fields: dict[str, float], tmp_path: Path
) -> None:
    layer = Case("softplus", fields, ()).layer
    graph = graph_of_layer(layer, (601,))
    x = torch.linspace(-30, 30, 601)[None]
    expected = nn.functional.softplus(x, fields.get("beta", 1), fields.get("threshold", 20))
    torch.testing.assert_close(to_module(graph, {})(x), expected, rtol=0, atol=0)
    write_model(graph, {}, tmp_path / "model.onnx")
    (output,) = run(tmp_path / "model.onnx", {"input": x.numpy()})
    np.testing.assert_allclose(output, expected.numpy(), rtol=3e-7, atol=1e-12)


@pytest.mark.parametrize("exponent", [0.5, -1, -2, 2.5])
def test_a_power_of_positive_numbers_may_be_any(exponent: float, tmp_path: Path) -> None:
    graph = graph_of_layer(Case("power", {"exponent": exponent}, ()).layer, (40,))
    x = torch.linspace(0.1, 4, 40)[None]
    expected = np.power(x.double().numpy(), exponent)
    np.testing.assert_allclose(to_module(graph, {})(x).numpy(), expected, rtol=1e-6)
    write_model(graph, {}, tmp_path / "model.onnx")
    (output,) = run(tmp_path / "model.onnx", {"input": x.numpy()})
    np.testing.assert_allclose(output, expected, rtol=1e-6)


# A whole one, with torchvision's names


def test_a_vision_transformer_with_every_dropout_is_the_same_in_both_backends(
    tmp_path: Path,
) -> None:
    graph = graph_of(vit.SPEC, **vit.TINY, p=0.1)
    weights, x = weights_of(graph), inputs_of(graph)
    write_model(graph, weights, tmp_path / "model.onnx")
    with torch.no_grad():
        expected = to_module(graph, weights)(x)
    assert_close(run(tmp_path / "model.onnx", {"input": x.numpy()})[0], expected.numpy())
