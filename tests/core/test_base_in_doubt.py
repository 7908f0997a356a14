"""An order that an earlier session left in doubt closes its own market and does not keep the trader from coming up."""

from core.domain.amounts import Price, contracts, dollars
from core.domain.commands import PlaceOrder, Recalibrate
from core.domain.enums import BookSide, OrderState, Origin
from core.domain.ids import ClientOrderId
from core.domain.records import AmendIntended, Corrected
from tests.core.builders import NS, WALL, Bench, T, market, report
from tests.core.test_recall import READY, intended, moved, restarted

LEFT = ClientOrderId("kt-a-1")
OTHER = "KXTEST-26DEC01-B"
COLLATERAL = 4_500 * 500


def left_in_flight() -> Bench:
    """Killed a second after the order's intention was written."""
    bench = restarted(READY, intended(at=WALL - NS))
    bench.markets = (market(), market(OTHER))
    return bench


def state(bench: Bench) -> OrderState:
    order = bench.desk.orders.get(LEFT)
    assert order is not None
    return order.state


def test_the_trader_comes_up_while_the_order_is_still_in_doubt_and_only_its_market_is_closed() -> None:
    bench = left_in_flight().up()  # three seconds
    assert state(bench) is OrderState.IN_DOUBT
    assert bench.desk.positions.cash == dollars(1000)
    for number, ticker in ((1, T), (2, OTHER)):
        wish = PlaceOrder(ticker=ticker, side=BookSide.BID, price=Price(4_500), count=contracts(1), command_id=number,
                          origin=Origin.OPERATOR)  # fmt: skip
        bench.step(wish)
    denied, sent = bench.desk.status.actions()[-2:]
    assert denied.status == "refused" and "in doubt" in denied.text
    assert sent.status == "running"


def test_an_order_that_never_came_to_be_leaves_no_difference() -> None:
    bench = left_in_flight().up()
    bench.beat(times=150)
    assert state(bench) is OrderState.VOID
    bench.step(Recalibrate())
    bench.beat(times=80)
    assert bench.desk.drift_cash == 0 and not bench.desk.breaker.tripped


def test_an_order_that_the_list_lacked_and_that_rests_is_a_named_difference_and_trips_nothing() -> None:
    bench = left_in_flight()
    bench.balance = dollars(1000) - COLLATERAL  # it was there when the balance was read
    bench.up()
    bench.looked_up[LEFT] = report(LEFT)
    bench.beat(times=150)
    assert state(bench) in (OrderState.RESTING, OrderState.CANCELING)
    bench.confirm_cancels()  # nobody wishes for it any more
    bench.balance = dollars(1000)
    bench.step(Recalibrate())
    bench.beat(times=80)
    assert [r.what for r in bench.records if isinstance(r, Corrected)] == ["cash (order in doubt at the start)"]
    assert bench.desk.positions.cash == dollars(1000) and not bench.desk.breaker.tripped


def changed_in_flight() -> Bench:
    """Killed a second after the intention to move a resting order to another size was written."""
    wish = AmendIntended(at=WALL - NS, client_order_id=LEFT, price=Price(4_500), count=contracts(10))
    bench = restarted(READY, intended(), moved(OrderState.RESTING), wish)
    bench.orders = (report(LEFT),)
    bench.balance = dollars(1000) - COLLATERAL
    return bench


def test_an_order_whose_change_is_in_doubt_reserves_what_it_is_listed_with() -> None:
    bench = changed_in_flight().up()
    assert state(bench) is OrderState.IN_DOUBT
    assert bench.desk.positions.cash == dollars(1000)
    assert bench.desk.risk.worst_position(T) == contracts(10)


def test_a_list_read_while_a_change_may_still_arrive_does_not_say_how_it_ended() -> None:
    bench = changed_in_flight().up()
    bench.looked_up[LEFT] = report(LEFT, initial=contracts(10))
    bench.orders = (bench.looked_up[LEFT],)
    bench.beat(times=120)
    order = bench.desk.orders.get(LEFT)
    assert order is not None
    assert (order.state, order.count, order.asked) in (
        (OrderState.RESTING, contracts(10), None),
        (OrderState.CANCELING, contracts(10), None),
    )
