"""`python -m tests.references.source_lines`: write `tests/data/torchvision_lines.json`.

How long torchvision's networks are as code, in the environment of `make.py`. Three figures for a
file, from what a reader scrolls past to what makes the network:

- `file`: all its lines;
- `code`: lines with code on them: no blank line, comment or docstring;
- `network`: of these, the lines of the classes, functions and constants that the builders of the
  family need, directly or not. Left out: imports, the enumerations of weights with their metadata,
  decorators, and what only loads weights or logs. The initial values of parameters are in it, and
  so are the few lines of each builder that pick weights.

`elsewhere` are the lines, counted like `network`, of what the family needs from torchvision's other
files, such as `ops/misc.py`. Each network has the last two of its own builder alone.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import json
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tests.references.golden import FOLDER

FAMILIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "alexnet": ("alexnet", ("alexnet",)),
    "convnext": ("convnext", ("convnext_tiny",)),
    "densenet": ("densenet", ("densenet121", "densenet161", "densenet169", "densenet201")),
    "fcn": ("segmentation.fcn", ("fcn_resnet50",)),
    "googlenet": ("googlenet", ("googlenet",)),
    "inception": ("inception", ("inception_v3",)),
    "mobilenet_v2": ("mobilenetv2", ("mobilenet_v2",)),
    "mobilenet_v3": ("mobilenetv3", ("mobilenet_v3_large", "mobilenet_v3_small")),
    "resnet": (
        "resnet",
        (
            *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
            *("resnext50_32x4d", "wide_resnet50_2"),
        ),
    ),
    "shufflenet_v2": (
        "shufflenetv2",
        tuple(f"shufflenet_v2_x{width}" for width in ("0_5", "1_0", "1_5", "2_0")),
    ),
    "squeezenet": ("squeezenet", ("squeezenet1_0", "squeezenet1_1")),
    "vgg": ("vgg", tuple(f"vgg{depth}{bn}" for depth in (11, 13, 16, 19) for bn in ("", "_bn"))),
    "vision_transformer": ("vision_transformer", ("vit_b_16",)),
}
"""A family's module under `torchvision.models`, and those of its builders that we have specs of."""

NOT_THE_NETWORK = frozenset(
    {
        *("WeightsEnum", "Weights", "register_model", "handle_legacy_interface"),
        *("_ovewrite_named_param", "_ovewrite_value_param", "_log_api_usage_once"),
        *("_load_state_dict", "load_state_dict_from_url"),
        *("ImageClassification", "SemanticSegmentation"),
    }
)
"""What in torchvision finds and loads weights, or logs."""

NO_CODE = frozenset(
    {
        *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
        *(tokenize.ENCODING, tokenize.ENDMARKER),
    }
)

Definition = ast.ClassDef | ast.FunctionDef | ast.Assign | ast.AnnAssign


def main() -> None:
    families = {name: _family(*it) for name, it in FAMILIES.items()}
    version: str = importlib.import_module("torchvision").__version__
    said = {"torchvision": version.partition("+")[0], "families": families}
    path = FOLDER.parent / "torchvision_lines.json"
    path.write_text(f"{json.dumps(said, indent=1)}\n", "utf-8")
    for name, figures in families.items():
        print(name, {key: value for key, value in figures.items() if key != "networks"})


def _family(module: str, builders: tuple[str, ...]) -> dict[str, Any]:
    name = f"torchvision.models.{module}"
    path = _path(name)
    return {
        "path": f"torchvision/models/{module.replace('.', '/')}.py",
        "file": len(path.read_text("utf-8").splitlines()),
        "code": len(_code(name)),
        **_needed(name, builders),
        "networks": {builder: _needed(name, (builder,)) for builder in builders},
    }


def _needed(module: str, builders: tuple[str, ...]) -> dict[str, int]:
    """Code lines of everything that these builders need, in their own file and in others."""
    seen: set[tuple[str, str]] = set()
    waiting = [(module, builder) for builder in builders]
    lines: dict[bool, int] = {True: 0, False: 0}
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        home, name = place
        definition = _definitions(home)[name]
        span = range(definition.lineno, (definition.end_lineno or 0) + 1)  # after the decorators
        lines[home == module] += len(_code(home).intersection(span))
        waiting += _uses(home, definition)
    return {"network": lines[True], "elsewhere": lines[False]}


def _uses(module: str, definition: Definition) -> Iterator[tuple[str, str]]:
    """What of torchvision a definition names, each with its module."""
    scope = vars(importlib.import_module(module))
    for node in _walk(definition):
        if not isinstance(node, ast.Name) or node.id not in scope:
            continue
        # A constant has no module of its own: it is this one's.
        name = getattr(scope[node.id], "__name__", node.id)
        home = getattr(scope[node.id], "__module__", module)
        if not home.startswith("torchvision") or name in NOT_THE_NETWORK:
            continue
        if not name.endswith("_Weights") and name in _definitions(home):
            yield home, name


def _walk(definition: Definition) -> Iterator[ast.AST]:
    """Every node, but not those of the decorators and of methods' decorators."""
    waiting: list[ast.AST] = [definition]
    while waiting:
        node = waiting.pop()
        yield node
        skipped = set(map(id, getattr(node, "decorator_list", ())))
        waiting += [it for it in ast.iter_child_nodes(node) if id(it) not in skipped]


@cache
def _definitions(module: str) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    for node in ast.parse(_path(module).read_text("utf-8")).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found[name] = node
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
    return found


@cache
def _code(module: str) -> frozenset[int]:
    """The numbers of the lines that have code on them."""
    text = _path(module).read_text("utf-8")
    used: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            used.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        if documented and ast.get_docstring(node) is not None:  # type: ignore[arg-type]
            docstring = node.body[0]  # type: ignore[attr-defined]
            used.difference_update(range(docstring.lineno, docstring.end_lineno + 1))
    return frozenset(used)


def _path(module: str) -> Path:
    return Path(inspect.getfile(importlib.import_module(module)))


if __name__ == "__main__":
    main()
