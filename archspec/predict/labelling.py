"""A batch of picture files to the rows of a table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archspec.predict.errors import PredictError
from archspec.runtime.classify import ClassScore, classify, is_classification
from archspec.runtime.errors import InputError, MissingPackageError, ModelError
from archspec.runtime.inputs import read_feeds
from archspec.runtime.placement import Placement
from archspec.runtime.session import Array, Model, open_model

try:
    import numpy as np
except ImportError as error:
    raise MissingPackageError("numpy", error) from error
try:
    import pyarrow as pa
except ImportError as error:
    raise MissingPackageError("pyarrow", error, extra="predict") from error

Reading = Array | str
"""What became of a file: the network's input, a batch of one; or why there is none."""

_COMMON = (pa.field("path", pa.string(), nullable=False), pa.field("error", pa.string()))
_CLASSES = (
    pa.field("classes", pa.list_(pa.int32())),
    pa.field("labels", pa.list_(pa.string())),
    pa.field("scores", pa.list_(pa.float32())),
)


@dataclass(frozen=True)
class Job:
    """What every batch is labelled with, here or elsewhere. `digest` is the model's, and `batch`
    is how many pictures the network is run on at once.
    """

    model: Path
    digest: str
    folder: Path
    batch: int
    top: int
    placement: Placement


@dataclass(frozen=True)
class Labeller:
    """A job with its model open. `types` has what the network makes, a shape with −1 for what is
    free and a type of numpy's for each output by its name; `are_classes` says whether that is the
    scores of classes, and `batch_is_fixed` whether the session takes batches of one size alone.
    """

    job: Job
    model: Model
    types: Mapping[str, tuple[tuple[int, ...], str]]
    are_classes: bool
    batch_is_fixed: bool

    @property
    def schema(self) -> pa.Schema:
        """The columns: the path, the error if there is one, and what the network says."""
        if self.are_classes:
            return pa.schema([*_COMMON, *_CLASSES])
        return pa.schema(
            [
                *_COMMON,
                *(
                    pa.field(
                        self._column(name), _nested(pa.from_numpy_dtype(dtype), len(shape) - 1)
                    )
                    for name, (shape, dtype) in self.types.items()
                ),
            ]
        )

    def read(self, path: bytes) -> Reading:
        """Read one file, whatever is in it; many threads may."""
        place = Path(os.fsdecode(os.path.join(os.fsencode(self.job.folder), path)))
        try:
            (array,) = read_feeds(place, self.model).values()
        except InputError as error:
            return str(error)
        return array

    def label(self, paths: Sequence[bytes], readings: Sequence[Reading]) -> pa.RecordBatch:
        """The rows of these files, in their order. Raises PredictError, and what opening raises."""
        errors = [reading if isinstance(reading, str) else None for reading in readings]
        if any(errors):
            self._refuse_if_gone()
        samples: list[Mapping[str, Array] | None] = [None] * len(paths)
        # Pictures are of one size where the model or its `preprocess` says of which.
        sizes: dict[tuple[int, ...], list[int]] = {}
        for row, reading in enumerate(readings):
            if not isinstance(reading, str):
                sizes.setdefault(reading.shape, []).append(row)
        for rows in sizes.values():
            arrays = [np.asarray(readings[row]) for row in rows]
            try:
                outputs = self._run(arrays, fill=len(sizes) == 1)
            except InputError as error:
                self._refuse_if_hopeless(error)
                self._run_each(rows, arrays, samples, errors)
                continue
            for number, row in enumerate(rows):
                samples[row] = {k: v[number : number + 1] for k, v in outputs.items()}
        columns = self._class_columns if self.are_classes else self._raw_columns
        values = columns(samples, errors)
        names = [_text(path) for path in paths]
        arrays = [pa.array(names, pa.string()), pa.array(errors, pa.string()), *values]
        return pa.record_batch(arrays, schema=self.schema)

    def _run(self, arrays: Sequence[Array], fill: bool) -> dict[str, Array]:
        """The outputs for samples of one size. The batch is filled up with zeros, so that the
        runtime meets one shape, and plans its memory or compiles its kernels once.
        """
        (tensor,) = self.model.inputs
        count = self.job.batch if fill or self.batch_is_fixed else len(arrays)
        try:
            batch = np.zeros((count, *arrays[0].shape[1:]), arrays[0].dtype)
        except (MemoryError, ValueError) as error:  # ValueError: more than can be addressed
            raise InputError(
                "a batch of such pictures does not fit into this machine's memory"
            ) from error
        np.concatenate(arrays, out=batch[: len(arrays)])
        outputs = self.model.predict({tensor.name: batch})
        return {name: values[: len(arrays)] for name, values in outputs.items()}

    def _run_each(
        self,
        rows: Sequence[int],
        arrays: Sequence[Array],
        samples: list[Mapping[str, Array] | None],
        errors: list[str | None],
    ) -> None:
        for row, array in zip(rows, arrays, strict=True):
            try:
                samples[row] = self._run([array], fill=False)
            except InputError as error:
                errors[row] = str(error)

    def _refuse_if_gone(self) -> None:
        """Where the whole folder has gone, as a disk or a share may, that is no fault of pictures.

        What it was mounted on is left, and empty.
        """
        try:
            with os.scandir(self.job.folder) as entries:
                is_gone = next(entries, None) is None
        except OSError:
            is_gone = True
        if is_gone:
            raise PredictError(
                f"{self.job.folder}: the folder is gone, or empty by now; what is finished is "
                "kept, and the same command goes on from there when it is back"
            )

    def _refuse_if_hopeless(self, error: InputError) -> None:
        """Where every picture is of one size, what fails once fails for all of them."""
        (tensor,) = self.model.inputs
        if all(isinstance(size, int) for size in tensor.shape[1:]):
            raise PredictError(
                f"{self.model.path}: {error}: the batch is {self.job.batch} pictures, and --batch "
                "sets it"
            ) from error

    def _class_columns(
        self, samples: Sequence[Mapping[str, Array] | None], errors: list[str | None]
    ) -> list[pa.Array]:
        ranked: list[tuple[ClassScore, ...] | None] = []
        for row, sample in enumerate(samples):
            try:
                ranked.append(classify(sample, self.model, self.job.top)[0] if sample else None)
            except InputError as error:
                errors[row] = str(error)
                ranked.append(None)
        classes = [top and [entry.index for entry in top] for top in ranked]
        labels = [
            top and [entry.label for entry in top] if top and top[0].label is not None else None
            for top in ranked
        ]
        scores = [top and [entry.score for entry in top] for top in ranked]
        return [
            pa.array(values, field.type)
            for values, field in zip((classes, labels, scores), _CLASSES, strict=True)
        ]

    def _raw_columns(
        self, samples: Sequence[Mapping[str, Array] | None], errors: list[str | None]
    ) -> list[pa.Array]:
        columns = []
        for name in self.types:
            kind = self.schema.field(self._column(name)).type
            columns.append(
                pa.concat_arrays(
                    [
                        pa.nulls(1, kind) if sample is None else _lists(sample[name]).cast(kind)
                        for sample in samples
                    ]
                )
            )
        return columns

    def _column(self, name: str) -> str:
        """The column of an output; its name, but where that is taken."""
        return f"{name} (output)" if name in {field.name for field in _COMMON} else name


def open_labeller(job: Job) -> Labeller:
    """Open the model. Raises ModelError where it is not one that pictures can be given to, and
    whatever `open_model` raises.
    """
    model = open_model(job.model, job.placement)
    if len(model.inputs) != 1:
        names = ", ".join(tensor.name for tensor in model.inputs)
        raise ModelError(
            f"{job.model}: the model has {len(model.inputs)} inputs ({names}), and a folder of "
            "pictures is for a model of one; `archspec run` takes .npz files"
        )
    if model.metadata is None or (
        model.metadata.preprocess is None and not model.metadata.preprocessed_within
    ):
        raise ModelError(
            f"{job.model}: it is not known how a picture becomes the model's input; give the spec "
            "a `preprocess` section, and build it with `archspec build SPEC --export onnx`"
        )
    (tensor,) = model.inputs
    is_fixed = job.placement.batch is not None
    if isinstance(tensor.shape[0], int):
        job = replace(job, batch=tensor.shape[0])
        # Pictures come one by one, and are put together here.
        tensor = replace(tensor, shape=(None, *tensor.shape[1:]))
        model = replace(model, inputs=(tensor,))
        is_fixed = True
    types = {value.name: _type(value) for value in model.session.get_outputs()}
    examples = {
        name: np.zeros((1, *(max(size, 2) if size < 0 else size for size in shape[1:])), dtype)
        for name, (shape, dtype) in types.items()
    }
    are_classes = is_classification(examples, model)
    if are_classes and all(size > 0 for shape, _ in types.values() for size in shape[1:]):
        classify(examples, model, job.top)  # so that labels of other classes show now
    return Labeller(job, model, types, are_classes, is_fixed)


def _type(value: Any) -> tuple[tuple[int, ...], str]:
    """Shape and type of an output; onnxruntime says `tensor(float)`."""
    word = value.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(size if isinstance(size, int) else -1 for size in value.shape)
    return shape, {"float": "float32", "double": "float64"}.get(word, word)


def _nested(kind: pa.DataType, depth: int) -> pa.DataType:
    for _ in range(depth):
        kind = pa.list_(kind)
    return kind


def _lists(values: Array) -> pa.Array:
    """An array as lists of lists, all but its first dimension."""
    array = pa.array(np.ascontiguousarray(values).reshape(-1))
    for axis in range(values.ndim - 1, 0, -1):
        size, count = values.shape[axis], int(np.prod(values.shape[:axis]))
        offsets = pa.array(np.arange(count + 1, dtype=np.int32) * size)
        array = pa.ListArray.from_arrays(offsets, array)
    return array


def _text(path: bytes) -> str:
    """The path for people and Parquet; bytes that are no UTF-8 become `\\xe9`."""
    return path.decode("utf-8", "backslashreplace")
