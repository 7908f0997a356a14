"""The auditor's own picture of what the stream told the trader: books with their sequence, by connection."""

from __future__ import annotations

from typing import Any

from core.lab.audit.ledger import DOLLAR
from core.lab.audit.wire import Change

WHOLE = "whole"


class StreamBook:
    """One market as told. `bad` says why nothing may be traded on it, "" when it is sound; `bad_ns` since when."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[int, int]] = {"bid": {}, "ask": {}}
        self.sid = -1
        self.bad, self.bad_ns = "never told", 0
        self.crossed_ns = -1  # when a change crossed it
        self.asked = True  # for a whole one, since the last
        self.moved_ns = 0

    def best(self, side: str) -> int | None:
        prices = self.sides[side]
        return None if not prices else max(prices) if side == "bid" else min(prices)

    def spoil(self, why: str, at_ns: int) -> None:
        if not self.bad:
            self.bad, self.bad_ns = why, at_ns


class StreamBooks:
    """All books of the present stream connection."""

    def __init__(self) -> None:
        self.books: dict[str, StreamBook] = {}
        self.last: dict[int, int] = {}
        self.deltas = 0
        self.unreadable = 0

    def asked(self, command: Any) -> None:
        """The trader asks on the line; for whole books wherever it names markets."""
        params = command.get("params") if isinstance(command, dict) else None
        tickers = params.get("market_tickers") if isinstance(params, dict) else None
        for ticker in tickers if isinstance(tickers, list) else ():
            if ticker in self.books:
                self.books[ticker].asked = True

    def lose(self, why: str, at_ns: int) -> None:
        """The connection is gone: every book with it."""
        self.last.clear()
        for book in self.books.values():
            book.spoil(why, at_ns)

    def frame(self, frame: Any, at_ns: int) -> None:
        """One text of the stream."""
        if type(frame) is Change:
            if self._follows(frame.sid, frame.seq, at_ns):
                book = self.books.get(frame.ticker) or self.books.setdefault(frame.ticker, StreamBook())
                self.deltas += 1
                self._change(book, frame.no, frame.price, frame.count, at_ns)
            return
        if not isinstance(frame, dict):
            self.unreadable += 1
            return
        kind, sid, seq = frame.get("type"), frame.get("sid"), frame.get("seq")
        if type(sid) is not int or type(seq) is not int or not self._follows(sid, seq, at_ns):
            return
        message = frame.get("msg")
        if kind in ("orderbook_snapshot", "orderbook_delta") and isinstance(message, dict):
            self._book(kind == "orderbook_snapshot", sid, message, at_ns)

    def _follows(self, sid: int, seq: int, at_ns: int) -> bool:
        """Whether a number is new; what is missing before it spoils the books of its subscription."""
        last = self.last.get(sid)
        if last is not None and seq <= last:
            return False
        if last is not None and seq > last + 1:
            for book in self.books.values():
                if book.sid == sid:
                    book.spoil(f"frames {last + 1} to {seq - 1} of {sid} missing", at_ns)
        self.last[sid] = seq
        return True

    def _book(self, whole: bool, sid: int, message: dict[str, Any], at_ns: int) -> None:
        ticker = str(message.get("market_ticker"))
        book = self.books.setdefault(ticker, StreamBook())
        try:
            if whole:
                book.sides = {
                    "bid": {_price(p): _count(c) for p, c in message.get("yes_dollars_fp") or ()},
                    "ask": {DOLLAR - _price(p): _count(c) for p, c in message.get("no_dollars_fp") or ()},
                }
                book.sid, book.bad, book.asked = sid, "", False
            else:
                self.deltas += 1
                price, delta = _price(message["price_dollars"]), _count(message["delta_fp"])
                self._change(book, message["side"] == "no", price, delta, at_ns)
                return
        except (KeyError, TypeError, ValueError):
            book.spoil("unreadable change", at_ns)
            return
        book.moved_ns = at_ns
        self._check_crossed(book, at_ns)

    def _change(self, book: StreamBook, no: bool, price: int, delta: int, at_ns: int) -> None:
        ladder = book.sides["ask" if no else "bid"]
        price = DOLLAR - price if no else price
        size = ladder.get(price, 0) + delta
        if size < 0:
            book.spoil(f"a size of {size} at {price}", at_ns)
        book.moved_ns = at_ns
        if size > 0:
            ladder[price] = size
            self._check_crossed(book, at_ns)
        else:
            ladder.pop(price, None)  # what goes crosses nothing
            if book.crossed_ns == at_ns and not self._crossing(book):
                book.bad, book.crossed_ns = "", -1  # all of one moment: one match comes as several changes

    def _check_crossed(self, book: StreamBook, at_ns: int) -> None:
        found = self._crossing(book)
        if found and not book.bad:
            book.crossed_ns = at_ns
            book.spoil(found, at_ns)

    @staticmethod
    def _crossing(book: StreamBook) -> str:
        bid, ask = book.best("bid"), book.best("ask")
        return f"crossed, {bid} over {ask}" if bid is not None and ask is not None and bid >= ask else ""


def _price(text: Any) -> int:
    whole, _, part = str(text).partition(".")
    return int(whole) * DOLLAR + int(part.ljust(4, "0")[:4] or 0)


def _count(text: Any) -> int:
    sign = -1 if str(text).startswith("-") else 1
    whole, _, part = str(text).lstrip("-").partition(".")
    return sign * (int(whole) * 100 + int(part.ljust(2, "0")[:2] or 0))
