"""SIGKILL at any moment, restart: the trader knows its orders, positions, P&L of the day and breaker state.

The exchange is a process of its own and goes on meanwhile; what it tells at the end is the judge.
"""

import json
import random
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.domain.enums import ExitReason
from core.domain.records import BreakerMoved, OrderIntended
from core.exchange.signing import load_signer
from core.journal.journal import read_journal
from core.trading.recall import recall
from tests.whole.support import run, start, status, wait_for_line

# In seconds from the start of the process; an order in doubt may keep its market closed for longer.
READY_WITHIN_S = 10


def ask(where: dict[str, str], path: str, key: str) -> list[dict[str, Any]]:
    """All pages of a list of the exchange, by a connection of our own."""
    signer = load_signer(where["key_id"], Path(where["private_key_path"]))
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        headers = signer.headers("GET", f"/trade-api/v2{path}", time.time_ns() // 1_000_000)
        url = f"{where['rest_url']}{path}?limit=100&cursor={cursor}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as reply:
                page = json.load(reply)
        except urllib.error.HTTPError as error:
            if error.code != 429:
                raise
            time.sleep(0.5)  # a long list under a small tier
            continue
        found += page[key]
        cursor = page.get("cursor") or ""
        if not cursor:
            return found


def micros(text: str) -> int:
    return int(Decimal(text) * 1_000_000)


def value(report: dict[str, Any]) -> int:
    """Positions at mark, by plain arithmetic."""
    total = 0
    for p in report["positions"]:
        count = int(Decimal(p["count"]) * 100)
        if count:
            mark = int(Decimal(p["mark"]) * 10_000)
            total += mark * count if count > 0 else (10_000 - mark) * -count
    return total


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(
    ("kills", "seed"),
    [pytest.param(20, 1, marks=pytest.mark.wide), pytest.param(200, 2, marks=pytest.mark.long)],
)
def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    took: list[float] = []
    began = datetime.now(tz=UTC).date()
    with start(tmp_path, "exchange", "--seed", "7") as exchange:
        assert exchange.stdout is not None
        line = exchange.stdout.readline()
        (tmp_path / "ex.json").write_text(line)
        where = json.loads(line)
        for number in range(kills):
            began_s = time.monotonic()
            with start(tmp_path, "run", "--headless", "--exchange", "ex.json") as trader:
                if number % 4 != 3:
                    wait_for_line(trader, "→ READY")
                    took.append(time.monotonic() - began_s)
                time.sleep(rng.uniform(0.1, 3))
                trader.kill()
                trader.wait()
            # Whatever the moment, what is on disk is a whole journal up to there.
            (folder,) = (tmp_path / "kalshi-trader").glob("paper-*")
            read_journal(folder / "journal")
        print(f"{kills} kills, READY again after {sorted(took)[len(took) // 2]:.1f} s, at most {max(took):.1f} s")
        assert sorted(took)[len(took) * 9 // 10] < READY_WITHIN_S
        (folder,) = (tmp_path / "kalshi-trader").glob("paper-*")
        left = recall(read_journal(folder / "journal").records)
        assert left.day.fills, "no fill came before the last kill: the test shows nothing"
        done = run(
            tmp_path, "run", "--headless", "--exchange", "ex.json", "--seconds", "15", "--report", "r.json", timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        fills, orders = ask(where, "/portfolio/fills", "fills"), ask(where, "/portfolio/orders", "orders")
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["drift"] == {"orders": 0, "positions": 0, "cash": "0.000000"}
    assert report["resting_after_stop"] == report["foreign_resting"] == 0
    # Every order the exchange knows was meant exactly once, and none is there twice.
    records = read_journal(folder / "journal").records
    intended = Counter(r.client_order_id for r in records if isinstance(r, OrderIntended))
    known = Counter(o["client_order_id"] for o in orders)
    assert max(intended.values()) == max(known.values()) == 1
    assert set(known) <= set(intended)
    # P&L goes on over every restart: fees and fills are the exchange's, and realized closes the sum.
    picture = status(tmp_path)["snapshot"]
    money = picture["money"]
    assert money["fees"] == sum(micros(f["fee_cost"]) for f in fills)
    assert (
        micros(report["cash"]) + value(report)
        == 1_000_000_000 + money["realized"] + money["unrealized"] - money["fees"]
    )
    if datetime.now(tz=UTC).date() == began:
        assert (money["day_realized"], money["day_fees"]) == (money["realized"], money["fees"])
        assert money["day_fills"] == len(fills) >= left.day.fills
        assert money["day"] == money["realized"] + money["unrealized"] - money["fees"]
        assert picture["counters"]["placed_today"] == len(intended)
    assert not picture["breaker"]["tripped"]


@pytest.mark.timeout(120)
@pytest.mark.wide
def test_fills_made_while_nobody_listened_are_booked_at_the_restart(tmp_path: Path) -> None:
    with start(tmp_path, "exchange", "--seed", "7") as exchange:
        assert exchange.stdout is not None
        line = exchange.stdout.readline()
        (tmp_path / "ex.json").write_text(line)
        with start(tmp_path, "run", "--headless", "--exchange", "ex.json") as trader:
            wait_for_line(trader, "→ READY")
            time.sleep(2)
            trader.kill()
            trader.wait()
        (folder,) = (tmp_path / "kalshi-trader").glob("paper-*")
        before = recall(read_journal(folder / "journal").records)
        assert before.unresolved, "no order was left open"
        for _ in range(40):
            fills = ask(json.loads(line), "/portfolio/fills", "fills")
            if len(fills) > before.day.fills:
                break
            time.sleep(0.5)
        assert len(fills) > before.day.fills, "nothing traded while the trader was dead"
        with start(tmp_path, "run", "--headless", "--exchange", "ex.json") as trader:
            wait_for_line(trader, "→ READY")
            # The journal's writer is a thread of its own: the word READY may be a moment before the bytes.
            time.sleep(1)
            after = recall(read_journal(folder / "journal").records)
            assert len(after.fills) >= len(fills)
            assert {f["trade_id"] for f in fills} <= {f.trade_id for f in after.fills}
            assert run(tmp_path, "stop").returncode == 0
    ended = status(tmp_path)["snapshot"]
    assert ended["money"]["drift"] == 0
    assert ended["exit"]["reason"] == ExitReason.SIGNAL.value


@pytest.mark.timeout(120)
@pytest.mark.wide
def test_a_tripped_breaker_and_the_status_history_outlive_a_kill(tmp_path: Path) -> None:
    with start(tmp_path, "exchange", "--seed", "7") as exchange:
        assert exchange.stdout is not None
        (tmp_path / "ex.json").write_text(exchange.stdout.readline())
        for number in range(2):
            config = "" if number else "daily_loss_limit = 0.0001\n"
            (tmp_path / "c.toml").write_text(config)
            with start(tmp_path, "run", "--headless", "--exchange", "ex.json", "--config", "c.toml") as trader:
                wait_for_line(trader, "→ READY")
                if number == 0:
                    _wait_for_breaker(tmp_path)
                else:
                    time.sleep(1.5)
                    found = status(tmp_path)["snapshot"]
                    assert found["breaker"]["tripped"]
                    assert "daily loss" in found["breaker"]["reason"]
                    assert found["counters"]["placed"] == 0
                trader.kill()
                trader.wait()
    (folder,) = (tmp_path / "kalshi-trader").glob("paper-*")
    records = read_journal(folder / "journal").records
    assert len([r for r in records if isinstance(r, BreakerMoved)]) == 1
    rows = json.loads(run(tmp_path, "status", "--history", "100", "--json").stdout)
    assert [r["state"] for r in rows].count("IDLE") == 2, "both sessions stand in the history"


def _wait_for_breaker(tmp_path: Path, within: float = 30) -> None:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if status(tmp_path)["snapshot"]["breaker"]["tripped"]:
                return
        except (AssertionError, subprocess.SubprocessError):
            pass
        time.sleep(0.5)
    raise AssertionError("the breaker did not trip")
