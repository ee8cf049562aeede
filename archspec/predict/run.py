"""The whole of it: a model, a folder and an output in, a table of labels out."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from archspec import __version__
from archspec.predict.errors import PredictError
from archspec.predict.folder import Walk, find_pictures
from archspec.predict.labelling import Job, Labeller
from archspec.predict.local import Local, Work
from archspec.predict.parts import Batches, Parts, take_over
from archspec.predict.table import Skipped, write_table
from archspec.runtime.digest import model_digest
from archspec.runtime.errors import reason
from archspec.runtime.images import suffixes
from archspec.runtime.outputs import check_folder
from archspec.runtime.session import ON_THE_CPU

if TYPE_CHECKING:
    import pyarrow as pa

    from archspec.runtime.placement import Placement

HERE = Local()


class Engine(Protocol):
    """What has every batch labelled: `Local`, or `OnRay`."""

    def open(self, job: Job) -> Labeller:
        """Open the model, so that what is wrong with it shows before any work is done."""

    def __call__(
        self, labeller: Labeller, work: Iterator[Work]
    ) -> Generator[tuple[int, pa.RecordBatch], None, None]:
        """The rows of each batch, in any order."""


@dataclass(frozen=True)
class Outcome:
    """What became of a folder: how many pictures are in it, which of them were skipped, and what
    else was met on the way.
    """

    pictures: int
    skipped: Skipped
    walk: Walk


def predict_folder(
    model: Path,
    folder: Path,
    output: Path,
    *,
    batch: int = 32,
    top: int = 5,
    placement: Placement = ON_THE_CPU,
    engine: Engine = HERE,
    restart: bool = False,
    say: Callable[[str], None] = lambda text: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Label the pictures of a folder, and of the folders within it, into a Parquet file.

    A row is a picture: its `path` in the folder; the `error`, null if there was none; the `top`
    likeliest `classes` with their `labels` and `scores`, or, for a network that is no classifier,
    its outputs by their names, as lists of lists. Rows are sorted by path. The same pictures, model
    and settings give the same bytes, whichever engine runs and however often it was stopped.

    Finished batches, of `batch` pictures, are kept in `<output>.parts`: what is killed goes on from
    there when it is called again with the same arguments. `restart` throws them away instead.
    `progress` is told of pictures done, of all; `say` of what is worth a line.

    Ctrl-C stops it after the current batch, and raises KeyboardInterrupt; a second one at once.
    Raises a RuntimeFailure, whose text says what to do, for what stops it: a model that cannot be
    run or has no `preprocess`, a folder without pictures, an output that cannot be written, parts
    of another run. What is wrong with one picture never does.
    """
    _check_output(output)
    job = Job(model, model_digest(model), _real(folder), batch, top, placement)
    labeller = engine.open(job)
    about = _about(labeller)
    plan = {"folder": str(job.folder), "archspec": __version__, **about["settings"]}
    plan["model"] = job.digest
    with _writing(output), Parts(output) as parts:
        begun = parts.plan(plan, restart)
        walk = Walk()
        pictures = find_pictures(job.folder, suffixes(), walk)
        batches = Batches.write(parts.folder, pictures, labeller.job.batch)
        if not batches.pictures:
            raise PredictError(
                f"{folder}: there is no picture in it, by the names of its files ({walk.others} "
                f"others); pictures end in {', '.join(sorted(suffixes()))}"
            )
        if begun is not None and begun != batches.digest:
            say("the folder has changed since: what is done of it is taken over")
            take_over(parts.folder, begun, batches)
        parts.begin(plan, batches)
        _label(engine, labeller, batches, begun is not None, say, progress)
        skipped = write_table(output, labeller, _all_rows(batches, parts), about)
        parts.remove()
    return Outcome(batches.pictures, skipped, walk)


def _label(
    engine: Engine,
    labeller: Labeller,
    batches: Batches,
    resumes: bool,
    say: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> None:
    """Have every batch labelled that isn't yet, and kept. Raises KeyboardInterrupt."""
    left = {index for index in range(batches.count) if batches.rows(index) is None}
    done = sum(len(pictures) for index, pictures in enumerate(batches) if index not in left)
    if resumes:
        say(f"going on: {done} of {batches.pictures} pictures are done already")
    progress(done, batches.pictures)
    if not left:
        return
    work = (
        (index, [picture.path for picture in pictures])
        for index, pictures in enumerate(batches)
        if index in left
    )
    with (
        _interrupts() as interrupted,
        closing(engine(_filled(labeller, batches.pictures), work)) as labelled,
    ):
        for index, rows in labelled:
            batches.save(index, rows)
            done += rows.num_rows
            progress(done, batches.pictures)
            if interrupted.is_set():
                raise KeyboardInterrupt


def _filled(labeller: Labeller, pictures: int) -> Labeller:
    """Batches are filled up, and where there are only three pictures, to three."""
    if labeller.batch_is_fixed:
        return labeller
    return replace(labeller, job=replace(labeller.job, batch=min(labeller.job.batch, pictures)))


def _all_rows(batches: Batches, parts: Parts) -> Iterator[pa.RecordBatch]:
    for index in range(batches.count):
        rows = batches.rows(index)
        if rows is None:
            raise PredictError(
                f"{parts.folder}: a finished part is gone or damaged; run it again, and it is made "
                "anew"
            )
        yield rows


def _about(labeller: Labeller) -> dict[str, Any]:
    """What the result says of how it was made: all that its figures depend on."""
    job = labeller.job
    metadata = labeller.model.metadata
    return {
        "archspec": __version__,
        "model": {"name": metadata and metadata.name, "sha256": job.digest},
        "settings": {
            "batch": job.batch,
            "top": job.top,
            "device": job.placement.device,
            "tf32": job.placement.tf32,
        },
    }


def _real(folder: Path) -> Path:
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "there is no such folder"
        raise PredictError(f"{folder}: {what}; give the folder that the pictures are in")
    return Path(os.path.realpath(folder))


def _check_output(output: Path) -> None:
    if output.suffix.lower() != ".parquet":
        raise PredictError(f"{output}: the output is a Parquet file; let its name end in .parquet")
    check_folder(output)
    check_folder(Path(os.path.realpath(output)))  # of what a link leads to
    if output.is_dir():
        raise PredictError(f"{output}: is a folder; give -o the name of a file")


@contextmanager
def _writing(output: Path) -> Iterator[None]:
    """An error of the system, in what this package writes, as one line with a way out."""
    try:
        yield
    except OSError as error:
        raise PredictError(
            f"{output}: cannot be written: {reason(error)}; what is finished is kept, and the same "
            "command goes on from there"
        ) from error


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Set at the first Ctrl-C; from then on Ctrl-C does what it did before."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    before = signal.getsignal(signal.SIGINT)

    def note(*_: object) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
