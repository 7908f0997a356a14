"""HTTP for the REST client: the one file here that knows aiohttp. One request in, one reply or one of two failures out.

It answers the question that decides everything after a failure: did bytes leave this machine? Three lanes (orders,
cancels, reads) have their own connections, so that a full lane never blocks a cancel. Never here: redirects, proxies
of the environment, cookies, decompression, replies over 8 MiB, or a second sending of anything.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import aiohttp
from yarl import URL

from core.domain.text import clean_text
from core.exchange.budget import CallClass
from core.exchange.network import tls_context
from core.ports import Clock

BODY_LIMIT = 8 * 1024 * 1024
CONNECT_S = 4.0
TOTAL_S = {
    CallClass.ORDER: 10.0,
    CallClass.AMEND: 10.0,
    CallClass.CANCEL: 10.0,
    CallClass.READ: 15.0,
    CallClass.BALANCE: 15.0,
}
_LANES = {
    CallClass.ORDER: "order",
    CallClass.AMEND: "order",
    CallClass.CANCEL: "cancel",
    CallClass.READ: "read",
    CallClass.BALANCE: "read",
}
_LANE_CONNECTIONS = {"order": 8, "cancel": 4, "read": 8}
# Shorter than servers keep idle connections, so that few writes meet one that is just being closed.
_KEEPALIVE_S = 15.0


class NotSentError(Exception):
    """No byte of the request left. `fatal`: trying again cannot help (the server's certificate)."""

    def __init__(self, reason: str, *, fatal: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fatal = fatal


class LostError(Exception):
    """Bytes may have left and no usable reply came."""

    def __init__(self, reason: str, elapsed_ns: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.elapsed_ns = elapsed_ns


class RawReply:
    """Status, body and the moment the request began to leave."""

    __slots__ = ("body", "date", "retry_after", "started_ns", "status")

    def __init__(self, status: int, body: bytes, started_ns: int, date: str, retry_after: str) -> None:
        self.status = status
        self.body = body
        self.started_ns = started_ns
        self.date = date
        self.retry_after = retry_after


class RestTransport:
    """Connections to one origin. `unix_path` leads them through a socket path; for worlds on virtual time."""

    def __init__(self, origin: str, clock: Clock, *, unix_path: str | None = None) -> None:
        self._origin = origin
        self._clock = clock
        self._unix_path = unix_path
        self._tls = tls_context() if origin.startswith("https:") else True
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def open(self) -> None:
        """Make the lanes; no connection is made yet."""
        if not self._sessions:
            self._sessions = {lane: self._session(limit) for lane, limit in _LANE_CONNECTIONS.items()}

    async def close(self) -> None:
        """Close every connection; requests under way fail."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def _session(self, limit: int) -> aiohttp.ClientSession:
        connector: aiohttp.BaseConnector
        if self._unix_path is None:
            connector = aiohttp.TCPConnector(
                limit=limit, limit_per_host=limit, keepalive_timeout=_KEEPALIVE_S, ssl=self._tls
            )
        else:
            connector = aiohttp.UnixConnector(self._unix_path, limit=limit, keepalive_timeout=_KEEPALIVE_S)
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(self._connected)
        trace.on_connection_reuseconn.append(self._connected)
        session = aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )
        # aiohttp sends GET, PUT and DELETE a second time by itself when a kept connection turns out to be closed. A
        # cancel is a DELETE: whether it is sent again is decided elsewhere. A test holds this switch to its meaning.
        session._retry_connection = False
        return session

    async def _connected(self, _session: Any, context: SimpleNamespace, _params: Any) -> None:
        # From here on bytes may leave at any moment.
        context.trace_request_ctx.started_ns = self._clock.monotonic_ns()

    async def request(
        self, call: CallClass, method: str, path: str, query: str, headers: dict[str, str], body: bytes | None
    ) -> RawReply:
        """Send once. Raises NotSentError or LostError; a cancellation passes through."""
        session = self._sessions.get(_LANES[call])
        if session is None:
            raise NotSentError("client is closed")
        sent = SimpleNamespace(started_ns=None)
        url = URL(f"{self._origin}{path}{'?' + query if query else ''}", encoded=True)
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        try:
            async with session.request(
                method,
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=TOTAL_S[call], connect=CONNECT_S),
                trace_request_ctx=sent,
            ) as response:
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise LostError("compressed reply", self._since(sent))
                content = await self._body(response, sent)
                date, wait = (response.headers.get(name, "")[:64] for name in ("Date", "Retry-After"))
                return RawReply(response.status, content, self._started(sent), date, wait)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self._failure(error, sent) from None

    async def _body(self, response: aiohttp.ClientResponse, sent: SimpleNamespace) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > BODY_LIMIT:
                response.close()
                raise LostError("reply over 8 MiB", self._since(sent))
            parts.append(part)
        return b"".join(parts)

    def _started(self, sent: SimpleNamespace) -> int:
        return int(sent.started_ns if sent.started_ns is not None else self._clock.monotonic_ns())

    def _since(self, sent: SimpleNamespace) -> int:
        return self._clock.monotonic_ns() - self._started(sent)

    def _failure(self, error: Exception, sent: SimpleNamespace) -> NotSentError | LostError:
        if isinstance(error, aiohttp.ClientSSLError | aiohttp.ClientConnectorCertificateError):
            return NotSentError("TLS refused: the server's certificate is not trusted", fatal=True)
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return NotSentError("host name not resolved")
        if isinstance(error, aiohttp.ClientConnectorError):
            return NotSentError(f"connect failed: {clean_text(error.strerror or type(error).__name__, 60)}")
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return NotSentError("no connection in time")
        timed_out = isinstance(error, TimeoutError)
        reason = "timed out" if timed_out else f"connection broke: {type(error).__name__}"
        if sent.started_ns is None:
            return NotSentError(reason)
        return LostError(reason, self._since(sent))
