"""Where the entries of a zip archive lie in its file.

Only what PyTorch writes: entries that are neither compressed nor encrypted, whose bytes can so be
used where they are. The standard library's `zipfile` reads them through copies, and inflates
whatever it is told to. The layout is PKWARE's APPNOTE 6.3.10, sections 4.3.7 to 4.3.16 and 4.5.3.
"""

from __future__ import annotations

import mmap
import struct
from typing import Any, NamedTuple

from archspec.weights.stored import DAMAGED, Unreadable
from archspec.weights.words import quoted

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_END_64_LOCATOR = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")

_COMMENT_LIMIT = 65535
_ENTRY_LIMIT = 200_000
_IN_ZIP_64 = 0xFFFFFFFF
_ENCRYPTED = 1


class Extent(NamedTuple):
    """A stretch of a file, in bytes."""

    offset: int
    length: int


class _Entry(NamedTuple):
    """What the archive's directory says of an entry; `header` is where its local header is."""

    header: int
    length: int
    is_plain: bool


class Zip:
    """The entries of an archive, by name. Raises Unreadable where it is malformed."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._entries = _directory(data)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._entries)

    def extent(self, name: str) -> Extent:
        """Where the bytes of the entry lie. Raises Unreadable if it is missing or compressed."""
        entry = self._entries.get(name)
        if entry is None:
            raise Unreadable(f"the archive has no {quoted(name)}", DAMAGED)
        if not entry.is_plain:
            raise Unreadable(
                f"the archive's {quoted(name)} is compressed, which PyTorch never does",
                "Unpack the archive and pack it again without compression: `zip -0 -r`.",
            )
        signature, *_, name_length, extra_length = _unpack(_LOCAL, self._data, entry.header)
        offset = entry.header + _LOCAL.size + name_length + extra_length
        if signature != b"PK\3\4" or offset + entry.length > len(self._data):
            raise Unreadable(f"the archive's {quoted(name)} is not where it should be", DAMAGED)
        return Extent(offset, entry.length)


def _directory(data: mmap.mmap) -> dict[str, _Entry]:
    count, position = _directory_place(data)
    if count > _ENTRY_LIMIT:
        raise Unreadable(f"the archive has {count:,} entries; {_ENTRY_LIMIT:,} are allowed")
    entries: dict[str, _Entry] = {}
    for _ in range(count):
        fields = _unpack(_CENTRAL, data, position)
        signature, flags, method = fields[0], fields[3], fields[4]
        packed_length, length, name_length, extra_length, comment_length = fields[8:13]
        name_at = position + _CENTRAL.size
        extra_at = name_at + name_length
        position = extra_at + extra_length + comment_length
        if signature != b"PK\1\2" or position > len(data):
            raise Unreadable("the archive's directory is malformed", DAMAGED)
        name = data[name_at:extra_at].decode("utf-8", "backslashreplace")
        if name in entries:
            raise Unreadable(f"the archive has {quoted(name)} twice", DAMAGED)
        length, packed_length, header = _wide(
            (length, packed_length, fields[16]), data[extra_at : extra_at + extra_length]
        )
        is_plain = method == 0 and not flags & _ENCRYPTED and packed_length == length
        entries[name] = _Entry(header, length, is_plain)
    return entries


def _directory_place(data: mmap.mmap) -> tuple[int, int]:
    """How many entries the directory has, and where it begins."""
    end = data.rfind(b"PK\5\6", max(0, len(data) - _END.size - _COMMENT_LIMIT))
    if end < 0:
        raise Unreadable("the archive has no directory at its end", DAMAGED)
    *_, count, _, offset, _ = _unpack(_END, data, end)
    locator = end - _END_64_LOCATOR.size
    if locator < 0 or data[locator : locator + 4] != b"PK\6\7":
        return count, offset
    _, _, end_64, _ = _unpack(_END_64_LOCATOR, data, locator)
    signature, *_, count, _, offset = _unpack(_END_64, data, end_64)
    if signature != b"PK\6\6":
        raise Unreadable("the archive's directory is malformed", DAMAGED)
    return count, offset


def _wide(numbers: tuple[int, int, int], extra: bytes) -> tuple[int, ...]:
    """The numbers, with those that need 64 bits taken from the extra field that holds them."""
    position = 0
    wide: list[int] = []
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            field = extra[position + 4 : position + 4 + length]
            wide = [value for (value,) in struct.iter_unpack("<Q", field[: len(field) // 8 * 8])]
        position += 4 + length
    if numbers.count(_IN_ZIP_64) > len(wide):
        raise Unreadable("the archive's directory is malformed", DAMAGED)
    rest = iter(wide)
    return tuple(next(rest) if number == _IN_ZIP_64 else number for number in numbers)


def _unpack(layout: struct.Struct, data: mmap.mmap, offset: int) -> tuple[Any, ...]:
    """The fields of the record at the offset."""
    if offset + layout.size > len(data):
        raise Unreadable("the archive ends before its directory says", DAMAGED)
    return layout.unpack_from(data, offset)
