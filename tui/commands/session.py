"""A session of the trader: headless, or with the console as a guest in its loop. Every signal stops in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any, TextIO

from core.assembly import Trader
from core.bundle import disk_pieces, live_pieces, without_secrets, write_bundle
from core.config import Settings
from core.domain.amounts import Money, money_text
from core.domain.commands import AmendOrder, CancelOrder, Command, PlaceOrder, Stop
from core.domain.enums import ExitReason, Mode, Origin
from core.domain.errors import StartRefused
from core.domain.ids import Ticker
from core.domain.market import MarketListing
from core.domain.records import BreakerMoved, Record, StateMoved
from core.environment import LOG_FILE
from core.exchange.signing import Passphrase
from core.local.logs import PrivateLog
from core.local.process import calm_collector, seal_process
from core.report import session_report
from core.trading.inquiry import Explanation, OrderPreview, Piece, StrategyReport
from core.trading.snapshot import ExitView, ScreenGauges, TraderSnapshot
from core.trading.timetext import clock_text
from tui.bridge import LabDoor
from tui.commands.guard import Guard

Result = tuple[dict[str, Any] | None, int]
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
TERMINAL_WAIT_S = 0.5
NAMES_SHOWN = 20
log = logging.getLogger("session")


def run_headless(
    settings: Settings,
    exchange: Path | None,
    armed: bool,
    seconds: float | None,
    passphrase: Passphrase | None = None,
    record: Path | None = None,
) -> Result:
    """Trade without a screen until time, signal or command; states go to standard error, a line each."""
    seal_process()
    trader = Trader(settings, exchange_file=exchange, armed=armed, passphrase=passphrase, record=record)
    trader.prepare()
    trader.subscribe(_print_state)
    calm_collector()
    return asyncio.run(_headless(trader, seconds))


async def _headless(trader: Trader, seconds: float | None) -> Result:
    with _signals(trader):
        _stop_after(trader, seconds)
        _log_to_file_when_known(trader)
        async with Guard(trader):
            exit_view = await trader.run()
    print_certificate(trader.snapshot, exit_view, sys.stderr)
    return session_report(trader, exit_view), exit_view.code


def _print_state(record: Record) -> None:
    """A line for people, left out where nobody reads: a full pipe must not hold the trading loop."""
    match record:
        case StateMoved():
            words = f"{record.source} → {record.target} ({record.reason})"
        case BreakerMoved(tripped=True):
            words = f"circuit breaker tripped: {record.reason} ({record.value}, limit {record.limit})"
        case BreakerMoved():
            words = "circuit breaker reset"
        case _:
            return
    if select.select([], [sys.stderr.fileno()], [], 0)[1]:
        sys.stderr.write(f"{clock_text(record.at)} {words}\n")
        sys.stderr.flush()


def print_certificate(snapshot: TraderSnapshot, exit_view: ExitView, stream: TextIO) -> None:
    """The last words on the plain terminal: how it ended and what is left. A terminal that takes nothing gets none."""
    if not select.select([], [stream.fileno()], [], TERMINAL_WAIT_S)[1]:
        return
    rests = "unknown" if exit_view.resting_after_stop is None else str(exit_view.resting_after_stop)
    held = sum(1 for p in snapshot.positions if p.count)
    reason = exit_view.detail or exit_view.reason.value
    cash = money_text(Money(snapshot.money.cash + snapshot.money.reserved)) if snapshot.money.synced_at else "unknown"
    others = f", foreign orders left alone {exit_view.foreign_resting}" if exit_view.foreign_resting else ""
    kept = f"positions kept {held}, cash {cash}"
    line = f"stopped ({reason}): own orders resting {rests}{others}, {kept}, exit {exit_view.code}"
    with contextlib.suppress(OSError):
        stream.write(line + "\n")
        if snapshot.strategy.off:
            stream.write(f"  strategy {snapshot.identity.strategy} is off: {snapshot.strategy.off}\n")
        for name in exit_view.unverified[:NAMES_SHOWN]:
            stream.write(f"  not verified: {name}\n")
        if len(exit_view.unverified) > NAMES_SHOWN:
            stream.write(f"  … {len(exit_view.unverified) - NAMES_SHOWN} more; all are in the report and the status\n")
        stream.flush()


# ---- console -----------------------------------------------------------------------------------------------------


class AssemblyBridge:
    """What the console sees of the trader."""

    def __init__(self, trader: Trader) -> None:
        self._trader = trader

    def snapshot(self) -> TraderSnapshot:
        return self._trader.snapshot

    def submit(self, command: Command) -> None:
        self._trader.submit(command)

    def next_command_id(self) -> int:
        return self._trader.next_command_id()

    def status_text(self, *, ascii_only: bool = False, form: str = "panel") -> str:
        return self._trader.status_text(ascii_only=ascii_only, form=form)

    def state_folder(self) -> Path:
        return self._trader.folder()

    def preview_order(self, wish: PlaceOrder | AmendOrder | CancelOrder) -> OrderPreview | None:
        return self._trader.preview_order(wish) if self._trader.engine is not None else None

    def explain_market(self, ticker: Ticker) -> Explanation | None:
        return self._trader.explain_market(ticker) if self._trader.engine is not None else None

    def strategy_report(self) -> StrategyReport | None:
        return self._trader.strategy_report() if self._trader.engine is not None else None

    def check_parameter(self, name: str, value: str) -> str:
        return self._trader.check_parameter(name, value)

    async def bug_bundle(self) -> tuple[Piece, ...]:
        live = live_pieces(self._trader)
        kept = await asyncio.to_thread(disk_pieces, self._trader.folder())
        return without_secrets((*live, *kept), self._trader.settings)

    async def write_bundle(self, pieces: tuple[Piece, ...]) -> Path:
        return await asyncio.to_thread(write_bundle, self._trader.folder(), pieces, self._trader.snapshot.taken_at)

    def market_listing(self) -> MarketListing:
        return self._trader.market_listing()

    def fault_lab(self) -> LabDoor | str:
        trader = self._trader
        if trader.settings.mode is not Mode.PAPER:
            return f"{trader.settings.mode.value} mode trades on Kalshi's exchange; faults are for the simulated one"
        if trader.control is None:
            return "this exchange stands by itself: its control port belongs to who started it"
        host, _, port = trader.control[0].rpartition(":")
        return LabDoor(host=host.strip("[]"), port=int(port), token=trader.control[1])

    async def wait_wake(self) -> None:
        await self._trader.wait_wake()


def run_console(
    settings: Settings,
    exchange: Path | None,
    armed: bool,
    seconds: float | None,
    passphrase: Passphrase | None = None,
    record: Path | None = None,
) -> Result:
    """The console, with the trader started after its first frame. A passphrase is asked for before that."""
    seal_process()
    trader = Trader(
        settings, exchange_file=exchange, armed=armed, control_port=True, passphrase=passphrase, record=record
    )
    trader.prepare()
    result, code, terminal_stuck = asyncio.run(_console(trader, settings, seconds))
    if terminal_stuck:
        # The thread that writes to a dead terminal may hang in its write for ever; all else is done and flushed.
        logging.shutdown()
        os._exit(code)
    return result, code


async def _console(
    trader: Trader, settings: Settings, seconds: float | None
) -> tuple[dict[str, Any] | None, int, bool]:
    from tui.app import ConsoleOptions, TraderApp
    from tui.themes import fitting_theme

    options = ConsoleOptions(ascii=settings.ascii, mouse=settings.mouse, theme=settings.theme or fitting_theme())
    app = TraderApp(AssemblyBridge(trader), options)
    trader.screen = lambda: ScreenGauges(
        rate_hz=app.pump.rate_hz,
        left_out=app.pump.skipped,
        backlog=app.terminal.backlog if app.terminal is not None else 0,
    )
    with _signals(trader):
        screen = asyncio.create_task(app.run_async(mouse=settings.mouse), name="console")
        first = asyncio.create_task(app.first_frame.wait())
        await asyncio.wait((screen, first), return_when=asyncio.FIRST_COMPLETED)
        first.cancel()
        _log_to_file_when_known(trader)
        _stop_after(trader, seconds)
        trading = asyncio.create_task(trader.run(), name="trader")
        refused: StartRefused | None = None
        exit_view: ExitView | None = None
        async with Guard(trader, app.abandon_terminal):
            await asyncio.wait((screen, trading), return_when=asyncio.FIRST_COMPLETED)
            if not trading.done():
                _console_ended(trader, settings, app.return_code)
            try:
                exit_view = await trading
            except StartRefused as error:
                refused = error
        if refused is not None:
            app.exit()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5):
                await screen
    if refused is not None:
        raise refused
    assert exit_view is not None
    if not app.terminal_stuck:
        print_certificate(trader.snapshot, exit_view, sys.stdout)
    return session_report(trader, exit_view), exit_view.code, app.terminal_stuck


def _console_ended(trader: Trader, settings: Settings, code: int | None) -> None:
    """The screen ended before the trader, so it crashed: the core stops in order, or goes on without it."""
    if settings.on_ui_crash == "stop":
        log.error("the console ended with code %s; stopping the trader", code)
        trader.submit(Stop(origin=Origin.SIGNAL, reason=ExitReason.CRASH, detail="the console ended"))
        return
    log.error("the console ended with code %s; trading goes on without a screen", code)
    with contextlib.suppress(OSError):
        sys.stderr.write("trading goes on without a screen; ctrl+c or `kalshi-trader stop` ends it in order\n")
    trader.subscribe(_print_state)


# ---- shared ------------------------------------------------------------------------------------------------------


class _signals:  # noqa: N801  reads as a statement
    """SIGTERM, SIGINT and SIGHUP become a wish to stop; a second one shortens the waits."""

    def __init__(self, trader: Trader) -> None:
        self._trader = trader
        self._seen = 0

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.remove_signal_handler(number)

    def _on_signal(self, number: int) -> None:
        self._seen += 1
        name = signal.Signals(number).name
        self._trader.submit(Stop(origin=Origin.SIGNAL, reason=ExitReason.SIGNAL, detail=name, now=self._seen > 1))


def _stop_after(trader: Trader, seconds: float | None) -> None:
    if seconds is not None:
        stop = Stop(origin=Origin.TIMER, reason=ExitReason.TIME, detail=f"after {seconds:g} s")
        asyncio.get_running_loop().call_later(seconds, trader.submit, stop)


def _log_to_file_when_known(trader: Trader) -> None:
    """Logs go to an owner-only rotating file in the session's folder, once that is known; never to the terminal."""
    logging.getLogger().handlers[:] = [logging.NullHandler()]
    logging.getLogger().setLevel(logging.INFO)

    def open_log(record: Record) -> None:
        if trader.quarters is not None and not _has_file():
            logging.getLogger().addHandler(PrivateLog(trader.quarters.log_folder / LOG_FILE))
        logging.getLogger("record").info("%s", record)

    trader.subscribe(open_log)


def _has_file() -> bool:
    return any(isinstance(h, PrivateLog) for h in logging.getLogger().handlers)
