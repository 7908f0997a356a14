"""The console on a real pseudo-terminal: stalls, hang-up, crash, clipboard, and what bytes go out."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pyte
import pytest

pytestmark = pytest.mark.pty

DEMO = Path(__file__).with_name("console_demo.py")


class Terminal:
    """A pseudo-terminal with the demo in it; a thread reads unless `reading` is cleared."""

    def __init__(
        self, folder: Path, *arguments: str, size: tuple[int, int] = (120, 40), env: dict[str, str] | None = None
    ):
        self.beat = folder / "beat.json"
        self.output = bytearray()
        self.reading = threading.Event()
        self.reading.set()
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        environment = {k: v for k, v in os.environ.items() if k not in ("TMUX", "NO_COLOR") and "TEXTUAL" not in k}
        environment |= {"TERM": "xterm-256color", "LC_ALL": "C.utf8", "COLORTERM": "truecolor", **(env or {})}
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [sys.executable, str(DEMO), "--beat", str(self.beat), "--folder", str(folder), *arguments],
            stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        self.slave = slave
        self._closed = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._closed:
            if not self.reading.is_set():
                time.sleep(0.02)
                continue
            with contextlib.suppress(OSError, ValueError):
                if select.select([self.master], [], [], 0.05)[0]:
                    data = os.read(self.master, 65536)
                    self.output += data
                    if b"\x1b[?2026$p" in data:
                        os.write(self.master, b"\x1b[?2026;2$y")

    def wait_ready(self) -> None:
        deadline = time.monotonic() + 20
        while not self.beat.with_suffix(".ready").exists():
            assert time.monotonic() < deadline, bytes(self.output[-2000:])
            assert self.process.poll() is None, bytes(self.output[-2000:])
            time.sleep(0.05)

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def end(self, seconds: float = 15) -> int:
        return self.process.wait(seconds)

    def record(self) -> dict[str, object]:
        return json.loads(self.beat.read_text())

    def hang_up(self) -> None:
        self._closed = True
        self._thread.join(1)
        os.close(self.slave)
        os.close(self.master)

    def screen(self, size: tuple[int, int] = (120, 40)) -> str:
        shown = pyte.Screen(*size)
        text = re.sub(r"\x1b\[[<>=?][0-9;]*[a-zA-Z$]+[a-z]?", "", self.output.decode("utf-8", "replace"))
        pyte.Stream(shown).feed(text)
        return "\n".join(shown.display)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        self._closed = True
        for handle in (self.slave, self.master):
            with contextlib.suppress(OSError):
                os.close(handle)


@pytest.fixture
def terminal(tmp_path):
    opened: list[Terminal] = []

    def start(*arguments: str, **options) -> Terminal:
        opened.append(Terminal(tmp_path, *arguments, **options))
        return opened[-1]

    yield start
    for item in opened:
        item.close()


def test_a_whole_session_leaves_the_terminal_as_it_was(terminal):
    t = terminal()
    t.wait_ready()
    time.sleep(1)
    screen = t.screen()
    assert "PAPER" in screen and "READY" in screen and "KXHIGHNY" in screen
    t.press(b"q")
    time.sleep(0.5)
    t.press(b"\r")
    assert t.end() == 0
    assert termios.tcgetattr(t.slave)[3] == t.before[3]
    time.sleep(0.2)
    tail = bytes(t.output)
    for undone in (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l"):
        assert undone in tail
    assert t.record()["sent"] == ["Stop"] and t.record()["code"] in (None, 0)


@pytest.mark.wide
def test_a_terminal_that_stops_reading_does_not_stop_the_trader(terminal):
    t = terminal("--hz", "20")
    t.wait_ready()
    time.sleep(0.5)
    t.reading.clear()
    time.sleep(8)
    t.reading.set()
    time.sleep(2.5)
    assert "READY" in t.screen() and "KXHIGHNY" in t.screen()
    t.press(b"\x03")
    time.sleep(0.3)
    t.press(b"\x03")
    assert t.end() == 0
    assert t.record()["worst"] < 0.5, t.record()


@pytest.mark.wide
def test_a_terminal_that_does_not_tell_its_size_gets_one_screen_and_not_endless_ones(terminal):
    t = terminal("--hz", "1", size=(0, 0))
    t.wait_ready()
    time.sleep(2)
    assert len(t.output) < 200_000, len(t.output)
    assert "READY" in t.screen((80, 24))
    t.press(b"\x03\x03")
    assert t.end() == 0


@pytest.mark.wide
def test_a_stop_during_a_stall_ends_the_process(terminal):
    t = terminal("--hz", "20")
    t.wait_ready()
    t.reading.clear()
    time.sleep(4)
    t.press(b"\x03\x03")
    assert t.end(20) == 0
    assert t.record()["sent"] == ["Stop"]


def test_a_vanished_terminal_asks_for_an_orderly_stop(terminal):
    t = terminal()
    t.wait_ready()
    t.hang_up()
    assert t.end() == 0
    record = t.record()
    assert record["sent"] == ["Stop"] and record["worst"] < 0.5 and record["cpu"] < 0.9, record


def test_a_crash_of_the_screen_names_the_place_but_no_values(terminal):
    t = terminal("--crash")
    assert t.end() == 1
    time.sleep(0.3)
    output = t.output.decode("utf-8", "replace")
    assert "The console failed: KeyError" in output and "console_demo.py" in output
    assert "SECRET" not in output and "api_key" not in output
    assert "\x1b[?1049l" in output


def test_the_status_goes_out_by_osc_52_and_into_a_file(terminal, tmp_path):
    t = terminal()
    t.wait_ready()
    t.press(b"y")
    time.sleep(1.5)
    assert b"\x1b]52;c;" in t.output
    assert len(list(tmp_path.glob("status-*.txt"))) == 1
    t.press(b"\x03\x03")
    assert t.end() == 0


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_inside_tmux_the_status_goes_through_tmux(tmp_path):
    def tmux(*arguments: str) -> str:
        command = ["tmux", "-S", str(tmp_path / "socket"), "-f", "/dev/null", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout

    beat = tmp_path / "beat.json"
    run = f"LC_ALL=C.utf8 {sys.executable} {DEMO} --beat {beat} --folder {tmp_path}"
    tmux("new-session", "-d", "-x", "120", "-y", "40", run)
    try:
        deadline = time.monotonic() + 20
        while not beat.with_suffix(".ready").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        tmux("send-keys", "y")
        while "TRADER STATUS" not in tmux("show-buffer") and time.monotonic() < deadline:
            time.sleep(0.1)
        assert "TRADER STATUS" in tmux("show-buffer")
        assert "sent by tmux" in tmux("capture-pane", "-p")
    finally:
        tmux("kill-server")


@pytest.mark.wide
def test_sequences_on_the_wire_are_only_ours(terminal):
    t = terminal("--hostile")
    t.wait_ready()
    for key in (b"L", b"\x1b", b"b", b"\x1b", b"3", b"?"):
        t.press(key)
        time.sleep(0.3)
    t.press(b"\x03\x03")
    assert t.end() == 0
    output = t.output.decode("utf-8", "replace")
    output = output.replace("\x1b]22;default\x07", "")  # the console's own pointer shape
    assert "\x1b]0;" not in output and "\x07" not in output and "\x9b" not in output and "\u202e" not in output


@pytest.mark.wide
def test_resizing_the_window_never_ends_the_program(terminal):
    t = terminal()
    t.wait_ready()
    for rows, columns in ((10, 40), (5, 20), (1, 2), (24, 80), (60, 200)):
        fcntl.ioctl(t.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.killpg(t.process.pid, signal.SIGWINCH)
        time.sleep(0.4)
        assert t.process.poll() is None
    t.press(b"\x03\x03")
    assert t.end() == 0
