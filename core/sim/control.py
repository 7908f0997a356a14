"""The control port: how a person or a test rules a running exchange. A port of its own, one JSON object a line.

Every line carries the token; a line without it, or one that is no JSON object, ends the connection. Loopback only, and
nothing here can be reached through the port the clients use.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import math
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from core.sim.accounts import Account
from core.sim.errors import Refused
from core.sim.faults import FAULTS, FaultError, Faults
from core.sim.lifecycle import IllegalStep
from core.sim.pace import Pace
from core.sim.scenarios import ACTS, Happening
from core.sim.stream_limits import StreamLimits
from core.sim.text import NS, money_text
from core.sim.venue import Venue

LINE_LIMIT = 64 * 1024
LONGEST_STEP_S = 31 * 86_400

STREAM_LIMITS = ("markets", "commands", "connections")
_WORDS = ("do", "token")


class Ruled(Protocol):
    """What can be ruled of an exchange."""

    venue: Venue
    faults: Faults
    pace: Pace
    account: Account
    limits: StreamLimits

    def play(self, happening: Happening) -> None: ...

    def catch_up(self) -> None: ...


class Control:
    """Commands: help, status, faults, arm, disarm, speed, step, act, check, limits."""

    def __init__(self, ruled: Ruled, token: str) -> None:
        self._ruled = ruled
        self._token = token.encode()
        self._server: asyncio.Server | None = None
        self._commands: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "help": self._help,
            "status": self._status,
            "faults": lambda _words: {"armed": ruled.faults.armed, "counts": dict(ruled.faults.counts)},
            "arm": self._arm,
            "disarm": self._disarm,
            "speed": self._speed,
            "step": self._step,
            "act": self._act,
            "check": self._check,
            "limits": self._limits,
        }

    async def start(self, host: str) -> str:
        """Listen on a port the system chooses and say where."""
        self._server = await asyncio.start_server(self._serve, host, 0, limit=LINE_LIMIT)
        found = self._server.sockets[0].getsockname()
        return f"[{found[0]}]:{found[1]}" if ":" in found[0] else f"{found[0]}:{found[1]}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError):
            while line := await reader.readline():
                answer = self.answer(line)
                if answer is None:
                    break
                writer.write(msgspec.json.encode(answer) + b"\n")
                await writer.drain()
        writer.close()

    def answer(self, line: bytes) -> dict[str, Any] | None:
        """What one line is answered with; None for a line that has no right to an answer."""
        try:
            words = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        token = words.get("token") if isinstance(words, dict) else None
        if not isinstance(token, str) or not hmac.compare_digest(token.encode(), self._token):
            return None
        act = self._commands.get(str(words.get("do")))
        if act is None:
            return {"ok": False, "error": f"unknown command; one of {', '.join(self._commands)}"}
        try:
            return {"ok": True, **act(words)}
        except (FaultError, IllegalStep, ValueError, ArithmeticError, TypeError, AssertionError) as error:
            return {"ok": False, "error": str(error)}
        except Refused as refused:
            return {"ok": False, "error": refused.body}

    def _help(self, words: dict[str, Any]) -> dict[str, Any]:
        rows = {
            name: {"place": kind.place, "ids": kind.ids.split(), "about": kind.about, "params": kind.params}
            for name, kind in FAULTS.items()
        }
        return {"commands": list(self._commands), "faults": rows, "acts": list(ACTS)}

    def _status(self, words: dict[str, Any]) -> dict[str, Any]:
        venue = self._ruled.venue
        return {
            "now_ns": self._ruled.pace.now_ns(),
            "speed": self._ruled.pace.speed,
            "markets": len(venue.markets),
            "exchange_active": venue.exchange_active,
            "trading_active": venue.trading_active,
            "clock": venue.clock,
        }

    def _arm(self, words: dict[str, Any]) -> dict[str, Any]:
        params = words.get("params", {})
        if not isinstance(params, dict):
            raise FaultError("params", "params is an object")
        self._ruled.faults.arm(words.get("fault", ""), **params)
        return {"armed": self._ruled.faults.armed}

    def _disarm(self, words: dict[str, Any]) -> dict[str, Any]:
        self._ruled.faults.disarm(words.get("fault"))
        return {"armed": self._ruled.faults.armed, "counts": dict(self._ruled.faults.counts)}

    def _speed(self, words: dict[str, Any]) -> dict[str, Any]:
        speed = float(words.get("speed", 1))
        if not math.isfinite(speed):
            raise ValueError(f"a speed is a number, not {speed}")
        self._ruled.pace.set_speed(speed)
        return {"speed": self._ruled.pace.speed}

    def _step(self, words: dict[str, Any]) -> dict[str, Any]:
        seconds = float(words.get("seconds", 0))
        if not 0 <= seconds <= LONGEST_STEP_S:
            raise ValueError(f"a step is 0 to {LONGEST_STEP_S} seconds, not {seconds}")
        self._ruled.pace.step(round(seconds * NS))
        self._ruled.catch_up()
        return {"now_ns": self._ruled.pace.now_ns()}

    def _act(self, words: dict[str, Any]) -> dict[str, Any]:
        if words.get("act") not in ACTS:
            raise ValueError(f"unknown act; one of {', '.join(ACTS)}")
        more = {key: value for key, value in words.items() if key not in _WORDS}
        happening = msgspec.convert({"after": 0, **more}, Happening, strict=True)
        self._ruled.play(happening)
        return {}

    def _limits(self, words: dict[str, Any]) -> dict[str, Any]:
        """What a stream connection may ask for; words that are not given stay as they are."""
        limits = self._ruled.limits
        for name in STREAM_LIMITS:
            if name in words:
                value = words[name]
                if type(value) is not int or value < 0:
                    raise ValueError(f"{name} is a number from 0 up, not {value!r}")
                setattr(limits, name, value)
        return {name: getattr(limits, name) for name in STREAM_LIMITS}

    def _check(self, words: dict[str, Any]) -> dict[str, Any]:
        found = self._ruled.venue.check_conservation()
        names = ("deposits", "balances", "reserved", "collateral", "fees")
        return {name: money_text(getattr(found, name)) for name in names}
