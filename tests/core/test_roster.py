"""Which markets are watched and decided about: positions' markets too, and open ones in place of those that ended."""

import msgspec

from core.domain import events as ev
from core.domain.amounts import Price, contracts
from core.domain.commands import PlaceOrder
from core.domain.effects import WatchMarkets
from core.domain.enums import BookSide, MarketStatus
from core.domain.ids import Ticker
from tests.core.builders import Bench, T, fill, market

A, B, C = (Ticker(f"KXTEST-26DEC01-{letter}") for letter in "ABC")


def three(quoted: int) -> Bench:
    """Three open markets, A the most traded; `quoted` of them are decided about."""
    bench = Bench(quote_markets=quoted)
    bench.markets = tuple(market(t, volume_24h=contracts(300 - 100 * i)) for i, t in enumerate((A, B, C)))
    return bench.up()


def end(bench: Bench, ticker: Ticker, status: MarketStatus = MarketStatus.CLOSED) -> None:
    bench.step(ev.MarketChanged(ticker=ticker, status=status))
    bench.markets = tuple(info for info in bench.markets if info.ticker != ticker)


def test_a_position_opened_by_somebody_else_has_its_market_watched_at_once() -> None:
    bench = three(1)
    assert bench.desk.markets.watched == (A,)
    bench.effects.clear()
    bench.step(fill(order="foreign", ticker=C))
    bench.beat()
    assert [e.tickers for e in bench.effects if isinstance(e, WatchMarkets)] == [(A, C)]


def test_an_open_market_takes_the_place_of_one_that_has_closed() -> None:
    bench = three(2)
    assert bench.engine.actor.quoted == (A, B)
    end(bench, A)
    bench.beat(times=80)
    assert bench.engine.actor.quoted == (B, C)
    assert any("in place of" in row.text for row in bench.desk.status.activity)


def test_a_market_that_closed_while_the_stream_was_down_is_learned_of() -> None:
    bench = three(1)
    bench.step(ev.StreamLost(epoch=1, reason="connection broke", retry_ms=0))
    bench.markets = (msgspec.structs.replace(bench.markets[0], status=MarketStatus.CLOSED), *bench.markets[1:])
    bench.connect(epoch=2)
    bench.beat(times=120)
    assert bench.engine.actor.quoted == (B,)


def test_a_market_that_takes_no_order_gives_its_place_to_another() -> None:
    bench = three(1)
    sent = bench.desk.orders.get_open_orders()
    bench.step(PlaceOrder(ticker=A, side=BookSide.BID, price=Price(4_500), count=contracts(1), command_id=1))
    (order,) = (o for o in bench.desk.orders.get_open_orders() if o not in sent)
    bench.markets = bench.markets[1:]
    bench.step(
        ev.OrderRejected(
            client_order_id=order.client_order_id, status=409, code="market_inactive", detail="", elapsed_ns=1
        )
    )
    bench.beat(times=80)
    assert bench.engine.actor.quoted == (B,)


def test_a_market_that_opened_meanwhile_can_take_the_place() -> None:
    bench = three(2)
    bench.markets = (*bench.markets[:2], market("KXTEST-26DEC01-NEW", volume_24h=contracts(999)))
    end(bench, B)
    bench.beat(times=80)
    assert bench.engine.actor.quoted == (A, Ticker("KXTEST-26DEC01-NEW"))


def test_with_no_other_market_open_the_choice_stays() -> None:
    bench = three(3)
    for ticker in (A, B, C):
        end(bench, ticker)
    bench.beat(times=80)
    assert bench.engine.actor.quoted == (A, B, C)


def test_a_list_that_is_behind_does_not_open_a_decided_market_again() -> None:
    bench = Bench().up()
    bench.step(ev.MarketChanged(ticker=T, status=MarketStatus.DETERMINED, settlement_value=Price(10_000)))
    bench.beat(times=80)  # the list is read anew and still says active
    known = bench.desk.markets.get(T)
    assert known is not None and known.info.status is MarketStatus.DETERMINED
