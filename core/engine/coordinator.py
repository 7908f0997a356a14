"""TraderCoordinator: inbox, beat, effects. Thin: it holds no plan and decides nothing.

It alone calls `step`. After each step the records go to the journal and the bus, then the effects are started. A
`SendOrder` waits until its record is on disk; cancels and reads never wait for the disk. The death of a supervised
task becomes a fact in the inbox. Should the engine itself fail, the orderly stop is taken.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from core.domain.commands import Command, Start, Stop
from core.domain.effects import (
    AnyEffect,
    JournaledEffect,
    Leave,
    Read,
    RefreshBooks,
    RestEffect,
    SendAmend,
    SendCancel,
    SendCancels,
    SendDecrease,
    SendGroup,
    SendOrder,
    SendOrders,
    WatchMarkets,
)
from core.domain.enums import ExitReason, Origin
from core.domain.events import Beat, ErrorReported, Event, JournalFailed, TaskDied
from core.domain.outcomes import unknown, unsent
from core.engine.bus import EventBus
from core.engine.engine import Engine, Item
from core.engine.picture import PictureMaker
from core.engine.tape import Recorder
from core.ports import Clock, ExchangeClient, ExchangeStream, JournalPort
from core.trading.snapshot import TraderSnapshot

log = logging.getLogger(__name__)
# A program that embeds the trader and wants no log gets none, not even its last resort.
told = logging.getLogger("trader")
told.addHandler(logging.NullHandler())
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

BEAT_S = 0.1
# More than one reading of the socket brings, so that what waits here does not grow while the line is read on.
BATCH = 5_000
PICTURE_NS = 100_000_000
PICTURE_IDLE_NS = 1_000_000_000
LANES = {"order": 4, "cancel": 8, "read": 6}
ORDER_WAIT_S = 1
RESTARTS = 5
STEP_FAILURES = 20


class TraderCoordinator:
    """The one owner of the engine at run time. Where anything changed a picture is taken `picture_ns` later, and where
    nothing comes there is a beat every `beat_s`.
    """

    picture_ns = PICTURE_NS
    picture_idle_ns = PICTURE_IDLE_NS
    beat_s = BEAT_S

    def __init__(
        self,
        engine: Engine,
        picture: PictureMaker,
        *,
        clock: Clock,
        journal: JournalPort,
        client: ExchangeClient,
        stream: ExchangeStream,
        bus: EventBus,
    ) -> None:
        self.engine = engine
        self.bus = bus
        self.left: Leave | None = None
        self.recorder: Recorder | None = None
        self._picture = picture
        self._clock = clock
        self._journal = journal
        self._client = client
        self._stream = stream
        self._inbox: deque[Item] = deque()
        self._arrived = asyncio.Event()
        self._lanes = {name: asyncio.Semaphore(width) for name, width in LANES.items()}
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._wakes = 0
        self._step_failures = 0
        self._changed = True
        self.snapshot: TraderSnapshot = picture.take(engine)

    # ---- the one road in ---------------------------------------------------------------------------------------

    def submit(self, item: Event | Command) -> None:
        """Put a fact or a wish into the inbox; never blocks. Nothing is taken after the trader has left."""
        if self.left is None:
            self._inbox.append(item)
            self._arrived.set()

    def journal_failed(self, reason: str) -> None:
        self.submit(JournalFailed(reason=reason))

    async def wait_wake(self) -> None:
        """Return when an alarm or the result of a wish has come."""
        await self._woken.wait()
        self._woken.clear()

    # ---- the loop ----------------------------------------------------------------------------------------------

    async def run(self) -> Leave:
        """Step through everything until the engine leaves. Ends only after the journal is closed."""
        self._step_assembled()
        try:
            while self.left is None:
                self._drain()
                self._take_picture()
                if self.left is None:
                    await self._wait()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._journal.close()
        return self.left

    def _step_assembled(self) -> None:
        desk = self.engine.desk
        desk.now_ns, desk.wall_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
        if self.recorder is not None:
            self._note(partial(self.recorder.began, desk.now_ns, desk.wall_ns))
        self.engine.assembled()
        self._carry_out(*desk.out.take())
        self._step(Start(origin=Origin.TIMER))

    def _drain(self) -> None:
        self._arrived.clear()
        for _ in range(min(BATCH, len(self._inbox))):
            self._step(self._inbox.popleft())
        self._step(Beat(wall_ns=self._clock.wall_ns()))

    async def _wait(self) -> None:
        if self._inbox:
            await asyncio.sleep(0)
            return
        alarm = asyncio.get_running_loop().call_later(self.beat_s, self._arrived.set)
        try:
            await self._arrived.wait()
        finally:
            alarm.cancel()

    def _step(self, item: Item) -> None:
        if self.left is not None:
            return
        self._changed = self._changed or not isinstance(item, Beat)
        now = self._clock.monotonic_ns()
        records, effects, error = self.engine.stepped(item, now)
        if self.recorder is not None:
            self._note(partial(self.recorder.took, item, now, effects))
        if error is not None:
            self._step_failed(item, error)
        if records or effects or self.engine.desk.status.untold:
            self._carry_out(records, effects)

    def _step_failed(self, item: Item, error: Exception) -> None:
        """A bug of ours: say so and take the orderly road out; give up only when even that cannot be stepped."""
        self._step_failures += 1
        log.error("step failed on %s", type(item).__name__, exc_info=error)
        if self._step_failures >= STEP_FAILURES:
            raise error
        if self._step_failures == 1:
            detail = f"internal error: {type(error).__name__}"
            self.submit(Stop(origin=Origin.TIMER, reason=ExitReason.CRASH, detail=detail))

    def _note(self, write: Callable[[], None]) -> None:
        """A tape that cannot be written ends; the trader goes on."""
        try:
            write()
        except OSError as error:
            self.recorder = None
            log.error("the tape ends here: %s", error.strerror)
            self.submit(ErrorReported(error=f"the tape ends here: {error.strerror}", context="record"))

    def _carry_out(self, records: list[Any], effects: list[AnyEffect]) -> None:
        for severity, line in self.engine.desk.status.take_untold():
            told.log(LEVELS[severity], "%s", line)
        if records:
            self._changed = True
            self._journal.append(records)
            for record in records:
                self.bus.publish(record)
        for effect in effects:
            self._start(effect)

    def _take_picture(self) -> None:
        now = self._clock.monotonic_ns()
        woken = self.engine.desk.status.wakes != self._wakes
        age = now - self.snapshot.taken_ns
        if not (woken or self.left or age >= self.picture_idle_ns or (self._changed and age >= self.picture_ns)):
            return
        self.engine.desk.now_ns = now
        self.snapshot = self._picture.take(self.engine)
        if self.recorder is not None:
            self._note(partial(self.recorder.pictured, self.snapshot))
        self._changed = False
        if woken or self.left:
            self._wakes = self.engine.desk.status.wakes
            self._woken.set()

    # ---- effects -----------------------------------------------------------------------------------------------

    def _start(self, effect: AnyEffect) -> None:
        match effect:
            case WatchMarkets(tickers=tickers):
                self._stream.watch(tickers)
            case RefreshBooks():
                self._stream.refresh(effect.tickers, effect.reason, effect.reconnect, effect.check)
            case Leave():
                self.left = effect
            case SendOrder() | SendOrders() | SendAmend() | SendDecrease():
                self._spawn(self._send_journaled(effect))
            case SendCancel() | SendCancels() | SendGroup():
                self._spawn(self._perform("cancel", effect))
            case Read():
                self._spawn(self._perform("read", effect))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_journaled(self, effect: JournaledEffect) -> None:
        if not await self._journal.synced(effect.journal_position):
            self.submit(unsent(effect, "its record could not be written to the journal"))
            return
        await self._perform("order", effect)

    async def _perform(self, lane: str, effect: RestEffect) -> None:
        waits = ORDER_WAIT_S if lane == "order" else None
        try:
            async with asyncio.timeout(waits):
                await self._lanes[lane].acquire()
        except TimeoutError:
            # Its price was right a while ago: what has not left by now does not leave.
            self.submit(unsent(effect, "waited too long for its turn"))
            return
        try:
            try:
                fact = await self._client.perform(effect)
            except Exception as error:
                log.exception("client failed on %s", type(effect).__name__)
                fact = unknown(effect, f"internal: {type(error).__name__}")
        finally:
            self._lanes[lane].release()
        self.submit(fact)

    # ---- supervision -------------------------------------------------------------------------------------------

    def supervise(self, name: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a task for the life of the trader; its death is a fact, and it is started again a bounded number of
        times.
        """

        async def keep() -> None:
            for attempt in range(RESTARTS):
                try:
                    await make()
                except Exception as error:
                    log.exception("task %s died", name)
                    self.submit(TaskDied(name=name, error=f"{type(error).__name__}: {error}"))
                    await self._clock.sleep(2**attempt)
                else:
                    return
            self.submit(Stop(origin=Origin.TIMER, reason=ExitReason.CRASH, detail=f"task {name} died {RESTARTS} times"))

        self._spawn(keep())
