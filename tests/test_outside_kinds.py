"""Kinds of layer from outside: a file that is named, and a package that is installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import archspec
from archspec.cli import main
from archspec.kinds import GROUP, KindError, Vocabulary, read_kinds
from archspec.pipeline import Compiled, compile_bytes
from tests.specs import errors_of, places_of, spec, unmarked

EXAMPLE = Path(__file__).parent.parent / "examples" / "snake"

PLAIN = """
from archspec.kinds import Kind
from archspec.layers.base import AxisWindow, Layer, Tensor


class Double(Layer):
    "Twice the value."

    kind = "double"
    times: int = 2

    def output_shape(self, inputs):
        return inputs[0]

    def macs(self, inputs, output):
        return 0

    def windows(self, inputs):
        return None


def to_torch(layer, emit):
    return emit.call(lambda x: x, emit.x)


KINDS = [Kind(Double, to_torch)]
DOUBLE = KINDS[0]
"""


@pytest.fixture
def kinds_file(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str = PLAIN, **replaced: str) -> Path:
        for old, new in replaced.items():
            assert f"{old}(" in text or old in text
            text = text.replace(old, new)
        path = tmp_path / "kinds.py"
        path.write_text(text, "utf-8")
        return path

    return write


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a package that offers a kind, as pip would: its module, and its metadata."""

    def package(text: str, word: str = "double", target: str = "DOUBLE") -> None:
        name = f"offering_{abs(hash((text, word)))}"
        (tmp_path / f"{name}.py").write_text(text, "utf-8")
        metadata = tmp_path / f"{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{word} = {name}:{target}\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return package


def compiled(layers: str, vocabulary: Vocabulary | None = None, sections: str = "") -> Compiled:
    text = spec(layers, sections=sections)
    return compile_bytes("test.yaml", text.encode(), {}, vocabulary)


def named(path: Path) -> Vocabulary:
    return Vocabulary(read_kinds(str(path)))


# It is a kind like any other


def test_the_example_is_the_same_network_in_both_backends(tmp_path: Path) -> None:
    torch, onnxruntime = pytest.importorskip("torch"), pytest.importorskip("onnxruntime")
    graph = archspec.load(EXAMPLE / "snake.yaml", kinds=read_kinds(str(EXAMPLE / "snake.py")))
    module = archspec.to_torch(graph, seed=1)
    assert module.state_dict()["snake2.weight"].tolist() == [[0.5]] * 16
    archspec.to_onnx(graph, tmp_path / "snake.onnx", seed=1)
    session = onnxruntime.InferenceSession(tmp_path / "snake.onnx")
    x = np.random.RandomState(0).standard_normal((2, 1, 256)).astype(np.float32)
    (found,) = session.run(None, {"input": x})
    expected = module(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.ptp(expected) > 0.1


def test_the_command_line_takes_a_file_of_kinds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(EXAMPLE / "snake.yaml"), "--kinds", str(EXAMPLE / "snake.py")]
    assert main(["check", *arguments]) == 0
    assert "snake2  snake  16 × 256" in capsys.readouterr().out
    target = tmp_path / "snake.onnx"
    assert main(["build", *arguments, "--export", "onnx", "-o", str(target)]) == 0
    assert target.exists()
    assert main(["check", arguments[0]]) == 1  # It is remembered by nobody.
    assert "there is no kind or block `snake`" in capsys.readouterr().err


def test_its_fields_are_checked_as_any_kind_s(kinds_file: Callable[..., Path]) -> None:
    text, marks = unmarked(
        spec("""
            - double: {times: «AS205»two}
            - double: {«AS203»tims: 2}
            - «AS205»double: 3
        """).replace("«AS205»double: 3", "double: «AS205»3")
    )
    found = compile_bytes("test.yaml", text.encode(), {}, named(kinds_file()))
    assert places_of(found) == marks
    assert errors_of(found)[1].help == "did you mean `times`?"


def test_it_can_be_an_argument(kinds_file: Callable[..., Path]) -> None:
    sections = "blocks: {unit: {args: {act: relu}, layers: [$act]}}"
    found = compiled("- unit: {act: double}", named(kinds_file()), sections)
    assert found.ok and found.graph.nodes[0].kind == "double"


def test_a_backend_that_it_does_not_lower_to_says_so(
    kinds_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "network.yaml"
    path.write_text(spec("- double"), "utf-8")
    arguments = [str(path), "--kinds", str(kinds_file())]
    assert main(["build", *arguments, "--export", "onnx", "-o", str(tmp_path / "n.onnx")]) == 2
    assert "double1: the kind `double` has no lowering to ONNX" in capsys.readouterr().err
    assert not (tmp_path / "n.onnx").exists()


LOWERINGS = [
    ("torch", "raise KeyError('x')", "KeyError: 'x'"),
    ("torch", "return None", "returns None"),
    ("onnx", "raise KeyError('x')", "KeyError: 'x'"),
    ("onnx", "pass", "without the emitter's `result`"),
]


@pytest.mark.parametrize(("export", "body", "why"), LOWERINGS)
def test_a_lowering_that_fails_is_no_traceback_and_no_file(
    kinds_file: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    export: str,
    body: str,
    why: str,
) -> None:
    pytest.importorskip("torch")
    text = PLAIN.replace("return emit.call(lambda x: x, emit.x)", body)
    path = tmp_path / "network.yaml"
    path.write_text(spec("- double"), "utf-8")
    kinds = kinds_file(text.replace("Kind(Double, to_torch)", "Kind(Double, to_torch, to_torch)"))
    target = tmp_path / "network.out"
    arguments = ["--kinds", str(kinds), "--export", export, "-o", str(target)]
    assert main(["build", str(path), *arguments]) == 2
    err = capsys.readouterr().err
    assert "double1: the kind `double` fails in its lowering" in err and why in err
    assert not target.exists()


def test_a_merge_from_outside_has_branches_and_fields(kinds_file: Callable[..., Path]) -> None:
    merge = PLAIN.replace('kind = "double"', 'kind = "double"\n    takes_many = True')
    found = compiled("- double: {branches: [[], [relu]], times: 3}", named(kinds_file(merge)))
    assert found.ok and [node.kind for node in found.graph.nodes] == ["relu", "double"]
    assert dict(found.graph.nodes[1].layer) == {"times": 3}
    again = compiled("- double: {branches: [[], [relu]], times: x}", named(kinds_file(merge)))
    assert [error.code for error in errors_of(again)] == ["AS205"]


def test_the_example_needs_no_pytorch_to_be_checked_and_no_archspec_to_be_loaded(
    tmp_path: Path,
) -> None:
    pytest.importorskip("torch")
    arguments = [str(EXAMPLE / "snake.yaml"), "--kinds", str(EXAMPLE / "snake.py")]
    check = f"import sys; from archspec.cli import main; main(['check', *{arguments}])"
    subprocess.run(
        [sys.executable, "-c", f"{check}; assert 'torch' not in sys.modules"], check=True
    )
    target = tmp_path / "snake.pt"
    assert main(["build", *arguments, "--export", "torch", "-o", str(target)]) == 0
    load = f"import torch; m = torch.load({str(target)!r}, weights_only=False)"
    alone = "import sys; sys.modules['archspec'] = None"
    run = "print(tuple(m(torch.ones(1, 1, 256)).shape))"
    done = subprocess.run(
        [sys.executable, "-c", f"{alone}; {load}; {run}"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "(1, 1, 256)\n"


# A package


def test_an_installed_package_s_kind_is_found_by_its_word(install: Callable[..., None]) -> None:
    install(PLAIN)
    found = compiled("- double\n- double: {times: 3}")
    assert found.ok and [node.kind for node in found.graph.nodes] == ["double", "double"]
    assert compiled("- doubel").diagnostics[0].help == "did you mean `double`?"
    sections = "blocks: {unit: {args: {act: relu}, layers: [$act]}}"
    assert compiled("- unit: {act: double}", None, sections).ok


def test_a_block_of_one_s_own_comes_before_an_installed_kind(install: Callable[..., None]) -> None:
    install("raise RuntimeError")
    found = compiled("- double", None, "blocks: {double: {layers: [relu]}}")
    assert [node.name for node in found.graph.nodes] == ["double1.relu1"]


def test_so_does_one_whose_steps_are_inline(kinds_file: Callable[..., Path]) -> None:
    sections = "blocks: {double: {inline: [relu]}}"
    found = compiled("- double", named(kinds_file()), sections)
    assert [node.name for node in found.graph.nodes] == ["relu1"]


BROKEN = [
    ("raise RuntimeError('boom')", "RuntimeError: boom"),
    ("DOUBLE = 3", "it is a int"),
    (PLAIN.replace('kind = "double"', 'kind = "triple"'), "but the kind `triple`"),
    (PLAIN.replace("def macs", "def max"), "Double has no macs"),
    (PLAIN.replace("times:", "repeat:"), "a field `repeat`"),
    (PLAIN.replace("class Double(Layer)", "class Double"), "should be a class of archspec"),
    (PLAIN.replace('kind = "double"', 'kind = "relu"'), "but the kind `relu`"),
    (PLAIN.replace('kind = "double"', 'kind = "double"\n    main_field = "x"'), "main_field"),
]


@pytest.mark.parametrize(("text", "why"), BROKEN, ids=[why for _, why in BROKEN])
def test_a_package_s_kind_that_cannot_be_used_is_reported_at_the_step(
    install: Callable[..., None], text: str, why: str
) -> None:
    install(text)
    found = compiled("- relu\n- double")
    (error,) = errors_of(found)
    assert (error.code, error.span.line) == ("AS214", 6) and why in error.message


FAILS = [
    ("return inputs[0]", "return inputs[1]", "IndexError"),
    ("return inputs[0]", "return list(inputs[0])", "a tuple of sizes"),
    ("return inputs[0]", "return (0,)", "a tuple of sizes"),
    ("return 0", "return -1", "a count"),
    ("return 0", "return True", "a count"),
    ("return None", "return (AxisWindow('a', 1, 0),) * 2", "an AxisWindow"),
    (
        "def windows",
        "def buffers(self, inputs):\n        return {'w': Tensor((3,), 'x')}\n\n    def windows",
        "no numbers",
    ),
    ("return 0", "return 1.5", "a count"),
    ("return None", "return (1, 2)", "an AxisWindow"),
    (
        "def windows",
        "def parameters(self, inputs):\n        return {'for': Tensor((3,))}\n\n    def windows",
        "called 'for'",
    ),
    (
        "def windows",
        "def parameter_formula(self, inputs):\n        return 1 / 0\n\n    def windows",
        "ZeroDivisionError",
    ),
    (
        "def windows",
        "def parameters(self, inputs):\n        return {'w': (3,)}\n\n    def windows",
        "Tensors",
    ),
]


@pytest.mark.parametrize(("old", "new", "why"), FAILS, ids=[why for *_, why in FAILS])
def test_a_kind_that_fails_on_an_input_is_an_error_at_the_step(
    kinds_file: Callable[..., Path], old: str, new: str, why: str
) -> None:
    found = compiled("- double", named(kinds_file(PLAIN.replace(old, new))))
    (error,) = errors_of(found)
    assert error.code == "AS214" and why in error.message and "3 × 8 × 8" in error.message


# Nothing is loaded because a spec says so


def test_a_spec_without_unknown_words_looks_for_no_packages() -> None:
    code = (
        "import sys; from archspec.pipeline import compile_file; compile_file('resnet50.yaml');"
        "print('importlib.metadata' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=EXAMPLE.parent.parent / "specs",
        env={"PYDANTIC_DISABLE_PLUGINS": "__all__"},
    )
    assert "archspec.kinds" in run.stderr and "entry_points" not in run.stderr


@pytest.mark.parametrize("word", ["os:system", "kinds.py:DOUBLE", "tests.kinds", "../kinds"])
def test_a_word_of_a_spec_is_never_a_module(kinds_file: Callable[..., Path], word: str) -> None:
    kinds_file()
    (error,) = errors_of(compiled(f'- "{word}"'))
    assert error.code == "AS202"


VALIDATORS = [
    # the body of a validator of `times`, the code, and a part of the message
    ("raise RuntimeError('boom')", "AS214", "`double` cannot be made: RuntimeError: boom"),
    ("raise ValueError('too many')", "AS206", "`times` of `double` cannot be the number 3: too"),
    ("assert times < 3, 'too many'", "AS206", "`times` of `double` cannot be the number 3: too"),
]


@pytest.mark.parametrize("times", ["3", "$three"])
@pytest.mark.parametrize(("body", "code", "message"), VALIDATORS)
def test_a_validator_of_a_kind_may_fail(
    kinds_file: Callable[..., Path], body: str, code: str, message: str, times: str
) -> None:
    validator = (
        "times: int = 2\n\n    @pydantic.field_validator('times')\n"
        f"    def check(cls, times):\n        {body}\n        return times\n"
    )
    text = "import pydantic\n" + PLAIN.replace("times: int = 2", validator)
    found = compiled(
        f"- double: {{times: {times}}}", named(kinds_file(text)), sections="vars: {three: 3}"
    )
    (error,) = errors_of(found)
    assert error.code == code and message in error.message and error.help


def test_what_cannot_be_saved_is_said(
    tmp_path: Path, kinds_file: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "network.yaml"
    path.write_text(spec("- double"), "utf-8")
    arguments = [str(path), "--kinds", str(kinds_file()), "-o", str(tmp_path / "n.pt")]
    assert main(["build", "--export", "torch", *arguments]) == 2
    assert "what `double` made of it" in capsys.readouterr().err  # a lambda
    assert not (tmp_path / "n.pt").exists()


FILES = [
    ("x = 1", "has no KINDS"),
    ("import sys; sys.exit(0)", "SystemExit"),
    (PLAIN.replace('kind = "double"', 'kind = "double"\n    main_field = ["x"]'), "main_field"),
    ("KINDS = [1]", "it is a int"),
    ("1 / 0", "ZeroDivisionError"),
    ("syntax error", "SyntaxError"),
    (PLAIN.replace('"double"', '"relu"'), "there is a kind `relu` already"),
    (PLAIN.replace('"double"', '"residual"'), "should be a word of its own"),
]

NAMES = [("json.py", "called like the module `json`"), ("my-kinds.py", "no Python module's file")]


@pytest.mark.parametrize(("name", "why"), NAMES)
def test_a_file_of_kinds_has_a_module_s_name_of_its_own(
    tmp_path: Path, name: str, why: str
) -> None:
    path = tmp_path / name
    path.write_text(PLAIN, "utf-8")
    with pytest.raises(KindError, match=why):
        read_kinds(str(path))


@pytest.mark.parametrize(("text", "why"), FILES, ids=[why for _, why in FILES])
def test_a_file_of_kinds_that_cannot_be_used_is_a_usage_error(
    kinds_file: Callable[..., Path], text: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = kinds_file(text)
    with pytest.raises(KindError, match=why):
        Vocabulary(read_kinds(str(path)))
    assert main(["check", "resnet50", "--kinds", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and why in err and "Traceback" not in err


def test_a_file_of_kinds_that_is_not_there_is_a_usage_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "resnet50", "--kinds", "nowhere.py"]) == 2
    assert "cannot read nowhere.py" in capsys.readouterr().err
