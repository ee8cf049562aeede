"""Comments that silence warnings, and whose warnings those of several files are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archspec.cli import main
from archspec.kinds import Kind, Vocabulary
from archspec.layers.activation import Relu
from archspec.pipeline import compile_bytes, compile_file
from tests.specs import compiled, errors_of, unmarked

_HEAD = "archspec: 1\nname: t\ninput: [3, 8, 8]\n"
_TWICE = f"{_HEAD}layers:\n  - relu\n  - relu"  # AS709, on the last line

# Marks stand before what is warned of all the same.
CASES: dict[str, str] = {
    # What silences
    "a line": f"{_TWICE}  # archspec: ignore[AS709]\n",
    "a line, with a reason": f"{_TWICE} # archspec: ignore[AS709] as published\n",
    "a line, behind another comment": f"{_TWICE} # the last # archspec: ignore[AS709]\n",
    "a line, without a space": f"{_TWICE} #archspec: ignore[ AS709 ]\n",
    "the end of the file": f"{_TWICE}  # archspec: ignore[AS709]",
    "lines that end as on Windows": f"{_TWICE}  # archspec: ignore[AS709]\n".replace("\n", "\r\n"),
    "a line with quotes": f'{_HEAD}references: [it\'s "so", \'a # b\', "c # \\" d"]  '
    "# archspec: ignore-file[AS709]\nlayers: [relu, relu]\n",
    "two codes on a line": f"{_HEAD}layers:\n  - conv: {{out_channels: 1, kernel_size: 1, "
    "stride: 2, padding: 1}  # archspec: ignore[AS702, AS703]\n",
    "two comments on a line": f"{_HEAD}layers:\n  - conv: {{out_channels: 1, kernel_size: 1, "
    "stride: 2, padding: 1}  # archspec: ignore-file[AS702]  # archspec: ignore[AS703]\n",
    "one code of two": f"{_HEAD}layers:\n  - conv: {{out_channels: 1, kernel_size: 1, stride: "
    "«AS703»2, padding: 1}  # archspec: ignore[AS702]\n",
    "a line whose quotes are not at the beginning": f"{_HEAD}description: a'' \"b\n"
    "layers: [relu, relu]  # archspec: ignore[AS709]\n",
    "the line of the value, not of its step": f"{_HEAD}layers:\n  - conv:\n      out_channels: 1\n"
    "      kernel_size: 1\n      stride: 2  # archspec: ignore[AS703]\n",
    "the file": f"{_TWICE}\n  - relu\n# archspec: ignore-file[AS709]\n",
    "the file, before all": f"# archspec: ignore-file[AS709]\n{_TWICE}\n",
    "the file and the line": f"{_TWICE} # archspec: ignore[AS709]\n"
    "# archspec: ignore-file[AS709]\n",
    "a warning of YAML": f"{_HEAD}layers: [flatten, fc: 010]  # archspec: ignore[AS121]\n",
    # What does not
    "another line": f"{_HEAD}layers:\n  - relu  # archspec: ignore[«AS713»AS709]\n"
    "  - «AS709»relu\n",
    "a line of its own": f"{_HEAD}layers:\n  - relu\n  # archspec: ignore[«AS713»AS709]\n"
    "  - «AS709»relu\n",
    "another code": f"{_HEAD}layers:\n  - relu\n"
    "  - «AS709»relu  # archspec: ignore[«AS713»AS701]\n",
    "another code for the file": f"# archspec: ignore-file[«AS713»AS701]\n{_HEAD}layers: [relu]\n",
    "no code": f"{_HEAD}layers: [relu]  «AS713»# archspec: ignore\n",
    "an empty list of codes": f"{_HEAD}layers: [relu]  «AS713»# archspec: ignore-file[ ]\n",
    "an unknown code": f"{_HEAD}layers: [relu]  # archspec: ignore[«AS713»AS999]\n",
    "the code of an error": f"{_HEAD}layers: [relu]  # archspec: ignore[«AS713»AS301]\n",
    "two useless codes": f"{_HEAD}layers: [relu]  # archspec: ignore[«AS713»AS701, «AS713»AS702]\n",
    "its own code": f"{_HEAD}layers: [relu]  # archspec: ignore[AS701, AS713]\n",
    "its own code for the file": f"# archspec: ignore-file[AS713]\n{_HEAD}layers: [relu]  "
    "# archspec: ignore[AS701]\n",
    "no comment, but a text": f'{_HEAD}description: "write # archspec: ignore[AS709] there"\n'
    "layers: [relu, «AS709»relu]\n",
    "no comment, but a text in single quotes": f"{_HEAD}description: 'it''s # archspec: ignore'\n"
    "layers: [relu, «AS709»relu]\n",
    "no comment, but the first line of a text": f'{_HEAD}description: "a # archspec: ignore\n  b"\n'
    "layers: [relu, «AS709»relu]\n",
    "no comment, but a word": f'{_HEAD}references: ["a#archspec: ignore[AS1]"]\n'
    "layers: [relu, «AS709»relu]\n",
    "another word": f"{_HEAD}layers: [relu, «AS709»relu]  # archspec: ignored[AS709]\n",
}


@pytest.mark.parametrize("case", CASES)
def test_a_comment_silences_what_it_names_where_it_stands(case: str) -> None:
    text, places = unmarked(CASES[case])
    found = compiled(text)
    assert not errors_of(found)
    assert [(d.code, d.span.line, d.span.column) for d in found.diagnostics] == places


def test_what_silences_nothing_says_why() -> None:
    def told(comment: str) -> tuple[str, str]:
        (found,) = compiled(f"{_HEAD}layers: [relu]\n{comment}\n").diagnostics
        return found.message, found.help

    assert told("# archspec: ignore-file[AS701]") == (
        "this silences nothing: there is no AS701 in this file",
        "remove it",
    )
    assert told("# archspec: ignore[AS701]") == (
        "this silences no AS701: it speaks of its own line",
        "put it at the end of the line that it is about, or write `ignore-file`",
    )
    assert told("# archspec: ignore-file[AS301]") == (
        "AS301 is an error (a layer does not fit its input), and cannot be silenced",
        "remove it",
    )
    assert told("# archspec: ignore-file[as701]") == (
        "there is no code `as701`",
        "did you mean `AS701`?",
    )
    assert told("# archspec: ignore-file") == (
        "`ignore-file` silences nothing without a code",
        "say which: `ignore-file[AS701]`",
    )


def test_an_error_cannot_be_silenced_and_leaves_no_warning() -> None:
    text = f"# archspec: ignore-file[AS202, AS999]\n{_HEAD}vars: {{a: 1}}\n"
    found = compiled(f"{text}layers: [relu, relu, rleu]  # archspec: ignore[AS202]\n")
    assert [d.code for d in found.diagnostics] == ["AS202"]
    unmet = f"{_HEAD}vars: {{a: 1}}\nlayers: [relu, relu]\nexpect: {{params: 3}}\n"
    assert [d.code for d in compiled(unmet).diagnostics] == ["AS306"]


def test_a_warning_that_comes_with_an_error_is_silenced_too() -> None:
    text = f"{_HEAD}layers: [flatten, fc: 010, conv: 3]"
    assert [d.code for d in compiled(text).diagnostics] == ["AS121", "AS204"]
    silenced = compiled(f"{text}  # archspec: ignore[AS121]\n")
    assert [d.code for d in silenced.diagnostics] == ["AS204"]
    unreadable = compiled(f"{_HEAD}a: no  # archspec: ignore[AS121]\nlayers: [relu\n")
    assert [d.code for d in unreadable.diagnostics] == ["AS101"]


def test_a_comment_for_other_values_of_the_variables_is_needed() -> None:
    text = f"{_HEAD}vars: {{s: 2}}\nlayers:\n"
    text += "  - conv: {out_channels: 1, kernel_size: 1, stride: $s}  # archspec: ignore[AS703]\n"
    assert not compiled(text).diagnostics
    assert not compiled(text, s=1).diagnostics
    assert [d.code for d in compiled(text.replace("s: 2", "s: 1")).diagnostics] == ["AS713"]


def test_a_long_line_of_quotes_is_read_at_once() -> None:
    """A pattern that tried every way to pair them would never end."""
    for piece in ('a"b ', '"a" ', "'a' ", "''", "a 'b ", '"', "\\"):
        text = f"{_HEAD}description: |\n  {piece * 5000}# archspec: ignore[AS701]\nlayers: [relu]\n"
        assert compiled(text).ok


def test_of_a_great_many_useless_comments_some_are_told() -> None:
    codes = ", ".join(f"AS{number}" for number in range(20_000, 60_000))
    found = compiled(f"# archspec: ignore-file[{codes}]\n{_HEAD}layers: [relu]\n").diagnostics
    assert {d.code for d in found} == {"AS713"} and 10 < len(found) < 1000


def test_every_form_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(f"{_TWICE}  # archspec: ignore[AS709]\n  - relu\n")
    assert main(["check", str(path), "--format", "json"]) == 0
    out, _ = capsys.readouterr()
    (one,) = json.loads(out)["specs"]
    assert [(d["code"], d["line"]) for d in one["diagnostics"]] == [("AS709", 7)]
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().err.count("warning[") == 1


# Several files

_BASE = """
archspec: 1
name: base
vars: {width: 4, stride: 1, unused: 1}   # archspec: ignore[AS705]
input: [3, 8, 8]
blocks:
  unit: {layers: [conv: {out_channels: $width, kernel_size: 1, stride: $stride}]}
  other: {layers: [relu]}   # archspec: ignore[AS706]
layers:
  - unit
  - relu
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the files given by name, and give the first one's path."""

    def files(**texts: str) -> Path:
        for name, text in texts.items():
            (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
        return tmp_path / f"{next(iter(texts))}.yaml"

    return files


def _found(path: Path, **variables: Any) -> list[tuple[str, str, int]]:
    found = compile_file(str(path), variables)
    assert found.ok, [d.message for d in errors_of(found)]
    return [(d.code, Path(d.span.source.path).name, d.span.line) for d in found.diagnostics]


def _derived(text: str) -> str:
    return f"archspec: 1\nname: derived\nextends: base.yaml\n{text}"


def test_a_file_is_not_blamed_for_names_that_it_takes_over(write: Write) -> None:
    assert _found(write(net=_derived("vars: {width: 5}\n"), base=_BASE)) == []
    bare = _BASE.replace("# archspec: ignore[AS705]", "").replace("# archspec: ignore[AS706]", "")
    assert _found(write(net=_derived("vars: {width: 5}\n"), base=bare)) == []
    assert [code for code, _, _ in _found(write(base=bare))] == ["AS705", "AS706"]


def test_a_file_is_blamed_for_names_of_its_own(write: Write) -> None:
    text = "vars: {more: 1}\nblocks: {mine: {layers: [relu]}}\nlayers: [unit, relu]\n"
    found = _found(write(net=_derived(text), base=_BASE))
    assert found == [("AS705", "net.yaml", 4), ("AS706", "net.yaml", 5)]


def test_a_block_that_the_other_file_calls_is_used(write: Write) -> None:
    text = "blocks: {unit: {layers: [conv: {out_channels: 2, kernel_size: 3}]}}\n"
    assert _found(write(net=_derived(text), base=_BASE)) == []


def test_a_warning_is_reported_where_it_arises_and_silenced_there_or_for_the_whole(
    write: Write,
) -> None:
    setting = "vars: {stride: 2}\n"
    assert _found(write(net=_derived(setting), base=_BASE)) == [("AS703", "base.yaml", 7)]
    there = _BASE.replace("$stride}]}", "$stride}]}   # archspec: ignore[AS703]")
    assert _found(write(net=_derived(setting), base=there)) == []
    whole = f"# archspec: ignore-file[AS703]\n{_BASE}"
    assert _found(write(net=_derived(setting), base=whole)) == []
    here = f"{setting}# archspec: ignore-file[AS703]\n"
    assert _found(write(net=_derived(here), base=_BASE)) == []


def test_a_comment_of_another_file_speaks_of_that_file_alone(write: Write) -> None:
    base = f"# archspec: ignore-file[AS705, AS709]\n{_BASE}"
    text = "vars: {more: 1}\nlayers: [unit, relu, relu]\n"
    found = _found(write(net=_derived(text), base=base))
    assert found == [("AS705", "net.yaml", 4), ("AS709", "net.yaml", 5)]


def test_an_import_that_nothing_calls_is_told_and_the_other_file_s_blocks_are_not(
    write: Write,
) -> None:
    text = f"{_HEAD}imports:\n  base.yaml:\n    - unit\n    - other\n"
    assert _found(write(net=f"{text}layers: [unit]\n", base=_BASE)) == [("AS706", "net.yaml", 7)]
    one = text.replace("\n    - unit\n    - other", " unit")
    assert _found(write(net=f"{one}layers: [relu]\n", base=_BASE)) == [("AS706", "net.yaml", 5)]
    given = f"{text}blocks: {{run: {{args: {{b: ~}}, layers: [$b]}}}}\n"
    given += "layers: [unit, run: {b: other}]\n"
    assert _found(write(net=given, base=_BASE)) == []


def test_a_block_that_is_given_to_an_imported_one_is_used(write: Write) -> None:
    library = "archspec: 1\nblocks: {run: {args: {b: ~, c: 1}, layers: [$b: {c: $c}]}}\n"
    text = f"{_HEAD}imports: {{library.yaml: run}}\n"
    text += "blocks: {mine: {args: {c: 2}, layers: [relu]}}\nlayers: [run: {b: mine}]\n"
    assert _found(write(net=text, library=library)) == []


def test_a_block_that_hides_a_kind_from_outside_is_told() -> None:
    class Snake(Relu):
        kind = "snake"

    text = f"{_HEAD}blocks:\n  snake: {{layers: [relu]}}\nlayers: [snake]\n"
    outside = Vocabulary([Kind(Snake)])
    found = compile_bytes("test.yaml", text.encode(), {}, outside)
    assert [(d.code, d.span[:2]) for d in found.diagnostics] == [("AS712", (5, 3))]
    assert not compiled(text).diagnostics


@pytest.mark.parametrize("example", ("two_towers", "unet_any_size", "snake/snake"))
def test_an_example_has_nothing_to_warn_of(
    example: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of the zoo are held to it in test_zoo.py."""
    folder = Path(__file__).parent.parent / "examples"
    assert main(["check", f"{folder / example}.yaml", "--kinds", f"{folder}/snake/snake.py"]) == 0
    assert capsys.readouterr().err == ""
