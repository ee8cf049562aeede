"""Weights outside the ONNX file: pointed at where they lie, copied by the system, or apart."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import checker

from archspec import weights as archspec_weights
from archspec.backends.onnx import Options, write, write_model
from archspec.graph import Graph
from archspec.layers.activation import Relu
from archspec.layers.conv import Conv
from archspec.layers.linear import FullyConnected
from archspec.metadata import Precision
from archspec.weights import Location, Stored, Weights, save_safetensors
from archspec.weights.stored import Identity
from tests.graphs import chain_of
from tests.test_onnx import NET, Array, python, random_inputs, random_weights, run

TRANSPOSED = chain_of(
    Conv(out_channels=4, kernel_size=3),
    FullyConnected(out_features=5, position_wise=True),
    shape=(3, 8, 8),
)
"""Its second weight is stored turned round once constants are folded."""


def saved(graph: Graph, path: Path) -> Weights:
    """Weights of the graph, from the file that they were saved to."""
    arrays = random_weights(graph)
    if path.suffix == ".safetensors":
        save_safetensors(path, arrays)
    else:
        torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, path)
    return archspec_weights.load(graph, path)


def places(path: Path) -> dict[str, dict[str, str]]:
    """What the model says of each tensor that lies outside it."""
    return {
        tensor.name: {entry.key: entry.value for entry in tensor.external_data}
        for tensor in onnx.load(path, load_external_data=False).graph.initializer
        if tensor.data_location == onnx.TensorProto.EXTERNAL
    }


def assert_same_outputs(graph: Graph, path: Path, weights: Weights) -> None:
    """The model computes what a copy of the weights does, and onnx's full checker has no word."""
    checker.check_model(path, full_check=True)
    whole = path.with_name("whole.onnx")
    write_model(graph, dict(weights), whole)
    given = random_inputs(graph, 2)
    np.testing.assert_array_equal(run(path, given)[0], run(whole, given)[0])


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth", "Gewichte é 1.safetensors"])
def test_a_model_points_at_a_file_of_weights_in_its_folder(name: str, tmp_path: Path) -> None:
    weights, path = saved(NET, tmp_path / name), tmp_path / "model.onnx"
    write_model(NET, weights, path, pointing=True)
    assert set(places(path)) == set(weights)
    for key, place in places(path).items():
        assert place["location"] == name
        there = weights.location(key)
        assert there is not None
        assert (int(place["offset"]), int(place["length"])) == (there.offset, there.length)
    assert_same_outputs(NET, path, weights)


def test_nothing_of_what_a_model_points_at_is_read(tmp_path: Path) -> None:
    def read() -> Array:
        raise AssertionError("it was read")

    weights = saved(NET, tmp_path / "weights.safetensors")
    unreadable = {
        name: Stored(tensor.shape, "float32", read, weights.location(name))
        for name, tensor in NET.tensors()
    }
    write_model(NET, Weights(unreadable), tmp_path / "model.onnx", pointing=True)
    assert_same_outputs(NET, tmp_path / "model.onnx", weights)


@pytest.mark.parametrize("offset", [1, 6, 64])
def test_weights_may_begin_at_any_byte(offset: int, tmp_path: Path) -> None:
    arrays, stored = random_weights(NET), {}
    path = tmp_path / "weights.bin"
    path.write_bytes(b"?" * offset + b"".join(array.tobytes() for array in arrays.values()))
    identity, start = Identity.of(path.stat()), offset
    for name, array in arrays.items():
        place = Location(os.fspath(path), start, array.nbytes, identity)
        stored[name] = Stored(array.shape, "float32", partial(np.asarray, array), place)
        start += array.nbytes
    write_model(NET, Weights(stored), tmp_path / "model.onnx", pointing=True)
    assert_same_outputs(NET, tmp_path / "model.onnx", Weights(stored))


def test_what_is_worked_out_from_weights_is_written_and_the_rest_pointed_at(
    tmp_path: Path,
) -> None:
    weights = saved(TRANSPOSED, tmp_path / "weights.safetensors")
    path, options = tmp_path / "model.onnx", Options(fold_constants=True)
    write_model(TRANSPOSED, weights, path, options=options, pointing=True)
    assert set(places(path)) == {"layer0.weight", "layer0.bias", "layer1.bias"}
    assert_same_outputs(TRANSPOSED, path, weights)

    write_model(TRANSPOSED, weights, path, options=options, pointing=True, inline_limit=0)
    found = {name: place["location"] for name, place in places(path).items()}
    assert found == {
        "layer0.weight": "weights.safetensors",
        "layer0.bias": "weights.safetensors",
        "layer1.bias": "weights.safetensors",
        "layer1/matrix": "model.onnx.data",
    }
    assert_same_outputs(TRANSPOSED, path, weights)


def test_weights_that_lie_in_no_file_are_written(tmp_path: Path) -> None:
    weights = archspec_weights.load(NET, None, seed=3)
    write_model(NET, weights, tmp_path / "model.onnx", pointing=True)
    assert places(tmp_path / "model.onnx") == {}
    assert_same_outputs(NET, tmp_path / "model.onnx", weights)


@pytest.mark.parametrize(
    ("stored", "precision", "is_pointed_at"),
    [
        (torch.float16, "fp16", True),
        (torch.bfloat16, "bf16", True),
        (torch.float32, "fp16", False),
        (torch.float16, "fp32", False),
        (torch.float16, "bf16", False),
    ],
)
def test_weights_are_pointed_at_where_they_are_stored_as_the_model_has_them(
    stored: torch.dtype, precision: Precision, is_pointed_at: bool, tmp_path: Path
) -> None:
    tensors = {n: torch.from_numpy(a).to(stored) for n, a in random_weights(NET).items()}
    torch.save(tensors, tmp_path / "weights.pth")
    weights, path = archspec_weights.load(NET, tmp_path / "weights.pth"), tmp_path / "model.onnx"
    options = Options(precision=precision)
    write_model(NET, weights, path, options=options, pointing=True)
    assert set(places(path)) == (set(weights) if is_pointed_at else set())
    checker.check_model(path, full_check=True)
    copied = tmp_path / "copied.onnx"
    write_model(NET, weights, copied, options=options)
    for found, expected in zip(
        onnx.load(path).graph.initializer, onnx.load(copied).graph.initializer, strict=True
    ):
        assert found.name == expected.name
        assert found.raw_data == expected.raw_data


# Where a model cannot point


def refuse(folder: Path, weights: Weights, path: Path, match: str) -> None:
    before = sorted(folder.rglob("*"))
    with pytest.raises(ValueError, match=match):
        write_model(NET, weights, path, pointing=True)
    assert sorted(folder.rglob("*")) == before


def test_weights_in_another_folder_are_refused_with_the_ways_out(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    weights = saved(NET, tmp_path / "elsewhere" / "weights.safetensors")
    match = r"in another folder: put the two in one folder, or copy them with `--weights`$"
    refuse(tmp_path, weights, tmp_path / "model.onnx", match)


def test_weights_behind_a_link_are_refused(tmp_path: Path) -> None:
    # The checker of onnx takes none, and onnxruntime none that leads elsewhere.
    saved(NET, tmp_path / "weights.safetensors")
    (tmp_path / "link.safetensors").symlink_to("weights.safetensors")
    weights = archspec_weights.load(NET, tmp_path / "link.safetensors")
    refuse(tmp_path, weights, tmp_path / "model.onnx", r"link\.safetensors, which is a link: put")


def test_weights_with_several_names_are_refused(tmp_path: Path) -> None:
    weights = saved(NET, tmp_path / "weights.safetensors")
    (tmp_path / "other").hardlink_to(tmp_path / "weights.safetensors")
    refuse(tmp_path, weights, tmp_path / "model.onnx", r"which is a hard link, one name of several")


def test_a_model_that_is_a_link_to_another_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    weights = saved(NET, tmp_path / "weights.safetensors")
    (tmp_path / "model.onnx").symlink_to("elsewhere/model.onnx")
    refuse(tmp_path, weights, tmp_path / "model.onnx", r"is a link to another folder")


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"weights-\xff.safetensors")
    weights = saved(NET, path)
    refuse(tmp_path, weights, tmp_path / "model.onnx", "its name is not UTF-8")


def test_a_folder_behind_a_link_is_one_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    weights = saved(NET, tmp_path / "link" / "weights.safetensors")
    write_model(NET, weights, tmp_path / "real" / "model.onnx", pointing=True)
    assert_same_outputs(NET, tmp_path / "real" / "model.onnx", weights)


def test_weights_are_found_beside_a_model_without_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(NET, tmp_path / "weights.safetensors")
    weights = archspec_weights.load(NET, "weights.safetensors")
    write_model(NET, weights, "model.onnx", pointing=True)
    assert_same_outputs(NET, tmp_path / "model.onnx", weights)


def test_the_weights_are_not_written_over(tmp_path: Path) -> None:
    weights = saved(NET, tmp_path / "model.onnx.safetensors")
    path = tmp_path / "model.onnx.safetensors"
    refuse(tmp_path, weights, path, "is what the weights are read from: choose another --output")


@pytest.mark.parametrize("pointing", [False, True])
def test_the_weights_are_not_written_over_by_the_file_beside_the_model(
    pointing: bool, tmp_path: Path
) -> None:
    apart = tmp_path / "model.onnx.data"
    save_safetensors(apart, random_weights(TRANSPOSED))
    before = apart.read_bytes()
    weights = archspec_weights.load(TRANSPOSED, apart)
    with pytest.raises(ValueError, match=r"model\.onnx\.data would be written, and is what the"):
        write_model(
            TRANSPOSED,
            weights,
            tmp_path / "model.onnx",
            options=Options(fold_constants=True),
            pointing=pointing,
            inline_limit=0,
        )
    assert apart.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx.data"]


def test_weights_are_not_put_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    other = tmp_path / "elsewhere" / "other"
    other.write_text("another's")
    (tmp_path / "model.onnx.data").symlink_to(other)
    with pytest.raises(ValueError, match=r"would go into .*model\.onnx\.data, which is a link"):
        write_model(NET, random_weights(NET), tmp_path / "model.onnx", inline_limit=0)
    assert other.read_text() == "another's"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["elsewhere", "model.onnx.data"]


def test_weights_are_not_put_into_a_file_whose_name_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"model-\xff.onnx")
    with pytest.raises(ValueError, match=r"model-\\udcff\.onnx\.data: its name is not UTF-8"):
        write_model(NET, random_weights(NET), path, inline_limit=0)
    assert not list(tmp_path.iterdir())


def test_a_file_that_another_has_replaced_is_not_pointed_at(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    weights = saved(NET, path)
    save_safetensors(path, {name: array + 1 for name, array in random_weights(NET).items()})
    refuse(tmp_path, weights, tmp_path / "model.onnx", "has been replaced or changed")


# Copies

WIDE = chain_of(FullyConnected(out_features=300), Relu(), shape=(300,))
"""Its weight is worth a copy by the system."""


@pytest.mark.parametrize("limit", [write.INLINE_LIMIT, 0], ids=["inline", "apart"])
def test_what_the_system_copies_is_what_is_written(
    limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = saved(WIDE, tmp_path / "weights.safetensors")
    copied, written = tmp_path / "copied.onnx", tmp_path / "written.onnx"
    write_model(WIDE, weights, copied, inline_limit=limit)
    write_model(WIDE, dict(weights), written, inline_limit=limit)
    for suffix in [".onnx"] if limit else [".onnx.data"]:
        assert copied.with_suffix(suffix).read_bytes() == written.with_suffix(suffix).read_bytes()

    # A file system that cannot: the arrays are written instead, with what was begun overwritten.
    calls = []

    def copy(source: int, target: int, count: int, *offsets: int) -> int:
        calls.append(count)
        if len(calls) % 2:
            return os.pwrite(target, b"?" * 100, offsets[1])
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "copy_file_range", copy)
    again = tmp_path / "again.onnx"
    write_model(WIDE, weights, again, inline_limit=limit)
    assert calls
    for suffix in [".onnx"] if limit else [".onnx.data"]:
        assert again.with_suffix(suffix).read_bytes() == written.with_suffix(suffix).read_bytes()


def test_a_file_that_another_has_replaced_is_not_copied(tmp_path: Path) -> None:
    # What was loaded is what is written.
    path, arrays = tmp_path / "weights.safetensors", random_weights(WIDE)
    weights = saved(WIDE, path)
    save_safetensors(path, {name: array + 1 for name, array in arrays.items()})
    write_model(WIDE, weights, tmp_path / "model.onnx")
    for tensor in onnx.load(tmp_path / "model.onnx").graph.initializer:
        np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), arrays[tensor.name])


def test_a_copy_takes_no_memory(tmp_path: Path) -> None:
    peak_of = """
        import resource, sys
        from archspec import weights
        from archspec.backends.onnx import write_model
        from archspec.layers.linear import FullyConnected
        from tests.graphs import chain_of

        graph = chain_of(FullyConnected(out_features=4096, bias=False), shape=(4096,))
        given = weights.load(graph, sys.argv[1])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        write_model(graph, given, sys.argv[2])
        print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
    """
    graph = chain_of(FullyConnected(out_features=4096, bias=False), shape=(4096,))
    path = tmp_path / "weights.safetensors"
    save_safetensors(path, archspec_weights.load(graph, None))
    done = python(peak_of, str(path), str(tmp_path / "model.onnx"))
    assert done.returncode == 0, done.stderr
    nbytes = 4 * 4096 * 4096
    assert (tmp_path / "model.onnx").stat().st_size > nbytes
    assert int(done.stdout) < nbytes // 2


def test_a_full_disk_in_the_middle_of_a_copy_leaves_nothing(tmp_path: Path) -> None:
    saved(WIDE, tmp_path / "weights.safetensors")
    limited = """
        import resource, sys
        from archspec import weights
        from archspec.backends.onnx import write_model
        from archspec.layers.activation import Relu
        from archspec.layers.linear import FullyConnected
        from tests.graphs import chain_of

        graph = chain_of(FullyConnected(out_features=300), Relu(), shape=(300,))
        given = weights.load(graph, sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        for limit in (2**31, 0):
            try:
                write_model(graph, given, sys.argv[2], inline_limit=limit)
            except OSError as error:
                print(error)
    """
    done = python(limited, str(tmp_path / "weights.safetensors"), str(tmp_path / "model.onnx"))
    assert done.stdout == "[Errno 27] File too large\n" * 2, done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["weights.safetensors"]


@pytest.mark.parametrize("limit", [write.INLINE_LIMIT, 0], ids=["inline", "apart"])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_an_interrupt_leaves_nothing(limit: int, precision: Precision, tmp_path: Path) -> None:
    def interrupted() -> Array:
        raise KeyboardInterrupt

    arrays = random_weights(NET)
    stored = {n: Stored(a.shape, "float32", partial(np.asarray, a)) for n, a in arrays.items()}
    stored["layer2.weight"] = Stored(arrays["layer2.weight"].shape, "float32", interrupted)
    options = Options(precision=precision)
    with pytest.raises(KeyboardInterrupt):
        write_model(
            NET, Weights(stored), tmp_path / "model.onnx", options=options, inline_limit=limit
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pointing", [True, False], ids=["pointing", "copied"])
def test_weights_that_are_written_anew_meanwhile_are_refused(
    pointing: bool, tmp_path: Path
) -> None:
    source = tmp_path / "weights.safetensors"
    weights = saved(NET, source)
    data = bytearray(source.read_bytes())
    data[-4:] = b"\0\0\0\0"
    with source.open("r+b") as file:  # The same file, of the same size.
        file.write(data)
    with pytest.raises(ValueError, match="changed since it was read: build once more"):
        write_model(NET, weights, tmp_path / "model.onnx", pointing=pointing)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.safetensors"]
