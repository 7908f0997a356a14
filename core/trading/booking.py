"""Booking: how a fill, a report or the exchange's word enters the books. One function each, for every source."""

from __future__ import annotations

from core.domain.amounts import Count, Money, count_text, money_text, price_text
from core.domain.enums import BookSide, Ownership
from core.domain.events import FillReported, OrderReport
from core.domain.records import FillBooked
from core.trading.desk import Desk
from core.trading.fills import Verdict

SIDE_WORDS = {BookSide.BID: "BUY", BookSide.ASK: "SELL"}


def take_fill(desk: Desk, fill: FillReported) -> bool:
    """Apply a fill once: order, position, cash, fees, record. False when it was known or contradicts what is known."""
    verdict = desk.fills.judge(fill)
    if verdict is Verdict.CONTRADICTS:
        desk.error(f"trade {fill.trade_id} came again with other contents", fill.ticker)
        return False
    if verdict is Verdict.KNOWN:
        return False
    before = desk.positions.get_position(fill.ticker).realized
    desk.positions.update_from_fill(fill, desk.wall_ns)
    order = desk.orders.handle_fill_event(fill, desk.out, desk.wall_ns)
    desk.out.record(
        FillBooked(
            at=desk.wall_ns,
            trade_id=fill.trade_id,
            order_id=fill.order_id,
            ticker=fill.ticker,
            side=fill.side,
            price=fill.price,
            count=fill.count,
            fee=fill.fee,
        )
    )
    gained = desk.positions.get_position(fill.ticker).realized - before
    result = f" ({money_text(Money(gained), sign=True)})" if gained else ""
    words = f"{SIDE_WORDS[fill.side]} {count_text(fill.count)}@{price_text(fill.price)}"
    desk.status.log_action_result(desk.wall_ns, "fill", f"{fill.ticker} {words}{result}")
    if order is None or order.ownership is Ownership.FOREIGN:
        desk.foreign_tickers.add(fill.ticker)
    if order is None:
        desk.warn(f"fill of an order we do not know: {words}", fill.ticker)
    return True


def take_report(desk: Desk, report: OrderReport, *, is_read: bool) -> None:
    """Take what the exchange says of an order, from stream or reading."""
    known = desk.orders.find(report.order_id, report.client_order_id)
    order = desk.orders.handle_report(report, desk.out, desk.now_ns, desk.wall_ns, is_read=is_read)
    if known is None:
        desk.status.log_action_result(
            desk.wall_ns,
            "order_met",
            f"{order.ticker} {SIDE_WORDS[order.side]} {count_text(Count(order.count))}@{price_text(order.price)}"
            f" [{order.ownership}]",
        )
