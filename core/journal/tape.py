"""The bytes of a tape: frames of length, checksum and payload in one owner-only file, appended as a session runs.

What the payloads mean is the recorder's and the player's business. A torn last frame is where the session was killed.
"""

from __future__ import annotations

import os
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
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: the tape cannot be read ({error.strerror})") from None
    if not data.startswith(MAGIC):
        raise BadInput(f"{path}: not a tape of this version; make one by kalshi-trader run --record FILE")
    offset = len(MAGIC)
    while offset < len(data):
        end = offset + FRAME.size
        length, checksum = FRAME.unpack_from(data, offset) if end <= len(data) else (0, 0)
        if end > len(data) or end + length > len(data):
            return  # torn: the session was killed while it wrote
        payload = data[end : end + length]
        if length > FRAME_LIMIT or zlib.crc32(payload) != checksum:
            raise BadInput(f"{path}: damaged at byte {offset}; nothing behind it is believed")
        yield payload
        offset = end + length
