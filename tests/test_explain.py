"""The catalogue of codes: every example does what it says, and the document is made of them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from archspec.cli import main
from archspec.diagnostics import CODES, Severity
from archspec.diagnostics.catalogue import (
    COMMAND,
    FOLDER,
    SECTIONS,
    blocks,
    document,
    page,
)
from archspec.diagnostics.diagnostic import MOST_ERRORS
from archspec.document.model import MOST_STEPS
from archspec.elaborate.walk import DEEPEST as DEEPEST_BLOCKS
from archspec.source import DEEPEST, LARGEST_FILE, MOST_VALUES

ROOT = Path(__file__).parent.parent
_SAID = re.compile(r"^(?:error|warning)\[(AS\d{3})\]: .*\n *--> (.+):(\d+):\d+$", re.MULTILINE)
_CONCISE = re.compile(r"^(.+):(\d+):\d+: (AS\d{3}) (?:error|warning): ", re.MULTILINE)

Said = tuple[str, str, int]
"""A code, a file, and a line."""


def _run(
    example: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[Said], str]:
    """The status of the last of an example's commands, what they said, and how.

    Its files are written first, and programs in Python run. What begins with `archspec` runs here.
    """
    monkeypatch.chdir(folder)
    parts = blocks(example)
    for block in parts:
        if block.language != "sh":
            Path(block.title).write_text(block.text, "utf-8")
    commands = [
        line for block in parts if block.language == "sh" for line in block.text.split("\n")
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    status, said = 0, ""
    for command in filter(None, commands or [COMMAND]):
        program, *arguments = shlex.split(command)
        if program == "archspec":
            status = main(arguments)
            out, err = capsys.readouterr()
            said += err + (out if "concise" in arguments else "")
        else:
            subprocess.run(command, shell=True, check=True, env=os.environ | {"PATH": path})
    found = [(code, path, int(line)) for code, path, line in _SAID.findall(said)]
    found += [(code, path, int(line)) for path, line, code in _CONCISE.findall(said)]
    return status, found, said


@pytest.mark.parametrize("code", CODES)
def test_the_wrong_example_gives_its_code_and_no_other(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = page(code).wrong
    status, said, text = _run(wrong, tmp_path, monkeypatch, capsys)
    codes = {found for found, _, _ in said}
    # That there are too many errors is said beside them.
    assert codes == {code} or (code == "AS503" and code in codes), text
    assert status == (1 if CODES[code].severity is Severity.ERROR else 0)
    # A comment stands in the line that is to blame.
    texts = {block.title: block.text for block in blocks(wrong) if block.language == "yaml"}
    if any("  # " in spec for spec in texts.values()):
        _, path, line = said[0]
        assert "  # " in texts[path].splitlines()[line - 1], text


@pytest.mark.parametrize("code", CODES)
def test_the_right_example_has_nothing_wrong(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said, text = _run(page(code).right, tmp_path, monkeypatch, capsys)
    assert (status, said, text) == (0, [], "")


@pytest.mark.parametrize("code", CODES)
def test_a_page_has_the_form_of_the_others(code: str) -> None:
    found = page(code)
    assert found.text == (FOLDER / f"{code}.md").read_text("utf-8")
    assert found.title == CODES[code].title
    for example in (found.wrong, found.right):
        assert blocks(example)
        assert example.count("```") == 2 * len(blocks(example)), "a block of another form"
        for block in blocks(example):
            assert block.language in ("yaml", "sh", "python", "text")
            assert (block.language == "sh") == (not block.title)
    assert max(map(len, found.text.splitlines())) <= 100


def test_every_page_is_a_code_s() -> None:
    assert {path.stem for path in FOLDER.glob("*")} == set(CODES)


# What was published stays


def test_codes_are_what_they_were_when_they_were_published() -> None:
    """A row is added with a new code, and none is ever changed."""
    published = (ROOT / "tests" / "data" / "codes.txt").read_text("utf-8").splitlines()
    assert [
        f"{code} {entry.severity.value}: {entry.title}" for code, entry in CODES.items()
    ] == published


def test_the_document_is_made_of_the_pages() -> None:
    """`make docs` writes it anew."""
    assert (ROOT / "docs" / "diagnostics.md").read_text("utf-8") == document()


def test_a_page_of_another_form_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archspec.diagnostics.catalogue.FOLDER", tmp_path)
    good = "# AS301: a title\n\n" + "".join(f"## {name}\n\ntext\n" for name in SECTIONS)
    for page_text in (
        good.replace("## Wrong", "## Bad"),
        good.replace("AS301", "AS302"),
        good.replace("## Right\n\ntext\n", ""),
        good + "## More\n\ntext\n",
        good.replace("## Right\n\ntext", "## Right\n"),
    ):
        (tmp_path / "AS301.md").write_text(page_text)
        with pytest.raises(ValueError, match=r"AS301\.md"):
            page("AS301")
    (tmp_path / "AS301.md").write_text(good)
    assert page("AS301").title == "a title"


# The command


def test_explain_prints_what_a_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "AS301"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.startswith("error AS301: a layer does not fit its input\n\n")
    found = page("AS301")
    for text in (found.means, found.matters):
        assert text in out
    for example in (found.wrong, found.right):
        (block,) = blocks(example)
        indented = "".join(f"    {line}\n" for line in block.text.splitlines())
        assert indented in out
    headings = [line for line in out.splitlines() if line in SECTIONS]
    assert headings == ["Why it matters", "Wrong", "Right"]
    assert "```" not in out and "\x1b" not in out


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_in_small_letters_too(
    code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", code.lower()]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{CODES[code].severity.value} {code}: {CODES[code].title}\n")
    assert "```" not in out and "## " not in out


def test_files_of_an_example_are_named_and_commands_have_a_dollar(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explain", "as602"]) == 0
    out = capsys.readouterr().out
    assert "\n    weights.py:\n" in out
    assert "\n    $ python weights.py\n    $ archspec build net.yaml " in out


def test_several_codes_are_explained_in_their_order_and_each_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explain", "AS402", "as101", "AS402"]) == 0
    out = capsys.readouterr().out
    assert re.findall(r"^error (AS\d+):", out, re.MULTILINE) == ["AS402", "AS101"]


def test_sentences_are_broken_to_the_width_of_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    assert main(["explain", "AS301"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if not line.startswith("    ")) <= 50
    assert "A layer cannot do its work on the value that comes" in lines


def test_colour_is_for_those_who_ask(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "AS602", "--color", "always"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("\x1b[1merror AS602: ") and "\x1b[1mWrong\x1b[0m" in out


def test_the_list_has_every_code_with_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--list"]) == 0
    rows = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert rows == [[code, entry.severity.value, entry.title] for code, entry in CODES.items()]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("AS3011", "AS301 (a layer does not fit its input)"),
        ("padding", "--list"),
        ("\x1b[2J", "--list"),
    ],
)
def test_an_unknown_code_has_status_2_and_a_way_out(
    code: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "AS301", code]) == 2
    out, err = capsys.readouterr()
    assert out == "" and says in err and err.count("\n") == 1 and "\x1b" not in err


def test_explain_without_a_code_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["explain"])
    assert caught.value.code == 2
    assert "--list" in capsys.readouterr().err


def test_the_limits_that_pages_speak_of_are_those_there_are() -> None:
    for code, limit in (
        ("AS003", f"{LARGEST_FILE // 2**20} MiB"),
        ("AS103", f"{DEEPEST} levels"),
        ("AS104", f"{MOST_VALUES:,} values"),
        ("AS501", f"{MOST_STEPS:,} steps"),
        ("AS502", f"{DEEPEST_BLOCKS} levels"),
        ("AS503", f"{MOST_ERRORS:,} errors"),
    ):
        assert limit in page(code).means.replace("\n", " "), code
