"""What went over the lines, read the naive way: HTTP requests with their replies, WebSocket frames, in plain values.

A reader of its own, so that a mistake in the trader's codec or the exchange's is not repeated here. It never raises on
what it is given: a message that cannot be read is told as one without contents.
"""

from __future__ import annotations

import json
import re
from collections import deque
from typing import Any

HEAD_END = b"\r\n\r\n"
# Summaries of markets are most of a stream; nothing is judged by them and they carry no sequence.
UNNUMBERED = b'{"type":"ticker"'
TEXT, BINARY, CLOSE, PING, PONG, CONTINUED = 1, 2, 8, 9, 10, 0
_decode = json.JSONDecoder().decode
# Changes of books are most of the rest. Written as the exchange writes them they are read here; else as any other text.
_DIGITS = rb"(0|[1-9][0-9]{0,11})"
_CHANGE = re.compile(
    rb'{"type":"orderbook_delta","sid":'
    + _DIGITS
    + rb',"seq":'
    + _DIGITS
    + rb',"sending_ts_ms":[1-9][0-9]{0,15},"msg":'
    rb'{"market_ticker":"([A-Z0-9.-]+)","market_id":"[0-9a-f-]+","clock":[0-9]{1,15},'
    rb'"price_dollars":"([01])[.]([0-9]{4})","delta_fp":"(-?)' + _DIGITS + rb'[.]([0-9]{2})","side":"(yes|no)",'
    rb'"ts":"[0-9TZ:.-]+","ts_ms":[1-9][0-9]{0,15}(?:,"client_order_id":"[a-zA-Z0-9-]+")?(?:,"subaccount":0)?}}'
)


def parsed(data: bytes) -> Any:
    """JSON as plain values, None for anything else."""
    try:
        return _decode(data.decode())
    except (ValueError, RecursionError):
        return None


class Change:
    """One change of a book as the stream told it: the price on the side it names, in ten-thousandths of a dollar."""

    __slots__ = ("count", "no", "price", "seq", "sid", "ticker")

    def __init__(self, found: re.Match[bytes]) -> None:
        sid, seq, ticker, dollars, part, sign, whole, hundredths, side = found.groups()
        self.sid, self.seq, self.ticker = int(sid), int(seq), ticker.decode()
        self.price = int(dollars + part)
        count = int(whole + hundredths)
        self.count = -count if sign else count
        self.no = side == b"no"


def told(text: bytes) -> Any:
    """A text of the stream: a change of a book, or plain values."""
    found = _CHANGE.fullmatch(text)
    return parsed(text) if found is None else Change(found)


class Request:
    """One request, and its reply once that has come."""

    __slots__ = ("at_ns", "body", "headers", "method", "path", "query", "replied_ns", "reply", "status")

    def __init__(self, head: bytes, body: bytes, at_ns: int) -> None:
        first, headers = _head(head)
        words = (first + "  ").split(" ")
        self.method = words[0]
        self.path, _, self.query = words[1].partition("?")
        self.headers = headers
        self.body = parsed(body) if body else None
        self.at_ns = at_ns
        self.status = 0
        self.reply: Any = None
        self.replied_ns = 0


class Line:
    """One connection of the trader's. `sent` and `received` give what became whole by these bytes."""

    def __init__(self, number: int, opened_ns: int) -> None:
        self.number = number
        self.opened_ns = opened_ns
        self.heard_ns = opened_ns
        self.stream = False
        self._out = bytearray()
        self._in = bytearray()
        self._waiting: deque[Request] = deque()
        self._text = b""
        self._blind = False

    def commands(self, data: bytes) -> list[Any]:
        """What the trader says on its stream: the texts that are whole now."""
        self._out += data
        found = []
        while len(self._out) >= 2:
            kind, size, start = self._out[0] & 0x0F, self._out[1] & 0x7F, 2
            if size > 125:
                start = 4 if size == 126 else 10
                size = int.from_bytes(self._out[2:start], "big")
            if len(self._out) < start + 4 + size:
                break
            mask, masked = self._out[start : start + 4], self._out[start + 4 : start + 4 + size]
            del self._out[: start + 4 + size]
            if kind == TEXT:
                found.append(parsed(bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked))))
        return found

    def sent(self, data: bytes, at_ns: int) -> list[Request]:
        """The requests that are complete now."""
        self._out += data
        found = []
        while (end := self._out.find(HEAD_END)) >= 0:
            head = bytes(self._out[:end])
            size = _length(head) or 0
            if len(self._out) < end + 4 + size:
                break
            request = Request(head, bytes(self._out[end + 4 : end + 4 + size]), at_ns)
            del self._out[: end + 4 + size]
            if not self._blind:
                self._waiting.append(request)
            found.append(request)
        return found

    def received(self, data: bytes, at_ns: int) -> tuple[list[Request], list[Any]]:
        """(requests whose reply is whole now, texts of the stream)."""
        self.heard_ns = at_ns
        if self._blind:
            return [], []
        self._in += data
        replied = [] if self.stream else self._replies(at_ns)
        return replied, self._frames() if self.stream else []

    def unanswered(self) -> tuple[Request, ...]:
        return tuple(self._waiting)

    # ---- HTTP ------------------------------------------------------------------------------------------------------

    def _replies(self, at_ns: int) -> list[Request]:
        found = []
        while self._waiting and (end := self._in.find(HEAD_END)) >= 0:
            head = bytes(self._in[:end])
            status = int(head[9:12]) if head[9:12].isdigit() else 0
            if status == 100:
                del self._in[: end + 4]
                continue
            size = _length(head)
            if status == 101:
                size = 0
            if size is None:
                # Without a length: what follows on this line cannot be told apart any more.
                self._blind, size = True, 0
            if len(self._in) < end + 4 + size:
                break
            request = self._waiting.popleft()
            request.status, request.replied_ns = status, at_ns
            request.reply = parsed(bytes(self._in[end + 4 : end + 4 + size])) if size else None
            del self._in[: end + 4 + size]
            found.append(request)
            if status == 101:
                self.stream = True
                break
        return found

    # ---- WebSocket -------------------------------------------------------------------------------------------------

    def _frames(self) -> list[Any]:
        found: list[Any] = []
        data, at = bytes(self._in), 0
        whole = len(data)
        while whole - at >= 2:
            kind, last, size, start = data[at] & 0x0F, data[at] & 0x80, data[at + 1] & 0x7F, at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if whole < start + size:
                break
            at = start + size
            if kind in (TEXT, CONTINUED):
                self._text += data[start:at]
                if last:
                    if not self._text.startswith(UNNUMBERED):
                        found.append(told(self._text))
                    self._text = b""
            elif kind == BINARY:
                found.append(None)
        del self._in[:at]
        return found


def _head(head: bytes) -> tuple[str, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return lines[0], headers


def _length(head: bytes) -> int | None:
    """The body's length a head names; None where it names none and yet there may be a body."""
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    if at < 0:
        return None if lower.startswith(b"http/") and b"transfer-encoding" in lower else 0
    word = lower[at + 17 :].partition(b"\r\n")[0].strip()
    return int(word) if word.isdigit() else None
