"""A compiled network, opened for running: its inputs, its outputs and what its metadata says."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from archspec.metadata import METADATA_KEY, Metadata
from archspec.runtime.engines import engine_folder
from archspec.runtime.errors import (
    DeviceError,
    InputError,
    MissingPackageError,
    ModelError,
    one_line,
    reason,
)
from archspec.runtime.placement import (
    PROVIDERS,
    TF32_VARIABLE,
    Placement,
    provider_options,
)
from archspec.runtime.providers import (
    OUT_OF_MEMORY,
    WORDS,
    Operation,
    assignments,
    can_tell,
    elsewhere,
    gist,
    is_of_the_device,
    named,
    not_started,
    preload,
    require,
    standard_error,
)

if TYPE_CHECKING:
    from archspec.runtime.bound import Bound

try:
    import numpy as np
except ImportError as error:
    raise MissingPackageError("numpy", error) from error
try:
    import onnxruntime
    from onnxruntime.capi.onnxruntime_pybind11_state import (
        InvalidGraph,
        InvalidProtobuf,
        NoSuchFile,
    )
except ImportError as error:
    raise MissingPackageError("onnxruntime", error) from error

Array = np.ndarray[Any, np.dtype[Any]]
Dimension = int | str | None
"""A size, or, where it is free, its name in the model if it has one."""

ON_THE_CPU = Placement()

_OF_THE_FILE = (InvalidGraph, InvalidProtobuf, NoSuchFile)
_FATAL = 4
_SPINNING = "session.intra_op.allow_spinning"
_RECORD_PLACES = "session.record_ep_graph_assignment_info"
_NO_GRAPH = "-1"
"""The `gpu_graph_id` of a run that neither records a CUDA graph nor launches one."""
_ELEMENT_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
    "tensor(bool)": "bool",
}


@dataclass(frozen=True)
class ModelTensor:
    """An input or an output of a model; its shape includes the batch, its type is numpy's word."""

    name: str
    shape: tuple[Dimension, ...]
    dtype: str


@dataclass(frozen=True)
class Model:
    """An open model. `metadata` is None for one that archspec did not write.

    `placement` is where it runs, with what was left open decided. `operations` are those of the
    network with the provider that runs each; on the CPU, where there is one alone, they are not
    recorded.
    """

    path: str
    inputs: tuple[ModelTensor, ...]
    outputs: tuple[str, ...]
    metadata: Metadata | None
    session: Any
    placement: Placement = ON_THE_CPU
    operations: tuple[Operation, ...] = ()

    @property
    def on_the_cpu(self) -> tuple[Operation, ...]:
        """The operations that run on the CPU though the model is on a GPU."""
        return elsewhere(self.operations, self.placement)

    def predict(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, for one array an input. Raises InputError, and DeviceError where the
        device fails, as a GPU may at its first run.
        """
        options = None
        if self.placement.cuda_graph:  # The memory of these arrays is another at each run.
            options = onnxruntime.RunOptions()
            options.add_run_config_entry("gpu_graph_id", _NO_GRAPH)
        try:
            arrays = self.session.run(list(self.outputs), dict(feeds), options)
        except Exception as error:  # onnxruntime's exceptions have no base of their own
            raise self.failure(error) from error
        return dict(zip(self.outputs, arrays, strict=True))

    def bound(self, feeds: Mapping[str, Array]) -> Bound:
        """The model with inputs of these values, and its outputs, in memory of its device: run as
        often as wanted, nothing is copied. Raises InputError.
        """
        from archspec.runtime.bound import Bound

        return Bound(self, feeds)

    def failure(self, error: Exception) -> InputError | DeviceError:
        """What to tell of an exception that onnxruntime raised at a run."""
        said = gist(str(error))
        if OUT_OF_MEMORY.search(str(error)):
            return InputError(
                f"it does not fit into the memory of {WORDS[self.placement.device]} with the model "
                f"({said}); give fewer samples at once"
            )
        if is_of_the_device(error, self.placement.device):
            return DeviceError(
                f"{self.path}: {WORDS[self.placement.device]} failed when it ran the model "
                f"({said}); `archspec doctor` tries the device, and --device cpu runs without it"
            )
        return InputError(
            f"onnxruntime could not run the model on it ({said}); "
            "check its values, or give fewer samples at once"
        )


def open_model(
    path: Path, placement: Placement = ON_THE_CPU, *, profile: str | None = None
) -> Model:
    """Load an ONNX file onto a device.

    With `profile`, onnxruntime records what each operation takes, in a file whose name starts so
    (`session.end_profiling()` says which).

    No sample is run: the sizes that will be wanted are not known here, and TensorRT would compile
    the network for others. So a device may still fail at the first run.

    Raises ModelError, and DeviceError for a device that is not there, that does not start, or that
    would leave operations to the CPU where the placement does not allow that.
    """
    _check_readable(path)
    options = _session_options(placement)
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = profile
    if placement.device == "cpu" and placement.batch is None:
        return _model(path, _load(path, options, ["CPUExecutionProvider"]), placement)
    require(placement.device)
    look = _look(path)
    if placement.batch is not None:
        _fix_batch(path, look, options, placement.batch)
    decided = _decide(path, look, placement)
    model = _model(path, _start(path, options, decided, look.metadata), decided)
    _refuse_the_cpu(model)
    return model


def dimensions_text(shape: Sequence[Dimension]) -> str:
    """`batch × 3 × 224 × 224`; a free dimension without a name is a question mark."""
    return " × ".join("?" if size is None else str(size) for size in shape) or "a single number"


def quiet_options() -> Any:
    """onnxruntime's options for a session, which prints nothing."""
    options = onnxruntime.SessionOptions()
    # onnxruntime also prints what it raises; the user is told once, by us.
    options.log_severity_level = _FATAL
    return options


def _session_options(placement: Placement) -> Any:
    options = quiet_options()
    options.intra_op_num_threads = placement.threads or 0  # 0: one for each physical core
    if not placement.spins:
        options.add_session_config_entry(_SPINNING, "0")
    return options


def _load(path: Path, options: Any, providers: Sequence[Any]) -> Any:
    """A session of onnxruntime. Raises ModelError."""
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=list(providers), enable_fallback=0
        )
    except Exception as error:  # onnxruntime's exceptions have no base of their own
        raise _unloadable(path, error) from error


def _unloadable(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"{path}: not a model that onnxruntime can load ({gist(str(error))}); give an ONNX file, "
        "with its weights file beside it if it has one, as `archspec build SPEC --export onnx` "
        "writes them"
    )


class _Look(NamedTuple):
    """What a file says of itself: how providers are to be set is decided by that."""

    shapes: Mapping[str, tuple[Dimension, ...]]
    metadata: Metadata | None


def _look(path: Path) -> _Look:
    """Read the inputs and the metadata. Raises ModelError.

    No session is opened for it: the CPU lacks kernels for some types that GPUs have.
    """
    from archspec.backends.onnx.read import UnreadableModel, read_model

    try:
        model = read_model(path)
    except UnreadableModel as error:
        raise ModelError(str(error)) from error
    stored = {tensor.name for tensor in model.graph.initializer}
    shapes: dict[str, tuple[Dimension, ...]] = {
        value.name: tuple(
            size.dim_value if size.HasField("dim_value") else size.dim_param or None
            for size in value.type.tensor_type.shape.dim
        )
        for value in model.graph.input
        if value.name not in stored
    }
    properties = {entry.key: entry.value for entry in model.metadata_props}
    return _Look(shapes, _metadata(path, properties))


def _fix_batch(path: Path, look: _Look, options: Any, batch: int) -> None:
    """Make `batch` the batch of every input. Raises ModelError."""
    names = set()
    for name, shape in look.shapes.items():
        size = shape[0] if shape else None
        if isinstance(size, str):
            names.add(size)
        elif size != batch:
            raise ModelError(
                f"{path}: the batch of its input `{name}` ({dimensions_text(shape)}) cannot be "
                f"fixed to {batch}; `archspec build` writes models whose batch is free"
            )
    for free in names:
        options.add_free_dimension_override_by_name(free, batch)


def _decide(path: Path, look: _Look, placement: Placement) -> Placement:
    """The placement with what it leaves open decided for this model. Raises ModelError."""
    free = {
        f"`{size}`" if size else "a size without a name"
        for shape in look.shapes.values()
        for axis, size in enumerate(shape)
        if not isinstance(size, int) and not (axis == 0 and placement.batch is not None)
    }
    if free and placement.cuda_graph:
        raise ModelError(
            f"{path}: a CUDA graph needs fixed sizes, and {', '.join(sorted(free))} "
            f"{'is' if len(free) == 1 else 'are'} free; fix the batch, and build the spec with "
            "`--set` for sizes that are symbols"
        )
    search = placement.cudnn_search or ("heuristic" if free else "exhaustive")
    return replace(placement, cudnn_search=search)


def _start(path: Path, options: Any, placement: Placement, metadata: Metadata | None) -> Any:
    """A session on the placement's device. Raises DeviceError and ModelError."""
    device = placement.device
    precision = metadata.precision if metadata else "fp32"
    if device == "cpu":
        return _load(path, options, provider_options(placement))
    with standard_error() as log:
        preload(device)
        engines = None
        if device == "tensorrt":
            engines = engine_folder(path, placement)
            if not placement.tf32:
                os.environ.setdefault(TF32_VARIABLE, "0")
        if can_tell():
            options.add_session_config_entry(_RECORD_PLACES, "1")
        elif not placement.allow_cpu_fallback:
            # It refuses, and does not say what.
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        failed: Exception | None = None
        try:
            session = onnxruntime.InferenceSession(
                str(path),
                options,
                providers=provider_options(placement, precision, engines),
                enable_fallback=0,  # Its own way back would be the CPU.
            )
        except Exception as error:  # onnxruntime's exceptions have no base of their own
            failed = error
    if isinstance(failed, _OF_THE_FILE):
        raise _unloadable(path, failed) from failed
    if failed is not None:
        raise not_started(device, log.text, failed) from failed
    if PROVIDERS[device][0] not in session.get_providers():
        raise not_started(device, log.text)
    return session


def _model(path: Path, session: Any, placement: Placement) -> Model:
    return Model(
        path=str(path),
        inputs=tuple(_model_tensor(path, value) for value in session.get_inputs()),
        outputs=tuple(value.name for value in session.get_outputs()),
        metadata=_metadata(path, session.get_modelmeta().custom_metadata_map),
        session=session,
        placement=placement,
        operations=() if placement.device == "cpu" else assignments(session),
    )


def _refuse_the_cpu(model: Model) -> None:
    """Raise DeviceError where operations run on the CPU that are not allowed to."""
    left = model.on_the_cpu
    if left and not model.placement.allow_cpu_fallback:
        raise DeviceError(
            f"{model.path}: {WORDS[model.placement.device]} does not run {len(left)} of the "
            f"model's {len(model.operations)} operations, which would go to the CPU: "
            f"{named(left)}; --allow-cpu-fallback lets them"
        )


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except OSError as error:
        raise ModelError(
            f"{path}: the model cannot be read: {reason(error)}; "
            "`archspec build SPEC --export onnx` writes one"
        ) from error
    if not first:
        raise ModelError(
            f"{path}: the file is empty; `archspec build SPEC --export onnx` writes a model"
        )


def _model_tensor(path: Path, value: Any) -> ModelTensor:
    if value.type == "tensor(bfloat16)":
        raise ModelError(
            f"{path}: its input `{value.name}` is bfloat16, of which numpy has no arrays; build "
            "the model without --reduced-io"
        )
    if value.type not in _ELEMENT_TYPES:
        raise ModelError(
            f"{path}: its input `{value.name}` is a {value.type}, and only tensors of numbers "
            "can be given here; run the model with onnxruntime itself"
        )
    return ModelTensor(value.name, tuple(value.shape), _ELEMENT_TYPES[value.type])


def _metadata(path: Path, properties: Mapping[str, str]) -> Metadata | None:
    text = properties.get(METADATA_KEY)
    if text is None:
        return None
    try:
        return Metadata.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in (METADATA_KEY, *first["loc"]))
        raise ModelError(
            f"{path}: its metadata cannot be used: {place}: {one_line(first['msg'])}; "
            "build the model again with this version of archspec"
        ) from error
