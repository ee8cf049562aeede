"""A spec of several files: what it extends, and whose blocks it imports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec import zoo
from archspec.cli import main
from archspec.pipeline import Compiled, compile_file
from archspec.source import LARGEST_FILE, MOST_VALUES
from tests.specs import errors_of, unmarked

BASE = """
archspec: 1
name: base
vars: {width: 4, act: relu, doubled: $width * 2}
input: [3, 8, 8]
blocks:
  unit:
    args: {channels: ~}
    layers:
      - conv: {out_channels: $channels, kernel_size: 3, padding: 1}
      - $act
layers:
  - unit: {name: first, channels: $doubled}
  - global_avg_pool
  - flatten
  - fc: 10
expect: {params: 314, output: [10]}
"""

VERSION = "archspec: 1\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the files given by name (`__` stands for a folder), and give the first one's path."""

    def files(**texts: str) -> Path:
        paths = []
        for name, text in texts.items():
            path = tmp_path / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
            paths.append(path)
        return paths[0]

    return files


def compiled(path: Path, **variables: Any) -> Compiled:
    return compile_file(str(path), variables)


def places(found: Compiled) -> list[tuple[str, str, int, int]]:
    """Of each error its file, code, line and column."""
    return [
        (Path(d.span.source.path).name, d.code, d.span.line, d.span.column)
        for d in errors_of(found)
    ]


def own(text: str = "", extends: str = "base.yaml") -> str:
    return f"archspec: 1\nname: own\nextends: {extends}\n{text}"


# extends


def test_a_spec_takes_over_what_it_does_not_say(write: Write) -> None:
    found = compiled(write(own=own(), base=BASE))
    assert found.ok and found.name == "own"
    base = compiled(write(base=BASE))
    assert base.ok
    assert [node.name for node in found.graph.nodes] == [node.name for node in base.graph.nodes]
    assert dict(found.graph.tensors()) == dict(base.graph.tensors())


def test_changed_variables_reach_those_computed_from_them(write: Write) -> None:
    graph = archspec.load(write(own=own("vars: {width: 8, act: sigmoid}"), base=BASE))
    assert [node.kind for node in graph.nodes] == [
        *("conv", "sigmoid", "global_avg_pool", "flatten", "fc")
    ]
    assert graph.nodes[0].output.shape == (16, 8, 8)


def test_variables_from_outside_come_before_those_of_any_file(write: Write) -> None:
    graph = archspec.load(write(own=own("vars: {width: 8}"), base=BASE), width=1)
    assert graph.nodes[0].output.shape == (2, 8, 8)


def test_what_a_base_expects_of_itself_is_not_expected_of_others(write: Write) -> None:
    assert compiled(write(own=own("vars: {width: 5}"), base=BASE)).ok
    found = compiled(write(own=own("vars: {width: 5}\nexpect: {params: 1}"), base=BASE))
    assert places(found) == [("own.yaml", "AS306", 5, 18)]


def test_sections_of_its_own_replace_the_base_s(write: Write) -> None:
    path = write(
        own=own("inputs: {left: [1, 8, 8]}\nlayers: [conv: {out_channels: 2, kernel_size: 1}]"),
        base=BASE,
    )
    graph = archspec.load(path)
    assert list(graph.inputs) == ["left"] and [n.name for n in graph.nodes] == ["conv1"]


def test_a_block_of_its_own_replaces_the_base_s_everywhere(write: Write) -> None:
    blocks = (
        "blocks: {unit: {args: {channels: ~}, layers: [conv: {out_channels: 7, kernel_size: 1}]}}"
    )
    graph = archspec.load(write(own=own(blocks), base=BASE))
    assert [node.name for node in graph.nodes][:2] == ["first.conv1", "global_avg_pool1"]


def test_a_chain_of_files_takes_the_nearest_word(write: Write) -> None:
    path = write(
        own=own("vars: {act: tanh}", "middle.yaml"),
        middle=own("vars: {act: silu, width: 2}"),
        base=BASE,
    )
    graph = archspec.load(path)
    assert (graph.nodes[1].kind, graph.nodes[0].output.shape[0]) == ("tanh", 4)


def test_a_network_of_the_zoo_can_be_extended_by_name(write: Write) -> None:
    graph = archspec.load(write(own=own("vars: {classes: 3}", "resnet50")))
    assert graph.outputs["fc"].shape == (3,)


def test_files_in_folders_below_are_found_from_where_they_are_named(write: Write) -> None:
    path = write(own=own(extends="family/middle.yaml"), family__middle=own(), family__base=BASE)
    assert compiled(path).ok


def test_an_error_in_a_base_is_shown_where_it_is(write: Write) -> None:
    wrong, marks = unmarked(BASE.replace("[3, 8, 8]", "[3, 0, 8]"))
    found = compiled(write(own=own(), base=wrong))
    assert not marks
    assert places(found) == [("base.yaml", "AS206", 5, 12)]


def test_the_report_says_in_which_file_a_layer_and_an_error_are(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(own=own("vars: {widht: 5}"), base=BASE)
    assert main(["check", str(path), "--format", "json"]) == 1
    (spec,) = json.loads(capsys.readouterr().out)["specs"]
    (found,) = spec["diagnostics"]
    assert found["path"] == str(path) and found["help"] == "did you mean `width`?"
    assert spec["layers"][0]["path"] == str(path.parent / "base.yaml")


EXTENDS = [
    # what is written, the code, and the column in line 3
    ("nowhere.yaml", "AS001", 10),
    ("bass.yaml", "AS001", 10),
    ("../base.yaml", "AS206", 10),
    ("/etc/passwd", "AS206", 10),
    ("link.yaml", "AS206", 10),
    ("own.yaml", "AS213", 10),
    ("[base.yaml]", "AS205", 10),
    ("7", "AS205", 10),
    ("list.yaml", "AS205", 10),
    (".", "AS001", 10),
]


@pytest.mark.parametrize(("written", "code", "column"), EXTENDS)
def test_a_file_that_cannot_be_extended_is_reported_once_where_it_is_named(
    write: Write, tmp_path: Path, written: str, code: str, column: int
) -> None:
    path = write(own=own(extends=written), base=BASE, list="[1]")
    (tmp_path / "link.yaml").symlink_to(tmp_path.parent / "elsewhere.yaml")
    found = compiled(path)
    assert places(found) == [("own.yaml", code, 3, column)]
    (error,) = errors_of(found)
    assert error.help


def test_a_file_with_a_name_that_is_nearly_another_s_is_suggested(write: Write) -> None:
    (error,) = errors_of(compiled(write(own=own(extends="bass.yaml"), base=BASE)))
    assert error.help == "did you mean `base.yaml`?"


def test_files_in_a_circle_are_named(write: Write) -> None:
    path = write(own=own(extends="a.yaml"), a=own(extends="b.yaml"), b=own(extends="a.yaml"))
    (error,) = errors_of(compiled(path))
    assert error.code == "AS213" and "a.yaml → b.yaml → a.yaml" in error.message
    assert Path(error.span.source.path).name == "b.yaml"


def test_a_variable_that_no_base_has_is_a_slip(write: Write) -> None:
    found = compiled(write(own=own("vars: {widht: 5}"), base=BASE))
    assert places(found) == [("own.yaml", "AS402", 4, 8)]
    new = own("vars: {more: 5}\nlayers: [conv: {out_channels: $more, kernel_size: 1}]")
    assert compiled(write(own=new, base=BASE)).ok


def test_a_misspelt_section_of_a_base_is_reported_once(write: Write) -> None:
    found = compiled(
        write(own=own(), base=BASE.replace("layers:\n  - unit: {name", "layer:\n  - unit: {name"))
    )
    assert places(found) == [("base.yaml", "AS201", 12, 1)]


@pytest.mark.parametrize(
    ("version", "place"),
    [("archspec: 2", ("base.yaml", "AS206", 2, 11)), ("", ("own.yaml", "AS204", 3, 10))],
)
def test_every_file_is_of_a_version_of_the_language(
    write: Write, version: str, place: tuple[str, str, int, int]
) -> None:
    found = compiled(write(own=own(), base=BASE.replace("archspec: 1", version)))
    assert places(found) == [place]


def test_a_base_that_is_no_yaml_is_reported_where_it_breaks(write: Write) -> None:
    found = compiled(write(own=own(), base="archspec: [1"))
    assert [(name, code) for name, code, *_ in places(found)] == [("base.yaml", "AS101")]


def test_the_files_of_a_spec_are_together_no_larger_than_one(write: Write) -> None:
    filler = "#" * (LARGEST_FILE * 3 // 4)
    found = compiled(
        write(own=own(extends="a.yaml"), a=own(extends="b.yaml") + filler, b=BASE + filler)
    )
    assert [code for _, code, *_ in places(found)] == ["AS003"]


# imports

LIBRARY = """
archspec: 1
name: library
vars: {slope: 0.3}
blocks:
  unit:
    args: {channels: ~, inner: helper}
    layers:
      - conv: {out_channels: $channels, kernel_size: 1}
      - $inner
  helper:
    layers: [leaky_relu: $slope]
"""


def importing(layers: str, imports: str = "{library.yaml: [unit]}", sections: str = "") -> str:
    return (
        f"archspec: 1\nname: own\nimports: {imports}\ninput: [3, 8, 8]\n{sections}layers:\n{layers}"
    )


def test_an_imported_block_has_the_blocks_and_variables_of_its_own_file(write: Write) -> None:
    text = importing("  - unit: {channels: 5}", sections="vars: {slope: 0.9}\n")
    graph = archspec.load(write(own=text, library=LIBRARY))
    assert [node.name for node in graph.nodes] == ["unit1.conv1", "unit1.helper1.leaky_relu1"]
    assert dict(graph.nodes[1].layer) == {"negative_slope": 0.3}


def test_a_block_may_be_given_to_an_imported_one(write: Write) -> None:
    mine = "blocks: {mine: {layers: [tanh]}}\n"
    text = importing("  - unit: {channels: 5, inner: mine}", sections=mine)
    assert archspec.load(write(own=text, library=LIBRARY)).nodes[1].name == "unit1.mine1.tanh1"


def test_a_name_means_the_block_of_the_file_that_gives_it(write: Write) -> None:
    mine = "blocks: {helper: {layers: [tanh]}}\n"
    calls = "  - unit: {channels: 5}\n  - unit: {channels: 5, inner: helper}"
    path = write(own=importing(calls, sections=mine), library=LIBRARY)
    kinds = [node.kind for node in archspec.load(path).nodes]
    assert kinds == ["conv", "leaky_relu", "conv", "tanh"]


def test_blocks_of_a_network_can_be_imported(write: Write) -> None:
    text = importing("  - bottleneck: {width: 2}", "{resnet50: bottleneck}")
    found = compiled(write(own=text))
    assert all(error.code != "AS001" for error in errors_of(found))


def test_an_imported_file_may_import_and_extend(write: Write) -> None:
    path = write(
        own=importing("  - unit: {channels: 5}", "{middle.yaml: unit}"),
        middle="archspec: 1\nname: middle\nextends: library.yaml\nvars: {slope: 0.5}\n",
        library=LIBRARY,
    )
    assert dict(archspec.load(path).nodes[1].layer) == {"negative_slope": 0.5}


IMPORTS = [
    # imports, the code and the column in line 3
    ("{library.yaml: [«AS202»unti]}", "unit"),
    ("{library.yaml: «AS205»[]}", ""),
    ("{library.yaml: «AS205»[1]}", ""),
    ("{«AS001»nowhere.yaml: [unit]}", ""),
    ("{«AS206»../library.yaml: [unit]}", ""),
    ("{library.yaml: [unit, «AS208»unit]}", ""),
    ("{«AS213»own.yaml: [unit]}", ""),
    ("«AS205»[library.yaml]", ""),
]


@pytest.mark.parametrize(("imports", "near"), IMPORTS)
def test_what_cannot_be_imported_is_reported_where_it_stands(
    write: Write, imports: str, near: str
) -> None:
    text, marks = unmarked(importing("  - relu", imports))
    found = compiled(write(own=text, library=LIBRARY))
    assert places(found) == [("own.yaml", *mark) for mark in marks]
    assert near in errors_of(found)[0].help


def test_an_imported_block_cannot_have_the_name_of_one_s_own(write: Write) -> None:
    mine = "blocks: {unit: {layers: [tanh]}}\n"
    found = compiled(write(own=importing("  - relu", sections=mine), library=LIBRARY))
    assert [code for _, code, *_ in places(found)] == ["AS208"]


def test_an_error_in_an_import_is_not_reported_at_every_use(write: Write) -> None:
    found = compiled(write(own=importing("  - unit: {channels: 5}", "{nowhere.yaml: [unit]}")))
    assert [code for _, code, *_ in places(found)] == ["AS001"]
    text = importing("  - unti: {channels: 5}", "{library.yaml: [unti]}")
    found = compiled(write(own=text, library=LIBRARY))
    assert [code for _, code, *_ in places(found)] == ["AS202"]


OTHER = LIBRARY.replace("library", "other").replace("leaky_relu: $slope", "tanh")


@pytest.mark.parametrize(
    ("base", "mine", "last"),
    [
        ("blocks: {unit: {layers: [relu]}}", "blocks: {unit: {layers: [silu]}}", "silu"),
        ("imports: {library.yaml: [unit]}", "blocks: {unit: {layers: [silu]}}", "silu"),
        ("blocks: {unit: {layers: [relu]}}", "imports: {other.yaml: [unit]}", "tanh"),
        ("imports: {library.yaml: [unit]}", "imports: {other.yaml: [unit]}", "tanh"),
    ],
)
def test_a_block_of_its_own_comes_before_the_base_s_however_each_is_had(
    write: Write, base: str, mine: str, last: str
) -> None:
    text = f"archspec: 1\nname: base\ninput: [3, 8, 8]\n{base}\nlayers: [unit]\n"
    call = "layers: [unit: {channels: 2}]" if "other" in mine else ""
    path = write(own=own(f"{mine}\n{call}"), base=text, library=LIBRARY, other=OTHER)
    found = compiled(path)
    assert found.ok and found.graph.nodes[-1].kind == last


def test_an_argument_that_an_imported_block_does_not_take_is_reported(write: Write) -> None:
    found = compiled(write(own=importing("  - unit: {chanels: 5}"), library=LIBRARY))
    (error,) = errors_of(found)
    assert error.code == "AS203" and error.help == "did you mean `channels`?"


def test_an_error_inside_an_imported_block_shows_the_call(write: Write) -> None:
    library = LIBRARY.replace("kernel_size: 1", "kernel_size: 20")
    found = compiled(write(own=importing("  - unit: {channels: 5}"), library=library))
    (error,) = errors_of(found)
    assert (error.code, Path(error.span.source.path).name) == ("AS301", "library.yaml")
    assert [Path(label.span.source.path).name for label in error.labels] == ["own.yaml"] * 2


def test_a_shape_that_a_base_expects_of_a_step_is_not_expected_of_others(write: Write) -> None:
    base = BASE.replace("channels: $doubled}", "channels: $doubled, expect: [8, 8, 8]}")
    assert compiled(write(base=base)).ok
    assert compiled(write(own=own("input: [3, 9, 9]"), base=base)).ok
    with_variables = base.replace("[8, 8, 8]", '["$doubled", 8, 8]')
    found = compiled(write(own=own("input: [3, 9, 9]"), base=with_variables))
    assert [code for _, code, *_ in places(found)] == ["AS306"]


# Whatever a spec names


@pytest.mark.parametrize("name", ["a" * 300, "a" * 300 + ".yaml", "a/" * 3000 + "b"])
def test_a_name_too_long_for_the_system_is_reported(write: Write, name: str) -> None:
    found = compiled(write(own=own(extends=name)))
    assert places(found) == [("own.yaml", "AS001", 3, 10)]


@pytest.mark.parametrize("word", ["extends", "imports"])
def test_the_zoo_may_lie_below_the_spec_s_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """As it does where archspec is installed in a project's own `.venv`."""
    installed = tmp_path / ".venv" / "specs"
    installed.mkdir(parents=True)
    (installed / "small.yaml").write_text(BASE, "utf-8")
    monkeypatch.setattr(zoo, "FOLDERS", (installed,))
    path = tmp_path / "own.yaml"
    text = own(extends="small")
    if word == "imports":
        text = importing("  - unit: {channels: 5}", "{small: unit}")
    path.write_text(text, "utf-8")
    assert compiled(path).ok


def test_neither_the_file_itself_nor_a_folder_is_suggested(write: Write, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").mkdir()
    for name in ("owm.yaml", "base.yaml"):
        (error,) = errors_of(compiled(write(own=own(extends=name))))
        assert error.code == "AS001" and "did you mean" not in error.help


def test_one_file_too_many_is_reported_once(write: Write) -> None:
    files = {f"f{n}": f"{VERSION}blocks: {{b{n}: {{layers: [relu]}}}}" for n in range(120)}
    imports = ", ".join(f"{name}.yaml: b{name[1:]}" for name in files)
    found = compiled(write(own=importing("  - b0", f"{{{imports}}}"), **files))
    assert [code for _, code, *_ in places(found)] == ["AS104"]


def test_a_large_file_cannot_be_extended_over_and_over(write: Write) -> None:
    variables = ", ".join(f"v{n}: 1" for n in range(40_000))
    files = {
        f"f{n}": f"{VERSION}extends: base.yaml\nblocks: {{b: {{layers: [relu]}}}}" for n in range(9)
    }
    imports = ", ".join(f"{name}.yaml: []" for name in files)
    text = importing("  - relu", f"{{{imports.replace('[]', '[b]', 1)}}}").replace(": []", ": [c]")
    found = compiled(write(own=text, base=f"{VERSION}vars: {{{variables}}}", **files))
    (error,) = [error for error in errors_of(found) if error.code == "AS104"]
    assert f"{MOST_VALUES:,} values together" in error.message


# One mistake, one message

ONCE = [
    # imports, what stands in library.yaml, and the file and code of the one error
    ("{nowhere.yaml: [unit]}", LIBRARY, ("own.yaml", "AS001")),
    ("{library.yaml: [unti]}", LIBRARY, ("own.yaml", "AS202")),
    ("{library.yaml: unit}", VERSION + "blocks: {unit: [relu]}", ("library.yaml", "AS205")),
    ("{library.yaml: unit}", VERSION + "blocks: {unit: }", ("library.yaml", "AS205")),
    (
        "{library.yaml: unit}",
        VERSION + "imports: {nowhere.yaml: unit}",
        ("library.yaml", "AS001"),
    ),
    ("{library.yaml: unit}", LIBRARY + "imports: 5", ("library.yaml", "AS205")),
    ("{library.yaml: unit}", "", ("own.yaml", "AS205")),
]


@pytest.mark.parametrize("layers", ["  - unit: {channels: 5}", "  - run: {act: unit}"])
@pytest.mark.parametrize(("imports", "library", "expected"), ONCE)
def test_what_follows_from_an_import_that_failed_is_not_reported(
    write: Write, layers: str, imports: str, library: str, expected: tuple[str, str]
) -> None:
    run = "blocks: {run: {args: {act: ~}, layers: [$act: {channels: 5}]}}\n"
    text = importing(layers, imports, run)
    found = places(compiled(write(own=text, library=library)))
    assert [place[:2] for place in found] == [expected]


def test_variables_that_are_none_are_reported_in_the_file_that_has_them(write: Write) -> None:
    base = BASE.replace("{width: 4, act: relu, doubled: $width * 2}", "[4]")
    found = compiled(write(own=own("input: [3, 9, 9]"), base=base))
    assert places(found) == [("base.yaml", "AS205", 4, 7)]
