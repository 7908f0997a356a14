"""The whole bot without a screen: it trades on the embedded exchange and both sides agree to the last unit."""

import json
import os
import re
import resource
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from tests.whole.support import PROGRAM, environment, run, start, status, wait_for_line

UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
DOLLARS = re.compile(r"-?\d+\.\d{6}")

# One in the quick suite, the others in the wide lane: they take the same road.
SIGNALS = [signal.SIGHUP, *(pytest.param(n, marks=pytest.mark.wide) for n in (signal.SIGTERM, signal.SIGINT))]


@pytest.mark.smoke
def test_thirty_seconds_of_paper_trading_end_flat_in_orders_and_exact_in_money(tmp_path: Path) -> None:
    done = run(tmp_path, "run", "--headless", "--seconds", "30", "--seed", "7", "--report", "r.json", timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert "READY" in [s["state"] for s in report["states"]]
    assert report["orders"]["placed"] >= 20
    assert report["fills"]["count"] >= 5
    assert report["drift"] == {"orders": 0, "positions": 0, "cash": "0.000000"}
    assert report["resting_after_stop"] == 0
    assert report["foreign_resting"] == 0
    assert report["exit"] == {"reason": "time", "code": 0}
    assert all(UTC.fullmatch(s["entered_at"]) and s["reason"] for s in report["states"])
    assert all(DOLLARS.fullmatch(report[k]) for k in ("cash", "fees", "realized", "unrealized"))
    orders = report["orders"]
    # A post-only order that the book has just moved away under is rejected: rare, and counted.
    assert orders["placed"] == orders["accepted"] + orders["rejected"]
    assert orders["accepted"] == orders["canceled"] + orders["filled"] >= 20
    assert set(orders) == {"placed", "accepted", "denied", "rejected", "canceled", "filled"}
    for position in report["positions"]:
        assert set(position) == {"ticker", "count", "average_price", "mark", "realized", "unrealized", "fees"}


@pytest.mark.wide
def test_the_report_adds_up_cash_positions_and_result(tmp_path: Path) -> None:
    done = run(tmp_path, "run", "--headless", "--seconds", "8", "--seed", "3", "--report", "r.json", timeout=60)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())

    def micros(text: str) -> int:
        return round(float(text) * 1_000_000)

    value = 0
    for p in report["positions"]:
        count = round(float(p["count"]) * 100)
        if count:
            mark = round(float(p["mark"]) * 10_000)
            value += mark * count if count > 0 else (10_000 - mark) * -count
    result = micros(report["realized"]) + micros(report["unrealized"]) - micros(report["fees"])
    assert micros(report["cash"]) + value == 1_000_000_000 + result


@pytest.mark.parametrize(
    "number",
    SIGNALS,
    ids=lambda n: n.name,
)
def test_every_signal_takes_the_orderly_road_out(tmp_path: Path, number: signal.Signals) -> None:
    with start(tmp_path, "run", "--headless", "--seed", "7", "--report", "r.json") as process:
        wait_for_line(process, "→ READY")
        time.sleep(2)
        process.send_signal(number)
        assert process.wait(30) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["exit"] == {"reason": "signal", "code": 0}
    assert report["orders"]["placed"] > 0
    assert report["resting_after_stop"] == 0


def test_commands_reach_the_running_trader_and_the_status_tells_what_they_did(tmp_path: Path) -> None:
    with start(tmp_path, "run", "--headless", "--seed", "7") as process:
        wait_for_line(process, "→ READY")
        time.sleep(2)
        assert run(tmp_path, "pause").stdout.startswith("paused")
        time.sleep(1.5)
        found = status(tmp_path)
        assert found["running"]
        assert found["snapshot"]["state"]["label"] == "PAUSED (operator)"
        assert found["snapshot"]["orders"] == []
        refused = run(tmp_path, "pause")
        assert (refused.returncode, refused.stderr.strip()) == (1, "already paused")
        assert run(tmp_path, "resume").stdout.strip() == "resumed"
        assert "verified by a reading" in run(tmp_path, "cancel-all").stdout
        unasked = run(tmp_path, "liquidate")
        assert (unasked.returncode, "--yes" in unasked.stderr) == (2, True)
        if any(p["count"] for p in status(tmp_path)["snapshot"]["positions"]):
            assert "flat, verified by a reading" in run(tmp_path, "liquidate", "--yes").stdout
        panel = run(tmp_path, "status").stdout
        assert panel.startswith("running, pid")
        assert all(len(line) <= 80 for line in panel.splitlines())
        stopped = run(tmp_path, "stop")
        assert stopped.returncode == 0, stopped.stderr
        assert process.wait(20) == 0
    ended = run(tmp_path, "status")
    assert ended.stdout.startswith("ended ")
    assert "exit 0" in ended.stdout.splitlines()[0]
    assert run(tmp_path, "status", "--ascii").stdout.isascii()
    assert run(tmp_path, "pause").returncode == 2


def test_nothing_a_session_writes_can_be_read_by_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        done = run(tmp_path, "run", "--headless", "--seconds", "3", "--seed", "7")
    finally:
        os.umask(before)
    assert done.returncode == 0
    (folder,) = (tmp_path / "kalshi-trader").glob("paper-*")
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert {p.name for p in folder.iterdir()} >= {"lock", "journal", "log", "status.json"}


@pytest.mark.wide
def test_trader_and_exchange_can_be_two_processes_and_a_kill_is_survived(tmp_path: Path) -> None:
    with start(tmp_path, "exchange", "--seed", "7") as exchange:
        assert exchange.stdout is not None
        line = exchange.stdout.readline()
        (tmp_path / "ex.json").write_text(line)
        assert set(json.loads(line)) >= {"rest_url", "ws_url", "key_id", "private_key_path"}
        with start(tmp_path, "run", "--headless", "--exchange", "ex.json") as first:
            wait_for_line(first, "→ READY")
            time.sleep(3)
            second = run(tmp_path, "run", "--headless", "--exchange", "ex.json")
            assert second.returncode == 3
            assert f"pid {first.pid}" in second.stderr
            first.kill()
            first.wait()
        done = run(
            # An order that was in flight at the kill is in doubt, and looked up only after its settle wait.
            tmp_path,
            "run",
            "--headless",
            "--exchange",
            "ex.json",
            "--seconds",
            "18",
            "--report",
            "r.json",
            timeout=90,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        report = json.loads((tmp_path / "r.json").read_text())
        assert report["resting_after_stop"] == 0
        assert report["drift"] == {"orders": 0, "positions": 0, "cash": "0.000000"}
        exchange.send_signal(signal.SIGTERM)
        assert exchange.wait(10) == 0


@pytest.mark.wide
def test_an_exchange_that_dies_leaves_a_trader_that_says_it_could_not_verify(tmp_path: Path) -> None:
    with start(tmp_path, "exchange", "--seed", "7") as exchange:
        assert exchange.stdout is not None
        (tmp_path / "ex.json").write_text(exchange.stdout.readline())
        with start(tmp_path, "run", "--headless", "--exchange", "ex.json", "--report", "r.json") as trader:
            wait_for_line(trader, "→ READY")
            time.sleep(2)
            exchange.kill()
            exchange.wait()
            wait_for_line(trader, "→ ERROR")
            trader.send_signal(signal.SIGTERM)
            trader.send_signal(signal.SIGTERM)
            assert trader.wait(60) == 4
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["exit"] == {"reason": "unverified", "code": 4}
    assert report["resting_after_stop"] is None
    assert report["unverified"]


@pytest.mark.wide
def test_a_disk_that_takes_no_more_is_told_and_leaves_nothing_resting(tmp_path: Path) -> None:
    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000))

    done = subprocess.run(
        [*PROGRAM, "run", "--headless", "--seconds", "12", "--seed", "7"],
        capture_output=True, text=True, timeout=60, env=environment(tmp_path), stdin=subprocess.DEVNULL, cwd=tmp_path,
        preexec_fn=small_disk,
    )  # fmt: skip
    (told,) = (line for line in done.stderr.splitlines() if "circuit breaker tripped" in line)
    assert "journal: File too large (failed, limit written and synced)" in told
    assert "own orders resting 0" in done.stderr
