"""The pytest plugin, and pykalshi's whole trading surface on it: sync, async and feed, unmodified but for the URLs."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from pykalshi import Action, AsyncKalshiClient, BookSide, KalshiClient, MarketStatus, OrderStatus, Side, TimeInForce
from pykalshi.exceptions import KalshiAPIError

from core.sim.pytest_plugin import ControlRefused


def _client(exchange: Any, kind: Any = KalshiClient) -> Any:
    return kind(
        api_key_id=exchange.key_id,
        private_key_path=exchange.private_key_path,
        api_base=exchange.rest_url,
        max_retries=0,
    )


def test_a_fixture_gives_an_exchange_of_its_own(exchange_factory: Any, simulated_exchange: Any) -> None:
    other = exchange_factory(seed=3, markets=4, scenario="thin")
    assert other.exchange_id != simulated_exchange.exchange_id
    with _client(other) as client:
        assert len(client.get_markets()) == 4
        other.arm("server_error", status=503, times=1)
        with pytest.raises(KalshiAPIError):
            client.get_market("KXNOPE")
        assert other.faults() == {"server_error": 1}
        other.disarm()
        other.act("pause-trading")
        assert not client.exchange.is_trading()
        other.step(3_600)
        assert other.check()["deposits"]
        with pytest.raises(ControlRefused, match="unknown fault"):
            other.arm("nope")
    with pytest.raises(ControlRefused, match="unknown scenario"):
        exchange_factory(scenario="nope")


def _market(client: Any) -> Any:
    return max(client.get_markets(status=MarketStatus.OPEN), key=lambda m: Decimal(m.volume_24h_fp))


def test_pykalshi_sync_whole_trading_surface(simulated_exchange: Any) -> None:
    with _client(simulated_exchange) as client:
        market, folio = _market(client), client.portfolio
        assert folio.get_balance().balance == 100_000
        group = folio.create_order_group("10.00")
        folio.update_order_group_limit(group.id, "12.00")
        orders = folio.batch_place_orders(
            [
                {
                    "ticker": market.ticker,
                    "action": "buy",
                    "side": "yes",
                    "count_fp": "1.00",
                    "yes_price_dollars": price,
                }
                for price in ("0.01", "0.02")
            ]
        )
        assert [o.status for o in orders] == [OrderStatus.RESTING] * 2
        assert len(folio.get_queue_positions()) == 2
        assert folio.get_queue_position(orders[0].order_id)
        amended = folio.amend_order(orders[0].order_id, yes_price_dollars="0.03", count_fp="2.00")
        folio.decrease_order(amended.order_id, "1.00")
        assert len(folio.get_orders(status=OrderStatus.RESTING, limit=1, fetch_all=True)) == 2
        canceled = folio.batch_cancel_orders([o.order_id for o in orders])
        assert len(canceled) == 2 and not folio.get_orders(status=OrderStatus.RESTING)
        grouped = folio.place_order(
            market, Action.BUY, Side.YES, "1.00", yes_price_dollars="0.02", order_group_id=group.id
        )
        folio.trigger_order_group(group.id)
        assert folio.get_order(grouped.order_id).status is OrderStatus.CANCELED
        folio.reset_order_group(group.id)
        assert [g.id for g in folio.get_order_groups()] == [group.id] and folio.get_order_group(group.id)
        taken = folio.place_order(
            market, book_side=BookSide.BID, price_dollars="0.99", count_fp="3.00", time_in_force=TimeInForce.IOC
        )
        assert taken.status is OrderStatus.EXECUTED
        assert sum(Decimal(f.count_fp) for f in folio.get_fills(order_id=taken.order_id)) == 3
        assert Decimal(folio.get_positions()[0].position_fp) == 3
        with pytest.raises(KalshiAPIError) as caught:
            folio.place_order(market.ticker, Action.BUY, Side.YES, "1.00", yes_price_dollars="0.0155")
        assert caught.value.status_code == 400
        assert [b.subaccount_number for b in folio.get_subaccount_balances()] == [0]
        assert list(folio.get_subaccount_transfers()) == []
        assert len(folio.get_subaccount_netting()) == 1
        with pytest.raises(KalshiAPIError) as caught:
            folio.create_subaccount()
        assert caught.value.status_code == 403
        simulated_exchange.act("close")
        simulated_exchange.act("determine", result="yes")
        simulated_exchange.act("settle")
        rows = folio.get_settlements()
        assert [r.market_result for r in rows] in (["yes"], [])


def test_pykalshi_sync_reads(simulated_exchange: Any) -> None:
    with _client(simulated_exchange) as client:
        market = _market(client)
        assert client.get_market(market.ticker).ticker == market.ticker
        assert market.get_orderbook(depth=3).orderbook.yes_dollars
        assert market.get_trades(limit=2) and client.get_trades(limit=5)
        event = client.get_event(market.event_ticker)
        assert [m.ticker for m in event.get_markets()].count(market.ticker) == 1
        series = event.get_series()
        assert series.get_markets() and series.get_events() and client.get_all_series()
        assert client.get_events(limit=2, fetch_all=True)
        times = {"start_ts": 1_000_000_000, "end_ts": 4_000_000_000}
        from pykalshi import CandlestickPeriod

        period = CandlestickPeriod.ONE_MINUTE
        assert market.get_candlesticks(times["start_ts"], times["end_ts"], period).candlesticks
        assert client.get_candlesticks_batch([market.ticker], times["start_ts"], times["end_ts"], period)
        assert client.exchange.get_schedule() and client.exchange.get_user_data_timestamp() is not None
        assert client.history.get_cutoff()
        assert list(client.history.get_markets()) == list(client.history.get_orders()) == []
        assert list(client.history.get_fills()) == list(client.history.get_trades()) == []


async def test_pykalshi_async_trades_and_listens(simulated_exchange: Any) -> None:
    async with _client(simulated_exchange, AsyncKalshiClient) as client:
        markets = await client.get_markets(status=MarketStatus.OPEN)
        market = max(markets, key=lambda m: Decimal(m.volume_24h_fp))
        feed = client.feed()
        feed._ws_url = simulated_exchange.ws_url
        seen: list[str] = []
        done = asyncio.Event()

        def on_fill(message: Any) -> None:
            seen.append(message.trade_id)
            done.set()

        feed.on("fill", on_fill)
        async with feed:
            feed.subscribe("fill")
            feed.subscribe("orderbook_delta", market_ticker=market.ticker)

            async def listen() -> None:
                async for _message in feed:
                    if done.is_set():
                        return

            listener = asyncio.create_task(listen())
            order = await client.portfolio.place_order(market, Action.BUY, Side.YES, "1.00", yes_price_dollars="0.99")
            await asyncio.wait_for(done.wait(), 10)
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
        assert order.status is OrderStatus.EXECUTED and seen
        rest = await client.portfolio.place_order(market, Action.BUY, Side.NO, "2.00", no_price_dollars="0.01")
        await client.portfolio.amend_order(rest.order_id, no_price_dollars="0.02", count_fp="2.00")
        assert (await client.portfolio.cancel_order(rest.order_id)).status is OrderStatus.CANCELED
        assert Decimal((await client.portfolio.get_positions())[0].position_fp) == 1
        assert (await client.portfolio.get_balance()).balance < 100_000
