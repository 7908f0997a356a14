"""Real time, real sockets, three processes: the bot on a standing exchange in `news-jump`, faults by the control port.

    python -m tests.whole.news_run --minutes 30 --seed 7 --out docs/reports/news-jump-real.json

The faults are those of `core.lab.endurance`, drawn from the seed. A person (this program) looks every five seconds and
resets a breaker that tripped half a minute ago, by the command line. The exchange is the judge: money conserved, each
client id once, the report's positions, fills and cash equal to its own. Ends with code 1 when anything was violated.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.domain.records import BreakerMoved, Corrected, OrderIntended
from core.journal.journal import read_journal
from core.lab.endurance import MIX
from core.sim.pytest_plugin import SimulatedExchange
from tests.whole.support import run, start, wait_for_line
from tests.whole.test_restart import ask

LOOK_S, LOOK_AFTER_S, QUIET_S = 5, 30, 60


class Person:
    """Looks at the status and resets a breaker some time after it tripped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.states: Counter[str] = Counter()
        self.resets: list[str] = []
        self.rss_mb: list[int] = []
        self.looked = 0.0

    def look(self, pid: int) -> None:
        if time.monotonic() - self.looked < LOOK_S:
            return
        self.looked = time.monotonic()
        picture = json.loads((self.folder / "status.json").read_text())
        self.states[picture["state"]["state"]] += 1
        self.rss_mb.append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20)
        breaker = picture["breaker"]
        if breaker["tripped"] and time.time_ns() - breaker["tripped_at"] > LOOK_AFTER_S * 10**9:
            done = run(self.folder.parents[1], "reset-breaker", "--reason", "looked at it")
            if done.returncode == 0:
                self.resets.append(breaker["reason"])


def trouble(
    exchange: SimulatedExchange, chance: random.Random, until: float, look: Any, lives: Callable[[], bool]
) -> None:
    """One to three faults at a time, each for some seconds, with pauses between; as long as the trader lives."""

    def wait(seconds: float) -> None:
        end = min(time.monotonic() + seconds, until)
        while time.monotonic() < end and lives():
            look()
            time.sleep(0.5)

    while time.monotonic() < until and lives():
        for name, params in chance.sample(MIX, chance.randint(1, 3)):
            exchange.arm(name, **params)
        wait(chance.uniform(3, 12))
        exchange.disarm()
        wait(chance.uniform(3, 15))
    exchange.disarm()


def judged(report: dict[str, Any], where: dict[str, str], intended: Counter[str], money: dict[str, str]) -> list[str]:
    """What is wrong, by the exchange's own word."""
    fills, orders = ask(where, "/portfolio/fills", "fills"), ask(where, "/portfolio/orders", "orders")
    positions = {p["ticker"]: Decimal(p["position_fp"]) for p in ask(where, "/portfolio/positions", "market_positions")}
    held = {p["ticker"]: Decimal(p["count"]) for p in report["positions"]}
    twice = Counter(o["client_order_id"] for o in orders)
    known = {
        "the report's drift is not zero": report["drift"] == {"orders": 0, "positions": 0, "cash": "0.000000"},
        "own orders rest after the stop": report["resting_after_stop"] == 0,
        "foreign orders rest": report["foreign_resting"] == 0,
        "an order of the exchange was never intended": set(twice) <= set(intended),
        "an intent or an order is there twice": max([0, *intended.values(), *twice.values()]) <= 1,
        "positions differ": {t: c for t, c in held.items() if c} == {t: c for t, c in positions.items() if c},
        "fees differ": Decimal(report["fees"]) == sum(Decimal(f["fee_cost"]) for f in fills),
        "fills differ": report["fills"]["count"] == len(fills),
        "the end is not clean": report["exit"]["code"] == 0,
        "too little happened": report["orders"]["placed"] > 50 and len(fills) > 20,
        "money was made or lost": bool(money),
    }
    return [words for words, holds in known.items() if not holds]


def play(minutes: float, seed: int) -> dict[str, Any]:
    """Play it and tell."""
    state = Path(tempfile.mkdtemp(prefix="news-run-"))
    os.environ["XDG_STATE_HOME"] = str(state)
    exchange = SimulatedExchange(scenario="news-jump", seed=seed, tier="basic")
    where = {"rest_url": exchange.rest_url, "key_id": exchange.key_id, "private_key_path": exchange.private_key_path}
    (state / "ex.json").write_text(
        json.dumps({**where, "ws_url": exchange.ws_url, "exchange_id": exchange.exchange_id})
    )
    arguments = ("run", "--headless", "--exchange", "ex.json", "--seconds", str(minutes * 60), "--report", "r.json")
    try:
        with start(state, *arguments) as trader:
            wait_for_line(trader, "→ READY")
            (folder,) = (state / "kalshi-trader").glob("paper-*")
            person = Person(folder)
            until = time.monotonic() + minutes * 60 - QUIET_S - 15
            trouble(
                exchange, random.Random(seed), until,
                look=lambda: person.look(trader.pid), lives=lambda: trader.poll() is None,
            )  # fmt: skip
            while trader.poll() is None:
                try:
                    person.look(trader.pid)
                except (OSError, ValueError):
                    break
                time.sleep(0.5)
            _, said = trader.communicate(timeout=120)
        report = json.loads((state / "r.json").read_text())
        records = read_journal(folder / "journal").records
        intended = Counter(r.client_order_id for r in records if isinstance(r, OrderIntended))
        violations = judged(report, where, intended, exchange.check())
        counts = exchange.faults()
    finally:
        exchange.stop()
    report["states"] = dict(Counter(row["state"] for row in report["states"]))
    return {
        "scenario": "news-jump", "minutes": minutes, "seed": seed, "clock": "real", "violations": violations,
        "faults": {name: count for name, count in sorted(counts.items()) if count},
        "states_seen": dict(sorted(person.states.items())),
        "breaker_trips": [r.reason for r in records if isinstance(r, BreakerMoved) and r.tripped],
        "resets_by_hand": len(person.resets),
        "corrections": [f"{r.what}: {r.ours} to {r.theirs}" for r in records if isinstance(r, Corrected)],
        "memory_mb": {"first": person.rss_mb[0], "most": max(person.rss_mb), "last": person.rss_mb[-1]},
        "last_words": said.splitlines()[-3:], "session": report,
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.whole.news_run")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    told = play(given.minutes, given.seed)
    text = json.dumps(told, indent=2) + "\n"
    if given.out is None:
        sys.stdout.write(text)
    else:
        given.out.write_text(text, encoding="utf-8")
    return 1 if told["violations"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
