"""Outbox: what one step wants kept and done, in order. Filled by the pure parts, emptied by the engine's caller."""

from __future__ import annotations

from core.domain.effects import AnyEffect, Read, ReadKind
from core.domain.ids import ClientOrderId, OrderId, Ticker
from core.domain.records import Record
from core.trading.batching import gathered


class Outbox:
    """Records and effects of a step. Journal positions count records from the journal's last one on."""

    def __init__(self, journal_position: int = 0) -> None:
        self.records: list[Record] = []
        self.effects: list[AnyEffect] = []
        self.journal_position = journal_position
        self._requests = 0

    def record(self, record: Record) -> int:
        """Keep `record`; returns its journal position."""
        self.records.append(record)
        self.journal_position += 1
        return self.journal_position

    def do(self, effect: AnyEffect) -> None:
        self.effects.append(effect)

    def read(
        self,
        kind: ReadKind,
        *,
        since_ms: int | None = None,
        client_order_id: ClientOrderId | None = None,
        order_id: OrderId | None = None,
        ticker: Ticker | None = None,
    ) -> int:
        """Ask for a reading; returns the request id its answer will carry."""
        self._requests += 1
        self.do(
            Read(
                request_id=self._requests,
                kind=kind,
                since_ms=since_ms,
                client_order_id=client_order_id,
                order_id=order_id,
                ticker=ticker,
            )
        )
        return self._requests

    def take(self) -> tuple[list[Record], list[AnyEffect]]:
        """Hand over, what can go together in batches, and start anew."""
        if not self.effects and not self.records:
            return [], []
        records, effects = self.records, gathered(self.effects)
        self.records, self.effects = [], []
        return records, effects
