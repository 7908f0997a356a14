"""Outlook: what other programs are told of the trader, as messages. Read-only; every message is described in
docs/broadcast.md, and a test holds real ones against that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from core.trading.document import history_document, status_document
from core.trading.snapshot import StatusEntry, TraderSnapshot
from core.trading.summary import render_summary
from core.trading.timetext import iso_text

_encode = msgspec.json.Encoder(decimal_format="number").encode
HISTORY_LIMIT = 100


class Ask(msgspec.Struct, forbid_unknown_fields=True):
    """What a listener may ask."""

    ask: Literal["status", "summary", "history"]
    limit: int = 20


_decode = msgspec.json.Decoder(Ask).decode


class Outlook:
    """Messages over the present picture; `history` gives the last rows of the status history."""

    def __init__(
        self, snapshot: Callable[[], TraderSnapshot], history: Callable[[int], tuple[StatusEntry, ...]]
    ) -> None:
        self._snapshot = snapshot
        self._history = history

    def news(self) -> object:
        """Equal for two pictures that differ in ages only."""
        s = self._snapshot()
        health = tuple((c.name, c.status) for c in s.components)
        return (
            s.state,
            s.calibration,
            health,
            s.activity,
            s.errors,
            s.breaker,
            s.orders,
            s.positions,
            s.counters,
            s.exit,
        )

    def status(self) -> bytes:
        """State, services, recent activity, errors and the debug summary."""
        s = self._snapshot()
        head: dict[str, Any] = {"type": "status", "version": s.version, "timestamp": iso_text(s.taken_at)}
        return _encode(head | status_document(s) | {"summary": self._summary(s)})

    def answer(self, ask: bytes) -> bytes:
        """The reply to an ask; one that cannot be understood is told so."""
        try:
            found = _decode(ask)
        except (msgspec.DecodeError, UnicodeDecodeError):
            text = 'ask {"ask": "status"}, {"ask": "summary"} or {"ask": "history", "limit": 20}'
            return _encode({"type": "error", "error": text})
        if found.ask == "status":
            return self.status()
        if found.ask == "summary":
            return _encode({"type": "summary", "text": self._summary(self._snapshot())})
        limit = max(1, min(found.limit, HISTORY_LIMIT))
        return _encode({"type": "history", "limit": limit, "entries": history_document(self._history(limit))})

    @staticmethod
    def _summary(s: TraderSnapshot) -> str:
        return render_summary(s, s.taken_at)
