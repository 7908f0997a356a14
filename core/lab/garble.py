"""Contents gone wrong on the line: frames of one type are changed on their way to the trader, and counted.

It works on the bytes of a WebSocket message as the exchange wrote them, so that both readers, the trader's and the
auditor's, get the same wrong thing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Change = Callable[[Json], Any]
TEXT = 0x81


class Garble:
    """What is changed now: by frame type, how, and how often still."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._on: dict[str, tuple[str, Change, int]] = {}

    def begin(self, name: str, kind: str, change: Change, times: int) -> None:
        """Change the next `times` frames of a type."""
        self._on[kind] = (name, change, times)

    def end(self, kind: str) -> None:
        self._on.pop(kind, None)

    def __call__(self, data: bytes) -> bytes:
        """The bytes that arrive instead."""
        if not self._on:
            return data
        found, at = [], 0
        while (end := _end(data, at)) is not None:
            found.append(self._altered(data[at:end]))
            at = end
        return b"".join(found) + data[at:]

    def _altered(self, data: bytes) -> bytes:
        payload = data[2:] if data[1] < 126 else data[4:] if data[1] == 126 else data[10:]
        for kind, (name, change, left) in self._on.items():
            if left and payload.startswith(b'{"type":"' + kind.encode() + b'"'):
                self._on[kind] = (name, change, left - 1)
                self.counts[name] += 1
                made = change(json.loads(payload))
                return _frame(made if isinstance(made, bytes) else json.dumps(made).encode())
        return data


def _end(data: bytes, at: int) -> int | None:
    """Where the whole text message that begins here ends; None where none does."""
    if len(data) < at + 2 or data[at] != TEXT:
        return None
    size, start = data[at + 1], at + 2
    if size == 126:
        size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
    elif size == 127:
        size, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
    return start + size if start + size <= len(data) else None


def _frame(payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((TEXT, size)) + payload
    if size < 65_536:
        return bytes((TEXT, 126)) + size.to_bytes(2, "big") + payload
    return bytes((TEXT, 127)) + size.to_bytes(8, "big") + payload


# ---- changes -----------------------------------------------------------------------------------------------------


def setting(**values: Any) -> Change:
    """Fields of the message set to something."""
    return lambda frame: frame | {"msg": frame["msg"] | values}


def without(*names: str) -> Change:
    """Fields of the message left out."""
    return lambda frame: frame | {"msg": {key: value for key, value in frame["msg"].items() if key not in names}}


def outer(**values: Any) -> Change:
    """Fields beside the message set to something."""
    return lambda frame: frame | values


def nested(_frame: Json) -> bytes:
    """Nesting without end."""
    return b"[" * 5_000


def doubled_key(frame: Json) -> bytes:
    """A field twice with two values."""
    text = json.dumps(frame)
    return (text[:-1] + ', "seq": 1}').encode()
