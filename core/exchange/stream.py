"""The stream's keeper: one connection after the other, forever, each with its own epoch and session.

A connection is given up when the exchange is silent, a required subscription is not confirmed, or the session says it
cannot be mended. Reconnects back off with full jitter, and only a connection that lasted takes the back-off back.
`emit` is called in the order of arrival, in the loop, once a fact; facts are never dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from random import Random
from typing import Any, TypeVar

import msgspec

from core.domain.events import Event, StreamConnected, StreamLost
from core.domain.ids import Ticker
from core.exchange.network import Endpoints
from core.exchange.session import StreamSession
from core.exchange.signing import Signer
from core.exchange.stream_transport import StreamDown, StreamTransport
from core.ports import Clock

NS = 1_000_000_000
SILENCE_NS = 15 * NS
PING_AFTER_NS = 6 * NS
CONFIRM_NS = 10 * NS
BOOK_WAIT_NS = 5 * NS
STABLE_NS = 10 * NS
WATCH_EVERY_S = 1.0
BACKOFF_BASE_S = 0.25
BACKOFF_CAP_S = 30.0
# A refused key does not heal by itself in seconds.
BACKOFF_AUTH_S = 5.0


_T = TypeVar("_T")


class StreamStats(msgspec.Struct, frozen=True, kw_only=True):
    """The stream as it stands. `silent_ms`: since anything arrived, None without a connection."""

    epoch: int
    connected: bool
    connects: int
    frames: int
    frames_old: int
    books_waiting: int
    silent_ms: int | None
    last_reason: str


class WebSocketManager:
    """Keeps the stream alive. `run` is a task of its own; the other methods return at once and never raise."""

    def __init__(
        self,
        endpoints: Endpoints,
        signer: Signer,
        clock: Clock,
        rng: Random,
        emit: Callable[[Event], None],
        *,
        unix_path: str | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._signer = signer
        self._clock = clock
        self._rng = rng
        self._emit = emit
        self._unix_path = unix_path
        self._tickers: tuple[Ticker, ...] = ()
        self._session: StreamSession | None = None
        self._link: StreamTransport | None = None
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._reconnect_reason: str | None = None
        self._epoch = 0
        self._connects = 0
        self._failures = 0
        self._frames = 0
        self._heard_ns = 0
        self._last_reason = ""

    # ---- wishes --------------------------------------------------------------------------------------------------

    def watch(self, tickers: Iterable[Ticker]) -> None:
        """Carry books, prints and summaries of exactly these markets, now and on every later connection."""
        self._tickers = tuple(sorted(set(tickers)))
        if self._session is not None:
            self._session.watch(self._tickers)
            self._wake.set()

    def refresh(self, tickers: Iterable[Ticker], reason: str, reconnect: bool = False, check: bool = False) -> None:
        """Ask for whole books again, or for a whole new connection. Changes are held back until the books came, but
        for a `check`.
        """
        if self._session is None:
            return
        if reconnect:
            self._reconnect_reason = reason
        elif check:
            self._session.check(tickers)
        else:
            self._session.refresh(tickers)
        self._wake.set()

    async def close(self) -> None:
        """End `run`; it says goodbye to the exchange first."""
        self._closing.set()
        self._wake.set()

    def stats(self) -> StreamStats:
        """Figures for the status panel."""
        session, connected = self._session, self._link is not None
        return StreamStats(
            epoch=self._epoch,
            connected=connected,
            connects=self._connects,
            frames=self._frames,
            frames_old=session.frames_old if session else 0,
            books_waiting=len(session.books.waiting) if session else 0,
            silent_ms=(self._clock.monotonic_ns() - self._heard_ns) // 1_000_000 if connected else None,
            last_reason=self._last_reason,
        )

    # ---- the task ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, carry, connect again, until `close`."""
        while not self._closing.is_set():
            self._epoch += 1
            pause_s = 0.0
            try:
                reason, auth = await self._one_connection(self._epoch), False
            except StreamDown as down:
                reason, auth = down.reason, down.auth
            if not self._closing.is_set():
                pause_s = self._next_pause_s(auth)
            self._last_reason = reason
            self._emit(StreamLost(epoch=self._epoch, reason=reason, retry_ms=int(pause_s * 1_000)))
            await self._pause(pause_s)

    def _next_pause_s(self, auth: bool) -> float:
        self._failures += 1
        ceiling = min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0 ** min(self._failures, 12))
        return self._rng.random() * max(ceiling, BACKOFF_AUTH_S if auth else 0.0)

    async def _pause(self, seconds: float) -> None:
        if self._closing.is_set() or seconds <= 0:
            await asyncio.sleep(0)
            return
        await self._first_of(self._clock.sleep(seconds), self._until_closing())

    async def _until_closing(self) -> None:
        await self._closing.wait()

    async def _one_connection(self, epoch: int) -> str:
        """Why it ended; raises StreamDown where it ended by the line."""
        link = await self._connect()
        if link is None:
            return "closing"
        opened_ns = self._clock.monotonic_ns()
        session = StreamSession(epoch)
        session.watch(self._tickers)
        session.open()
        self._link, self._session, self._heard_ns = link, session, opened_ns
        self._reconnect_reason = None
        self._connects += 1
        self._wake.set()
        self._emit(StreamConnected(epoch=epoch))
        try:
            return await self._first_of(
                self._read(link, session), self._write(link, session), self._watch_over(link, session, opened_ns)
            )
        finally:
            self._link = self._session = None
            if self._clock.monotonic_ns() - opened_ns >= STABLE_NS:
                self._failures = 0
            if self._closing.is_set():
                await link.close()
            link.abort()

    async def _connect(self) -> StreamTransport | None:
        headers = self._signer.headers("GET", self._endpoints.ws_path, self._clock.wall_ns() // 1_000_000)
        opening = asyncio.ensure_future(
            StreamTransport.connect(self._endpoints.ws_url, headers, unix_path=self._unix_path)
        )
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait({opening, closing}, return_when=asyncio.FIRST_COMPLETED)
            return await opening if opening.done() else None
        finally:
            for task in (opening, closing):
                task.cancel()
            await asyncio.gather(opening, closing, return_exceptions=True)

    async def _read(self, link: StreamTransport, session: StreamSession) -> str:
        while True:
            for message in await link.receive():
                self._frames += 1
                for event in session.receive(message):
                    self._emit(event)
                if session.wants_reconnect is not None:
                    return session.wants_reconnect
            if session.has_commands:
                self._wake.set()

    async def _write(self, link: StreamTransport, session: StreamSession) -> str:
        """The only sender of commands."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._closing.is_set():
                return "closing"
            if self._reconnect_reason is not None:
                return self._reconnect_reason
            for command in session.take_commands():
                await link.send(command)

    async def _watch_over(self, link: StreamTransport, session: StreamSession, opened_ns: int) -> str:
        """Ends the connection when the exchange is silent or does not confirm what we need."""
        arrivals, asked_ns, confirmed_ns = link.arrivals, opened_ns, opened_ns
        pinged = False
        now_ns = self._clock.monotonic_ns()
        while True:
            before_ns = now_ns
            await self._clock.sleep(WATCH_EVERY_S)
            now_ns = self._clock.monotonic_ns()
            if now_ns - before_ns >= SILENCE_NS:
                # What arrived before says nothing of the line now: all of it is older than we may trade on.
                return f"this machine stood still for {(now_ns - before_ns) // NS} s"
            if link.arrivals != arrivals:
                arrivals, self._heard_ns, pinged = link.arrivals, now_ns, False
            silent_ns = now_ns - self._heard_ns
            if silent_ns >= SILENCE_NS:
                return f"silent for {silent_ns // NS} s"
            if silent_ns >= PING_AFTER_NS and not pinged:
                # "Client pings are answered": a quiet exchange answers, a dead line does not.
                pinged = True
                await link.ping()
            missing = session.unconfirmed()
            if not missing:
                confirmed_ns = now_ns
            elif now_ns - confirmed_ns >= CONFIRM_NS:
                return f"not confirmed: {', '.join(missing)}"
            if not session.books.waiting:
                asked_ns = now_ns
            elif now_ns - asked_ns >= BOOK_WAIT_NS:
                asked_ns = now_ns
                session.ask_again()
                self._wake.set()

    async def _first_of(self, *coroutines: Coroutine[Any, Any, _T]) -> _T:
        """The result of the first to end; the others are cancelled and have ended when this returns."""
        tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        first = next(task for task in tasks if task in done)
        return first.result()
