"""A world: the whole trader and the simulated exchange in one process, on virtual time, over in-memory links.

The real engine, client and server with real bytes between them; only clock, chance and sockets are replaced. The same
seed gives the same pictures. A session of minutes runs in seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from core.assembly import Trader, Wiring
from core.config import Settings
from core.domain.commands import Stop
from core.domain.enums import ExitReason, Origin
from core.sim.link import LinkedLoop
from core.sim.virtual_clock import VirtualClock, run_virtual
from core.trading.snapshot import ExitView, TraderSnapshot

PATH = "/world/exchange"


def run_world(
    settings: Settings,
    seed: int,
    seconds: int,
    key_pem: bytes,
    look: Callable[[Trader], None] | None = None,
) -> tuple[Trader, TraderSnapshot, ExitView]:
    """Trade for `seconds` of virtual time, then stop in order; returns trader, the last trading picture, the exit.

    `look` is called once a virtual second while trading.
    """

    async def live(clock: VirtualClock) -> tuple[Trader, TraderSnapshot, ExitView]:
        wiring = Wiring(clock=clock, chance=Random(f"world:{seed}"), unix_path=PATH, key_pem=key_pem, on_disk=False)
        trader = Trader(settings.model_copy(update={"seed": seed}), wiring=wiring)
        running = asyncio.ensure_future(trader.run())
        for _ in range(seconds):
            await asyncio.sleep(1)
            if look is not None:
                look(trader)
            if running.done():
                break
        picture = trader.snapshot
        trader.submit(Stop(origin=Origin.TIMER, reason=ExitReason.TIME))
        return trader, picture, await running

    return run_virtual(live, loop_factory=LinkedLoop)
