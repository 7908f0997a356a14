"""CancelAndVerify: cancel every own order, wait for each to be final, then read the exchange's list and believe that.

Used by panic, liquidation and stop. The reading decides: an own order that still rests there is canceled again.
"""

from __future__ import annotations

from enum import StrEnum

from core.domain.effects import ReadKind, SendCancel
from core.domain.enums import Ownership
from core.domain.events import OrderReport, OrdersRead, ReadFailed
from core.trading.booking import take_report
from core.trading.desk import Desk

NS = 1_000_000_000
READ_AGAIN_NS = NS // 2


class Progress(StrEnum):
    CANCELING = "canceling"
    READING = "reading"
    VERIFIED = "verified"
    OUT_OF_TIME = "out of time"


class CancelAndVerify:
    """Ends in VERIFIED when a reading made after the last own order was final shows none resting.

    `limit_ns` is patience without progress: a thousand cancels take as long as the token budget makes them take, and
    as long as orders end, nobody leaves the rest behind. After `hurry` it is patience in all.
    """

    def __init__(self, desk: Desk, limit_ns: int) -> None:
        self._limit_ns: int | None = limit_ns
        self._deadline_ns = desk.now_ns + limit_ns
        self._fewest = len(desk.orders.get_open_orders())
        self._request = 0
        self._not_before_ns = 0
        self.resting: int | None = None
        self.foreign: int | None = None
        self.progress = Progress.CANCELING

    def advance(self, desk: Desk) -> Progress:
        if self.progress in (Progress.VERIFIED, Progress.OUT_OF_TIME):
            return self.progress
        self.progress = self._step(desk)
        if self.progress is not Progress.VERIFIED and desk.now_ns >= self._deadline_ns:
            self.progress = Progress.OUT_OF_TIME
        return self.progress

    def hurry(self, now_ns: int, limit_ns: int) -> None:
        """Shorten the wait; the cancels are never skipped."""
        self._limit_ns = None
        self._deadline_ns = min(self._deadline_ns, now_ns + limit_ns)

    def _step(self, desk: Desk) -> Progress:
        left = len(desk.cancel_own())
        if left < self._fewest and self._limit_ns is not None:
            self._deadline_ns = max(self._deadline_ns, desk.now_ns + self._limit_ns)
        self._fewest = min(self._fewest, left)
        if left:
            self._request = 0
            return Progress.CANCELING
        if not self._request:
            if desk.now_ns >= self._not_before_ns:
                self._request = desk.out.read(ReadKind.ORDERS)
            return Progress.READING
        match desk.answer(self._request):
            case OrdersRead(orders=reports):
                self._request = 0
                self.resting = sum(self._still_rests(desk, report) for report in reports)
                self.foreign = len(desk.orders.foreign_orders())
                if not self.resting:
                    return Progress.VERIFIED
                self._not_before_ns = desk.now_ns + READ_AGAIN_NS
            case ReadFailed(fatal=True):
                # A refused key is refused again: nothing can be verified with it.
                return Progress.OUT_OF_TIME
            case ReadFailed():
                self._request = 0
                self._not_before_ns = desk.now_ns + READ_AGAIN_NS
            case _:
                pass
        return Progress.READING

    @staticmethod
    def _still_rests(desk: Desk, report: OrderReport) -> bool:
        """True for an order of ours in the exchange's list. One that we hold for ended is canceled once more: the
        reading may only be late ("reads lag writes by 0.3-1 s"), but the exchange is right.
        """
        take_report(desk, report, is_read=True)
        order = desk.orders.find(report.order_id, report.client_order_id)
        if order is None or order.ownership is Ownership.FOREIGN:
            return False
        if not order.is_open:
            desk.out.do(
                SendCancel(client_order_id=order.client_order_id, order_id=report.order_id, ticker=report.ticker)
            )
        return True
