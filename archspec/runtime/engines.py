"""Where TensorRT's engines are kept: what it compiles of a model, which takes it minutes."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

from archspec.runtime.digest import model_digest
from archspec.runtime.errors import ModelError, reason
from archspec.runtime.placement import Placement

LIBRARIES = ("libnvinfer.so.11", "libnvinfer.so.10", "nvinfer_11.dll", "nvinfer_10.dll")


def engine_folder(path: Path, placement: Placement) -> Path:
    """The folder, made if need be, for the engines of the model at `path`.

    onnxruntime calls an engine by the names in the graph and the GPU's generation, and takes it
    for the model's though weights or a fixed batch have changed. So there is a folder for every
    content of the model, version of TensorRT, batch and use of TF32. Raises ModelError.
    """
    version = tensorrt_version() or "unknown"
    batch = "any" if placement.batch is None else str(placement.batch)
    tf32 = "-tf32" if placement.tf32 else ""
    name = f"{model_digest(path)[:16]}-tensorrt{version}-batch{batch}{tf32}"
    folder = (placement.engine_cache or cache_folder() / "tensorrt") / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"{folder}: TensorRT's engines cannot be kept there: {reason(error)}; give another "
            "folder with --engine-cache"
        ) from error
    return folder


def cache_folder() -> Path:
    """The folder for what archspec can make again, by the conventions of the platform."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        # By the XDG base directory specification, a path that is not absolute is no path.
        said = Path(os.environ.get("XDG_CACHE_HOME") or "")
        base = said if said.is_absolute() else Path.home() / ".cache"
    return base / "archspec"


def tensorrt_version() -> str | None:
    """The version of the TensorRT library that this process can load, such as `10.9.0`."""
    for name in LIBRARIES:
        with suppress(OSError, AttributeError):
            number = int(ctypes.CDLL(name).getInferLibVersion())
            # Since 10 it is major × 10000 + minor × 100 + patch, before that major × 1000.
            return f"{number // 10000}.{number // 100 % 100}.{number % 100}"
    return None
