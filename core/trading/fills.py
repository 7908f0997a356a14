"""FillProcessor: every fill once, from every source, in any order.

A trade id seen before is ignored when its contents agree and is an anomaly when they do not. Fills that were part of
the account before this session's first reading are known as `base` and never applied again. What is older than every
reading goes back is forgotten after a comparison, and a fill as old as that is not judged any more: a comparison tells.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from core.domain.events import FillReported
from core.domain.ids import OrderId, TradeId

FillKey = tuple[TradeId, OrderId]
FillFacts = tuple[str, str, int, int, int]


class Verdict(StrEnum):
    NEW = "new"
    KNOWN = "known"
    CONTRADICTS = "contradicts"
    TOO_OLD = "too old"


def _facts(fill: FillReported) -> FillFacts:
    return (fill.ticker, fill.side.value, fill.price, fill.count, fill.fee)


class FillProcessor:
    """Remembers the fills of the last hours by trade and order."""

    def __init__(self) -> None:
        self._seen: dict[FillKey, FillFacts] = {}
        self._traded_ms: dict[FillKey, int] = {}
        self._oldest_ms = 0
        self.applied = 0
        self.duplicates = 0
        self.contracts = 0

    def judge(self, fill: FillReported) -> Verdict:
        """Whether to apply `fill`; a NEW verdict is given once per trade and order."""
        known = self._seen.get((fill.trade_id, fill.order_id))
        if known is not None:
            self.duplicates += 1
            return Verdict.KNOWN if known == _facts(fill) else Verdict.CONTRADICTS
        if 0 < fill.exchange_ms < self._oldest_ms:
            return Verdict.TOO_OLD
        self.know(fill)
        self.applied += 1
        self.contracts += fill.count
        return Verdict.NEW

    def know(self, fill: FillReported) -> None:
        """Remember a fill that the exchange's reading of the positions already contains."""
        key = (fill.trade_id, fill.order_id)
        self._seen[key], self._traded_ms[key] = _facts(fill), fill.exchange_ms

    def replace(self, fill: FillReported) -> FillFacts:
        """The exchange's reading stands against what was booked: know it instead; returns what was known."""
        known = self._seen[(fill.trade_id, fill.order_id)]
        self.know(fill)
        self.contracts += fill.count - known[3]
        return known

    def remember(self, fills: Iterable[tuple[FillKey, FillFacts, int]]) -> None:
        """Fills an earlier session has booked, with the exchange's time of each; they are never booked again."""
        for key, facts, traded_ms in fills:
            self._seen[key], self._traded_ms[key] = facts, traded_ms

    def forget_before(self, ms: int) -> None:
        """Books and exchange agree on all that was traded before `ms`, and no reading goes back as far."""
        self._oldest_ms = max(self._oldest_ms, ms)
        for key in [key for key, traded_ms in self._traded_ms.items() if 0 < traded_ms < ms]:
            del self._seen[key], self._traded_ms[key]

    def knows(self, fill: FillReported) -> bool:
        return (fill.trade_id, fill.order_id) in self._seen

    def __len__(self) -> int:
        return len(self._seen)
