"""`archspec predict --engine ray`, on a cluster of two cores of this machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow")
psutil = pytest.importorskip("psutil")
ray = pytest.importorskip("ray")

from archspec.cli import main  # noqa: E402
from archspec.predict import predict_folder  # noqa: E402
from archspec.predict.errors import PredictError  # noqa: E402
from archspec.predict.labelling import Job  # noqa: E402
from archspec.predict.ray_engine import OnRay  # noqa: E402
from archspec.runtime.digest import model_digest  # noqa: E402
from archspec.runtime.placement import Placement  # noqa: E402
from tests.test_run import save_flattener, save_png, whole_png  # noqa: E402

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Ray is for POSIX")

MODEL, PHOTOS = Path("model.onnx"), Path("photos")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier, and sixty pictures of which one is broken."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    save_flattener((3, 1, 1), preprocess={"resize": [1, 1]}, labels=["red", "green", "blue"])
    PHOTOS.mkdir()
    for number, value in enumerate(np.random.default_rng(0).integers(0, 256, (60, 1, 1, 3))):
        save_png(f"photos/{number:02}.png", value)
    Path("photos/07.png").write_bytes(whole_png()[:2000])


@pytest.fixture
def cluster(folder: None) -> Iterator[None]:
    """Ray, as somebody has started it who does more with it than label pictures."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def test_the_command_starts_a_cluster_and_ends_it_and_the_file_is_the_local_one(
    folder: None, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["predict", "model.onnx", "photos", "--batch", "4", "-o"]
    assert main([*arguments, "local.parquet"]) == 1
    alone = capsys.readouterr().err
    assert main([*arguments, "ray.parquet", "--engine", "ray", "--workers", "2"]) == 1
    assert capsys.readouterr().err == alone
    assert Path("ray.parquet").read_bytes() == Path("local.parquet").read_bytes()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0" and not ray.is_initialized()


def test_a_cluster_that_is_not_there_is_told_of_at_once(
    folder: None, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["predict", "model.onnx", "photos", "-o", "ray.parquet", "--engine", "ray"]
    assert main([*arguments, "--address", "127.0.0.1:1"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "there is no cluster at 127.0.0.1:1 (" in line and "refused" in line


def test_a_worker_that_dies_is_replaced_and_the_rest_is_as_it_would_be(
    cluster: None, capsys: pytest.CaptureFixture[str]
) -> None:
    killed: list[int] = []

    def kill_one(done: int, total: int) -> None:
        if done and not killed:
            (worker, *_) = workers()
            killed.append(worker.pid)
            worker.send_signal(signal.SIGKILL)

    output = Path("ray.parquet")
    outcome = predict_folder(MODEL, PHOTOS, output, batch=1, engine=OnRay(), progress=kill_one)
    assert (outcome.pictures, outcome.skipped.count, len(killed)) == (60, 1, 1)
    predict_folder(MODEL, PHOTOS, Path("local.parquet"), batch=1)
    assert output.read_bytes() == Path("local.parquet").read_bytes()

    # What is wrong on the workers is told as it is here.
    with pytest.raises(PredictError, match="2 CPUs and 0 GPUs, and one worker takes 1 GPU"):
        predict_folder(
            MODEL, PHOTOS, output, engine=OnRay(), placement=Placement(device="cuda", batch=32)
        )
    job = Job(MODEL, model_digest(MODEL), PHOTOS.absolute(), 1, 5, Placement())
    with pytest.raises(PredictError, match="no such folder on"):
        run_job(replace(job, folder=Path("/nowhere")))
    with pytest.raises(PredictError, match="is another model on"):
        run_job(replace(job, digest="0" * 64))


def run_job(job: Job) -> None:
    """Label one picture on the cluster's workers."""
    engine = OnRay()
    list(engine(engine.open(job), iter([(0, [b"00.png"])])))


def workers() -> list[Any]:
    """The actors of the cluster that this process has started."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.name().startswith("ray::") and "_Worker" in " ".join(process.cmdline())
    ]
