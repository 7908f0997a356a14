"""The whole console on a pseudo-terminal: what the operator sees and what the exchange knows, key by key."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.whole.support import Terminal, run, status

pytestmark = pytest.mark.pty

# One in the quick suite, the others in the wide lane: they take the same road.
SIGNALS = [signal.SIGTERM, *(pytest.param(n, marks=pytest.mark.wide) for n in (signal.SIGHUP, signal.SIGINT))]


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path, "run", "--seed", "7", "--report", str(tmp_path / "r.json"))
    yield terminal
    terminal.close()


def report(tmp_path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((tmp_path / "r.json").read_text())
    return found


def ladder(text: str) -> list[str]:
    return re.findall(r"0\.\d\d(?:\d\d)?", "\n".join(text.splitlines()[5:20]))


@pytest.mark.smoke
def test_a_session_by_keys_at_80x24_ladder_pause_liquidate_copy_quit(console: Terminal, tmp_path: Path) -> None:
    first = console.wait_for("PAPER", "READY")
    time.sleep(0.5)
    moved = False
    for _ in range(40):
        console.read(0.5)
        moved = moved or console.text.splitlines()[5:16] != first.splitlines()[5:16]
        if moved and len(status(tmp_path)["snapshot"]["positions"]) >= 2:
            break
    assert moved, "the ladder stood still"

    console.press("p")
    console.wait_for("PAUSED")
    deadline = time.monotonic() + 10
    while status(tmp_path)["snapshot"]["orders"] and time.monotonic() < deadline:
        console.read(0.5)
    assert status(tmp_path)["snapshot"]["orders"] == []

    console.press("L")
    console.wait_for("Liquidate")
    time.sleep(0.5)
    console.press("y")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        console.read(0.5)
        held = [p for p in status(tmp_path)["snapshot"]["positions"] if p["count"]]
        if not held:
            break
    assert held == []
    console.wait_for("PAUSED")

    time.sleep(0.4)
    console.press("y")
    console.read(1.5)
    (copy,) = (tmp_path / "kalshi-trader").glob("paper-*/status-*.txt")
    assert "PAUSED (operator)" in copy.read_text()
    assert b"\x1b]52;c;" in console.raw

    console.press("q")
    console.wait_for("Stop and cancel")
    console.press("\r")
    assert console.wait_end() == 0
    ended = report(tmp_path)
    assert ended["resting_after_stop"] == 0
    assert ended["exit"] == {"reason": "quit", "code": 0}
    assert ended["drift"] == {"orders": 0, "positions": 0, "cash": "0.000000"}
    assert "own orders resting 0" in console.raw.decode(errors="replace")


@pytest.mark.wide
def test_panic_works_over_an_open_dialog(console: Terminal, tmp_path: Path) -> None:
    console.wait_for("READY")
    console.read(3)
    console.press("q")
    console.wait_for("Stop and cancel")
    console.press("\x0b")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        console.read(0.5)
        now = status(tmp_path)["snapshot"]
        if now["state"]["label"] == "PAUSED (operator)" and now["orders"] == []:
            break
    assert now["state"]["label"] == "PAUSED (operator)"
    assert now["orders"] == []


@pytest.mark.parametrize(
    "number",
    SIGNALS,
    ids=lambda n: n.name,
)
def test_signals_stop_the_console_in_order(console: Terminal, tmp_path: Path, number: signal.Signals) -> None:
    console.wait_for("READY")
    console.read(2)
    console.signal(number)
    assert console.wait_end() == 0
    ended = report(tmp_path)
    assert ended["exit"] == {"reason": "signal", "code": 0}
    assert ended["resting_after_stop"] == 0


@pytest.mark.wide
def test_ctrl_c_asks_and_a_second_one_stops_at_once(console: Terminal, tmp_path: Path) -> None:
    console.wait_for("READY")
    console.read(1)
    console.press("\x03")
    console.wait_for("Stop and cancel")
    console.press("\x03")
    assert console.wait_end() == 0
    assert report(tmp_path)["resting_after_stop"] == 0


@pytest.mark.wide
def test_a_terminal_that_vanishes_ends_the_session_in_order(console: Terminal, tmp_path: Path) -> None:
    console.wait_for("READY")
    console.read(2)
    import os

    os.close(console.handle)
    console.handle = os.open("/dev/null", os.O_RDONLY)
    deadline = time.monotonic() + 40
    pid = 0
    while not pid and time.monotonic() < deadline:
        pid, code = os.waitpid(console.pid, os.WNOHANG)
        time.sleep(0.2)
    assert pid, "the trader still runs without its terminal"
    console.code = os.waitstatus_to_exitcode(code)
    assert console.code == 0
    last = run(tmp_path, "status").stdout
    assert "exit 0" in last.splitlines()[0]


@pytest.mark.wide
def test_resizing_never_ends_the_program(console: Terminal) -> None:
    console.wait_for("READY")
    for size in ((200, 60), (40, 10), (20, 5), (1, 1), (120, 40), (80, 24)):
        console.resize(size)
        console.read(0.7)
    console.wait_for("PAPER")


def test_a_terminal_under_40x10_is_refused_at_start_in_one_line(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "run", size=(30, 8))
    try:
        assert terminal.wait_end() == 2
        assert "40x10" in terminal.raw.decode()
        assert "Traceback" not in terminal.raw.decode()
    finally:
        terminal.close()


def test_live_asks_for_the_key_id_on_the_plain_terminal_before_the_screen(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "run", "--mode", "live", "--live", "--key-id", "abc-123")
    try:
        terminal.wait_for("Type the key id")
        terminal.press("wrong\r")
        assert terminal.wait_end() == 3
        assert "nothing was started" in terminal.raw.decode()
        assert b"\x1b[?1049h" not in terminal.raw
    finally:
        terminal.close()


def test_the_first_frame_comes_before_any_network_call(tmp_path: Path) -> None:
    """Both are marks in one run: the screen is drawn before the exchange's port exists."""
    script = (
        "import asyncio, socket, sys, time\n"
        "from core.assembly import Trader\n"
        "from core.config import load\n"
        "import tui.app, tui.commands.session as session\n"
        "marks = {}\n"
        "bind = socket.socket.bind\n"
        "def noted(self, address):\n"
        "    if self.family == socket.AF_INET: marks.setdefault('bind', time.monotonic())\n"
        "    return bind(self, address)\n"
        "socket.socket.bind = noted\n"
        "ready = tui.app.TraderApp.on_main_screen_ready\n"
        "def first(self):\n"
        "    ready(self); self.call_after_refresh(lambda: marks.setdefault('frame', time.monotonic()))\n"
        "tui.app.TraderApp.on_main_screen_ready = first\n"
        "marks['start'] = time.monotonic()\n"
        "code = session.run_console(load({'seed': 7}, {}).settings, None, True, 2.0)[1]\n"
        "assert marks['frame'] < marks['bind'], marks\n"
        "print('FRAME_MS', int((marks['frame'] - marks['start']) * 1000))\n"
        "sys.exit(code)\n"
    )
    path = tmp_path / "first.py"
    path.write_text(script)
    import os
    import pty
    import sys

    from tests.whole.support import environment

    pid, handle = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, str(path)], environment(tmp_path))
    raw = b""
    while True:
        try:
            data = os.read(handle, 65536)
        except OSError:
            break
        if not data:
            break
        raw += data
    _, code = os.waitpid(pid, 0)
    os.close(handle)
    assert os.waitstatus_to_exitcode(code) == 0, raw[-2000:].decode(errors="replace")
    found = re.search(rb"FRAME_MS (\d+)", raw)
    assert found


@pytest.mark.wide
def test_tmux_receives_the_copy(tmp_path: Path) -> None:
    import shutil

    if not shutil.which("tmux"):
        pytest.skip("tmux is not installed")
    import sys

    from tests.whole.support import environment

    sock = f"kt-test-{tmp_path.name}"
    base = ["tmux", "-L", sock]
    env = environment(tmp_path)
    command = f"{sys.executable} -m tui run --seed 7"
    try:
        subprocess.run([*base, "new", "-d", "-x", "80", "-y", "24", command], env=env, cwd=tmp_path, check=True)
        deadline = time.monotonic() + 30
        shown = ""
        while "READY" not in shown and time.monotonic() < deadline:
            time.sleep(0.5)
            shown = subprocess.run([*base, "capture-pane", "-p"], capture_output=True, text=True, env=env).stdout
        assert "READY" in shown
        subprocess.run([*base, "send-keys", "y"], env=env, check=True)
        time.sleep(2)
        copied = subprocess.run([*base, "show-buffer"], capture_output=True, text=True, env=env).stdout
        assert "PAPER" in copied
        assert "kalshi-trader" in copied
    finally:
        run(tmp_path, "stop")
        subprocess.run([*base, "kill-server"], env=env, capture_output=True)


@pytest.mark.wide
@pytest.mark.parametrize("keys", ["q", "L", "x", "y", "\x0b", "1", "b"])
def test_typed_ahead_keys_never_end_the_program(tmp_path: Path, keys: str) -> None:
    terminal = Terminal(tmp_path, "run", "--seed", "7")
    try:
        for _ in range(6):
            time.sleep(0.15)
            terminal.press(keys)
        terminal.wait_for("PAPER")
        terminal.read(1.5)
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_end() == 0
    finally:
        terminal.close()


@pytest.mark.wide
def test_a_terminal_that_stops_reading_does_not_keep_a_stopped_trader_alive(console: Terminal) -> None:
    console.wait_for("READY")
    time.sleep(12)
    console.signal(signal.SIGTERM)
    import os

    deadline = time.monotonic() + 30
    pid = 0
    while not pid and time.monotonic() < deadline:
        pid, code = os.waitpid(console.pid, os.WNOHANG)
        time.sleep(0.2)
    assert pid, "still there, though nothing is left to do"
    console.code = os.waitstatus_to_exitcode(code)
    assert console.code == 0
