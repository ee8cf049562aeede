"""The language server: the open documents, what is published of them, and places and edits in the
protocol's words. With `answers.py`, it is the only importer of pygls and lsprotocol.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from lsprotocol import types
from pygls.exceptions import FeatureRequestError, JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol
from pygls.uris import from_fs_path

from archspec import __version__
from archspec.diagnostics import Diagnostic, Edit, Label, Severity, Span
from archspec.kinds import Vocabulary
from archspec.lsp import diagnostics as finding
from archspec.lsp.documents import Documents, resolved
from archspec.lsp.positions import Positions

QUIET = 0.15
"""Seconds without a change after which a text is told about."""

MOST_SHOWN = 200
"""Diagnostics of a file; whoever has more has one cause."""

_SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
}


class Answer(NamedTuple):
    """What answers a method, and what the client is told of it when the two meet."""

    function: Callable[[Server, Any], Any]
    options: Any = None


@lru_cache(maxsize=8)
def _positions(text: str, encoding: str) -> Positions:
    return Positions(text, encoding)


class _Protocol(LanguageServerProtocol):
    """The protocol, with an answer to a request that is not of its form: pygls gives none, and the
    client would wait for good.
    """

    def structure_message(self, data: dict[str, Any]) -> Any:
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "id" in data and "method" in data:
                self._send_response(data["id"], error=error.to_response_error())
            raise


class Server(LanguageServer):
    """A language server for specs."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        # A whole text is what no two counts of lines can differ about.
        sync = types.TextDocumentSyncKind.Full
        super().__init__("archspec", __version__, sync, protocol_cls=_Protocol)
        # What goes wrong is told to the client's log, and not on standard error, too.
        logging.getLogger("pygls").propagate = False
        logging.getLogger("pygls").addHandler(logging.NullHandler())
        self.documents = Documents(vocabulary)
        self.is_shut_down = False
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._told: dict[str, dict[Path, list[Diagnostic]]] = {}
        """What each open document has to say, by the file that it is about."""
        self._uris: dict[Path, str] = {}
        """What the client calls the files that it has, or had, open."""

    # Places

    def positions(self, text: str) -> Positions:
        return _positions(text, str(getattr(self._encoding, "value", self._encoding)))

    @property
    def _encoding(self) -> Any:
        return self.workspace.position_encoding or "utf-16"

    def range(self, span: Span) -> types.Range:
        """A span's place in its text, or in the one that is open in that text's place."""
        document = self.documents.at(resolved(span.source.path))
        text = document.text if document else span.source.text
        start, end = self.positions(text).range(span)
        return types.Range(types.Position(*start), types.Position(*end))

    def location(self, span: Span) -> types.Location:
        return types.Location(self._uri(resolved(span.source.path)), self.range(span))

    def _uri(self, path: Path) -> str:
        return self._uris.get(path) or from_fs_path(str(path)) or ""

    def place(self, uri: str, position: types.Position) -> tuple[int, int]:
        document = self.documents.get(uri)
        text = document.text if document else ""
        return self.positions(text).place(position.line, position.character)

    # Diagnostics

    def changed(self, uri: str, text: str, wait: float) -> None:
        """Take a document's text, and tell about it once nothing has changed for a while."""
        path = self.workspace.get_text_document(uri).path
        self.documents.put(uri, path, text)
        self._uris[resolved(path)] = uri
        if uri in self._waiting:
            self._waiting.pop(uri).cancel()
        if wait:
            loop = asyncio.get_running_loop()
            self._waiting[uri] = loop.call_later(wait, self._safely, self.tell, uri)
        else:
            self.tell(uri)

    def tell(self, uri: str) -> None:
        """Publish what there is to say of a document, and of those that take something from it."""
        self._waiting.pop(uri, None)
        file = resolved(self.workspace.get_text_document(uri).path)
        others = [one.uri for one in self.documents.takers(file) if one.uri != uri]
        affected: set[Path] = set()
        for one in (uri, *others):
            analysis = self.documents.analysis(one)
            before = self._told.pop(one, {})
            now = finding.by_file(analysis) if analysis else {}
            if now:
                self._told[one] = now
            affected |= before.keys() | now.keys()
        for path in sorted(affected):
            self._publish(path)
        workspace = self.client_capabilities.workspace
        hints = workspace.inlay_hint if workspace else None
        if others and hints and hints.refresh_support:
            self.workspace_inlay_hint_refresh(None)

    def _publish(self, path: Path) -> None:
        told = [one for said in self._told.values() for one in said.get(path, ())]
        once = {(one.code, one.span[:4], one.message): one for one in told}
        found = [self.diagnostic(one) for one in list(once.values())[:MOST_SHOWN]]
        uri, version = self._uri(path), None
        if self.documents.at(path):  # By it, a client tells what is said of a text that was.
            version = self.workspace.get_text_document(uri).version
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, version))

    def diagnostic(self, diagnostic: Diagnostic) -> types.Diagnostic:
        help = f"\nhelp: {diagnostic.help}" if diagnostic.help else ""
        tags = [types.DiagnosticTag.Unnecessary] if diagnostic.code in finding.UNUSED else None
        return types.Diagnostic(
            range=self.range(diagnostic.span),
            severity=_SEVERITIES[diagnostic.severity],
            code=diagnostic.code,
            source="archspec",
            message=f"{diagnostic.message}{help}",
            tags=tags,
            related_information=[*self._related((*diagnostic.labels, *diagnostic.trail))] or None,
        )

    def _related(self, labels: Iterable[Label]) -> Iterator[types.DiagnosticRelatedInformation]:
        for label in labels:
            yield types.DiagnosticRelatedInformation(self.location(label.span), label.text)

    # Edits

    def text_edits(self, edits: Iterable[Edit]) -> list[types.TextEdit]:
        return [types.TextEdit(self.range(edit.span), edit.text) for edit in edits]

    def workspace_edit(self, edits: Iterable[Edit]) -> types.WorkspaceEdit:
        changes: dict[str, list[types.TextEdit]] = {}
        for edit in edits:
            uri = self._uri(resolved(edit.span.source.path))
            changes.setdefault(uri, []).extend(self.text_edits([edit]))
        return types.WorkspaceEdit(changes)

    # Faults

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Tell the client's log of what could not be read."""
        if source is not FeatureRequestError:  # Whoever asked has been answered so.
            self._log(f"{source.__name__}: {error}", types.MessageType.Warning)

    def fault(self) -> None:
        """Tell the client's log of a fault of archspec's own."""
        self._log(traceback.format_exc(), types.MessageType.Error)

    def _log(self, message: str, level: types.MessageType) -> None:
        self.window_log_message(types.LogMessageParams(level, message))

    def _safely(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            function(*arguments)
        except Exception:
            self.fault()

    # Answers

    def register(self, answers: Mapping[str, Answer]) -> None:
        """Answer the methods of a table."""
        for method, answer in answers.items():
            self.feature(method, answer.options)(partial(self._answer, answer.function))

    def _answer(self, function: Callable[[Server, Any], Any], params: Any) -> Any:
        """An answer. Of a fault, the client's log is told, and the answer is nothing."""
        try:
            return function(self, params)
        except JsonRpcException:
            raise  # It is the answer.
        except Exception:
            self.fault()
            return None
