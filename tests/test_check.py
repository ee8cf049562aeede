"""`archspec check`, as a process and as a function: its contract with people and with programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from archspec.cli import main
from tests.specs import spec

LENET = "lenet5"
GOOD = spec("- flatten\n- fc: $n", sections="vars: {n: 10}")
BAD = spec("- fc: 3\n- rel")


def run(
    *arguments: str, given: bytes | None = b"", env: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """`python -m archspec` with these arguments, and `given` on standard input."""
    if "stdin" not in options:
        options["input"] = given
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run(
        [sys.executable, "-m", "archspec", *arguments],
        stderr=subprocess.PIPE,
        env={**os.environ, **(env or {})},
        timeout=60,
        check=False,
        **options,
    )


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    return path


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    """The exit status, the JSON object, and what went to standard error."""
    status = main(["check", "--format", "json", *arguments])
    out, err = capsys.readouterr()
    return status, json.loads(out), err


# The contract of JSON


def test_the_json_report_has_the_contracts_keys_and_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(
        "archspec: 1\nname: net\ninput: [3, 224, 224]\nlayers:\n"
        "  - conv: {name: stem, out_channels: 64, kernel_size: 7, stride: 2, padding: 3, "
        "bias: false}\n"
        "  - batch_norm\n"
        "  - global_avg_pool\n"
        "  - flatten\n"
        "  - fc: 1000\n"
    )
    status, found, err = report(capsys, str(path))
    assert status == 0 and err == ""
    assert list(found) == ["specs"]
    (one,) = found["specs"]
    assert one["path"] == str(path)
    assert (one["name"], one["ok"], one["diagnostics"]) == ("net", True, [])
    assert one["inputs"] == {"input": [3, 224, 224]}
    assert one["outputs"] == {"fc1": [1000]}
    totals = {key: one["totals"][key] for key in ("params", "trainable_params", "macs")}
    params = 64 * 3 * 49 + 2 * 64 + 65_000
    assert totals == {
        "params": params,
        "trainable_params": params,
        "macs": 118_013_952 + 64_000,
    }
    keys = [
        "name",
        "kind",
        "inputs",
        "output",
        "params",
        "macs",
        "line",
        "column",
        "parameters",
        "buffers",
    ]
    layers = [{key: layer[key] for key in keys} for layer in one["layers"]]
    assert layers[0] == {
        "name": "stem",
        "kind": "conv",
        "inputs": ["input"],
        "output": [64, 112, 112],
        "params": 9408,
        "macs": 118_013_952,
        "line": 5,
        "column": 5,
        "parameters": {"weight": [64, 3, 7, 7]},
        "buffers": {},
    }
    assert layers[1] == {
        "name": "batch_norm1",
        "kind": "batch_norm",
        "inputs": ["stem"],
        "output": [64, 112, 112],
        "params": 128,  # running statistics are left out, and the batch counter is in neither
        "macs": 0,
        "line": 6,
        "column": 5,
        "parameters": {"weight": [64], "bias": [64]},
        "buffers": {"running_mean": [64], "running_var": [64]},
    }
    assert [layer["name"] for layer in layers[2:]] == ["global_avg_pool1", "flatten1", "fc1"]
    assert layers[4]["parameters"] == {"weight": [1000, 64], "bias": [1000]}
    assert sum(layer["params"] for layer in layers) == totals["params"]
    assert sum(layer["macs"] for layer in layers) == totals["macs"]


def test_the_json_report_of_errors_has_their_codes_and_places(
    bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found, err = report(capsys, str(bad))
    assert status == 1
    (one,) = found["specs"]
    assert one["ok"] is False
    keys = ["code", "severity", "message", "help", "line", "column", "end_line", "end_column"]
    first, second = [{key: found[key] for key in keys} for found in one["diagnostics"]]
    assert first.pop("message") and first.pop("help")
    assert first == {
        "code": "AS303",
        "severity": "error",
        "line": 5,
        "column": 5,
        "end_line": 5,
        "end_column": 7,
    }
    assert (second["code"], second["line"], second["column"]) == ("AS202", 6, 5)
    assert "AS303" in err and "AS202" in err, "diagnostics go to standard error in any format"


def test_the_layers_before_an_error_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(spec("- relu\n- fc: 3\n- relu\n- tanh: {from: relu1}"))
    _, found, _ = report(capsys, str(path))
    assert [layer["name"] for layer in found["specs"][0]["layers"]] == ["relu1", "tanh1"]
    assert found["specs"][0]["name"] == "test"


@pytest.mark.parametrize("text", ["", "# nothing\n", "a: [", "\x00", "- a", "name: 3"])
def test_json_is_one_object_for_a_file_that_is_no_spec(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    status, found, err = report(capsys, str(path))
    (one,) = found["specs"]
    assert (status, one["ok"]) == (1, False)
    assert one["diagnostics"] and one["layers"] == [] and err


def test_a_warning_is_reported_and_the_status_is_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(spec("- flatten\n- fc: 010"))
    status, found, err = report(capsys, str(path))
    (one,) = found["specs"]
    assert (status, one["ok"]) == (0, True)
    assert [d["severity"] for d in one["diagnostics"]] == ["warning"] and "warning" in err


def test_several_specs_are_checked_at_once(
    good: Path, bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found, _ = report(capsys, str(good), str(bad), LENET)
    assert status == 1
    assert [one["ok"] for one in found["specs"]] == [True, False, True]
    assert [one["name"] for one in found["specs"]] == ["test", "test", "lenet5"]


def test_a_spec_that_is_named_twice_is_checked_once() -> None:
    for specs in (("-", "-"), (LENET, LENET)):
        done = run("check", *specs, "--format", "json", given=GOOD.encode())
        assert done.returncode == 0 and len(json.loads(done.stdout)["specs"]) == 1


def test_a_file_that_cannot_be_read_leaves_the_others_reported(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found, err = report(capsys, str(good), str(good.parent / "none.yaml"))
    assert status == 2
    assert [one["ok"] for one in found["specs"]] == [True]
    assert "none.yaml" in err


# The text report


def test_the_table_shows_every_layer_and_the_totals(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", LENET]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert "6 × 28 × 28" in rows["conv1"] and "150" in rows["conv1"] and "117,600" in rows["conv1"]
    assert rows["fc1"].split()[-3:] == ["48,000", "120", "48,000"]
    assert rows["total"].split()[-3:] == ["61,470", "236", "416,520"]
    for words in ("61,706", "receptive field", "activations", "weights", "246.8 kB"):
        assert words in out
    assert max(map(len, out.splitlines())) <= 100


def test_formulas_show_the_lectures_with_the_numbers_in_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "--formulas", "resnet34"]) == 0
    out = capsys.readouterr().out
    assert "⌊(224 − 7 + 6 + 2) / 2⌋ = 112" in out
    assert "(7 × 7 × 3) × 64 = 9,408" in out


def test_several_specs_have_a_row_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "mlp", "lenet5"]) == 0
    out = capsys.readouterr().out
    assert "203,530" in out and "61,706" in out
    assert main(["check", "mlp", "lenet5", "--layers"]) == 0
    assert "conv1" in capsys.readouterr().out


def test_a_spec_with_errors_prints_no_report(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(bad)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{bad}:5:5" in err and "help:" in err


# Specs: files, the zoo, standard input


def test_a_spec_may_be_a_name_of_the_zoo_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status, found, _ = report(capsys, "resnet34")
    assert status == 0 and found["specs"][0]["totals"]["params"] == 21_797_672


def test_a_file_goes_before_a_network_of_the_zoo_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resnet34").write_text(GOOD)
    assert report(capsys, "resnet34")[1]["specs"][0]["name"] == "test"


def test_a_folder_does_not_hide_a_network_of_the_zoo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resnet34").mkdir()
    assert report(capsys, "resnet34")[0] == 0


def test_a_dash_is_standard_input() -> None:
    done = run("check", "-", "--format", "json", given=GOOD.encode())
    assert done.returncode == 0
    assert json.loads(done.stdout)["specs"][0]["outputs"] == {"fc1": [10]}
    broken = run("check", "-", given=BAD.encode())
    assert broken.returncode == 1 and b"<stdin>:5:5" in broken.stderr


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("none.yaml", "No such file"),
        ("resnet43", "resnet34"),
        ("nothing_like_it", "lenet5"),
        ("folder", "directory"),
        ("folder/none.yaml", "No such file"),
        ("good.yaml/a", "directory"),
        ("x" * 300, "name too long"),
    ],
)
def test_what_cannot_be_read_is_said_with_status_2(
    name: str,
    says: str,
    good: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(good.parent)
    (good.parent / "folder").mkdir()
    assert main(["check", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("archspec: error: ") and says.lower() in err.lower()
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "a\n\x1b[31mb"],
        ["fix", "a\n\x1b[31mb"],
        ["fmt", "a\n\x1b[31mb"],
        ["build", "--export", "onnx", "a\n\x1b[31mb"],
        ["check", "lenet5", "--kinds", "a\n\x1b[31mb"],
        ["schema", "-o", "none/a\n\x1b[31mb"],
    ],
)
def test_what_a_terminal_would_obey_in_the_name_of_a_file_is_escaped(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert "a\\n\\x1b[31mb" in err and err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_said_with_status_2(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good.chmod(0)
    assert main(["check", str(good)]) == 2
    assert "Permission denied" in capsys.readouterr().err


def test_a_binary_file_and_a_device_without_end_are_diagnostics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    binary = tmp_path / "a.bin"
    binary.write_bytes(bytes(range(256)) * 10)
    assert main(["check", str(binary)]) == 1
    assert "AS002" in capsys.readouterr().err
    assert main(["check", "/dev/zero"]) == 1
    assert "AS003" in capsys.readouterr().err
    assert main(["check", "/dev/null"]) == 1
    assert "AS004" in capsys.readouterr().err


# --set


@pytest.mark.parametrize(
    ("assignments", "output"),
    [
        (["n=3"], [3]),
        (["n=0x10"], [16]),
        (["n=3", "n=4"], [4]),
        (["n = 5"], [5]),
        (["n=010"], [10]),
    ],
)
def test_set_gives_a_variable_a_value_of_yaml(
    assignments: Sequence[str],
    output: list[int],
    good: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = [word for text in assignments for word in ("--set", text)]
    status, found, _ = report(capsys, str(good), *options)
    assert (status, found["specs"][0]["outputs"]["fc1"]) == (0, output)


def test_set_takes_lists(capsys: pytest.CaptureFixture[str]) -> None:
    status, found, _ = report(
        capsys, "resnet34", "--set", "depths=[2, 2, 2, 2]", "--set", "classes=10"
    )
    # ResNet-18 with ten classes: torchvision's 11,689,512 less 513,000, and 5,130
    assert (status, found["specs"][0]["totals"]["params"]) == (0, 11_181_642)


@pytest.mark.parametrize(
    "assignment",
    ["n", "=3", "n=", "n=[1", "n=!!int 3", "n=a: b: c", "n=\x00", "n=1\n---\n2", " =1"],
)
def test_a_malformed_assignment_is_a_usage_error(
    assignment: str, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["check", str(good), "--set", assignment])
    assert caught.value.code == 2
    assert "--set" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("assignment", "code"),
    [
        ("m=3", "AS402"),
        ("n=abc", "AS205"),
        ("n=1.5", "AS205"),
        ("n=true", "AS205"),
        ("n=~", "AS205"),
        ("n=-1", "AS206"),
        ("n=" + "9" * 30, "AS206"),
        ("n={a: 1}", "AS205"),
        ("n=[" + "[" * 50 + "]" * 50 + "]", "AS205"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error_of_the_spec(
    assignment: str, code: str, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found, _ = report(capsys, str(good), "--set", assignment)
    assert status == 1
    assert [d["code"] for d in found["specs"][0]["diagnostics"]] == [code]


# Usage, and the edges of the process


@pytest.mark.parametrize(
    "arguments",
    [[], ["check"], ["chekc", "a"], ["check", "a", "--format", "xml"], ["build", "lenet5"]],
)
def test_wrong_usage_has_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and "usage: archspec" in err


def test_help_and_version_have_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["check", "--help"], ["build", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0
        assert capsys.readouterr().out


def test_the_process_has_the_status_and_the_streams_of_the_contract(bad: Path) -> None:
    clean, broken, missing = run("check", LENET), run("check", str(bad)), run("check", "none.yaml")
    assert (clean.returncode, broken.returncode, missing.returncode) == (0, 1, 2)
    assert clean.stdout and not clean.stderr
    assert broken.stderr and not broken.stdout
    assert missing.stderr and not missing.stdout


def test_a_reader_that_goes_away_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        done = run("check", "resnet152", "--format", "json", stdout=stdout)
    assert done.stderr == b""
    assert done.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("format", ["text", "json"])
def test_a_full_disk_is_said_with_status_2(format: str) -> None:
    with open("/dev/full", "wb") as stdout:
        done = run("check", LENET, "--format", format, stdout=stdout)
    assert done.returncode == 2
    assert done.stderr.startswith(b"archspec: error: cannot write") and b"Trace" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-"])
def test_a_stream_that_is_closed_is_no_traceback(closed: str, bad: Path) -> None:
    for specs in (f"lenet5 {bad}", "-"):
        command = f'exec "{sys.executable}" -m archspec check {specs} {closed}'
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, timeout=60, check=False, input=BAD.encode()
        )
        assert b"Traceback" not in done.stderr, done.stderr
        assert done.returncode in (1, 2)


@pytest.mark.parametrize(
    "arguments",
    ["fix --diff -", "fix -", "fmt --diff -", "fmt -", "explain AS301", "schema", "lsp"],
)
def test_a_closed_standard_output_is_no_traceback_of_any_command(arguments: str) -> None:
    command = f'exec "{sys.executable}" -m archspec {arguments} >&-'
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, timeout=60, check=False, input=BAD.encode()
    )
    assert b"Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 1, 2)


ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_a_terminal_of_ascii_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "naïve.yaml"
    path.write_text("archspec: 1\nname: ünïcode\ninput: [3, 8, 8]\nlayers: [名前, relu]\n", "utf-8")
    for arguments in ((LENET, "--formulas"), (str(path),), (str(tmp_path / "名"),)):
        done = run("check", *arguments, env=ASCII)
        assert b"Traceback" not in done.stderr
        assert (done.stdout + done.stderr).isascii()


def test_json_says_the_same_on_a_terminal_of_ascii(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(GOOD.replace("name: test", "name: ünïcode 名前"), "utf-8")
    plain = run("check", str(path), "--format", "json", env=ASCII)
    assert json.loads(plain.stdout)["specs"][0]["name"] == "ünïcode 名前"
    utf8 = run("check", str(path), "--format", "json", env={"PYTHONUTF8": "1"})
    assert json.loads(plain.stdout) == json.loads(utf8.stdout)


def test_a_file_name_that_is_not_utf_8_is_no_traceback() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.fsencode(folder) + b"/\xff.yaml"
        for text, status in ((GOOD, 0), (BAD, 1), (None, 2)):
            if text is None:
                os.unlink(path)
            else:
                Path(os.fsdecode(path)).write_text(text)
            for format in ("text", "json"):
                done = subprocess.run(
                    [sys.executable, "-m", "archspec", "check", path, "--format", format],
                    capture_output=True,
                    timeout=60,
                    check=False,
                )
                assert b"Traceback" not in done.stderr
                assert done.returncode == status
                if format == "json":
                    json.loads(done.stdout)


HEAVY = ("torch", "onnx", "onnxruntime", "numpy", "google", "PIL", "safetensors", "scipy")


@pytest.mark.parametrize("arguments", [[LENET], [LENET, "--format", "json"], ["none"], ["-"]])
def test_check_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from archspec.cli import main; main(['check', *sys.argv[1:]]);"
        "print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        input=BAD.encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    imported = set(eval(done.stderr.splitlines()[-1]))
    assert "archspec" in imported
    assert imported.isdisjoint(HEAVY)
    # Each of these costs a hundredth of a second or more, and a report needs none of them.
    assert imported.isdisjoint({"click", "rich", "typer", "jsonschema", "asyncio", "unittest"})


def test_importing_archspec_imports_nothing_heavy() -> None:
    code = "import sys, archspec, archspec.pipeline; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert {name.split(".")[0] for name in done.stdout.split()}.isdisjoint(HEAVY)


def test_a_clean_check_looks_for_no_misspelling() -> None:
    code = "import sys; from archspec.cli import main; main(['check', 'resnet152'])"
    probe = f"{code}; assert 'difflib' not in sys.modules"
    subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True)


def test_a_light_start_leaves_yaml_whole() -> None:
    # Its Python reader's regular expressions are compiled when they are used.
    code = """
from archspec.cli.startup import start_lightly
start_lightly()
import yaml
print(yaml.load("[1, 2020-01-01, 1e3, yes, é]", Loader=yaml.SafeLoader), yaml.safe_dump("yes"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[1, datetime.date(2020, 1, 1), '1e3', True, 'é'] 'yes'\n\n"
