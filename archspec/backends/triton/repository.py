"""A network as a model in a repository of Triton Inference Server.

    <folder>/                 the repository, which may have other models
        <model>/              of the network's name
            config.pbtxt
            labels.txt        where the spec has labels
            1/                the version
                model.onnx    (and model.onnx.data, where the weights are apart)

What is there already stays as it is. A model that is there gets one more version, the highest + 1,
which Triton serves then; its `config.pbtxt` may have been edited, but must state the same inputs
and outputs.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from archspec.backends.onnx import Options
from archspec.backends.onnx.interface import interface
from archspec.backends.triton.config import LABELS_FILE, settings_text, tensors_text
from archspec.backends.triton.serving import BY_DEFAULT, Serving
from archspec.files import replace_file
from archspec.graph import Graph

CONFIG_FILE = "config.pbtxt"
MODEL_FILE = "model.onnx"


class Version(NamedTuple):
    """What was written: the version's folder, and whether the model's configuration, which may have
    been there before, is what was asked for.
    """

    folder: Path
    is_configured: bool


def write_repository(
    graph: Graph,
    folder: str | os.PathLike[str],
    write_onnx: Callable[[Path], object],
    *,
    options: Options,
    serving: Serving = BY_DEFAULT,
) -> Version:
    """Write the network into the repository `folder`, which is made if it is not there.

    `write_onnx` writes the ONNX file, which has the inputs and outputs that come of `options`. All
    is written beside its place and renamed into it at once; on failure, an interrupt included,
    nothing is left.

    Raises ValueError for what the network cannot be asked for, and where the model is there with
    other inputs, outputs or labels; OSError; and what `write_onnx` raises.
    """
    repository = Path(folder)
    name = model_name(graph.name)
    labels: Sequence[str] | None = graph.metadata.get("labels")
    tensors = interface(graph, options)
    tensors_stated = tensors_text(tensors, labels)
    texts = {CONFIG_FILE: settings_text(name, graph, tensors, options, serving) + tensors_stated}
    if labels is not None:
        texts[LABELS_FILE] = "".join(f"{' '.join(label.splitlines())}\n" for label in labels)

    model = repository / name
    is_new = not os.path.lexists(model)
    if not is_new:
        _check_same(model, tensors_stated, texts.get(LABELS_FILE))
    version = model / str(1 if is_new else _next_version(model))
    # The topmost folder that is not there yet: it is renamed into its place with all in it.
    made = next(path for path in (repository, model, version) if not os.path.lexists(path))
    with _folder_in_place(made) as beside:
        written = beside / version.relative_to(made)
        written.mkdir(parents=True, exist_ok=True)
        write_onnx(written / MODEL_FILE)
        for file, text in texts.items() if is_new else ():
            with replace_file(written.parent / file) as stream:
                stream.write(text.encode())
    config = (model / CONFIG_FILE).read_bytes()
    return Version(version, config == texts[CONFIG_FILE].encode())


def model_name(name: str) -> str:
    """A network's name as a model's, which is a folder, and a part of its address on the net."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)
    return safe.strip(".-") or "network"


def _check_same(model: Path, tensors: str, labels: str | None) -> None:
    """Raise ValueError where the model is there and is not this one, but for its weights."""
    way_out = "choose another --output, or move it away"
    try:
        config = (model / CONFIG_FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(
            f"{model} is there already, and is no model that archspec wrote: {way_out}"
        ) from None
    if tensors.encode() not in config:
        raise ValueError(
            f"{model} is there already, and its {CONFIG_FILE} states other inputs or outputs than "
            f"this network's: {way_out}"
        )
    file = model / LABELS_FILE
    if labels is not None and (not file.is_file() or file.read_bytes() != labels.encode()):
        raise ValueError(f"{model} is there already, with other labels: {way_out}")


def _next_version(model: Path) -> int:
    """The highest version that is there, + 1."""
    versions = [int(name) for name in os.listdir(model) if name.isascii() and name.isdigit()]
    return max(versions, default=0) + 1


@contextmanager
def _folder_in_place(target: Path) -> Iterator[Path]:
    """An empty folder, which takes the name `target` once all in it is written.

    On any failure, an interrupt included, nothing of it is left. Raises OSError, naming `target`,
    where that cannot be made.
    """
    # Triton takes no notice of it among versions, and says of it among models that it cannot serve
    # it.
    beside = target.with_name(f".archspec-{secrets.token_hex(8)}")
    try:
        beside.mkdir()
    except OSError as error:
        error.filename = os.fspath(target)
        raise
    try:
        yield beside
        if os.path.lexists(target):  # a rename would replace an empty folder
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(target))
        beside.rename(target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
