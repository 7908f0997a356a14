"""The whole program as a process: on a pipe, on a pseudo-terminal, with its own state folder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyte

PROGRAM = [sys.executable, "-m", "tui"]
ROOT = Path(__file__).resolve().parents[2]


def environment(state: Path, **more: str) -> dict[str, str]:
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("KALSHI_TRADER_", "TMUX", "NO_COLOR", "TEXTUAL"))}
    paths = {"XDG_STATE_HOME": str(state), "XDG_CONFIG_HOME": str(state / "config"), "PYTHONPATH": str(ROOT)}
    return keep | paths | {"TERM": "xterm-256color", "LANG": "C.UTF-8"} | more


def run(state: Path, *arguments: str, timeout: float = 60, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment(state, **more),
        stdin=subprocess.DEVNULL,
        cwd=state,
    )


@contextlib.contextmanager
def start(state: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program in the background; killed at the end if it still runs."""
    with subprocess.Popen(
        [*PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(state),
        stdin=subprocess.DEVNULL,
        cwd=state,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_line(process: subprocess.Popen[str], words: str, within: float = 30) -> str:
    """The first line of standard error with these words; AssertionError with all that was said instead."""
    assert process.stderr is not None
    deadline = time.monotonic() + within
    said: list[str] = []
    while time.monotonic() < deadline:
        line = process.stderr.readline()
        if words in line:
            return line
        if not line and process.poll() is not None:
            break
        said.append(line)
    raise AssertionError(f"no line with {words!r}; exit {process.poll()}; said: {''.join(said)[-2_000:]}")


def status(state: Path, code: int = 0) -> dict[str, Any]:
    done = run(state, "status", "--json")
    assert done.returncode == code, (done.returncode, done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _set_size(handle: int, size: tuple[int, int]) -> None:
    fcntl.ioctl(handle, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))


class Terminal:
    """The console on a real pseudo-terminal, its screen read by a terminal emulator."""

    def __init__(
        self,
        state: Path,
        *arguments: str,
        size: tuple[int, int] = (80, 24),
        program: Sequence[str] = PROGRAM,
        **more: str,
    ) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        pid, handle = pty.fork()
        if pid == 0:
            _set_size(0, size)
            os.chdir(state)
            os.execve(sys.executable, [*program, *arguments], environment(state, **more))
        self.pid, self.handle = pid, handle
        self.code: int | None = None

    def resize(self, size: tuple[int, int]) -> None:
        _set_size(self.handle, size)
        self.screen.resize(size[1], size[0])

    def read(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([self.handle], [], [], left)
            if not ready:
                return
            try:
                data = os.read(self.handle, 65536)
            except OSError:
                return
            if not data:
                return
            self.raw += data
            self._stream.feed(data)

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def wait_for(self, *words: str, within: float = 30) -> str:
        """Read until all of `words` stand on the screen at once."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            self.read(0.1)
            if all(word in self.text for word in words):
                return self.text
        raise AssertionError(f"{words} did not appear; the screen:\n{self.text}")

    def press(self, keys: str) -> None:
        os.write(self.handle, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait_end(self, within: float = 40) -> int:
        """The exit code; reads on, so that the program can write."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            pid, code = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.read(0.2)
                self.code = os.waitstatus_to_exitcode(code)
                return self.code
            self.read(0.1)
        raise AssertionError(f"still running; the screen:\n{self.text}")

    def close(self) -> None:
        if self.code is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
        os.close(self.handle)
