"""Kills with much under way: several orders in different states, a stop, a liquidation with several exits in flight.

Here it dies at the n-th record, or the n-th write, from the beginning of what it does. What is judged is the same: the
next start has every order once, the exchange's positions and cash, and is READY in time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from core.domain.commands import AmendOrder, CancelOrder, Liquidate, PlaceOrder, Stop
from core.domain.effects import SendAmend, SendCancel, SendCancels, SendDecrease, SendOrder, SendOrders
from core.domain.enums import BookSide, OrderState, PriceRule, TimeInForce
from core.sim.link import LinkedLoop
from core.sim.stale import fill_before_cancel
from core.sim.virtual_clock import VirtualClock, run_virtual
from tests.lab.kill_stage import (
    JOURNAL_STEPS,
    READY_WITHIN_S,
    RECOVERY,
    REQUEST_STEPS,
    SETTLED_WITHIN_S,
    Kill,
    Outcome,
    Scene,
    judged,
    stand,
)

WRITES = (SendOrder, SendOrders, SendCancel, SendCancels, SendAmend, SendDecrease)
MARKETS = 3
COUNT = 300  # hundredths of a contract in each


@dataclass
class Nth:
    """The n-th of what passes a step: records, or writes."""

    number: int
    writes: bool
    seen: list[object] = field(default_factory=list)

    def __call__(self, what: object) -> bool:
        if isinstance(what, WRITES) is not self.writes or any(one is what for one in self.seen):
            return False
        self.seen.append(what)
        return len(self.seen) == self.number


# ---- what it does when it dies -----------------------------------------------------------------------------------


def _open(scene: Scene) -> list[str]:
    return [o.client_order_id for o in scene.desk.orders.get_open_orders() if o.state is OrderState.RESTING]


async def several(scene: Scene, begin: Callable[[], None]) -> None:
    """Five orders: one fills in part, one is canceled, one changed, one rests, and the reply to the last is lost."""
    begin()
    for _ in range(4):
        scene.place()
    await scene.until(lambda: len(_open(scene)) == 4, 5, "four orders rest")
    if scene.dead:
        return
    part, gone, other, _ = _open(scene)
    server = scene.server
    there = next(order for order in scene.own() if order.client_order_id == part)
    fill_before_cancel(server.venue, server._racer, server.account, there.order_id, 40, server.venue.now_ns)
    server._publish()
    scene.wish(CancelOrder, client_order_id=gone)
    scene.wish(AmendOrder, client_order_id=other, price=scene.desk.orders.get(other).price, count=1_500)
    server.faults.arm("reply_lost", method="POST", path="/portfolio/events/orders", skip=0, times=1)
    scene.place()


async def stop(scene: Scene, begin: Callable[[], None]) -> None:
    """Three orders rest, one of them filled in part, and it is stopped."""
    for _ in range(3):
        scene.place()
    await scene.until(lambda: len(_open(scene)) == 3, 5, "three orders rest")
    scene.hit(30)
    begin()
    scene.wish(Stop)


async def liquidation(scene: Scene, begin: Callable[[], None]) -> None:
    """Positions in three markets and an order that rests; everything is sold."""
    scene.exits = True
    tickers = scene.desk.markets.watched[:MARKETS]
    for ticker in tickers:
        scene.wish(
            PlaceOrder, ticker=ticker, side=BookSide.BID, count=COUNT, rule=PriceRule.CROSS,
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
        )  # fmt: skip
    await scene.until(lambda: len(scene.desk.positions.open()) == len(tickers), 5, "positions are held")
    scene.place()
    await scene.until(lambda: len(_open(scene)) == 1, 5, "an order rests")
    begin()
    scene.wish(Liquidate)


SCENES: dict[str, Callable[[Scene, Callable[[], None]], Awaitable[None]]] = {
    "several orders": several,
    "a stop": stop,
    "a liquidation": liquidation,
}
RECORDS_OF = {"several orders": 20, "a stop": 13, "a liquidation": 15}
WRITES_OF = {"several orders": 6, "a stop": 1, "a liquidation": 4}


def cells(scene: str) -> tuple[tuple[int, str], ...]:
    """Every step of every record and every write of a scene."""
    return (
        *((number, step) for number in range(1, RECORDS_OF[scene] + 1) for step in JOURNAL_STEPS),
        *((number, step) for number in range(1, WRITES_OF[scene] + 1) for step in REQUEST_STEPS),
    )


def counted(name: str) -> Counter[str]:
    """How many records and writes a scene has when nobody dies, by the steps they pass."""
    passed: Counter[str] = Counter()

    def count(step: str, what: object) -> bool:
        key = "writes" if isinstance(what, WRITES) else "records"
        passed[key] += step == ("leaving" if key == "writes" else "before")
        return False

    play(name, 10**6, "before", told=count)
    return passed


def play(
    name: str, number: int, step: str, recovery: str | None = None, told: Callable[[str, object], bool] | None = None
) -> Outcome:
    """A life ends at a step of the n-th record or write, the next in its recovery where one is named."""

    async def main(clock: VirtualClock) -> Outcome:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LinkedLoop)
        scene = await stand(clock, loop, markets=MARKETS)
        scene.begin(Kill(step, Nth(number, step in REQUEST_STEPS)), armed=False)
        await scene.until(scene.up, READY_WITHIN_S, "the first start is READY")
        await asyncio.sleep(1)
        life = scene.life
        assert life is not None

        def begin() -> None:
            life.armed = True
            if told is not None:
                setattr(life, "at", told)  # noqa: B010  counted, and nobody dies

        with contextlib.suppress(AssertionError):
            await SCENES[name](scene, begin)
            await scene.until(lambda: False, 15, "killed")
        struck = life.dead
        if not struck:
            life.end()
        await scene.buried()
        scene.server.faults.disarm()
        again = False
        if recovery is not None:
            scene.begin(Kill(*RECOVERY[recovery]), armed=True)
            with contextlib.suppress(AssertionError):
                await scene.until(lambda: False, SETTLED_WITHIN_S, "killed again")
            again = scene.dead
            if not again and scene.life is not None:
                scene.life.end()
            await scene.buried()
        return await judged(scene, struck, again)

    return run_virtual(main, loop_factory=LinkedLoop)
