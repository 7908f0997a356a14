"""A story: a world in which things happen at their second, watched by an oracle from beginning to end.

`play` runs the whole trader against its exchange on virtual time; a script is a list of (second, action), and an action
gets the scene: faults to arm, the line to cut, wishes to hand in.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from core.assembly import Trader, Wiring
from core.config import Settings
from core.domain.commands import Stop
from core.domain.enums import ExitReason, Origin, TraderState
from core.lab.oracle import Oracle
from core.sim.link import LinkedLoop
from core.sim.scenarios import Happening
from core.sim.server import ExchangeServer
from core.sim.virtual_clock import EPOCH_NS, VirtualClock, run_virtual
from core.trading.desk import Desk
from core.trading.snapshot import ExitView, TraderSnapshot

PATH = "/world/exchange"
LOOK_S = 0.25


@dataclass
class Scene:
    """What an action may touch, and what was seen so far."""

    trader: Trader
    clock: VirtualClock
    loop: LinkedLoop
    oracle: Oracle
    cuts: int = 0
    in_doubt: int = 0
    states: list[TraderState] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def server(self) -> ExchangeServer:
        return self.oracle.server

    @property
    def desk(self) -> Desk:
        return self.oracle.desk

    def arm(self, fault: str, **params: Any) -> None:
        self.server.faults.arm(fault, **params)

    def act(self, act: str, **more: Any) -> None:
        """Let something of a scenario happen now."""
        self.server.play(Happening(after=0, act=act, **more))

    def cut(self) -> None:
        """Reset every connection."""
        self.cuts += self.loop.cut()

    def look(self) -> None:
        """Let the oracle look, and remember what the trader says of itself."""
        self.oracle.look()
        if self.trader.engine is not None:
            self.in_doubt = max(self.in_doubt, len(self.desk.orders.in_doubt()))
            if not self.states or self.states[-1] is not self.desk.state:
                self.states.append(self.desk.state)


@dataclass(frozen=True, kw_only=True)
class Played:
    """How a story ended. `picture` is the last one before the stop."""

    scene: Scene
    picture: TraderSnapshot
    exit: ExitView
    violations: dict[str, str]


Action = Callable[[Scene], None]
Script = Sequence[tuple[float, Action]]


def play(
    settings: Settings,
    script: Script,
    *,
    seconds: float,
    key_pem: bytes,
    seed: int = 7,
    prepare: Action | None = None,
    look_s: float = LOOK_S,
    epoch_ns: int = EPOCH_NS,
) -> Played:
    """Trade for `seconds`, with every action of the script at its time, then stop in order and judge.

    `prepare` is called before the trader starts. The oracle looks every `look_s`; the wall clock begins at `epoch_ns`.
    The story ends early when the trader leaves by itself.
    """

    async def live(clock: VirtualClock) -> Played:
        wiring = Wiring(clock=clock, chance=Random(f"world:{seed}"), unix_path=PATH, key_pem=key_pem, on_disk=False)
        trader = Trader(settings.model_copy(update={"seed": seed}), wiring=wiring)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LinkedLoop)
        scene = Scene(trader, clock, loop, Oracle(trader))
        if prepare is not None:
            prepare(scene)
        running = asyncio.ensure_future(trader.run())
        begun_ns, due = loop.now_ns, deque(sorted(script, key=lambda row: row[0]))
        looked = -look_s
        while not running.done() and (loop.now_ns - begun_ns) / 1e9 < seconds:
            passed = (loop.now_ns - begun_ns) / 1e9
            while due and due[0][0] <= passed + 1e-6:
                due.popleft()[1](scene)
            if passed >= looked + look_s - LOOK_S:  # at the usual pace: each time
                looked = passed
                scene.look()
            ahead = due[0][0] - passed if due else look_s
            await asyncio.sleep(max(1e-3, min(look_s, ahead)))
        picture = trader.snapshot
        trader.submit(Stop(origin=Origin.TIMER, reason=ExitReason.TIME))
        while not running.done():
            scene.look()
            await asyncio.wait([running], timeout=LOOK_S)
        exit_view = await running
        return Played(scene=scene, picture=picture, exit=exit_view, violations=dict(scene.oracle.judge()))

    return run_virtual(live, epoch_ns=epoch_ns, loop_factory=LinkedLoop)
