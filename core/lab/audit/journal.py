"""The auditor's own reading of the journal: frames of length, checksum, position and JSON, one after the other."""

from __future__ import annotations

import json
import zlib
from typing import Any

HEAD = 16


class JournalBytes:
    """What was appended, and how much of it is on disk. `wrong` names the first frame that is none."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ends: list[int] = []
        self.records: list[dict[str, Any]] = []
        self.synced = 0
        self.wrong = ""
        self._at = 0

    def append(self, data: bytes) -> list[dict[str, Any]]:
        """The records that came with these bytes."""
        self.data += data
        found: list[dict[str, Any]] = []
        while not self.wrong and self._at + HEAD <= len(self.data):
            size = int.from_bytes(self.data[self._at : self._at + 4], "little")
            checksum = int.from_bytes(self.data[self._at + 4 : self._at + 8], "little")
            position = int.from_bytes(self.data[self._at + 8 : self._at + 16], "little")
            payload = bytes(self.data[self._at + HEAD : self._at + HEAD + size])
            if len(payload) < size:
                break
            if position != len(self.ends) + 1:
                self.wrong = f"position {position} after {len(self.ends)}"
            elif zlib.crc32(payload, position & 0xFFFFFFFF) != checksum:
                self.wrong = f"checksum of position {position}"
            else:
                found.append(json.loads(payload))
                self._at += HEAD + size
                self.ends.append(self._at)
        self.records += found
        return found

    def on_disk(self) -> list[dict[str, Any]]:
        """The records that would survive a loss of power now."""
        return self.records[: self.synced]
