"""The documents that an editor has open, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from archspec.kinds import Vocabulary
from archspec.lsp.analysis import Analysis, analyse, is_spec
from archspec.pipeline import Compiled, compile_bytes


@lru_cache(maxsize=256)
def resolved(path: str) -> Path:
    """The one path of a file, whatever it is called."""
    return Path(path).resolve()


class Document:
    """One open document: its text, and what was last known of it."""

    def __init__(self, uri: str, path: str, text: str) -> None:
        self.uri = uri
        self.path = path
        self.file = resolved(path)
        self.text = text
        self.latest: Analysis | None = None
        self.readable: Analysis | None = None
        """The last that could be read."""
        self.taken: frozenset[Path] = frozenset()
        """The files that it took something from."""
        self.seen = -1


class _Texts(dict[Path, bytes]):
    """The texts of open files; `asked` are the files that were looked for."""

    def __init__(self, texts: Mapping[Path, bytes]) -> None:
        super().__init__(texts)
        self.asked: set[Path] = set()

    def __contains__(self, path: object) -> bool:
        if isinstance(path, Path):
            self.asked.add(path)
        return super().__contains__(path)


class Documents:
    """Open documents by URI. What is open counts, and not what lies on the disk."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._documents: dict[str, Document] = {}
        self._time = 0
        """Counts the changes."""
        self._changed: dict[Path, int] = {}
        self._disk_changed = 0

    def __iter__(self) -> Iterator[Document]:
        return iter(self._documents.values())

    def get(self, uri: str) -> Document | None:
        return self._documents.get(uri)

    def at(self, file: Path) -> Document | None:
        """The open document of a file."""
        return next((document for document in self if document.file == file), None)

    def put(self, uri: str, path: str, text: str) -> Document:
        """Open a document, or give it another text."""
        document = self._documents.setdefault(uri, Document(uri, path, text))
        document.text = text
        document.seen = -1
        self._note_change(document.file)
        return document

    def remove(self, uri: str) -> None:
        document = self._documents.pop(uri, None)
        if document is not None:
            self._note_change(document.file)

    def _note_change(self, file: Path) -> None:
        self._time += 1
        self._changed[file] = self._time

    def files_changed(self) -> None:
        """Something on the disk is another."""
        self._time += 1
        self._disk_changed = self._time

    def takers(self, file: Path) -> list[Document]:
        """The documents that took something from a file."""
        return [document for document in self if file in document.taken]

    def analysis(self, uri: str) -> Analysis | None:
        """What is known of a document as it is now; None where it is no spec."""
        document = self.get(uri)
        if document is None or not is_spec(document.text):
            return None
        if document.latest is None or self._is_old(document):
            texts = _Texts(self._opened())
            before = document.readable
            latest = analyse(document.path, document.text, self.vocabulary, texts, before)
            document.latest, document.seen = latest, self._time
            document.taken = frozenset(texts.asked)
            if latest.is_read:
                document.readable = latest
        return document.latest

    def _is_old(self, document: Document) -> bool:
        """Whether the document, or what it takes something from, has changed."""
        changes = [self._changed.get(file, 0) for file in document.taken]
        if document.taken:
            changes.append(self._disk_changed)
        return document.seen < 0 or document.seen < max(changes, default=0)

    def compiled(self, path: Path, text: str, instead: Mapping[Path, str]) -> Compiled:
        """What the text of a file would come to, with other texts `instead` of some files'."""
        others = {other: _bytes(data) for other, data in instead.items()}
        opened = {**self._opened(), **others}
        return compile_bytes(str(path), _bytes(text), {}, self.vocabulary, opened)

    def _opened(self) -> dict[Path, bytes]:
        return {document.file: _bytes(document.text) for document in self}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
