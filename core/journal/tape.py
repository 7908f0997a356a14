"""The bytes of a tape: frames of length, checksum and payload in one owner-only file, appended as a session runs.

What the payloads mean is the recorder's and the player's business. A torn last frame is where the session was killed.
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from core.domain.errors import BadInput

FRAME = struct.Struct("<II")
FRAME_LIMIT = 64 << 20
MAGIC = b"kalshi-trader tape 1\n"
FLUSH_BYTES = 1 << 12


class TapeFile:
    """A new tape. BadInput when it cannot be made; an older one of the same name makes room, a link is not followed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting = bytearray(MAGIC)
        try:
            if path.is_file() and not path.is_symlink():
                path.unlink()
            self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise BadInput(f"{path}: the tape cannot be written ({error.strerror})") from None

    def write(self, payload: bytes) -> None:
        """Append a frame; some wait in memory for the next ones. OSError when the disk takes no more."""
        self._waiting += FRAME.pack(len(payload), zlib.crc32(payload))
        self._waiting += payload
        if len(self._waiting) >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        while self._waiting:
            del self._waiting[: os.write(self._handle, self._waiting)]

    def close(self) -> None:
        """Write what waits and let go of the file."""
        try:
            self.flush()
        finally:
            os.close(self._handle)


def read_tape(path: Path) -> Iterator[bytes]:
    """The payloads in order. BadInput for what is no tape or is damaged before its end."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadInput(f"{path}: no regular file")
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: the tape cannot be read ({error.strerror})") from None
    if not data.startswith(MAGIC):
        raise BadInput(f"{path}: not a tape of this version; make one by kalshi-trader run --record FILE")
    offset = len(MAGIC)
    while offset < len(data):
        payload = _payload_at(data, offset)
        if payload is None:
            if _is_torn(data, offset):
                return  # the session was killed while it wrote
            raise BadInput(f"{path}: damaged at byte {offset}; nothing behind it is believed")
        yield payload
        offset += FRAME.size + len(payload)


def _payload_at(data: bytes, offset: int) -> bytes | None:
    if offset + FRAME.size > len(data):
        return None
    length, checksum = FRAME.unpack_from(data, offset)
    start = offset + FRAME.size
    if length > min(FRAME_LIMIT, len(data) - start):
        return None
    payload = data[start : start + length]
    return payload if zlib.crc32(payload) == checksum else None


def _is_torn(data: bytes, offset: int) -> bool:
    """A frame that wants more bytes than there are and that nothing readable follows; a length changed in the middle
    wants them too.
    """
    start = offset + FRAME.size
    if start <= len(data) and start + FRAME.unpack_from(data, offset)[0] <= len(data):
        return False
    return not any(_payload_at(data, later) for later in range(offset + 1, len(data) - FRAME.size))
