"""`archspec bench`: its figures add up, and it says what it could not measure."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from jsonschema import Draft202012Validator
from onnx import TensorProto, helper

import archspec
from archspec.analysis.cost import cost
from archspec.backends.onnx.macs import macs
from archspec.bench.layers import ADDED, NO_KERNEL, Kernel, Operation, rows
from archspec.bench.report import Batch, Report
from archspec.bench.roofline import Machine
from archspec.bench.statistics import PERCENTILES, Latency
from archspec.bench.text import text
from archspec.cli import main
from archspec.metadata import Sizes
from tests.kinds import CASES
from tests.specs import spec

pytest.importorskip("onnxruntime")

from archspec.runtime.bench import Request, measure
from archspec.runtime.errors import InputError
from archspec.runtime.feeds import chosen_sizes, made_up, smallest
from archspec.runtime.measure import Budget
from archspec.runtime.memory import Step, memory
from archspec.runtime.placement import Placement
from archspec.runtime.profile import _runs, file_operations, machine, profile
from archspec.runtime.session import open_model
from tests.graphs import graph_of

NETWORK = """
- conv: {out_channels: 16, kernel_size: 3, padding: 1, bias: false}
- batch_norm
- relu
- conv: {out_channels: 16, kernel_size: 3, padding: 1}
- add: {from: [previous, relu1]}
- relu
- max_pool: 2
- flatten
- fc: 10
"""
MACS = 16 * 32 * 32 * 3 * 9 + 16 * 32 * 32 * 16 * 9 + 10 * 16 * 16 * 16
"""Of NETWORK on 3 × 32 × 32, by hand: two convolutions and the fully connected layer."""


def _built(folder: Path, level: str) -> Path:
    source = folder / "small.yaml"
    source.write_text(spec(NETWORK, input="[3, 32, 32]"), "utf-8")
    target = folder / "small.onnx"
    build = ["build", str(source), "--export", "onnx", "--optimize", level]
    assert main([*build, "-o", str(target)]) == 0
    return target


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network, as it is: onnxruntime folds its batch norm."""
    return _built(tmp_path_factory.mktemp("bench"), "none")


@pytest.fixture
def free(tmp_path: Path) -> Path:
    """A network of free sizes, multiples of 2."""
    pytest.importorskip("sympy")
    source = tmp_path / "halves.yaml"
    body = "- max_pool: 2\n- upsample: {scale_factor: 2}\n- add: {from: [previous, input]}"
    source.write_text(spec(body, input="[3, H, W]"), "utf-8")
    target = tmp_path / "halves.onnx"
    assert main(["build", str(source), "--export", "onnx", "-o", str(target)]) == 0
    return target


def bench(*arguments: object) -> int:
    return main(["bench", *map(str, arguments)])


NUMBER = {"type": "number", "minimum": 0}
LATENCY = {
    "type": "object",
    "properties": {name: NUMBER for name in ("runs", "mean", "least", "p50", "p90", "p95", "p99")},
    "required": ["runs", "mean", "least", "p50", "p90", "p95", "p99", "most"],
}
MAYBE = {"anyOf": [NUMBER, {"type": "null"}]}
SCHEMA = {
    "type": "object",
    "properties": {
        "complete": {"type": "boolean"},
        "load": {
            "type": "object",
            "properties": {"median": NUMBER, "all": {"type": "array", "items": NUMBER}},
        },
        "first_run": NUMBER,
        "memory": {"type": "object", "additionalProperties": MAYBE},
        "batches": {
            "type": "array",
            "items": {
                "properties": {
                    "batch": {"type": "integer"},
                    "latency": {"anyOf": [LATENCY, {"type": "null"}]},
                    "throughput": MAYBE,
                    "memory": MAYBE,
                    "failure": {"type": ["string", "null"]},
                },
                "required": ["batch", "latency", "throughput", "memory", "failure"],
                "additionalProperties": False,
            },
        },
        "layers": {
            "type": ["object", "null"],
            "properties": {
                "rows": {
                    "type": "array",
                    "items": {
                        "properties": {
                            "name": {"type": "string"},
                            "layers": {"type": "array", "items": {"type": "string"}},
                            "seconds": NUMBER,
                            "share": NUMBER,
                            "macs": {"type": "integer"},
                            "bytes": {"type": "integer"},
                            "macs_per_second": MAYBE,
                            "of_attainable": MAYBE,
                        },
                        "required": ["name", "layers", "operators", "kernels", "seconds", "macs"],
                    },
                }
            },
            "required": ["batch", "runs", "run", "total", "between", "peak", "rows"],
        },
    },
    "required": [
        *("model", "environment", "settings", "complete", "load", "first_run", "memory"),
        *("batches", "torch", "layers"),
    ],
    "additionalProperties": {"type": ["object", "array"]},
}


def test_percentiles_are_numpys() -> None:
    generator = np.random.default_rng(0)
    for count in (1, 2, 3, 10, 101):
        seconds = generator.exponential(size=count)
        latency = Latency.of(seconds.tolist())
        expected = np.percentile(seconds, PERCENTILES)
        assert (latency.p50, latency.p90, latency.p95, latency.p99) == pytest.approx(expected)
        assert (latency.least, latency.most) == (seconds.min(), seconds.max())
        assert latency.mean == pytest.approx(seconds.mean())
        assert latency.runs == count


def test_the_roofline_is_the_lower_of_two_limits() -> None:
    limits = Machine(macs=100.0, bytes=10.0)
    assert limits.ridge == 10
    assert limits.attainable(macs=5, bytes=1) == 50
    assert limits.attainable(macs=50, bytes=1) == 100
    assert limits.share(macs=50, bytes=1, seconds=1.0) == 0.5
    assert limits.share(macs=0, bytes=5, seconds=1.0) == 0.5
    assert limits.share(macs=0, bytes=0, seconds=1.0) is None


def test_json_has_everything(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = bench(model, "--batch", "2,1", "--runs", 4, "--layers", "--format", "json")
    assert status == 0
    said = json.loads(capsys.readouterr().out)
    Draft202012Validator(SCHEMA).validate(said)
    assert said["complete"]
    assert [row["batch"] for row in said["batches"]] == [2, 1]
    assert all(row["latency"]["runs"] == 4 for row in said["batches"])
    assert all(row["memory"] > said["memory"]["packages"] for row in said["batches"])
    assert said["settings"]["warm_up"] == 3
    assert said["environment"]["providers"] == ["CPUExecutionProvider"]
    layers = said["layers"]
    assert sum(row["macs"] for row in layers["rows"]) == 2 * MACS
    assert sum(row["seconds"] for row in layers["rows"]) + layers["between"] == pytest.approx(
        layers["total"]
    )
    found = [layer for row in layers["rows"] for layer in row["layers"]]
    assert {"conv1", "relu1", "conv2", "add1", "relu2", "max_pool1", "fc1"} & set(found)
    assert len(found) == len(set(found)), "a layer is in one row"


@pytest.mark.parametrize("level", ["none", "all"])
def test_the_layers_have_all_of_the_profiles_time_and_macs(level: str, tmp_path: Path) -> None:
    model = _built(tmp_path, level)
    opened = open_model(model)
    feeds = made_up(opened, 3, {})
    operations = file_operations(model, feeds)
    assert sum(operation.macs for operation in operations) == 3 * MACS
    found = profile(model, Placement(), feeds, runs=3, warm_up=1)
    made = rows(operations, found.kernels)
    assert sum(row.seconds for row in made) == pytest.approx(
        sum(kernel.seconds for kernel in found.kernels)
    )
    assert sum(row.macs for row in made) == 3 * MACS
    assert not [row for row in made if row.name == NO_KERNEL]
    by_name = {row.name: row for row in made}
    fc = by_name["fc1"]
    assert fc.macs == 3 * 10 * 16 * 16 * 16
    # Weights and bias, and 3 samples in and out, in float32.
    assert fc.bytes == 4 * (10 * 16 * 16 * 16 + 10 + 3 * (16 * 16 * 16 + 10))


MULTIPLYING = [case for case in CASES if cost(graph_of(case.layer, *case.shapes)).macs]


# With an output padding, the file's operation runs over rows of zeros as well.
@pytest.mark.parametrize(
    "case", [c for c in MULTIPLYING if not c.fields.get("output_padding")][::9]
)
def test_macs_of_a_files_operations_are_the_layers(case: Any, tmp_path: Path) -> None:
    graph = graph_of(case.layer, *case.shapes)
    path = tmp_path / "kind.onnx"
    archspec.to_onnx(graph, path)
    feeds = made_up(open_model(path), 2, {})
    found = sum(operation.macs for operation in file_operations(path, feeds))
    assert found == 2 * cost(graph).macs


def test_macs_of_operators_by_hand() -> None:
    assert macs("Conv", [[1, 4, 5, 5], [8, 2, 3, 3]], [[1, 8, 3, 3]]) == 8 * 9 * 2 * 9
    assert macs("ConvTranspose", [[1, 4, 5], [4, 2, 3]], [[1, 2, 7]]) == 4 * 5 * 2 * 3
    assert macs("Gemm", [[2, 7], [3, 7], [3]], [[2, 3]]) == 2 * 3 * 7
    assert macs("MatMul", [[5, 2, 7], [7, 3]], [[5, 2, 3]]) == 5 * 2 * 3 * 7
    assert macs("Relu", [[2, 7]], [[2, 7]]) == 0


def _op(name: str, operator: str, inputs: str, macs: int = 0) -> Operation:
    return Operation(name, operator, tuple(inputs.split()), (f"{name}:0",), macs)


def test_fused_layers_are_found_whatever_their_kernel_is_called_after() -> None:
    operations = [
        _op("a", "Conv", "input", macs=5),
        _op("a_relu", "Relu", "a:0"),
        _op("b", "Conv", "a_relu:0", macs=7),
        _op("b_norm", "BatchNormalization", "b:0"),
        _op("side", "Conv", "a_relu:0", macs=3),
        _op("sum", "Add", "b_norm:0 side:0"),
        _op("sum_relu", "Relu", "sum:0"),
        _op("fc/product", "MatMul", "sum_relu:0", macs=11),
        _op("fc", "Add", "fc/product:0"),
    ]
    kernels = [
        Kernel("a_relu:0_nchwc", "Conv", 1.0, inputs=3),
        Kernel("side:0_nchwc", "Conv", 2.0, inputs=3),
        Kernel("b_norm:0_nchwc", "Conv", 4.0, inputs=4),
        Kernel("ReorderOutput_token_12", "ReorderOutput", 8.0, inputs=1),
        Kernel("ReorderOutput", "ReorderOutput", 16.0, inputs=1),
        Kernel("fused fc/product", "FusedMatMul", 32.0, inputs=3),
    ]
    made = {row.name: row for row in rows(operations, kernels)}
    assert {name: (row.layers, row.seconds, row.macs) for name, row in made.items()} == {
        "a": (("a", "a_relu"), 1.0, 5),
        "b": (("b", "b_norm", "sum", "sum_relu"), 4.0, 7),
        "side": (("side",), 2.0, 3),
        "fc": (("fc",), 32.0, 11),
        f"ReorderOutput ({ADDED})": ((), 24.0, 0),
    }
    assert list(made) == ["a", "b", "side", "fc", f"ReorderOutput ({ADDED})"]


def test_macs_of_which_no_kernel_is_found_are_a_row_of_their_own() -> None:
    operations = [_op("a", "Conv", "input", macs=5), _op("b", "Conv", "a:0", macs=7)]
    made = rows(operations, [Kernel("a", "Conv", 1.0), Kernel("engine_1", "Engine", 2.0)])
    assert [(row.name, row.macs) for row in made] == [
        ("a", 5),
        (f"Engine ({ADDED})", 0),
        (NO_KERNEL, 7),
    ]


def test_text_has_the_layers_and_says_how_it_was_measured(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--runs", 3, "--warm-up", 1, "--batch", 1, "--layers", "--sort", "network", "--all")
    assert bench(model, *options) == 0
    out = capsys.readouterr().out
    assert "1 runs before those of each batch do not count" in out
    assert "CPUExecutionProvider" in out
    assert "session load" in out
    conv1, conv2 = out.index("\n  conv1"), out.index("\n  conv2")
    assert conv1 < conv2 < out.index("\n  fc1") < out.index("between operations")
    assert "of attainable" in out


def test_layers_beyond_the_top_are_summed_up(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(model, "--runs", 2, "--batch", 1, "--layers", "--top", 1) == 0
    assert "more; --all shows them" in capsys.readouterr().out


def test_free_sizes_are_the_smallest_or_as_given(
    free: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(free, "--runs", 2, "--batch", 1, "--set", "H=6", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["settings"]["sizes"] == {"H": 6, "W": 2}
    assert bench(free, "--runs", 2, "--set", "H=5") == 2
    assert "and here it is 5" in capsys.readouterr().err
    assert bench(free, "--runs", 2, "--set", "Z=5") == 2
    assert "no size of its inputs is called `Z`" in capsys.readouterr().err


def test_the_smallest_admitted_size() -> None:
    assert smallest(Sizes(words="", period=32, runs=((0, 0, None),))) == 32
    assert smallest(Sizes(words="", period=4, runs=((3, 7, 7), (1, 9, None)))) == 7
    assert smallest(Sizes(words="", period=1, runs=((0, 5, None),))) == 5


def _foreign(path: Path, shape: list[int | str], element: int = TensorProto.FLOAT) -> Path:
    """A model that archspec did not write, whose operation has no name."""
    x, y = (helper.make_tensor_value_info(name, element, shape) for name in ("x", "y"))
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def test_a_free_size_of_which_nothing_is_known_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _foreign(tmp_path / "other.onnx", ["n", 3, "height"])
    assert bench(path, "--runs", 2) == 2
    assert "--set height=224" in capsys.readouterr().err
    assert bench(path, "--runs", 2, "--set", "height=4", "--batch", 1, "--layers") == 0
    assert "Identity" in capsys.readouterr().out


def test_a_fixed_batch_is_the_one_that_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _foreign(tmp_path / "fixed.onnx", [4, 3])
    assert bench(path, "--runs", 2, "--format", "json") == 0
    assert [row["batch"] for row in json.loads(capsys.readouterr().out)["batches"]] == [4]
    assert bench(path, "--runs", 2, "--batch", "4,8") == 2
    assert "its batch is fixed to 4, so 8 cannot be run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.onnx"], "cannot be read"),
        (["specs/lenet5.yaml"], "not a model that onnxruntime can load"),
        (["x.onnx", "--spec", "lenet5"], "give --torch with them"),
        (["x.onnx", "--layers", "--device", "cuda"], "--layers measures on the CPU"),
        (["x.onnx", "--set", "H=wide"], "the size of an input is a whole number"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(*arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["--batch", "0"], ["--batch", "1,,2"], ["--runs", "-1"], ["--seconds", "nan"]]
)
def test_wrong_numbers_are_usage_errors(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        bench("x.onnx", *arguments)
    assert raised.value.code == 2
    assert "expected a" in capsys.readouterr().err


def test_a_batch_that_has_no_room_is_said_and_the_others_are_measured(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def steps(*_: object) -> Any:
        yield Step("packages", 1)
        yield Step("loaded", 2)
        yield Step("batch", 3, 1)
        yield Step("batch", None, 64, "it does not fit")

    monkeypatch.setattr("archspec.runtime.bench.memory", steps)
    assert bench(model, "--batch", "64,1,512", "--runs", 2, "--format", "json") == 1
    rows = {row["batch"]: row for row in json.loads(capsys.readouterr().out)["batches"]}
    assert rows[64]["failure"] == "it does not fit"
    assert rows[512]["failure"] == "not tried, for 64 could not be run"
    assert rows[1]["latency"]["runs"] == 2


def test_memory_is_that_of_another_process_and_a_dead_one_is_noticed(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ballast = np.ones(1 << 26, np.float32)  # 256 MiB that must not be counted
    found = list(memory(model, Placement(), [4, 1], {}))
    assert [(step.what, step.batch) for step in found] == [
        ("packages", None),
        ("loaded", None),
        ("batch", 1),
        ("batch", 4),
    ]
    sizes = [step.bytes or 0 for step in found]
    assert 1 << 20 < sizes[0] <= sizes[-1] < ballast.nbytes
    monkeypatch.setattr(sys, "executable", "/bin/false")
    (dead,) = memory(model, Placement(), [1], {})
    assert dead.failure == "the process ended with status 1"


def test_an_interrupt_in_the_middle_of_a_batch_keeps_its_runs(model: Path) -> None:
    said: list[str] = []

    def progress(what: str) -> None:
        said.append(what)
        if said.count("batch 2: 3 runs"):
            raise KeyboardInterrupt

    request = Request(model, Placement(), (1, 2), {}, Budget(runs=5))
    report: Report | None = None
    with pytest.raises(KeyboardInterrupt):
        for grown in measure(request, progress):
            report = grown
    assert report is not None
    assert [(row.batch, row.latency and row.latency.runs) for row in report.batches] == [
        (1, 5),
        (2, 3),
    ]
    assert not report.complete


@pytest.mark.skipif(os.name == "nt", reason="a process can't be sent SIGINT there")
def test_ctrl_c_prints_what_was_measured(model: Path) -> None:
    command = [sys.executable, "-m", "archspec", "bench", str(model), "--batch", "1"]
    for wait in (4, 15, 60):  # A machine that has other things to do takes longer to start.
        process = subprocess.Popen(
            [*command, "--seconds", "600", "--format", "json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            time.sleep(wait)
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode == 130
        assert "Traceback" not in errors
        if out:
            break
    assert json.loads(out)["complete"] is False
    assert "interrupted" in errors


def test_torch_is_measured_in_turns(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    options = ("--batch", 1, "--runs", 3, "--torch", "--spec", model.with_suffix(".yaml"))
    status = bench(model, *options, "--threads", 1, "--format", "json")
    said = json.loads(capsys.readouterr().out)
    eager, compiled = said["torch"]
    assert (eager["how"], compiled["how"]) == ("eager", "compiled")
    assert eager["ratio"] > 0
    assert eager["torch"]["runs"] >= 3
    # It needs a C++ compiler: where there is none, that is said.
    assert (compiled["failure"] is None) == (status == 0)
    assert (compiled["failure"] or "torch.compile failed").startswith("torch.compile failed")


def test_torch_of_another_spec_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    assert bench(model, "--torch") == 2
    assert "give --spec" in capsys.readouterr().err
    assert bench(model, "--torch", "--spec", "lenet5") == 2
    assert "is not made of lenet5" in capsys.readouterr().err
    other = tmp_path / "other.yaml"  # The same inputs under another name.
    said = spec(NETWORK, input="[3, 32, 32]").replace("name: test", "name: other")
    other.write_text(said, "utf-8")
    assert bench(model, "--torch", "--spec", other) == 2
    assert "the spec `other`" in capsys.readouterr().err


def test_a_size_without_a_name_cannot_be_given(tmp_path: Path) -> None:
    path = _foreign(tmp_path / "nameless.onnx", ["n", 3, ""])
    with pytest.raises(InputError, match="has no name"):
        chosen_sizes(open_model(path), {})


@pytest.mark.parametrize(
    ("element", "dtype"),
    [(TensorProto.UINT8, "uint8"), (TensorProto.FLOAT16, "float16"), (TensorProto.INT64, "int64")],
)
def test_inputs_are_of_the_models_types_and_the_same_each_time(
    element: int, dtype: str, tmp_path: Path
) -> None:
    model = open_model(_foreign(tmp_path / "typed.onnx", ["n", 50], element))
    first, second = (made_up(model, 2, {})["x"] for _ in range(2))
    assert first.dtype == dtype
    assert first.shape == (2, 50)
    assert np.array_equal(first, second)
    assert (dtype == "int64") == (not first.any()), "integers may be indices: 0 is always one"


def test_the_machine_is_measured() -> None:
    found = machine(Placement(threads=1))
    assert found.macs > 1e8
    assert found.bytes > 1e8


def test_text_of_a_report_that_was_interrupted_at_once() -> None:
    begun = Report(
        {"path": "x.onnx", "name": None, "optimize": None, "precision": None, "inputs": {}},
        {"processor": "p", "cores": 1, "providers": ["CPU"], "versions": {}},
        {"batches": [1], "sizes": {}, "seed": 0, "warm_up": 0, "copies": True},
        loads=(0.5,),
        batches=(Batch(1, failure="no room"),),
    )
    said = text(begun)
    assert "500 ms" in said
    assert "batch 1: no room" in said


def test_what_was_measured_before_the_layers_fail_is_printed(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("archspec.runtime.profile._read", lambda path: json.loads("[{"))
    options = ("--batch", 1, "--runs", 2, "--layers", "--format", "json")
    assert bench(model, *options) == 1
    said = capsys.readouterr()
    measured = json.loads(said.out)
    assert measured["batches"][0]["latency"]["runs"] == 2
    assert measured["complete"] is False
    assert "TMPDIR" in said.err
    assert said.err.count("\n") == 1


def test_operations_within_another_are_in_its_time() -> None:
    def event(name: str, start: int, length: int) -> dict[str, Any]:
        return {"name": name, "cat": "Node", "ts": start, "dur": length}

    events = [
        event("model_run", 0, 100),
        event("inner_kernel_time", 12, 5),
        event("outer_kernel_time", 10, 20),
        event("next_kernel_time", 30, 7),
    ]
    (run,) = _runs(events)
    assert [each["name"] for each in run.events] == ["outer_kernel_time", "next_kernel_time"]
