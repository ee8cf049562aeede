"""`archspec fmt`: one layout, which says what was said before, comments included."""

from __future__ import annotations

import io
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, event, given

from archspec import zoo
from archspec.cli import main
from archspec.diagnostics import Sink
from archspec.formatting import FormattingFault, format_source, layout
from archspec.formatting.tree import Entry
from archspec.pipeline import Compiled, compile_bytes
from archspec.source import decode, parse, plain
from tests.profiles import examples
from tests.strategies_yaml import yaml_texts

ROOT = Path(__file__).parent.parent
EXAMPLES = [
    path
    for path in sorted((ROOT / "examples").glob("**/*.yaml"))
    if "\narchspec: 1\n" in f"\n{path.read_text('utf-8')}"
]
SPECS = [*zoo.networks().values(), *EXAMPLES]
CORPUS = sorted((ROOT / "tests" / "corpus").glob("**/*.yaml"))

_FIXTURES = (Path(__file__).parent / "data" / "fmt" / "layout.md").read_text("utf-8")


def _fixtures() -> list[tuple[str, str, str]]:
    """A title, what was written, and what becomes of it."""
    found = []
    for part in _FIXTURES.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        blocks = re.findall(r"```yaml\n(.*?)```", body, re.DOTALL)
        found.append((title, blocks[0], blocks[-1]))
    return found


def formatted(text: str | bytes, path: str = "net.yaml") -> str | None:
    """The text laid out; None where it is not YAML."""
    sink = Sink()
    data = text.encode() if isinstance(text, str) else text
    source = decode(path, data, sink)
    return format_source(source, sink) if source is not None else None


# The layout


@pytest.mark.parametrize(
    ("written", "expected"), [pytest.param(*row[1:], id=row[0]) for row in _fixtures()]
)
def test_the_layout(written: str, expected: str) -> None:
    assert formatted(written) == expected
    assert formatted(expected) == expected


def test_line_ends_and_a_byte_order_mark_are_no_matter() -> None:
    text = "# é\narchspec: 1\ndescription: |\n  a\n  b\nlayers:\n  - relu  # x\n"
    assert formatted(text) == text
    assert formatted(text.replace("\n", "\r\n")) == text
    assert formatted(b"\xef\xbb\xbf" + text.encode()) == text
    assert formatted(text.rstrip("\n")) == text


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n", "{}\n", "[]\n", "1\n", "&a b\n"])
def test_what_is_no_spec_yet_is_laid_out(text: str) -> None:
    assert formatted(text) == text.strip("\n") + "\n" * bool(text.strip())


def test_a_key_that_no_colon_may_follow_stands_behind_a_question_mark() -> None:
    long = "k" * 1100
    text = f"vars:\n  ? {long}\n  : {{a: 1}}\n  b: 2\n"
    assert formatted(text) == text
    assert formatted(f'vars: {{? "{long}" : {{a: 1}}, b: 2}}') == text


# It says the same


def _values(text: str) -> str:
    sink = Sink()
    source = decode("net.yaml", text.encode(), sink)
    assert source is not None
    return repr(plain(value)) if (value := parse(source, sink)) is not None else "nothing"


def _comments(text: str) -> list[str]:
    return re.findall(r"#+ *(c\d+.*)", text)


@examples(300)
@given(yaml_texts())
def test_values_and_comments_stay_what_they_are(text: str) -> None:
    found = formatted(text)
    event("YAML" if found is not None else "no YAML")
    assume(found is not None)
    assert found is not None
    assert _values(found) == _values(text)
    assert _comments(found) == [comment.rstrip() for comment in _comments(text)]
    assert formatted(found) == found
    assert not re.search(r"\r|\n\n\n|\A\n", re.sub(r"kept\n+", "", found))


def _meaning(path: Path, text: bytes) -> tuple[object, ...]:
    found: Compiled = compile_bytes(str(path), text, {})
    # A symbolic size equals none of another graph: what is shown of it is compared.
    nodes = [(node.name, node.kind, repr(node.signature)) for node in found.graph.nodes]
    return found.name, nodes, sorted(d.code for d in found.diagnostics), found.ok


@pytest.mark.parametrize("path", [*SPECS, *CORPUS], ids=lambda path: path.stem)
def test_a_spec_means_the_same_laid_out(path: Path) -> None:
    data = path.read_bytes()
    found = formatted(data, str(path))
    if found is None:
        codes = {d.code for d in compile_bytes(str(path), data, {}).diagnostics}
        assert any(code < "AS12" for code in codes), "it cannot be read"
        return
    assert formatted(found) == found
    assert _meaning(path, found.encode()) == _meaning(path, data)


def test_the_zoo_and_the_examples_are_laid_out() -> None:
    assert main(["fmt", "--check", *map(str, SPECS)]) == 0


@pytest.mark.parametrize("path", ["README.md", "docs/language.md", "docs/architecture.md"])
def test_whole_specs_in_the_documents_are_laid_out(path: str) -> None:
    text = (ROOT / path).read_text("utf-8")
    for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL):
        if block.startswith("archspec: 1\n"):
            assert formatted(block) == block


# A fault of its own does no harm


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda text, call: text.replace("64", "65"), "values"),
        (lambda text, call: text.replace("  # many", ""), "comments or anchors"),
        (lambda text, call: text.replace("&a ", ""), "comments or anchors"),
        (lambda text, call: text + "\n" * call, "a second time"),
        (lambda text, call: "[" + text, "values"),
        (lambda text, call: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_layout_that_would_do_harm_is_refused(
    wrong: Callable[[str, int], str],
    says: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = itertools.count(1)

    def lay_out(root: Entry) -> str:
        return wrong(layout.lay_out(root), next(calls))

    text = "layers:\n  - conv: {out_channels: 64}   # many\n  - &a relu\n"
    Path("net.yaml").write_text(text)
    monkeypatch.setattr("archspec.formatting.formatter.lay_out", lay_out)
    with pytest.raises(FormattingFault, match=says):
        formatted(text)
    assert main(["fmt", "net.yaml"]) == 2
    assert Path("net.yaml").read_text() == text
    error = capsys.readouterr().err
    assert "net.yaml is left as it is" in error and says in error and "please report" in error


# The command

UGLY = "archspec:   1\nlayers:\n- relu # x\n"
NEAT = "archspec: 1\nlayers:\n  - relu  # x\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a file that would change and one that would not."""
    monkeypatch.chdir(tmp_path)
    Path("ugly.yaml").write_text(UGLY)
    Path("neat.yaml").write_text(NEAT)
    return tmp_path


def _stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_files_are_laid_out_in_place(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("ugly.yaml").chmod(0o640)
    kept = Path("neat.yaml").stat()
    assert main(["fmt", "ugly.yaml", "neat.yaml", "ugly.yaml"]) == 0
    assert capsys.readouterr() == ("formatted ugly.yaml\n", "")
    assert Path("ugly.yaml").read_text() == NEAT
    assert Path("ugly.yaml").stat().st_mode & 0o777 == 0o640
    assert Path("neat.yaml").stat().st_ino == kept.st_ino, "it is not written anew"
    assert sorted(os.listdir()) == ["neat.yaml", "ugly.yaml"]


def test_check_names_what_would_change_and_writes_nothing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fmt", "--check", "ugly.yaml", "neat.yaml"]) == 1
    assert capsys.readouterr() == ("would format ugly.yaml\n", "")
    assert Path("ugly.yaml").read_text() == UGLY
    assert main(["fmt", "--check", "neat.yaml"]) == 0
    assert capsys.readouterr() == ("", "")


def test_diff_shows_what_would_change_and_writes_nothing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("ugly.yaml").write_text(UGLY.rstrip("\n"))
    assert main(["fmt", "--diff", "ugly.yaml", "neat.yaml"]) == 1
    assert capsys.readouterr().out == (
        "--- ugly.yaml\n+++ ugly.yaml\n@@ -1,3 +1,3 @@\n"
        "-archspec:   1\n+archspec: 1\n layers:\n-- relu # x\n\\ No newline at end of file\n"
        "+  - relu  # x\n"
    )
    assert Path("ugly.yaml").read_text() == UGLY.rstrip("\n")
    assert main(["fmt", "--diff", "neat.yaml"]) == 0


def test_standard_input_goes_to_standard_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _stdin(monkeypatch, "layers:   é ⌊ # x\r\n".encode())
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, "ascii"))
    assert main(["fmt", "-"]) == 0
    assert written.getvalue() == "layers: é ⌊  # x\n".encode()


def test_standard_input_can_be_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _stdin(monkeypatch, UGLY.encode())
    assert main(["fmt", "--check", "-"]) == 1
    assert capsys.readouterr().out == "would format <stdin>\n"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"a: [1\n", "AS101"),
        (b"a: 1\na: 2\n", "AS102"),
        (b"a: !thing 2\n", "AS105"),
        (b"\xff\n", "AS002"),
        (b"- " * 100 + b"1\n", "AS103"),
    ],
)
def test_what_is_not_yaml_is_reported_and_left_alone(
    data: bytes, code: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("net.yaml").write_bytes(data)
    assert main(["fmt", "net.yaml", "ugly.yaml"]) == 1
    out, err = capsys.readouterr()
    assert out == "formatted ugly.yaml\n", "the others are laid out"
    assert f"error[{code}]" in err and "net.yaml:" in err
    assert Path("net.yaml").read_bytes() == data


def test_what_is_wrong_in_the_spec_is_no_matter(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("net.yaml").write_text("layers:   [{konv: {a: no}}]\n")
    assert main(["fmt", "net.yaml"]) == 0
    assert Path("net.yaml").read_text() == "layers:\n  - konv: {a: no}\n"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", ["jobs:\n- a\n", "- layers:   1\n", "text:  |\n   layers:\n"])
def test_yaml_that_is_no_spec_is_left_alone(
    text: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("other.yaml").write_text(text)
    assert main(["fmt", "other.yaml"]) == 2
    assert "other.yaml is no spec" in capsys.readouterr().err
    assert Path("other.yaml").read_text() == text


@pytest.mark.parametrize("text", ["blocks:\n  a:\n    layers: [relu]\n", "# nothing yet\n", ""])
def test_a_file_of_blocks_or_one_that_is_begun_is_a_spec(text: str, here: Path) -> None:
    Path("other.yaml").write_text(f"{text}\n\n")
    assert main(["fmt", "other.yaml"]) == 0
    assert Path("other.yaml").read_text() == text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing.yaml", "cannot read missing.yaml: No such file"),
        (".", "folder: name the files in it, ./*.yaml"),
        ("lenet5", "lenet5 is a network of the zoo: copy it"),
        ("/dev/null", "/dev/null is no file that could be changed: give it to `fmt -`"),
    ],
)
def test_what_cannot_be_used_is_said_with_status_2(
    here: Path, name: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fmt", name, "ugly.yaml"]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("archspec: error: ") and says in err
    assert out == "formatted ugly.yaml\n", "the others are laid out"


def test_a_failure_to_write_leaves_the_file_whole(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "ugly.yaml")

    monkeypatch.setattr("archspec.files.os.replace", full)
    assert main(["fmt", "ugly.yaml"]) == 2
    assert "cannot write ugly.yaml: No space left on device" in capsys.readouterr().err
    assert Path("ugly.yaml").read_text() == UGLY
    assert sorted(os.listdir()) == ["neat.yaml", "ugly.yaml"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_to_is_left_alone(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("ugly.yaml").chmod(0o444)
    assert main(["fmt", "ugly.yaml"]) == 2
    assert "cannot write ugly.yaml: Permission denied" in capsys.readouterr().err
    assert Path("ugly.yaml").read_text() == UGLY


def test_a_link_is_followed(here: Path) -> None:
    Path("link.yaml").symlink_to("ugly.yaml")
    assert main(["fmt", "link.yaml"]) == 0
    assert Path("link.yaml").is_symlink() and Path("ugly.yaml").read_text() == NEAT


def test_laying_out_imports_no_compiler(here: Path) -> None:
    code = (
        "import sys; from archspec.cli import main; main(['fmt', 'ugly.yaml']);"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=60
    )
    imported = set(done.stderr.split())
    assert "archspec.formatting.layout" in imported and Path("ugly.yaml").read_text() == NEAT
    assert imported.isdisjoint(
        ("pydantic", "numpy", "torch", "onnx", "archspec.pipeline", "difflib")
    )
