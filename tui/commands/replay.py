"""`run --mode replay`: a recorded session through the same engine and console, compared step by step with its tape."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import msgspec
import typer

from core.domain.commands import Command, Stop
from core.domain.enums import ExitReason
from core.domain.errors import BadInput
from core.domain.market import MarketListing
from core.replay import Replay
from core.trading.snapshot import ActionView, ExitView, TraderSnapshot
from tui.bridge import LabDoor
from tui.commands.bridges import SilentBridge

NO_WISHES = "a replay takes no wishes: it shows what was done"


def replay_headless(path: Path, speed: float | None, strategy: str = "") -> int:
    """As fast as it goes, or at `speed`; 0 when all of it came out as recorded, 1 at the first difference."""
    replay = Replay(path, strategy)
    began = time.monotonic()
    for at_ns in replay.play():
        if speed:
            time.sleep(max(0, (at_ns - replay.head.began_ns) / 1e9 / speed - (time.monotonic() - began)))
    for line in verdict(replay):
        typer.echo(line, err=replay.divergence is not None)
    return 1 if replay.divergence else 0


def verdict(replay: Replay) -> tuple[str, ...]:
    """What came of it, in lines."""
    if replay.divergence is not None:
        return replay.divergence.lines()
    end = "" if replay.complete else "; the tape ends without an orderly stop"
    told = f"{replay.steps} steps and {replay.pictures} pictures over {replay.seconds:.1f} s as recorded"
    return (f"replayed: {told}{end}",)


class ReplayBridge(SilentBridge):
    """What the console sees of a replay. Its clock is the recorded one, at `speed`."""

    why = NO_WISHES

    def __init__(self, replay: Replay, speed: float, folder: Path) -> None:
        self._replay = replay
        self._speed = speed
        self._folder = folder
        self._began_ns = time.monotonic_ns()
        self._told: dict[int, ActionView] = {}
        self._id = 0
        self._wake = asyncio.Event()
        self._left: ExitView | None = None
        self._over = False

    def clock_ns(self) -> int:
        """Monotonic time of the recorded session, now."""
        if self._over:
            return self._replay.now_ns
        return self._replay.head.began_ns + int((time.monotonic_ns() - self._began_ns) * self._speed)

    async def run(self) -> None:
        """Feed the tape at its pace until it ends or differs; then the last picture stays."""
        for at_ns in self._replay.play():
            behind_s = (at_ns - self.clock_ns()) / 1e9 / self._speed
            if behind_s > 0:
                await asyncio.sleep(behind_s)
        self._over = True
        status = "failed" if self._replay.divergence else "done"
        self._tell(self._next(), "Replay", status, "; ".join(verdict(self._replay)))

    def _tell(self, command_id: int, name: str, status: str, text: str) -> None:
        taken = self._replay.snapshot
        at = taken.taken_at + self.clock_ns() - taken.taken_ns
        self._told[command_id] = ActionView(command_id=command_id, name=name, status=status, text=text, at=at)
        self._wake.set()

    def _next(self) -> int:
        self._id += 1
        return self._id

    def snapshot(self) -> TraderSnapshot:
        """The recorded picture; its results give way to those of the replay, and only this console's stop ends it."""
        actions, alarm = tuple(self._told.values()), self._replay.snapshot.alarm
        if self._replay.divergence is not None:
            alarm = self._replay.divergence.lines()[0]
        version = self._replay.pictures + 1_000_000 * len(actions) + (self._left is not None)
        return msgspec.structs.replace(
            self._replay.snapshot, actions=actions, alarm=alarm, exit=self._left, version=version
        )

    def submit(self, command: Command) -> None:
        if isinstance(command, Stop):
            self._left = ExitView(
                reason=ExitReason.QUIT, code=0, detail="replay left", resting_after_stop=0, foreign_resting=0,
                unverified=(), at=self._replay.snapshot.taken_at,
            )  # fmt: skip
            self._wake.set()
        else:
            self._tell(command.command_id, type(command).__name__, "refused", NO_WISHES)

    def next_command_id(self) -> int:
        return self._next()

    def state_folder(self) -> Path:
        return self._folder

    def market_listing(self) -> MarketListing:
        markets = self._replay.engine.desk.markets
        return MarketListing(markets=tuple(market.info for market in markets.all()), read_at=markets.listed_at)

    def fault_lab(self) -> LabDoor | str:
        return "a replay has no exchange; faults are for paper mode"

    async def wait_wake(self) -> None:
        await self._wake.wait()
        self._wake.clear()


def replay_console(
    path: Path, speed: float, folder: Path, *, strategy: str, ascii_only: bool, mouse: bool, theme: str
) -> int:
    """The console over a tape; 1 when it differed."""
    replay = Replay(path, strategy)
    asyncio.run(_console(replay, speed, folder, ascii_only=ascii_only, mouse=mouse, theme=theme))
    for line in verdict(replay):
        sys.stdout.write(line + "\n")
    return 1 if replay.divergence else 0


async def _console(replay: Replay, speed: float, folder: Path, *, ascii_only: bool, mouse: bool, theme: str) -> None:
    from tui.app import ConsoleOptions, TraderApp
    from tui.themes import fitting_theme

    bridge = ReplayBridge(replay, speed, folder)
    options = ConsoleOptions(ascii=ascii_only, mouse=mouse, theme=theme or fitting_theme(), clock_ns=bridge.clock_ns)
    app = TraderApp(bridge, options)
    playing = asyncio.create_task(bridge.run(), name="replay")
    try:
        await app.run_async(mouse=mouse)
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)


def tape_of(tape: Path | None) -> Path:
    """BadInput when none is named."""
    if tape is None:
        raise BadInput("mode replay needs --tape FILE: a tape made by kalshi-trader run --record FILE")
    return tape
