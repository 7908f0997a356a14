"""Load and panic on real sockets: five hundred markets at full pace, fills booked in time, and all of it stopped.

    python -m tests.whole.load_run --seconds 60 --out docs/reports/load.json

The simulated exchange is a process of its own with 500 traded markets; the trader is this one, embedded, watching all
of them and quoting the busiest; its requests go over a TCP line that notes when they pass. Told: changes of books a
second, what each costs the two processes, how long after the exchange's time of a fill it was booked, memory, fills
missed; then, with 100 orders resting and the load going on, how long after the wish to panic the group's trigger and
the last single cancel were on the line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from core.assembly import Trader
from core.config import load
from core.domain.amounts import Price, contracts
from core.domain.commands import Panic, Pause, PlaceOrder, Resume, Stop, WatchMarket
from core.domain.enums import BookSide, ExitReason, OrderState, Origin, TraderState
from core.domain.records import FillBooked, Record
from core.local.process import calm_collector
from core.sim.pytest_plugin import SimulatedExchange
from tests.whole.test_restart import ask
from tests.whole.toxic import ToxicLine

MARKETS, ORDERS = 500, 100
# Makers that renew much of their ladders: what is measured is the trader, not how dear a decision at the exchange is.
SCENARIO = 'base = "calm"\n[style]\npace = {pace}\nvolatility = 30\nrenewed = 6\n'
SETTINGS = {
    "trading_max_orders": 400, "max_orders_per_second": 100, "quote_markets": 10, "max_exposure": 100_000,
    "trading_max_event_position": 100_000, "order_group_limit": 1_000_000, "daily_loss_limit": 0, "drawdown_limit": 0,
    "broadcast": False,
}  # fmt: skip
WARM_S = 5.0
# The advanced tier has tokens for thirty orders a second, and quoting goes on.
ORDER_EVERY_S, RESTING_WITHIN_S = 0.05, 60.0
PANIC_WITHIN_S = 20.0


class Watch:
    """What is measured of one trader: fills with how late they were booked, changes of books, memory."""

    def __init__(self, trader: Trader) -> None:
        self.trader = trader
        self.late_ms: list[int] = []
        self.fills: set[tuple[str, str]] = set()
        self.rss_mb: list[int] = []
        self.measuring = False
        trader.subscribe(self._hear)

    def _hear(self, record: Record) -> None:
        if isinstance(record, FillBooked):
            self.fills.add((record.trade_id, record.order_id))
            if self.measuring and record.traded_ms:
                self.late_ms.append(time.time_ns() // 1_000_000 - record.traded_ms)

    def changes(self) -> int:
        assert self.trader.engine is not None
        return sum(market.book.version for market in self.trader.engine.desk.markets.all())

    def look(self) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.rss_mb.append(pages * 4096 >> 20)


def processor_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(values: list[int], percent: int) -> int | None:
    """None where there is nothing to tell of."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else None


async def until(true: Callable[[], bool], within: float = 60) -> None:
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.02)


async def under_load(trader: Trader, watch: Watch, seconds: float, pids: dict[str, int]) -> dict[str, Any]:
    """Watch every market for so long; `pids` are the processes whose time is told."""
    assert trader.engine is not None
    markets = trader.engine.desk.markets
    for market in markets.all():
        trader.submit(WatchMarket(ticker=market.info.ticker, command_id=trader.next_command_id()))
    await until(lambda: sum(m.book.trusted for m in markets.all()) >= MARKETS, 120)
    await asyncio.sleep(WARM_S)
    watch.measuring, begun, changes = True, time.monotonic(), watch.changes()
    gaps = trader.snapshot.counters.gaps
    spent = {name: processor_s(pid) for name, pid in pids.items()}
    while time.monotonic() - begun < seconds:
        watch.look()
        await asyncio.sleep(1)
    took = time.monotonic() - begun
    watch.measuring = False
    spent = {name: processor_s(pid) - spent[name] for name, pid in pids.items()}
    changed = watch.changes() - changes
    return {
        "seconds": round(took, 1),
        "markets_watched": sum(m.book.trusted for m in markets.all()),
        "book_changes_a_second": round(changed / took),
        "processor_percent": {name: round(100 * took_s / took) for name, took_s in spent.items()},
        "processor_us_a_change": {name: round(1e6 * took_s / changed, 1) for name, took_s in spent.items()},
        "load_average": round(os.getloadavg()[0], 1),
        "fills_booked": len(watch.late_ms),
        "fill_booked_after_ms": {f"p{p}": percentile(watch.late_ms, p) for p in (50, 99)},
        "stream_gaps": trader.snapshot.counters.gaps - gaps,
        "memory_mb": max(watch.rss_mb),
    }


async def panic_drill(trader: Trader, line: ToxicLine) -> dict[str, Any]:
    """A hundred orders far from the middle, and the wish that all of it ends."""
    assert trader.engine is not None
    orders, markets = trader.engine.desk.orders, trader.engine.desk.markets
    trader.submit(Pause(command_id=trader.next_command_id()))
    await until(lambda: not orders.get_open_orders() or trader.snapshot.state.state is TraderState.PAUSED, 20)
    trader.submit(Resume(command_id=trader.next_command_id()))
    await until(lambda: trader.snapshot.state.state in (TraderState.READY, TraderState.ACTING), 30)
    chosen = [m for m in markets.all() if m.tradable and (m.book.best_bid or 0) > 600][: ORDERS // 2]

    def resting() -> int:
        return sum(order.state is OrderState.RESTING for order in orders.get_open_orders())

    async with asyncio.timeout(RESTING_WITHIN_S):
        # One that has no token within a second is not sent: another takes its place.
        for market in cycle(chosen):
            if resting() >= ORDERS:
                break
            trader.submit(
                PlaceOrder(
                    command_id=trader.next_command_id(), ticker=market.info.ticker, side=BookSide.BID,
                    price=Price(300), count=contracts(1), post_only=True,
                )
            )  # fmt: skip
            await asyncio.sleep(ORDER_EVERY_S)
    rested = resting()
    line.heard.clear()
    wished = time.monotonic()
    trader.submit(Panic(command_id=trader.next_command_id()))
    await until(lambda: not resting(), PANIC_WITHIN_S)
    gone = time.monotonic() - wished
    triggers = [at - wished for at, words in line.heard if "/trigger" in words]
    cancels = [at - wished for at, words in line.heard if words.startswith("DELETE")]
    return {
        "orders_resting": rested,
        "trigger_on_the_line_ms": round(1000 * min(triggers)) if triggers else None,
        "cancels_on_the_line": len(cancels),
        "last_cancel_on_the_line_ms": round(1000 * max(cancels)) if cancels else None,
        "nothing_rests_after_ms": round(1000 * gone),
    }


async def play(seconds: float, pace: int) -> dict[str, Any]:
    """Play it and tell."""
    folder = Path(tempfile.mkdtemp(prefix="load-run-"))
    (folder / "load.toml").write_text(SCENARIO.format(pace=pace))
    exchange = SimulatedExchange(scenario=folder / "load.toml", markets=MARKETS, seed=7, tier="advanced")
    port = int(exchange.rest_url.split(":")[2].split("/")[0])
    line = ToxicLine(port)
    where = {"rest_url": exchange.rest_url, "key_id": exchange.key_id, "private_key_path": exchange.private_key_path}
    swapped = {"rest_url": exchange.rest_url.replace(f":{port}", f":{line.port}"), "ws_url": exchange.ws_url}
    (folder / "ex.json").write_text(json.dumps({**where, **swapped, "exchange_id": exchange.exchange_id}))
    settings = load({"state_dir": folder, "seed": 7, **SETTINGS}, {}).settings
    trader = Trader(settings, exchange_file=folder / "ex.json")
    trader.prepare()
    calm_collector()  # as without a screen
    watch = Watch(trader)
    running = asyncio.create_task(trader.run())
    try:
        await until(lambda: trader.snapshot.state.state in (TraderState.READY, TraderState.ACTING))
        loaded = await under_load(trader, watch, seconds, {"trader": os.getpid(), "exchange": exchange.pid})
        drill = await panic_drill(trader, line)
        trader.submit(Stop(origin=Origin.TIMER, reason=ExitReason.TIME))
        ended = await asyncio.wait_for(running, 90)
        theirs = {
            (f["trade_id"], f["order_id"]) for f in await asyncio.to_thread(ask, where, "/portfolio/fills", "fills")
        }
        exchange.check()
    finally:
        if not running.done():
            running.cancel()
        line.close()
        exchange.stop()
    return {
        **loaded, "fills_missed": len(theirs - watch.fills), "panic": drill,
        "exit": ended.code, "resting_after_stop": ended.resting_after_stop,
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.whole.load_run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pace", type=int, default=600, help="percent of the usual")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    text = json.dumps(asyncio.run(play(given.seconds, given.pace)), indent=2) + "\n"
    if given.out is None:
        sys.stdout.write(text)
    else:
        given.out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
