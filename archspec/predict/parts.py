"""What is done already, kept in a folder beside the output until all of it is.

    out.parquet.parts/
        manifest.json           what is being done, and which list counts
        lock                    held by the run that works here
        <digest of the list>/
            list.arrow          the pictures, a record batch for each batch
            0000000.arrow, …    the rows of the batches that are done, each with a seal behind

Every file is written beside its place and renamed into it, so a run that is killed at any moment
leaves whole files. What is damaged all the same does not fit its seal or digest, and is made anew:
pyarrow looks at the frame of a file alone, and may crash at what is within. Where the folder's
pictures have changed when it goes on, a new list is made, and the batches that can be put together
from rows of unchanged pictures are taken over.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest, sha256
from itertools import islice
from pathlib import Path
from typing import Any

from archspec.files import replace_file
from archspec.predict.errors import PredictError
from archspec.predict.folder import Picture, order
from archspec.runtime.errors import MissingPackageError, reason

try:
    import pyarrow as pa
except ImportError as error:
    raise MissingPackageError("pyarrow", error, extra="predict") from error

Plan = Mapping[str, Any]
"""What is done: the model by its digest, the folder, the settings. JSON values, by what they are
called in a message."""

_SEAL = sha256().digest_size
"""Bytes behind the rows of a batch: the digest of the rows, and of which they are."""

_LIST = pa.schema([("path", pa.binary()), ("size", pa.int64()), ("modified", pa.int64())])


@dataclass(frozen=True)
class Batches:
    """A list of pictures in batches, and the rows of those batches that are done."""

    folder: Path
    digest: str
    count: int
    pictures: int

    @classmethod
    def write(cls, parts: Path, pictures: Iterable[Picture], size: int) -> Batches:
        """List the pictures in batches of `size`. Raises OSError."""
        listing = parts / "list.arrow"
        with (
            replace_file(listing) as file,
            pa.ipc.new_file(file, _LIST) as writer,
        ):
            for batch in _in_batches(pictures, size):
                columns = list(zip(*batch, strict=True))
                arrays = [pa.array(c, f.type) for c, f in zip(columns, _LIST, strict=True)]
                writer.write_batch(pa.record_batch(arrays, schema=_LIST))
        digest = _digest(listing)
        folder = parts / digest[:16]
        folder.mkdir(exist_ok=True)
        listing.replace(folder / "list.arrow")
        return cls.read(folder, digest)

    @classmethod
    def read(cls, folder: Path, digest: str) -> Batches:
        """The batches of a list that is whole. Raises OSError."""
        with (folder / "list.arrow").open("rb") as file:
            reader = pa.ipc.open_file(file)
            count: int = reader.num_record_batches
            size = reader.get_batch(0).num_rows if count else 0
            last = reader.get_batch(count - 1).num_rows if count else 0
        return cls(folder, digest, count, max(count - 1, 0) * size + last)

    def __iter__(self) -> Iterator[list[Picture]]:
        """The batches, one in memory at a time."""
        with (self.folder / "list.arrow").open("rb") as file:
            reader = pa.ipc.open_file(file)
            for index in range(self.count):
                columns = reader.get_batch(index).to_pydict()
                yield [Picture(*row) for row in zip(*columns.values(), strict=True)]

    def save(self, index: int, rows: pa.RecordBatch) -> None:
        """Keep the rows of a batch. Raises OSError."""
        stream = pa.BufferOutputStream()
        with pa.ipc.new_stream(stream, rows.schema) as writer:
            writer.write_batch(rows)
        content = stream.getvalue()
        with replace_file(self._part(index)) as file:
            file.write(content)
            file.write(self._seal(index, content))

    def rows(self, index: int) -> pa.RecordBatch | None:
        """The rows of a batch; None if it isn't done, or its file did not survive a power cut."""
        try:
            whole = pa.py_buffer(self._part(index).read_bytes())
        except OSError:
            return None
        size = whole.size - _SEAL
        if size < 0 or whole[size:] != self._seal(index, whole[:size]):
            return None
        return pa.ipc.open_stream(whole[:size]).read_next_batch()

    def _seal(self, index: int, rows: pa.Buffer) -> bytes:
        digest = sha256(f"{self.digest} {index} ".encode())
        digest.update(rows)
        return digest.digest()

    def _part(self, index: int) -> Path:
        return self.folder / f"{index:07}.arrow"


class Parts:
    """The folder of parts of one output, for one run at a time. It is a context manager."""

    def __init__(self, output: Path) -> None:
        self.folder = output.with_name(output.name + ".parts")
        self._manifest = self.folder / "manifest.json"
        self._lock: Any = None

    def __enter__(self) -> Parts:
        """Raises PredictError where the folder is another run's, or something else altogether, or
        cannot be made.
        """
        try:
            self.folder.mkdir()
        except FileExistsError:
            if not self._is_ours():
                raise PredictError(
                    f"{self.folder}: is in the way: finished parts would be kept in a folder of "
                    "that name; move it, or choose another output with -o"
                ) from None
        except OSError as error:
            raise PredictError(
                f"{self.folder}: cannot be written: {reason(error)}; choose another output with -o"
            ) from error
        lock = self.folder / "lock"
        self._lock = lock.open("wb")
        if not _locked(self._lock, lock):
            self._lock.close()
            raise PredictError(
                f"{self.folder}: another `archspec predict` is at work on this output; let it "
                "finish, or choose another output with -o"
            )
        return self

    def __exit__(self, *_: object) -> None:
        begun = self._manifest.exists()
        if not begun:  # Removed while it is ours: a moment later it may be another run's.
            self.remove()
        self._lock.close()
        if not begun and os.name == "nt":  # Windows keeps a file that is open.
            self.remove()

    def plan(self, plan: Plan, restart: bool) -> str | None:
        """Which list is being worked on, by its digest; None for a fresh start. Raises PredictError
        where what is finished is not of this plan, and OSError.
        """
        if restart:
            self._manifest.unlink(missing_ok=True)
        if not self._manifest.exists():
            self._clear(keep=None)
            return None
        try:
            begun = json.loads(self._manifest.read_text("utf-8"))
            digest, old = str(begun["list"]), dict(begun["plan"])
        except (ValueError, KeyError, TypeError):
            digest, old = "", {}
        differing = [name for name in plan if old.get(name) != plan[name]]
        if differing and not any(self.folder.glob("*/[0-9]*.arrow")):
            self._manifest.unlink()
            self._clear(keep=None)
            return None
        if differing:
            said = "; ".join(
                f"{name}: {_shown(old.get(name))} then, {_shown(plan[name])} now"
                for name in differing
            )
            raise PredictError(
                f"{self.folder}: has the finished parts of another run ({said}); give the same "
                "model and options to go on, --restart to throw them away, or another output"
            )
        return digest

    def begin(self, plan: Plan, batches: Batches) -> None:
        """From now on this list counts, and no other. Raises OSError."""
        with replace_file(self._manifest) as file:
            text = json.dumps({"list": batches.digest, "plan": dict(plan)}, indent=1)
            file.write(text.encode())
        self._clear(keep=batches.folder.name)

    def remove(self) -> None:
        """All is done, or nothing was."""
        self._manifest.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _clear(self, keep: str | None) -> None:
        for folder in self.folder.iterdir():
            if folder.is_dir() and folder.name != keep:
                shutil.rmtree(folder, ignore_errors=True)

    def _is_ours(self) -> bool:
        if not self.folder.is_dir():
            return False
        names = {path.name for path in self.folder.iterdir()}
        # Somebody may have taken the lock for a left over one, and deleted it.
        return not names or not names.isdisjoint({"lock", self._manifest.name})


def take_over(parts: Path, digest: str, new: Batches) -> None:
    """Keep the rows done of the list of that digest that are whole batches of the new one.

    A picture is the same one if its path, its size and its time of modification are. Raises
    OSError.
    """
    old = parts / digest[:16]
    try:
        survives = _digest(old / "list.arrow") == digest
    except OSError:
        survives = False
    if not survives:
        return
    done = _done_rows(Batches.read(old, digest))
    ahead = next(done, None)
    for index, pictures in enumerate(new):
        found: list[pa.RecordBatch] = []
        for picture in pictures:
            while ahead is not None and order(ahead[0].path) < order(picture.path):
                ahead = next(done, None)
            if ahead is not None and ahead[0] == picture:
                found.append(ahead[1])
        if len(found) == len(pictures):
            (rows,) = pa.Table.from_batches(found).combine_chunks().to_batches()
            new.save(index, rows)


def _done_rows(batches: Batches) -> Iterator[tuple[Picture, pa.RecordBatch]]:
    """Each picture that is done, with its row."""
    for index, pictures in enumerate(batches):
        rows = batches.rows(index)
        if rows is not None:
            for number, picture in enumerate(pictures):
                yield picture, rows.slice(number, 1)


def _in_batches(pictures: Iterable[Picture], size: int) -> Iterator[tuple[Picture, ...]]:
    pictures = iter(pictures)
    while batch := tuple(islice(pictures, size)):
        yield batch


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _shown(value: object) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 else text  # a digest


def _locked(file: Any, path: Path) -> bool:
    """Whether the file at that path is ours alone now, for as long as it is open. Where the system
    or the file system has no such locks, nobody is kept out.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    try:  # The run that had it may have ended in between, and removed it.
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False
