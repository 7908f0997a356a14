"""Assembly: the whole bot as one object, `Trader`: wiring without decisions.

A trader lives once: `prepare()` finds everything that can refuse the start without a network, `run()` connects,
trades and ends with a certificate. Between, `snapshot`, `submit`, `wait_wake` and `subscribe` are all there is to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import msgspec

import core.version
from core.config import Settings, risk_limits, to_money
from core.domain.commands import Command
from core.domain.enums import ExitCode, Mode
from core.domain.errors import StartRefused
from core.domain.events import Event
from core.domain.records import JOURNAL_VERSION, Record, SessionStarted
from core.engine.bus import EventBus
from core.engine.coordinator import TraderCoordinator
from core.engine.engine import Engine
from core.engine.lag import LagMeter
from core.engine.picture import PictureMaker
from core.environment import (
    LOG_FILE,
    Account,
    Quarters,
    embedded_exchange,
    embedded_settings,
    paper_account,
    session_name,
    standing_account,
)
from core.exchange.emergency import EmergencyStop
from core.exchange.signing import Passphrase
from core.exchange.stream import WebSocketManager
from core.exchange.trading_client import TradingClientIntegration
from core.facade import TraderFacade
from core.journal.journal import Journal, MemoryJournal
from core.local.broadcast import Broadcast
from core.local.clock import SystemClock
from core.local.endpoint import LocalEndpoint, socket_path
from core.local.presence import HISTORY_NAME, NAME, StatusFile
from core.local.stopwatch import MainThreadStopwatch
from core.memories import StrategyMemory
from core.outlook import Outlook
from core.ports import Clock, JournalPort, Stopwatch
from core.recording import Recording
from core.remote import grant
from core.sim.auth import generate_private_key
from core.sim.server import ExchangeServer
from core.strategies import configured
from core.strategy.actor import ActorService
from core.surroundings import gauges, surroundings
from core.trading.desk import Desk, DeskSettings
from core.trading.panel import status_text
from core.trading.recall import Recall, restore
from core.trading.snapshot import ExitView, GaugesView, IdentityView, ScreenGauges, StatusEntry, TraderSnapshot
from core.trading.startup import startup_snapshot
from core.verification import FinalReading, read_finally, unverified

NS = 1_000_000_000
LAG_EVERY_S = 0.05
encode_snapshot = encode_history = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What a world on the virtual clock replaces: the clock, chance, the socket path, the disk."""

    clock: Clock
    chance: Random
    unix_path: str | None = None
    key_pem: bytes | None = None
    on_disk: bool = True
    watch: Stopwatch | None = None  # over the strategy; None on virtual time


def system_wiring() -> Wiring:
    clock = SystemClock()
    return Wiring(clock=clock, chance=SystemRandom(), watch=MainThreadStopwatch(clock))


class Trader(TraderFacade):
    """The facade. `armed` False lets demo and live come up without permission to take risk; `control_port` opens the
    embedded exchange's control port, whose address and token are then in `control`; `passphrase` is asked for an
    encrypted key; `record` is where a tape of the session is written.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        exchange_file: Path | None = None,
        armed: bool | None = None,
        wiring: Wiring | None = None,
        control_port: bool = False,
        passphrase: Passphrase | None = None,
        record: Path | None = None,
    ) -> None:
        self.settings = settings
        self._control_port = control_port
        self.recording = Recording(record)
        self.control: tuple[str, str] | None = None
        self._wiring = wiring or system_wiring()
        self._clock = self._wiring.clock
        self._exchange_file, self._passphrase = exchange_file, passphrase
        self._armed = settings.mode is Mode.PAPER if armed is None else armed
        self._seed = settings.seed if settings.seed is not None else self._wiring.chance.getrandbits(32)
        self._started_at = self._clock.wall_ns()
        self._account: Account | None = None
        self.server: ExchangeServer | None = None
        self.quarters: Quarters | None = None
        self.bus = EventBus()
        self._coordinator: TraderCoordinator | None = None
        self.engine: Engine | None = None
        self._client: TradingClientIntegration | None = None
        self._stream: WebSocketManager | None = None
        self._waiting: list[Command | Event] = []
        self._ready = asyncio.Event()
        self._command_id = 0
        self._startup = startup_snapshot(self._identity(), self._clock.monotonic_ns(), self._started_at)
        self._exit: ExitView | None = None
        self.status_file: StatusFile | None = None
        self._lag = LagMeter()
        # A console says here how it keeps up.
        self.screen: Callable[[], ScreenGauges | None] = lambda: None
        self._history_kept = 0
        self.broadcast: Broadcast | None = None
        self.final: FinalReading | None = None

    # ---- what a program may do with it -------------------------------------------------------------------------

    @property
    def snapshot(self) -> TraderSnapshot:
        """The present picture; after the stop it carries the last word on it."""
        if self._coordinator is None:
            return self._startup
        if self._exit is not None:
            return msgspec.structs.replace(self._coordinator.snapshot, exit=self._exit)
        return self._coordinator.snapshot

    def submit(self, command: Command | Event) -> None:
        """Hand in a wish, or a fact the program learned; before the trader is assembled it waits."""
        if self._coordinator is not None:
            self._coordinator.submit(command)
        else:
            self._waiting.append(command)

    def next_command_id(self) -> int:
        self._command_id += 1
        return self._command_id

    def subscribe(self, listener: Callable[[Record], None]) -> None:
        """Hear what the engine decides, in order. A listener that raises is dropped."""
        self.bus.subscribe(listener)

    async def wait_wake(self) -> None:
        """Return when an alarm or the result of a wish has come."""
        await self._ready.wait()
        assert self._coordinator is not None
        await self._coordinator.wait_wake()

    def status_text(self, *, ascii_only: bool = False, form: str = "panel") -> str:
        """The status for people: `panel` for a clipboard, `whole` with every row, `summary` in a dozen lines."""
        return status_text(self.snapshot, self._clock.wall_ns(), form, ascii_only=ascii_only)

    def get_status_history(self, limit: int = 20) -> tuple[StatusEntry, ...]:
        """The last rows of the status history, oldest first."""
        return self.engine.desk.status.get_status_history(limit) if self.engine else ()

    def end_orders_blocking(self) -> str:
        """End this session's orders by blocking calls, from another thread than the loop's; says what came of it."""
        if self._account is None or self.engine is None:
            return "no exchange is connected yet"
        if self.server is not None:
            return "the embedded exchange stands still with it: its orders end with the process"
        road = EmergencyStop(self._account.endpoints, self._account.signer, self._clock)
        return road.trigger(self.engine.desk.group.group_id)

    def folder(self) -> Path:
        """Where this session keeps its things; the state folder until that is known."""
        return self.quarters.folder if self.quarters else self.settings.state_dir.expanduser()

    def prepare(self) -> None:
        """Find what can refuse the start without a network: BadInput or StartRefused."""
        configured(self.settings)
        self._account = standing_account(self.settings, self._exchange_file, self._passphrase)
        if self._account is None:
            embedded_settings(self.settings, self._seed)
        if self._account is not None:
            self.quarters = Quarters(self.settings, self._account)

    async def run(self) -> ExitView:
        """Come up, trade until a stop is wished, leave in order. StartRefused when it cannot come up at all."""
        endpoint: LocalEndpoint | None = None
        try:
            coordinator = await self._assemble()
            if self.quarters is not None:
                endpoint = await self._open_to_this_machine(self.quarters, coordinator)
            self.recording.begin(coordinator, self.settings.strategy, self.quarters)
            await coordinator.run()
            self.recording.end(coordinator, self._clock.monotonic_ns())
            self._exit = await self._leave(coordinator)
            return self._exit
        finally:
            self.recording.close()
            if endpoint is not None:
                await endpoint.close()
            if self.status_file is not None:
                self.status_file.write()
            await self._close()

    async def _open_to_this_machine(self, quarters: Quarters, coordinator: TraderCoordinator) -> LocalEndpoint:
        """Status file, broadcast and command socket of a running trader."""
        assert self.engine is not None
        memory = StrategyMemory(quarters.folder, self.engine, self._clock.wall_ns())
        contents = {NAME: lambda: encode_snapshot(self.snapshot), HISTORY_NAME: self._new_history}
        self.status_file = StatusFile(quarters.folder, contents | memory.contents)
        coordinator.supervise("status_file", self.status_file.run)
        if quarters.account_lock is not None:
            coordinator.supervise("account_lock", quarters.account_lock.keep)
        if self.settings.broadcast:
            outlook = Outlook(lambda: self.snapshot, self.get_status_history)
            self.broadcast = Broadcast(quarters.folder, outlook.news, outlook.status, outlook.answer)
            coordinator.supervise("broadcast", self.broadcast.run)
        endpoint = LocalEndpoint(
            socket_path(quarters.folder),
            lambda request: grant(request, self.submit, self.next_command_id, lambda: self.snapshot),
        )
        try:
            await endpoint.start()
        except OSError as error:
            raise StartRefused(f"the command socket in {quarters.folder} cannot be made: {error}") from None
        return endpoint

    def _new_history(self) -> bytes | None:
        """The status history when it has a row that is not on disk yet."""
        assert self.engine is not None
        status = self.engine.desk.status
        if status.entries == self._history_kept:
            return None
        self._history_kept = status.entries
        return encode_history(tuple(status.history))

    # ---- wiring ------------------------------------------------------------------------------------------------

    async def _assemble(self) -> TraderCoordinator:
        account = self._account or await self._start_exchange()
        if self._wiring.on_disk and self.quarters is None:
            self.quarters = Quarters(self.settings, account)
        desk = self._desk()
        found = self.quarters.recalled if self.quarters else Recall()
        if self.quarters is not None:
            desk.status.recall_history(self.quarters.history())
            desk.now_ns, wall_ns = self.recording.restored = self._clock.monotonic_ns(), self._clock.wall_ns()
            restore(desk, found, wall_ns)
        engine = self.engine = Engine(desk, self._actor(), found.breaker)
        picture = PictureMaker(self._identity(account), self._gauges)
        wiring = self._wiring
        rng = Random(wiring.chance.getrandbits(64))  # jitter of retries
        self._client = TradingClientIntegration(
            account.endpoints, account.signer, self._clock, rng, unix_path=wiring.unix_path
        )
        await self._client.open()
        self._stream = WebSocketManager(
            account.endpoints, account.signer, self._clock, rng, self._emit, unix_path=wiring.unix_path
        )
        self._account = account
        coordinator = TraderCoordinator(
            engine,
            picture,
            clock=self._clock,
            journal=self._journal(),
            client=self._client,
            stream=self._stream,
            bus=self.bus,
        )
        self._coordinator = coordinator
        self.recording.began = SessionStarted(
            at=self._started_at,
            version=JOURNAL_VERSION,
            mode=self.settings.mode.value,
            key_digest=account.digest,
            exchange=account.exchange,
            session=desk.settings.session,
        )
        desk.out.record(self.recording.began)
        coordinator.supervise("stream", self._stream.run)
        coordinator.supervise("loop_meter", self._measure_loop)
        for command in self._waiting:
            coordinator.submit(command)
        self._waiting.clear()
        self._ready.set()
        return coordinator

    async def _start_exchange(self) -> Account:
        """Paper: a fresh exchange. Making its key takes a while, so that is done beside the loop."""
        pem = self._wiring.key_pem
        if pem is None:
            pem = await asyncio.to_thread(generate_private_key)
        self.server = embedded_exchange(self.settings, self._clock, self._seed, pem, control=self._control_port)
        path = self._wiring.unix_path
        try:
            endpoint = await (self.server.start_unix(path) if path else self.server.start())
        except OSError as error:
            raise StartRefused(f"the embedded exchange could not listen on loopback: {error}") from None
        self.control = (endpoint.control, endpoint.control_token) if endpoint.control else None
        return paper_account(self.server, endpoint.rest_url, endpoint.ws_url)

    def _emit(self, fact: Any) -> None:
        if self._coordinator is not None:
            self._coordinator.submit(fact)

    def _journal(self) -> JournalPort:
        if self.quarters is None:
            return MemoryJournal()
        return Journal(self.quarters.journal_folder, self.quarters.contents, self._journal_failed)

    def _journal_failed(self, reason: str) -> None:
        if self._coordinator is not None:
            self._coordinator.journal_failed(reason)

    def _desk(self) -> Desk:
        s = self.settings
        limits = risk_limits(s)
        found = self.quarters.recalled if self.quarters else Recall()
        day = found.day_base
        settings = DeskSettings(
            limits=limits,
            day_base=day.portfolio if day else None,
            day_base_at=day.at if day else 0,
            peak=found.peak.portfolio if found.peak else None,
            session=session_name(self._wiring.chance),
            enable_trading_client=s.client_enabled,
            armed=self._armed,
            minimum_cash=to_money(s.minimum_cash_threshold),
            lease_s=s.order_lease,
            quote_markets=s.quote_markets,
            sync_ns=s.sync_interval * NS,
            group_limit=s.order_group_limit,
            started_at=self._started_at,
            status_interval_ns=s.status_interval * NS,
            health_check_ns=s.health_check_interval * NS,
        )
        position = self.quarters.contents.position if self.quarters else 0
        return Desk(settings, frozenset(found.known_ids), position)

    def _actor(self) -> ActorService:
        return ActorService(configured(self.settings), self._wiring.watch)

    def _identity(self, account: Account | None = None) -> IdentityView:
        embedded = self._exchange_file is None and self.settings.mode is Mode.PAPER
        where = "simulated, embedded" if embedded else ("standing, loopback" if self._exchange_file else "Kalshi")
        return IdentityView(
            product="kalshi-trader",
            version=core.version.VERSION,
            mode=self.settings.mode,
            account=account.suffix if account else "",
            exchange=where,
            strategy=self.settings.strategy,
            seed=self._seed if embedded else None,
            pid=os.getpid() if self._wiring.on_disk else 0,
            started_at=self._started_at,
            folder=str(self.folder()) if self._wiring.on_disk else "",
            **self._surroundings(),
        )

    def _surroundings(self) -> dict[str, str]:
        """What else a bug report needs; nothing of this machine in worlds on the virtual clock."""
        if not self._wiring.on_disk:
            return {}
        log_file = str(self.quarters.log_folder / LOG_FILE) if self.quarters else ""
        return surroundings(self.settings) | {"log_file": log_file}

    def _gauges(self) -> GaugesView:
        return gauges(self._client.stats() if self._client else None, self._lag.p50_us, self.screen())

    async def _measure_loop(self) -> None:
        """Lateness of a short sleep in this very loop, told once a second."""
        meter = self._lag
        while True:
            before = self._clock.monotonic_ns()
            await self._clock.sleep(LAG_EVERY_S)
            fact = meter.note(self._clock.monotonic_ns() - before - int(LAG_EVERY_S * NS))
            if fact is not None and self._client is not None:
                stats = self._client.stats()
                self._emit(fact(stats.read_tokens, stats.write_tokens))

    # ---- the way out -------------------------------------------------------------------------------------------

    async def _leave(self, coordinator: TraderCoordinator) -> ExitView:
        """Close the roads, then ask the exchange once more over a fresh connection what is left of us."""
        assert self._client is not None
        assert self._stream is not None
        await self._stream.close()
        exit_view = coordinator.snapshot.exit
        assert exit_view is not None
        assert self.engine is not None
        await self._client.close()
        self.final = await self._read_finally()
        if self.final.resting != 0 and exit_view.code == ExitCode.CLEAN and self.settings.client_enabled:
            return unverified(exit_view, self.final)
        return exit_view

    async def _read_finally(self) -> FinalReading:
        assert self._account is not None
        assert self.engine is not None
        fresh = TradingClientIntegration(
            self._account.endpoints,
            self._account.signer,
            self._clock,
            Random(self._wiring.chance.getrandbits(64)),
            unix_path=self._wiring.unix_path,
        )
        await fresh.open()
        try:
            return await read_finally(fresh, self.engine.desk)
        finally:
            await fresh.close()

    async def _close(self) -> None:
        for part in (self._stream, self._client):
            if part is not None:
                with contextlib.suppress(Exception):
                    await part.close()
        if self.server is not None:
            await self.server.stop()
        if self.quarters is not None:
            self.quarters.leave()
