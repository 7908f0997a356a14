"""Panic: cancel every own order at once, verify by a reading, and stay paused. Asks nobody and waits for nothing."""

from __future__ import annotations

from core.trading.desk import Desk
from core.trading.procedures.base import NS, Done, Rank
from core.trading.procedures.verify import CancelAndVerify, Progress

PANIC_LIMIT_NS = 30 * NS


class Panic:
    """Cancel all own orders and say whether the exchange agrees that none rests."""

    name = "panic"
    rank = Rank.PANIC

    def __init__(self, desk: Desk) -> None:
        self._verify = CancelAndVerify(desk, PANIC_LIMIT_NS)

    def advance(self, desk: Desk) -> Done | None:
        match self._verify.advance(desk):
            case Progress.VERIFIED:
                return Done(True, "paused; no own order rests, verified by a reading")
            case Progress.OUT_OF_TIME:
                left = len(desk.orders.get_open_orders())
                return Done(False, f"could not verify in time, {left} own orders not known to be gone")
            case _:
                return None
