"""FillProcessor: every fill once, from every source, in any order.

A trade id seen before is ignored when its contents agree and is an anomaly when they do not. Fills that were part of
the account before this session's first reading are known as `base` and never applied again.
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


def _facts(fill: FillReported) -> FillFacts:
    return (fill.ticker, fill.side.value, fill.price, fill.count, fill.fee)


class FillProcessor:
    """Remembers every fill of the session by trade and order."""

    def __init__(self) -> None:
        self._seen: dict[FillKey, FillFacts] = {}
        self.applied = 0
        self.duplicates = 0
        self.contracts = 0

    def judge(self, fill: FillReported) -> Verdict:
        """Whether to apply `fill`; a NEW verdict is given once per trade and order."""
        key = (fill.trade_id, fill.order_id)
        known = self._seen.get(key)
        if known is None:
            self._seen[key] = _facts(fill)
            self.applied += 1
            self.contracts += fill.count
            return Verdict.NEW
        self.duplicates += 1
        return Verdict.KNOWN if known == _facts(fill) else Verdict.CONTRADICTS

    def know(self, fill: FillReported) -> None:
        """Remember a fill that the exchange's reading of the positions already contains."""
        self._seen[(fill.trade_id, fill.order_id)] = _facts(fill)

    def replace(self, fill: FillReported) -> FillFacts:
        """The exchange's reading stands against what was booked: know it instead; returns what was known."""
        key = (fill.trade_id, fill.order_id)
        known, self._seen[key] = self._seen[key], _facts(fill)
        self.contracts += fill.count - known[3]
        return known

    def remember(self, fills: Iterable[tuple[FillKey, FillFacts]]) -> None:
        """Fills an earlier session has booked; they are never booked again."""
        self._seen.update(fills)

    def knows(self, fill: FillReported) -> bool:
        return (fill.trade_id, fill.order_id) in self._seen
