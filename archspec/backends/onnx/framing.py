"""Protobuf's wire format, as much of it as it takes to write a large message in pieces.

A message is a run of fields in any order: a tag, then the value. The tag is a varint of the field's
number and its wire type; a field that holds bytes, text or another message has wire type 2, and
its value is the length as a varint, then that many bytes
(https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

_LENGTH_DELIMITED = 2


def varint(number: int) -> bytes:
    """`number`, at least 0, seven bits a byte from the lowest, all but the last with the top bit
    set.
    """
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def field_header(field: int, length: int) -> bytes:
    """What stands before the `length` bytes of the value of field number `field`."""
    return varint(field << 3 | _LENGTH_DELIMITED) + varint(length)
