"""Devices: which provider runs which operation, and an error wherever that is not what was asked.

No GPU is needed: sessions are onnxruntime's own on the CPU, which say of their operations what one
on a GPU would. What onnxruntime-gpu 1.31.1 writes and raises without CUDA, without a driver and
with one that refuses is quoted from it; what it says of a run that fails, from reports of such.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import onnx
import onnxruntime
import pytest

import archspec
from archspec.cli import main
from archspec.runtime import engines, providers
from archspec.runtime.engines import cache_folder, engine_folder
from archspec.runtime.errors import DeviceError, InputError, ModelError
from archspec.runtime.placement import (
    CPU,
    CUDA,
    TENSORRT,
    Placement,
    describe,
    provider_options,
)
from archspec.runtime.session import Model, open_model
from archspec.runtime.trial import try_device

Operations = Mapping[str, str]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeNet-5, whose input is called `input` and whose batch is free."""
    path = tmp_path_factory.mktemp("network") / "lenet5.onnx"
    archspec.to_onnx(archspec.load("lenet5"), path)
    return path


@pytest.fixture
def pictures() -> dict[str, Any]:
    values = np.random.default_rng(0).random((2, 1, 28, 28), np.float32)
    return {"input": values}


class GpuSession:
    """onnxruntime's session on the CPU, which says that it runs on a GPU."""

    provider: ClassVar[str] = CUDA
    others: ClassVar[Operations] = {}
    """The operations, by name, that another provider runs."""
    starts: ClassVar[bool] = True
    log: ClassVar[str] = ""
    raises: ClassVar[Exception | None] = None
    fails: ClassVar[Exception | None] = None
    opened: ClassVar[list[GpuSession]] = []

    def __init__(self, path: str, options: Any, providers: list[Any], **keywords: Any) -> None:
        self.asked = providers
        self.options = options
        self.keywords = keywords
        self.runs: list[Any] = []
        self.opened.append(self)
        os.write(2, self.log.encode())
        if self.raises is not None:
            raise self.raises
        self.real = real_session(path, options, providers=[CPU], **keywords)

    def get_providers(self) -> list[str]:
        return [name for name, _ in self.asked if self.starts] + [CPU]

    def get_provider_graph_assignment_info(self) -> list[Any]:
        return [
            SimpleNamespace(
                ep_name=self.others.get(node.name, self.provider),
                get_nodes=lambda node=node: [node],
            )
            for part in self.real.get_provider_graph_assignment_info()
            for node in part.get_nodes()
        ]

    def run(self, names: Any, feeds: Any, options: Any = None) -> Any:
        self.runs.append(options)
        if self.fails is not None:
            raise self.fails
        return self.real.run(names, feeds, options)

    def run_with_iobinding(self, binding: Any, options: Any = None) -> None:
        self.runs.append(options)
        self.real.run_with_iobinding(binding.real, options)

    def io_binding(self) -> Any:
        return GpuBinding(self.real.io_binding())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class GpuBinding:
    """A binding whose memory of the GPU is the CPU's."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def bind_output(self, name: str, device: str, device_id: int) -> None:
        assert (device, device_id) == ("cuda", 1)
        self.real.bind_output(name, "cpu", 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


real_session: Any = onnxruntime.InferenceSession


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> type[GpuSession]:
    """An onnxruntime with CUDA and TensorRT, as it behaves where both work."""

    class Session(GpuSession):
        opened: ClassVar[list[GpuSession]] = []

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "")  # so that it is put back
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE")
    return Session


def refused(path: Path, placement: Placement) -> str:
    with pytest.raises(DeviceError) as caught:
        open_model(path, placement)
    return str(caught.value)


# A provider that is not there


def test_a_device_that_onnxruntime_was_built_without_is_an_error_that_says_what_to_install(
    network: Path,
) -> None:
    message = refused(network, Placement("cuda"))
    assert message.startswith(
        f"there is no CUDA in this onnxruntime (onnxruntime {onnxruntime.__version__})"
    )
    assert 'pip uninstall -y onnxruntime, then pip install "archspec-nn[run-gpu]"' in message


def test_two_onnxruntimes_in_one_folder_are_named(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {"onnxruntime": ["onnxruntime-gpu", "onnxruntime", "onnxruntime"]}
    monkeypatch.setattr(metadata, "packages_distributions", lambda: both)
    monkeypatch.setattr(metadata, "version", {"onnxruntime": "1.32", "onnxruntime-gpu": "1.31"}.get)
    message = refused(network, Placement("tensorrt"))
    assert message.startswith("onnxruntime 1.32 and onnxruntime-gpu 1.31 are both installed")
    assert "pip uninstall -y onnxruntime onnxruntime-gpu, then pip install" in message


def test_the_command_line_ends_with_2_and_one_line(
    network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(network), "a.png", "--device", "cuda"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("archspec: error: there is no CUDA") and error.count("\n") == 1


# A provider that does not start: the logs of onnxruntime-gpu 1.31.1

LOG = (
    "\x1b[1;31m2026-11-23 02:01:04.265 [E:onnxruntime:Default, provider_bridge_ort.cc:2458 "
    "operator()] /onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:2043 "
    "onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : "
    "Failed to load library /site-packages/onnxruntime/capi/libonnxruntime_providers_cuda.so with "
    "error: {}: cannot open shared object file: No such file or directory\n\x1b[m\n"
)
DROPPED = (
    "\x1b[0;93m2026-11-23 02:01:04.265 [W:onnxruntime:Default, onnxruntime_pybind_state.cc:1295 "
    "CreateExecutionProviderFactoryInstance] Failed to create CUDAExecutionProvider. Require cuDNN "
    "9.* and CUDA 13.*.\x1b[m\n"
)
REFUSED = (
    "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider_info.cc:63 static "
    "onnxruntime::CUDAExecutionProviderInfo onnxruntime::CUDAExecutionProviderInfo::"
    "FromProviderOptions(const onnxruntime::ProviderOptions&) [ONNXRuntimeError] : 1 : FAIL : "
    'provider_options_utils.h:187 Parse Failed to parse provider option "device_id": CUDA failure '
    "35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1 ; hostname=vm ; "
    "file=/onnxruntime_src/cuda_execution_provider_info.cc ; line=70 ; "
    "expr=cudaGetDeviceCount(&num_devices); \n"
)


@pytest.mark.parametrize(
    ("library", "way_out"),
    [
        ("libcuda.so.1", "it comes with NVIDIA's driver"),
        ("libcublasLt.so.13", 'pip install "onnxruntime-gpu[cuda,cudnn]", which brings CUDA 13'),
        ("libnvinfer.so.10", 'pip install "tensorrt-cu13==10.*"'),
    ],
)
def test_a_provider_that_onnxruntime_drops_is_an_error_that_names_the_missing_library(
    gpu: type[GpuSession],
    network: Path,
    library: str,
    way_out: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu, "starts", False)
    monkeypatch.setattr(gpu, "log", LOG.format(library) + DROPPED)
    message = refused(network, Placement("cuda"))
    assert message.startswith(f"CUDA cannot start: the library {library} is missing; ")
    assert way_out in message
    assert capfd.readouterr().err == ""  # It is told once.


def test_the_reason_is_the_last_error_where_no_library_is_missing(
    gpu: type[GpuSession], network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "starts", False)
    monkeypatch.setattr(gpu, "log", DROPPED)
    message = refused(network, Placement("cuda"))
    assert message.startswith(
        "CUDA cannot start (Failed to create CUDAExecutionProvider. Require cuDNN 9.* and CUDA 13."
    )
    monkeypatch.setattr(gpu, "log", "")
    assert refused(network, Placement("cuda")).startswith("CUDA cannot start; ")


def test_a_driver_that_refuses_is_told_in_nvidia_s_words(
    gpu: type[GpuSession], network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "raises", RuntimeError(REFUSED))
    assert refused(network, Placement("cuda")).startswith(
        "CUDA cannot open the model (CUDA failure 35: CUDA driver version is insufficient for CUDA "
        "runtime version); `nvidia-smi`"
    )


def test_onnxruntime_s_own_way_back_to_the_cpu_is_closed(
    gpu: type[GpuSession], network: Path
) -> None:
    open_model(network, Placement("cuda"))
    assert [session.keywords for session in gpu.opened] == [{"enable_fallback": 0}]


def test_a_broken_file_is_no_fault_of_the_device(gpu: type[GpuSession], tmp_path: Path) -> None:
    broken = tmp_path / "model.onnx"
    broken.write_bytes(b"no model at all")
    with pytest.raises(ModelError, match=r"model\.onnx"):
        open_model(broken, Placement("cuda"))


def test_standard_error_is_as_it_was_after_a_failure(
    gpu: type[GpuSession],
    network: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu, "raises", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        open_model(network, Placement("cuda"))
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_where_there_is_no_room_for_a_file_standard_error_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", fails)
    with providers.standard_error() as log:
        os.write(2, b"said")
    assert (log.text, capfd.readouterr().err) == ("", "said")


def test_a_closed_standard_error_hides_no_reason_that_was_raised(network: Path) -> None:
    program = (
        "import os, sys; os.close(2)\n"
        "from archspec.runtime.providers import standard_error\n"
        "with standard_error() as log: pass\n"
        "print(repr(log.text))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "''\n")


# Where every operation runs


def test_operations_on_the_cpu_are_named_and_refused(
    gpu: type[GpuSession], network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "others", {"max_pool1": CPU, "fc2": CPU})
    assert refused(network, Placement("cuda")) == (
        f"{network}: CUDA does not run 2 of the model's 12 operations, which would go to the CPU: "
        "`max_pool1` (MaxPool), `fc2` (Gemm); --allow-cpu-fallback lets them"
    )


def test_where_that_is_allowed_the_command_names_them_in_a_warning(
    gpu: type[GpuSession],
    network: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(gpu, "others", {"max_pool1": CPU})
    np.save(tmp_path / "a.npy", np.zeros((1, 28, 28), np.float32))
    arguments = ["run", str(network), str(tmp_path / "a.npy"), "--device", "cuda"]
    assert main([*arguments, "--allow-cpu-fallback"]) == 0
    settings, warning = capsys.readouterr().err.splitlines()
    assert settings == (
        "archspec: device cuda:0, nodes on the CPU allowed, batch free, TF32 off, cuDNN search "
        "heuristic, CUDA graph off"
    )
    assert warning == (
        "archspec: warning: 1 of 12 operations run on the CPU: `max_pool1` (MaxPool)"
    )


def test_what_tensorrt_leaves_to_cuda_is_on_the_gpu_and_named(
    gpu: type[GpuSession],
    network: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(gpu, "provider", TENSORRT)
    monkeypatch.setattr(gpu, "others", {"fc1": CUDA})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    np.save(tmp_path / "a.npy", np.zeros((1, 28, 28), np.float32))
    arguments = ["run", str(network), str(tmp_path / "a.npy"), "--device", "tensorrt"]
    assert main(arguments) == 0
    assert "CUDA runs what TensorRT does not: `fc1` (Gemm)" in capsys.readouterr().err


def test_many_operations_are_named_up_to_ten() -> None:
    operations = [providers.Operation(f"conv{n}", "Conv", CPU) for n in range(1, 14)]
    assert providers.named(operations).endswith("`conv10` (Conv) and 3 more")


def test_an_onnxruntime_that_cannot_say_where_operations_run_is_told_to_refuse_the_cpu(
    gpu: type[GpuSession],
    network: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delattr(GpuSession, "get_provider_graph_assignment_info")
    # The session that stands for the GPU's is on the CPU, and refuses that in turn.
    assert refused(network, Placement("cuda")).startswith("CUDA cannot open the model (")
    key = "session.disable_cpu_ep_fallback"
    assert gpu.opened[-1].options.get_session_config_entry(key) == "1"
    np.save(tmp_path / "a.npy", np.zeros((1, 28, 28), np.float32))
    arguments = ["run", str(network), str(tmp_path / "a.npy"), "--device", "cuda"]
    assert main([*arguments, "--allow-cpu-fallback"]) == 0
    assert "cannot say which operations run on the CPU" in capsys.readouterr().err


# The first run


def test_a_gpu_that_fails_at_a_run_is_no_fault_of_the_input(
    gpu: type[GpuSession],
    network: Path,
    pictures: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = open_model(network, Placement("cuda"))
    monkeypatch.setattr(
        gpu,
        "fails",
        RuntimeError(
            "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running Conv node."
            " Name:'conv1' Status Message: CUDNN failure 5000: CUDNN_STATUS_EXECUTION_FAILED ; "
            "GPU=0 ; hostname=vm ; file=/onnxruntime_src/conv.cc ; line=412;"
        ),
    )
    with pytest.raises(DeviceError) as caught:
        model.predict(pictures)
    assert str(caught.value) == (
        f"{network}: CUDA failed when it ran the model (CUDNN failure 5000: "
        "CUDNN_STATUS_EXECUTION_FAILED); `archspec doctor` tries the device, and --device cpu runs "
        "without it"
    )


def test_a_batch_that_does_not_fit_into_the_gpu_s_memory_asks_for_fewer_samples(
    gpu: type[GpuSession],
    network: Path,
    pictures: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = open_model(network, Placement("cuda"))
    said = "BFCArena::AllocateRawInternal(size_t) Failed to allocate memory for requested buffer"
    monkeypatch.setattr(gpu, "fails", RuntimeError(f"[ONNXRuntimeError] : 6 : FAIL : {said}"))
    with pytest.raises(InputError, match=r"memory of CUDA .*; give fewer samples at once$"):
        model.predict(pictures)


def test_an_input_of_another_shape_is_the_input_s_fault_on_a_gpu_too(
    gpu: type[GpuSession], network: Path
) -> None:
    model = open_model(network, Placement("cuda"))
    with pytest.raises(InputError, match="Got invalid dimensions for input"):
        model.predict({"input": np.zeros((1, 2, 28, 28), np.float32)})


# Settings


def options_of(session: GpuSession, provider: str) -> dict[str, str]:
    options: dict[str, str] = dict(session.asked)[provider]
    return options


def test_tf32_is_off_and_kernels_are_timed_where_all_sizes_are_fixed(
    gpu: type[GpuSession], network: Path
) -> None:
    open_model(network, Placement("cuda"))
    assert options_of(gpu.opened[-1], CUDA) == {
        "device_id": "0",
        "cudnn_conv_algo_search": "HEURISTIC",
        "use_tf32": "0",
        "enable_cuda_graph": "0",
    }
    model = open_model(network, Placement("cuda", device_id=1, batch=2, tf32=True))
    assert options_of(gpu.opened[-1], CUDA) == {
        "device_id": "1",
        "cudnn_conv_algo_search": "EXHAUSTIVE",
        "use_tf32": "1",
        "enable_cuda_graph": "0",
    }
    assert dict(describe(model.placement))["cuDNN search"] == "exhaustive"
    open_model(network, Placement("cuda", batch=2, cudnn_search="default"))
    assert options_of(gpu.opened[-1], CUDA)["cudnn_conv_algo_search"] == "DEFAULT"


def test_a_fixed_batch_is_fixed_in_the_session(network: Path, pictures: dict[str, Any]) -> None:
    model = open_model(network, Placement(batch=2))
    assert model.inputs[0].shape == (2, 1, 28, 28)
    free = open_model(network).predict(pictures)
    np.testing.assert_array_equal(model.predict(pictures)["fc3"], free["fc3"])


def test_a_batch_that_the_file_fixes_otherwise_is_an_error(tmp_path: Path, network: Path) -> None:
    model = onnx.load(network)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4
    onnx.save(model, tmp_path / "fixed.onnx")
    with pytest.raises(ModelError, match=r"`input` \(4 × 1 × 28 × 28\) cannot be fixed to 2"):
        open_model(tmp_path / "fixed.onnx", Placement(batch=2))
    assert open_model(tmp_path / "fixed.onnx", Placement(batch=4)).inputs[0].shape[0] == 4


def test_threads_are_onnxruntime_s_own_choice_unless_said(network: Path) -> None:
    def threads(placement: Placement) -> int:
        session = open_model(network, placement).session
        return int(session.get_session_options().intra_op_num_threads)

    assert (threads(Placement()), threads(Placement(threads=2))) == (0, 2)
    assert describe(Placement(threads=2))[1] == ("threads", "2")


@pytest.mark.parametrize(
    ("precision", "flags"),
    [("fp32", "000"), ("fp16", "100"), ("bf16", "010"), ("int8", "001")],
)
def test_tensorrt_may_use_the_precision_of_the_model_and_no_other(
    precision: Any, flags: str
) -> None:
    (name, options), (second, _) = provider_options(Placement("tensorrt"), precision)
    assert (name, second) == (TENSORRT, CUDA)
    types = ("fp16", "bf16", "int8")
    assert "".join(options[f"trt_{each}_enable"] for each in types) == flags


def test_the_metadata_says_the_precision(
    gpu: type[GpuSession], network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "provider", TENSORRT)
    model = onnx.load(network)
    (entry,) = model.metadata_props
    entry.value = json.dumps({**json.loads(entry.value), "precision": "fp16"})
    onnx.save(model, tmp_path / "half.onnx")
    open_model(tmp_path / "half.onnx", Placement("tensorrt", engine_cache=tmp_path))
    assert options_of(gpu.opened[-1], TENSORRT)["trt_fp16_enable"] == "1"


def test_without_tf32_nvidia_s_libraries_are_told_so_before_tensorrt_is_loaded(
    gpu: type[GpuSession], network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "provider", TENSORRT)
    open_model(network, Placement("tensorrt", tf32=True, engine_cache=tmp_path))
    assert "NVIDIA_TF32_OVERRIDE" not in os.environ
    open_model(network, Placement("tensorrt", engine_cache=tmp_path))
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == "0"


# TensorRT's engines


def test_engines_are_kept_apart_by_content_batch_tf32_and_version(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placement = Placement("tensorrt", engine_cache=tmp_path / "engines")
    first = engine_folder(network, placement)
    assert first.is_dir() and engine_folder(network, placement) == first
    other = tmp_path / "other.onnx"
    archspec.to_onnx(archspec.load("lenet5"), other, seed=1)
    folders = {
        first,
        engine_folder(other, placement),
        engine_folder(network, Placement("tensorrt", batch=8, engine_cache=tmp_path / "engines")),
        engine_folder(network, Placement("tensorrt", tf32=True, engine_cache=tmp_path / "engines")),
    }
    monkeypatch.setattr(engines, "tensorrt_version", lambda: "10.9.0")
    folders.add(engine_folder(network, placement))
    assert len(folders) == 5


def test_engines_follow_weights_that_lie_in_a_file_of_their_own(
    network: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(onnx.load(network), path, save_as_external_data=True, location="w", size_threshold=0)
    placement = Placement("tensorrt", engine_cache=tmp_path / "engines")
    before = engine_folder(path, placement)
    data = bytearray((tmp_path / "w").read_bytes())
    data[-1] ^= 1
    (tmp_path / "w").write_bytes(data)
    assert engine_folder(path, placement) != before
    (tmp_path / "w").unlink()
    with pytest.raises(ModelError, match="cannot be read: no such file"):
        engine_folder(path, placement)


def test_a_folder_that_engines_cannot_be_kept_in_is_an_error(network: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="--engine-cache"):
        engine_folder(network, Placement("tensorrt", engine_cache=tmp_path / "file"))


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches/archspec"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/ada/.cache/archspec"),
        ("linux", {}, "/home/ada/.cache/archspec"),
        ("darwin", {}, "/home/ada/Library/Caches/archspec"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/archspec"),
    ],
)
def test_the_cache_lies_where_the_platform_has_it(
    platform: str,
    variables: dict[str, str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/ada", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder() == Path(expected)


# Memory of the device


def test_a_bound_model_computes_what_predict_does(network: Path, pictures: dict[str, Any]) -> None:
    model = open_model(network)
    bound = model.bound(pictures)
    bound.run()
    first = bound.outputs()["fc3"]
    np.testing.assert_array_equal(first, model.predict(pictures)["fc3"])
    others = {"input": pictures["input"][::-1]}
    bound.update(others)
    bound.run()
    np.testing.assert_array_equal(bound.outputs()["fc3"], model.predict(others)["fc3"])
    np.testing.assert_array_equal(first, model.predict(pictures)["fc3"])  # It is a copy.


def test_a_bound_model_leaves_the_arrays_that_it_was_given_alone(
    network: Path, pictures: dict[str, Any]
) -> None:
    kept = pictures["input"].copy()
    bound = open_model(network).bound(pictures)
    bound.update({"input": np.ones_like(kept)})
    np.testing.assert_array_equal(pictures["input"], kept)


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({"input": np.zeros((2, 1, 28, 28))}, "takes float32, and the array is float64"),
        ({"input": np.zeros((3, 1, 28, 28), np.float32)}, "was bound as 2 × 1 × 28 × 28"),
        ({}, "there is no array for its input `input`"),
    ],
)
def test_values_that_would_be_other_bytes_are_not_copied(
    network: Path, pictures: dict[str, Any], feeds: dict[str, Any], message: str
) -> None:
    bound = open_model(network).bound(pictures)
    with pytest.raises(InputError, match=message):
        bound.update(feeds)


def test_a_bound_model_says_what_is_wrong_with_a_shape(network: Path) -> None:
    model = open_model(network)
    with pytest.raises(InputError, match="could not run the model"):
        model.bound({"input": np.zeros((1, 2, 28, 28), np.float32)}).run()


def test_a_cuda_graph_needs_fixed_sizes(gpu: type[GpuSession], network: Path) -> None:
    with pytest.raises(ModelError, match=r"a CUDA graph needs fixed sizes, and `batch` is free"):
        open_model(network, Placement("cuda", cuda_graph=True))
    open_model(network, Placement("cuda", cuda_graph=True, batch=2))
    assert options_of(gpu.opened[-1], CUDA)["enable_cuda_graph"] == "1"


def test_with_tensorrt_its_own_graph_is_recorded(
    gpu: type[GpuSession], network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "provider", TENSORRT)
    placement = Placement("tensorrt", cuda_graph=True, batch=2, engine_cache=tmp_path)
    open_model(network, placement)
    assert options_of(gpu.opened[-1], TENSORRT)["trt_cuda_graph_enable"] == "1"
    assert options_of(gpu.opened[-1], CUDA)["enable_cuda_graph"] == "0"


@pytest.fixture
def graph_model(
    gpu: type[GpuSession], network: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Model]:
    """A model with CUDA graphs on GPU 1, whose memory is the CPU's."""
    allocate: Callable[..., Any] = onnxruntime.OrtValue.ortvalue_from_shape_and_type

    def on_the_cpu(shape: Any, dtype: Any, device: str, device_id: int) -> Any:
        assert (device, device_id) == ("cuda", 1)
        return allocate(shape, dtype, "cpu", 0)

    monkeypatch.setattr(onnxruntime.OrtValue, "ortvalue_from_shape_and_type", on_the_cpu)
    yield open_model(network, Placement("cuda", device_id=1, cuda_graph=True, batch=2))


def test_every_binding_has_a_cuda_graph_of_its_own_and_predict_has_none(
    graph_model: Model, pictures: dict[str, Any]
) -> None:
    first, second = graph_model.bound(pictures), graph_model.bound(pictures)
    for bound in (first, first, second):
        bound.run()
    graph_model.predict(pictures)
    key = "gpu_graph_id"
    *bound_runs, predict = [
        options.get_run_config_entry(key) for options in graph_model.session.runs
    ]
    assert bound_runs[0] == bound_runs[1] != bound_runs[2]
    # onnxruntime's word for neither recording nor launching one
    assert predict == "-1" and "-1" not in bound_runs
    np.testing.assert_array_equal(
        first.outputs()["fc3"], open_model(Path(graph_model.path)).predict(pictures)["fc3"]
    )


def test_the_options_of_the_command_line_say_the_placement(tmp_path: Path) -> None:
    import argparse

    from archspec.cli.device import add_device, placement

    parser = argparse.ArgumentParser()
    add_device(parser)
    words = "--device tensorrt --device-id 1 --threads 3 --tf32 --cudnn-search default --cuda-graph"
    options = parser.parse_args([*words.split(), "--allow-cpu-fallback", "--engine-cache", "here"])
    assert placement(options, batch=4) == Placement(
        "tensorrt",
        device_id=1,
        allow_cpu_fallback=True,
        threads=3,
        batch=4,
        tf32=True,
        cudnn_search="default",
        cuda_graph=True,
        engine_cache=Path("here"),
    )
    assert placement(parser.parse_args([])) == Placement()


@pytest.mark.parametrize(
    "words",
    [
        ["--threads", "0"],
        ["--threads", "100000"],  # onnxruntime starts as many, or has no memory for them.
        ["--threads", "1e9"],
        ["--device-id", "-1"],
        ["--device", "npu"],
    ],
)
def test_options_that_say_nothing_are_usage_errors(
    words: list[str], network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", str(network), "a.png", *words])
    assert caught.value.code == 2


# What `archspec doctor` asks


def test_a_device_is_tried_against_the_cpu_s_figures(gpu: type[GpuSession], network: Path) -> None:
    assert try_device(network, "cpu") == ("runs", "runs a network")
    assert try_device(network, "cuda") == ("runs", "runs a network, 0 off the CPU's")


def test_a_device_that_computes_something_else_is_broken(
    gpu: type[GpuSession], network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = GpuSession.run

    def run_wrongly(self: GpuSession, *arguments: Any) -> Any:
        (scores,) = run(self, *arguments)
        is_gpu = self.asked != [CPU]
        return [scores + 1 if is_gpu else scores]

    monkeypatch.setattr(gpu, "run", run_wrongly)
    outcome, said = try_device(network, "cuda")
    assert outcome == "broken" and said.startswith("runs, and its results are off the CPU's by 1 ")


def test_a_device_that_leaves_operations_to_the_cpu_does_not_count_as_running(
    gpu: type[GpuSession], network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "others", {"fc1": CPU})
    assert try_device(network, "cuda") == ("broken", "starts, and leaves 1 operations to the CPU")


def test_a_device_that_is_not_in_the_build_is_absent(network: Path) -> None:
    outcome, said = try_device(network, "cuda")
    assert outcome == "absent" and said.startswith("there is no CUDA")


@pytest.mark.parametrize(
    "words", ["--tf32", "--engine-cache x", "--device cuda --engine-cache x", "--device-id 1"]
)
def test_an_option_that_the_device_has_no_use_for_is_not_left_out_in_silence(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import argparse

    from archspec.cli.device import add_device, placement

    parser = argparse.ArgumentParser()
    add_device(parser)
    with pytest.raises(SystemExit):
        placement(parser.parse_args(words.split()))
    assert "is for --device" in capsys.readouterr().err
