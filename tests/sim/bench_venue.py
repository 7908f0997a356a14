"""How fast the exchange is, beside the least that any engine must do: run with `-m long -s`.

Orders through the venue are set beside a naive book of sorted lists doing the same commands without money, fees or
facts; deltas served beside a server that sends ready bytes. Ratios are printed, floors are asserted.
"""

import asyncio
import bisect
import gc
import time
from random import Random
from typing import Any

import aiohttp
import pytest

from core.domain.amounts import dollars
from core.domain.enums import BookSide, OrderStatus
from core.sim.model import NewOrder
from core.sim.server import ExchangeServer, ExchangeSettings
from tests.sim.support import KEY_PEM, NOW, Client, FastClock, RealClock, bare_venue, running, wish

pytestmark = pytest.mark.long

COMMANDS, NEW_PERCENT = 60_000, 65
LEAST_ORDERS, LEAST_DELTAS = 50_000, 20_000


def commands(tickers: list[str]) -> list[Any]:
    """New orders at 99 prices around the middle, and cancels of any earlier one."""
    chance = Random(1)
    made: list[Any] = []
    for number in range(COMMANDS):
        if number and chance.randrange(100) >= NEW_PERCENT:
            made.append(chance.randrange(number))
            continue
        side = chance.choice(list(BookSide))
        price = min(max(5_000 - side.sign * 300 + int(chance.gauss(0, 600)) // 100 * 100, 100), 9_900)
        order = NewOrder(ticker=chance.choice(tickers), side=side, price=price, count=chance.randint(1, 20) * 100)  # type: ignore
        made.append((chance.randrange(20), order))
    return made


def through_the_venue(made: list[Any], *, house: bool) -> float:
    venue = bare_venue(4)
    accounts = [venue.open_account(dollars(10_000_000), house=house) for _ in range(20)]
    orders: list[Any] = [None] * len(made)
    gc.collect()
    began = time.perf_counter()
    for number, command in enumerate(made):
        if isinstance(command, int):
            order = orders[command]
            if order is not None and order.status is OrderStatus.RESTING:
                venue.withdraw(order, NOW + number)
        else:
            who, order = command
            orders[number] = venue.place(accounts[who], order, NOW + number).order
        if number % 200 == 0:
            venue.take_events()
    spent = time.perf_counter() - began
    venue.check_conservation()
    return len(made) / spent


def through_a_naive_book(made: list[Any]) -> float:
    books: dict[str, tuple[list[Any], list[Any]]] = {}
    orders: list[Any] = [None] * len(made)
    began = time.perf_counter()
    for number, command in enumerate(made):
        if isinstance(command, int):
            row = orders[command]
            if row is not None and row in row[3]:
                row[3].remove(row)
            continue
        _who, order = command
        bids, asks = books.setdefault(order.ticker, ([], []))
        own, other = (bids, asks) if order.side is BookSide.BID else (asks, bids)
        left, sign = order.count, order.side.sign
        while left and other and sign * (other[0][0] * -sign) <= sign * order.price:
            best = other[0]
            taken = min(left, best[2])
            left, best[2] = left - taken, best[2] - taken
            if not best[2]:
                other.pop(0)
        if left:
            orders[number] = [order.price * -sign, number, left, own]
            bisect.insort(own, orders[number], key=lambda r: r[:2])
    return len(made) / (time.perf_counter() - began)


def test_orders_through_the_venue() -> None:
    made = commands(list(bare_venue(4).markets))
    for _ in range(2):
        house, member = through_the_venue(made, house=True), through_the_venue(made, house=False)
    naive = through_a_naive_book(made)
    print(f"\nvenue, house accounts  {house:>10,.0f} orders/s   {house / naive:.2f} of a naive book")
    print(f"venue, member accounts {member:>10,.0f} orders/s   {member / naive:.2f} of a naive book")
    print(f"naive book             {naive:>10,.0f} orders/s")
    assert house >= LEAST_ORDERS


async def _received(client: Client, server: ExchangeServer, count: int) -> float:
    """Deltas per second of the process from the venue's fact to the bytes in a reader's socket."""
    market = next(iter(server.venue.markets.values()))
    maker = server.venue.open_account(dollars(10_000_000), house=True)
    headers = client.headers("GET", "/trade-api/ws/v2")
    async with client.http.ws_connect(client.endpoint.ws_url, headers=headers) as socket:
        params = {"channels": ["orderbook_delta"], "market_ticker": market.ticker}
        await socket.send_json({"id": 1, "cmd": "subscribe", "params": params})
        await socket.receive(), await socket.receive()

        async def read() -> None:
            for _ in range(count):
                assert (await socket.receive()).type is aiohttp.WSMsgType.TEXT

        began = time.perf_counter()
        reader = asyncio.create_task(read())
        sent = 0
        while sent < count:
            for _ in range(250):
                order = server.venue.place(
                    maker, wish(market.ticker, BookSide.BID, 100, 100), server.venue.now_ns
                ).order
                server.venue.withdraw(order, server.venue.now_ns)
                sent += 2
            server._publish()
            await asyncio.sleep(0)
        await reader
        return count / (time.perf_counter() - began)


async def test_deltas_served_to_a_client() -> None:
    async with running(alive=0) as (server, client):
        rate = await _received(client, server, 40_000)
    print(f"\nvenue to reader, both in one process {rate:>10,.0f} deltas/s")
    assert rate >= LEAST_DELTAS / 2, "reader and exchange share this one core"


async def test_two_hundred_connections_and_ten_thousand_markets() -> None:
    began = time.perf_counter()
    server = ExchangeServer(ExchangeSettings(markets=10_000, alive=2_000), RealClock(), private_key_pem=KEY_PEM)
    endpoint = await server.start()
    ready = time.perf_counter() - began
    try:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as http:
            client = Client(endpoint, http)
            sockets = []
            for _ in range(200):
                headers = client.headers("GET", "/trade-api/ws/v2")
                socket = await http.ws_connect(endpoint.ws_url, headers=headers)
                await socket.send_json({"id": 1, "cmd": "subscribe", "params": {"channels": ["trade"]}})
                sockets.append(socket)
            began = time.perf_counter()
            assert len((await client.raw("GET", "/markets?limit=1000"))[1]["markets"]) == 1_000
            page = time.perf_counter() - began
            for socket in sockets:
                assert (await asyncio.wait_for(socket.receive(), 10)).type is aiohttp.WSMsgType.TEXT
            for socket in sockets:
                await socket.close()
    finally:
        await server.stop()
    print(f"\n10,000 markets, 2,000 alive: ready in {ready:.1f} s; a page of 1,000 in {page * 1000:.0f} ms")
    server.check_conservation()


def test_a_second_of_two_thousand_live_markets() -> None:
    clock = FastClock(NOW)
    server = ExchangeServer(ExchangeSettings(markets=10_000, alive=2_000), clock, private_key_pem=KEY_PEM)
    server.catch_up()
    began = time.perf_counter()
    clock._now += 10**9
    server.catch_up()
    spent = time.perf_counter() - began
    print(f"\none second of 2,000 live markets takes {spent:.2f} s")
    assert spent < 1
