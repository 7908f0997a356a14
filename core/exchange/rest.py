"""Signed REST calls: token budget, signing, retries of reads, and what is known after a write.

A write is sent at most once by one call of `write`; whatever may follow is the engine's decision. Its outcome is one of
three: the exchange answered, nothing left this machine, or nobody knows. Reads are repeated with full jitter within
bounded tries and time, out of one retry budget that all reads share.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from random import Random
from typing import TypeAlias

from core.exchange.budget import NS, Bucket, CallClass, TokenBudget
from core.exchange.latency import ClientStats, Latencies
from core.exchange.network import Endpoints
from core.exchange.rest_transport import LostError, NotSentError, RawReply, RestTransport
from core.exchange.signing import Signer
from core.exchange.wire import error_body
from core.ports import Clock

READ_TRIES = 4
READ_TOTAL_NS = 20 * NS
BACKOFF_BASE_S = 0.25
BACKOFF_CAP_S = 4.0
# All reads together: a burst of ten retries, then one a second, so that an outage never turns into a storm.
RETRY_RATE = 1
RETRY_BURST = 10
BUDGET_WAIT_NS = {
    CallClass.ORDER: 1 * NS,
    CallClass.AMEND: 1 * NS,
    CallClass.CANCEL: 10 * NS,
    CallClass.READ: 15 * NS,
    CallClass.BALANCE: 15 * NS,
}
# A proxy may answer for an exchange that never saw the request, or that did.
_AMBIGUOUS = frozenset({408, 425})
_EXPIRED = "header_timestamp_expired"
LONGEST_HOLD_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The exchange answered; for a write any status below 500 but 408, and no redirect."""

    status: int
    body: bytes
    started_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """No byte left this machine."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Bytes left and no usable answer came: it may have been done. `status` 0: no reply."""

    reason: str
    status: int
    elapsed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFailure:
    """A read gave nothing after its tries. `status` 0: no reply. `fatal`: asking again cannot help."""

    status: int
    reason: str
    fatal: bool


WriteOutcome: TypeAlias = Answer | NotSent | Unknown
ReadOutcome: TypeAlias = Answer | ReadFailure


def _seconds(word: str) -> int:
    """A `Retry-After` in whole seconds, at most `LONGEST_HOLD_S`; whatever else stands there counts for nothing."""
    return min(int(word), LONGEST_HOLD_S) if word.isascii() and word.isdigit() else 0


class ApiClient:
    """One account's REST calls. Raises nothing but CancelledError; a cancelled write has an unknown outcome."""

    def __init__(
        self, endpoints: Endpoints, signer: Signer, clock: Clock, rng: Random, *, unix_path: str | None = None
    ) -> None:
        self._prefix = endpoints.api_prefix
        self._signer = signer
        self._clock = clock
        self._rng = rng
        self._transport = RestTransport(endpoints.rest_origin, clock, unix_path=unix_path)
        self.budget = TokenBudget(clock.monotonic_ns())
        self._retry_budget = Bucket(RETRY_RATE, RETRY_BURST, clock.monotonic_ns())
        self._turns: dict[CallClass, asyncio.Lock] = {call: asyncio.Lock() for call in CallClass}
        self._latencies = Latencies()
        self._refused_bodies = 0
        self._limited = 0
        self._retries = 0
        self._unknown_outcomes = 0
        self._not_sent = 0
        self._last_error = ""
        self._skew_ms: int | None = None

    async def open(self) -> None:
        await self._transport.open()

    async def close(self) -> None:
        await self._transport.close()

    def stats(self) -> ClientStats:
        """Figures for the status panel."""
        now_ns = self._clock.monotonic_ns()
        return ClientStats(
            latency=self._latencies.shown(),
            read_tokens=self.budget.read.tokens(now_ns),
            write_tokens=self.budget.write.tokens(now_ns),
            refused_bodies=self._refused_bodies,
            limited=self._limited,
            retries=self._retries,
            unknown_outcomes=self._unknown_outcomes,
            not_sent=self._not_sent,
            last_error=self._last_error,
            skew_ms=self._skew_ms,
        )

    def refusal(self, status: int, body: bytes) -> tuple[str, str]:
        """(code, detail) of an error reply; a signature out of time is told with how far the clocks are apart."""
        code, detail = error_body(status, body)
        if code == _EXPIRED and self._skew_ms is not None:
            detail = f"{detail} the exchange's clock is {self._skew_ms:+d} ms from ours".strip()
        return code, detail

    def body_refused(self, reason: str) -> None:
        """Count a reply that was no value."""
        self._refused_bodies += 1
        self._last_error = reason

    # ---- writes --------------------------------------------------------------------------------------------------

    async def write(
        self, call: CallClass, method: str, path: str, *, cost: int, query: str = "", body: bytes | None = None
    ) -> WriteOutcome:
        """Send one write once and tell what is known of it."""
        if self._signer.reading_only:
            return self._unsent("this session only watches")
        if not await self._token(call, cost, self._clock.monotonic_ns() + BUDGET_WAIT_NS[call]):
            return self._unsent("token budget exhausted")
        try:
            reply = await self._send(call, method, path, query, body)
        except NotSentError as error:
            return self._unsent(error.reason)
        except LostError as error:
            return self._unknown(error.reason, 0, error.elapsed_ns)
        if reply.status >= 500 or reply.status in _AMBIGUOUS or not 200 <= reply.status < 600:
            return self._unknown(f"HTTP {reply.status}", reply.status, self._clock.monotonic_ns() - reply.started_ns)
        if 300 <= reply.status < 400:
            # Redirects are not followed: our signature is for one host only.
            return self._unknown("redirected", reply.status, self._clock.monotonic_ns() - reply.started_ns)
        return Answer(status=reply.status, body=reply.body, started_ns=reply.started_ns)

    def _unsent(self, reason: str) -> NotSent:
        self._not_sent += 1
        self._last_error = reason
        return NotSent(reason=reason)

    def _unknown(self, reason: str, status: int, elapsed_ns: int) -> Unknown:
        self._unknown_outcomes += 1
        self._last_error = reason
        return Unknown(reason=reason, status=status, elapsed_ns=elapsed_ns)

    # ---- reads ---------------------------------------------------------------------------------------------------

    async def read(
        self,
        path: str,
        *,
        cost: int,
        query: str = "",
        call: CallClass = CallClass.READ,
        usable: Callable[[bytes], bool] | None = None,
    ) -> ReadOutcome:
        """Ask until an answer, a definite no, or the end of tries and time. `usable` may accept the body of a 5xx."""
        end_ns = self._clock.monotonic_ns() + READ_TOTAL_NS
        resigned = False
        failure = ReadFailure(status=0, reason="token budget exhausted", fatal=False)
        for attempt in range(READ_TRIES):
            if attempt and not await self._may_retry(attempt, end_ns):
                return failure
            wait_end_ns = min(end_ns, self._clock.monotonic_ns() + BUDGET_WAIT_NS[call])
            if not await self._token(call, cost, wait_end_ns):
                return failure
            try:
                reply = await self._send(call, "GET", path, query, None)
            except NotSentError as error:
                failure = self._failed(0, error.reason, fatal=error.fatal)
            except LostError as error:
                failure = self._failed(0, error.reason, fatal=False)
            else:
                if reply.status == 200 or (reply.status >= 500 and usable is not None and usable(reply.body)):
                    return Answer(status=reply.status, body=reply.body, started_ns=reply.started_ns)
                code, detail = self.refusal(reply.status, reply.body)
                fatal = reply.status in (401, 403)
                if reply.status == 401 and code == _EXPIRED and not resigned:
                    # The clock may just have stepped: sign once more with a fresh time.
                    resigned, fatal = True, False
                failure = self._failed(reply.status, f"{code} {detail}".strip(), fatal=fatal)
                if not (reply.status in (401, 403, 408, 429) or reply.status >= 500):
                    return failure
            if failure.fatal:
                return failure
        return failure

    def _failed(self, status: int, reason: str, *, fatal: bool) -> ReadFailure:
        self._last_error = reason
        return ReadFailure(status=status, reason=reason, fatal=fatal)

    async def _may_retry(self, attempt: int, end_ns: int) -> bool:
        now_ns = self._clock.monotonic_ns()
        if self._retry_budget.take(1, 0, now_ns):
            return False
        pause_s = self._rng.random() * min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0**attempt)
        if now_ns + int(pause_s * NS) >= end_ns:
            return False
        self._retries += 1
        await self._clock.sleep(pause_s)
        return True

    # ---- both ----------------------------------------------------------------------------------------------------

    async def _token(self, call: CallClass, cost: int, end_ns: int) -> bool:
        """Wait for tokens in turn; False, and nothing taken, if they will not come before `end_ns`."""
        turn = self._turns[call]
        try:
            async with asyncio.timeout((end_ns - self._clock.monotonic_ns()) / NS):
                await turn.acquire()
        except TimeoutError:
            return False
        try:
            while True:
                now_ns = self._clock.monotonic_ns()
                wait_ns = self.budget.take(call, cost, now_ns)
                if not wait_ns:
                    return True
                if now_ns + wait_ns > end_ns:
                    return False
                await self._clock.sleep(wait_ns / NS)
        finally:
            turn.release()

    async def _send(self, call: CallClass, method: str, path: str, query: str, body: bytes | None) -> RawReply:
        full_path = f"{self._prefix}{path}"
        headers = self._signer.headers(method, full_path, self._clock.wall_ns() // 1_000_000)
        reply = await self._transport.request(call, method, full_path, query, headers, body)
        now_ns = self._clock.monotonic_ns()
        self._latencies.add(call, now_ns - reply.started_ns)
        if reply.status == 429:
            self._limited += 1
            self.budget.limited(call, now_ns)
            if call in (CallClass.ORDER, CallClass.AMEND):
                self.budget.hold_orders(now_ns + _seconds(reply.retry_after) * NS)
        if reply.date:
            self._measure_skew(reply.date)
        return reply

    def _measure_skew(self, date: str) -> None:
        """The reply's date is cut to whole seconds: half of one is added, and the figure is good to about that."""
        exchange_ms = _date_ms(date)
        if exchange_ms is None:
            return
        ours_ms = self._clock.wall_ns() // 1_000_000
        self._skew_ms = max(-86_400_000, min(86_400_000, exchange_ms - ours_ms))


@lru_cache(64)
def _date_ms(date: str) -> int | None:
    """The middle of the second a Date header names; None for what is no date."""
    try:
        return int(parsedate_to_datetime(date).timestamp()) * 1_000 + 500
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
