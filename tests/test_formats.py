"""The formats of `check`, and what counts as an error: what programs read."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest

from archspec.cli import main
from archspec.diagnostics import CODES, Diagnostic, Edit, Fix, Label, Severity, Source, Span
from archspec.diagnostics.render import concise, github, sarif
from archspec.diagnostics.render import json as render_json
from tests.specs import compiled, spec, unmarked
from tests.test_check import run
from tests.test_diagnostics import BROKEN

SCHEMA = json.loads(
    (Path(__file__).parent / "data" / "sarif" / "sarif-schema-2.1.0.json").read_text("utf-8")
)

BAD = spec("- relu\n- fc: 3\n- rel")
WARNED = spec("- flatten\n- fc: 010")
BOTH = spec("- flatten\n- fc: 010\n- rel")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with specs that are good, bad, warned of, and both."""
    monkeypatch.chdir(tmp_path)
    for name, text in {"bad": BAD, "warned": WARNED, "both": BOTH, "good": spec("- relu")}.items():
        Path(f"{name}.yaml").write_text(text)
    return tmp_path


Ran = tuple[int, str, str]
"""A status, and what went to standard output and to standard error."""


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ran:
    status = main(["check", *arguments])
    return status, *capsys.readouterr()


def _diagnostic(path: str = "net.yaml", text: str = "archspec: 1\nname: t\n") -> Diagnostic:
    source = Source(path, text, Path())
    span = Span(2, 7, 2, 8, source)
    return Diagnostic("AS205", "a: 100% wrong, here", span, "mend\nit")


# Which warnings count, and as what


@pytest.mark.parametrize("form", ["text", "concise", "json", "github", "sarif"])
def test_strict_makes_a_warning_an_error_in_every_format(
    here: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = check(capsys, "warned.yaml", "--format", form)
    assert status == 0 and "warning" in out + err
    status, out, err = check(capsys, "warned.yaml", "--strict", "--format", form)
    said = re.sub(r'"defaultConfiguration": \{\s*"level": "warning"', "", out + err)
    assert status == 1 and "error" in said
    assert "warning" not in said.replace("more about it", "")


def test_strict_is_seen_by_ok_and_leaves_the_totals(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = check(capsys, "warned.yaml", "--strict", "--format", "json")
    (one,) = json.loads(out)["specs"]
    assert one["ok"] is False and one["totals"]["params"] == 1930
    assert [d["severity"] for d in one["diagnostics"]] == ["error"]


@pytest.mark.parametrize("form", ["text", "concise", "json", "github", "sarif"])
@pytest.mark.parametrize("written", [["AS121"], ["as121"], ["AS121,"], [" AS121 , AS121"]])
def test_an_ignored_warning_is_in_no_format(
    here: Path, form: str, written: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for strict in ([], ["--strict"]):
        options = ["--ignore", *written, *strict]
        status, out, err = check(capsys, "warned.yaml", "--format", form, *options)
        assert status == 0 and "AS121" not in out + err


def test_ignoring_a_warning_leaves_errors(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = check(capsys, "both.yaml", "--ignore", "AS121", "--format", "concise")
    assert status == 1 and re.findall(r"AS\d+", out) == ["AS202"]


@pytest.mark.parametrize(
    ("codes", "says"),
    [
        ("AS301", "AS301 (a layer does not fit its input) is an error"),
        ("AS121,AS202", "AS202 (unknown kind or block) is an error"),
        ("AS1211", "did you mean AS121 (YAML 1.1 reads this value differently)?"),
        ("everything", "there is no code `EVERYTHING`"),
        ("", "names no code"),
        (",", "names no code"),
    ],
)
@pytest.mark.parametrize("command", [["check"], ["build", "--export", "onnx"]])
def test_only_warnings_can_be_ignored(
    here: Path, command: list[str], codes: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command, "warned.yaml", "--ignore", codes])
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and says in err


def test_build_refuses_a_strict_spec_with_a_warning(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = ["build", "warned.yaml", "--export", "onnx", "-o", "out.onnx"]
    assert main([*build, "--strict"]) == 1
    assert "error[AS121]" in capsys.readouterr().err and not Path("out.onnx").exists()
    assert main([*build, "--strict", "--ignore", "AS121"]) == 0
    assert capsys.readouterr().err == "" and Path("out.onnx").exists()
    assert main(build) == 0
    assert "warning[AS121]" in capsys.readouterr().err


# Where each format goes


@pytest.mark.parametrize("form", ["concise", "github", "sarif"])
def test_what_is_wrong_alone_goes_to_standard_output(
    here: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = check(capsys, "bad.yaml", "good.yaml", "--format", form)
    assert status == 1 and err == ""
    assert "AS303" in out and "AS202" in out and "MACs" not in out


@pytest.mark.parametrize("form", ["concise", "github"])
def test_of_a_good_spec_there_is_nothing_to_say(
    here: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(capsys, "good.yaml", "--format", form) == (0, "", "")


@pytest.mark.parametrize("form", ["text", "concise", "json", "github", "sarif"])
def test_a_file_that_cannot_be_read_is_said_on_standard_error(
    here: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = check(capsys, "bad.yaml", "none.yaml", "--format", form)
    assert status == 2 and "none.yaml" in err
    assert "AS303" in out + err


@pytest.mark.parametrize("form", ["text", "concise", "github", "sarif"])
def test_what_is_wrong_with_a_file_that_two_specs_extend_is_said_once(
    here: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        Path(f"{name}.yaml").write_text(f"archspec: 1\nname: {name}\nextends: bad.yaml\n")
    _, out, err = check(capsys, "a.yaml", "b.yaml", "--format", form)
    said = {
        "text": r"^error\[(AS\d+)",
        "concise": r": (AS\d+) error",
        "github": r"title=(AS\d+)",
        "sarif": r'"ruleId": "(AS\d+)',
    }[form]
    assert re.findall(said, out + err, re.MULTILINE) == ["AS303", "AS202"]


def test_the_report_and_what_is_wrong_can_be_told_apart(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = check(capsys, "warned.yaml")
    assert status == 0 and "MACs" in out and "AS121" not in out
    assert "warning[AS121]" in err and "\n1 warning; " in err


def test_the_color_option_is_for_the_text(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = check(capsys, "bad.yaml", "--color", "always")
    assert "\x1b[1;31merror[AS303]" in err
    _, out, err = check(capsys, "bad.yaml", "--color", "always", "--format", "concise")
    assert "\x1b" not in out + err
    _, _, err = check(capsys, "bad.yaml", "--color", "never")
    assert "\x1b" not in err


def test_the_environment_forces_colour_and_forbids_it(here: Path) -> None:
    for environment, is_coloured in (({"FORCE_COLOR": "1"}, True), ({}, False)):
        done = run("check", "bad.yaml", env={"NO_COLOR": "", **environment}, cwd=here)
        assert (b"\x1b[1;31merror" in done.stderr) is is_coloured
    done = run("check", "bad.yaml", env={"NO_COLOR": "1", "FORCE_COLOR": "1"}, cwd=here)
    assert b"\x1b" not in done.stderr


def test_a_check_with_nothing_to_say_imports_no_renderer(here: Path) -> None:
    code = (
        "import sys\nfrom archspec.cli import main\nmain(['check', 'good.yaml'])\n"
        "print([m for m in sys.modules if 'render.text' in m or m == 'archspec.terminal'])"
    )
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


# Concise


def test_concise_is_a_line_each(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = check(capsys, "both.yaml", "--format", "concise")
    assert re.sub(r"(AS\d+ \w+): .*", r"\1", out) == (
        "both.yaml:6:9: AS121 warning\nboth.yaml:7:5: AS202 error\n"
    )


def test_a_concise_line_holds_no_line_end() -> None:
    diagnostic = _diagnostic("a\nb.yaml")._replace(message="one\r\ntwo\x1b\u2028")
    assert concise.document([diagnostic]).count("\n") == 1
    assert "\x1b" not in concise.render(diagnostic)


# GitHub


def test_a_github_annotation_has_its_place_and_its_title() -> None:
    assert github.render(_diagnostic()) == (
        "::error file=net.yaml,line=2,endLine=2,col=7,endColumn=8,title=AS205%3A wrong type"
        "::a: 100%25 wrong, here%0Ahelp: mend\\nit"
    )


def test_properties_of_an_annotation_are_escaped() -> None:
    command = github.render(_diagnostic("a,b:c%.yaml"))
    assert command.startswith("::error file=a%2Cb%3Ac%25.yaml,line=2")


def test_an_annotation_of_several_lines_has_no_columns() -> None:
    diagnostic = _diagnostic()
    span = diagnostic.span._replace(line=1, column=1)
    command = github.render(diagnostic._replace(span=span))
    assert command.startswith("::error file=net.yaml,line=1,endLine=2,title=")


def test_an_annotation_of_standard_input_has_no_file() -> None:
    done = run("check", "-", "--format", "github", given=BAD.encode())
    assert done.returncode == 1 and done.stderr == b""
    first, second = done.stdout.decode().splitlines()
    assert first.startswith("::error title=AS303%3A wrong rank::")
    assert second.startswith("::error title=AS202%3A unknown kind or block::")


def test_a_file_below_is_named_from_here_and_one_elsewhere_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    for path, named in (
        (str(tmp_path / "a" / "net.yaml"), "net.yaml"),
        ("./b/../net.yaml", "net.yaml"),
        ("../net.yaml", str(tmp_path / "net.yaml")),
    ):
        assert f"file={named}," in github.render(_diagnostic(path))


@pytest.mark.parametrize("title", BROKEN)
def test_every_annotation_is_one_command(title: str) -> None:
    text, places = unmarked(BROKEN[title])
    lines = github.document(compiled(text).diagnostics).splitlines()
    errors = [line for line in lines if line.startswith("::error ")]
    assert len(errors) == len(places)
    for line in lines:
        assert re.fullmatch(r"::(error|warning) [^:]*::[^\r\n]+", line)
        assert re.sub(r"%(25|0D|0A|3A|2C)", "", line).count("%") == 0


# JSON


def test_json_has_the_ends_of_labels_the_trail_and_the_fix() -> None:
    diagnostic = _diagnostic()
    label = Label(diagnostic.span, "here")
    edit = Edit(diagnostic.span, "u")
    full = diagnostic._replace(labels=(label,), trail=(label, label), fix=Fix("mend", (edit,)))
    place = {"path": "net.yaml", "line": 2, "column": 7, "end_line": 2, "end_column": 8}
    data = render_json.render(full)
    assert data == {
        "code": "AS205",
        "severity": "error",
        "message": "a: 100% wrong, here",
        "help": "mend\nit",
        **place,
        "labels": [{"message": "here", **place}],
        "trail": [{"message": "here", **place}] * 2,
        "fix": {"title": "mend", "edits": [{**place, "text": "u"}]},
    }
    assert render_json.render(diagnostic)["fix"] is None


# SARIF


def _valid(text: str) -> Any:
    """The one run of a log that fulfils the schema."""
    log = json.loads(text)
    checker = jsonschema.Draft4Validator.FORMAT_CHECKER
    jsonschema.Draft4Validator(SCHEMA, format_checker=checker).validate(log)
    assert log["version"] == "2.1.0"
    (found,) = log["runs"]
    return found


def _everything() -> Iterable[Diagnostic]:
    for title in BROKEN:
        yield from compiled(unmarked(BROKEN[title])[0]).diagnostics


def test_a_log_of_everything_fulfils_the_schema_and_its_rules_are_the_codes() -> None:
    diagnostics = list(_everything())
    found = _valid(sarif.document(diagnostics))
    rules = found["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({d.code for d in diagnostics})
    assert len(found["results"]) == len(diagnostics)
    for result, diagnostic in zip(found["results"], diagnostics, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == diagnostic.code
        assert result["level"] == diagnostic.severity.value
        (place,) = result["locations"]
        region = place["physicalLocation"]["region"]
        assert (region["startLine"], region["startColumn"]) == diagnostic.span[:2]
        assert (region["endLine"], region["endColumn"]) == diagnostic.span[2:4]
        related = result.get("relatedLocations", [])
        assert len(related) == len(diagnostic.labels) + len(diagnostic.trail)
        assert len({one["id"] for one in related}) == len(related)
        assert ("fixes" in result) == (diagnostic.fix is not None)


@pytest.mark.parametrize("code", CODES)
def test_a_rule_says_what_its_page_says(code: str) -> None:
    diagnostic = _diagnostic()._replace(code=code)
    (rule,) = _valid(sarif.document([diagnostic]))["tool"]["driver"]["rules"]
    assert rule["defaultConfiguration"]["level"] == CODES[code].severity.value
    assert re.fullmatch(r"([A-Z][A-Za-z0-9]*|[0-9]+)+", rule["name"])
    assert rule["shortDescription"]["text"].lower() == f"{CODES[code].title}.".lower()
    assert rule["help"]["markdown"].startswith(f"# {code}: ")
    assert "```yaml" in rule["help"]["markdown"] or "```sh" in rule["help"]["markdown"]
    assert "\n" not in rule["fullDescription"]["text"]


def test_a_log_of_nothing_is_a_log() -> None:
    found = _valid(sarif.document([]))
    assert found["results"] == [] and found["tool"]["driver"]["rules"] == []


def test_a_strict_warning_s_level_is_error_and_its_rule_s_is_not() -> None:
    diagnostic = _diagnostic()._replace(code="AS121", raised=True)
    found = _valid(sarif.document([diagnostic]))
    assert found["results"][0]["level"] == "error"
    assert found["tool"]["driver"]["rules"][0]["defaultConfiguration"]["level"] == "warning"


def test_columns_count_characters_and_lines_end_as_yaml_s(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.yaml").write_text(
        "archspec: 1 # 🦊\x85name: t\ninput: [3, 8, 8]\nlayers: [relu, '🦊': 1]"
    )
    _, out, _ = check(capsys, "a.yaml", "--format", "sarif")
    found = _valid(out)
    assert found["columnKind"] == "unicodeCodePoints"
    text = Path("a.yaml").read_text()
    ends = sorted(found["newlineSequences"], key=len, reverse=True)
    lines = re.split("|".join(map(re.escape, ends)), text)
    (result,) = found["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    marked = lines[region["startLine"] - 1][region["startColumn"] - 1 : region["endColumn"] - 1]
    assert (region["startLine"], marked) == (4, "'🦊'")


def test_paths_of_a_log_are_references_from_here_or_uris(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for path, uri in (
        ("net.yaml", "net.yaml"),
        ("b/c d%é#.yaml", "b/c%20d%25%C3%A9%23.yaml"),
        (str(folder / "net.yaml"), "net.yaml"),
        ("<stdin>", "%3Cstdin%3E"),
        ("a:b.yaml", "a%3Ab.yaml"),
        (os.fsdecode(b"a\xff.yaml"), "a%FF.yaml"),
    ):
        (result,) = _valid(sarif.document([_diagnostic(path)]))["results"]
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert place == {"uri": uri}
    (result,) = _valid(sarif.document([_diagnostic("../net.yaml")]))["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert unquote(uri) == f"file://{tmp_path}/net.yaml"


def test_a_fix_of_a_log_replaces_what_it_deletes() -> None:
    diagnostic = _diagnostic()
    other = Source("other.yaml", "a", Path())
    edits = (
        Edit(diagnostic.span, "u"),
        Edit(Span(1, 1, 1, 1, other), "- flatten\n"),
        Edit(diagnostic.span._replace(line=1, end_line=1), "w"),
    )
    found = _valid(sarif.document([diagnostic._replace(fix=Fix("mend it", edits))]))
    (fix,) = found["results"][0]["fixes"]
    assert fix["description"]["text"] == "mend it"
    first, second = fix["artifactChanges"]
    assert first["artifactLocation"]["uri"] == "net.yaml"
    assert [r["insertedContent"]["text"] for r in first["replacements"]] == ["u", "w"]
    assert first["replacements"][0]["deletedRegion"] == {
        "startLine": 2,
        "startColumn": 7,
        "endLine": 2,
        "endColumn": 8,
    }
    assert second["artifactLocation"]["uri"] == "other.yaml"
    assert [r["insertedContent"]["text"] for r in second["replacements"]] == ["- flatten\n"]


def test_a_log_from_standard_input_is_valid() -> None:
    done = run("check", "-", "--format", "sarif", given=BAD.encode())
    assert done.returncode == 1
    assert [result["ruleId"] for result in _valid(done.stdout.decode())["results"]] == [
        "AS303",
        "AS202",
    ]


def test_severities_are_the_levels_of_every_format() -> None:
    assert {severity.value for severity in Severity} == {"error", "warning"}
