"""A pytest plugin: the simulated exchange as a fixture, for any project that talks to Kalshi.

`simulated_exchange` is a fresh exchange with a fresh account for each test, in a process of its own; `exchange_factory`
starts others with options of the `exchange` command (`scenario="flash"`, `seed=3`, `speed=60`, `tier="basic"` …).
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ANSWER_S = 10


class ControlRefused(Exception):
    """The exchange would not do what was asked; the text says why."""


class SimulatedExchange:
    """One exchange in a process of its own: where it is, the key to it, and a hand on its control port."""

    def __init__(self, **options: Any) -> None:
        words = []
        for name, value in options.items():
            flag = f"--{name.replace('_', '-')}"
            # True is a switch that is on, False one that is not given.
            words += [flag] * value if isinstance(value, bool) else [flag, str(value)]
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "tui", "exchange", "--control", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        line = self._process.stdout.readline()
        if not line:
            reason = self._process.stderr.read().strip()
            self.stop()
            raise ControlRefused(reason or "the exchange did not start")
        found = json.loads(line)
        self.rest_url: str = found["rest_url"]
        self.ws_url: str = found["ws_url"]
        self.key_id: str = found["key_id"]
        self.private_key_path: str = found["private_key_path"]
        self.exchange_id: str = found["exchange_id"]
        host, _, port = found["control"].rpartition(":")
        self._control = (host.strip("[]"), int(port))
        self._token = Path(found["control_token_path"]).read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def private_key_pem(self) -> str:
        return Path(self.private_key_path).read_text(encoding="utf-8")

    def command(self, do: str, **words: Any) -> dict[str, Any]:
        """One command of the control port; `ControlRefused` with the exchange's reason."""
        with socket.create_connection(self._control, timeout=ANSWER_S) as line:
            line.sendall(json.dumps({"token": self._token, "do": do, **words}).encode() + b"\n")
            with line.makefile("rb") as answers:
                found: dict[str, Any] = json.loads(answers.readline() or b'{"ok": false, "error": "no answer"}')
        if not found.pop("ok"):
            raise ControlRefused(str(found.get("error")))
        return found

    def arm(self, fault: str, **params: Any) -> None:
        """Switch a fault on."""
        self.command("arm", fault=fault, params=params)

    def disarm(self, fault: str | None = None) -> None:
        """Switch a fault off, or all of them."""
        self.command("disarm", **({"fault": fault} if fault else {}))

    def faults(self) -> dict[str, int]:
        """How often each fault has struck."""
        counts: dict[str, int] = self.command("faults")["counts"]
        return counts

    def act(self, act: str, **words: Any) -> None:
        """Let something of a scenario happen now: a halt, a jump, a settlement …"""
        self.command("act", act=act, **words)

    def step(self, seconds: float) -> None:
        """Move the exchange's time ahead."""
        self.command("step", seconds=seconds)

    def speed(self, speed: float) -> None:
        self.command("speed", speed=speed)

    def check(self) -> dict[str, str]:
        """Where all money is; `ControlRefused` if any of it was made or lost."""
        return self.command("check")

    def stop(self) -> None:
        """End the process. May be called twice."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(ANSWER_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()


@pytest.fixture
def exchange_factory() -> Iterator[Callable[..., SimulatedExchange]]:
    """Start exchanges with options; all of them end with the test."""
    started: list[SimulatedExchange] = []

    def start(**options: Any) -> SimulatedExchange:
        started.append(SimulatedExchange(**options))
        return started[-1]

    try:
        yield start
    finally:
        for exchange in started:
            exchange.stop()


@pytest.fixture
def simulated_exchange(exchange_factory: Callable[..., SimulatedExchange]) -> SimulatedExchange:
    """A fresh exchange with $1,000.00 in a fresh account."""
    return exchange_factory()
