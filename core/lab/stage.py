"""The stage of a world: one trader with its exchange, and everything a fault or a person may do to them.

The trader is the whole trader; what differs from a session is its journal (frames in memory, on virtual time), that it
measures no loop lag, where there is none, a key that signs quickly, and that the exchange has a wall clock of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.assembly import Trader
from core.domain.commands import Command
from core.domain.ids import Ticker
from core.domain.records import Record
from core.engine.coordinator import TraderCoordinator
from core.environment import Account
from core.journal.frames import encode_frame
from core.lab.audit.auditor import Auditor
from core.lab.garble import Garble
from core.lab.line import TappedLoop
from core.ports import JournalPort
from core.sim.scenarios import Happening
from core.sim.server import ExchangeServer
from core.sim.stale import fill_before_cancel
from core.sim.virtual_clock import VirtualClock
from core.trading.order import Order
from core.trading.snapshot import GaugesView

NS = 1_000_000_000
# What the market does between two looks is told together, which the trader cannot tell from a busy line.
FLOW_PAUSES_S = (1.2, 1.6, 2.4)
MORE_BEAT_S = (0.4, 0.9, 1.4)  # than usual between two beats while nothing comes
PICTURE_NS = 2 * NS  # nobody sees them but the auditor, once in two seconds
SYNC_S = 0.002


@cache
def world_key() -> bytes:
    """A key of one kind the exchange takes, the same in every world: it guards nothing."""
    key = Ed25519PrivateKey.from_private_bytes(b"a key of worlds, guards nothing.")
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


class WorldJournal:
    """The journal's promise on virtual time: real frames, on disk a moment after they were appended."""

    def __init__(self, loop: TappedLoop, auditor: Auditor, failed: Callable[[str], None]) -> None:
        self.position = 0
        self.usual_s = self.delay_s = SYNC_S
        self.data = bytearray()
        self._loop = loop
        self._auditor = auditor
        self._failed = failed
        self._synced = 0
        self._broken = False
        self._waiters: list[tuple[int, asyncio.Future[bool]]] = []

    def append(self, records: Sequence[Record]) -> None:
        for record in records:
            self.position += 1
            frame = encode_frame(self.position, record)
            self.data += frame
            self._auditor.journaled(frame)
        if not self._broken:
            self._loop.call_later(self.delay_s, self._sync, self.position)

    def _sync(self, position: int) -> None:
        if self._broken or position <= self._synced:
            return
        self._synced = position
        self._auditor.synced(position)
        ready = [waiter for wanted, waiter in self._waiters if wanted <= position]
        self._waiters = [row for row in self._waiters if row[0] > position]
        for waiter in ready:
            if not waiter.done():
                waiter.set_result(True)

    async def synced(self, position: int) -> bool:
        if position <= self._synced or self._broken:
            return position <= self._synced
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiters.append((position, waiter))
        return await waiter

    def fail(self, reason: str) -> None:
        """From now on nothing reaches the disk."""
        self._broken = True
        self._auditor.told.wish("disk", self._loop.now_ns)
        for _position, waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(False)
        self._waiters.clear()
        self._failed(reason)

    async def close(self) -> None:
        """Whatever was appended is on disk, unless the disk is broken."""
        self._sync(self.position)


class WorldTrader(Trader):
    """The trader with a world's journal. `on_exchange` is called once the exchange stands."""

    exchange_clock: VirtualClock
    on_exchange: Callable[[ExchangeServer], None]
    make_journal: Callable[[Callable[[str], None]], JournalPort]
    lag_broken = False
    flow_pause_s, more_beat_s = FLOW_PAUSES_S[0], MORE_BEAT_S[0]

    def draw_pace(self, chance: Random) -> None:
        """How finely time is cut differs from world to world."""
        self.flow_pause_s, self.more_beat_s = chance.choice(FLOW_PAUSES_S), chance.choice(MORE_BEAT_S)

    async def _start_exchange(self) -> Account:
        own, self._clock = self._clock, self.exchange_clock
        try:
            account = await super()._start_exchange()
        finally:
            self._clock = own
        assert self.server is not None
        self.server.flow_pause_s = self.flow_pause_s
        self.on_exchange(self.server)
        return account

    async def _assemble(self) -> TraderCoordinator:
        coordinator = await super()._assemble()
        coordinator.picture_ns = coordinator.picture_idle_ns = PICTURE_NS
        coordinator.beat_s += self.more_beat_s
        return coordinator

    def _journal(self) -> JournalPort:
        return self.make_journal(self._journal_failed)

    def _gauges(self) -> GaugesView:
        return GaugesView()

    async def _measure_loop(self) -> None:
        """There is no lag on virtual time; this task is here to die when a world wants one to."""
        while not self.lag_broken:
            await self._clock.sleep(1)
        self.lag_broken = False
        raise RuntimeError("planted: the meter broke")


class Stage:
    """What steps of a fault may touch."""

    def __init__(self, trader: WorldTrader, loop: TappedLoop, clock: VirtualClock, auditor: Auditor, seed: int) -> None:
        self.trader = trader
        self.loop = loop
        self.clock = clock
        self.auditor = auditor
        self.chance = Random(f"stage:{seed}")
        self.journal: WorldJournal
        self.garble = Garble()
        loop.garble = self.garble
        self.taken = 0  # cents that left the account and come back
        self._number = 0

    @property
    def server(self) -> ExchangeServer:
        assert self.trader.server is not None
        return self.trader.server

    def number(self) -> int:
        self._number += 1
        return self._number

    def submit(self, command: Command) -> None:
        """A person's wish."""
        self.auditor.at(self.loop.now_ns, self.clock.wall_ns())
        self.auditor.commanded(type(command).__name__)
        self.trader.submit(command)

    def quoted(self) -> Ticker:
        assert self.trader.engine is not None
        found = self.trader.engine.actor.quoted
        return found[0] if found else Ticker("NONE")

    def held(self) -> int:
        """The trader's position in the first quoted market."""
        assert self.trader.engine is not None
        return self.trader.engine.desk.positions.net(self.quoted())

    def trader_orders(self) -> tuple[Order, ...]:
        assert self.trader.engine is not None
        return self.trader.engine.desk.orders.get_open_orders()

    def act(self, name: str, **more: Any) -> None:
        self.server.play(Happening(after=0, act=name, **more))

    def hit(self, part: int) -> None:
        """Somebody trades against every own order that rests."""
        server = self.server
        for order in server.account.all_resting():
            if order.client_order_id:
                fill_before_cancel(
                    server.venue, server._racer, server.account, order.order_id, part, server.venue.now_ns
                )
        server._publish()

    def bust(self) -> None:
        """The exchange takes the account's last trade back; no fill tells of it, its books do."""
        self.act("bust")
        account, ledger = self.server.account, self.auditor.ledger
        # Until the next comparison nobody can know, as with a trade by another hand.
        ledger.foreign_ns = self.loop.now_ns
        ledger.cash = int(account.cash)
        for ticker, held in account.positions.items():
            ledger.positions[ticker], ledger.costs[ticker] = int(held.quantity), int(held.cost)

    def trigger_group(self) -> None:
        server = self.server
        for group in list(server.account.groups.values()):
            if not group.triggered:
                server.venue.groups.trigger(server.account, group.group_id, server.venue.now_ns)
        server._publish()

    def step_wall(self, by_ns: int) -> None:
        self.auditor.told.wish("step", self.loop.now_ns)
        self.clock.step_wall(by_ns)

    def stand_still(self, ns: int) -> None:
        self.loop.stand_still(ns)
        self.auditor.faults.stood(self.loop.now_ns, ns, self.auditor.rules.silence_s * NS)

    def kill_task(self) -> None:
        self.auditor.told.wish("kill task", self.loop.now_ns)
        self.trader.lag_broken = True
