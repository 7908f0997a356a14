"""The journal's bytes: frames of length, checksum, position and a JSON payload. Pure: bytes in, records out.

A torn last frame is cut; anything unreadable before it is damage and is refused with its offset, never skipped.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import msgspec

from core.domain.errors import RefusedInput
from core.domain.records import Record

HEADER = struct.Struct("<IIQ")
FRAME_LIMIT = 1 << 20

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Record)


def encode_frame(position: int, record: Record) -> bytes:
    payload = _encoder.encode(record)
    return HEADER.pack(len(payload), zlib.crc32(payload, position & 0xFFFFFFFF), position) + payload


@dataclass(frozen=True, slots=True)
class Prefix:
    """What could be read: the records, and how many bytes of the data they take."""

    records: tuple[Record, ...]
    length: int


def decode_frames(data: bytes, first_position: int) -> Prefix:
    """The valid prefix of a segment. RefusedInput when a frame before the last one is damaged.

    A frame is the torn tail when it cannot be read and nothing readable follows it.
    """
    records: list[Record] = []
    offset, position = 0, first_position
    while offset < len(data):
        found = _frame_at(data, offset, position)
        if found is None:
            if _anything_readable_after(data, offset + 1, position):
                raise RefusedInput(f"damaged at byte {offset}, before the end; nothing was skipped")
            break
        record, offset = found
        records.append(record)
        position += 1
    return Prefix(tuple(records), offset)


def _frame_at(data: bytes, offset: int, position: int | None) -> tuple[Record, int] | None:
    if offset + HEADER.size > len(data):
        return None
    length, checksum, found = HEADER.unpack_from(data, offset)
    end = offset + HEADER.size + length
    if length > FRAME_LIMIT or end > len(data) or (position is not None and found != position):
        return None
    payload = data[offset + HEADER.size : end]
    if zlib.crc32(payload, found & 0xFFFFFFFF) != checksum:
        return None
    try:
        return _decoder.decode(payload), end
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _anything_readable_after(data: bytes, start: int, position: int) -> bool:
    """True when a whole frame of a later position starts somewhere behind `start`."""
    for offset in range(start, len(data) - HEADER.size):
        _, _, found = HEADER.unpack_from(data, offset)
        if position <= found < position + len(data) and _frame_at(data, offset, None) is not None:
            return True
    return False
