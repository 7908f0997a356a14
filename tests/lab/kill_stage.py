"""Kills in the simulation: a trader on virtual time that dies at a named step, and the next one on what is left of it.

The exchange lives on, as it does when a process is killed: what had reached it is done, every connection breaks. Of the
journal there stays what was written, whole or torn. Nothing that a dead trader would still do gets out: its client
performs no more, its journal takes no more, its task is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

from core.assembly import Trader, Wiring
from core.config import Settings
from core.domain.commands import AmendOrder, CancelOrder, Command, PlaceOrder, Stop
from core.domain.effects import Read, ReadKind, SendAmend, SendCancel, SendCancels, SendOrder, SendOrders
from core.domain.enums import BookSide, ExitReason, OrderState, Origin, TraderState
from core.domain.ids import ClientOrderId, Ticker
from core.domain.records import (
    AmendIntended,
    Corrected,
    FillBooked,
    OrderIntended,
    OrderMoved,
    PositionTaken,
    Record,
    SessionStarted,
    StateMoved,
)
from core.environment import paper_account
from core.exchange.trading_client import TradingClientIntegration
from core.journal.frames import decode_frames, encode_frame
from core.lab.stage import world_key
from core.sim.link import LinkedLoop
from core.sim.server import ExchangeServer, ExchangeSettings
from core.sim.stale import fill_before_cancel
from core.sim.virtual_clock import VirtualClock, run_virtual
from core.trading.order import AMENDED
from core.trading.recall import Recall, recall

PATH = "/world/exchange"
NS = 1_000_000_000
READY_WITHIN_S = 10
SETTLED_WITHIN_S = 40
UP = (TraderState.READY, TraderState.ACTING)

JOURNAL_STEPS = ("before", "queued", "torn", "written", "synced")
REQUEST_STEPS = ("leaving", "late", "sent", "replied")
DELAY_NS = 3_000_000  # of every byte
LATE_S = 3.0  # after the death, when a request that was on its way arrives
O = OrderState  # noqa: E741
Match = Callable[[object], bool]


def _moved(state: OrderState) -> Match:
    return lambda what: isinstance(what, OrderMoved) and what.state is state and what.reason != AMENDED


def _state_moved(source: TraderState) -> Match:
    return lambda what: isinstance(what, StateMoved) and what.source is source


def _asks(kind: ReadKind) -> Match:
    return lambda what: isinstance(what, Read) and what.kind is kind


# What an order's life shows of each state: its record, or the request that leads there.
RECORDS: dict[str, Match] = {
    "SENT": lambda what: isinstance(what, OrderIntended),
    "RESTING": _moved(O.RESTING),
    "RESTING, part filled": lambda what: isinstance(what, FillBooked),
    "FILLED": _moved(O.FILLED),
    "CANCELED": _moved(O.CANCELED),
    "EXPIRED": _moved(O.EXPIRED),
    "REJECTED": _moved(O.REJECTED),
    "IN_DOUBT": _moved(O.IN_DOUBT),
    "VOID": _moved(O.VOID),
    "AMENDING": lambda what: isinstance(what, AmendIntended),
    "RESTING, amended": lambda what: isinstance(what, OrderMoved) and what.reason == AMENDED,
}
REQUESTS: dict[str, Match] = {
    "SENT": lambda what: isinstance(what, SendOrder),
    "AMENDING": lambda what: isinstance(what, SendAmend),
    "CANCELING": lambda what: isinstance(what, SendCancel),
}
# The steps of a start, in order; the last two are where calibration has compared ledger and cash.
RECOVERY: dict[str, tuple[str, Match]] = {
    "session begun": ("written", lambda what: isinstance(what, SessionStarted)),
    "streams": ("queued", _state_moved(TraderState.ORDERBOOK_CONNECT)),
    "exchange_status": ("replied", _asks(ReadKind.EXCHANGE_STATUS)),
    "sync_orders": ("replied", _asks(ReadKind.ORDERS)),
    "sync_positions": ("replied", _asks(ReadKind.POSITIONS)),
    "sync_balance": ("replied", _asks(ReadKind.BALANCE)),
    "fills": ("replied", _asks(ReadKind.FILLS)),
    "ledger, cash_check": ("queued", _state_moved(TraderState.CALIBRATING)),
    "ready": ("written", _state_moved(TraderState.CALIBRATING)),
    "look-up": ("replied", _asks(ReadKind.ORDER)),
}


@dataclass(frozen=True, slots=True)
class Kill:
    """Where a life ends."""

    step: str
    match: Match


class Life:
    """One session: alive until its kill strikes."""

    def __init__(self, loop: LinkedLoop, kill: Kill | None) -> None:
        self._loop = loop
        self.kill = kill
        self.dead = False
        self.armed = False
        self.task: asyncio.Future[Any] | None = None
        self.flying: list[object] = []
        self.left_behind: Any = None  # a request that has left and arrives when nobody waits for it

    def at(self, step: str, what: object) -> bool:
        """True when this is where it dies, and when it is dead already."""
        if not self.dead and self.armed and self.kill is not None and self.kill.step == step and self.kill.match(what):
            self.end()
        return self.dead

    def end(self) -> None:
        assert self.task is not None
        self.dead = True
        self._loop.cut()
        self.task.cancel()


class KillJournal:
    """The journal's promise in its steps: queued, written by another thread, synced, told."""

    def __init__(self, loop: LinkedLoop, life: Life, disk: bytearray, position: int) -> None:
        self.position = self._synced = position
        self._loop, self._life, self._disk = loop, life, disk
        self._queue: list[tuple[Record, bytes]] = []
        self._waiters: list[tuple[int, asyncio.Future[bool]]] = []

    def append(self, records: Sequence[Record]) -> None:
        if any(self._life.at("before", record) for record in records):
            return
        for record in records:
            self.position += 1
            self._queue.append((record, encode_frame(self.position, record)))
        if not any(self._life.at("queued", record) for record in records):
            self._loop.call_later(0.001, self._write)

    def _write(self) -> None:
        if self._life.dead:
            return  # what waited in memory is gone
        batch, self._queue = self._queue, []
        for record, frame in batch:
            if self._life.at("torn", record):
                self._disk += frame[: len(frame) // 2]
                return
            self._disk += frame
        for step in ("written", "synced"):
            if any(self._life.at(step, record) for record, _ in batch):
                return
        self._synced += len(batch)
        ready = [waiter for position, waiter in self._waiters if position <= self._synced]
        self._waiters = [row for row in self._waiters if row[0] > self._synced]
        for waiter in ready:
            if not waiter.done():
                waiter.set_result(True)

    async def synced(self, position: int) -> bool:
        if position <= self._synced:
            return True
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiters.append((position, waiter))
        return await waiter

    async def close(self) -> None:
        if not self._life.dead:
            self._write()


class KillClient:
    """The real client, until its session dies."""

    def __init__(self, client: Any, life: Life) -> None:
        self._client, self._life = client, life

    async def perform(self, effect: Any) -> Any:
        if self._life.at("leaving", effect):
            await asyncio.Event().wait()
        if self._life.at("late", effect):
            self._life.left_behind = effect
            await asyncio.Event().wait()
        self._life.flying.append(effect)
        fact = await self._client.perform(effect)
        if self._life.at("replied", effect):
            await asyncio.Event().wait()
        return fact

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class KilledTrader(Trader):
    """The whole trader with a standing exchange and a disk of its own."""

    life: Life
    disk: bytearray
    loop: LinkedLoop

    def _journal(self) -> Any:
        position = self.quarters.contents.position if self.quarters else 0
        return KillJournal(self.loop, self.life, self.disk, position)

    async def live(self) -> Any:
        try:
            coordinator = await self._assemble()
            coordinator._client = KillClient(coordinator._client, self.life)  # type: ignore[assignment]
            await coordinator.run()
            return await self._leave(coordinator)
        finally:
            for part in (self._stream, self._client) * 2:
                with contextlib.suppress(Exception, asyncio.CancelledError):  # the kill may strike here too
                    await part.close()  # type: ignore[union-attr]


@dataclass
class Scene:
    """The exchange with its account, and the trader of now."""

    clock: VirtualClock
    loop: LinkedLoop
    server: ExchangeServer
    endpoint: Any
    settings: Settings
    disk: bytearray = field(default_factory=bytearray)
    lives: int = 0
    trader: KilledTrader | None = None
    life: Life | None = None
    given: list[Record] = field(default_factory=list)
    arriving: list[asyncio.Future[None]] = field(default_factory=list)
    placed = 0  # wishes for an order
    exits = False  # whether it was also to sell

    # ---- a session ---------------------------------------------------------------------------------------------

    def begin(self, kill: Kill | None, *, armed: bool) -> KilledTrader:
        """The next start on what the last one left."""
        self.lives += 1
        prefix = decode_frames(bytes(self.disk), 1)
        assert list(prefix.records) == self.given[: len(prefix.records)], "the journal is no prefix of what was said"
        del self.disk[prefix.length :]
        del self.given[len(prefix.records) :]
        chance = Random(f"kills:{self.lives}")
        wiring = Wiring(clock=self.clock, chance=chance, unix_path=PATH, key_pem=world_key(), on_disk=False)
        trader = self.trader = KilledTrader(self.settings, wiring=wiring, armed=True)
        trader._account = paper_account(self.server, self.endpoint.rest_url, self.endpoint.ws_url)
        contents = SimpleNamespace(records=prefix.records, position=len(prefix.records))
        found = recall(prefix.records) if prefix.records else Recall()
        trader.quarters = SimpleNamespace(contents=contents, recalled=found, history=lambda: ())  # type: ignore[assignment]
        life = self.life = trader.life = Life(self.loop, kill)
        life.armed = armed
        trader.disk, trader.loop = self.disk, self.loop
        trader.subscribe(self.given.append)
        life.task = asyncio.ensure_future(trader.live())
        return trader

    async def until(self, what: Callable[[], bool], seconds: float, why: str) -> float:
        """Virtual seconds until it is so, or until the session is dead."""
        assert self.life is not None
        begun = self.loop.now_ns
        while not (self.life.dead or what()):
            assert (self.loop.now_ns - begun) / NS < seconds, f"{why}: not within {seconds} s, {self.state()}"
            task = self.life.task
            assert task is not None and not task.done(), f"{why}: {task}"
            await asyncio.sleep(0.02)
        return (self.loop.now_ns - begun) / NS

    def state(self) -> str:
        assert self.trader is not None and self.trader.engine is not None
        desk = self.trader.engine.desk
        return f"{desk.state} {[(o.client_order_id, o.state) for o in desk.orders.get_open_orders()]}"

    @property
    def dead(self) -> bool:
        return self.life is not None and self.life.dead

    def up(self) -> bool:
        engine = self.trader.engine if self.trader else None
        return engine is not None and engine.desk.state in UP

    async def buried(self) -> None:
        """Let the dead trader's task end, and a moment pass."""
        assert self.life is not None and self.life.task is not None
        with contextlib.suppress(asyncio.CancelledError):
            await self.life.task
        if self.life.left_behind is not None:
            self.arriving.append(asyncio.ensure_future(self._arrive(self.life.left_behind)))
        await asyncio.sleep(0.3)

    async def _arrive(self, effect: Any) -> None:
        await asyncio.sleep(LATE_S)
        account = paper_account(self.server, self.endpoint.rest_url, self.endpoint.ws_url)
        road = TradingClientIntegration(account.endpoints, account.signer, self.clock, Random(1), unix_path=PATH)
        await road.open()
        await road.perform(effect)
        await road.close()

    # ---- what a person and the market do -------------------------------------------------------------------------

    @property
    def desk(self) -> Any:
        assert self.trader is not None and self.trader.engine is not None
        return self.trader.engine.desk

    @property
    def ticker(self) -> Ticker:
        """The busiest market with both sides."""
        return self.desk.markets.watched[0]  # type: ignore[no-any-return]

    def wish(self, kind: type[Command], **more: Any) -> int:
        assert self.trader is not None
        number = self.trader.next_command_id()
        self.trader.submit(kind(origin=Origin.OPERATOR, command_id=number, **more))  # type: ignore[call-arg]
        return number

    def place(self) -> int:
        """A bid that rests well behind the best."""
        book = self.desk.markets.get(self.ticker).book
        price = book.levels(BookSide.BID, 4)[-1][0]
        self.placed += 1
        return self.wish(PlaceOrder, ticker=self.ticker, side=BookSide.BID, price=price, count=1_000)

    def own(self) -> Iterator[Any]:
        """Orders of ours as the exchange has them."""
        return (o for o in self.server.account.orders.values() if o.client_order_id.startswith("kt-"))

    def hit(self, part: int) -> None:
        for order in list(self.own()):
            now_ns = self.server.venue.now_ns
            fill_before_cancel(self.server.venue, self.server._racer, self.server.account, order.order_id, part, now_ns)
        self.server._publish()

    def expire(self) -> None:
        venue = self.server.venue
        for order in list(self.own()):
            order.expiration_ns = venue.now_ns
            venue._expire(order, venue.now_ns)
        self.server._publish()

    def resting(self) -> ClientOrderId | None:
        found = (o for o in self.desk.orders.get_open_orders() if o.state is O.RESTING)
        return next((o.client_order_id for o in found), None)

    def cancel(self) -> None:
        self.wish(CancelOrder, client_order_id=self.resting())

    def amend(self) -> None:
        order = self.desk.orders.get(self.resting())
        self.wish(AmendOrder, client_order_id=order.client_order_id, price=order.price, count=1_500)


# ---- the states, how an order gets there ---------------------------------------------------------------------------


async def _rest(scene: Scene) -> None:
    scene.place()
    await scene.until(lambda: scene.resting() is not None, 5, "an order rests")


async def _then(scene: Scene, act: Callable[[], None]) -> None:
    await _rest(scene)
    if scene.life is not None and not scene.life.dead:
        act()


async def _faulty(scene: Scene, fault: str) -> None:
    scene.server.faults.arm(fault, method="POST")
    scene.place()


DRIVES: dict[str, Callable[[Scene], Any]] = {
    "SENT": _rest,
    "RESTING": _rest,
    "RESTING, part filled": lambda scene: _then(scene, lambda: scene.hit(40)),
    "FILLED": lambda scene: _then(scene, lambda: scene.hit(100)),
    "CANCELED": lambda scene: _then(scene, scene.cancel),
    "CANCELING": lambda scene: _then(scene, scene.cancel),
    "EXPIRED": lambda scene: _then(scene, scene.expire),
    "REJECTED": lambda scene: _faulty(scene, "rejected"),
    "IN_DOUBT": lambda scene: _faulty(scene, "reply_lost"),
    "VOID": lambda scene: _faulty(scene, "request_reset"),
    "AMENDING": lambda scene: _then(scene, scene.amend),
    "RESTING, amended": lambda scene: _then(scene, scene.amend),
}
CELLS: tuple[tuple[str, str], ...] = (
    *((state, step) for state in RECORDS for step in JOURNAL_STEPS),
    *((state, step) for state in REQUESTS for step in REQUEST_STEPS),
)


def kill_at(state: str, step: str) -> Kill:
    return Kill(step, (RECORDS if step in JOURNAL_STEPS else REQUESTS)[state])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was hit, and how long the last start took to be READY."""

    struck: bool
    struck_again: bool
    doubted: bool
    ready_s: float
    problems: tuple[str, ...]


def play(state: str, step: str, recovery: str | None) -> Outcome:
    """One life ends at the step of the state, the next in its recovery where one is named, the last is judged."""

    async def main(clock: VirtualClock) -> Outcome:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LinkedLoop)
        scene = await stand(clock, loop)
        scene.begin(kill_at(state, step), armed=False)
        await scene.until(scene.up, READY_WITHIN_S, "the first start is READY")
        await asyncio.sleep(1)
        assert scene.life is not None
        scene.life.armed = True
        await DRIVES[state](scene)
        with contextlib.suppress(AssertionError):
            await scene.until(lambda: False, 30, "killed")
        struck = scene.life.dead
        if not struck:
            scene.life.end()
        await scene.buried()
        scene.server.faults.disarm()
        again = False
        if recovery is not None:
            second = Kill(*RECOVERY[recovery])
            scene.begin(second, armed=True)
            with contextlib.suppress(AssertionError):
                await scene.until(lambda: False, SETTLED_WITHIN_S, "killed again")
            again = scene.life.dead
            if not again:
                scene.life.end()
            await scene.buried()
        return await judged(scene, struck, again)

    return run_virtual(main, loop_factory=LinkedLoop)


async def stand(clock: VirtualClock, loop: LinkedLoop, markets: int = 2) -> Scene:
    loop.delay_ns = DELAY_NS
    settings = Settings(
        strategy="hold", quote_markets=markets, sync_interval=3_600, order_group_limit=0, broadcast=False
    )
    exchange = ExchangeSettings(seed=7, markets=markets, scenario="slow")
    server = ExchangeServer(exchange, clock, private_key_pem=world_key())
    endpoint = await server.start_unix(PATH)
    scene = Scene(clock, loop, server, endpoint, settings)
    answer = server._answer

    def answered(request: Any, wanted: Any) -> Any:
        reply = answer(request, wanted)
        kinds = {"POST": (SendOrder, SendOrders), "DELETE": (SendCancel, SendCancels)}
        kind = (SendAmend,) if wanted.raw_target.endswith("/amend") else kinds.get(wanted.method)
        life = scene.life
        for effect in life.flying if life is not None and kind is not None else ():
            if isinstance(effect, kind):
                life.at("sent", effect)
        return reply

    server._answer = answered  # type: ignore[method-assign]
    return scene


async def judged(scene: Scene, struck: bool, again: bool) -> Outcome:
    """The last start: READY in time, its doubtful markets closed, and in the end everything as the exchange has it."""
    scene.begin(None, armed=False)
    ready_s = await scene.until(scene.up, READY_WITHIN_S, "READY again")
    problems: list[str] = []
    doubtful = {order.ticker for order in scene.desk.orders.in_doubt()}
    if scene.ticker in doubtful:
        number = scene.place()
        scene.placed -= 1  # it must not leave
        await asyncio.sleep(0.5)
        result = scene.desk.status.status_of(number)
        if result is None or result.status != "refused":
            problems.append(f"an order in doubt did not keep its market closed: {result}")
    await scene.until(lambda: not scene.desk.orders.in_doubt(), SETTLED_WITHIN_S, "what was in doubt is settled")
    await asyncio.gather(*scene.arriving)
    await asyncio.sleep(2)
    problems += _differences(scene)
    assert scene.trader is not None and scene.life is not None and scene.life.task is not None
    scene.trader.submit(Stop(origin=Origin.TIMER, reason=ExitReason.TIME))
    left = await scene.life.task
    if left.code != 0 or any(order.remaining for order in scene.own() if order.status.value == "resting"):
        problems.append(f"the stop ended with {left}")
    await scene.server.stop()
    return Outcome(struck, again, bool(doubtful), ready_s, tuple(problems))


def _differences(scene: Scene) -> list[str]:
    """Where ours and the exchange's part."""
    desk, account, found = scene.desk, scene.server.account, []
    made = list(scene.own())
    intended = {record.client_order_id for record in scene.given if isinstance(record, OrderIntended)}
    names = [order.client_order_id for order in made]
    if len(names) > len(set(names)) or not set(names) <= intended or (not scene.exits and len(made) > scene.placed):
        found.append(f"{len(made)} orders of {scene.placed} wishes, intended {intended}")
    theirs = {o.client_order_id: (o.remaining, o.price) for o in made if o.status.value == "resting"}
    ours = {o.client_order_id: (o.remaining, o.price) for o in desk.orders.get_open_orders()}
    if theirs != ours:
        found.append(f"orders: {theirs} there, {ours} here")
    if desk.positions.cash != account.cash:
        found.append(f"cash: {account.cash} there, {desk.positions.cash} here")
    held = {ticker: int(one.quantity) for ticker, one in account.positions.items() if one.quantity}
    if held != {p.ticker: p.count for p in desk.positions.open()}:
        found.append(f"positions: {held} there, {desk.positions.open()} here")
    if corrected := [record for record in scene.given if isinstance(record, PositionTaken | Corrected)]:
        found.append(f"the books had to be corrected: {corrected}")
    if desk.breaker.tripped:
        found.append(f"the breaker is tripped: {desk.breaker.reason}")
    return found
