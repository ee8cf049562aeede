"""What the documents show is what the commands print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter

from archspec import zoo
from archspec.cli import main
from archspec.diagnostics import MOST_ERRORS
from archspec.diagnostics.catalogue import page
from archspec.document.files import MOST_FILES
from archspec.document.model import MOST_STEPS
from archspec.elaborate.budget import MOST_WORK
from archspec.elaborate.builder import MOST_EDGES
from archspec.elaborate.walk import DEEPEST as DEEPEST_CALLS
from archspec.layers import LAYERS
from archspec.pipeline import compile_bytes
from archspec.source import DEEPEST, LARGEST_FILE, MOST_VALUES, resolve

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
LANGUAGE = (ROOT / "docs" / "language.md").read_text("utf-8")
KIND_ROWS = re.findall(
    r"^\| (`.*?) \| (.*) \|$", LANGUAGE.split("\n## Kinds\n")[1].split("\n## ")[0], re.MULTILINE
)
"""Of the table of kinds: the kinds of each row, and their fields."""


def blocks(language: str, text: str) -> list[str]:
    """The fenced blocks of a document."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_readme_shows_what_check_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "lenet5"]) == 0
    assert capsys.readouterr().out in blocks("text", README)


def test_the_readme_s_network_is_the_zoo_s() -> None:
    text, *_ = [block for block in blocks("yaml", README) if block.startswith("archspec: 1")]
    written = compile_bytes("README.md", text.encode(), {})
    (path,) = [path for name, path in zoo.networks().items() if name == "lenet5"]
    shipped = compile_bytes(str(path), path.read_bytes(), {})
    assert written.ok
    assert [(n.name, n.kind, n.signature) for n in written.graph.nodes] == [
        (n.name, n.kind, n.signature) for n in shipped.graph.nodes
    ]


def test_the_readme_shows_a_whole_member_of_a_family() -> None:
    assert (ROOT / "specs" / "resnet152.yaml").read_text("utf-8") in blocks("yaml", README)


def test_the_readme_says_which_sizes_the_example_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(ROOT / "examples" / "unet_any_size.yaml")]) == 0
    end = "".join(capsys.readouterr().out.splitlines(keepends=True)[-2:])
    assert end in blocks("text", README)


def test_the_readme_shows_an_error_as_it_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (shown,) = [block for block in blocks("text", README) if block.startswith("error[")]
    monkeypatch.chdir(tmp_path)
    Path("lenet.yaml").write_text(
        "archspec: 1\nname: lenet5\ninput: [1, 28, 28]\nlayers:\n"
        "  - conv: {out_channels: 6, kernel_size: 5, padding: 2}\n"
        "  - relu\n  - max_pool: 2\n  - fc: 120\n"
    )
    assert main(["check", "lenet.yaml"]) == 1
    assert capsys.readouterr().err.rstrip() == shown.rstrip()


def test_the_readme_names_every_network_of_the_zoo() -> None:
    assert [name for name in zoo.networks() if not re.search(rf"\b{name}\b", README)] == []


@pytest.mark.parametrize("kind", LAYERS)
def test_the_language_page_has_every_kind_with_its_fields_and_their_defaults(kind: str) -> None:
    (row,) = [fields for kinds, fields in KIND_ROWS if f"`{kind}`" in kinds]
    layer = LAYERS[kind]
    # What is written first of a field is its default; examples come behind.
    written = dict(reversed(re.findall(r"`(\w+)(?:: ([^`]+))?`", row)))
    for name, field in layer.model_fields.items():
        assert name in written
        if field.is_required() or field.default is None:
            assert written[name] == ""
        else:
            type_: Any = Annotated[field.annotation, field]
            value = TypeAdapter(type_).validate_python(resolve(written[name]))
            assert value == field.default
    assert {name for name, value in written.items() if value} <= {*layer.model_fields}
    assert ("branches" in written) == layer.takes_many
    assert layer.reference is None or layer.reference in written
    assert re.findall(r"\*\*`(\w+)", row) == [layer.main_field] * bool(layer.main_field)


def test_the_pages_give_the_limits_that_hold() -> None:
    file = f"{LARGEST_FILE // 2**20} MiB"
    limits = LANGUAGE.split("\n## Limits\n")[1].replace("\n", " ")
    assert f"at most {file} and {MOST_VALUES:,} values, nested at most {DEEPEST} deep" in limits
    assert f"in at most {MOST_FILES} files" in limits
    assert f"at most {MOST_STEPS:,} steps with its repeats written out" in limits
    assert f"at most {DEEPEST_CALLS} blocks and structures inside one another" in limits
    assert f"take at most {MOST_EDGES:,} values and hold {MOST_WORK:,}" in limits
    assert f"more than {file}" in (ROOT / "docs" / "editors.md").read_text("utf-8")
    for code, limit in (
        ("AS003", f"larger than {file}"),
        ("AS103", f"more than {DEEPEST} levels"),
        ("AS104", f"more than {MOST_VALUES:,} values"),
        ("AS501", f"more than {MOST_STEPS:,} steps"),
        ("AS502", f"more than {DEEPEST_CALLS} levels"),
        ("AS503", f"more than {MOST_ERRORS:,} errors"),
    ):
        assert limit in page(code).means.replace("\n", " "), code
