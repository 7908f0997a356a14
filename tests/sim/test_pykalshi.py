"""pykalshi 2.0.0, unmodified, against the simulated exchange on a real loopback socket: a client we did not write."""

import asyncio
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

from pykalshi import Action, BookSide, KalshiClient, MarketStatus, OrderStatus, Side, TimeInForce
from pykalshi.exceptions import KalshiAPIError

from tests.sim.support import running


def _client(endpoint: Any, tmp_path: Path) -> KalshiClient:
    key = tmp_path / "key.pem"
    key.write_bytes(endpoint.private_key_pem)
    return KalshiClient(
        api_key_id=endpoint.key_id, private_key_path=str(key), api_base=endpoint.rest_url, max_retries=0
    )


def _trade(endpoint: Any, tmp_path: Path) -> None:
    with _client(endpoint, tmp_path) as client:
        markets = client.get_markets(status=MarketStatus.OPEN, limit=5, fetch_all=True)
        assert len(markets) == 12
        market = max(markets, key=lambda m: Decimal(m.volume_24h_fp))
        assert client.get_market(market.ticker).title == market.title
        book = market.get_orderbook().orderbook
        assert Decimal(book.yes_dollars[-1][0]) < 1 - Decimal(book.no_dollars[-1][0])
        assert client.exchange.get_status().trading_active
        _resting_order(client, market)
        _taken_order(client, market)
        assert len(market.get_trades(limit=3)) == 3
        assert market.get_event().event_ticker == market.event_ticker


def _resting_order(client: Any, market: Any) -> None:
    order = client.portfolio.place_order(
        market, Action.BUY, Side.YES, "5.00", yes_price_dollars="0.02", post_only=True, client_order_id="py-1"
    )
    assert order.status is OrderStatus.RESTING
    assert client.portfolio.get_balance().balance == 99_990
    amended = client.portfolio.amend_order(order.order_id, yes_price_dollars="0.03", count_fp="4.00")
    assert client.portfolio.get_order(amended.order_id).remaining_count_fp == "4.00"
    assert [o.order_id for o in client.portfolio.get_orders(status=OrderStatus.RESTING)] == [order.order_id]
    assert client.portfolio.get_queue_positions()[0].order_id == order.order_id
    client.portfolio.decrease_order(order.order_id, "1.00")
    assert client.portfolio.cancel_order(order.order_id).status is OrderStatus.CANCELED
    try:
        client.portfolio.cancel_order(order.order_id)
    except KalshiAPIError as error:
        assert error.status_code == 404
    else:
        raise AssertionError("a canceled order was canceled again")


def _taken_order(client: Any, market: Any) -> None:
    order = client.portfolio.place_order(
        market, book_side=BookSide.ASK, price_dollars="0.01", count_fp="2.00", time_in_force=TimeInForce.IOC
    )
    assert order.status is OrderStatus.EXECUTED
    fills = client.portfolio.get_fills(order_id=order.order_id)
    assert sum(Decimal(f.count_fp) for f in fills) == 2
    assert all(f.book_side is BookSide.ASK for f in fills)
    held = client.portfolio.get_positions(ticker=market.ticker)
    assert Decimal(held[0].position_fp) == -2
    assert Decimal(held[0].fees_paid_dollars) > 0


async def test_it_lists_reads_places_amends_cancels_and_takes(tmp_path: Path) -> None:
    async with running() as (server, client):
        await asyncio.to_thread(_trade, client.endpoint, tmp_path)
        server.check_conservation()


def _watch(endpoint: Any, tmp_path: Path) -> dict[str, list[Any]]:
    seen: dict[str, list[Any]] = {name: [] for name in ("ticker", "orderbook_delta", "fill", "user_orders")}
    filled = threading.Event()
    with _client(endpoint, tmp_path) as client:
        ticker = max(client.get_markets(), key=lambda m: Decimal(m.volume_24h_fp)).ticker
        feed = client.feed()
        feed._ws_url = endpoint.ws_url
        for name, rows in seen.items():
            feed.on(name, rows.append)
        feed.on("fill", lambda _message: filled.set())
        for name in ("ticker", "orderbook_delta"):
            feed.subscribe(name, market_ticker=ticker)
        for name in ("fill", "user_orders"):
            feed.subscribe(name)
        with feed:
            assert feed._connected.wait(5)
            client.portfolio.place_order(ticker, Action.BUY, Side.NO, "1.00", no_price_dollars="0.99")
            assert filled.wait(10)
    return seen


async def test_its_feed_sees_books_tickers_fills_and_orders(tmp_path: Path) -> None:
    async with running() as (_server, client):
        seen = await asyncio.to_thread(_watch, client.endpoint, tmp_path)
    first = seen["orderbook_delta"][0]
    assert first.yes_dollars_fp and first.no_dollars_fp
    fill = seen["fill"][0]
    assert (fill.book_side, fill.post_position_fp, fill.is_taker) == ("ask", "-1.00", True)
    assert not any(isinstance(row, dict) for rows in seen.values() for row in rows)
