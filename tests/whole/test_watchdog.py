"""A trading loop that stands still: a thread beside it ends the orders on a standing exchange, and the process.

The frozen program is the real one (`faulty.py` only holds its loop); the exchange, a process of its own, is the judge.
"""

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.whole.support import environment, start
from tests.whole.test_restart import ask

FAULTY = Path(__file__).with_name("faulty.py")
HEADLESS = ("run", "--headless", "--exchange", "ex.json")


def frozen(state: Path, seconds: float, *arguments: str, **streams) -> subprocess.Popen:
    command = [sys.executable, str(FAULTY), f"freeze:{seconds}", *arguments]
    return subprocess.Popen(command, cwd=state, env=environment(state), **streams)


def resting(where) -> int:
    return sum(o["status"] == "resting" for o in ask(where, "/portfolio/orders", "orders"))


def wait_until(what, within: float) -> float:
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < within, "did not happen"
        time.sleep(0.1)
    return time.monotonic() - began


@pytest.mark.timeout(120)
@pytest.mark.wide
def test_a_loop_that_stands_still_loses_its_orders_by_the_group_and_then_its_process(tmp_path: Path) -> None:
    with start(tmp_path, "exchange", "--seed", "7") as exchange:
        assert exchange.stdout is not None
        line = exchange.stdout.readline()
        (tmp_path / "ex.json").write_text(line)
        where = json.loads(line)
        with frozen(tmp_path, 60, *HEADLESS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as trader:
            try:
                wait_until(lambda: resting(where) > 0, 30)
                stacks = tmp_path / "kalshi-trader"
                wait_until(lambda: any(stacks.glob("paper-*/log/stacks.txt")), 20)
                wait_until(lambda: resting(where) == 0, 4)
                _, said = trader.communicate(timeout=30)
            finally:
                trader.kill()
        assert trader.returncode == 4, said
        groups = ask(where, "/portfolio/order_groups", "order_groups")
        assert groups and resting(where) == 0
    (path,) = stacks.glob("paper-*/log/stacks.txt")
    assert path.stat().st_mode & 0o077 == 0
    text = path.read_text()
    assert "freeze" in text and "triggered the order group" in text and "SECRET" not in text
    assert "the trading loop stood still for" in said and str(path) in said
    assert "SECRET" not in said and "Traceback" not in said


@pytest.mark.wide
@pytest.mark.timeout(120)
def test_a_loop_that_comes_back_goes_on_with_the_breaker_open_and_says_why(tmp_path: Path) -> None:
    with start(tmp_path, "exchange", "--seed", "7") as exchange:
        assert exchange.stdout is not None
        line = exchange.stdout.readline()
        (tmp_path / "ex.json").write_text(line)
        arguments = (*HEADLESS, "--seconds", "12", "--report", "r.json")
        with frozen(tmp_path, 5, *arguments, stderr=subprocess.PIPE, text=True) as trader:
            try:
                _, said = trader.communicate(timeout=60)
            finally:
                trader.kill()
        assert trader.returncode == 0, said
        assert resting(json.loads(line)) == 0
    (status,) = (tmp_path / "kalshi-trader").glob("paper-*/status.json")
    found = json.loads(status.read_text())
    assert found["breaker"]["tripped"] and "loop stood still" in found["breaker"]["reason"]
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["drift"] == {"orders": 0, "positions": 0, "cash": "0.000000"}


@pytest.mark.wide
@pytest.mark.timeout(120)
@pytest.mark.pty
def test_the_terminal_is_given_back_by_a_process_that_had_to_be_ended(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    trader = frozen(tmp_path, 60, "run", "--seed", "7", stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    output = b""
    try:
        deadline = time.monotonic() + 60
        while trader.poll() is None and time.monotonic() < deadline:
            if select.select([master], [], [], 0.2)[0]:
                output += os.read(master, 65536)
        while select.select([master], [], [], 0.2)[0]:
            output += os.read(master, 65536)
    finally:
        trader.kill()
        trader.wait()
        os.close(slave)
        os.close(master)
    assert trader.returncode == 4
    after = output.rpartition(b"\x1b[?1049l")[2]
    assert b"kalshi-trader: the trading loop stood still" in after and b"\x1b[?25h" in after
