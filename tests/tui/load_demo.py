"""A trader under load with one of several screens: `python load_demo.py SCREEN --seconds N --out FILE`.

SCREEN: `console` (ours, 4 Hz), `datatable` (three DataTables cleared and filled again at 10 Hz), `none` (the load
alone), `idle` (ours, over a trader that has had nothing to do for ten minutes), `bare` (that trader
without a screen). 2,000 book changes a second on 50 markets go through the real books; 200 positions, 100 orders; a
picture ten times a second. Written: share of a core, lateness of a 5 ms sleep, longest gap of a 50 ms heartbeat,
memory, all after a warm-up of two seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections import deque
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

import console_builders as b  # noqa: E402
import msgspec  # noqa: E402

from core.domain.amounts import Price, contracts  # noqa: E402
from core.domain.enums import BookSide, MarketStatus  # noqa: E402
from core.domain.events import BookReplaced  # noqa: E402
from core.domain.ids import EventTicker, SeriesTicker, Ticker  # noqa: E402
from core.domain.market import MarketInfo  # noqa: E402
from core.engine.picture import book_view  # noqa: E402
from core.market.view import Markets  # noqa: E402
from core.trading.snapshot import TraderSnapshot  # noqa: E402
from tui.app import ConsoleOptions, TraderApp  # noqa: E402

MARKETS, POSITIONS, ORDERS = 50, 200, 100
CHANGES_PER_S, SLICE_S, PICTURE_S = 2_000, 0.02, 0.1
WARM_S = 2.0


class Load(b.FixedBridge):
    """The trader: real books under changes, and pictures of them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(b.snapshot(), folder)
        self.random = random.Random(5)
        self.markets = Markets()
        self.tickers = [Ticker(f"KXLOAD-26DEC01-T{n:02d}") for n in range(MARKETS)]
        self.markets.learn(tuple(self._info(t) for t in self.tickers))
        self.changes = 0
        for ticker in self.tickers:
            bids = tuple((Price((54 - i) * 100), contracts(100 + 7 * i)) for i in range(20))
            asks = tuple((Price((56 + i) * 100), contracts(90 + 5 * i)) for i in range(20))
            self.markets.apply(BookReplaced(ticker=ticker, bids=bids, asks=asks, seq=1), time.monotonic_ns())
        self.positions = [b.position(Ticker(f"KXPOS-26DEC01-P{n:03d}"), 10 + n % 90) for n in range(POSITIONS)]
        self.orders = [
            b.order(
                n, (BookSide.BID, BookSide.ASK)[n % 2], 4_000 + 100 * (n % 20), 30, ticker=self.tickers[n % MARKETS]
            )
            for n in range(ORDERS)
        ]
        self.seq = 1
        self.picture()

    @staticmethod
    def _info(ticker: Ticker) -> MarketInfo:
        return MarketInfo(
            ticker=ticker, event_ticker=EventTicker("KXLOAD-26DEC01"), series_ticker=SeriesTicker("KXLOAD"),
            title="A market under load", status=MarketStatus.ACTIVE, close_ms=2**42, bands=b.CENTS,
        )  # fmt: skip

    def change(self, count: int) -> None:
        r, now = self.random, time.monotonic_ns()
        for _ in range(count):
            self.seq += 1
            bid = r.random() < 0.5
            price = (54 - r.randrange(20)) * 100 if bid else (56 + r.randrange(20)) * 100
            side = BookSide.BID if bid else BookSide.ASK
            self.markets.change(r.choice(self.tickers), side, Price(price), r.choice((100, 200, 300)), self.seq, now)
            self.changes += 1

    def picture(self) -> None:
        r, now, wall = self.random, time.monotonic_ns(), time.time_ns()
        for row in r.sample(range(POSITIONS), POSITIONS // 10):
            mark = 4_000 + 100 * r.randrange(20)
            self.positions[row] = msgspec.structs.replace(self.positions[row], mark=Price(mark), updated_at=wall)
        for row in r.sample(range(ORDERS), ORDERS // 10):
            self.orders[row] = msgspec.structs.replace(self.orders[row], updated_at=wall)
        books = tuple(book_view(self.markets.get(t), quoted=True) for t in self.tickers)  # type: ignore[arg-type]
        self.shown = self._made(books, now, wall)

    @staticmethod
    def _same(shown, now):
        """What did not change is the same object, as in the trader's own pictures."""
        return shown if len(shown) == len(now) and all(a is b for a, b in zip(shown, now, strict=True)) else tuple(now)

    def _made(self, books, now: int, wall: int) -> TraderSnapshot:
        old = self.shown
        return msgspec.structs.replace(
            old, version=old.version + 1, taken_ns=now, taken_at=wall, books=books,
            positions=self._same(old.positions, self.positions), orders=self._same(old.orders, self.orders),
            feed=b.feed(last_message_ns=now, last_reply_ns=now),
        )  # fmt: skip

    async def stand_still(self) -> None:
        """A trader with nothing to do: the same parts in a new picture four times a second, all of them old."""
        long_ago = time.time_ns() - 600 * 10**9
        books = tuple(msgspec.structs.replace(b, updated_ns=1) for b in self.shown.books)
        self.positions = [msgspec.structs.replace(p, updated_at=long_ago) for p in self.positions]
        self.orders = [msgspec.structs.replace(o, created_at=long_ago, updated_at=long_ago) for o in self.orders]
        while True:
            self.shown = self._made(books, time.monotonic_ns(), time.time_ns())
            await asyncio.sleep(0.25)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due, pictured = loop.time(), 0.0
        while True:
            self.change(int(CHANGES_PER_S * SLICE_S))
            if loop.time() - pictured >= PICTURE_S:
                pictured = loop.time()
                self.picture()
            due += SLICE_S
            await asyncio.sleep(max(0, due - loop.time()))


class Gauge:
    """Lateness of a 5 ms sleep and gaps of a 50 ms heartbeat, since `begin`."""

    def __init__(self) -> None:
        self.late: deque[float] = deque(maxlen=60_000)  # five minutes: an hour of them would look like a leak
        self.gap = 0.0
        self.cpu = self.wall = 0.0

    async def sleep_lightly(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            self.late.append(time.perf_counter() - before - 0.005)

    async def beat(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.05)
            now = time.monotonic()
            self.gap, last = max(self.gap, now - last), now

    def begin(self) -> None:
        self.late.clear()
        self.gap = 0.0
        self.cpu, self.wall = time.process_time(), time.monotonic()

    def told(self) -> dict[str, float]:
        late = sorted(self.late) or [0.0]
        return {
            "cpu": (time.process_time() - self.cpu) / (time.monotonic() - self.wall),
            "p50_ms": late[len(late) // 2] * 1000,
            "p99_ms": late[int(len(late) * 0.99)] * 1000,
            "gap_ms": self.gap * 1000,
            "rss_mb": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6,
        }


def datatables(load: Load):
    """The baseline: what one writes first."""
    from textual.app import App
    from textual.widgets import DataTable

    class Baseline(App[None]):
        CSS = "DataTable { height: 1fr; }"

        def compose(self):
            for name in ("ladder", "positions", "orders"):
                yield DataTable(id=name)

        def on_mount(self) -> None:
            self.query_one("#ladder", DataTable).add_columns("bid", "price", "ask", "mine")
            self.query_one("#positions", DataTable).add_columns(
                "MARKET", "SIDE", "QTY", "AVG", "MARK", "BASIS", "UNREAL", "FEES"
            )
            self.query_one("#orders", DataTable).add_columns("MARKET", "SIDE", "PRICE", "QTY", "FILLED", "AGE", "STATE")
            self.set_interval(0.1, self.fill)

        def fill(self) -> None:
            shown = load.shown
            ladder, positions, orders = (self.query_one(f"#{n}", DataTable) for n in ("ladder", "positions", "orders"))
            ladder.clear()
            book = shown.books[0]
            for (ask, count), (bid, size) in zip(book.asks[:10], book.bids[:10], strict=False):
                ladder.add_row("", str(ask), str(count), "")
                ladder.add_row(str(size), str(bid), "", "")
            positions.clear()
            for p in shown.positions:
                positions.add_row(p.ticker, "YES", str(p.count), str(p.average_price), str(p.mark), p.mark_basis,
                                  str(p.unrealized), str(p.fees))  # fmt: skip
            orders.clear()
            for o in shown.orders:
                orders.add_row(o.ticker, o.side.value, str(o.price), str(o.count), str(o.filled), str(o.updated_at),
                               o.state.value)  # fmt: skip

    return Baseline()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("screen", choices=("console", "datatable", "none", "idle", "bare"))
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    load, gauge = Load(options.out.parent), Gauge()
    app = None
    if options.screen in ("console", "idle"):
        app = TraderApp(load, ConsoleOptions())
    elif options.screen == "datatable":
        app = datatables(load)
    idle = options.screen in ("idle", "bare")
    work = [load.stand_still()] if idle else [load.run(), gauge.sleep_lightly()]
    tasks = [asyncio.create_task(w) for w in (*work, gauge.beat())]
    series: list[float] = []

    async def measure() -> None:
        await asyncio.sleep(WARM_S)
        options.out.with_suffix(".began").write_text("")
        gauge.begin()
        until = time.monotonic() + options.seconds
        while time.monotonic() < until:
            await asyncio.sleep(min(5, options.seconds))
            series.append(gauge.told()["rss_mb"])
        frames = app.pump.skipped if isinstance(app, TraderApp) else 0
        record = gauge.told() | {"changes": load.changes, "skipped": frames, "rss": series}
        options.out.write_text(json.dumps(record))
        if app is not None:
            app.exit()

    measuring = asyncio.create_task(measure())
    if app is not None:
        await app.run_async()
    await measuring
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    os._exit(0)
