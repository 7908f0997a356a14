"""The screen of the real program crashes: the trader follows its policy, and no value stands in what is printed."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.whole.support import environment, status

FAULTY = Path(__file__).with_name("faulty.py")


class Crashing:
    def __init__(self, state: Path, policy: str) -> None:
        self.master, self.slave = pty.openpty()
        self.output = b""
        self.process = subprocess.Popen(
            [sys.executable, str(FAULTY), "crash", "run", "--seed", "7"], cwd=state,
            env=environment(state, KALSHI_TRADER_ON_UI_CRASH=policy),
            stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True,
        )  # fmt: skip

    def read_until(self, words: bytes, within: float = 40) -> None:
        deadline = time.monotonic() + within
        while words not in self.output:
            assert time.monotonic() < deadline and self.process.poll() is None, self.output[-1500:]
            self._read()

    def end(self, within: float = 40) -> int:
        deadline = time.monotonic() + within
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read()
        self._read()
        return self.process.wait(1)

    def _read(self) -> None:
        if select.select([self.master], [], [], 0.2)[0]:
            self.output += os.read(self.master, 65536)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def crashing(tmp_path):
    opened: list[Crashing] = []

    def make(policy: str) -> Crashing:
        opened.append(Crashing(tmp_path, policy))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.mark.pty
@pytest.mark.wide
def test_a_crashed_screen_stops_the_trader_in_order_by_default(crashing, tmp_path: Path) -> None:
    t = crashing("stop")
    assert t.end() == 1  # in order, but not clean
    assert b"The console failed: KeyError" in t.output and b"SECRET" not in t.output
    assert b"own orders resting 0" in t.output
    assert status(tmp_path, code=4)["snapshot"]["exit"]["detail"] == "the console ended"


@pytest.mark.wide
@pytest.mark.pty
def test_a_crashed_screen_leaves_the_trader_trading_when_that_is_wished(crashing, tmp_path: Path) -> None:
    t = crashing("headless")
    t.read_until(b"trading goes on without a screen")
    before = status(tmp_path)["snapshot"]["version"]
    time.sleep(2.5)
    picture = status(tmp_path)["snapshot"]
    assert picture["version"] > before and picture["exit"] is None and picture["state"]["state"] != "SHUTDOWN"
    t.process.send_signal(signal.SIGINT)
    assert t.end() == 0
    assert b"own orders resting 0" in t.output and b"SECRET" not in t.output
