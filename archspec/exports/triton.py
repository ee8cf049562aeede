"""A network as a model of Triton Inference Server."""

from __future__ import annotations

from pathlib import Path

from archspec.exports.onnx import onnx_options, write_onnx
from archspec.exports.request import Request, Written
from archspec.passes import Network


def write_triton(network: Network, folder: Path, request: Request) -> Written:
    """Write the network into the model repository `folder`, as an ONNX file in any precision.

    Raises as `write_onnx` does, and ValueError for figures that Triton refuses.
    """
    from archspec.backends.triton import CONFIG_FILE, Serving, write_repository

    serving = Serving(
        max_batch_size=request.max_batch, instances=request.instances, device=request.serve_on
    )
    notes: list[str] = []
    version, is_configured = write_repository(
        network.graph,
        folder,
        lambda path: notes.extend(write_onnx(network, path, request).notes),
        options=onnx_options(request),
        serving=serving,
    )
    if not is_configured and request.given() & {"max_batch", "instances", "serve_on"}:
        config = version.parent / CONFIG_FILE
        notes.append(f"{config} was there already and stays as it was: set there how it is served")
    return Written(version, tuple(notes))
