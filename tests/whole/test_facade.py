"""`Trader`, the facade, inside another asyncio program; and the same short road that the demo lane takes."""

import asyncio
from pathlib import Path

from core.assembly import Trader
from core.config import load
from core.domain.commands import Stop
from core.domain.enums import ExitReason, Origin
from core.domain.records import OrderIntended, OrderMoved, Record
from tests.whole.road import connect_place_cancel, until


async def test_a_program_can_place_and_cancel_one_order(tmp_path: Path) -> None:
    assert "PAPER" in await connect_place_cancel(load({"state_dir": tmp_path, "seed": 7}, {}).settings)


async def test_subscribers_hear_every_order_and_a_raising_one_stops_nothing(tmp_path: Path) -> None:
    heard: list[Record] = []

    def broken(record: Record) -> None:
        raise ValueError("mine")

    trader = Trader(load({"state_dir": tmp_path, "seed": 7}, {}).settings)
    trader.prepare()
    trader.subscribe(broken)
    trader.subscribe(heard.append)
    running = asyncio.create_task(trader.run())
    await until(lambda: trader.snapshot.counters.fills >= 3)
    trader.submit(Stop(origin=Origin.TIMER, reason=ExitReason.TIME))
    exit_view = await running
    assert exit_view.code == 0
    intended = {r.client_order_id for r in heard if isinstance(r, OrderIntended)}
    moved = {r.client_order_id for r in heard if isinstance(r, OrderMoved)}
    assert len(intended) == trader.snapshot.counters.placed
    assert moved == intended
    assert len(trader.bus.dropped) == 1
    assert trader.final is not None
    assert (trader.final.orders, trader.final.positions, trader.final.cash) == (0, 0, 0)
    assert trader.server is not None
    trader.server.check_conservation()
