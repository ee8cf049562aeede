"""`archspec predict`: a folder of pictures to a table, whatever comes between."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from PIL import Image

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

from archspec.predict import parts, predict_folder, table  # noqa: E402
from archspec.predict.errors import PredictError  # noqa: E402
from archspec.predict.folder import Walk, find_pictures, order  # noqa: E402
from archspec.predict.local import AHEAD, Local  # noqa: E402
from archspec.predict.parts import Batches  # noqa: E402
from archspec.runtime.digest import model_digest  # noqa: E402
from archspec.runtime.images import suffixes  # noqa: E402
from tests.test_run import (  # noqa: E402
    MAIN,
    Outcome,
    Run,
    Size,
    error_of,
    png_of_claimed_size,
    save_flattener,
    save_model,
    save_png,
    whole_png,
)

from archspec.cli import main  # noqa: E402  # isort: skip

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals, links and limits of POSIX")
PREDICT = ("model.onnx", "photos", "-o", "out.parquet")


@pytest.fixture
def predict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs `archspec predict` with these arguments in a folder with a classifier of three classes,
    whose scores are a picture's only pixel.
    """
    monkeypatch.chdir(tmp_path)
    save_flattener((3, 1, 1), preprocess={"resize": [1, 1]}, labels=["red", "green", "blue"])

    def run(*arguments: str) -> Outcome:
        try:
            status = main(["predict", *arguments])
        except SystemExit as usage:
            status = int(str(usage.code))
        return Outcome(status, *capsys.readouterr())

    return run


def save_photos(count: int, folder: str = "photos") -> None:
    """Pictures of one pixel each, in three folders."""
    values = np.random.default_rng(0).integers(0, 256, (count, 1, 1, 3))
    for number, pixels in enumerate(values):
        place = Path(folder, str(number % 3))
        place.mkdir(parents=True, exist_ok=True)
        save_png(str(place / f"{number:03}.png"), pixels)


def rows(path: str = "out.parquet") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def errors(path: str = "out.parquet") -> dict[str, str | None]:
    return {row["path"]: row["error"] for row in rows(path)}


# Results


def test_a_row_has_the_path_and_the_likeliest_classes_with_labels_and_scores(predict: Run) -> None:
    Path("photos/deep").mkdir(parents=True)
    save_flattener(
        (3, 1, 1), preprocess={"scale": 0.01}, labels=["cat", "dog", "owl"], scores="logits"
    )
    save_png("photos/deep/a.png", [[[0, 200, 100]]])
    outcome = predict(*PREDICT, "--top", "2")
    assert outcome == (0, "out.parquet: 1 pictures\n", "")
    (row,) = rows()
    # softmax(0, 2, 1), as `archspec run` has it
    assert row["scores"] == [pytest.approx(0.66524, 1e-4), pytest.approx(0.24473, 1e-4)]
    del row["scores"]
    assert row == {
        "path": "deep/a.png",
        "error": None,
        "classes": [1, 2],
        "labels": ["dog", "owl"],
    }


def test_it_says_of_every_picture_what_run_says(
    predict: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    save_photos(10)
    assert predict(*PREDICT, "--batch", "4").status == 0
    for row in rows():
        main(["run", "model.onnx", f"photos/{row['path']}", "--format", "json"])
        (result,) = json.loads(capsys.readouterr().out)["results"]
        assert row["classes"] == [entry["index"] for entry in result["top"]]
        assert row["labels"] == [entry["label"] for entry in result["top"]]
        assert row["scores"] == [np.float32(entry["score"]) for entry in result["top"]]


def test_without_labels_their_column_is_null(predict: Run) -> None:
    save_flattener((3, 1, 1), preprocess={"resize": [1, 1]})
    save_photos(1)
    assert predict(*PREDICT).status == 0
    assert rows()[0]["labels"] is None and len(rows()[0]["classes"]) == 3


def test_the_file_says_which_model_and_settings_made_it(predict: Run) -> None:
    save_photos(2)
    assert predict(*PREDICT, "--batch", "7").status == 0
    about = json.loads(pq.read_schema("out.parquet").metadata[b"archspec"])
    assert about["model"] == {"name": "flattener", "sha256": model_digest(Path("model.onnx"))}
    assert about["settings"] == {"batch": 7, "top": 5, "device": "cpu", "tf32": False}


def test_a_network_that_is_no_classifier_has_its_outputs_as_lists_of_lists(predict: Run) -> None:
    save_model(
        "model.onnx",
        [helper.make_node("Neg", ["image"], ["path"])],
        {"image": ["batch", 3, 1, 2]},
        {"path": ["batch", 3, 1, 2]},
        {"name": "negative", "preprocess": {}},
    )
    Path("photos").mkdir()
    save_png("photos/a.png", [[[1, 2, 3], [4, 5, 6]]])
    save_png("photos/b.png", [[[7, 8, 9]]])
    assert predict(*PREDICT).status == 1
    first, second = rows()
    assert first["path (output)"] == [[[-1, -4]], [[-2, -5]], [[-3, -6]]]
    assert second["path (output)"] is None and "3 × 1 × 1" in second["error"]
    kind = pq.read_schema("out.parquet").field("path (output)").type
    assert str(kind).count("list") == 3 and kind.value_type.value_type.value_type == pa.float32()


def test_pictures_of_free_sizes_are_run_size_by_size(predict: Run) -> None:
    save_model(
        "model.onnx",
        [helper.make_node("GlobalAveragePool", ["image"], ["mean"])],
        {"image": ["batch", 1, "H", "W"]},
        {"mean": ["batch", 1, 1, 1]},
        {"name": "mean", "preprocess": {"channels": "gray"}},
    )
    Path("photos").mkdir()
    for number in range(9):
        save_png(f"photos/{number}.png", np.full((1 + number % 2, 1 + number % 3), number))
    assert predict(*PREDICT, "--batch", "4").status == 0
    assert [row["mean"] for row in rows()] == [[[[number]]] for number in range(9)]


def test_a_model_that_prepares_pictures_and_chooses_classes_itself_says_the_same(
    predict: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photos").mkdir()
    numbers = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        save_png(f"photos/{name}.png", numbers.integers(0, 256, (30, 28 + len(name), 3)))
    build = ["build", "mlp", "--export", "onnx", "-o", "model.onnx"]
    made = []
    for more in ([], ["--with-preprocess"], ["--with-preprocess", "--with-top-k", "2"]):
        assert main([*build, *more]) == 0
        capsys.readouterr()
        assert predict(*PREDICT, "--top", "2").status == 0
        made.append([(row["path"], row["classes"], row["labels"]) for row in rows()])
    assert made[0] == made[1] == made[2] and len(made[0]) == 3


def test_a_model_of_a_fixed_batch_is_given_that(predict: Run) -> None:
    save_model(
        "model.onnx",
        [helper.make_node("Flatten", ["image"], ["scores"])],
        {"image": [4, 3, 1, 1]},
        {"scores": [4, 3]},
        {"name": "fixed", "preprocess": {"resize": [1, 1]}},
    )
    save_photos(6)
    assert predict(*PREDICT, "--quiet") == (0, "", "")
    assert len(rows()) == 6


def test_a_score_that_is_no_number_is_an_error_of_its_picture_alone(predict: Run) -> None:
    save_flattener((3, 1, 1), preprocess={"scale": 2e37, "resize": [1, 1]})
    Path("photos").mkdir()
    save_png("photos/bright.png", [[[255, 0, 0]]])
    save_png("photos/dark.png", [[[0, 0, 1]]])
    assert predict(*PREDICT).status == 1
    found = errors()
    assert "not finite" in str(found["bright.png"]) and found["dark.png"] is None


def test_the_bytes_do_not_depend_on_the_readers_or_on_row_groups_of_parts(
    predict: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "_GROUP_ROWS", 7)
    save_photos(40)
    Path("photos/1/001.png").write_bytes(b"")
    made = set()
    for readers in ("1", "5"):
        assert predict(*PREDICT, "--batch", "6", "--readers", readers).status == 1
        made.add(Path("out.parquet").read_bytes())
    assert len(made) == 1
    file = pq.ParquetFile("out.parquet")
    groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert groups == [7, 7, 7, 7, 7, 5]


def test_reading_runs_no_more_than_a_few_batches_ahead() -> None:
    class Slow:
        read_so_far = 0

        def read(self, path: bytes) -> str:
            self.read_so_far += 1
            return "unread"

        def label(self, paths: list[bytes], readings: list[str]) -> list[bytes]:
            return paths

    labeller = Slow()
    work = iter([(index, [b"a", b"b"]) for index in range(50)])
    labelled: Any = Local(1)(labeller, work)  # type: ignore[arg-type]
    assert next(labelled) == (0, [b"a", b"b"])
    assert labeller.read_so_far <= 2 * (AHEAD + 1)
    assert [index for index, _ in labelled] == list(range(1, 50))


# The folder


def paths_of(folder: str, walk: Walk | None = None) -> list[str]:
    found = find_pictures(Path(folder), suffixes(), walk or Walk())
    return [os.fsdecode(picture.path) for picture in found]


def test_pictures_are_sorted_by_the_names_on_their_way(predict: Run) -> None:
    for name in ("b/z.png", "b/a/1.PNG", "b.jpg", "a.webp", "b/a.gif", "é.bmp", "B.tiff"):
        Path("photos", name).parent.mkdir(parents=True, exist_ok=True)
        Path("photos", name).touch()
    found = paths_of("photos")
    assert found == ["B.tiff", "a.webp", "b/a/1.PNG", "b/a.gif", "b/z.png", "b.jpg", "é.bmp"]
    assert found == sorted(found, key=lambda name: order(os.fsencode(name)))


def test_other_files_and_hidden_ones_are_left_out(predict: Run) -> None:
    for name in ("a.png", "._a.png", ".thumbs/b.png", "notes.txt", "c.svg", "png"):
        Path("photos", name).parent.mkdir(parents=True, exist_ok=True)
        Path("photos", name).touch()
    walk = Walk()
    assert (paths_of("photos", walk), walk.others) == (["a.png"], 3)


def test_a_folder_may_be_called_like_a_picture(predict: Run) -> None:
    Path("photos/a.png").mkdir(parents=True)
    save_png("photos/a.png/b.png", [[[1, 2, 3]]])
    assert paths_of("photos") == ["a.png/b.png"]


@POSIX
def test_links_are_followed_but_not_into_a_folder_they_lie_in(predict: Run) -> None:
    save_photos(1)
    Path("elsewhere").mkdir()
    save_png("elsewhere/b.png", [[[1, 2, 3]]])
    Path("photos/linked").symlink_to("../elsewhere")
    Path("photos/0/loop").symlink_to("..")
    Path("photos/itself.png").symlink_to("itself.png")
    Path("photos/gone.png").symlink_to("nowhere.png")
    outcome = predict(*PREDICT)
    assert outcome.status == 1
    assert "0/loop: a link back to a folder that it lies in" in outcome.err
    assert list(errors()) == ["0/000.png", "gone.png", "itself.png", "linked/b.png"]
    assert "no such file" in str(errors()["gone.png"])


@POSIX
def test_pipes_and_folders_that_cannot_be_read_are_told_of(
    predict: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_photos(3)
    os.mkfifo("photos/pipe.png")
    scandir = os.scandir

    def refusing(folder: Any) -> Any:
        if isinstance(folder, bytes) and folder.endswith(b"1"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    outcome = predict(*PREDICT)
    assert outcome.status == 1 and len(rows()) == 2
    assert "error: 1: the folder cannot be read: permission denied\n" in outcome.err
    assert "error: pipe.png: not a regular file\n" in outcome.err


@POSIX
def test_a_folder_too_deep_to_be_read_is_no_picture(predict: Run) -> None:
    save_photos(1)
    here = os.getcwd()
    os.chdir("photos")
    for _ in range(21):  # of 200 letters each: a path has 4096 at most
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    os.chdir(here)
    outcome = predict(*PREDICT)
    assert (outcome.status, len(rows())) == (1, 1)
    assert "dd: the folder cannot be read: file name too long\n" in outcome.err


@POSIX
def test_names_of_links_are_shown_without_what_a_terminal_obeys(predict: Run) -> None:
    save_photos(1)
    Path("photos/0/\x1b[31m\nloop").symlink_to("..")
    outcome = predict(*PREDICT)
    assert outcome.status == 0
    assert outcome.err.startswith("archspec: 0/\\x1b[31m\\nloop: a link back")


@POSIX
def test_nothing_in_the_names_of_folders_need_be_utf_8(predict: Run) -> None:
    save_photos(2)
    try:
        os.rename(b"photos", b"caf\xe9")
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    output = os.fsdecode(b"caf\xe9.parquet")
    assert predict("model.onnx", os.fsdecode(b"caf\xe9"), "-o", output).status == 0
    with open(output, "rb") as file:
        assert pq.read_table(file).num_rows == 2


@POSIX
def test_a_name_that_is_no_utf_8_is_written_with_escapes(predict: Run) -> None:
    os.mkdir("photos")
    save_png("a.png", [[[1, 2, 3]]])
    try:
        os.rename("a.png", b"photos/caf\xe9.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    assert predict(*PREDICT).status == 0
    assert errors() == {"caf\\xe9.png": None}


# Broken pictures


def test_broken_pictures_are_skipped_and_listed_and_the_others_labelled(predict: Run) -> None:
    Path("photos").mkdir()
    save_png("photos/good.png", [[[1, 2, 3]]])
    for name, content in {
        "empty.jpg": b"",
        "text.jpg": b"certainly not a picture",
        "cut.png": whole_png()[:2000],
        "bomb.png": png_of_claimed_size(30_000, 30_000),
        "huge.png": png_of_claimed_size(12_000, 9_000),
    }.items():
        Path("photos", name).write_bytes(content)
    outcome = predict(*PREDICT, "--batch", "2")
    assert outcome.status == 1
    assert outcome.out == "out.parquet: 6 pictures, 5 of them skipped\n"
    assert outcome.err.count("archspec: error: ") == 5
    found = errors()
    assert found["good.png"] is None
    assert all("not a picture that Pillow can read" in str(found[n]) for n in ("empty.jpg",))
    assert "not a picture that Pillow can read" in str(found["text.jpg"])
    assert "damaged or cut off" in str(found["cut.png"])
    assert "too many pixels" in str(found["bomb.png"])
    assert "too many pixels" in str(found["huge.png"]) and "9000 × 12000" in str(found["huge.png"])
    assert all(row["classes"] is None for row in rows() if row["error"])


def test_of_many_broken_pictures_the_first_twenty_are_listed(predict: Run) -> None:
    Path("photos").mkdir()
    for number in range(33):
        Path(f"photos/{number:02}.png").touch()
    lines = predict(*PREDICT).err.splitlines()
    assert len(lines) == 21 and lines[19].startswith("archspec: error: 19.png: ")
    assert lines[20] == "archspec: error: … and 13 more, in the column `error`"


def test_a_picture_that_may_not_be_read_is_an_error_of_its_row(
    predict: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_photos(2)
    real = Path.open

    def refusing(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "001.png":
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refusing)
    assert predict(*PREDICT).status == 1
    assert errors()["1/001.png"] == "cannot be read: permission denied; check the path"


# Stopped and gone on with


def stop_after(batches: int) -> Callable[[int, int], None]:
    calls = iter(range(batches + 1))

    def progress(done: int, total: int) -> None:
        if next(calls) == batches:
            raise KeyboardInterrupt

    return progress


def stopped_after(batches: int, **options: Any) -> None:
    """A run that ends in the middle, as at a second Ctrl-C."""
    with pytest.raises(KeyboardInterrupt):
        predict_folder(
            Path("model.onnx"),
            Path("photos"),
            Path("out.parquet"),
            progress=stop_after(batches),
            **options,
        )


@POSIX
def test_after_a_kill_the_same_command_goes_on_and_the_file_is_the_same(predict: Run) -> None:
    save_photos(60)
    Path("photos/2/002.png").write_bytes(whole_png()[:2000])
    arguments = (*PREDICT, "--batch", "2")
    assert predict(*arguments).status == 1
    whole = Path("out.parquet").read_bytes()
    Path("out.parquet").unlink()

    # The last batch never ends.
    code = MAIN.replace(
        "from archspec.cli import main",
        "import os, time\n"
        "from archspec.cli import main\n"
        "from archspec.predict.labelling import Labeller\n"
        "label = Labeller.label\n"
        "def slow(self, paths, readings):\n"
        "    if b'2/059.png' in paths: time.sleep(600)\n"
        "    return label(self, paths, readings)\n"
        "Labeller.label = slow",
    )
    process = subprocess.Popen([sys.executable, "-c", code, "", "predict", *arguments])
    deadline = time.monotonic() + 60
    while len(list(Path().glob("out.parquet.parts/*/0*.arrow"))) < 29:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not Path("out.parquet").exists()

    outcome = predict(*arguments)
    assert outcome.status == 1
    assert "archspec: going on: 58 of 60 pictures are done already\n" in outcome.err
    assert Path("out.parquet").read_bytes() == whole
    assert not Path("out.parquet.parts").exists()


@POSIX
def test_an_interrupt_ends_after_the_batch_with_status_130_and_says_how_to_go_on(
    predict: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_photos(20)
    save = Batches.save

    def interrupted(self: Batches, index: int, batch: Any) -> None:
        save(self, index, batch)
        if index == 3:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(Batches, "save", interrupted)
    outcome = predict(*PREDICT, "--batch", "2")
    assert (outcome.status, outcome.out) == (130, "")
    assert "stopped; what is finished is kept, and the same command goes on" in outcome.err
    assert signal.getsignal(signal.SIGINT) is before
    assert len(list(Path().glob("out.parquet.parts/*/0*.arrow"))) == 4
    assert "going on: 8 of 20" in predict(*PREDICT, "--batch", "2").err


def test_what_is_done_is_not_done_again(predict: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    save_photos(10)
    stopped_after(3, batch=2)
    read: list[bytes] = []
    real = parts.Batches.save

    def counting(self: Batches, index: int, batch: Any) -> None:
        read.extend(batch.column("path").to_pylist())
        real(self, index, batch)

    monkeypatch.setattr(Batches, "save", counting)
    assert predict(*PREDICT, "--batch", "2").status == 0
    assert len(read) == 4 and len(rows()) == 10


def test_another_model_other_settings_and_another_folder_are_refused_until_restart(
    predict: Run,
) -> None:
    save_photos(6)
    save_photos(6, "others")
    stopped_after(1, batch=2)
    refused = error_of(predict(*PREDICT, "--batch", "3"), 2)
    assert "(batch: 2 then, 3 now)" in refused and "--restart" in refused
    assert "top: 5 then, 1 now" in error_of(predict(*PREDICT, "--batch", "2", "--top", "1"), 2)
    other = ("model.onnx", "others", "-o", "out.parquet", "--batch", "2")
    assert "folder: " in error_of(predict(*other), 2)
    save_flattener((3, 1, 1), preprocess={"resize": [1, 1]}, labels=["a", "b", "c"])
    assert "model: " in error_of(predict(*PREDICT, "--batch", "2"), 2)
    outcome = predict(*PREDICT, "--batch", "2", "--restart")
    assert (outcome.status, outcome.err) == (0, "")
    assert {row["labels"][0] for row in rows()} <= {"a", "b", "c"}


def test_a_folder_that_has_changed_since_is_taken_as_it_is_now(predict: Run) -> None:
    save_photos(24)
    stopped_after(6, batch=2)
    Path("photos/0/003.png").unlink()
    save_png("photos/0/zzz.png", [[[9, 8, 7]]])
    save_png("photos/1/004.png", [[[0, 0, 255]] * 3])
    outcome = predict(*PREDICT, "--batch", "2")
    assert outcome.status == 0 and "the folder has changed since" in outcome.err
    # Of the 12 that were done, all but the one removed, and those in the batches of the two others.
    assert "going on: 8 of 24 pictures are done already" in outcome.err
    resumed = Path("out.parquet").read_bytes()
    assert predict(*PREDICT, "--batch", "2").status == 0
    assert Path("out.parquet").read_bytes() == resumed
    changed = next(row for row in rows() if row["path"] == "1/004.png")
    assert changed["labels"][0] == "blue"


def test_a_part_that_did_not_survive_is_made_anew(predict: Run) -> None:
    save_photos(10)
    stopped_after(3, batch=2)
    first, *_ = sorted(Path().glob("out.parquet.parts/*/0*.arrow"))
    first.write_bytes(first.read_bytes()[:100])
    assert "going on: 4 of 10" in predict(*PREDICT, "--batch", "2").err
    assert len(rows()) == 10


def test_a_part_with_any_bit_turned_is_made_anew(predict: Run) -> None:
    """Of such a file pyarrow reads other labels, or it crashes."""
    save_photos(10)
    stopped_after(3, batch=2)
    first, *_ = sorted(Path().glob("out.parquet.parts/*/0*.arrow"))
    kept = parts.Parts(Path("out.parquet"))
    listed = json.loads((kept.folder / "manifest.json").read_text())["list"]
    batches = Batches.read(first.parent, listed)
    content = first.read_bytes()
    assert batches.rows(0) is not None
    for place in range(0, len(content), 7):
        turned = bytearray(content)
        turned[place] ^= 1 << place % 8
        first.write_bytes(turned)
        assert batches.rows(0) is None
    assert "going on: 4 of 10" in predict(*PREDICT, "--batch", "2").err
    assert len(rows()) == 10


def test_a_part_in_the_place_of_another_is_made_anew(predict: Run) -> None:
    save_photos(10)
    stopped_after(3, batch=2)
    first, second, *_ = sorted(Path().glob("out.parquet.parts/*/0*.arrow"))
    second.write_bytes(first.read_bytes())
    assert "going on: 4 of 10" in predict(*PREDICT, "--batch", "2").err
    assert len(set(errors())) == 10


def test_a_deleted_lock_is_no_hindrance(predict: Run) -> None:
    save_photos(6)
    stopped_after(1, batch=2)
    Path("out.parquet.parts/lock").unlink()
    assert "going on: 2 of 6" in predict(*PREDICT, "--batch", "2").err


def test_other_settings_are_no_hindrance_where_nothing_is_finished(predict: Run) -> None:
    save_photos(6)
    stopped_after(0, batch=2)
    outcome = predict(*PREDICT, "--batch", "3")
    assert (outcome.status, outcome.err) == (0, "")


def test_a_folder_that_goes_away_ends_the_run_and_loses_nothing(
    predict: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_photos(120)
    assert predict(*PREDICT, "--batch", "2").status == 0
    whole = Path("out.parquet").read_bytes()
    save = Batches.save

    def going(self: Batches, index: int, batch: Any) -> None:
        save(self, index, batch)
        if index == 3:
            os.rename("photos", "elsewhere")

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "save", going)
        gone = error_of(predict(*PREDICT, "--batch", "2"), 2)
    assert "photos: the folder is gone, or empty by now; what is finished is kept" in gone
    os.rename("elsewhere", "photos")
    assert "going on: " in predict(*PREDICT, "--batch", "2").err
    assert Path("out.parquet").read_bytes() == whole


@POSIX
def test_the_work_does_not_end_with_those_who_read_of_it(predict: Run) -> None:
    save_photos(6)
    stopped_after(1, batch=2)
    ours, its = os.pipe()
    os.close(ours)
    command = [sys.executable, "-c", MAIN, "", "predict", *PREDICT, "--batch", "2"]
    assert subprocess.run(command, stderr=its, stdout=its, check=False).returncode == 0
    os.close(its)
    assert len(rows()) == 6


def test_a_list_that_did_not_survive_is_a_fresh_start(predict: Run) -> None:
    save_photos(4)
    stopped_after(1, batch=2)
    (listing,) = Path().glob("out.parquet.parts/*/list.arrow")
    listing.write_bytes(b"")
    save_png("photos/0/zzz.png", [[[9, 8, 7]]])
    assert "going on: 0 of 5" in predict(*PREDICT, "--batch", "2").err
    assert len(rows()) == 5


def test_parts_whose_manifest_is_damaged_are_refused(predict: Run) -> None:
    save_photos(4)
    stopped_after(1, batch=2)
    Path("out.parquet.parts/manifest.json").write_text("[")
    assert "--restart" in error_of(predict(*PREDICT, "--batch", "2"), 2)
    assert predict(*PREDICT, "--batch", "2", "--restart").status == 0


@POSIX
def test_two_runs_at_once_on_one_output_are_refused(predict: Run) -> None:
    save_photos(2)
    with parts.Parts(Path("out.parquet")):
        assert "another `archspec predict` is at work" in error_of(predict(*PREDICT), 2)
    assert predict(*PREDICT).status == 0


# What cannot work is refused before the work


def test_a_folder_without_pictures_is_refused(predict: Run) -> None:
    Path("photos").mkdir()
    Path("photos/notes.txt").touch()
    error = error_of(predict(*PREDICT), 2)
    assert error.startswith("photos: there is no picture in it, by the names of its files (1 other")
    assert ".jpeg" in error
    assert sorted(os.listdir()) == ["model.onnx", "photos"]


@POSIX
def test_a_lock_of_a_folder_that_its_run_has_removed_is_none(predict: Run) -> None:
    Path("old").touch()
    with open("old", "wb") as file:
        assert parts._locked(file, Path("old"))
        os.replace("model.onnx", "old")
        assert not parts._locked(file, Path("old"))
        Path("old").unlink()
        assert not parts._locked(file, Path("old"))


@POSIX
def test_the_folder_of_parts_is_removed_while_it_is_locked(
    predict: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("photos").mkdir()
    remove = parts.Parts.remove
    locked = []

    def removing(self: parts.Parts) -> None:
        locked.append(not self._lock.closed)
        remove(self)

    monkeypatch.setattr(parts.Parts, "remove", removing)
    assert predict(*PREDICT).status == 2
    assert locked == [True]


def test_no_folder_and_a_file_for_one_are_refused(predict: Run) -> None:
    assert "there is no such folder" in error_of(predict(*PREDICT), 2)
    Path("photos").touch()
    assert "is not a folder" in error_of(predict(*PREDICT), 2)


def test_outputs_that_cannot_be_written_are_refused_before_any_work(
    predict: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_photos(2)
    monkeypatch.setattr(Local, "__call__", None)
    Path("folder.parquet").mkdir()
    Path("busy.parquet.parts").mkdir()
    Path("busy.parquet.parts/precious").touch()
    with suppress(OSError):  # Windows makes links for the few.
        Path("link.parquet").symlink_to("gone/link.parquet")
    for output, message in {
        "gone/out.parquet": "there is no folder gone",
        "out.csv": "let its name end in .parquet",
        "folder.parquet": "is a folder",
        "busy.parquet": "is in the way",
        **({"link.parquet": "there is no folder"} if Path("link.parquet").is_symlink() else {}),
        **({"/proc/out.parquet": "cannot be written"} if Path("/proc/self").exists() else {}),
    }.items():
        assert message in error_of(predict("model.onnx", "photos", "-o", output), 2)
    assert Path("busy.parquet.parts/precious").exists()


def test_the_output_may_lie_in_the_folder(predict: Run) -> None:
    save_photos(4)
    for _ in range(2):
        assert predict("model.onnx", "photos", "-o", "photos/out.parquet").status == 0
    assert len(rows("photos/out.parquet")) == 4


def test_models_that_take_no_pictures_are_refused(predict: Run) -> None:
    save_photos(1)
    save_flattener((3, 1, 1), labels=["a", "b", "c"])
    assert "`preprocess` section" in error_of(predict(*PREDICT), 2)
    save_flattener((3, 1, 1), preprocess={"resize": [1, 1]}, labels=["a", "b"])
    assert "2 labels for 3 classes" in error_of(predict(*PREDICT), 2)
    node = helper.make_node("Add", ["a", "b"], ["c"])
    shape: list[Size] = ["batch", 3, 1, 1]
    save_model("model.onnx", [node], {"a": shape, "b": shape}, {"c": shape}, {"name": "sum"})
    assert "2 inputs (a, b)" in error_of(predict(*PREDICT), 2)
    Path("model.onnx").write_bytes(b"no model")
    assert "model.onnx is no ONNX model" in error_of(predict(*PREDICT), 2)
    Path("model.onnx").unlink()
    assert "model.onnx" in error_of(predict(*PREDICT), 2)
    assert sorted(os.listdir()) == ["photos"]


def test_a_model_that_fails_on_every_batch_ends_the_run(predict: Run) -> None:
    save_model(
        "model.onnx",
        [
            helper.make_node("Constant", [], ["shape"], value_ints=[1, 7]),
            helper.make_node("Reshape", ["image", "shape"], ["scores"]),
        ],
        {"image": ["batch", 3, 1, 1]},
        {"scores": [1, 7]},
        {"name": "wrong", "preprocess": {"resize": [1, 1]}},
    )
    save_photos(4)
    error = error_of(predict(*PREDICT), 2)
    assert "onnxruntime could not run the model" in error and "--batch" in error


def test_a_batch_that_memory_does_not_hold_is_told_in_one_line(
    predict: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_photos(7)
    zeros = np.zeros

    def full(shape: Any, *arguments: Any) -> Any:
        if shape == (7, 3, 1, 1):
            raise MemoryError
        return zeros(shape, *arguments)

    monkeypatch.setattr(np, "zeros", full)
    error = error_of(predict(*PREDICT), 2)
    assert "does not fit into this machine's memory" in error and "--batch sets it" in error
    assert predict(*PREDICT, "--batch", "2").status == 0  # what it advises


def test_the_digest_covers_weights_in_other_files(predict: Run) -> None:
    weights = onnx.numpy_helper.from_array(np.zeros(3, np.float32), "w")
    model = onnx.load("model.onnx")
    model.graph.initializer.append(weights)
    onnx.save(model, "far.onnx", save_as_external_data=True, location="far.bin", size_threshold=0)
    before = model_digest(Path("far.onnx"))
    Path("far.bin").write_bytes(b"\1" * 12)
    assert model_digest(Path("far.onnx")) != before


# A full disk


@POSIX
def test_a_full_disk_is_told_in_one_line(predict: Run) -> None:
    """A limit on the size of files stands for the disk."""
    save_photos(120)
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (800, 800))\n"
    result = subprocess.run(
        [sys.executable, "-c", code + MAIN, "", "predict", *PREDICT],
        capture_output=True,
        text=True,
        check=False,
    )
    error = error_of(Outcome(result.returncode, result.stdout, result.stderr), 2)
    assert error.startswith("out.parquet: cannot be written: file too large; ")
    assert predict(*PREDICT).status == 0
    assert len(rows()) == 120


def test_a_disk_that_fills_up_in_the_middle_keeps_the_parts(
    predict: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_photos(10)
    save = Batches.save

    def full(self: Batches, index: int, batch: Any) -> None:
        if index == 3:
            raise OSError(28, "No space left on device")
        save(self, index, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "save", full)
        error = error_of(predict(*PREDICT, "--batch", "2"), 2)
    assert "no space left on device; what is finished is kept" in error
    assert "going on: 6 of 10" in predict(*PREDICT, "--batch", "2").err


def test_a_result_that_cannot_be_written_leaves_the_parts(
    predict: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_photos(4)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetWriter, "write_table", full)
        assert "no space left" in error_of(predict(*PREDICT), 2)
    assert not Path("out.parquet").exists()
    assert "going on: 4 of 4" in predict(*PREDICT).err
    assert len(rows()) == 4


# The command line


@pytest.mark.parametrize(
    "arguments",
    [
        ["model.onnx", "photos"],
        [*PREDICT, "--batch", "0"],
        [*PREDICT, "--batch", "1000000000"],
        [*PREDICT, "--engine", "spark"],
        [*PREDICT, "--workers", "2"],
        [*PREDICT, "--address", "here:1"],
        [*PREDICT, "--engine", "ray", "--readers", "2"],
    ],
)
def test_wrong_usage_has_status_2(predict: Run, arguments: list[str]) -> None:
    outcome = predict(*arguments)
    assert outcome.status == 2 and "error: " in outcome.err


def test_quiet_is_quiet_where_all_is_well(predict: Run) -> None:
    save_photos(2)
    assert predict(*PREDICT, "--quiet") == (0, "", "")


@POSIX
def test_a_terminal_is_shown_how_far_it_is(predict: Run) -> None:
    import fcntl
    import termios

    save_photos(6)
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen([sys.executable, "-c", MAIN, "", "predict", *PREDICT], stderr=its)
    os.close(its)
    shown = b""
    with suppress(OSError):  # that is how the end of a terminal reads
        while chunk := os.read(ours, 4096):
            shown += chunk
    os.close(ours)
    assert process.wait() == 0
    assert b"/6 [" in shown and b"pictures/s" in shown


@pytest.mark.parametrize(
    ("module", "extra"), [("pyarrow", "predict"), ("tqdm", "predict"), ("ray", "ray")]
)
def test_a_missing_package_says_how_to_install_it(predict: Run, module: str, extra: str) -> None:
    save_photos(1)
    engine = ["--engine", "ray"] if module == "ray" else []
    result = subprocess.run(
        [sys.executable, "-c", MAIN, module, "predict", *PREDICT, *engine],
        capture_output=True,
        text=True,
        check=False,
    )
    error = error_of(Outcome(result.returncode, result.stdout, result.stderr), 2)
    assert error == f'{module} is not installed: pip install "archspec-nn[{extra}]"'


def test_the_function_raises_what_the_command_says(predict: Run) -> None:
    with pytest.raises(PredictError, match="no such folder"):
        predict_folder(Path("model.onnx"), Path("nowhere"), Path("out.parquet"))


def test_a_picture_is_the_colour_it_was(predict: Run) -> None:
    Path("photos").mkdir()
    for name, colour in {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}.items():
        Image.new("RGB", (8, 8), colour).save(f"photos/{name}.jpg")
    assert predict(*PREDICT).status == 0
    assert {row["path"]: row["labels"][0] for row in rows()} == {
        f"{name}.jpg": name for name in ("red", "green", "blue")
    }
