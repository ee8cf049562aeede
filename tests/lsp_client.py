"""A client of the language server over standard input and output, for tests and benchmarks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer
from typing import Any

CAPABILITIES: dict[str, Any] = {
    "textDocument": {
        "completion": {"completionItem": {"snippetSupport": True}},
        "rename": {"prepareSupport": True},
        "publishDiagnostics": {"relatedInformation": True, "tagSupport": {"valueSet": [1]}},
    },
}

PATIENCE = 120
"""Seconds that a server may live."""


class Failed(Exception):
    """The server answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error["code"]
        self.message: str = error["message"]


class Client:
    """Speaks JSON-RPC with a process. What comes without being asked for is in `notifications`."""

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        command = [sys.executable, "-m", "archspec", "lsp", *arguments]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        self.notifications: list[dict[str, Any]] = []
        self._number = 0
        # A server that does not answer is an end to what is read, and no test that waits for good.
        self._patience = Timer(PATIENCE, self.process.kill)
        self._patience.start()

    def initialize(self, encodings: Sequence[str] = (), **capabilities: Any) -> Any:
        """Introduce the client; what the server can do."""
        general = {"general": {"positionEncodings": list(encodings)}} if encodings else {}
        said = CAPABILITIES | general | capabilities
        answer = self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": said})
        self.tell("initialized", {})
        return answer["capabilities"]

    def ask(self, method: str, params: Any) -> Any:
        """The answer to a request. Raises Failed where that is an error."""
        return self.answer(self.send(method, params))

    def send(self, method: str, params: Any) -> int:
        """Send a request, and return its number."""
        self._number += 1
        self.write({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        return self._number

    def tell(self, method: str, params: Any) -> None:
        """Send a notification."""
        self.write({"jsonrpc": "2.0", "method": method, "params": params})

    def answer(self, number: int) -> Any:
        """The answer to the request of a number, once it has come."""
        while True:
            message = self.read()
            if message.get("id") == number and "method" not in message:
                if "error" in message:
                    raise Failed(message["error"])
                return message["result"]
            self._take(message)

    def notified(self, method: str, **wanted: Any) -> Any:
        """The params of the next notification of a method, with these among them."""
        while True:
            for message in self.notifications:
                params = message.get("params") or {}
                if message["method"] == method and wanted.items() <= params.items():
                    self.notifications.remove(message)
                    return params
            self._take(self.read())

    def _take(self, message: dict[str, Any]) -> None:
        if "method" in message and "id" in message:
            self.write({"jsonrpc": "2.0", "id": message["id"], "result": None})
        self.notifications.append(message)

    def write(self, message: Any) -> None:
        self.write_bytes(json.dumps(message).encode())

    def write_bytes(self, body: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def read(self) -> dict[str, Any]:
        """The next message. Raises EOFError where the server has gone."""
        assert self.process.stdout is not None and self.process.stderr is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        if not length:
            raise EOFError(self.process.stderr.read().decode())
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        return message

    # What an editor does

    def open(self, path: Path, text: str | None = None) -> str:
        """Open a file, or give it a text that is not on the disk; its URI."""
        uri = path.resolve().as_uri()
        text = path.read_text("utf-8") if text is None else text
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def change(self, uri: str, text: str, version: int = 2) -> None:
        """Give an open document another text."""
        document = {"uri": uri, "version": version}
        change = {"textDocument": document, "contentChanges": [{"text": text}]}
        self.tell("textDocument/didChange", change)

    def diagnostics(self, uri: str) -> list[dict[str, Any]]:
        """The diagnostics that are published next for a document."""
        found: list[dict[str, Any]] = self.notified("textDocument/publishDiagnostics", uri=uri)[
            "diagnostics"
        ]
        return found

    def at(self, method: str, uri: str, line: int, character: int, **more: Any) -> Any:
        """Ask something of a place of a document, which counts from 0."""
        position = {"line": line, "character": character}
        params = {"textDocument": {"uri": uri}, "position": position, **more}
        return self.ask(f"textDocument/{method}", params)

    def of(self, method: str, uri: str, **more: Any) -> Any:
        """Ask something of a document."""
        return self.ask(f"textDocument/{method}", {"textDocument": {"uri": uri}, **more})

    def close(self) -> int:
        """Shut the server down; its exit status."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        status = self.process.wait(timeout=PATIENCE)
        self.end()
        return status

    def end(self) -> None:
        """End the server, whatever it does."""
        self._patience.cancel()
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()


@contextmanager
def serving(*arguments: str, encodings: Sequence[str] = ()) -> Iterator[Client]:
    """A client of a server that is ready."""
    client = Client(arguments)
    try:
        client.initialize(encodings)
        yield client
        assert client.close() == 0
    finally:
        client.end()
