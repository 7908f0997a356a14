"""Runs the console on a terminal over a moving, invented trader: `python console_demo.py [--ascii] [--beat FILE]`.

It stands in for the assembly in the terminal tests (stall, hang-up, clipboard) and lets one look at the screen without
a trader. The heartbeat's longest gap is written to the file given with --beat.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

import console_builders as b  # noqa: E402
import hostile_text  # noqa: E402
import msgspec  # noqa: E402

from core.domain.amounts import Money, contracts  # noqa: E402
from core.domain.commands import Command, Panic, Pause, Resume, Stop  # noqa: E402
from core.domain.enums import BookSide, PauseKind, TraderState  # noqa: E402
from core.trading.snapshot import ActionView, ActivityView, TraderSnapshot  # noqa: E402
from tui.app import ConsoleOptions, TraderApp  # noqa: E402


class MovingBridge(b.FixedBridge):
    """A fake trader: quotes move, orders come and go, commands are answered."""

    def __init__(self, folder: Path, seed: int = 1, *, hostile: bool = False) -> None:
        super().__init__(b.snapshot(), folder)
        self.random = random.Random(seed)
        self.start_ns, self.start_at = time.monotonic_ns(), time.time_ns()
        self.mid = 55
        self.paused = False
        self.stop_at: int | None = None
        self.shift = self.start_at - b.TAKEN_AT
        self.hostile = itertools.cycle(list(hostile_text.pictures(hostile_text.strings()))) if hostile else None
        self.fed = 0
        self.shown = self._moved(self.shown)

    def _moved(self, old: TraderSnapshot) -> TraderSnapshot:
        now, wall = time.monotonic_ns(), time.time_ns()
        r = self.random
        self.mid = min(max(self.mid + r.choice((-1, 0, 0, 0, 1)), 8), 92)
        books = tuple(
            msgspec.structs.replace(book, updated_ns=now - r.randrange(90_000_000), seq=old.version + 88_000)
            for book in (b.book(b.HIGHNY, self.mid), b.book(b.FED, 71))
        )
        bids = tuple((p, contracts(r.randrange(10, 900))) if r.random() < 0.2 else (p, c) for p, c in books[0].bids)
        books = (msgspec.structs.replace(books[0], bids=bids), books[1])
        sides = ((1, BookSide.BID, self.mid - 2), (2, BookSide.ASK, self.mid + 2))
        orders = () if self.paused else tuple(
            b.order(old.version // 8 * 2 + n, side, cents * 100, 20, created_at=wall - r.randrange(4 * b.SECOND))
            for n, side, cents in sides
        )  # fmt: skip
        state = b.state(entered_ns=now, state=r.choice((TraderState.READY, TraderState.ACTING)))
        state = msgspec.structs.replace(state, label=state.state.value)
        if self.paused:
            state = b.state(
                state=TraderState.PAUSED, label="PAUSED (operator)", pause=PauseKind.OPERATOR, entered_ns=now
            )
        ended = None
        if self.stop_at is not None:
            state = b.state(
                state=TraderState.SHUTDOWN, label="SHUTDOWN", entered_ns=self.stop_at, waiting_for="cancels"
            )
            orders = orders[: max(0, 2 - (now - self.stop_at) // 400_000_000)]
            ended = b.certificate(at=wall) if now - self.stop_at > b.SECOND else None
        value = old.equity[-1][1] + r.randrange(-80_000, 90_000)
        activity = old.activity
        if r.random() < 0.1:
            row = ActivityView(at=wall, kind="fill", text=f"BUY 4 @ 0.{self.mid - 1} {b.HIGHNY} fee $0.01")
            activity = (*activity, row)[-100:]
        money = msgspec.structs.replace(
            old.money, portfolio=Money(value), day=Money(value - 1_000_000_000), synced_at=wall
        )
        if self.hostile is not None:
            picture, self.listing = next(self.hostile)
            self.fed += len(self.listing.markets)
            hurt = msgspec.structs.replace(
                picture, version=old.version + 1, taken_ns=now, taken_at=wall, exit=ended, equity=old.equity
            )
            return hurt if self.stop_at is None else msgspec.structs.replace(hurt, state=state)
        return msgspec.structs.replace(
            old, version=old.version + 1, taken_ns=now, taken_at=wall, books=books, orders=orders, state=state,
            money=money,
            identity=b.identity(started_at=self.start_at), exit=ended, activity=activity,
            equity=(*old.equity[-400:], (wall, Money(value))),
            positions=(b.position(mark=(self.mid - 1) * 100, updated_at=wall - 3 * b.SECOND), old.positions[1]),
            transitions=tuple(
                msgspec.structs.replace(m, at=self.start_at - (5 - i) * b.SECOND) for i, m in enumerate(b.transitions())
            ),
            feed=b.feed(last_message_ns=now - r.randrange(90_000_000), last_reply_ns=now - r.randrange(b.SECOND)),
            components=tuple(msgspec.structs.replace(c, last_ns=now) for c in b.components()),
        )  # fmt: skip

    def submit(self, command: Command) -> None:
        super().submit(command)
        match command:
            case Pause() | Panic():
                self.paused = True
            case Resume():
                self.paused = False
            case Stop() if self.stop_at is None:
                self.stop_at = time.monotonic_ns()
        row = ActionView(command_id=command.command_id, name=type(command).__name__.lower(), status="done", text="",
                         at=time.time_ns())  # fmt: skip
        self.shown = msgspec.structs.replace(self._moved(self.shown), actions=(*self.shown.actions, row)[-5:])
        self.knock.set()

    async def run(self, hz: float) -> None:
        while True:
            await asyncio.sleep(1 / hz)
            self.shown = self._moved(self.shown)


class Heartbeat:
    """The longest time between two beats of 20 ms, overall and per second, as the trader would feel it."""

    def __init__(self) -> None:
        self.worst = 0.0
        self.beats = 0

    async def run(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.02)
            now = time.monotonic()
            self.worst = max(self.worst, now - last)
            last = now
            self.beats += 1


async def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ascii", action="store_true")
    parser.add_argument("--beat", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("/tmp"))
    parser.add_argument("--hz", type=float, default=10)
    parser.add_argument("--crash", action="store_true")
    parser.add_argument("--hostile", action="store_true")
    options = parser.parse_args()
    bridge = MovingBridge(options.folder, hostile=options.hostile)
    app = TraderApp(bridge, ConsoleOptions(ascii=options.ascii))
    heart = Heartbeat()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    world = asyncio.create_task(bridge.run(options.hz))

    async def after_first_frame() -> None:
        await app.first_frame.wait()
        if options.beat:
            options.beat.with_suffix(".ready").write_text("ready")
        if options.crash:
            api_key = "SECRET-" + "7" * 9
            app.call_later(lambda: {}[len(api_key)])
        await heart.run()

    beat = asyncio.create_task(after_first_frame())
    cpu = time.process_time()
    started = time.monotonic()
    await app.run_async(mouse=True)
    spent, wall = time.process_time() - cpu, time.monotonic() - started
    for task in (world, beat):
        task.cancel()
    if options.beat:
        record = {
            "worst": heart.worst, "beats": heart.beats, "code": app.return_code, "stuck": app.terminal_stuck,
            "sent": [type(c).__name__ for c in bridge.sent], "fed": bridge.fed,
            "cpu": spent / wall, "skipped": app.pump.skipped,
        }  # fmt: skip
        options.beat.write_text(json.dumps(record))
    return app.return_code or 0


if __name__ == "__main__":
    code = asyncio.run(main())
    sys.stdout.flush()
    os._exit(code)
