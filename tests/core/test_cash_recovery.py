"""Cash recovery: real reducing orders in ranked order, only as much as is needed, and never a loop."""

import msgspec

from core.domain import events as ev
from core.domain.amounts import Count, Price, contracts, dollars
from core.domain.commands import Arm, Pause, PlaceOrder, Recalibrate, RecoverCash, Start
from core.domain.effects import SendOrder
from core.domain.enums import BookSide, Origin, TraderState
from core.domain.ids import OrderId
from core.engine.waiting import waiting_for
from core.trading.cash_plan import cash_plan
from tests.core.builders import Bench, T, book, fill, market, report

S = TraderState


def poor(cash: int = 80, held: int = 10_000, minimum: int = 100, **more: object) -> Bench:
    """Under the threshold with a long position that cost 0.45 a contract."""
    bench = Bench(minimum_cash=dollars(minimum), **more)
    bench.balance = dollars(cash)
    bench.positions = (
        (ev.PositionReport(ticker=T, position=Count(held), cost=held * 4_500, realized=0, fees=0),) if held else ()
    )
    return bench


def rise(bench: Bench) -> Bench:
    bench.step(Start(origin=Origin.TIMER))
    bench.beat(times=2)
    bench.connect()
    for info in bench.markets:
        bench.step(book(info.ticker, bids=((4_500, 50_000),)))
    bench.beat(times=30)
    return bench


def sells(bench: Bench) -> list[SendOrder]:
    return [e for e in bench.effects if isinstance(e, SendOrder)]


def finish(bench: Bench, sent: SendOrder, filled: int, order: str) -> None:
    bench.step(
        ev.OrderAccepted(
            client_order_id=sent.client_order_id, order_id=OrderId(order), filled=Count(filled), remaining=Count(0),
            elapsed_ns=1,
        )
    )  # fmt: skip
    if filled:
        bench.step(fill(f"t-{order}", order=order, side=sent.side, price=sent.price, count=filled))


def visited(bench: Bench) -> list[TraderState]:
    return [state for state, _, _ in bench.desk.machine.visits]


def test_enough_cash_never_leaves_ready() -> None:
    bench = rise(poor(cash=100))
    assert bench.state is S.READY
    assert S.LOW_CASH not in visited(bench)


def test_low_cash_places_a_real_reducing_order_for_what_is_missing_and_calibrates() -> None:
    bench = rise(poor())
    assert bench.state is S.RECOVER_CASH
    (sent,) = sells(bench)
    assert (sent.side, sent.price, sent.reduce_only) == (BookSide.ASK, 4_500, True)
    # 20 dollars at 0.45 less the fee are 47 contracts, not all 100.
    assert contracts(45) <= sent.count <= contracts(48)
    finish(bench, sent, sent.count, "x1")
    left = 10_000 - sent.count
    bench.balance = bench.desk.positions.cash
    bench.positions = (ev.PositionReport(ticker=T, position=Count(left), cost=left * 4_500, realized=0, fees=0),)
    bench.beat(times=30)
    assert bench.state is S.READY
    assert visited(bench)[-4:] == [S.LOW_CASH, S.RECOVER_CASH, S.CALIBRATING, S.READY]


def test_what_resting_orders_reserve_counts_as_there() -> None:
    bench = Bench(minimum_cash=dollars(100)).up()
    bench.accept(bench.place(count=10_000, price=4_500))
    bench.balance = dollars(1000) - 4_500 * 10_000
    bench.beat(times=5)
    assert bench.state in (S.READY, S.ACTING)


def test_a_partial_exit_goes_on_until_enough_is_free() -> None:
    bench = rise(poor())
    first = sells(bench)[0]
    finish(bench, first, 1_000, "x1")
    bench.beat(times=8)
    assert len(sells(bench)) == 2
    assert sells(bench)[1].count < first.count
    assert bench.state is S.RECOVER_CASH


def test_unarmed_it_waits_in_low_cash_and_names_what_it_waits_for() -> None:
    bench = rise(poor(armed=False))
    bench.beat(times=50)
    assert bench.state is S.LOW_CASH
    assert not sells(bench)
    assert "arming" in waiting_for(bench.engine.life)
    bench.step(Arm())
    bench.beat(times=2)
    assert sells(bench)


def test_an_empty_book_ends_in_error_that_waits_for_a_condition_and_not_for_a_timer() -> None:
    bench = poor()
    bench.step(Start(origin=Origin.TIMER))
    bench.beat(times=2)
    bench.connect()
    bench.step(book(bids=()))
    bench.beat(times=30)
    assert bench.state is S.ERROR
    assert "cash threshold" in bench.desk.machine.reason
    bench.beat(seconds=5, times=60)
    assert bench.state is S.ERROR
    bench.step(book(bids=((4_400, 50_000),), seq=9))
    bench.beat(times=40)
    assert bench.state is S.RECOVER_CASH


def test_money_that_comes_from_outside_ends_the_wait_after_a_failed_recovery() -> None:
    bench = poor(held=0)
    rise(bench)
    assert bench.state is S.ERROR
    bench.beat(seconds=5, times=20)
    assert bench.state is S.ERROR
    bench.balance = dollars(200)
    bench.beat(seconds=5, times=20)
    assert bench.state is S.READY


def test_exits_that_find_nobody_are_bounded_and_not_repeated_at_the_same_prices() -> None:
    bench = rise(poor())
    for index in range(20):
        open_sells = [s for s in sells(bench) if bench.desk.orders.get(s.client_order_id).is_open]  # type: ignore[union-attr]
        for sent in open_sells:
            finish(bench, sent, 0, f"n{index}")
        bench.beat(times=10)
    assert bench.state is S.ERROR
    assert len(sells(bench)) == 5
    bench.beat(seconds=5, times=40)
    assert len(sells(bench)) == 5


def test_nothing_to_sell_is_said_with_the_figure() -> None:
    bench = rise(poor(held=0))
    assert bench.state is S.ERROR
    assert "$20.00 below the cash threshold" in bench.desk.machine.reason


def test_what_frees_most_per_dollar_of_loss_comes_first_and_near_settlements_last() -> None:
    soon = Bench().desk.wall_ns // 1_000_000 + 600_000
    bench = poor(armed=False)
    bench.markets = (market("KX-A"), market("KX-B"), market("KX-C", close_ms=soon))
    bench.positions = tuple(
        ev.PositionReport(ticker=t, position=Count(1_000), cost=1_000 * price, realized=0, fees=0)  # type: ignore[arg-type]
        for t, price in (("KX-A", 6_000), ("KX-B", 4_600), ("KX-C", 1_000))
    )
    rise(bench)
    assert [line.ticker for line in cash_plan(bench.desk)] == ["KX-B", "KX-A", "KX-C"]


def test_the_operator_may_pause_or_compare_in_low_cash() -> None:
    bench = rise(poor(armed=False))
    bench.step(Recalibrate(command_id=3))
    assert bench.state is S.CALIBRATING
    bench.beat(times=40)
    assert bench.state is S.LOW_CASH
    bench.step(Pause())
    assert bench.state is S.PAUSED
    bench.beat(times=20)
    assert bench.state is S.PAUSED


def wish(bench: Bench, number: int = 5) -> str:
    bench.step(RecoverCash(command_id=number))
    action = bench.desk.status.status_of(number)
    assert action is not None
    return f"{action.status}: {action.text}"


def test_a_recovery_asked_for_with_enough_cash_is_refused_with_the_figure() -> None:
    assert wish(rise(poor(cash=100))) == "refused: cash $100.00 is not below its threshold"


def test_a_recovery_asked_for_while_it_runs_or_paused_is_refused() -> None:
    bench = rise(poor())
    assert wish(bench) == "refused: cash recovery is under way"
    bench.step(Pause())
    assert wish(bench, 6) == "refused: not possible in PAUSED"


def test_after_a_failed_recovery_the_operator_may_ask_for_another_try() -> None:
    bench = rise(poor(held=0))
    assert bench.state is S.ERROR and bench.engine.life.cash.blocked
    bench.beat(seconds=10, times=20)
    assert bench.state is S.ERROR, "no timer ends it"
    before = visited(bench).count(S.LOW_CASH)
    assert wish(bench) == "done: comparing with the exchange, then recovering cash"
    bench.beat(times=30)
    assert visited(bench).count(S.LOW_CASH) == before + 1
    assert bench.state is S.ERROR and bench.engine.life.cash.blocked


def test_what_foreign_orders_hold_is_not_ours_to_free() -> None:
    bench = poor(cash=60, held=10_000)
    bench.orders = (report("web", "o-web", price=5_000, initial=10_000),)
    rise(bench)
    assert bench.desk.positions.cash == dollars(110), "60 free and 50 that a foreign order holds"
    assert bench.state is S.RECOVER_CASH
    assert sells(bench)[0].count >= contracts(80), "for 40 dollars, not for none"


def test_a_recovery_that_takes_too_long_waits_for_a_condition_like_any_that_failed() -> None:
    bench = rise(poor())
    assert bench.state is S.RECOVER_CASH
    bench.beat(seconds=10, times=31)
    assert bench.state is S.ERROR and bench.engine.life.cash.blocked
    assert "are still missing after 300 s" in bench.desk.machine.reason
    assert "better price" in waiting_for(bench.engine.life)
    bench.beat(seconds=10, times=60)
    assert bench.state is S.ERROR
    assert visited(bench).count(S.LOW_CASH) == 1


def test_a_worse_book_is_no_reason_for_another_try() -> None:
    bench = rise(poor())
    for index in range(8):
        for sent in [s for s in sells(bench) if bench.desk.orders.get(s.client_order_id).is_open]:  # type: ignore[union-attr]
            finish(bench, sent, 0, f"n{index}")
        bench.beat(times=10)
    assert bench.state is S.ERROR
    for seq, price in ((8, 4_400), (9, 4_300), (10, 4_500)):
        bench.step(book(bids=((price, 50_000),), seq=seq))
        bench.beat(seconds=5, times=10)
        assert bench.state is S.ERROR
    bench.step(book(bids=((4_600, 50_000),), seq=11))
    bench.beat(times=40)
    assert bench.state is S.RECOVER_CASH


def test_new_risk_leaves_the_threshold_in_cash_so_that_what_was_freed_is_not_spent_again() -> None:
    bench = rise(poor(cash=103, held=0))
    wish = PlaceOrder(ticker=T, side=BookSide.BID, price=Price(4_500), count=contracts(6), command_id=1)
    bench.step(wish)  # $2.70
    bench.step(msgspec.structs.replace(wish, command_id=2))
    first, second = bench.desk.status.actions()
    assert first.status == "running"
    assert (second.status, second.text) == ("refused", "Cash would fall below its threshold: $97.60 < $100.00")
