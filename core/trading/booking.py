"""Booking: how a fill, a report or the exchange's word enters the books. One function each, for every source."""

from __future__ import annotations

import msgspec

from core.domain.amounts import NO_CONTRACTS, NO_MONEY, Count, Money, Price, count_text, money_text, price_text
from core.domain.enums import BookSide, Ownership
from core.domain.events import (
    FillReported,
    FillsRead,
    OrderReport,
    PositionReport,
    PositionsRead,
    SettlementsRead,
    Source,
)
from core.domain.ids import Ticker
from core.domain.records import Corrected, FillBooked, PositionTaken
from core.trading.desk import MS, NS, Desk
from core.trading.fills import Verdict
from core.trading.order import Order

CLOCKS_APART_NS = 30 * NS
SIDE_WORDS = {BookSide.BID: "BUY", BookSide.ASK: "SELL"}


def describe(order: Order) -> str:
    """An order in words: `TICKER BUY 5@0.47`."""
    return f"{order.ticker} {SIDE_WORDS[order.side]} {count_text(Count(order.count))}@{price_text(order.price)}"


def take_fill(desk: Desk, fill: FillReported) -> bool:
    """Apply a fill once: order, position, cash, fees, record. False when it was known or contradicts what is known."""
    if fill.source is not Source.READ and _too_much(desk, fill):
        desk.error(f"trade {fill.trade_id} fills more than its order: {count_text(fill.count)}", fill.ticker)
        desk.suspicion = "contradicting_fill"
        return False
    verdict = desk.fills.judge(fill)
    if verdict is Verdict.CONTRADICTS:
        desk.error(f"trade {fill.trade_id} came again with other contents", fill.ticker)
        if fill.source is not Source.READ:
            desk.suspicion = "contradicting_fill"
            return False
        # A list that was asked for outweighs a frame: what was booked is taken back, on record.
        _take_back(desk, fill)
    if verdict is Verdict.TOO_OLD:
        desk.warn(f"trade {fill.trade_id} is older than what is compared: not booked", fill.ticker)
        desk.suspicion = "old_fill"
    if verdict in (Verdict.KNOWN, Verdict.TOO_OLD):
        return False
    before = desk.positions.get_position(fill.ticker).realized
    desk.positions.update_from_fill(fill, desk.wall_ns)
    gained = Money(desk.positions.get_position(fill.ticker).realized - before)
    order = desk.orders.handle_fill_event(fill, desk.out, desk.wall_ns)
    if fill.source is Source.STREAM and desk.may_be_in_base(order):
        # Traded while the first reading was under way, maybe: which parts of it hold this fill nobody can tell.
        desk.contested.add(fill.ticker)
        desk.suspicion = "fill_at_first_reading"
    _record(desk, fill, gained)
    result = f" ({money_text(gained, sign=True)})" if gained else ""
    words = f"{SIDE_WORDS[fill.side]} {count_text(fill.count)}@{price_text(fill.price)}"
    desk.status.log_action_result(desk.wall_ns, "fill", f"{fill.ticker} {words}{result}")
    if order is None or order.ownership is Ownership.FOREIGN:
        desk.foreign_tickers.add(fill.ticker)
    if order is None:
        desk.warn(f"fill of an order we do not know: {words}", fill.ticker)
    return True


def _too_much(desk: Desk, fill: FillReported) -> bool:
    """A frame that tells more than the order can have: only the list of fills is believed then."""
    order = desk.orders.find(fill.order_id, fill.client_order_id)
    if order is None or desk.fills.knows(fill):
        return False
    return order.filled + fill.count > max(order.count, order.asked[1] if order.asked else 0)


def _record(desk: Desk, fill: FillReported, gained: Money) -> None:
    """Journal a fill, or with a negative count its taking back, with the position it left."""
    held = desk.positions.get_position(fill.ticker)
    desk.day.fill_booked(fill.exchange_ms * MS or desk.wall_ns, fill.count, gained, fill.fee)
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
            realized=gained,
            position=Count(held.count),
            cost=Money(held.cost),
            traded_ms=fill.exchange_ms,
        )
    )


def _take_back(desk: Desk, fill: FillReported) -> None:
    """Undo what was booked under this trade before: the same contracts back, at the same price and fee."""
    ticker, side, price, count, fee = desk.fills.replace(fill)
    booked = msgspec.structs.replace(
        fill, ticker=Ticker(ticker), side=BookSide(side), price=Price(price), count=Count(count), fee=Money(fee)
    )
    back = msgspec.structs.replace(booked, side=booked.side.opposite, fee=Money(-fee))
    before = desk.positions.get_position(booked.ticker).realized
    desk.positions.update_from_fill(back, desk.wall_ns)
    order = desk.orders.find(fill.order_id, fill.client_order_id)
    if order is not None:
        order.filled -= count
    gained = Money(desk.positions.get_position(booked.ticker).realized - before)
    _record(desk, msgspec.structs.replace(booked, count=Count(-count), fee=Money(-fee)), gained)
    words = f"fill {fill.trade_id}"
    theirs = f"{count_text(fill.count)}@{price_text(fill.price)}"
    desk.out.record(
        Corrected(
            at=desk.wall_ns, what=words, ours=f"{count_text(Count(count))}@{price_text(Price(price))}", theirs=theirs
        )
    )


def settle(desk: Desk, ticker: Ticker, value: Price) -> None:
    """A market paid `value` per YES contract."""
    before = booked(desk, ticker)
    desk.positions.settle(ticker, value, desk.wall_ns)
    note_position(desk, ticker, before, "settled")


def take_settlements(desk: Desk, read: SettlementsRead) -> None:
    """Markets that paid while nobody listened: what was held then and is held here still is closed by what came."""
    for report in read.settlements:
        if not report.position or desk.positions.net(report.ticker) != report.position:
            continue
        before = booked(desk, report.ticker)
        desk.positions.paid(report.ticker, report.paid, 0, desk.wall_ns)
        note_position(desk, report.ticker, before, "settled meanwhile", report.settled_ms)
        words = f"{report.ticker} paid {money_text(report.paid)} for {count_text(report.position)} meanwhile"
        desk.status.log_action_result(desk.wall_ns, "settled", words)


def booked(desk: Desk, ticker: Ticker) -> tuple[int, int]:
    """Realized P&L and fees of a market as they stand."""
    position = desk.positions.get_position(ticker)
    return position.realized, position.fees


def note_position(desk: Desk, ticker: Ticker, before: tuple[int, int], reason: str, happened_ms: int = 0) -> None:
    """Keep the record of a position that changed by something other than a fill; `before` is what was `booked`."""
    position = desk.positions.get_position(ticker)
    gained, fee = Money(position.realized - before[0]), Money(position.fees - before[1])
    desk.day.gained(happened_ms * MS or desk.wall_ns, gained, fee)
    desk.out.record(
        PositionTaken(
            at=desk.wall_ns,
            ticker=ticker,
            position=Count(position.count),
            cost=Money(position.cost),
            realized=gained,
            reason=reason,
            fee=fee,
            happened_ms=happened_ms,
        )
    )


def take_base(desk: Desk, positions: PositionsRead, fills: FillsRead) -> None:
    """The first reading is the base. After a restart the fills made meanwhile are booked first; what still differs
    follows the exchange, and is told.
    """
    for fill in fills.fills:
        if desk.recalled:
            take_fill(desk, fill)
        else:
            desk.fills.know(fill)
    told = {report.ticker: report for report in positions.positions}
    for held in desk.positions.open():
        if held.ticker not in told:
            gone = PositionReport(
                ticker=held.ticker, position=NO_CONTRACTS, cost=NO_MONEY, realized=NO_MONEY, fees=NO_MONEY
            )
            told[held.ticker] = gone
    for report in told.values():
        before, ours = booked(desk, report.ticker), desk.positions.net(report.ticker)
        if desk.positions.correct(report, desk.wall_ns):
            note_position(desk, report.ticker, before, "first reading")
            if desk.recalled:
                words = f"{count_text(ours)} to {count_text(report.position)}"
                desk.warn(f"position went from {words} while away, its result is not in the P&L", report.ticker)


def take_report(desk: Desk, report: OrderReport, *, is_read: bool) -> Order:
    """Take what the exchange says of an order, from stream or reading; returns it."""
    known = desk.orders.find(report.order_id, report.client_order_id)
    order = desk.orders.handle_report(report, desk.out, desk.now_ns, desk.wall_ns, is_read=is_read)
    if known is None:
        desk.status.log_action_result(
            desk.wall_ns,
            "order_met",
            f"{describe(order)} [{order.ownership}]",
        )
        _look_for_another_trader(desk, order)
    return order


def _look_for_another_trader(desk: Desk, order: Order) -> None:
    """An order by our name that no journal of ours knows and that was made while we run: somebody else trades this
    account with this program, on another machine. Two of them would undo each other's work: a person is asked.
    """
    made_since_ns = order.created_at - desk.settings.started_at
    if order.ownership is Ownership.ADOPTED and made_since_ns > CLOCKS_APART_NS and not desk.breaker.tripped:
        words = f"another trader works on this account: it made {order.client_order_id}"
        desk.breaker.trip(words, "2", "1", desk.wall_ns)
        desk.breaker_moved()
