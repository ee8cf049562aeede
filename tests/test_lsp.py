"""The language server, spoken to over standard input and output as an editor does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lsp_client import Client, Failed, serving
from tests.test_lsp_features import RESNET

WHOLE = {"start": {"line": 0, "character": 0}, "end": {"line": 999, "character": 0}}
LAYOUT = {"tabSize": 2, "insertSpaces": True}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving() as one:
        yield one


def place(text: str, word: str, nth: int = 0) -> tuple[int, int]:
    """The line and character, from 0, of the nth of a word."""
    before = word.join(text.split(word)[: nth + 1])
    return before.count("\n"), len(before) - before.rfind("\n") - 1


def labels(client: Client, uri: str, text: str, word: str) -> list[str]:
    """What completion offers behind a word."""
    line, character = place(text, word)
    answer = client.at("completion", uri, line, character + len(word))
    return [item["label"] for item in answer["items"]]


def applied(text: str, edits: list[dict[str, Any]]) -> str:
    """The text after some edits."""
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda edit: list(edit["range"]["start"].values()), reverse=True):
        start, end = edit["range"]["start"], edit["range"]["end"]
        behind = lines[end["line"]][end["character"] :] if end["line"] < len(lines) else ""
        changed = lines[start["line"]][: start["character"]] + edit["newText"] + behind
        lines[start["line"] : end["line"] + 1] = changed.split("\n")
    return "\n".join(lines)


def test_the_server_says_what_it_can_do() -> None:
    client = Client()
    capabilities = client.initialize()
    assert capabilities["positionEncoding"] == "utf-16"
    assert capabilities["hoverProvider"] is True
    assert capabilities["renameProvider"] == {"prepareProvider": True}
    assert "$" in capabilities["completionProvider"]["triggerCharacters"]
    assert client.close() == 0


def test_a_client_that_watches_files_is_asked_to() -> None:
    client = Client()
    client.initialize(workspace={"didChangeWatchedFiles": {"dynamicRegistration": True}})
    (asked,) = client.notified("client/registerCapability")["registrations"]
    assert asked["method"] == "workspace/didChangeWatchedFiles"
    assert client.close() == 0


def test_an_error_is_published_with_its_code_and_what_it_comes_from(
    client: Client, tmp_path: Path
) -> None:
    text = RESNET.replace("padding: 3", "padding: 0").replace("kernel_size: 7", "kernel_size: 700")
    uri = client.open(tmp_path / "net.yaml", text)
    error = client.diagnostics(uri)[0]
    assert (error["code"], error["source"], error["severity"]) == ("AS301", "archspec", 1)
    line, character = place(text, "700")
    assert error["range"]["start"] == {"line": line, "character": character}
    assert error["range"]["end"] == {"line": line, "character": character + 3}
    assert "\nhelp: " in error["message"]
    assert {label["location"]["uri"] for label in error["relatedInformation"]} == {uri}


def test_what_is_published_says_of_which_version_of_the_text_it_is(
    client: Client, tmp_path: Path
) -> None:
    uri = client.open(tmp_path / "net.yaml", RESNET)
    assert client.notified("textDocument/publishDiagnostics", uri=uri)["version"] == 1
    client.change(uri, RESNET.replace("fc: 10", "fx: 10"), 7)
    published = client.notified("textDocument/publishDiagnostics", uri=uri)
    assert (published["version"], len(published["diagnostics"])) == (7, 1)


def test_a_cause_of_many_errors_does_not_flood_the_editor(client: Client, tmp_path: Path) -> None:
    text = RESNET.replace("  - flatten\n", "  - nothing_of_the_kind\n" * 500)
    assert len(client.diagnostics(client.open(tmp_path / "net.yaml", text))) == 200


def test_what_nothing_uses_is_shown_as_unnecessary(client: Client, tmp_path: Path) -> None:
    uri = client.open(tmp_path / "net.yaml", RESNET.replace("{width: 64}", "{width: 64, spare: 1}"))
    (warning,) = client.diagnostics(uri)
    assert (warning["code"], warning["severity"], warning["tags"]) == ("AS705", 2, [1])


def test_a_broken_text_is_mended(client: Client, tmp_path: Path) -> None:
    uri = client.open(tmp_path / "net.yaml", RESNET)
    assert client.diagnostics(uri) == []
    hints = client.of("inlayHint", uri, range=WHOLE)
    broken = RESNET.replace("  - flatten\n", "  - flatten\n  - conv: {out_channels: 3, \n")
    client.change(uri, broken)
    (error,) = client.diagnostics(uri)
    assert error["code"] == "AS101"
    assert "kernel_size" in labels(client, uri, broken, "out_channels: 3, ")
    shifted = [
        hint | {"position": hint["position"] | {"line": hint["position"]["line"] + 1}}
        if hint["position"]["line"] > place(broken, "out_channels: 3, ")[0] - 1
        else hint
        for hint in hints
    ]
    assert client.of("inlayHint", uri, range=WHOLE) == shifted
    line, character = place(broken, "fc: 10")
    answer = client.at("hover", uri, line, character)
    assert "192 × 10 + 10 = 1,930" in answer["contents"]["value"]
    assert answer["range"]["start"] == {"line": line, "character": character}
    client.change(uri, RESNET, 3)
    assert client.diagnostics(uri) == []


def test_hints_are_those_of_the_lines_that_are_shown(client: Client, tmp_path: Path) -> None:
    uri = client.open(tmp_path / "net.yaml", RESNET)
    line, _ = place(RESNET, "fc: 10")
    shown = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 99}}
    (hint,) = client.of("inlayHint", uri, range=shown)
    assert hint["label"] == "→ 10 · 1,930"
    assert hint["position"] == {"line": line, "character": len("  - fc: 10")}


def test_completion_is_a_snippet_in_the_place_of_the_word(client: Client, tmp_path: Path) -> None:
    text = RESNET.replace("- flatten", "- ma")
    uri = client.open(tmp_path / "net.yaml", text)
    line, character = place(text, "- ma\n")
    items = client.at("completion", uri, line, character + 4)["items"]
    (item,) = [item for item in items if item["label"] == "max_pool"]
    assert item["insertTextFormat"] == 2
    assert item["textEdit"]["newText"] == "max_pool: $1"
    assert item["textEdit"]["range"] == {
        "start": {"line": line, "character": character + 2},
        "end": {"line": line, "character": character + 4},
    }
    assert item["documentation"]["kind"] == "markdown"
    assert min(items, key=lambda item: item["sortText"])["label"] == "basic"


def test_a_client_without_snippets_gets_words(tmp_path: Path) -> None:
    client = Client()
    client.initialize(textDocument={})
    text = "archspec: 1\nlayers:\n  - ma"
    uri = client.open(tmp_path / "net.yaml", text)
    items = client.at("completion", uri, 2, 6)["items"]
    assert [item["textEdit"]["newText"] for item in items if item["label"] == "max_pool"] == [
        "max_pool"
    ]
    assert client.close() == 0


def test_a_new_file_can_begin_with_a_whole_network(client: Client, tmp_path: Path) -> None:
    uri = client.open(tmp_path / "new.yaml", "arch")
    (item,) = client.at("completion", uri, 0, 4)["items"]
    assert item["textEdit"]["newText"].startswith("archspec: 1\nname: ")


def test_names_lead_to_their_places(client: Client, tmp_path: Path) -> None:
    uri = client.open(tmp_path / "net.yaml", RESNET)
    line, character = place(RESNET, "stem")
    name = {
        "start": {"line": line, "character": character},
        "end": {"line": line, "character": character + 4},
    }
    use = place(RESNET, "stem]}")
    assert client.at("definition", uri, *use) == {"uri": uri, "range": name}
    found = client.at("references", uri, *use, context={"includeDeclaration": True})
    assert [one["range"]["start"]["line"] for one in found] == [line, line + 3, line + 4]
    marks = client.at("documentHighlight", uri, *use)
    assert [one["range"] for one in marks] == [one["range"] for one in found]
    assert client.at("prepareRename", uri, *use)["placeholder"] == "stem"
    edit = client.at("rename", uri, *use, newName="first")["changes"]
    assert applied(RESNET, edit[uri]) == RESNET.replace("stem", "first")


def test_a_name_that_cannot_be_changed_is_refused_with_the_reason(
    client: Client, tmp_path: Path
) -> None:
    uri = client.open(tmp_path / "net.yaml", RESNET)
    with pytest.raises(Failed, match="a word of the language") as refused:
        client.at("rename", uri, *place(RESNET, "basic:"), newName="conv")
    assert refused.value.code == -32803
    with pytest.raises(Failed, match="rename a block, an argument"):
        client.at("prepareRename", uri, *place(RESNET, "flatten"))


def test_symbols_are_nested(client: Client, tmp_path: Path) -> None:
    uri = client.open(tmp_path / "net.yaml", RESNET)
    found = {one["name"]: one for one in client.of("documentSymbol", uri)}
    (block,) = found["blocks"]["children"]
    assert [one["name"] for one in block["children"]] == ["residual1", "act"]
    assert [one["name"] for one in found["layers"]["children"]][:3] == ["stem", "layer1", "layer2"]


def test_a_certain_mend_is_a_quick_fix(client: Client, tmp_path: Path) -> None:
    text = RESNET.replace("kernel_size: 7", "kernal_size: 7")
    uri = client.open(tmp_path / "net.yaml", text)
    (error, *_) = client.diagnostics(uri)
    context = {"diagnostics": [error]}
    actions = client.of("codeAction", uri, range=error["range"], context=context)
    (action,) = [one for one in actions if one["isPreferred"]]
    assert action["diagnostics"][0]["code"] == error["code"]
    assert applied(text, action["edit"]["changes"][uri]) == RESNET
    wanted = context | {"only": ["source.organizeImports"]}
    assert client.of("codeAction", uri, range=error["range"], context=wanted) == []


def test_formatting_changes_the_lines_that_are_laid_out_otherwise(
    client: Client, tmp_path: Path
) -> None:
    text = RESNET.replace("  - flatten", "  -   flatten   # in a row")
    uri = client.open(tmp_path / "net.yaml", text)
    (edit,) = client.of("formatting", uri, options=LAYOUT)
    once = applied(text, [edit])
    assert "\n  - flatten  # in a row\n" in once
    client.change(uri, once)
    assert client.of("formatting", uri, options=LAYOUT) == []
    client.change(uri, once + "  - {", 3)
    assert client.of("formatting", uri, options=LAYOUT) == []


def test_characters_are_counted_as_the_client_asks(tmp_path: Path) -> None:
    text = "archspec: 1\nname: 😀\ninput: [3]\nlayers: [fc: 3, {fc: {name: '😀', units: 3}}]\n"
    for encodings, character in ((["utf-8"], 36), (["utf-32", "utf-8"], 33), ([], 34)):
        with serving(encodings=encodings) as client:
            uri = client.open(tmp_path / "net.yaml", text)
            starts = [error["range"]["start"] for error in client.diagnostics(uri)]
            assert {"line": 3, "character": character} in starts


def test_what_is_open_counts_and_not_what_lies_on_the_disk(client: Client, tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(RESNET, "utf-8")
    text = "archspec: 1\nname: b\nextends: base.yaml\nexpect: {output: [10]}\n"
    uri = client.open(tmp_path / "b.yaml", text)
    assert client.diagnostics(uri) == []
    base_uri = client.open(base, RESNET.replace("fc: 10", "fc: 20"))
    (error,) = client.diagnostics(uri)
    assert error["code"] == "AS306"
    client.change(base_uri, RESNET)
    assert client.diagnostics(uri) == []
    client.change(base_uri, RESNET.replace("fc: 10", "fc: x"))
    codes = {one["code"] for one in client.diagnostics(uri)}
    assert codes == {"AS205"}
    client.tell("textDocument/didClose", {"textDocument": {"uri": base_uri}})
    assert client.diagnostics(uri) == []


def test_a_saved_file_is_read_again_by_those_that_take_from_it(
    client: Client, tmp_path: Path
) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(RESNET, "utf-8")
    uri = client.open(tmp_path / "b.yaml", "archspec: 1\nname: b\nextends: base.yaml\n")
    assert client.diagnostics(uri) == []
    base.write_text(RESNET.replace("fc: 10", "fc: x"), "utf-8")
    changed = {"changes": [{"uri": base.as_uri(), "type": 2}]}
    client.tell("workspace/didChangeWatchedFiles", changed)
    assert [one["code"] for one in client.diagnostics(uri)] == ["AS205"]


def test_a_file_that_is_no_spec_is_left_alone(client: Client, tmp_path: Path) -> None:
    uri = client.open(tmp_path / "compose.yaml", "services: {web: [}\n")
    assert client.of("inlayHint", uri, range=WHOLE) == []
    assert client.at("hover", uri, 0, 2) is None
    assert client.at("completion", uri, 0, 2)["items"] == []
    assert client.of("documentSymbol", uri) == []
    assert client.of("formatting", uri, options=LAYOUT) is None
    client.change(uri, "archspec: 1\nlayers: [}\n")
    assert client.diagnostics(uri)[0]["code"] == "AS101"
    client.change(uri, "services: {}\n", 3)
    assert client.diagnostics(uri) == []


@pytest.mark.parametrize(
    "text",
    [
        "archspec: 1\n" + "# comment\n" * 500_000,
        "archspec: 1\nlayers: " + "[" * 20_000,
        "archspec: 1\nlayers: " + "{a: " * 20_000,
        "archspec: 1\nname: \ud800\ufffe\x00",
        "archspec: 1\r\nlayers:\r\n  - conv: {\u2028x: 😀\r\n",
        "\ufeffarchspec: 1\nlayers: 3",
        "archspec: 1\nlayers: [&a [*a]]\n",
        "archspec: 1\n<<: {a: b}\n? [a]\n: b",
    ],
    ids=["5 MB", "brackets", "braces", "no text", "line ends", "mark", "alias", "keys"],
)
def test_no_text_is_too_much(client: Client, tmp_path: Path, text: str) -> None:
    client.notifications.clear()
    uri = client.open(tmp_path / "net.yaml", text)
    client.of("inlayHint", uri, range=WHOLE)
    client.of("documentSymbol", uri)
    for line, character in ((0, 0), (0, 12), (1, 9), (2, 2), (10**6, 10**6)):
        client.at("hover", uri, line, character)
        client.at("completion", uri, line, character)
        client.at("definition", uri, line, character)
    logged = [one for one in client.notifications if one["method"] == "window/logMessage"]
    assert logged == []


def test_what_is_no_request_is_told_and_lived_through() -> None:
    with serving() as client:
        with pytest.raises(Failed) as unknown:
            client.ask("textDocument/unknown", {})
        assert unknown.value.code == -32601
        client.tell("unknown/notification", {})
        client.write_bytes(b"{no json")
        client.write_bytes(b'{"jsonrpc": "2.0", "id": 900, "method": "textDocument/hover"}')
        client.write_bytes(b'[1, 2, "three"]')
        client.write({"no": "protocol"})
        client.change("file:///never/opened.yaml", "archspec: 1")
        assert client.at("hover", "file:///never/opened.yaml", 0, 0) is None
        with pytest.raises(Failed):
            client.ask("textDocument/hover", {"textDocument": 3})


def test_a_fault_is_logged_and_nothing_is_answered(tmp_path: Path) -> None:
    kinds = tmp_path / "faulty_kind.py"
    kinds.write_text(
        "from archspec.kinds import Kind\n"
        "from archspec.layers.activation import Relu\n"
        "print('not for the editor')\n"
        "class Faulty(Relu):\n"
        "    kind = 'faulty'\n"
        "    @classmethod\n"
        "    def model_json_schema(cls, *_, **__):\n"
        "        raise RuntimeError('a fault')\n"
        "    slope: float = 0.5\n"
        "KINDS = [Kind(Faulty)]\n",
        "utf-8",
    )
    with serving("--kinds", str(kinds), "--stdio") as client:
        text = "archspec: 1\nname: a\ninput: [3]\nlayers:\n  - faulty: {slope: "
        uri = client.open(tmp_path / "net.yaml", text + "1}\n")
        assert client.diagnostics(uri) == []
        assert "faulty" in labels(client, uri, text, "  - ")
        assert client.at("completion", uri, 4, len("  - faulty: {slope: ")) is None
        assert "a fault" in client.notified("window/logMessage", type=1)["message"]
        assert client.at("hover", uri, 4, 6)["contents"]["value"]


def test_an_editor_that_goes_without_a_word_ends_the_server() -> None:
    client = Client()
    client.initialize()
    assert client.process.stdin is not None
    client.process.stdin.close()
    assert client.process.wait(timeout=60) == 1
    client.end()


def test_without_pygls_the_command_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "pygls.py").write_text("raise ModuleNotFoundError('no', name='pygls')\n")
    done = subprocess.run(
        [sys.executable, "-m", "archspec", "lsp"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert 'pip install "archspec-nn[lsp]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_kinds_that_cannot_be_read_are_an_error_of_usage(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.py")
    done = subprocess.run(
        [sys.executable, "-m", "archspec", "lsp", "--kinds", missing],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert missing in done.stderr
