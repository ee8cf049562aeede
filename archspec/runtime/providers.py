"""The execution providers of the onnxruntime that is installed: whether they are there, why they do
not start, and which of them has been given which operations.

onnxruntime itself goes on without a provider that it lacks or cannot start, and says so in its log
at most. Here that is an error.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from importlib import import_module, metadata
from io import StringIO
from typing import Any, NamedTuple

from archspec.runtime.errors import DeviceError, MissingPackageError, one_line
from archspec.runtime.placement import PROVIDERS, Device, Placement

try:
    # Before onnxruntime, whose own code takes a Ctrl-C in the midst of it for a missing package.
    import numpy  # noqa: F401
except ImportError as error:
    raise MissingPackageError("numpy", error) from error
try:
    import onnxruntime
except ImportError as error:
    raise MissingPackageError("onnxruntime", error) from error

WORDS: dict[Device, str] = {"cpu": "the CPU", "cuda": "CUDA", "tensorrt": "TensorRT"}

GPU_INSTALL = 'pip install "archspec-nn[run-gpu]"'

_MOST_NAMED = 10
_STANDARD_ERROR = 2


class Operation(NamedTuple):
    """An operation of a model: its name, which starts with its layer's, what it is, and the
    execution provider that runs it.
    """

    name: str
    operator: str
    provider: str


class Log:
    """What was written to standard error meanwhile, once that is over."""

    text: str = ""


def distributions() -> list[str]:
    """The installed distributions that are imported as onnxruntime: there should be one."""
    return sorted(set(metadata.packages_distributions().get("onnxruntime", ())))


def require(device: Device) -> None:
    """Raise DeviceError where the installed onnxruntime was built without the device's provider."""
    if PROVIDERS[device][0] in onnxruntime.get_available_providers():
        return
    installed = distributions()
    versions = " and ".join(f"{name} {_version(name)}" for name in installed)
    if len(installed) > 1:
        raise DeviceError(
            f"{versions} are both installed, overwrite each other's files, and what is left has no "
            f"{WORDS[device]}: pip uninstall -y {' '.join(installed)}, then {GPU_INSTALL}"
        )
    raise DeviceError(
        f"there is no {WORDS[device]} in this onnxruntime "
        f"({versions or onnxruntime.__version__}): pip uninstall -y "
        f"{' '.join(installed) or 'onnxruntime'}, then {GPU_INSTALL}; --device cpu runs without it"
    )


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "of an unknown version"


def preload(device: Device) -> None:
    """Load the libraries of NVIDIA that are installed as Python packages, where no loader looks."""
    if device == "tensorrt":
        with suppress(ImportError, OSError):
            import_module("tensorrt_libs")  # It loads TensorRT's.
    # It prints what it does not find; what is needed and not there, the session's start tells.
    if hasattr(onnxruntime, "preload_dlls"):
        with redirect_stdout(StringIO()):
            onnxruntime.preload_dlls()


@contextmanager
def standard_error() -> Iterator[Log]:
    """Keep what native code writes to standard error: onnxruntime tells why there alone."""
    log = Log()
    with ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.TemporaryFile())
            kept = os.dup(_STANDARD_ERROR)
        except OSError:  # It is closed, or there is no room for a file.
            yield log
            return
        os.dup2(file.fileno(), _STANDARD_ERROR)
        try:
            yield log
        finally:
            os.dup2(kept, _STANDARD_ERROR)
            os.close(kept)
            file.seek(0)
            log.text = file.read().decode(errors="replace")


def not_started(device: Device, log: str, raised: Exception | None = None) -> DeviceError:
    """Why the provider did not start, from what onnxruntime wrote meanwhile and what it raised."""
    missing = re.search(r"Failed to load library \S+ with error: (\S+?):? cannot open shared", log)
    if missing:
        library = missing[1]
        return DeviceError(
            f"{WORDS[device]} cannot start: the library {library} is missing; {_from(library)}"
        )
    said = _reason(str(raised) if raised else log)
    return DeviceError(
        f"{WORDS[device]} cannot {'open the model' if raised else 'start'}"
        f"{f' ({said})' if said else ''}; `nvidia-smi` shows the driver and the GPUs, and "
        "--device cpu runs without them"
    )


def _from(library: str) -> str:
    """Where a library of NVIDIA comes from."""
    if library.startswith(("libcuda.", "libnvidia-")):
        return (
            "it comes with NVIDIA's driver (a container is given the host's: `docker run --gpus "
            "all`); `nvidia-smi` works where it is there"
        )
    major = str(getattr(onnxruntime, "cuda_version", "")).partition(".")[0] or "13"
    if library.startswith(("libnvinfer", "libnvonnxparser")):
        version = re.search(r"\.so\.(\d+)", library)
        wanted = f"=={version[1]}.*" if version else ""
        return f'pip install "tensorrt-cu{major}{wanted}"'
    return f'pip install "onnxruntime-gpu[cuda,cudnn]", which brings CUDA {major}'


def _reason(log: str) -> str:
    """The last error that is told of, or else the last line, for people."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", log)
    lines = [line for line in plain.splitlines() if line.strip()]
    errors = [
        line for line in lines if re.search(r"\[E:onnxruntime|ONNXRuntimeError|failure", line)
    ]
    return gist((errors or lines)[-1]) if lines else ""


def gist(message: str) -> str:
    """A message of onnxruntime without what is for its authors, on one line: of NVIDIA's libraries
    the failure alone, and else what follows `[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model
    from model.onnx failed:`.
    """
    failure = re.search(r"\b(?:CUDA|CUDNN|CUBLAS|CURAND|CUFFT) failure \d+: [^;]*", message)
    if failure:
        return one_line(failure[0])
    said = re.sub(r"^\S+ \S+ \[[A-Z]:onnxruntime[^\]]*\] ", "", message)
    said = re.sub(r"^.*?\[ONNXRuntimeError\] : \d+ : \w+ : ", "", said, flags=re.DOTALL)
    return one_line(said.rsplit(" failed:", 1)[-1])


def can_tell() -> bool:
    """Whether this onnxruntime says which provider runs an operation, as older ones do not."""
    return hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info")


def assignments(session: Any) -> tuple[Operation, ...]:
    """The operations of a session that was opened with their places recorded, if that can be."""
    if not can_tell():
        return ()
    return tuple(
        Operation(node.name, node.op_type, part.ep_name)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    )


def named(operations: Sequence[Operation]) -> str:
    """`conv1` (Conv), `stage1.0.pool/pads` (Pad) and 3 more."""
    names = [f"`{entry.name or '?'}` ({entry.operator})" for entry in operations[:_MOST_NAMED]]
    more = len(operations) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def elsewhere(operations: Sequence[Operation], placement: Placement) -> tuple[Operation, ...]:
    """The operations that none of the device's providers runs."""
    own = PROVIDERS[placement.device]
    return tuple(entry for entry in operations if entry.provider not in own)


OUT_OF_MEMORY = re.compile(
    r"out of memory|failed to allocate|bad_alloc|CUDNN_STATUS_ALLOC_FAILED"
    r"|CUBLAS_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
_OF_THE_DEVICE = re.compile(r"\bCUDA|cudnn|cublas|curand|cufft|TensorRT|\bTRT\b|nvinfer", re.I)


def is_of_the_device(error: Exception, device: Device) -> bool:
    """Whether a run failed for the GPU or its libraries, rather than for what it was given."""
    return device != "cpu" and bool(_OF_THE_DEVICE.search(str(error)))
