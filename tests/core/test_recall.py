"""What a journal tells at the start: folded from records, applied to a desk, then compared with the exchange."""

from typing import Any

from core.domain.amounts import Count, Money, Price
from core.domain.effects import Read, ReadKind
from core.domain.enums import BookSide, OrderState, Ownership, TimeInForce, TraderState
from core.domain.events import PositionReport
from core.domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from core.domain.records import FillBooked, OrderIntended, OrderMoved, PositionTaken, Record, StateMoved
from core.trading.day import DAY_NS
from core.trading.recall import recall, restore
from tests.core.builders import NS, WALL, Bench, T, fill, report

READY = StateMoved(at=WALL - 100 * NS, source=TraderState.CALIBRATING, target=TraderState.READY, reason="")


def intended(client: str = "kt-a-1", at: int = WALL - 20 * NS, **more: Any) -> OrderIntended:
    given: dict[str, Any] = {"expiration_s": WALL // NS + 100} | more
    return OrderIntended(
        at=at, client_order_id=ClientOrderId(client), ticker=T, side=BookSide.BID, price=Price(4_500), count=Count(500),
        time_in_force=TimeInForce.GOOD_TILL_CANCELED, **given,
    )  # fmt: skip


def moved(
    state: OrderState, client: str = "kt-a-1", order: str | None = "o1", filled: int = 0, reason: str = ""
) -> OrderMoved:
    return OrderMoved(
        at=WALL - 10 * NS, client_order_id=ClientOrderId(client), order_id=OrderId(order) if order else None,
        state=state, filled=Count(filled), reason=reason,
    )  # fmt: skip


def booked(
    trade: str = "t1", at: int = WALL - 9 * NS, position: int = 200, cost: int = 900_000, **more: Any
) -> FillBooked:
    given: dict[str, Any] = {"count": Count(200), "realized": Money(0), "fee": Money(7)} | more
    return FillBooked(
        at=at, trade_id=TradeId(trade), order_id=OrderId("o1"), ticker=T, side=BookSide.BID, price=Price(4_500),
        position=Count(position), cost=Money(cost), **given,
    )  # fmt: skip


def held(count: int, cost: int) -> PositionReport:
    return PositionReport(ticker=T, position=Count(count), cost=Money(cost), realized=Money(0), fees=Money(0))


def restarted(*records: Record) -> Bench:
    bench = Bench(known=frozenset({"kt-a-1"}))
    restore(bench.desk, recall(records), WALL)
    return bench


def test_an_order_whose_end_was_journaled_is_not_looked_for() -> None:
    for state in (OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED, OrderState.VOID):
        assert not recall([READY, intended(), moved(state)]).unresolved


def test_every_intent_is_known_and_counts_for_its_day() -> None:
    found = recall([intended("kt-a-1", at=WALL - DAY_NS), READY, intended("kt-a-2"), intended("kt-a-3")])
    assert found.known_ids == {"kt-a-1", "kt-a-2", "kt-a-3"}
    assert found.day.placed == 2


def test_the_day_is_of_the_exchanges_time_and_a_new_day_starts_at_nothing() -> None:
    yesterday = booked("t0", traded_ms=(WALL - DAY_NS) // 1_000_000, realized=Money(5))
    found = recall([READY, yesterday, booked("t1", realized=Money(30), fee=Money(2))])
    assert (found.day.fills, found.day.realized, found.day.fees) == (1, 30, 2)
    assert found.positions[T].realized == 35
    bench = Bench()
    restore(bench.desk, found, WALL + DAY_NS)
    assert (bench.desk.day.fills, bench.desk.day.realized) == (0, 0)
    assert bench.desk.positions.realized == 35


def test_a_settlement_counts_and_leaves_the_position_flat() -> None:
    paid = PositionTaken(
        at=WALL, ticker=T, position=Count(0), cost=Money(0), realized=Money(1_100_000), reason="settled"
    )
    found = recall([READY, booked(), paid])
    assert (found.positions[T].count, found.positions[T].realized, found.day.realized) == (0, 1_100_000, 1_100_000)


def test_a_journal_that_never_compared_its_books_gives_back_no_positions() -> None:
    bench = restarted(intended(), booked())
    assert bench.desk.positions.all() == ()
    assert not bench.desk.recalled


def test_fills_are_read_back_from_before_the_end_but_never_from_before_the_first_comparison() -> None:
    assert recall([READY, booked()]).fills_since_ms == READY.at // 1_000_000
    late = booked(at=READY.at + 5 * 3_600 * NS)
    assert recall([READY, booked(), late]).fills_since_ms == (late.at - 3_600 * NS) // 1_000_000
    assert recall([READY, booked(), late]).fills == [late]


def test_an_order_that_rests_comes_back_as_our_own_and_keeps_what_it_filled() -> None:
    bench = restarted(READY, intended(), moved(OrderState.RESTING), booked())
    bench.orders = (report("kt-a-1", "o1", initial=500, filled=200),)
    bench.positions = (
        PositionReport(ticker=T, position=Count(200), cost=Money(900_000), realized=Money(0), fees=Money(7)),
    )
    bench.up()
    (order,) = [o for o in bench.desk.orders.get_open_orders() if o.client_order_id == "kt-a-1"]
    assert (order.ownership, order.filled, order.remaining, order.missing) == (Ownership.OWN, 200, 300, 0)
    assert bench.desk.positions.net(T) == 200
    assert bench.desk.day.fills == 1


def test_a_fill_made_meanwhile_is_booked_once_and_a_known_one_not_again() -> None:
    bench = restarted(READY, intended(), moved(OrderState.RESTING), booked())
    bench.fills = (fill("t1", count=200, fee=7), fill("t2", count=300, fee=9))
    bench.looked_up["kt-a-1"] = None
    bench.positions = (
        PositionReport(ticker=T, position=Count(500), cost=Money(2_250_000), realized=Money(0), fees=Money(16)),
    )
    bench.up()
    desk = bench.desk
    assert (desk.positions.net(T), desk.positions.fees, desk.day.fills, desk.day.fees) == (500, 16, 2, 16)
    order = desk.orders.get(ClientOrderId("kt-a-1"))
    assert order is not None
    assert order.state is OrderState.FILLED
    assert [r.trade_id for r in bench.records if isinstance(r, FillBooked)] == ["t2"]
    assert not desk.breaker.tripped


def test_an_intent_without_a_reply_is_in_doubt_and_nothing_trades_before_it_is_looked_up() -> None:
    bench = restarted(READY, intended(at=WALL - NS))
    (order,) = bench.desk.orders.in_doubt()
    bench.looked_up["kt-a-1"] = None
    try:
        bench.up()
    except AssertionError:
        assert bench.state is TraderState.CALIBRATING
    bench.beat(0.5, times=50)
    assert bench.state in (TraderState.READY, TraderState.ACTING)
    assert order.state is OrderState.VOID
    reads = [e for e in bench.effects if isinstance(e, Read) and e.kind is ReadKind.ORDER]
    assert reads or order.lookups >= 2
    assert bench.desk.positions.cash == bench.balance


def test_a_fill_booked_before_its_orders_id_was_journaled_is_credited_when_the_order_is_found() -> None:
    bench = restarted(READY, intended(), booked())
    bench.positions = (held(200, 900_000),)
    bench.orders = (report("kt-a-1", "o1", initial=500, filled=200),)
    bench.up()
    order = bench.desk.orders.get(ClientOrderId("kt-a-1"))
    assert order is not None
    assert (order.filled, order.missing, order.remaining) == (200, 0, 300)


def test_an_order_whose_lease_is_long_over_is_left_to_rest() -> None:
    bench = restarted(READY, intended(expiration_s=WALL // NS - 600))
    assert bench.desk.orders.get_open_orders() == ()


def test_a_position_that_went_while_away_follows_the_exchange_and_is_told() -> None:
    bench = restarted(READY, intended(), moved(OrderState.FILLED), booked())
    bench.up()
    assert bench.desk.positions.net(Ticker(T)) == 0
    assert any("while away" in e.error for e in bench.desk.status.errors)
    assert [r.reason for r in bench.records if isinstance(r, PositionTaken)] == ["first reading"]
