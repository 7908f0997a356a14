"""What is remembered of fills, for how long, and fills that trade while the first reading is under way."""

from __future__ import annotations

from core.domain import events as ev
from core.domain.amounts import Count, Money, Price, dollars
from core.domain.commands import Recalibrate
from core.domain.effects import Read, ReadKind
from core.domain.enums import BookSide, OrderState, OrderStatus, TraderState
from core.domain.ids import ClientOrderId
from core.domain.records import Corrected
from core.strategy.base import Decision, MarketView, Quote, Strategy
from core.trading.fills import FillProcessor, Verdict
from tests.core.builders import NS, WALL, Bench, T, fill, report

HOUR_MS = 3_600_000
NOW_MS = WALL // 1_000_000


def test_what_is_forgotten_is_never_booked_again() -> None:
    fills = FillProcessor()
    for number in range(10):
        assert fills.judge(fill(f"t{number}", ms=1_000 + number)) is Verdict.NEW
    fills.forget_before(1_005)
    assert len(fills) == 5
    assert fills.judge(fill("t2", ms=1_002)) is Verdict.TOO_OLD
    assert fills.judge(fill("t7", ms=1_007)) is Verdict.KNOWN
    assert fills.judge(fill("new", ms=1_005)) is Verdict.NEW
    assert (fills.applied, fills.duplicates) == (11, 1)


def test_a_fill_whose_time_nobody_told_is_kept() -> None:
    fills = FillProcessor()
    fills.judge(fill("t1", ms=0))
    fills.forget_before(10**15)
    assert fills.judge(fill("t1", ms=0)) is Verdict.KNOWN


def test_hours_of_fills_are_read_back_and_remembered_for_a_bounded_while() -> None:
    bench = Bench(minimum_cash=Money(0), sync_ns=600 * NS).up()
    bench.beat(seconds=1, times=6)
    for minute in range(6 * 60):
        side = (BookSide.BID, BookSide.ASK)[minute % 2]
        bench.balance = Money(bench.desk.positions.cash - 4_500 * 100 * side.sign)
        bench.step(fill(f"t{minute}", order="foreign", count=100, side=side, ms=NOW_MS + minute * 60_000))
        held = bench.desk.positions.get_position(T)
        bench.positions = (
            ev.PositionReport(ticker=T, position=Count(held.count), cost=Money(held.cost), realized=0, fees=0),
        )
        bench.beat(seconds=20, times=3)
    assert bench.desk.fills.applied == 360
    assert len(bench.desk.fills) <= 2 * 60 + 15
    reads = [e for e in bench.effects if isinstance(e, Read) and e.kind is ReadKind.FILLS]
    assert not bench.desk.breaker.tripped and not reads
    bench.step(Recalibrate())
    bench.beat()
    (read,) = [e for e in bench.effects if isinstance(e, Read) and e.kind is ReadKind.FILLS]
    assert read.since_ms is not None and read.since_ms >= NOW_MS + 6 * HOUR_MS - HOUR_MS - 15 * 60_000


def test_a_fill_of_long_ago_is_not_booked_and_has_the_books_compared() -> None:
    bench = Bench().up()
    bench.desk.fills.forget_before(NOW_MS)
    bench.step(fill("old", ms=NOW_MS - 1))
    assert bench.desk.positions.net(T) == 0
    bench.beat(times=5)
    assert "old_fill" in [t.reason for t in bench.desk.machine.history]


def test_answers_nobody_takes_make_room() -> None:
    bench = Bench().up()
    for number in range(500):
        bench.step(ev.BalanceRead(request_id=10_000 + number, balance=dollars(1), elapsed_ns=1))
    assert len(bench.desk.answers) <= 64


# ---- the first reading -------------------------------------------------------------------------------------------


class Keeps(Strategy):
    """Wishes just the order that is there."""

    name = "keeps"

    def decide(self, view: MarketView, memory: object) -> Decision:
        return Decision(quotes=(Quote(ticker=view.ticker, side=BookSide.BID, price=Price(4_500), count=Count(500)),))


def begun_with_a_resting_order(filled: int = 0) -> Bench:
    """Up with an order of an earlier session, of which the base knows `filled` contracts."""
    bench = Bench(strategy=Keeps())
    bench.orders = (report("kt-before-1", filled=filled),)
    bench.positions = (held(filled),)
    bench.looked_up["kt-before-1"] = bench.orders[0]
    return bench.up()


def held(count: int) -> ev.PositionReport:
    return ev.PositionReport(
        ticker=T, position=Count(count), cost=Money(4_500 * count), realized=Money(0), fees=Money(0)
    )


def test_a_fill_that_the_first_reading_held_and_whose_frame_comes_last_is_put_right() -> None:
    bench = begun_with_a_resting_order(filled=200)
    cash = bench.desk.positions.cash
    bench.step(fill("late", client="kt-before-1", count=200))
    assert bench.desk.positions.net(T) == 400
    bench.beat(times=100)
    desk = bench.desk
    assert (desk.positions.net(T), desk.positions.cash) == (200, cash)
    assert not desk.breaker.tripped
    corrected = [r.what for r in bench.records if isinstance(r, Corrected)]
    assert corrected == [f"position {T} (missed fill)", "cash (missed fill)"]
    order = desk.orders.get(ClientOrderId("kt-before-1"))
    assert order is not None and (order.filled, order.remaining) == (200, 300)
    assert bench.state in (TraderState.READY, TraderState.ACTING)


def test_a_fill_that_only_half_of_the_first_reading_held_is_no_unknown_drift() -> None:
    # Orders and balance were read after the trade, positions before it, and its frame comes last.
    bench = Bench().up()
    bench.step(fill("late", order="gone", client="kt-before-1"))
    bench.positions = (held(500),)
    bench.beat(times=100)
    desk = bench.desk
    assert (desk.positions.net(T), desk.positions.cash) == (500, dollars(1000))
    assert not desk.breaker.tripped
    assert [r.what for r in bench.records if isinstance(r, Corrected)] == ["cash (missed fill)"]


def test_a_fill_of_an_order_placed_after_the_first_reading_is_not_contested() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(fill())
    assert not bench.desk.contested and not bench.desk.suspicion


def test_an_old_orders_fill_long_after_the_first_reading_is_not_contested() -> None:
    bench = begun_with_a_resting_order()
    bench.beat(seconds=1, times=6)
    bench.step(fill("later", client="kt-before-1"))
    assert not bench.desk.contested and not bench.desk.suspicion


def test_a_claim_that_no_fill_backs_is_dropped_when_books_and_exchange_agree() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(ev.OrderReported(report=report(sent.client_order_id, filled=300, status=OrderStatus.CANCELED)))
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None and order.state is OrderState.CANCELED and order.missing == 300
    bench.beat(seconds=1, times=12)
    bench.step(Recalibrate())
    bench.beat(seconds=1, times=12)
    assert bench.state in (TraderState.READY, TraderState.ACTING)
    assert order.missing == 0 and not bench.desk.orders.missing_fills()
