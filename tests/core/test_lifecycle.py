"""From start to stop by facts alone: states, calibration, pauses, errors, procedures."""

import re

import pytest

from core.domain import events as ev
from core.domain.amounts import Count, Price, contracts, dollars
from core.domain.commands import (
    Arm,
    CancelAll,
    Liquidate,
    Panic,
    Pause,
    PlaceOrder,
    Recalibrate,
    ResetBreaker,
    Resume,
    Start,
    Stop,
    WatchMarket,
)
from core.domain.effects import Leave, ReadKind, RefreshBooks, SendCancel, SendOrder, SendOrders, WatchMarkets
from core.domain.enums import BookSide, ExitReason, MarketStatus, OrderStatus, Origin, PauseKind, TraderState
from core.domain.ids import OrderId, Ticker
from core.domain.records import Corrected, SessionEnded
from core.engine.waiting import waiting_for
from core.strategy.maker import MarketMaker
from tests.core.builders import Bench, T, book, fill, market, report
from tests.core.test_status import picture

S = TraderState


def path(bench: Bench) -> list[TraderState]:
    return [state for state, _, _ in bench.desk.machine.visits]


def result(bench: Bench, command_id: int) -> str:
    action = bench.desk.status.status_of(command_id)
    assert action is not None
    return f"{action.status}: {action.text}"


def leave(bench: Bench) -> Leave | None:
    return next((e for e in bench.effects if isinstance(e, Leave)), None)


def sells(bench: Bench) -> list[SendOrder]:
    return [e for e in bench.effects if isinstance(e, SendOrder)]


# ---- coming up ---------------------------------------------------------------------------------------------------


def test_the_road_to_ready_takes_every_state_in_order() -> None:
    assert path(Bench().up()) == [
        S.STARTUP, S.IDLE, S.INITIALIZING, S.ORDERBOOK_CONNECT, S.TRADING_CLIENT_CONNECT, S.CALIBRATING, S.READY,
    ]  # fmt: skip


def test_watching_only_goes_from_books_to_ready_and_may_do_nothing() -> None:
    bench = Bench(enable_trading_client=False).up()
    assert S.TRADING_CLIENT_CONNECT not in path(bench)
    assert bench.desk.permission()[0].name == "NOTHING"
    assert bench.desk.rest_up  # its readings are answered, though no trading client is connected
    bench.failing = set(ReadKind)
    bench.beat(seconds=1, times=200)
    assert not bench.desk.rest_up


def test_the_most_active_open_markets_are_watched() -> None:
    bench = Bench(quote_markets=2)
    bench.markets = (
        market("KX-A", volume_24h=contracts(5)),
        market("KX-B", volume_24h=contracts(50)),
        market("KX-C", volume_24h=contracts(500), status=MarketStatus.CLOSED),
        market("KX-D", volume_24h=contracts(40), best_bid=None),
        market("KX-E", volume_24h=contracts(20)),
    )
    bench.step(Start(origin=Origin.TIMER))
    bench.beat(times=3)
    watched = [e for e in bench.effects if isinstance(e, WatchMarkets)]
    assert watched[0].tickers == ("KX-B", "KX-E")


def test_no_open_market_is_an_error_that_tries_again() -> None:
    bench = Bench()
    bench.markets = ()
    bench.step(Start(origin=Origin.TIMER))
    bench.beat(times=3)
    assert bench.state is S.ERROR
    assert re.fullmatch(r"try 1 in \d+ s", waiting_for(bench.engine.life))
    bench.markets = (market(),)
    bench.beat(times=20)
    assert bench.state is S.ORDERBOOK_CONNECT


def test_a_refused_key_at_start_ends_the_start_with_exit_code_3() -> None:
    bench = Bench()
    bench.failing, bench.fatal = {ReadKind.LIMITS}, True
    bench.step(Start(origin=Origin.TIMER))
    bench.beat(times=10)
    left = leave(bench)
    assert left is not None
    assert (left.code, left.reason) == (3, "refused")


def test_a_state_that_takes_too_long_becomes_an_error_and_comes_back() -> None:
    bench = Bench()
    bench.step(Start(origin=Origin.TIMER))
    bench.beat(times=2)
    assert bench.state is S.ORDERBOOK_CONNECT
    bench.beat(seconds=1, times=31)
    assert bench.state is S.ERROR
    assert "timeout" in bench.desk.machine.reason
    bench.connect()
    bench.step(book())
    bench.beat(times=60)
    assert bench.state is S.READY


def test_the_back_off_grows_with_each_failure() -> None:
    bench = Bench()
    bench.failing = {ReadKind.MARKETS}
    bench.step(Start(origin=Origin.TIMER))
    bench.beat(seconds=1, times=120)
    assert 4 <= bench.engine.life.failures <= 8


def test_an_exchange_that_does_not_trade_is_a_pause_and_never_a_failed_start() -> None:
    bench = Bench()
    bench.trading = False
    bench.step(Start(origin=Origin.TIMER))
    bench.beat(times=2)
    bench.connect()
    bench.step(book())
    bench.beat(times=5)
    assert (bench.state, bench.desk.machine.pause) == (S.PAUSED, PauseKind.EXCHANGE)
    bench.trading = True
    bench.beat(seconds=1, times=14)
    assert bench.state is S.READY


# ---- calibration -------------------------------------------------------------------------------------------------


def test_calibration_names_every_step_with_status_and_duration() -> None:
    calibration = Bench().up().engine.life.calibration
    assert calibration is not None
    steps = calibration.steps()
    assert {s.step for s in steps} >= {"exchange_status", "sync_orders", "sync_positions", "sync_balance", "ledger"}
    assert all(s.status == "complete" and s.elapsed_ns is not None for s in steps)


def test_the_first_calibration_takes_the_exchanges_state_as_the_base() -> None:
    bench = Bench()
    bench.positions = (ev.PositionReport(ticker=T, position=Count(-300), cost=dollars(2), realized=0, fees=0),)
    bench.fills = (fill("old"),)
    bench.up()
    assert bench.desk.positions.net(T) == -300
    assert bench.desk.positions.cash == dollars(1000)
    bench.step(fill("old"))
    assert bench.desk.positions.net(T) == -300


def test_a_difference_is_read_again_before_it_is_believed() -> None:
    bench = Bench().up()
    bench.positions = (ev.PositionReport(ticker=T, position=Count(200), cost=dollars(1), realized=0, fees=0),)
    bench.step(Recalibrate())
    bench.beat(times=12)
    assert bench.desk.positions.net(T) == 0
    bench.positions = ()
    bench.beat(times=20)
    assert bench.state is S.READY
    assert not [r for r in bench.records if isinstance(r, Corrected)]


def test_a_lasting_difference_is_corrected_with_a_record_and_an_error() -> None:
    bench = Bench().up()
    bench.positions = (ev.PositionReport(ticker=T, position=Count(200), cost=dollars(1), realized=0, fees=0),)
    bench.balance = dollars(999)
    bench.step(Recalibrate())
    bench.beat(times=60)
    assert bench.desk.positions.net(T) == 200
    corrected = {r.what for r in bench.records if isinstance(r, Corrected)}
    assert corrected == {f"position {T} (unknown)", "cash (unknown)"}
    assert bench.desk.breaker.tripped
    assert "drift" in bench.desk.breaker.reason


def test_a_fill_found_by_calibration_is_booked_and_not_corrected() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.fills = (fill(fee=0),)
    bench.positions = (ev.PositionReport(ticker=T, position=Count(500), cost=4_500 * 500, realized=0, fees=0),)
    bench.balance = dollars(1000) - 4_500 * 500
    bench.step(Recalibrate())
    bench.beat(times=30)
    assert bench.desk.positions.net(T) == 500
    assert not [r for r in bench.records if isinstance(r, Corrected)]


# ---- pauses and errors -------------------------------------------------------------------------------------------


def test_a_pause_cancels_own_resting_quotes_and_stops_new_ones() -> None:
    bench = Bench(MarketMaker()).up()
    bench.beat(times=3)
    assert sells(bench)
    for index, sent in enumerate(sells(bench)):
        bench.accept(sent, order=f"o{index}")
    before = len(sells(bench))
    bench.step(Pause(command_id=3))
    assert (bench.state, bench.desk.machine.pause) == (S.PAUSED, PauseKind.OPERATOR)
    assert len(bench.sent_cancels()) == before
    bench.confirm_cancels()
    bench.beat(times=50)
    assert len(sells(bench)) == before
    bench.step(Resume(command_id=4))
    assert bench.state is S.READY


def test_a_pause_wished_while_coming_up_holds_when_it_is_up() -> None:
    bench = Bench()
    bench.step(Start(origin=Origin.TIMER))
    bench.beat(times=2)
    bench.step(Pause(command_id=3))
    assert "will be paused" in result(bench, 3)
    bench.connect()
    bench.step(book())
    bench.beat(times=10)
    assert bench.state is S.PAUSED


def test_an_exchange_pause_found_by_the_health_check_pauses_and_recovers_through_calibration() -> None:
    bench = Bench().up()
    bench.trading = False
    bench.beat(seconds=1, times=32)
    assert bench.desk.machine.pause is PauseKind.EXCHANGE
    bench.trading = True
    bench.beat(seconds=1, times=12)
    assert bench.state is S.READY
    assert path(bench)[-2:] == [S.CALIBRATING, S.READY]


@pytest.mark.parametrize("kind", [PauseKind.EXCHANGE, PauseKind.OPERATOR])
def test_a_client_that_is_lost_during_a_pause_is_found_again(kind: PauseKind) -> None:
    """It was not: the pause stood for ever, and the orders whose cancels had failed rested on."""
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    if kind is PauseKind.OPERATOR:
        bench.step(Pause())
    else:
        bench.trading = False
        bench.beat(seconds=1, times=32)
    assert bench.desk.machine.pause is kind
    bench.failing = {ReadKind.EXCHANGE_STATUS}
    bench.beat(seconds=1, times=60)
    assert not bench.desk.links.client_up
    failed = ev.CancelFailed(
        client_order_id=sent.client_order_id, order_id=OrderId("o1"), status=503, reason="HTTP 503", elapsed_ns=1
    )
    bench.step(failed)
    bench.failing, bench.trading = set(), True
    before = len(bench.sent_cancels())
    bench.beat(seconds=1, times=40)
    assert bench.desk.links.client_up
    assert len(bench.sent_cancels()) > before, "the cancel that failed goes out again"
    bench.confirm_cancels()
    bench.beat(seconds=1, times=20)
    if kind is PauseKind.OPERATOR:
        assert bench.desk.machine.pause is kind
        bench.step(Resume(command_id=9))
        bench.beat(seconds=1, times=20)
    assert bench.state is S.READY
    assert bench.engine.life.calibrations == 2, "compared before anything is traded"


def test_a_lost_stream_is_an_error_that_recovers_through_calibration() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(ev.StreamLost(epoch=1, reason="reset", retry_ms=500))
    bench.beat()
    assert bench.state is S.ERROR
    assert bench.sent_cancels()
    bench.confirm_cancels()
    bench.connect(epoch=2)
    bench.step(book(seq=1))
    bench.beat(times=60)
    assert bench.state is S.READY
    assert S.CALIBRATING in path(bench)[7:]


def test_nothing_is_traded_on_books_from_before_the_stream_was_lost() -> None:
    bench = Bench().up()
    bench.step(ev.StreamLost(epoch=1, reason="reset", retry_ms=500))
    bench.connect(epoch=2)
    bench.beat(times=40)
    assert bench.state is not S.READY
    market_view = bench.desk.markets.get(T)
    assert market_view is not None
    assert not market_view.book.trusted


def test_books_that_stay_lost_pause_the_trader_and_say_so() -> None:
    bench = Bench().up()
    bench.step(ev.BookLost(tickers=(T,), reason="gap"))
    bench.beat(seconds=1, times=17)
    assert (bench.state, bench.desk.machine.pause) == (S.PAUSED, PauseKind.FEED)
    refreshes = [e for e in bench.effects if isinstance(e, RefreshBooks)]
    assert any(e.reconnect for e in refreshes)
    bench.step(book(seq=9))
    bench.beat(times=20)
    assert bench.state is S.READY


def test_a_client_that_answers_nothing_is_an_error_named_so() -> None:
    bench = Bench().up()
    bench.failing = {ReadKind.EXCHANGE_STATUS}
    bench.beat(seconds=1, times=60)
    assert bench.state in (S.ERROR, S.ORDERBOOK_CONNECT, S.TRADING_CLIENT_CONNECT)
    assert any("trading_client_lost" in t.reason for t in bench.desk.machine.history)
    bench.failing = set()
    bench.beat(seconds=1, times=40)
    assert bench.state is S.READY


def test_a_client_lost_in_a_pause_is_connected_to_after_a_resume_whether_it_answers_by_then_or_not() -> None:
    for answers_before in (True, False):
        bench = Bench().up()
        bench.step(Pause())
        bench.failing = set(ReadKind)
        bench.beat(seconds=1, times=120)
        assert not bench.desk.links.client_up and bench.state is S.PAUSED
        if answers_before:
            bench.failing = set()
        bench.step(Resume())
        assert bench.state is S.ERROR and "not connected" in bench.desk.machine.reason
        bench.failing = set()
        bench.beat(seconds=1, times=60)
        assert bench.state is S.READY and bench.desk.permission()[0].name == "TRADE"


def test_who_only_watches_resumes_at_once() -> None:
    bench = Bench(enable_trading_client=False).up()
    bench.step(Pause())
    assert bench.state is S.PAUSED
    bench.step(Resume())
    assert bench.state is S.READY


def test_resume_after_a_reconnect_compares_before_it_trades() -> None:
    bench = Bench().up()
    bench.step(Pause())
    bench.step(ev.StreamLost(epoch=1, reason="reset", retry_ms=500))
    bench.connect(epoch=2)
    bench.step(book())
    bench.step(Resume())
    assert bench.state is S.CALIBRATING


def test_armed_is_a_wish_of_its_own() -> None:
    bench = Bench(armed=False).up()
    assert bench.desk.machine.label(bench.desk.armed) == "READY (not armed)"
    bench.step(Arm(command_id=8))
    assert bench.desk.permission()[0].name == "TRADE"


def test_a_feed_that_stays_stale_trips_the_breaker_until_it_is_whole_and_a_person_resets_it() -> None:
    bench = Bench().up()
    bench.step(ev.BookLost(tickers=(T,), reason="gap"))
    for second in range(70):
        if second % 15 == 14:  # a new connection now and then, as it is asked for
            bench.step(ev.StreamLost(epoch=1, reason="asked for", retry_ms=10))
            bench.connect(epoch=2 + second // 15)
        bench.beat(seconds=1)
    assert bench.desk.breaker.tripped
    assert bench.desk.breaker.reason == "stale feed: no quoted book could be trusted for 60 s"
    bench.step(ResetBreaker(reason="hm", command_id=7))
    assert result(bench, 7) == "refused: its cause lasts: the feed is stale: no quoted book can be trusted"
    bench.step(book(seq=50))
    bench.beat(times=3)
    bench.step(ResetBreaker(reason="whole again", command_id=8))
    assert not bench.desk.breaker.tripped


def test_a_line_that_is_down_for_an_hour_is_no_stale_feed() -> None:
    bench = Bench().up()
    bench.step(ev.StreamLost(epoch=1, reason="maintenance", retry_ms=10))
    bench.beat(seconds=10, times=360)
    assert not bench.desk.breaker.tripped


# ---- panic, liquidation, stop ------------------------------------------------------------------------------------


def test_panic_cancels_everything_of_ours_pauses_and_verifies_by_a_reading() -> None:
    bench = Bench().up()
    for index, price in enumerate((4_500, 4_400, 4_300)):
        bench.accept(bench.place(price=price), order=f"o{index}")
    bench.effects.clear()
    bench.step(Panic(command_id=5))
    assert len(bench.sent_cancels()) == 3
    assert bench.state is S.PAUSED
    bench.confirm_cancels()
    bench.beat(times=3)
    assert bench.engine.life.procedure is None
    assert any("verified" in a.text for a in bench.desk.status.activity)


def test_an_own_order_that_the_reading_still_lists_is_canceled_again() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(Panic())
    bench.orders = (report(sent.client_order_id),)
    bench.confirm_cancels()
    bench.beat(times=3)
    assert len(bench.sent_cancels()) >= 2
    assert bench.engine.life.procedure is not None
    bench.orders = ()
    bench.beat(times=10)
    assert bench.engine.life.procedure is None


def holding(count: int = 500) -> Bench:
    bench = Bench()
    cost = Count(abs(count)) * 4_500
    bench.positions = (ev.PositionReport(ticker=T, position=Count(count), cost=cost, realized=0, fees=0),)
    return bench.up()


def finish_ioc(bench: Bench, sent: SendOrder, filled: int, price: int, order: str = "x1") -> None:
    bench.step(
        ev.OrderAccepted(
            client_order_id=sent.client_order_id, order_id=OrderId(order), filled=Count(filled), remaining=Count(0),
            elapsed_ns=1,
        )
    )  # fmt: skip
    if filled:
        bench.step(fill(f"t-{order}", order=order, side=sent.side, price=price, count=filled))


@pytest.mark.parametrize(("held", "side", "price"), [(500, BookSide.ASK, 4_500), (-500, BookSide.BID, 4_700)])
def test_liquidation_sells_what_is_held_reduce_only_and_ends_paused(held: int, side: BookSide, price: int) -> None:
    bench = holding(held)
    bench.step(Liquidate(command_id=4))
    assert bench.state is S.ACTING
    bench.beat(times=3)
    (sent,) = sells(bench)
    assert (sent.side, sent.count, sent.price, sent.reduce_only) == (side, 500, price, True)
    finish_ioc(bench, sent, 500, price)
    bench.positions = ()
    bench.beat(times=15)
    assert (bench.state, bench.desk.machine.pause) == (S.PAUSED, PauseKind.OPERATOR)
    assert bench.desk.positions.net(T) == 0
    assert not bench.desk.reducing


def test_liquidation_leaves_to_another_client_s_order_what_that_may_close() -> None:
    bench = holding(500)
    bench.step(ev.OrderReported(report=report("of-somebody", "f1", side=BookSide.ASK, price=9_000, initial=100)))
    bench.step(Liquidate())
    bench.beat(times=3)
    assert [s.count for s in sells(bench)] == [400]


def test_what_a_person_placed_during_a_liquidation_is_canceled_when_it_ends_paused() -> None:
    bench = holding(500)
    bench.step(Liquidate())
    bench.positions = (ev.PositionReport(ticker=T, position=Count(500), cost=4_500 * 500, realized=0, fees=0),)
    bench.beat(times=3)
    by_hand, done = None, 0
    for second in range(40):
        bench.beat(seconds=1)
        for sent in exits(bench)[done:]:
            finish_ioc(bench, sent, 0, 4_500, f"x{done}")
            done += 1
        if second == 3:
            bench.step(PlaceOrder(ticker=T, side=BookSide.ASK, price=Price(9_000), count=Count(100), command_id=9))
            by_hand = next(e for e in bench.effects if isinstance(e, SendOrder) and e.price == 9_000)
            done += by_hand in exits(bench)
            bench.accept(by_hand, "h1")
    assert bench.state is S.PAUSED and by_hand is not None
    assert any(isinstance(e, SendCancel) and e.client_order_id == by_hand.client_order_id for e in bench.effects)


def test_liquidation_goes_on_with_what_was_left_and_never_past_flat() -> None:
    bench = holding(500)
    bench.step(Liquidate())
    bench.beat(times=3)
    finish_ioc(bench, sells(bench)[0], 200, 4_500)
    bench.beat(times=12)
    assert [s.count for s in sells(bench)] == [500, 300]


def test_liquidation_waits_for_fills_it_lacks_before_it_sizes_the_next_exit() -> None:
    bench = holding(500)
    bench.step(Liquidate())
    bench.beat(times=3)
    sent = sells(bench)[0]
    bench.step(
        ev.OrderAccepted(
            client_order_id=sent.client_order_id, order_id=OrderId("x1"), filled=Count(200), remaining=Count(0),
            elapsed_ns=1,
        )
    )  # fmt: skip
    bench.beat(times=14)
    assert len(sells(bench)) == 1
    bench.step(fill("t", order="x1", side=BookSide.ASK, price=4_500, count=200))
    bench.beat(times=14)
    assert [s.count for s in sells(bench)] == [500, 300]


def test_liquidation_leaves_a_residue_rather_than_sell_below_its_floor() -> None:
    bench = holding(500)
    bench.step(book(bids=((4_500, 100), (3_000, 5_000)), seq=5))
    bench.step(Liquidate())
    bench.beat(times=3)
    (sent,) = sells(bench)
    assert (sent.count, sent.price) == (100, 4_500)
    finish_ioc(bench, sent, 100, 4_500)
    bench.step(book(bids=(), seq=6))
    bench.positions = (ev.PositionReport(ticker=T, position=Count(400), cost=4_500 * 400, realized=0, fees=0),)
    bench.beat(times=20)
    assert bench.state is S.PAUSED
    assert "residue" in bench.desk.status.alarm(bench.desk.wall_ns)


def holding_in_many(markets: int) -> Bench:
    bench = Bench()
    tickers = [f"KXTEST-26DEC01-{number:02d}" for number in range(markets)]
    bench.markets = tuple(market(ticker) for ticker in tickers)
    bench.positions = tuple(
        ev.PositionReport(ticker=Ticker(t), position=Count(500), cost=4_500 * 500, realized=0, fees=0) for t in tickers
    )
    return bench.up()


def exits(bench: Bench) -> list[SendOrder]:
    return [
        o for e in bench.effects for o in (e.orders if isinstance(e, SendOrders) else (e,)) if isinstance(o, SendOrder)
    ]


def residues(bench: Bench) -> list[str]:
    return [e.error for e in bench.desk.status.errors if "residue" in e.error]


def test_liquidation_of_many_positions_takes_the_order_rate_and_leaves_none() -> None:
    bench = holding_in_many(23)
    bench.step(Liquidate())
    done = 0
    for _ in range(80):
        bench.beat()
        sent = exits(bench)[done:]
        assert len(sent) <= 5
        for number, order in enumerate(sent, done):
            bench.step(
                ev.OrderAccepted(
                    client_order_id=order.client_order_id, order_id=OrderId(f"x{number}"), filled=order.count,
                    remaining=Count(0), elapsed_ns=1,
                )
            )  # fmt: skip
            bench.step(fill(f"t{number}", order=f"x{number}", side=order.side, ticker=order.ticker))
        done += len(sent)
    bench.positions = ()
    bench.beat(times=10)
    assert done == 23 and not bench.desk.positions.open()
    assert bench.desk.orders.counts.denied == 0
    assert bench.state is S.PAUSED


def test_liquidation_tries_a_position_that_nobody_takes_a_bounded_number_of_times() -> None:
    bench = holding(500)
    bench.step(Liquidate())
    bench.positions = (ev.PositionReport(ticker=T, position=Count(500), cost=4_500 * 500, realized=0, fees=0),)
    done = 0
    for _ in range(40):
        bench.beat(seconds=1)
        for sent in exits(bench)[done:]:
            finish_ioc(bench, sent, 0, 4_500, f"x{done}")
            done += 1
    assert done == 8
    assert bench.state is S.PAUSED and residues(bench)


def test_liquidation_waits_a_while_for_a_book_that_is_being_made_whole() -> None:
    bench = holding(500)
    bench.step(ev.BookLost(tickers=(T,), reason="gap"))
    bench.step(Liquidate())
    bench.beat(times=30)
    assert bench.state is S.ACTING and not exits(bench)
    bench.step(book(seq=9))
    bench.beat(times=3)
    assert [s.count for s in exits(bench)] == [500]


def test_liquidation_does_not_wait_for_a_book_for_ever() -> None:
    bench = holding(500)
    bench.step(ev.BookLost(tickers=(T,), reason="gap"))
    bench.step(Liquidate())
    bench.positions = (ev.PositionReport(ticker=T, position=Count(500), cost=4_500 * 500, realized=0, fees=0),)
    bench.beat(seconds=1, times=25)
    assert bench.state is S.PAUSED and residues(bench)


def test_liquidation_cancels_and_verifies_before_it_sells() -> None:
    bench = holding(500)
    sent = bench.place(price=4_400)
    bench.accept(sent)
    bench.effects.clear()
    bench.step(Liquidate())
    bench.beat(times=5)
    assert not sells(bench)
    assert bench.sent_cancels()
    bench.confirm_cancels()
    bench.beat(times=3)
    assert sells(bench)


def test_nothing_to_liquidate_is_refused_in_words() -> None:
    bench = Bench().up()
    bench.step(Liquidate(command_id=4))
    assert result(bench, 4) == "refused: no open position"


def test_stop_blocks_cancels_verifies_and_leaves_with_a_certificate() -> None:
    bench = Bench().up()
    bench.accept(bench.place())
    bench.step(Stop(reason=ExitReason.QUIT))
    assert bench.state is S.SHUTDOWN
    bench.beat()
    assert leave(bench) is None
    bench.confirm_cancels()
    bench.beat(times=4)
    left = leave(bench)
    assert left is not None
    assert (left.code, left.reason) == (0, "quit")
    assert any(isinstance(r, SessionEnded) and r.resting == 0 for r in bench.records)


def test_a_stop_that_cannot_verify_says_so_by_code_4_and_names_the_order() -> None:
    bench = Bench().up()
    bench.accept(bench.place())
    bench.step(Stop(reason=ExitReason.QUIT))
    bench.beat(seconds=1, times=25)
    left = leave(bench)
    assert left is not None
    assert (left.code, left.reason) == (4, "unverified")
    stop = bench.engine.life.exit_stop
    assert stop is not None
    assert stop.exit is not None
    assert "kt-s1-000001" in stop.exit.unverified[0]


def test_a_stop_waits_as_long_as_orders_end() -> None:
    bench = Bench()
    names = [f"kt-before-{n}" for n in range(40)]
    bench.orders = tuple(report(name, order=f"o{n}", price=100 * (n + 1)) for n, name in enumerate(names))
    bench.up()
    bench.step(Stop(reason=ExitReason.QUIT))
    bench.beat()
    for name in names:
        assert leave(bench) is None
        bench.orders = bench.orders[1:]
        (cancel, *_) = (c for c in bench.sent_cancels() if c.client_order_id == name)
        bench.step(
            ev.CancelConfirmed(
                client_order_id=cancel.client_order_id, order_id=cancel.order_id, reduced_by=Count(500), elapsed_ns=1
            )
        )
        bench.beat(times=20)
    bench.beat(times=10)
    left = leave(bench)
    assert left is not None and (left.code, left.reason) == (0, "quit")


def test_a_second_stop_shortens_the_wait_but_not_the_cancel() -> None:
    bench = Bench().up()
    bench.accept(bench.place())
    bench.step(Stop(reason=ExitReason.SIGNAL))
    bench.step(Stop(reason=ExitReason.SIGNAL, now=True))
    bench.beat(seconds=1, times=4)
    assert bench.sent_cancels()
    left = leave(bench)
    assert left is not None
    assert left.code == 4


def test_no_order_leaves_once_the_stop_has_begun() -> None:
    bench = Bench(MarketMaker()).up()
    bench.step(Stop(reason=ExitReason.QUIT))
    bench.effects.clear()
    bench.step(PlaceOrder(ticker=T, side=BookSide.BID, price=Price(4_500), count=Count(100)))
    bench.beat(times=10)
    assert not sells(bench)


def test_stop_waits_for_an_order_in_flight() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(Stop(reason=ExitReason.QUIT))
    bench.beat(times=10)
    assert leave(bench) is None
    bench.accept(sent)
    bench.confirm_cancels()
    bench.beat(times=4)
    left = leave(bench)
    assert left is not None
    assert left.code == 0


def test_stop_reads_the_fills_that_the_last_cancel_claimed() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(Stop(reason=ExitReason.QUIT))
    bench.step(
        ev.CancelConfirmed(
            client_order_id=sent.client_order_id, order_id=OrderId("o1"), reduced_by=Count(300), elapsed_ns=1
        )
    )
    bench.fills = (fill(count=200),)
    bench.beat(times=4)
    assert bench.desk.positions.net(T) == 200
    left = leave(bench)
    assert left is not None
    assert left.code == 0


def test_a_stop_before_anything_was_connected_still_leaves_by_a_reading() -> None:
    bench = Bench()
    bench.step(Start(origin=Origin.TIMER))
    bench.step(Stop(reason=ExitReason.QUIT))
    bench.beat(times=4)
    left = leave(bench)
    assert left is not None
    assert left.code == 0


def test_orders_an_earlier_session_left_are_canceled_even_if_this_one_never_came_up() -> None:
    bench = Bench()
    bench.orders = (report("kt-old-000001", order="x1"),)
    bench.step(Start(origin=Origin.TIMER))
    bench.step(Stop(reason=ExitReason.TIME))
    bench.beat(times=3)
    assert [c.order_id for c in bench.sent_cancels()] == ["x1"]
    assert leave(bench) is None
    bench.orders = ()
    bench.confirm_cancels()
    bench.beat(times=8)
    left = leave(bench)
    assert left is not None
    assert left.code == 0


def test_who_never_reached_the_exchange_cannot_certify_that_nothing_rests() -> None:
    bench = Bench()
    bench.failing = set(ReadKind)
    bench.step(Start(origin=Origin.TIMER))
    bench.beat(times=2)
    bench.step(Stop(reason=ExitReason.TIME))
    bench.beat(seconds=1, times=10)
    left = leave(bench)
    assert left is not None
    assert (left.code, left.reason) == (4, "unverified")
    stop = bench.engine.life.exit_stop
    assert stop is not None
    assert stop.exit is not None
    assert stop.exit.resting_after_stop is None


def test_an_unknown_market_is_not_watched() -> None:
    bench = Bench().up()
    bench.step(WatchMarket(ticker=Ticker("NOPE"), command_id=2))
    assert result(bench, 2) == "refused: unknown market NOPE"


@pytest.mark.parametrize(("held", "value", "paid"), [(500, 10_000, 10_000), (500, 0, 0), (-500, 2_500, 7_500)])
def test_a_position_is_paid_when_the_market_is_and_not_when_it_is_determined(held: int, value: int, paid: int) -> None:
    bench = holding(held)
    bench.step(ev.MarketChanged(ticker=T, status=MarketStatus.DETERMINED, settlement_value=Price(value)))
    assert bench.desk.positions.net(T) == held
    assert bench.desk.positions.cash == dollars(1000)
    bench.step(ev.MarketChanged(ticker=T, status=MarketStatus.FINALIZED))
    assert bench.desk.positions.net(T) == 0
    assert bench.desk.positions.cash == dollars(1000) + paid * abs(held)


@pytest.mark.parametrize(("held", "value"), [(500, 10_000), (500, 0), (-500, 2_500)])
def test_a_determined_market_is_marked_at_its_result(held: int, value: int) -> None:
    """Nobody bids there any more: the last price is no word about what the position will bring."""
    bench = holding(held)
    bench.step(ev.MarketChanged(ticker=T, status=MarketStatus.DETERMINED, settlement_value=Price(value)))
    shown = next(p for p in picture(bench).positions if p.ticker == T)
    assert (shown.mark, shown.mark_basis) == (value, "result")
    assert bench.desk.portfolio() == bench.desk.positions.cash + shown.if_flat
    assert shown.if_flat == (value if held > 0 else 10_000 - value) * abs(held)


def test_the_result_is_known_from_the_list_too() -> None:
    bench = holding(500)
    told = market(status=MarketStatus.DETERMINED, settlement_value=Price(10_000))
    bench.desk.markets.learn((told,), 1)
    assert bench.desk.markets.mark(T, 500) == (10_000, "result")
    behind = market(status=MarketStatus.CLOSED)
    bench.desk.markets.learn((behind,), 2)
    assert bench.desk.markets.mark(T, 500) == (10_000, "result"), "a reading that is behind takes nothing back"


def test_a_closed_markets_book_is_a_memory() -> None:
    bench = holding(500)
    assert bench.desk.markets.mark(T, 500) == (4_500, "bid")
    bench.step(ev.MarketChanged(ticker=T, status=MarketStatus.CLOSED))
    assert bench.desk.markets.mark(T, 500) == (4_500, "old")


def test_a_settlement_that_happened_while_the_stream_was_down_is_no_unknown_drift() -> None:
    bench = holding(500)
    bench.step(ev.MarketChanged(ticker=T, status=MarketStatus.DETERMINED, settlement_value=Price(10_000)))
    bench.positions, bench.balance = (), dollars(1000) + 10_000 * 500
    bench.step(Recalibrate())
    bench.beat(times=80)
    assert not bench.desk.breaker.tripped
    assert bench.desk.positions.cash == bench.balance
    assert all("pending settlement" in r.what for r in bench.records if isinstance(r, Corrected))


def test_a_deposit_is_a_transfer_and_no_result_of_the_day() -> None:
    bench = Bench().up()
    bench.beat(times=5)
    bench.balance = dollars(1500)
    bench.step(Recalibrate())
    bench.beat(times=80)
    assert bench.state is S.READY
    assert not bench.desk.breaker.tripped
    assert bench.desk.equity.day_result == 0
    assert [r.what for r in bench.records if isinstance(r, Corrected)] == ["cash (transfer)"]


def test_the_regular_comparison_finds_a_lasting_difference_and_calibrates() -> None:
    bench = Bench(sync_ns=60_000_000_000).up()
    bench.balance = dollars(1234)
    bench.beat(seconds=1, times=50)
    assert bench.desk.positions.cash == dollars(1000)
    bench.beat(seconds=1, times=40)
    assert bench.desk.positions.cash == dollars(1234)
    assert any(t.reason == "drift_found" for t in bench.desk.machine.history)


def test_the_regular_comparison_leaves_a_passing_difference_alone() -> None:
    bench = Bench(sync_ns=60_000_000_000).up()
    bench.beat(seconds=1, times=55)
    bench.balance = dollars(1234)
    bench.beat(seconds=1, times=6)
    bench.balance = dollars(1000)
    bench.beat(seconds=1, times=20)
    assert not any(t.reason == "drift_found" for t in bench.desk.machine.history)
    assert bench.desk.synced_at > bench.desk.settings.started_at + 59_000_000_000


def test_a_reading_that_an_own_fill_overtook_is_not_judged() -> None:
    bench = Bench(sync_ns=60_000_000_000).up()
    sent = bench.place()
    bench.accept(sent)
    found = []
    for _ in range(70):
        found += bench.beat(seconds=1, answer=False)
    reads = [e for e in found if getattr(e, "kind", None) in (ReadKind.POSITIONS, ReadKind.BALANCE)]
    assert reads
    answers = [bench.answer(r) for r in found if hasattr(r, "request_id")]
    bench.step(fill())
    for answer in answers:
        bench.step(answer)
    bench.beat()
    assert not bench.desk.breaker.tripped
    assert bench.state in (S.READY, S.ACTING)


def test_the_same_items_at_the_same_times_give_the_same_records_and_effects() -> None:
    def run() -> tuple[list[object], list[object]]:
        bench = Bench(MarketMaker()).up()
        bench.beat(times=20)
        for index, sent in enumerate(sells(bench)):
            bench.accept(sent, order=f"o{index}")
        bench.step(fill(order="o0", client=None))
        bench.beat(times=20)
        return list(bench.records), list(bench.effects)

    assert run() == run()


def test_canceled_by_the_exchange_is_taken_as_it_is_told() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.accept(sent)
    bench.step(
        ev.OrderReported(report=report(sent.client_order_id, status=OrderStatus.CANCELED, reason="SelfTradeCancel"))
    )
    order = bench.desk.orders.get(sent.client_order_id)
    assert order is not None
    assert order.reason == "SelfTradeCancel"


def test_a_cancel_that_finds_nobody_shows_within_seconds_that_the_exchange_is_gone() -> None:
    bench = Bench().up()
    bench.accept(bench.place())
    bench.failing = set(ReadKind)
    bench.step(CancelAll(origin=Origin.OPERATOR))
    (cancel,) = bench.sent_cancels()
    bench.step(ev.CancelFailed(client_order_id=cancel.client_order_id, order_id=cancel.order_id, status=0,
                               reason="connection refused", elapsed_ns=1))  # fmt: skip
    bench.beat(times=35)
    assert not bench.desk.links.client_up
    assert bench.state is TraderState.ERROR
