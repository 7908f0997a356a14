"""The client against the simulated exchange, through the real protocol, on virtual time and once over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest

from core.domain.amounts import Count, Price, contracts, dollars
from core.domain.effects import (
    Read,
    ReadKind,
    SendAmend,
    SendCancel,
    SendCancels,
    SendDecrease,
    SendOrder,
    SendOrders,
)
from core.domain.enums import BookSide, MarketStatus, OrderStatus, TimeInForce
from core.domain.events import (
    AmendConfirmed,
    BalanceRead,
    BatchAnswered,
    BookChanged,
    BookLost,
    BookReplaced,
    CancelConfirmed,
    CancelNotFound,
    Event,
    ExchangeStatusRead,
    FillReported,
    FillsRead,
    FrameRefused,
    LimitsRead,
    MarketsRead,
    OrderAccepted,
    OrderLookedUp,
    OrderNotSent,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderReported,
    OrdersRead,
    PositionReported,
    PositionsRead,
    ReadFailed,
    StreamConnected,
    StreamLost,
    StreamRefused,
    StreamSubscribed,
    TradePrinted,
)
from core.domain.ids import ClientOrderId, OrderId
from core.domain.market import MarketInfo
from core.exchange.network import loopback_endpoints
from core.exchange.signing import signer_from_pem
from core.exchange.stream import WebSocketManager
from core.exchange.trading_client import TradingClientIntegration
from core.ports import Clock
from core.sim.link import LinkedLoop
from core.sim.server import ExchangeServer, ExchangeSettings
from core.sim.virtual_clock import VirtualClock, run_virtual

PATH = "/world/exchange"


class World:
    """An exchange, a client and a stream, joined by a link."""

    def __init__(self, clock: Clock, server: ExchangeServer, endpoint: Any, unix_path: str | None) -> None:
        self.clock, self.server = clock, server
        endpoints = loopback_endpoints(endpoint.rest_url, endpoint.ws_url)
        signer = signer_from_pem(endpoint.key_id, endpoint.private_key_pem)
        self.events: list[Event] = []
        self.client = TradingClientIntegration(endpoints, signer, clock, Random(1), unix_path=unix_path)
        self.stream = WebSocketManager(endpoints, signer, clock, Random(2), self.events.append, unix_path=unix_path)
        self.task: asyncio.Task[None] | None = None
        self.next_id = 0

    async def open(self) -> None:
        await self.client.open()
        self.task = asyncio.create_task(self.stream.run())

    async def close(self) -> None:
        await self.stream.close()
        assert self.task is not None
        await self.task
        await self.client.close()
        await self.server.stop()

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def read(self, kind: ReadKind, **changes: Any) -> Any:
        return await self.client.perform(Read(request_id=1, kind=kind, **changes))

    async def a_market(self) -> MarketInfo:
        fact = await self.read(ReadKind.MARKETS)
        assert isinstance(fact, MarketsRead)
        return max(
            (m for m in fact.markets if m.best_bid and m.best_ask and m.status is MarketStatus.ACTIVE),
            key=lambda market: (market.volume_24h, market.ticker),
        )

    async def place(self, market: MarketInfo, price: int, count: Count, **changes: Any) -> Event:
        return await self.client.perform(self.order(market, price, count, **changes))

    def order(self, market: MarketInfo, price: int, count: Count, **changes: Any) -> SendOrder:
        self.next_id += 1
        values: dict[str, Any] = {
            "client_order_id": ClientOrderId(f"kt-{self.next_id}"),
            "ticker": market.ticker,
            "side": BookSide.BID,
            "price": Price(price),
            "count": count,
            "time_in_force": TimeInForce.GOOD_TILL_CANCELED,
            "post_only": False,
            "reduce_only": False,
            "expiration_s": None,
            "journal_position": self.next_id,
        }
        return SendOrder(**{**values, **changes})


def in_world(story: Callable[[World], Awaitable[Any]], tier: str | None = None) -> Any:
    async def main(clock: VirtualClock) -> Any:
        server = ExchangeServer(ExchangeSettings(seed=11, tier=tier), clock)
        world = World(clock, server, await server.start_unix(PATH), PATH)
        await world.open()
        try:
            return await story(world)
        finally:
            await world.close()

    return run_virtual(main, loop_factory=LinkedLoop)


async def the_main_road(world: World) -> None:
    status = await world.read(ReadKind.EXCHANGE_STATUS)
    assert isinstance(status, ExchangeStatusRead) and status.trading_active
    assert isinstance(await world.read(ReadKind.LIMITS), LimitsRead)
    market = await world.a_market()
    assert market.fees is not None and market.bands and market.close_ms > 0
    world.stream.watch([market.ticker])
    await world.clock.sleep(1)
    assert len(world.of(StreamSubscribed)) == 8 and len(world.of(BookReplaced)) == 1

    accepted = await world.place(market, 100, contracts(3))
    assert isinstance(accepted, OrderAccepted) and accepted.remaining == 300
    amended = await world.client.perform(
        SendAmend(
            client_order_id=accepted.client_order_id, order_id=accepted.order_id, ticker=market.ticker,
            side=BookSide.BID, price=Price(200), count=contracts(2), expiration_s=None, journal_position=9,
        )
    )  # fmt: skip
    assert isinstance(amended, AmendConfirmed)
    resting = await world.read(ReadKind.ORDERS)
    assert isinstance(resting, OrdersRead)
    assert [(o.order_id, o.price, o.remaining) for o in resting.orders] == [(amended.order_id, 200, 200)]
    looked_up = await world.read(ReadKind.ORDER, client_order_id=accepted.client_order_id, ticker=market.ticker)
    assert isinstance(looked_up, OrderLookedUp) and looked_up.report == resting.orders[0]
    absent = await world.read(ReadKind.ORDER, client_order_id=ClientOrderId("never"), ticker=market.ticker)
    assert isinstance(absent, OrderLookedUp) and absent.report is None

    cancel = SendCancel(client_order_id=accepted.client_order_id, order_id=amended.order_id, ticker=market.ticker)
    canceled = await world.client.perform(cancel)
    assert isinstance(canceled, CancelConfirmed) and canceled.reduced_by == 200
    assert isinstance(await world.client.perform(cancel), CancelNotFound)

    taken = await world.place(market, 9900, contracts(2), time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
    assert isinstance(taken, OrderAccepted) and taken.filled == 200
    await world.clock.sleep(1)
    streamed = world.of(FillReported)
    fills = await world.read(ReadKind.FILLS, since_ms=0)
    assert isinstance(fills, FillsRead)
    assert {(f.trade_id, f.order_id, f.price, f.count, f.fee, f.side) for f in fills.fills} == {
        (f.trade_id, f.order_id, f.price, f.count, f.fee, f.side) for f in streamed
    }
    assert sum(fill.count for fill in streamed) == 200
    assert {fill.client_order_id for fill in streamed} == {taken.client_order_id}
    positions = await world.read(ReadKind.POSITIONS)
    assert isinstance(positions, PositionsRead)
    (position,) = positions.positions
    assert (position.ticker, position.position) == (market.ticker, 200)
    assert position == world.of(PositionReported)[-1].report
    balance = await world.read(ReadKind.BALANCE)
    assert isinstance(balance, BalanceRead)
    spent = sum(fill.price * fill.count + fill.fee for fill in streamed)
    assert dollars(1000) - spent == balance.balance
    last_word = {report.report.order_id: report.report for report in world.of(OrderReported)}
    assert last_word[amended.order_id].status is OrderStatus.CANCELED
    assert last_word[taken.order_id].status is OrderStatus.EXECUTED
    assert not world.of(FrameRefused) and not world.of(StreamRefused) and not world.of(BookLost)


async def the_road_in_batches(world: World) -> None:
    market = await world.a_market()
    wishes = (
        world.order(market, 100, contracts(3)),
        world.order(market, 150, contracts(3)),  # off the grid
        world.order(market, 200, contracts(500_000)),  # more than there is money for
        world.order(market, 300, contracts(2)),
    )
    made = await world.client.perform(SendOrders(orders=wishes))
    assert isinstance(made, BatchAnswered)
    first, off_grid, too_dear, last = made.outcomes
    assert isinstance(first, OrderAccepted) and isinstance(last, OrderAccepted)
    assert isinstance(off_grid, OrderRejected) and off_grid.code == "invalid_price"
    assert isinstance(too_dear, OrderRejected) and too_dear.code == "insufficient_balance"
    again = await world.client.perform(SendOrders(orders=(wishes[0], wishes[3])))
    assert isinstance(again, BatchAnswered)
    assert [isinstance(o, OrderRejected) and o.duplicate for o in again.outcomes] == [True, True]

    smaller = await world.client.perform(
        SendDecrease(
            client_order_id=first.client_order_id, order_id=first.order_id, ticker=market.ticker, price=Price(100),
            count=contracts(2), reduce_by=contracts(1), journal_position=9,
        )
    )  # fmt: skip
    assert isinstance(smaller, AmendConfirmed) and smaller.remaining == 200
    resting = await world.read(ReadKind.ORDERS)
    assert {(o.client_order_id, o.price, o.remaining) for o in resting.orders} == {
        (first.client_order_id, 100, 200), (last.client_order_id, 300, 200),
    }  # fmt: skip

    def cancel(of: OrderAccepted) -> SendCancel:
        return SendCancel(client_order_id=of.client_order_id, order_id=of.order_id, ticker=market.ticker)

    gone = await world.client.perform(SendCancels(cancels=(cancel(last), cancel(first), cancel(last))))
    assert isinstance(gone, BatchAnswered)
    assert [o.order_id for o in gone.outcomes] == [last.order_id, first.order_id, last.order_id]
    assert isinstance(gone.outcomes[1], CancelConfirmed) and gone.outcomes[1].reduced_by == 200
    assert not (await world.read(ReadKind.ORDERS)).orders


def test_batches_and_decreases_agree_on_virtual_time() -> None:
    in_world(the_road_in_batches)


def test_place_amend_cancel_fill_and_read_agree_on_virtual_time() -> None:
    in_world(the_main_road)


async def test_place_amend_cancel_fill_and_read_agree_over_real_sockets() -> None:
    class RealClock:
        def monotonic_ns(self) -> int:
            return time.monotonic_ns()

        def wall_ns(self) -> int:
            return time.time_ns()

        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(seconds)

    clock = RealClock()
    server = ExchangeServer(ExchangeSettings(seed=11), clock)
    world = World(clock, server, await server.start(), None)
    await world.open()
    try:
        await the_main_road(world)
        assert all(row.p50_us > 0 for row in world.client.stats().latency)
    finally:
        await world.close()


def test_book_told_by_the_stream_is_the_exchanges() -> None:
    async def story(world: World) -> None:
        market = await world.a_market()
        world.stream.watch([market.ticker])
        await world.clock.sleep(120)
        levels: dict[tuple[BookSide, int], int] = {}
        for event in world.events:
            if isinstance(event, BookReplaced):
                levels = {(BookSide.BID, p): c for p, c in event.bids} | {(BookSide.ASK, p): c for p, c in event.asks}
            elif isinstance(event, BookChanged):
                key = (event.side, event.price)
                levels[key] = levels.get(key, 0) + event.delta
                assert levels[key] >= 0
        assert world.of(BookChanged) and world.of(TradePrinted)
        now = next(m for m in (await world.read(ReadKind.MARKETS)).markets if m.ticker == market.ticker)
        live = {key for key, size in levels.items() if size}
        assert now.best_bid == max(price for side, price in live if side is BookSide.BID)
        assert now.best_ask == min(price for side, price in live if side is BookSide.ASK)

    in_world(story)


def test_refusals_of_the_exchange_arrive_by_their_codes() -> None:
    async def story(world: World) -> None:
        market = await world.a_market()
        poor = await world.place(market, 100, contracts(900_000))
        assert isinstance(poor, OrderRejected) and poor.code == "insufficient_balance"
        crossing = await world.place(market, 9900, contracts(1), post_only=True)
        assert isinstance(crossing, OrderRejected) and crossing.status == 400
        first = await world.place(market, 100, contracts(1))
        again = await world.place(market, 100, contracts(1), client_order_id=ClientOrderId("kt-3"))
        assert isinstance(first, OrderAccepted)
        assert isinstance(again, OrderRejected) and again.duplicate
        nothing = await world.client.perform(
            SendCancel(client_order_id=ClientOrderId("x"), order_id=OrderId("no-such"), ticker=market.ticker)
        )
        assert isinstance(nothing, CancelNotFound)

    in_world(story)


def test_cut_line_heals_by_itself_and_every_channel_comes_back() -> None:
    async def story(world: World) -> None:
        market = await world.a_market()
        world.stream.watch([market.ticker])
        await world.clock.sleep(2)
        for _ in range(3):
            asyncio.get_running_loop().cut()  # type: ignore[attr-defined]
            await world.clock.sleep(20)
        assert [event.epoch for event in world.of(StreamConnected)] == [1, 2, 3, 4]
        assert len(world.of(StreamLost)) == 3
        assert len(world.of(StreamSubscribed)) == 32 and len(world.of(BookReplaced)) == 4

    in_world(story)


def test_dead_line_is_noticed_by_its_silence() -> None:
    async def story(world: World) -> None:
        loop = asyncio.get_running_loop()
        await world.clock.sleep(2)
        loop.freeze(True)  # type: ignore[attr-defined]
        await world.clock.sleep(20)
        assert "silent" in world.of(StreamLost)[0].reason
        loop.freeze(False)  # type: ignore[attr-defined]
        await world.clock.sleep(60)
        assert len(world.of(StreamConnected)) >= 2
        assert world.stream.stats().connected

    in_world(story)


def test_write_on_a_frozen_line_is_unknown_and_on_a_refused_one_not_sent() -> None:
    async def story(world: World) -> None:
        loop = asyncio.get_running_loop()
        market = await world.a_market()
        assert isinstance(await world.place(market, 100, contracts(1)), OrderAccepted)
        loop.freeze(True)  # type: ignore[attr-defined]
        fact = await world.place(market, 100, contracts(1))
        assert isinstance(fact, OrderOutcomeUnknown) and fact.elapsed_ns >= 9_000_000_000
        assert isinstance(await world.place(market, 100, contracts(1)), OrderNotSent)
        loop.freeze(False)  # type: ignore[attr-defined]
        loop.cut()  # type: ignore[attr-defined]
        await world.clock.sleep(1)
        loop.refusing = True  # type: ignore[attr-defined]
        assert isinstance(await world.place(market, 100, contracts(1)), OrderNotSent)
        assert isinstance(await world.read(ReadKind.ORDERS), ReadFailed)
        loop.refusing = False  # type: ignore[attr-defined]
        assert isinstance(await world.place(market, 100, contracts(1)), OrderAccepted)

    in_world(story)


def test_client_stays_inside_the_budget_the_exchange_keeps() -> None:
    async def story(world: World) -> None:
        await world.read(ReadKind.LIMITS)
        market = await world.a_market()
        for _ in range(3):
            facts = await asyncio.gather(*(world.place(market, 100, Count(1)) for _ in range(40)))
            accepted = [fact for fact in facts if isinstance(fact, OrderAccepted)]
            assert 8 <= len(accepted) <= 19
            assert {type(fact) for fact in facts} == {OrderAccepted, OrderNotSent}
            cancels = [
                SendCancel(client_order_id=fact.client_order_id, order_id=fact.order_id, ticker=market.ticker)
                for fact in accepted
            ]
            answers = await asyncio.gather(*(world.client.perform(cancel) for cancel in cancels))
            assert {type(answer) for answer in answers} == {CancelConfirmed}
        assert world.client.stats().limited == 0

    in_world(story, tier="basic")


@pytest.mark.parametrize("seed", [1, 2])
def test_same_seed_same_world(seed: int) -> None:
    async def story(world: World) -> list[Event]:
        loop = asyncio.get_running_loop()
        loop.delay_ns = 3_000_000 * seed  # type: ignore[attr-defined]
        market = await world.a_market()
        world.stream.watch([market.ticker])
        facts: list[Event] = []
        for turn in range(5):
            await world.clock.sleep(4)
            facts.append(await world.place(market, 5000 + turn * 100, contracts(1)))
            if turn == 2:
                loop.cut()  # type: ignore[attr-defined]
        await world.clock.sleep(8)
        return facts + world.events

    first, second = in_world(story), in_world(story)
    assert first == second
    assert len(first) > 50
