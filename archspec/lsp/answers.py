"""What an editor asks, put to the features, and their answers in the protocol's words."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from archspec.diagnostics import Sink, Source, Span
from archspec.layers.documentation import documentation
from archspec.lsp import completion as completing
from archspec.lsp import diagnostics as finding
from archspec.lsp import hints as hinting
from archspec.lsp import hover as hovering
from archspec.lsp import rename as renaming
from archspec.lsp import symbols as outlining
from archspec.lsp.analysis import Analysis, is_spec
from archspec.lsp.candidates import Item
from archspec.lsp.definition import definition, references
from archspec.lsp.documents import Document
from archspec.lsp.server import QUIET, Answer, Server

_REQUEST_FAILED = -32803
"""The protocol's code of a request that is right, and cannot be met."""

_ITEMS = {
    "section": types.CompletionItemKind.Property,
    "kind": types.CompletionItemKind.Class,
    "structure": types.CompletionItemKind.Keyword,
    "block": types.CompletionItemKind.Function,
    "field": types.CompletionItemKind.Field,
    "word": types.CompletionItemKind.EnumMember,
    "variable": types.CompletionItemKind.Variable,
    "value": types.CompletionItemKind.Reference,
    "file": types.CompletionItemKind.File,
}
_SYMBOLS = {
    "section": types.SymbolKind.Namespace,
    "variable": types.SymbolKind.Variable,
    "block": types.SymbolKind.Function,
    "step": types.SymbolKind.Object,
}


# Documents


def _initialized(server: Server, params: types.InitializedParams) -> None:
    """Ask to be told of files that change, and read the documentation of every kind ahead, one at a
    time, so that no answer waits for it.
    """
    workspace = server.client_capabilities.workspace
    watching = workspace.did_change_watched_files if workspace else None
    if watching and watching.dynamic_registration:
        watchers = [types.FileSystemWatcher("**/*.{yaml,yml}")]
        options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
        method = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
        asked = types.RegistrationParams([types.Registration("files", method, options)])
        server.client_register_capability(asked)
    loop = asyncio.get_running_loop()
    kinds = iter(list(server.documents.vocabulary.layers))

    def read_next() -> None:
        word = next(kinds, None)
        if word is not None:
            documentation(server.documents.vocabulary.layers[word])
            loop.call_soon(read_next)
        else:
            # What is there now stays, and looking for garbage in it would take longer than answers.
            gc.collect()
            gc.freeze()

    loop.call_soon(read_next)


def _shutdown(server: Server, params: None) -> None:
    server.is_shut_down = True


def _opened(server: Server, params: types.DidOpenTextDocumentParams) -> None:
    server.changed(params.text_document.uri, params.text_document.text, 0)


def _changed(server: Server, params: types.DidChangeTextDocumentParams) -> None:
    uri = params.text_document.uri
    server.changed(uri, server.workspace.get_text_document(uri).source, QUIET)


def _saved(server: Server, params: types.DidSaveTextDocumentParams) -> None:
    server.tell(params.text_document.uri)


def _closed(server: Server, params: types.DidCloseTextDocumentParams) -> None:
    server.documents.remove(params.text_document.uri)
    server.tell(params.text_document.uri)


def _files_changed(server: Server, params: types.DidChangeWatchedFilesParams) -> None:
    server.documents.files_changed()
    for document in list(server.documents):
        if document.taken:
            server.tell(document.uri)


# Features


def _read(server: Server, params: Any) -> Analysis | None:
    return server.documents.analysis(params.text_document.uri)


def _hover(server: Server, params: types.HoverParams) -> types.Hover | None:
    uri = params.text_document.uri
    analysis, document = _read(server, params), server.documents.get(uri)
    if analysis is None or document is None:
        return None
    line, column = server.place(uri, params.position)
    shift = 0
    if not analysis.is_read and document.readable is not None:
        # Where the line is still what it was, so is what there is to say of it.
        readable = document.readable
        was = hinting.line_before(line, readable.lines(), analysis.lines())
        if was is not None:
            analysis, shift, line = readable, line - was, was
    found = hovering.hover(analysis, line, column)
    if found is None:
        return None
    span = found.span
    at = span._replace(line=span.line + shift, end_line=span.end_line + shift)
    return types.Hover(_markdown(found.text), server.range(at))


def _markdown(text: str) -> types.MarkupContent:
    return types.MarkupContent(types.MarkupKind.Markdown, text)


def _hints(server: Server, params: types.InlayHintParams) -> list[types.InlayHint]:
    uri = params.text_document.uri
    analysis, document = _read(server, params), server.documents.get(uri)
    if analysis is None or document is None:
        return []
    first, last = (server.place(uri, at)[0] for at in (params.range.start, params.range.end))
    if analysis.is_read or document.readable is None:
        found = hinting.hints(analysis, first, last)
    else:
        old = document.readable
        every = hinting.still_there(hinting.hints(old), old.lines(), analysis.lines())
        found = (hint for hint in every if first <= hint.place[0] <= last)
    positions = server.positions(document.text)
    return [
        types.InlayHint(
            position=types.Position(*positions.position(*hint.place)),
            label=hint.text,
            kind=types.InlayHintKind.Type,
            tooltip=_markdown(hint.tooltip) if hint.tooltip else None,
            padding_left=True,
        )
        for hint in found
    ]


def _definition(server: Server, params: types.DefinitionParams) -> types.Location | None:
    analysis = _read(server, params)
    if analysis is None:
        return None
    found = definition(analysis, *server.place(params.text_document.uri, params.position))
    return server.location(found) if found else None


def _references(server: Server, params: types.ReferenceParams) -> list[types.Location]:
    analysis = _read(server, params)
    if analysis is None:
        return []
    place = server.place(params.text_document.uri, params.position)
    declared = params.context.include_declaration
    return [server.location(span) for span in references(analysis, *place, declared)]


def _highlights(
    server: Server, params: types.DocumentHighlightParams
) -> list[types.DocumentHighlight]:
    analysis = _read(server, params)
    if analysis is None:
        return []
    place = server.place(params.text_document.uri, params.position)
    return [types.DocumentHighlight(server.range(at)) for at in references(analysis, *place)]


def _symbols(server: Server, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    analysis = _read(server, params)
    return [] if analysis is None else [_symbol(one, server) for one in outlining.symbols(analysis)]


def _symbol(symbol: outlining.Symbol, server: Server) -> types.DocumentSymbol:
    return types.DocumentSymbol(
        name=symbol.name,
        kind=_SYMBOLS[symbol.sort],
        range=server.range(symbol.whole),
        selection_range=server.range(symbol.at),
        detail=symbol.detail or None,
        children=[_symbol(one, server) for one in symbol.inside],
    )


# Completion


def _completion(server: Server, params: types.CompletionParams) -> types.CompletionList | None:
    uri = params.text_document.uri
    document = server.documents.get(uri)
    if document is None:
        return None
    line, column = server.place(uri, params.position)
    source = Source(document.path, document.text.removeprefix("\ufeff"), Path(document.path).parent)
    if is_spec(document.text):
        vocabulary = server.documents.vocabulary
        found = completing.complete(source, line, column, vocabulary, document.readable)
    else:
        found = completing.begin(source, line, column)
    at = server.range(found.span)
    with_snippets = _takes_snippets(server)
    items = [_item(item, number, at, with_snippets) for number, item in enumerate(found.items)]
    return types.CompletionList(is_incomplete=False, items=items)


def _takes_snippets(server: Server) -> bool:
    said = server.client_capabilities.text_document
    items = said.completion.completion_item if said and said.completion else None
    return bool(items and items.snippet_support)


def _item(item: Item, number: int, at: types.Range, with_snippets: bool) -> types.CompletionItem:
    snippet = item.is_snippet and with_snippets
    text = item.label if item.is_snippet and not snippet else item.insert or item.label
    return types.CompletionItem(
        label=item.label,
        kind=_ITEMS[item.sort],
        detail=item.detail or None,
        documentation=_markdown(item.text) if item.text else None,
        sort_text=f"{number:04}",
        filter_text=item.label,
        text_edit=types.TextEdit(at, text),
        insert_text_format=types.InsertTextFormat.Snippet if snippet else None,
        insert_text_mode=types.InsertTextMode.AdjustIndentation if snippet else None,
    )


# Edits


def _actions(server: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
    uri = params.text_document.uri
    analysis = _read(server, params)
    wanted = params.context.only
    if analysis is None or (wanted and not any(map(_wants_fixes, wanted))):
        return []
    first, last = (server.place(uri, at)[0] for at in (params.range.start, params.range.end))
    return [
        types.CodeAction(
            title=fix.title,
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[server.diagnostic(diagnostic)],
            is_preferred=fix is diagnostic.fix,
            edit=server.workspace_edit(fix.edits),
        )
        for diagnostic, fix in finding.fixes(analysis, first, last)
    ]


def _wants_fixes(kind: str) -> bool:
    """Whether who asks for actions of a kind asks for quick fixes."""
    name = str(getattr(kind, "value", kind))
    return name in ("quickfix", "")


def _prepare_rename(
    server: Server, params: types.PrepareRenameParams
) -> types.PrepareRenamePlaceholder | None:
    analysis = _read(server, params)
    if analysis is None:
        return None
    place = server.place(params.text_document.uri, params.position)
    found = _or_say_why(lambda: renaming.renamed_at(analysis, *place))
    return types.PrepareRenamePlaceholder(server.range(found.span), found.name)


def _rename(server: Server, params: types.RenameParams) -> types.WorkspaceEdit | None:
    uri = params.text_document.uri
    analysis, document = _read(server, params), server.documents.get(uri)
    if analysis is None or document is None:
        return None
    place = server.place(uri, params.position)
    edits = _or_say_why(
        lambda: renaming.rename(
            analysis,
            *place,
            params.new_name,
            server.documents.compiled,
            _others(server, document),
        )
    )
    return server.workspace_edit(edits)


def _others(server: Server, document: Document) -> Iterator[tuple[Path, str]]:
    """The specs that may take something from a document: those that are open, and those near it."""
    for other in server.documents:
        yield Path(other.path), other.text
    yield from renaming.sources_near(Path(document.path))


def _or_say_why(answer: Callable[[], Any]) -> Any:
    """An answer, or the reason why the name cannot be changed, for the client to show."""
    try:
        return answer()
    except renaming.RenameError as error:
        raise JsonRpcException(str(error), _REQUEST_FAILED) from None


def _format(server: Server, params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
    from archspec.formatting import FormattingFault, format_source

    document = server.documents.get(params.text_document.uri)
    if document is None or not is_spec(document.text):
        return None
    text = document.text.removeprefix("\ufeff")
    source = Source(document.path, text, Path(document.path).parent)
    try:
        laid_out = format_source(source, Sink())
    except FormattingFault:
        server.fault()
        return None
    if laid_out is None or laid_out == text:
        return []
    before, now = text.splitlines(True), laid_out.splitlines(True)
    above, below = hinting.unchanged(before, now)
    first, last = above + 1, len(before) - below + 1
    at = server.range(Span(first, 1, last, 1, source))
    return [types.TextEdit(at, "".join(now[above : len(now) - below]))]


ANSWERS = {
    types.INITIALIZED: Answer(_initialized),
    types.SHUTDOWN: Answer(_shutdown),
    types.TEXT_DOCUMENT_DID_OPEN: Answer(_opened),
    types.TEXT_DOCUMENT_DID_CHANGE: Answer(_changed),
    types.TEXT_DOCUMENT_DID_SAVE: Answer(_saved),
    types.TEXT_DOCUMENT_DID_CLOSE: Answer(_closed),
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: Answer(_files_changed),
    types.TEXT_DOCUMENT_HOVER: Answer(_hover),
    types.TEXT_DOCUMENT_INLAY_HINT: Answer(_hints),
    types.TEXT_DOCUMENT_DEFINITION: Answer(_definition),
    types.TEXT_DOCUMENT_REFERENCES: Answer(_references),
    types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT: Answer(_highlights),
    types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: Answer(_symbols),
    types.TEXT_DOCUMENT_COMPLETION: Answer(
        _completion, types.CompletionOptions(trigger_characters=["$", " ", "{", "[", ","])
    ),
    types.TEXT_DOCUMENT_CODE_ACTION: Answer(
        _actions, types.CodeActionOptions([types.CodeActionKind.QuickFix])
    ),
    types.TEXT_DOCUMENT_PREPARE_RENAME: Answer(_prepare_rename),
    types.TEXT_DOCUMENT_RENAME: Answer(_rename, types.RenameOptions(prepare_provider=True)),
    types.TEXT_DOCUMENT_FORMATTING: Answer(_format),
}
"""What answers each method."""
