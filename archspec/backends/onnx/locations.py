"""Where an ONNX file keeps the weights that are not in it."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx.external_data_helper import ExternalDataInfo, uses_external_data


def external_files(path: Path) -> tuple[Path, ...]:
    """The files beside the model that its weights lie in, each once, sorted; none for a file that
    is no ONNX. Raises OSError.
    """
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError:
        raise
    except Exception:  # protobuf's: what is wrong is said when the model is opened
        return ()
    names = {
        ExternalDataInfo(tensor).location
        for tensor in model.graph.initializer
        if uses_external_data(tensor)
    }
    return tuple(path.parent / name for name in sorted(names))
