"""How the house is built: who imports whom, and lists that must be complete."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from archspec import zoo
from archspec.diagnostics import CODES
from archspec.document.model import COMMON, SHORTCUTS, STRUCTURES
from archspec.document.names import problem_with
from archspec.layers import LAYERS
from archspec.module_words import MODULE_WORDS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "archspec"
MODULES = sorted(PACKAGE.rglob("*.py"))


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> Iterator[str]:
    """Every module that a file imports anywhere in it, but for types alone."""
    tree = ast.parse(path.read_text("utf-8"))
    checked = [
        node
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and ast.unparse(test.test).endswith("TYPE_CHECKING")
        for statement in test.body
        for node in ast.walk(statement)
    ]
    for node in ast.walk(tree):
        if node in checked:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                known = {_name(module) for module in MODULES}
                yield inner if inner in known else node.module


def _within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _below(folder: str) -> list[Path]:
    return [path for path in MODULES if _within(_name(path), f"archspec.{folder}")]


FRONT = (
    "source",
    "document",
    "expressions",
    "elaborate",
    "layers",
    "graph",
    "analysis",
    "diagnostics",
    "reports",
    "pipeline",
    "words",
    "labels",
    "preprocess",
    "zoo",
    "kinds",
    "beside",
    "annotations",
    "symbolic",
    "lints",
)
HEAVY = ("torch", "onnx", "onnxruntime", "numpy", "safetensors", "PIL")


@pytest.mark.parametrize("part", FRONT)
def test_the_front_end_imports_no_framework(part: str) -> None:
    files = _below(part)
    assert files, part
    for path in files:
        for module in _imports(path):
            assert not _within(module, *HEAVY), f"{path} imports {module}"


@pytest.mark.parametrize(
    ("framework", "home"),
    [
        ("torch", "archspec.backends.torch"),
        ("onnx", "archspec.backends.onnx"),
        ("onnxruntime", "archspec.runtime"),
    ],
)
def test_a_framework_is_imported_in_its_folder_alone(framework: str, home: str) -> None:
    for path in MODULES:
        if not _within(_name(path), home):
            assert not any(_within(module, framework) for module in _imports(path)), path


# A stage takes what the stages before it make, and knows nothing of those behind it.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "diagnostics": ("source", "document", "elaborate", "layers", "graph", "analysis", "reports"),
    "source": ("document", "elaborate", "layers", "graph", "analysis", "reports", "expressions"),
    "expressions": ("source", "document", "elaborate", "layers", "graph", "diagnostics"),
    "layers": (
        "source",
        "document",
        "elaborate",
        "graph",
        "expressions",
        "diagnostics",
        "analysis",
    ),
    "document": ("elaborate", "graph", "analysis", "reports", "pipeline"),
    "elaborate": ("analysis", "reports", "pipeline"),
    "graph": ("source", "document", "elaborate", "expressions", "analysis", "reports"),
    "analysis": ("source", "document", "elaborate", "expressions", "reports", "pipeline"),
    "lints": ("elaborate", "expressions", "reports", "pipeline", "backends", "cli"),
    "reports": ("source", "document", "elaborate", "expressions", "backends", "weights"),
    "backends": ("source", "document", "elaborate", "expressions", "pipeline", "reports", "cli"),
    "weights": ("document", "elaborate", "expressions", "pipeline", "reports", "backends", "cli"),
    "runtime": ("source", "document", "elaborate", "expressions", "pipeline", "reports", "cli"),
    "pipeline": ("reports", "backends", "weights", "runtime", "cli"),
}


@pytest.mark.parametrize("part", FORBIDDEN)
def test_a_stage_knows_nothing_of_those_it_does_not_take(part: str) -> None:
    forbidden = tuple(f"archspec.{name}" for name in FORBIDDEN[part])
    files = _below(part)
    assert files
    for path in files:
        for module in _imports(path):
            assert not _within(module, *forbidden), f"{path} imports {module}"


def test_yaml_is_read_for_its_values_its_slips_and_its_layout_alone() -> None:
    users = [_name(path) for path in MODULES if any(_within(m, "yaml") for m in _imports(path))]
    assert users == ["archspec.formatting.reading", "archspec.source", "archspec.syntax"]


def test_nothing_is_evaluated_by_python() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile", "__import__"), path


def test_a_file_asks_to_be_two_at_around_400_lines() -> None:
    for path in MODULES:
        lines = len(path.read_text("utf-8").splitlines())
        assert lines <= 450, f"{path} has {lines} lines"


def test_every_module_and_public_class_says_what_it_is() -> None:
    for path in MODULES:
        tree = ast.parse(path.read_text("utf-8"))
        if not tree.body:
            continue
        assert ast.get_docstring(tree), path
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}: {node.name}"


# Lists


def test_every_name_that_a_module_of_torch_has_is_refused_as_a_steps_name() -> None:
    fx = pytest.importorskip("torch.fx")
    torch = pytest.importorskip("torch")
    taken = set(dir(fx.GraphModule)) | set(dir(torch.nn.Module()))
    for name in taken:
        assert problem_with(name) is not None, name
    assert {"forward", "graph", "code", "training", "recompile"} <= MODULE_WORDS


def _codes_reported() -> dict[str, set[Path]]:
    found: dict[str, set[Path]] = {}
    for path in MODULES:
        if path.name == "codes.py":
            continue
        for code in re.findall(r'"(AS[0-9]{3})"', path.read_text("utf-8")):
            found.setdefault(code, set()).add(path)
    return found


def test_every_code_is_reported_somewhere_and_every_reported_code_is_listed() -> None:
    assert set(_codes_reported()) == set(CODES)


def test_the_documentation_names_no_code_that_is_not_there() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for code in re.findall(r"\bAS[0-9]{3}\b", path.read_text("utf-8")):
            assert code in CODES, f"{path}: {code}"


def test_the_words_of_the_language_do_not_collide() -> None:
    assert not set(LAYERS) & set(STRUCTURES)
    for kind in LAYERS.values():
        assert not set(kind.model_fields) & set(COMMON), kind.kind
        assert "branches" not in kind.model_fields
    assert SHORTCUTS == ("identity", "projection", "pad", "if_same_shape")
    assert COMMON == ("name", "from", "repeat", "when", "expect", "shares")


def test_both_backends_lower_every_kind() -> None:
    pytest.importorskip("torch")
    from archspec.backends.onnx import lowerings as onnx_lowerings
    from archspec.backends.torch import lowerings as torch_lowerings

    for module in (onnx_lowerings, torch_lowerings):
        tables = [v for k, v in vars(module).items() if k.isupper() and isinstance(v, dict)]
        assert any(set(table) == set(LAYERS.values()) for table in tables), module.__name__


# The project


def _project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_the_zoo_is_in_the_wheel_where_it_is_looked_for() -> None:
    project: object = _project()
    for key in ("tool", "hatch", "build", "targets", "wheel", "force-include"):
        assert isinstance(project, dict)
        project = project[key]
    assert project == {"specs": "archspec/specs"}
    assert zoo.FOLDERS[0] == PACKAGE / "specs"
    names = [
        "mlp",
        "lenet5",
        "lenet5_1998",
        "alexnet",
        "vgg19",
        "resnet34",
        "resnet50",
        "resnet152",
        "plain34",
    ]
    assert {*names, "efficientnet_lite0"} <= set(zoo.networks())
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize(
    "name", ["../lenet5", "/etc/passwd", "lenet5.yaml", "", ".", "a/b", "LENET5"]
)
def test_a_name_of_the_zoo_is_a_plain_word(name: str) -> None:
    assert zoo.find(name) is None
