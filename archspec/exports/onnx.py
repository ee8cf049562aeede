"""A network as an ONNX file, in any precision."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from archspec.exports.request import Request, Written
from archspec.passes import Network

if TYPE_CHECKING:
    from archspec.backends.onnx import Options


def write_onnx(network: Network, path: Path, request: Request) -> Written:
    """Write the network, optimised already, to the ONNX file `path`.

    Raises ValueError for what the network cannot be asked, OSError, and, for int8, a RuntimeFailure
    where onnxruntime is missing or the samples do not fit.
    """
    from archspec.backends.onnx import write_model
    from archspec.backends.onnx.write import INLINE_LIMIT

    graph, weights = network
    options = onnx_options(request)
    if request.precision != "int8":
        files = write_model(
            graph,
            weights,
            path,
            options=options,
            pointing=request.pointing,
            inline_limit=0 if request.external_data else INLINE_LIMIT,
        )
        return Written(path, beside=files)
    from archspec.runtime.calibration import SAMPLES
    from archspec.runtime.errors import ModelError
    from archspec.runtime.quantize import quantize

    assert request.calibrate is not None, "a Request for int8 has it"
    if path.is_dir():  # It would be noticed when all is done.
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    # Beside the file that is to be: there is room for it, and it may be larger than /tmp has.
    try:
        beside = tempfile.TemporaryDirectory(prefix=".archspec-", dir=path.parent)
    except OSError as error:
        error.filename = os.fspath(path)
        raise
    with beside as folder:
        whole = Path(folder) / "float32.onnx"
        write_model(graph, weights, whole, options=options)
        try:
            done = quantize(
                whole, path, request.calibrate, samples=request.calibration_samples or SAMPLES
            )
        except ModelError as error:  # It names a file that nobody asked for.
            raise ModelError(str(error).replace(str(whole), str(path))) from error
    skipped = tuple(f"left out of the calibration: {reason}" for reason in done.skipped)
    return Written(path, (*skipped, done.warning) if done.warning else skipped)


def onnx_options(request: Request) -> Options:
    """What the file itself is written with; int8 is made of a float32 one."""
    from archspec.backends.onnx import Options

    return Options(
        precision="fp32" if request.precision == "int8" else request.precision,
        reduced_io=request.reduced_io,
        fold_constants=request.level == "all",
        preprocess=request.with_preprocess,
        softmax=request.with_softmax,
        top_k=request.with_top_k,
    )
