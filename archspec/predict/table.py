"""The rows of all batches to one Parquet file, without having them all in memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from archspec.files import replace_file
from archspec.metadata import METADATA_KEY
from archspec.predict.labelling import Labeller
from archspec.runtime.errors import MissingPackageError

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
except ImportError as error:
    raise MissingPackageError("pyarrow", error, extra="predict") from error

SHOWN = 20
"""How many skipped pictures are told of."""

_GROUP_ROWS, _GROUP_BYTES = 1 << 16, 1 << 26


@dataclass
class Skipped:
    """The pictures that have no results: how many, and the first of them, each with the reason."""

    count: int = 0
    first: list[tuple[str, str]] = field(default_factory=list)


def write_table(
    path: Path, labeller: Labeller, batches: Iterable[pa.RecordBatch], about: Mapping[str, Any]
) -> Skipped:
    """Write the rows of the batches, with `about` in the file's metadata, as JSON under `archspec`.

    How the file is cut into row groups follows from the schema alone, so that the same rows give
    the same bytes, whatever batches they came in. Raises OSError.
    """
    schema = labeller.schema.with_metadata({METADATA_KEY: json.dumps(about)})
    skipped = Skipped()
    with replace_file(path) as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for rows in _groups(batches, rows_per_group(labeller)):
                _count(rows, skipped)
                writer.write_table(rows.replace_schema_metadata(schema.metadata))
        # The parts go when it is there, and a power cut must not take both.
        file.flush()
        os.fsync(file.fileno())
    return skipped


def rows_per_group(labeller: Labeller) -> int:
    """At most 64 MiB of raw outputs; where their size is free, a batch."""
    if labeller.are_classes:
        return _GROUP_ROWS
    shapes = [shape[1:] for shape, _ in labeller.types.values()]
    if any(size < 0 for shape in shapes for size in shape):
        return labeller.job.batch
    return max(1, min(_GROUP_ROWS, _GROUP_BYTES // (8 * max(1, sum(map(prod, shapes))))))


def _groups(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.Table]:
    """The same rows in tables of `size` rows, but for the last."""
    kept: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        kept.append(batch)
        count += batch.num_rows
        while count >= size:
            table = pa.Table.from_batches(kept)
            # What the writer makes of a column depends on its chunks.
            yield table.slice(0, size).combine_chunks()
            kept = table.slice(size).to_batches()
            count -= size
    if count:
        yield pa.Table.from_batches(kept).combine_chunks()


def _count(rows: pa.Table, skipped: Skipped) -> None:
    bad = rows.select(["path", "error"]).filter(pc.is_valid(rows["error"]))
    skipped.count += bad.num_rows
    for row in bad.slice(0, SHOWN - len(skipped.first)).to_pylist():
        skipped.first.append((row["path"], row["error"]))
