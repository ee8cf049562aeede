"""Values within a model, as onnxruntime makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from archspec.runtime.errors import MissingPackageError, ModelError, one_line
from archspec.runtime.placement import Placement, provider_options
from archspec.runtime.session import Array, quiet_options

try:
    import onnxruntime
except ImportError as error:
    raise MissingPackageError("onnxruntime", error) from error

_WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"


def version() -> str:
    """onnxruntime's version."""
    return str(onnxruntime.__version__)


def run_bytes(
    model: bytes,
    folder: Path,
    feeds: Mapping[str, Array],
    outputs: Sequence[str],
    placement: Placement,
) -> dict[str, Array]:
    """The outputs of a model that is no file; `folder` has its weights' files. What TensorRT would
    run is run by CUDA, which keeps the values within a network.

    Raises ModelError.
    """
    if placement.device == "tensorrt":
        placement = replace(placement, device="cuda")
    options = quiet_options()
    options.add_session_config_entry(_WEIGHTS_FOLDER, str(folder))
    try:
        session = onnxruntime.InferenceSession(
            model, options, providers=provider_options(placement), enable_fallback=0
        )
        arrays = session.run(list(outputs), dict(feeds))
    except Exception as error:  # onnxruntime's exceptions have no base of their own
        raise ModelError(
            f"onnxruntime cannot run the model with values within it shown ({one_line(error)}); "
            "build it again, with `--optimize none`"
        ) from error
    return dict(zip(outputs, arrays, strict=True))
