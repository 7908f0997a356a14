"""What the console's screens are made of: watched markets, the list of markets, past days, the curve, memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest

from core.domain import events as ev
from core.domain.amounts import Count, Price, contracts, dollars
from core.domain.commands import CancelOrder, Liquidate, PlaceOrder, ReadMarkets, UnwatchMarket, WatchMarket
from core.domain.effects import GroupAct, WatchMarkets
from core.domain.enums import BookSide
from core.domain.ids import OrderId, Ticker
from core.surroundings import memory_kib
from core.trading.day import DAY_NS, DayLedger
from core.trading.equity import CURVE_KEPT, NS, EquityTracker
from core.trading.panel import status_text
from core.trading.snapshot import FeedView
from tests.core.builders import Bench, book, fill, market
from tests.core.test_lifecycle import exits, holding, holding_in_many, result
from tests.core.test_orders import resting, unknown
from tests.core.test_status import picture

OTHER = Ticker("KX-OTHER")


def watching() -> Bench:
    """Quotes one market; another one is known."""
    bench = Bench(quote_markets=1)
    bench.markets = (market(volume_24h=contracts(9)), market(OTHER, volume_24h=contracts(1)))
    return bench.up()


def test_a_market_watched_for_the_eye_can_be_let_go_again() -> None:
    bench = watching()
    bench.step(WatchMarket(ticker=OTHER, command_id=1))
    assert OTHER in bench.desk.markets.watched
    bench.step(UnwatchMarket(ticker=OTHER, command_id=2))
    assert OTHER not in bench.desk.markets.watched
    asked = [effect.tickers for effect in bench.effects if isinstance(effect, WatchMarkets)]
    assert OTHER in asked[-2] and OTHER not in asked[-1], "the stream's subscription follows"


def test_a_market_that_is_needed_is_not_let_go() -> None:
    bench = watching()
    quoted = bench.engine.actor.quoted[0]
    bench.step(UnwatchMarket(ticker=quoted, command_id=1))
    assert result(bench, 1) == f"refused: {quoted} is quoted by the strategy: its book is needed"
    bench.step(UnwatchMarket(ticker=OTHER, command_id=2))
    assert result(bench, 2) == f"refused: {OTHER} is not watched"
    held = holding(500)
    ticker = held.desk.positions.open()[0].ticker
    held.engine.actor.quoted = ()
    held.step(UnwatchMarket(ticker=ticker, command_id=3))
    assert "a position" in result(held, 3)


def test_the_list_of_markets_is_read_again_when_asked_and_has_its_time() -> None:
    bench = watching()
    first = bench.desk.markets.listed_at
    assert first > 0
    bench.beat(seconds=6)
    bench.step(ReadMarkets(command_id=1))
    bench.beat(times=3)
    assert result(bench, 1) == "done: reading the list of markets"
    assert bench.desk.markets.listed_at > first


def test_no_list_is_read_while_not_connected() -> None:
    bench = watching()
    bench.desk.links.client_up = False
    bench.step(ReadMarkets(command_id=1))
    assert result(bench, 1) == "refused: not connected"


def feed_of(bench: Bench) -> FeedView:
    return picture(bench).feed


def client_of(bench: Bench) -> tuple[str, str]:
    one = next(c for c in picture(bench).components if c.name == "TradingClientIntegration")
    return one.status, one.detail


def test_a_write_that_gets_through_ends_the_doubt_in_the_line() -> None:
    bench = Bench().up()
    bench.step(lost_trigger(bench))
    assert client_of(bench)[0] == "degraded"
    bench.beat(seconds=1)
    bench.accept(bench.place())
    assert client_of(bench)[0] == "healthy" and feed_of(bench).failed_writes == 1


def lost_order(bench: Bench) -> ev.Fact:
    return unknown(bench.place())


def unsent_order(bench: Bench) -> ev.Fact:
    return ev.OrderNotSent(client_order_id=bench.place().client_order_id, reason="no connection")


def failed_cancel(bench: Bench) -> ev.Fact:
    name = resting(bench).client_order_id
    bench.step(CancelOrder(client_order_id=name, command_id=1))
    return ev.CancelFailed(client_order_id=name, order_id=OrderId("o1"), status=503, reason="HTTP 503", elapsed_ns=1)


def lost_trigger(bench: Bench) -> ev.Fact:
    return ev.GroupFailed(act=GroupAct.TRIGGER, group_id="g", status=0, reason="no reply", elapsed_ns=1)


def lost_batch(bench: Bench) -> ev.Fact:
    return ev.BatchAnswered(outcomes=(unknown(bench.place()), unknown(bench.place(price=4_400))))


@pytest.mark.parametrize("failure", [lost_order, unsent_order, failed_cancel, lost_trigger, lost_batch])
def test_a_write_that_fails_is_on_the_line_for_a_minute(failure: Callable[[Bench], ev.Fact]) -> None:
    """Reads go on and the line is up: nothing else says that orders or cancels do not get through."""
    bench = Bench().up()
    assert (feed_of(bench).failed_writes, feed_of(bench).failed_write_ns) == (0, None)
    bench.step(failure(bench))
    at_ns = bench.desk.now_ns
    feed = feed_of(bench)
    assert (feed.rest_up, feed.failed_writes, feed.failed_write_ns) == (True, 1, at_ns), "one request, one failure"
    assert client_of(bench) == ("degraded", "0 failed reads in a row, 1 failed writes")
    bench.beat(seconds=61)
    assert (feed_of(bench).failed_writes, feed_of(bench).failed_write_ns) == (0, None)


def test_what_the_exchange_refuses_is_no_failing_line() -> None:
    bench = Bench().up()
    sent = bench.place()
    bench.step(ev.OrderRejected(client_order_id=sent.client_order_id, status=400, code="bad", detail="", elapsed_ns=1))
    resting(bench)
    bench.step(CancelOrder(client_order_id=bench.desk.orders.get_open_orders()[-1].client_order_id, command_id=1))
    refused = msgspec.structs.replace(failed_cancel(Bench().up()), status=409, reason="market_inactive")
    name = bench.desk.orders.get_open_orders()[-1].client_order_id
    bench.step(msgspec.structs.replace(refused, client_order_id=name))
    assert feed_of(bench).failed_writes == 0


def test_a_liquidation_tells_how_far_it_is() -> None:
    bench = holding_in_many(3)
    assert picture(bench).progress is None
    ticker = Ticker("KXTEST-26DEC01-00")
    bench.step(book(ticker))
    bench.step(PlaceOrder(ticker=ticker, side=BookSide.BID, price=Price(4_400), count=Count(500), command_id=1))
    resting_one = exits(bench)[-1]
    bench.accept(resting_one)
    bench.step(Liquidate())
    began_ns = bench.desk.now_ns
    told = picture(bench).progress
    assert told is not None
    assert (told.phase, told.orders_left, told.began_ns) == ("canceling own orders", 1, began_ns)
    bench.step(
        ev.CancelConfirmed(
            client_order_id=resting_one.client_order_id,
            order_id=OrderId("o1"),
            reduced_by=resting_one.count,
            elapsed_ns=1,
        )
    )
    bench.beat(times=6)
    told = picture(bench).progress
    assert told is not None and told.phase == "closing positions" and told.orders_left > 0
    assert (told.positions_left, told.positions, told.contracts_done, told.contracts) == (3, 3, 0, 1_500)
    first = exits(bench)[-1]
    name = first.client_order_id
    bench.step(
        ev.OrderAccepted(
            client_order_id=name, order_id=OrderId("x1"), filled=Count(500), remaining=Count(0), elapsed_ns=1
        )
    )
    bench.step(fill("t1", ticker=first.ticker, order="x1", side=first.side, price=first.price, count=500))
    told = picture(bench).progress
    assert told is not None
    assert (told.positions_left, told.contracts_done, told.contracts) == (2, 500, 1_500)
    panel = " ".join(status_text(picture(bench), bench.desk.wall_ns, "panel").replace("║", " ").split())
    assert "closing positions for 0.6 s: 2 of 3 positions, 10 of 15 contracts left, 2 orders open" in panel


def test_past_days_are_kept_with_what_was_booked_on_them() -> None:
    ledger = DayLedger()
    assert ledger.days() == ()
    ledger.fill_booked(DAY_NS + 5, contracts(3), 1_000_000, 20_000)
    ledger.order_placed(DAY_NS + 6)
    ledger.turn(3 * DAY_NS)
    ledger.turn(4 * DAY_NS)
    first, today = ledger.days()
    assert (first.at, first.fills, first.placed, first.realized, first.fees) == (DAY_NS, 1, 1, 1_000_000, 20_000)
    assert (today.at, today.fills) == (4 * DAY_NS, 0), "a day on which nothing happened is not a row"


def test_the_curve_begins_at_the_start_however_long_it_runs() -> None:
    tracker = EquityTracker()
    for second in range(5 * CURVE_KEPT):
        tracker.note(dollars(second), (1_000 + second) * NS)
    times = [at for at, _ in tracker.curve]
    assert times[0] == 1_000 * NS
    assert CURVE_KEPT // 2 < len(times) <= CURVE_KEPT
    assert len({later - sooner for sooner, later in pairwise(times)}) == 1, "at even distances"


def test_memory_of_this_process_is_told() -> None:
    found = memory_kib()
    assert found is None or found > 10_000
