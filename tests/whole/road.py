"""The shortest real use of the bot as a library: connect, place, cancel, look, stop. Shared by paper and demo."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.assembly import Trader
from core.config import Settings
from core.domain.amounts import Price, contracts
from core.domain.commands import CancelOrder, PlaceOrder, Stop
from core.domain.enums import BookSide, OrderState, Origin, TraderState


async def until(condition: Callable[[], bool], within: float = 60) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.1)


async def connect_place_cancel(settings: Settings) -> str:
    """The status panel taken on the way; asserts each step."""
    # Armed, but with a strategy that finds no room: only the order placed here is there.
    trader = Trader(settings.model_copy(update={"strategy": "hold"}), armed=True)
    trader.prepare()
    running = asyncio.create_task(trader.run())
    try:
        await until(lambda: trader.snapshot.state.state in (TraderState.READY, TraderState.ACTING))
        book = next(b for b in trader.snapshot.books if b.trusted)
        command_id = trader.next_command_id()
        trader.submit(
            PlaceOrder(
                command_id=command_id,
                ticker=book.ticker,
                side=BookSide.BID,
                price=Price(200),
                count=contracts(1),
                post_only=True,
            )
        )
        await until(lambda: any(o.state is OrderState.RESTING for o in trader.snapshot.orders))
        (order,) = [o for o in trader.snapshot.orders if o.ownership == "own"]
        trader.submit(CancelOrder(client_order_id=order.client_order_id))
        await until(lambda: not [o for o in trader.snapshot.orders if o.ownership == "own"])
        assert trader.snapshot.money.synced_at
        panel = trader.status_text()
    finally:
        trader.submit(Stop(origin=Origin.SIGNAL))
        exit_view = await running
    assert exit_view.resting_after_stop == 0
    assert exit_view.code == 0
    return panel
