"""`archspec fix`: what is mended, what is left alone, and that nothing gets worse."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspec.cli import main
from archspec.diagnostics import Diagnostic, Severity
from archspec.document.mending import replacing
from archspec.fixing import MOST_ROUNDS, Mended, mended
from archspec.kinds import Vocabulary
from archspec.pipeline import Compiled, compile_bytes
from archspec.source import LARGEST_FILE, text_at
from archspec.words import certain
from tests.specs import spec, unmarked
from tests.test_check import run
from tests.test_diagnostics import BROKEN

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.yaml"))
_VOCABULARY = Vocabulary()


def mend(data: str | bytes, path: str = "net.yaml") -> Mended:
    return mended(path, data.encode() if isinstance(data, str) else data, {}, _VOCABULARY)


def mended_text(text: str) -> str:
    return mend(text).data.decode()


SLIPS: dict[str, tuple[str, str]] = {
    # before, and after: the rest of the spec stays as it is
    "a section": ("desciption: a\nlayers: [relu]", "description: a\nlayers: [relu]"),
    "a kind": ("layers: [maxpool: 2]", "layers: [max_pool: 2]"),
    "a kind of PyTorch's": ("layers: [ReLU, BatchNorm2d]", "layers: [relu, batch_norm]"),
    "a kind in another tool's word": ("layers: [flatten, dense: 3]", "layers: [flatten, fc: 3]"),
    "a block": (
        "blocks: {stage: {layers: [relu]}}\nlayers: [stagge]",
        "blocks: {stage: {layers: [relu]}}\nlayers: [stage]",
    ),
    "a field": (
        "layers: [conv: {out_channels: 1, kernal_size: 1}]",
        "layers: [conv: {out_channels: 1, kernel_size: 1}]",
    ),
    "a field in quotes": (
        "layers: [flatten, fc: {'out_faetures': 3}]",
        "layers: [flatten, fc: {out_features: 3}]",
    ),
    "a field of every step": ("layers: [relu: {nmae: a}]", "layers: [relu: {name: a}]"),
    "an argument": (
        "blocks: {b: {args: {width: ~}, layers: [conv: {out_channels: $width, kernel_size: 1}]}}\n"
        "layers: [b: {widht: 3}]",
        "blocks: {b: {args: {width: ~}, layers: [conv: {out_channels: $width, kernel_size: 1}]}}\n"
        "layers: [b: {width: 3}]",
    ),
    "a variable, twice": (
        "vars: {width: 3}\nlayers: [flatten, fc: $widht * $widht]",
        "vars: {width: 3}\nlayers: [flatten, fc: $width * $width]",
    ),
    "a variable whose name begins another's": (
        "vars: {width: 3}\nlayers: [flatten, fc: $width + $widt]",
        "vars: {width: 3}\nlayers: [flatten, fc: $width + $width]",
    ),
    "a variable in a name": (
        "vars: {width: 3}\nlayers: [relu: {name: a$widht}]",
        "vars: {width: 3}\nlayers: [relu: {name: a$width}]",
    ),
    "a figure": (
        "layers: [flatten, fc: 3]\nexpect: {parms: 579}",
        "layers: [flatten, fc: 3]\nexpect: {params: 579}",
    ),
    "a word of a choice": (
        "layers: [conv: {out_channels: 1, kernel_size: 1, padding_mode: zeroes}]",
        "layers: [conv: {out_channels: 1, kernel_size: 1, padding_mode: zeros}]",
    ),
    "a shortcut": (
        "layers: [residual: {layers: [relu], shortcut: projecton}]",
        "layers: [residual: {layers: [relu], shortcut: projection}]",
    ),
    "a number in quotes": ('layers: [flatten, fc: "3"]', "layers: [flatten, fc: 3]"),
    "a fraction in quotes": ("layers: [dropout: '0.5']", "layers: [dropout: 0.5]"),
    "a count with a point": ("layers: [flatten, fc: 3.0]", "layers: [flatten, fc: 3]"),
    "yes": (
        "layers: [flatten, fc: {out_features: 3, bias: yes}]",
        "layers: [flatten, fc: {out_features: 3, bias: true}]",
    ),
    "Off": (
        "layers: [flatten, fc: {out_features: 3, bias: Off}]",
        "layers: [flatten, fc: {out_features: 3, bias: false}]",
    ),
    "true in quotes": (
        'layers: [flatten, fc: {out_features: 3, bias: "true"}]',
        "layers: [flatten, fc: {out_features: 3, bias: true}]",
    ),
    "a number for a name": ("layers: [relu: {name: 1}]", 'layers: [relu: {name: "1"}]'),
    "a number that YAML 1.1 reads in octal": (
        "layers: [flatten, fc: 010]",
        "layers: [flatten, fc: 10]",
    ),
    "fc without flatten": ("layers:\n  - fc: 3\n", "layers:\n  - flatten\n  - fc: 3\n"),
}
_HEAD = "archspec: 1\nname: t\ninput: [3, 8, 8]\n"


@pytest.mark.parametrize("title", SLIPS)
def test_a_slip_is_mended_and_the_rest_stays_as_it_is(title: str) -> None:
    before, after = SLIPS[title]
    found = mend(_HEAD + before)
    assert found.data.decode() == _HEAD + after
    assert found.made and found.compiled.ok


LEFT = {
    "a word that may be two": "layers: [rel]",
    "a word that is far from any": "layers: [convolution: {out_channels: 1, kernel_size: 1}]",
    "a short word near to a kind": "layers: [flatten, fx: 3]",
    "a kind with a number": "layers: [conv2: {out_channels: 1, kernel_size: 1}]",
    "a field beside the one that is meant": "layers: [fc: {out_features: 3, out_feature: 4}]",
    "a number with a point that is no count": "layers: [flatten, fc: 3.5]",
    "a word in quotes": 'layers: [flatten, fc: "three"]',
    "a number in a variable": "vars: {n: '3'}\nlayers: [flatten, fc: $n]",
    "yes in a variable": ("vars: {b: 'yes'}\nlayers: [flatten, fc: {out_features: 3, bias: $b}]"),
    "a number for a name that could be none": "layers: [relu: {name: 1.5}]",
    "a number in quotes that is out of range": 'layers: [flatten, fc: "-3"]',
    "a variable that may be two": "vars: {ab1: 3, ab2: 3}\nlayers: [flatten, fc: $ab]",
    "a word for a list of steps": "layers: relu",
    "what is no YAML": "layers: [relu",
    "a string that YAML 1.1 reads as a number": "vars: {a: 1_000}\nlayers: [relu]",
}


@pytest.mark.parametrize("title", LEFT)
def test_what_is_not_certain_is_left(title: str) -> None:
    found = mend(_HEAD + LEFT[title])
    assert (found.data.decode(), found.made) == (_HEAD + LEFT[title], ())


def test_the_version_is_put_before_the_first_section() -> None:
    assert mended_text("# a\n\nname: t  # b\ninput: [3, 8, 8]\nlayers: [relu]\n") == (
        "# a\n\narchspec: 1\nname: t  # b\ninput: [3, 8, 8]\nlayers: [relu]\n"
    )
    flow = "{name: t, input: [3, 8, 8], layers: [relu]}"
    assert mended_text(flow) == flow


# Every broken spec of the tests


def _errors(found: Mended) -> list[Diagnostic]:
    return [d for d in found.compiled.diagnostics if d.severity is Severity.ERROR]


def _held_to_the_rules(path: str, data: bytes) -> int:
    """Mend a spec, and hold what comes of it against what must be true; how many fixes it had."""
    before = compile_bytes(path, data, {}, _VOCABULARY)
    found = mend(data, path)
    assert (found.data != data) == bool(found.made)
    # What is said is said of the text as it is now, and there is no more to mend in it.
    again = compile_bytes(path, found.data, {}, _VOCABULARY)
    assert [(d.code, d.span[:4]) for d in again.diagnostics] == [
        (d.code, d.span[:4]) for d in found.compiled.diagnostics
    ]
    assert mend(found.data, path).made == ()
    # Every fix of this file was made, and its error is gone.
    own = [d for d in before.diagnostics if d.fix and _is_of(d, path)]
    assert len(found.made) >= len(own)
    assert not [d for d in found.compiled.diagnostics if d.fix and _is_of(d, path)]
    # Not a comment is lost.
    comments = re.findall(rb"#.*", data)
    assert [comment for comment in comments if comment not in found.data] == []
    if not found.made:
        assert not own
    return len(found.made)


def _is_of(diagnostic: Diagnostic, path: str) -> bool:
    assert diagnostic.fix is not None
    return all(edit.span.source.path == path for edit in diagnostic.fix.edits)


@pytest.mark.parametrize("title", BROKEN)
def test_every_fix_of_a_broken_spec_removes_its_error(title: str) -> None:
    _held_to_the_rules("net.yaml", unmarked(BROKEN[title])[0].encode())


@pytest.mark.parametrize("path", CORPUS, ids=[path.stem for path in CORPUS])
def test_every_fix_of_the_corpus_removes_its_error(path: Path) -> None:
    _held_to_the_rules(str(path), path.read_bytes())


def test_a_good_part_of_the_broken_specs_is_mended_to_the_end() -> None:
    texts = [unmarked(text)[0] for text in BROKEN.values()]
    assert sum(mend(text).compiled.ok for text in texts) >= 15


# The text


CRLF = spec("- Relu  # one\n- fc: 3").replace("\n", "\r\n")


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    data = b"\xef\xbb\xbf" + CRLF.encode()
    found = mend(data)
    assert (
        found.data
        == b"\xef\xbb\xbf"
        + CRLF.replace("Relu", "relu").replace("  - fc", "  - flatten\r\n  - fc").encode()
    )
    assert b"\n" not in found.data.replace(b"\r\n", b"")


def test_what_is_not_utf_8_is_left() -> None:
    found = mend(b"archspec: 1\nname: \xff\nlayers: [Relu]\n")
    assert found.made == () and [d.code for d in _errors(found)] == ["AS002"]


def test_one_fix_uncovers_another() -> None:
    before = spec('- Linear: {out_faetures: "3"}')
    assert mended_text(before) == spec("- flatten\n- fc: {out_features: 3}")


@pytest.mark.parametrize(
    ("before", "after", "uncovered"),
    [
        # Each hides what is found after it: values, shapes, figures, and the files beside.
        ("layers: [flatten, dense: three]", "layers: [flatten, fc: three]", "AS205"),
        ("layers: [batchnorm, max_pool: 9]", "layers: [batch_norm, max_pool: 9]", "AS301"),
        (
            "layers: [Flatten]\nexpect: {params: 1}",
            "layers: [flatten]\nexpect: {params: 1}",
            "AS306",
        ),
        ("layers: [Flatten]\nlabels: a.txt", "layers: [flatten]\nlabels: a.txt", "AS001"),
        (
            "layers:\n  - fc: 9\n  - conv: 1",
            "layers:\n  - flatten\n  - fc: 9\n  - conv: 1",
            "AS204",
        ),
    ],
)
def test_what_was_hidden_may_come_out(before: str, after: str, uncovered: str) -> None:
    found = mend(_HEAD + before)
    assert found.data.decode() == _HEAD + after
    assert [d.code for d in _errors(found)] == [uncovered]


def test_a_hundred_slips_and_more_are_mended() -> None:
    steps = "\n".join("- relu: {nmae: a%d}" % number for number in range(250))  # noqa: UP031
    found = mend(spec(steps))
    assert len(found.made) == 250 and found.compiled.ok


@given(st.sampled_from(sorted(BROKEN)), st.data())
def test_a_spec_that_is_cut_anywhere_is_never_made_worse(title: str, data: st.DataObject) -> None:
    text, _ = unmarked(BROKEN[title])
    cut = text[: data.draw(st.integers(0, len(text)))]
    before = compile_bytes("net.yaml", cut.encode(), {}, _VOCABULARY)
    found = mend(cut)
    if found.made:
        assert _errors(found) == [] or not before.ok
        assert not any(d.code < "AS200" for d in _errors(found))
    assert mend(found.data).made == ()


# What would do harm is not made


def _with_fixes(monkeypatch: pytest.MonkeyPatch, fixes: dict[str, str]) -> None:
    """Let every error at one of these words have the fix that writes the other in its place."""

    def compiled(path: str, data: bytes, *rest: Any) -> Compiled:
        found = compile_bytes(path, data, *rest)
        with_fixes = [
            d._replace(fix=replacing(d.span, fixes[text_at(d.span)]))
            if text_at(d.span) in fixes
            else d
            for d in found.diagnostics
        ]
        return found._replace(diagnostics=tuple(with_fixes))

    monkeypatch.setattr("archspec.fixing.compile_bytes", compiled)


@pytest.mark.parametrize(
    ("steps", "word", "instead"),
    [
        ("- wrong", "wrong", "["),  # no YAML any more
        ("- wrong", "wrong", "also_wrong"),  # as wrong as before
        ("- wrong", "wrong", "wrong"),
        ("- max_pool: 9", "9", "nine"),  # a shape that fits, and a value that does not
        ("- flatten\n- fc: {out_features: 3, bias: 010}", "010", "zero"),
    ],
)
def test_a_fix_that_does_harm_is_left_out_and_the_others_are_made(
    steps: str, word: str, instead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_fixes(monkeypatch, {word: instead, "Tanh": "tanh", "Sigmoid": "sigmoid"})
    found = mend(spec(f"- Tanh\n- Sigmoid\n{steps}"))
    assert found.data.decode() == spec(f"- tanh\n- sigmoid\n{steps}")
    assert len(found.made) == 2
    assert mend(spec(steps)).made == ()


def test_fixes_that_undo_one_another_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_fixes(monkeypatch, {"aa": "bb", "bb": "aa"})
    # Each removes its own error, at a place where there is another then.
    assert len(mend(spec("- aa\n- bb")).made) <= 2 * MOST_ROUNDS


def test_the_fixes_of_a_round_do_not_touch_one_another() -> None:
    text = spec("- fcc: 3") + "expect: {output: [3]}\n"
    found = mend(text)
    assert found.compiled.ok and "- flatten\n  - fc: 3\n" in found.data.decode()


# The command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a spec that has two slips, one of them a riddle."""
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(spec("- Relu  # the first\n- rel"))
    return tmp_path


def test_fix_shows_a_diff_and_changes_the_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["fix", "net.yaml"])
    out, err = capsys.readouterr()
    assert status == 1, "an error is left"
    assert out.splitlines()[:2] == ["--- net.yaml", "+++ net.yaml"]
    assert "\n-  - Relu  # the first\n+  - relu  # the first\n" in out
    assert err.startswith("net.yaml: 1 mended\n") and "error[AS202]" in err
    assert Path("net.yaml").read_text() == spec("- relu  # the first\n- rel")
    assert [path.name for path in here.iterdir()] == ["net.yaml"]


def test_the_diff_is_one_that_patch_takes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = CRLF.rstrip().encode()
    Path("net.yaml").write_bytes(before)
    done = run("fix", "--diff", "net.yaml", cwd=here)
    assert done.returncode == 1 and Path("net.yaml").read_bytes() == before
    subprocess.run(["git", "apply", "-p0", "-"], input=done.stdout, check=True)
    patched = Path("net.yaml").read_bytes()
    assert patched == mend(before).data and b"flatten\r\n" in patched


def test_diff_changes_nothing_and_its_status_says_whether_there_is_something_to_mend(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = spec("- Relu")
    Path("net.yaml").write_text(before)
    assert main(["fix", "--diff", "net.yaml"]) == 1
    out, err = capsys.readouterr()
    assert "+  - relu" in out and err == "net.yaml: 1 to mend\n"
    assert Path("net.yaml").read_text() == before
    assert main(["fix", "net.yaml"]) == 0
    capsys.readouterr()
    assert main(["fix", "--diff", "net.yaml"]) == 0
    assert capsys.readouterr() == ("", "net.yaml: 0 to mend\n")


def test_a_file_with_nothing_to_mend_is_not_written(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("net.yaml").write_text(spec("- rel"))
    os.utime("net.yaml", (1, 1))
    assert main(["fix", "net.yaml"]) == 1
    assert os.stat("net.yaml").st_mtime == 1
    assert capsys.readouterr().out == ""


def test_a_file_keeps_its_permissions_and_a_link_its_target(here: Path) -> None:
    Path("net.yaml").chmod(0o640)
    Path("link.yaml").symlink_to("net.yaml")
    main(["fix", "link.yaml"])
    assert Path("link.yaml").is_symlink()
    assert stat.S_IMODE(os.stat("net.yaml").st_mode) == 0o640
    assert "- relu" in Path("net.yaml").read_text()


def test_standard_input_goes_mended_to_standard_output(here: Path) -> None:
    data = CRLF.encode() + b"\n# \xc3\xa9"
    done = run("fix", "-", given=data)
    assert done.returncode == 0 and done.stdout == mend(data, "-").data
    done = run("fix", "-", "--diff", given=data)
    assert done.returncode == 1 and done.stdout.startswith(b"--- <stdin>\n+++ <stdin>\n")
    done = run("fix", "-", given=spec("- relu").encode())
    assert done.stdout == spec("- relu").encode(), "there is always a spec to go on with"
    data += b"\n" + b"#" * LARGEST_FILE
    done = run("fix", "-", given=data)
    assert done.returncode == 1 and done.stdout == data, "even where it is too large to be read"


def test_other_files_are_changed_only_where_they_are_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = "archspec: 1\nname: base\ninput: [3, 8, 8]\nlayers: [relu: {nmae: a}]\n"
    Path("base.yaml").write_text(base)
    Path("net.yaml").write_text("archspec: 1\nname: t\nextends: base.yaml\n")
    assert main(["fix", "net.yaml"]) == 1
    assert "base.yaml:4:" in capsys.readouterr().err
    assert Path("base.yaml").read_text() == base
    assert main(["fix", "net.yaml", "base.yaml"]) == 1
    assert Path("base.yaml").read_text() == base.replace("nmae", "name")
    assert main(["fix", "net.yaml", "base.yaml"]) == 0


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("resnet50", "resnet50 is a network of the zoo"),
        ("none.yaml", "No such file"),
        (".", "directory"),
        ("/dev/null", "fix -"),
    ],
)
def test_what_cannot_be_changed_is_said_with_status_2(
    here: Path, name: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fix", name, "net.yaml"]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("archspec: error: ") and says.lower() in err.splitlines()[0].lower()
    assert "+  - relu" in out, "the others are mended"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_said_with_status_2(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here.chmod(0o500)
    assert main(["fix", "net.yaml"]) == 2
    assert "Permission denied" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_to_is_left_alone(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path("net.yaml").read_text()
    Path("net.yaml").chmod(0o444)
    assert main(["fix", "net.yaml"]) == 2
    assert "cannot write net.yaml: Permission denied" in capsys.readouterr().err
    assert Path("net.yaml").read_text() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_where_the_diff_cannot_be_shown_nothing_is_changed(here: Path) -> None:
    before = Path("net.yaml").read_text()
    with open("/dev/full", "wb") as stdout:
        done = run("fix", "net.yaml", stdout=stdout)
    assert done.returncode == 2 and done.stderr.startswith(b"archspec: error: cannot write: No sp")
    assert Path("net.yaml").read_text() == before


def test_a_failure_to_write_leaves_the_file_whole(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path("net.yaml").read_text()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "net.yaml")

    monkeypatch.setattr("archspec.files.os.replace", full)
    assert main(["fix", "net.yaml"]) == 2
    assert "No space left" in capsys.readouterr().err
    assert Path("net.yaml").read_text() == before and len(list(here.iterdir())) == 1


def test_variables_and_kinds_are_those_of_the_command_line(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = spec("- relu\n- fc: 3", input="[$n]", sections="vars: {n: 3}")
    Path("net.yaml").write_text(text)
    assert main(["fix", "--diff", "net.yaml"]) == 0
    assert main(["fix", "net.yaml", "--set", "m=3"]) == 1
    assert "AS402" in capsys.readouterr().err and Path("net.yaml").read_text() == text


def test_a_diff_in_colour_shows_no_control_characters(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("net.yaml").write_text(spec("- Relu  # \u202eevil\u2066"))
    main(["fix", "--diff", "--color", "always", "net.yaml"])
    out = capsys.readouterr().out
    assert "\x1b[32m+  - relu  # \\u202eevil\\u2066\x1b[0m" in out and "\u202e" not in out


# Words


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("kernal_size", ["kernel_size", "out_channels"], "kernel_size"),
        ("krenel_size", ["kernel_size"], "kernel_size"),
        ("kernelsize", ["kernel_size"], "kernel_size"),
        ("MaxPool2d", ["max_pool", "avg_pool"], "max_pool"),
        ("Conv1d", ["conv", "concat"], "conv"),
        ("inptu", ["input", "inputs"], "input"),
        ("rel", ["relu", "elu"], None),
        ("ab", ["abs"], None),
        ("relu5", ["relu6"], None),
        ("relu66", ["relu6"], None),
        ("size:3", ["size"], None),
        ("colour_mode", ["color_mode"], "color_mode"),
        ("convolution", ["conv"], None),
        ("a" * 41, ["a" * 40], None),
        ("", ["a"], None),
        ("abcde", [], None),
        ("abcdx", ["abcde", "abcdf"], None),
        ("A_B", ["ab", "a_b"], None),
    ],
)
def test_a_word_is_certain_where_only_one_is_near(
    word: str, known: list[str], meant: str | None
) -> None:
    assert certain(word, known) == meant


@given(st.text(max_size=12), st.lists(st.text(max_size=12), max_size=5))
def test_a_certain_word_is_a_known_one(word: str, known: list[str]) -> None:
    assert certain(word, known) in (None, *known)
