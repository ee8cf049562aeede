"""What the language server's features answer, asked of texts in which ‸ is the cursor."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec import source, zoo
from archspec.diagnostics import Edit, Sink, Source
from archspec.edits import edited
from archspec.kinds import Vocabulary
from archspec.lsp import rename as renaming
from archspec.lsp.analysis import Analysis, analyse, is_spec
from archspec.lsp.completion import Completion, begin, complete
from archspec.lsp.definition import definition, references
from archspec.lsp.diagnostics import by_file, fixes
from archspec.lsp.documents import Documents
from archspec.lsp.hints import hints, line_before, still_there
from archspec.lsp.hover import hover
from archspec.lsp.names import occurrences
from archspec.lsp.outline import outline
from archspec.lsp.positions import Positions
from archspec.lsp.symbols import Symbol, symbols
from archspec.source import Mapping, Scalar, Sequence, Value, text_at

CURSOR = "‸"
VOCABULARY = Vocabulary()

RESNET = """\
archspec: 1
name: net
vars: {width: 64}
input: [3, 224, 224]
blocks:
  basic:
    args: {channels: ~, stride: 1}
    layers:
      - residual:
          layers:
            - conv: {out_channels: $channels, kernel_size: 3, stride: $stride, padding: 1, bias: false}
            - batch_norm
          shortcut: projection
      - relu: {name: act}
layers:
  - conv: {name: stem, out_channels: $width, kernel_size: 7, stride: 2, padding: 3, bias: false}
  - basic: {name: layer1, repeat: 2, channels: $width}
  - basic: {name: layer2, channels: $width * 2, stride: 2}
  - upsample: {like: stem}
  - concat: {from: [previous, stem]}
  - global_avg_pool
  - flatten
  - fc: 10
outputs: [fc1]
"""  # noqa: E501  # a step in one line, with its hint at the end


def place_of(text: str) -> tuple[str, int, int]:
    """The text without its cursor, and the cursor's line and column."""
    before, cursor, after = text.partition(CURSOR)
    assert cursor, "the text has no cursor"
    return before + after, before.count("\n") + 1, len(before) - before.rfind("\n")


def marked(text: str, word: str, nth: int = 0) -> str:
    """The text with the cursor before the nth of a word."""
    parts = text.split(word)
    return word.join(parts[: nth + 1]) + CURSOR + word + word.join(parts[nth + 1 :])


def analysed(text: str, path: str = "net.yaml") -> Analysis:
    return analyse(path, text, VOCABULARY)


def every(value: Value, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Each key and scalar of a value, with its way there and its place."""
    if isinstance(value, Scalar):
        yield path, value.value, value.span[:4] if value.value is not None else None
    elif isinstance(value, Sequence):
        for index, item in enumerate(value.items):
            yield from every(item, (*path, index))
    else:
        for key, item in value.values.items():
            yield path, key, value.keys[key][:4]
            yield from every(item, (*path, key))


# The outline


@pytest.mark.parametrize("path", zoo.networks().values(), ids=lambda path: path.stem)
def test_the_outline_of_a_right_file_is_what_the_parser_reads(path: Path) -> None:
    text = Source(str(path), path.read_text("utf-8"), path.parent)
    parsed = source.parse(text, Sink())
    assert parsed is not None
    prose = ("description", "references")  # Lines of a text are not joined in an outline.
    aliases = "*" in text.text
    expected = [row for row in every(parsed) if row[0][:1] not in [(key,) for key in prose]]
    found = [row for row in every(outline(text)) if row[0][:1] not in [(key,) for key in prose]]
    assert aliases or found == expected
    assert list(outline(text).keys) == list(parsed.keys) if isinstance(parsed, Mapping) else False


BROKEN = {
    "an open brace": (
        "layers:\n  - conv: {out_channels: 3,\n  - relu",
        {"layers": ({"conv": {"out_channels": 3}}, "relu")},
    ),
    "an open bracket": (
        "vars: {a: [1, 2\nlayers:\n  - relu",
        {"vars": {"a": (1, 2)}, "layers": ("relu",)},
    ),
    "an open quote": ("name: 'net\nlayers: [relu]", {"name": "net", "layers": ("relu",)}),
    "a word without its colon": ("name: a\nlay", {"name": "a", "lay": None}),
    "a field without its colon": (
        "layers:\n  - fc:\n      out_features: 3\n      bi\n  - relu",
        {"layers": ({"fc": {"out_features": 3, "bi": None}}, "relu")},
    ),
    "an empty item": ("layers:\n  -\n  - relu", {"layers": (None, "relu")}),
    "a stray bracket": ("layers: [relu]]\nname: a", {"layers": ("relu",), "name": "a"}),
    "a list as deep as its key": ("layers:\n- relu\nname: a", {"layers": ("relu",), "name": "a"}),
    "no text": ("", {}),
    "a list": ("- a\n- b", {}),
}


@pytest.mark.parametrize("text, expected", BROKEN.values(), ids=BROKEN)
def test_the_outline_of_a_broken_file_is_what_a_person_would_take_it_for(
    text: str, expected: dict[str, Any]
) -> None:
    assert source.plain(outline(Source("net.yaml", text, Path()))) == expected


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.text(alphabet="{}[]:,-'\"#\n \t&*|>!%~$aé", max_size=6))
def test_an_outline_never_fails(seed: int, extra: str) -> None:
    shuffled = random.Random(seed)
    start, end = sorted(shuffled.sample(range(len(RESNET)), 2))
    at = shuffled.randrange(len(RESNET))
    text = (RESNET[:start] + RESNET[end:])[:at] + extra + RESNET[at:]
    assert isinstance(outline(Source("net.yaml", text, Path())), Mapping)


def test_brackets_without_end_are_read_to_a_depth() -> None:
    assert outline(Source("net.yaml", "a: " + "[{b: " * 10_000, Path())).keys.keys() == {"a"}


# Places


@pytest.mark.parametrize("encoding, character", [("utf-8", 6), ("utf-16", 4), ("utf-32", 3)])
def test_characters_are_counted_as_agreed_upon(encoding: str, character: int) -> None:
    positions = Positions("a: 1\n# 😀x\n", encoding)
    assert positions.position(2, 4) == (1, character)
    assert positions.place(1, character) == (2, 4)


def test_an_editor_ends_no_line_where_yaml_alone_does() -> None:
    positions = Positions("a: \u2028b: 1\r\nc: 2")
    assert positions.position(2, 1) == (0, 4)  # YAML's second line is in the editor's first.
    assert positions.position(3, 4) == (1, 3)
    assert positions.place(0, 4) == (2, 1)
    assert positions.place(1, 0) == (3, 1)


def test_a_byte_order_mark_is_a_character_to_the_editor_alone() -> None:
    positions = Positions("\ufeffname: a\nb: 1")
    assert positions.position(1, 1) == (0, 1)
    assert positions.place(0, 7) == (1, 7)
    assert positions.position(2, 1) == (1, 0)


def test_places_outside_of_a_text_are_taken_for_its_ends() -> None:
    positions = Positions("ab\ncd")
    assert positions.place(9, 9) == (2, 3)
    assert positions.place(0, 9) == (1, 3)
    assert positions.position(9, 9) == (1, 2)


# Which texts are specs


@pytest.mark.parametrize(
    "text, expected",
    [
        ("archspec: 1\n", True),
        ("# a network\n'archspec' : 1\n", True),
        ("{archspec: 1, name: a}", True),
        ("name: a\nlayers: []\n", False),
        ("services:\n  archspec: 1\n", False),
        ("archspec: 1\n" + " " * 2**22, False),
        ("", False),
    ],
)
def test_a_text_that_says_it_is_a_spec_is_looked_at(text: str, expected: bool) -> None:
    assert is_spec(text) is expected


# Hints


def hinted(text: str, start: str) -> str:
    """The hint of the first line that begins so, which is at its end."""
    analysis = analysed(text)
    line = next(line for line in analysis.lines() if line.strip().startswith(start))
    place = analysis.lines().index(line) + 1, len(line) + 1
    return next(hint.text for hint in hints(analysis) if hint.place == place)


def test_a_hint_says_what_a_step_makes_and_its_parameters() -> None:
    assert hinted(RESNET, "- conv: {name: stem") == "→ 64 × 112 × 112 · 9,408"  # 7 · 7 · 3 · 64
    assert hinted(RESNET, "- flatten") == "→ 192"
    assert hinted(RESNET, "- fc: 10") == "→ 10 · 1,930"  # 192 · 10 + 10


def test_a_step_that_runs_several_times_says_so_and_adds_up() -> None:
    # 9 · 64 · 64 twice, and 9 · 64 · 128
    summed = "→ 64 × 112 × 112 … 128 × 56 × 56 · ×3 · 147,456"
    assert hinted(RESNET, "- conv: {out_channels: $channels") == summed
    # twice 9 · 64 · 64, and 2 · 64 of the normalisation
    assert hinted(RESNET, "- basic: {name: layer1") == "→ 64 × 112 × 112 · ×2 · 73,984"


def test_the_whole_network_is_summed_up_behind_its_layers() -> None:
    # 9,408 + 73,984 + (73,728 + 256 + 8,192 + 256) + 1,930
    total = next(hint.text for hint in hints(analysed(RESNET)) if hint.place == (15, 8))
    assert total.startswith("167,754 parameters · ")
    assert total.endswith(" MACs")


def test_each_step_of_a_line_has_its_own_hint() -> None:
    text = "archspec: 1\nname: a\ninput: [2, 4, 4]\nlayers: [relu, abs: {when: false}, flatten]\n"
    found = [(hint.place[1], hint.text) for hint in hints(analysed(text))]
    assert found == [(8, "0 parameters · 0 MACs"), (14, "→ 2 × 4 × 4"), (43, "→ 32")]


def test_a_network_of_another_file_has_its_figures_behind_its_name(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(RESNET, "utf-8")
    text = "archspec: 1\nname: b\nextends: base.yaml\nvars: {width: 8}\n"
    (hint,) = hints(analysed(text, str(tmp_path / "b.yaml")))
    assert hint.place == (3, 19)
    assert hint.text.startswith("→ 10 · 3,")


def test_symbolic_sizes_are_formulas_in_hints_and_hovers() -> None:
    text = RESNET.replace("[3, 224, 224]", "[3, H, H]")
    assert hinted(text, "- conv: {name: stem") == "→ 64 × ⌈H / 2⌉ × ⌈H / 2⌉ · 9,408"
    assert "MACs" in said(marked(text, "conv: {name: stem"))


def test_hints_stay_where_a_broken_text_is_what_it_was() -> None:
    before = analysed(RESNET)
    lines = RESNET.split("\n")
    now = [*lines[:16], "  - conv: {", *lines[16:]]
    old = {hint.place[0]: hint.text for hint in hints(before)}
    new = {hint.place[0]: hint.text for hint in still_there(hints(before), lines, now)}
    assert new == {line + (line > 16): text for line, text in old.items()}
    assert line_before(16, lines, now) == 16
    assert line_before(17, lines, now) is None
    assert line_before(18, lines, now) == 17


# Hover


def said(text: str) -> str:
    plain, line, column = place_of(text)
    found = hover(analysed(plain), line, column)
    return "" if found is None else found.text


HOVERS = {
    "a layer's formulas with their numbers": (
        marked(RESNET, "conv: {name: stem"),
        ["3 × 224 × 224 → 64 × 112 × 112", "(7 × 7 × 3) × 64 = 9,408", "118,013,952 MACs"],
    ),
    "a kind's documentation": (marked(RESNET, "global_avg_pool"), ["**global_avg_pool** "]),
    "every run of a step that runs differently": (
        marked(RESNET, "conv: {out_channels: $channels"),
        ["**64 × 112 × 112 → 64 × 112 × 112**", "(×2)", "**64 × 112 × 112 → 128 × 56 × 56**"],
    ),
    "a field's documentation and default": (marked(RESNET, "bias: false"), ["Default: `true`."]),
    "what an expression comes to": (marked(RESNET, "channels: $width * 2"), ["`channels` = 128"]),
    "a variable's value": (marked(RESNET, "width: 64"), ["`$width` = 64"]),
    "an argument's values": (marked(RESNET, "stride: 1}"), ["`$stride` = 1, 2"]),
    "an argument's values where it is used": (marked(RESNET, "$stride"), ["`$stride` = 1, 2"]),
    "a block's arguments": (marked(RESNET, "basic: {name"), ["`basic`(channels, stride: 1)"]),
    "a value's shape": (marked(RESNET, "stem]}"), ["the value of `conv`: 64 × 112 × 112"]),
    "the kind that a variable stands for": (
        marked(RESNET.replace("{width: 64}", "{width: 64, act: gelu}"), "flatten").replace(
            "‸flatten", "‸$act"
        ),
        ["`$act` = gelu", "192 × 1 × 1 → 192 × 1 × 1", "**gelu** "],
    ),
    "a section": (marked(RESNET, "outputs"), ["The names of the steps"]),
    "what is written in a block": (marked(RESNET, "args:"), ["arguments with their defaults"]),
    "the meaning of a code": (
        marked(RESNET.replace("kernel_size: 7", "kernel_size: 700"), "700"),
        ["**AS301:"],
    ),
}


@pytest.mark.parametrize("text, expected", HOVERS.values(), ids=HOVERS)
def test_hovering_says(text: str, expected: list[str]) -> None:
    found = said(text)
    assert [part for part in expected if part not in found] == []


def test_there_is_nothing_to_say_of_a_comment() -> None:
    assert said(RESNET.replace("  - flatten", "  - flatten  # in a r‸ow")) == ""


# Completion

START = "archspec: 1\nname: a\ninput: [3, 8, 8]\n"
WITH_BLOCK = (
    "vars: {width: 64}\nblocks:\n  basic:\n    args: {channels: ~, stride: 1}\n    layers:\n"
)


def completed(text: str, path: Path | None = None) -> Completion:
    plain, line, column = place_of(text)
    file = path or Path("net.yaml")
    return complete(Source(str(file), plain, file.parent), line, column, VOCABULARY)


def labels(text: str) -> list[str]:
    return [item.label for item in completed(text).items]


COMPLETIONS = {
    "sections that are not there": (START + "lay‸", ["layers", "blocks"], ["name", "conv"]),
    "a kind, in an item": (START + "layers:\n  - co‸\n  - relu\n", ["conv", "concat"], ["name"]),
    "a kind, in an empty item": (START + "layers:\n  - ‸\n  - relu", ["conv", "residual"], []),
    "a kind, in brackets": (START + "layers: [relu, c‸", ["conv"], []),
    "a kind, in a branch": (
        START + "layers:\n  - multiply: {branches: [[], [glo‸",
        ["global_avg_pool"],
        ["branches"],
    ),
    "a kind, in a structure": (
        START + "layers:\n  - residual:\n      layers:\n        - ‸",
        ["conv"],
        [],
    ),
    "a block": (START + WITH_BLOCK + "      - relu\nlayers:\n  - ba‸", ["basic", "batch_norm"], []),
    "no block in itself": (START + WITH_BLOCK + "      - ‸", ["conv"], ["basic"]),
    "fields, in an open brace": (START + "layers:\n  - conv: {‸", ["kernel_size", "repeat"], []),
    "fields that are not there": (
        START + "layers:\n  - conv: {kernel_size: 3, ‸}\n",
        ["out_channels"],
        ["kernel_size"],
    ),
    "fields, in lines": (
        START + "layers:\n  - conv:\n      kernel_size: 3\n      ‸\n  - relu\n",
        ["out_channels", "from"],
        ["kernel_size", "conv"],
    ),
    "fields, in the first line": (START + "layers:\n  - conv:\n      ‸", ["kernel_size"], []),
    "arguments": (
        START + WITH_BLOCK + "      - relu\nlayers:\n  - basic: {ch‸",
        ["channels", "stride", "name"],
        ["kernel_size"],
    ),
    "padding's words": (START + "layers:\n  - conv: {padding: ‸", ["same", "valid"], ["conv"]),
    "a literal's words": (
        START + "layers:\n  - conv: {padding_mode: r‸, bias: false}",
        ["reflect", "replicate"],
        ["true"],
    ),
    "true and false": (START + "layers:\n  - conv: {bias: ‸", ["true", "false"], []),
    "a main field's words": (START + "layers:\n  - gelu: ‸", ["tanh", "none"], ["approximate"]),
    "a shortcut's words": (
        START + "layers:\n  - residual:\n      layers: []\n      shortcut: ‸",
        ["projection", "if_same_shape"],
        [],
    ),
    "variables": (START + "vars: {a: 1}\nlayers:\n  - fc: $‸", ["$a", "$in"], ["$index"]),
    "arguments as variables": (
        START + WITH_BLOCK + "      - conv: {out_channels: $ch‸",
        ["$channels", "$stride", "$width"],
        [],
    ),
    "a repeat's counts": (
        START + "layers:\n  - conv: {repeat: 3, stride: 2 if $‸",
        ["$index", "$first"],
        [],
    ),
    "the names of values": (
        START + "layers:\n  - conv: {name: stem}\n  - relu\n  - add: {from: [previous, ‸",
        ["stem", "relu1", "previous", "input"],
        ["add1", "conv"],
    ),
    "the values that weights are shared with": (
        START + "layers:\n  - conv: {name: a}\n  - conv: {shares: ‸",
        ["a"],
        ["previous"],
    ),
    "the value whose size is taken": (
        START + "layers:\n  - conv: {name: a}\n  - upsample: {like: ‸",
        ["a"],
        ["nearest"],
    ),
    "outputs": (
        START + "outputs: [‸\nlayers:\n  - conv: {name: a}\n  - relu\n",
        ["a", "relu1"],
        [],
    ),
    "what is written of a block": (START + "blocks:\n  b:\n    ‸", ["args", "inline"], ["conv"]),
    "expectations": (START + "expect: {params: 3, ‸", ["macs"], ["params"]),
    "preprocessing": (START + "preprocess:\n  re‸", ["resize"], []),
    "preprocessing's words": (START + "preprocess: {channels: ‸", ["rgb", "gray"], []),
    "networks of the zoo": (START + "extends: ‸", ["resnet50"], ["conv"]),
}


@pytest.mark.parametrize("text, there, not_there", COMPLETIONS.values(), ids=COMPLETIONS)
def test_completion_offers(text: str, there: list[str], not_there: list[str]) -> None:
    found = labels(text)
    assert [label for label in there if label not in found] == []
    assert [label for label in not_there if label in found] == []


NOTHING = {
    "a comment": "  # co‸",
    "a comment behind a step": "layers:\n  - relu  # c‸",
    "a name": "layers:\n  - relu: {name: r‸",
    "a description": "description: a c‸",
    "a block's name": "blocks:\n  ‸",
    "an argument's name": "blocks:\n  b: {args: {c‸",
}


@pytest.mark.parametrize("text", NOTHING.values(), ids=NOTHING)
def test_completion_has_nothing_to_offer_in(text: str) -> None:
    assert labels(START + text) == []


def inserted(text: str, label: str) -> str:
    return next(item.insert for item in completed(text).items if item.label == label)


def test_what_a_step_needs_is_there_to_be_filled_in() -> None:
    item = START + WITH_BLOCK + "      - relu\nlayers:\n  - ‸"
    assert inserted(item, "conv") == "conv: {out_channels: $1, kernel_size: $2}"
    assert inserted(item, "fc") == "fc: $1"
    assert inserted(item, "relu") == "relu"
    assert inserted(item, "basic") == "basic: {channels: $1}"
    assert inserted(item, "residual") == "residual:\n    layers:\n      - $0"
    assert inserted(START + "layers: [‸", "residual") == "residual: [$1]"
    assert inserted(START + "layers:\n  ‸", "conv").startswith("- conv: {")


def test_a_key_that_has_its_colon_gets_no_other() -> None:
    assert inserted(START + "layers:\n  - conv: {ker‸", "kernel_size") == "kernel_size: "
    assert inserted(START + "layers:\n  - conv: {ker‸: 3}", "kernel_size") == "kernel_size"
    assert inserted(START + "layers:\n  - co‸: {kernel_size: 3}", "conv") == ""


def test_completion_replaces_the_word_at_the_cursor() -> None:
    assert completed(START + "layers:\n  - fc: $wi‸dth * 2").span[:4] == (5, 9, 5, 15)
    assert completed(START + "extends: base.y‸").span[:4] == (4, 10, 4, 16)


def test_files_beside_and_their_blocks_are_offered(tmp_path: Path) -> None:
    (tmp_path / "blocks.yaml").write_text(
        "archspec: 1\nblocks: {a: {layers: []}, b: {layers: []}}\n"
    )
    net = tmp_path / "net.yaml"
    files = completed("archspec: 1\nextends: ‸", net).items
    assert [item.label for item in files if not item.detail] == ["blocks.yaml"]
    blocks = completed("archspec: 1\nimports: {blocks.yaml: [a, ‸", net).items
    assert [item.label for item in blocks] == ["b"]


def test_blocks_and_variables_of_other_files_are_offered(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(RESNET, "utf-8")
    plain, line, column = place_of("archspec: 1\nname: b\nextends: base.yaml\nlayers:\n  - ‸")
    path = str(tmp_path / "net.yaml")
    known = analysed(plain, path)
    found = complete(Source(path, plain, tmp_path), line, column, VOCABULARY, known).items
    assert {"basic", "$width"} <= {item.label for item in found}


def test_an_empty_text_can_become_a_spec() -> None:
    for text, is_offered in (
        ("", True),
        ("arch", True),
        ("# a\n", True),
        ("version: 3\nar", False),
    ):
        lines = text.split("\n")
        found = begin(Source("a.yaml", text, Path()), len(lines), len(lines[-1]) + 1)
        assert bool(found.items) is is_offered


# Definitions and references


def defined(text: str) -> str:
    """The text at the place that the word at the cursor means, with its line."""
    plain, line, column = place_of(text)
    found = definition(analysed(plain), line, column)
    return "" if found is None else f"{found.line}: {text_at(found)}"


DEFINITIONS = {
    "a block": (marked(RESNET, "basic: {name", 1), "6: basic"),
    "an argument in an expression": (marked(RESNET, "channels, kernel"), "7: channels"),
    "an argument where it is given": (marked(RESNET, "channels: $width * 2"), "7: channels"),
    "a variable": (marked(RESNET, "width, kernel"), "3: width"),
    "a value in `from`": (marked(RESNET, "stem]}"), "16: stem"),
    "a value in `like`": (marked(RESNET, "stem}"), "16: stem"),
    "an unnamed step": (marked(RESNET, "fc1]"), "23: fc"),
    "itself": (marked(RESNET, "basic:"), "6: basic"),
    "archspec's own variable": (RESNET.replace("$width * 2", "$i‸n * 2"), ""),
    "`previous`": (marked(RESNET, "previous"), ""),
}


@pytest.mark.parametrize("text, expected", DEFINITIONS.values(), ids=DEFINITIONS)
def test_the_definition_is_found_of(text: str, expected: str) -> None:
    assert defined(text) == expected


def test_a_name_means_the_step_of_its_own_scope() -> None:
    text = """\
archspec: 1
name: a
input: [3, 8, 8]
blocks:
  b:
    layers:
      - relu: {name: one}
      - add: {from: [previous, o‸ne]}
layers:
  - tanh: {name: one}
  - b
"""
    assert defined(text) == "7: one"
    assert defined(text.replace("relu: {name: one}", "relu")) == "10: one"


def test_definitions_are_found_while_the_text_is_broken() -> None:
    assert defined(marked(RESNET, "stem]}") + "\n  - conv: {") == "16: stem"


def test_definitions_in_other_files_are_found(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(RESNET, "utf-8")
    text = "archspec: 1\nname: b\nimports: {base.yaml: [basic]}\nvars: {n: 3}\ninput: [3, 8, 8]\n"
    analysis = analysed(text + "layers:\n  - basic: {channels: $n}\n", str(tmp_path / "b.yaml"))
    block = definition(analysis, 7, 7)
    file = definition(analysis, 3, 14)
    assert block is not None and file is not None
    assert (Path(block.source.path).name, *block[:2]) == ("base.yaml", 6, 3)
    assert (Path(file.source.path).name, *file[:2]) == ("base.yaml", 1, 1)
    inherited = analysed(
        "archspec: 1\nname: b\nextends: base.yaml\nexpect: {output: [$width]}\n",
        str(tmp_path / "c.yaml"),
    )
    variable = definition(inherited, 4, 21)
    assert variable is not None
    assert variable[:2] == (3, 8)


def test_references_are_every_place_of_a_name() -> None:
    plain, line, column = place_of(marked(RESNET, "stem]}"))
    analysis = analysed(plain)
    assert [span.line for span in references(analysis, line, column)] == [16, 19, 20]
    assert [span.line for span in references(analysis, line, column, False)] == [19, 20]


def test_the_text_at_every_name_is_that_name() -> None:
    found = list(occurrences(analysed(RESNET)))
    assert [one for one in found if text_at(one.span) != one.name] == []
    assert {one.kind for one in found} == {"block", "variable", "argument", "value"}


# Rename


def renamed(text: str, name: str) -> str:
    plain, line, column = place_of(text)
    analysis = analysed(plain)
    edits = renaming.rename(analysis, line, column, name, Documents(VOCABULARY).compiled)
    return edited(analysis.source.text, edits)


RENAMES = {
    "a block": (marked(RESNET, "basic:"), "block", [("basic", "block")]),
    "an argument": (
        marked(RESNET, "$stride"),
        "step",
        [("stride: 1}", "step: 1}"), ("$stride", "$step"), ("2, stride: 2", "2, step: 2")],
    ),
    "a variable": (marked(RESNET, "width: 64"), "w", [("width", "w")]),
    "a value": (marked(RESNET, "stem]}"), "first", [("stem", "first")]),
}


@pytest.mark.parametrize("text, name, changes", RENAMES.values(), ids=RENAMES)
def test_renaming_changes_every_place(text: str, name: str, changes: list[tuple[str, str]]) -> None:
    expected = RESNET
    for old, new in changes:
        expected = expected.replace(old, new)
    assert renamed(text, name) == expected


def test_a_name_in_quotes_keeps_them() -> None:
    text = RESNET.replace("name: stem", "name: 'stem'")
    assert "name: 'first'" in renamed(marked(text, "stem]}"), "first")


REFUSALS = {
    "a word that is no name": (marked(RESNET, "kernel_size"), "k", "rename a block"),
    "archspec's own variable": (RESNET.replace("$width * 2", "$i‸n * 2"), "k", "archspec's own"),
    "a step without a name": (marked(RESNET, "fc1]"), "head", "without a name of its own"),
    "a block, to a kind": (marked(RESNET, "basic:"), "conv", "a word of the language"),
    "a variable, to another": (marked(RESNET, "width: 64"), "channels", "already, in line 7"),
    "to what is no name": (marked(RESNET, "width: 64"), "a b", "cannot be the name"),
    "a value, to a word of Python": (marked(RESNET, "stem]}"), "class", "a word of Python"),
    "a value, to one that is taken": (marked(RESNET, "stem]}"), "layer1", "is taken"),
    "in a text that is broken": (marked(RESNET, "stem]}") + "\n - {", "a", "mend the file"),
    "a name that a text in quotes has": (
        marked(
            RESNET.replace("- flatten", "- \"'basic' if $width > 1 else 'relu'\": {channels: 4}"),
            "basic:",
        ),
        "block",
        "cannot be `block`",
    ),
}


@pytest.mark.parametrize("text, name, reason", REFUSALS.values(), ids=REFUSALS)
def test_renaming_is_refused_of(text: str, name: str, reason: str) -> None:
    with pytest.raises(renaming.RenameError, match=reason):
        renamed(text, name)


def test_a_name_that_another_file_takes_is_not_changed(tmp_path: Path) -> None:
    base, other = tmp_path / "base.yaml", tmp_path / "other.yaml"
    base.write_text(RESNET, "utf-8")
    other.write_text("archspec: 1\nname: b\nextends: base.yaml\nvars: {width: 8}\n", "utf-8")
    analysis = analysed(RESNET, str(base))
    near = list(renaming.sources_near(base))
    compile_text = Documents(VOCABULARY).compiled
    with pytest.raises(renaming.RenameError, match=r"spoken of in other\.yaml"):
        renaming.rename(analysis, 3, 8, "w", compile_text, near)
    # Of what the other does not speak of, it takes the new name as well as the old one.
    assert len(renaming.rename(analysis, 16, 18, "first", compile_text, near)) == 3
    with pytest.raises(renaming.RenameError, match=r"declared in .*base\.yaml"):
        taken = analysed(
            "archspec: 1\nname: b\nextends: base.yaml\nexpect: {output: [$width]}\n", str(other)
        )
        renaming.rename(taken, 4, 21, "w", compile_text)


# Symbols


def shown(found: list[Symbol], depth: int = 0) -> Iterator[str]:
    for symbol in found:
        yield "  " * depth + f"{symbol.name} {symbol.detail}".strip()
        yield from shown(symbol.inside, depth + 1)


def test_symbols_are_the_sections_with_their_blocks_and_steps() -> None:
    assert list(shown(symbols(analysed(RESNET))))[2:12] == [
        "vars",
        "  width 64",
        "input",
        "blocks",
        "  basic",
        "    residual1 residual → 128 × 56 × 56",
        "      conv1 conv → 128 × 56 × 56",
        "      batch_norm1 batch_norm → 128 × 56 × 56",
        "    act relu → 128 × 56 × 56",
        "layers",
    ]


# Diagnostics


def test_an_error_in_another_file_is_told_where_it_is_taken_from(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(RESNET.replace("kernel_size: 3", "kernel_size: 300"), "utf-8")
    text = "archspec: 1\nname: b\nimports: {base.yaml: [basic]}\ninput: [3, 8, 8]\n"
    path = tmp_path / "b.yaml"
    analysis = analysed(text + "layers:\n  - basic: {channels: 4}\n", str(path))
    found = by_file(analysis)
    (there,), (here, *_) = found[base.resolve()], found[path.resolve()]
    assert there.code == here.code == "AS301"
    assert here.span[:2] == (6, 5)  # the block's call
    assert here.message == f"{there.message} (in base.yaml, line 11)"
    assert here.labels[0].span == there.span


def test_an_error_of_another_file_alone_is_told_at_its_name(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(RESNET.replace("fc: 10", "fx: 10"), "utf-8")
    text = "archspec: 1\nname: b\nextends: base.yaml\n"
    path = tmp_path / "b.yaml"
    here = by_file(analysed(text, str(path)))[path.resolve()]
    assert [(one.code, one.span[:4]) for one in here][:1] == [("AS202", (3, 10, 3, 19))]


def test_a_file_of_blocks_needs_no_network() -> None:
    text = "archspec: 1\nblocks:\n  b:\n    args: {n: ~}\n    layers:\n      - fc: $n\n"
    assert analysed(text).diagnostics == ()
    (error,) = analysed(text.replace("fc", "fx")).diagnostics
    assert error.code == "AS202"
    missing = analysed(text + "input: [3]\n").diagnostics
    assert {one.code for one in missing} == {"AS204"}


def test_a_certain_mend_is_offered_for_its_lines() -> None:
    analysis = analysed(RESNET.replace("kernel_size: 7", "kernal_size: 7"))
    mends = [fix for _, fix in fixes(analysis, 16, 16)]
    assert [fix.edits for fix in mends][:1] == [
        (Edit(mends[0].edits[0].span, "kernel_size"),),
    ]
    assert edited(analysis.source.text, mends[0].edits) == RESNET
    assert list(fixes(analysis, 17, 99)) == []


def test_a_warning_can_be_silenced_on_its_line() -> None:
    text = START + "vars: {a: 1, b: 2}\nlayers:\n  - relu\n"
    analysis = analysed(text)
    (_, first), (_, second) = fixes(analysis, 4, 4)
    once = edited(analysis.source.text, first.edits)
    assert once.split("\n")[3] == "vars: {a: 1, b: 2}  # archspec: ignore[AS705]"
    assert analysed(once).diagnostics == ()
    assert first.title == "silence AS705 on this line"
    assert second.title == first.title


def test_a_comment_that_silences_one_warning_takes_another() -> None:
    text = START + "layers:\n  - conv: {kernel_size: 1, out_channels: 4, stride: 2, padding: 1}\n"
    analysis = analysed(text)
    codes = [diagnostic.code for diagnostic, _ in fixes(analysis, 5, 5)]
    assert len(codes) == 2
    for _ in codes:
        fix = next(fix for _, fix in fixes(analysis, 5, 5))
        analysis = analysed(edited(analysis.source.text, fix.edits))
    assert analysis.diagnostics == ()
    assert analysis.source.text.count("ignore[") == 1


def test_a_comment_for_the_whole_file_does_not_take_the_code_of_a_line() -> None:
    text = START + "layers:\n  - conv: {kernel_size: 1, out_channels: 4, stride: 2, padding: 1}"
    analysis = analysed(f"{text}  # archspec: ignore-file[AS702]\n")
    ((_, fix),) = fixes(analysis, 5, 5)
    after = analysed(edited(analysis.source.text, fix.edits))
    assert after.diagnostics == ()
    assert after.source.text.endswith("ignore-file[AS702]  # archspec: ignore[AS703]\n")
