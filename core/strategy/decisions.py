"""What was decided and why: one row for each decision, also for those that wished nothing.

A row names the inputs by their digest: the same digest is the same view, memory and parameters, so that a decision can
be found again in a replay and compared.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from core.domain.amounts import count_text, price_text
from core.domain.commands import AmendOrder, CancelOrder, PlaceOrder
from core.domain.enums import BookSide
from core.domain.ids import Ticker
from core.market.grid import PriceGrid
from core.strategy.base import Decision, MarketView
from core.strategy.differ import Wish
from core.strategy.parameters import Parameters
from core.trading.inquiry import DecisionView

KEPT = 20
DIGEST_BYTES = 8


def _plain(value: Any) -> Any:
    if isinstance(value, PriceGrid):
        return value.bands
    raise NotImplementedError(f"{type(value).__name__} is no plain data")


# What writing raises where a memory is no plain data: a class, a number too large, a circle, text that is none.
NOT_PLAIN = (TypeError, NotImplementedError, OverflowError, RecursionError, ValueError)

_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode


def digest_of(view: MarketView, memory: Any, parameters: Parameters) -> str:
    """16 hexadecimal digits that stand for everything a decision was made from. One of NOT_PLAIN where a memory is no
    plain data.
    """
    return blake2b(_encode((view, memory, parameters)), digest_size=DIGEST_BYTES).hexdigest()


def size_of(memory: Any) -> int:
    """The bytes a memory takes; 0 where it is no plain data, which switches a strategy off when it is asked."""
    try:
        return len(_encode(memory))
    except NOT_PLAIN:
        return 0


@dataclass(slots=True)
class Row:
    """A decision while it is carried out."""

    ticker: Ticker
    at: int
    digest: str
    said: str
    decision: Decision | None = None
    wishes: tuple[str, ...] = ()
    gate: str = ""
    result: str = ""
    took_us: int = 0
    wrong: str = ""

    def view(self) -> DecisionView:
        return DecisionView(
            ticker=self.ticker, at=self.at, digest=self.digest, said=self.said, wishes=self.wishes, gate=self.gate,
            result=self.result, took_us=self.took_us, wrong=self.wrong,
        )  # fmt: skip


class Decisions:
    """The last decisions of each market, newest last, and how many there were."""

    def __init__(self) -> None:
        self._rows: dict[Ticker, deque[Row]] = {}
        self.made = 0
        self.dropped = 0

    def add(self, row: Row) -> Row:
        self._rows.setdefault(row.ticker, deque(maxlen=KEPT)).append(row)
        self.made += 1
        return row

    def last(self, ticker: Ticker) -> Row | None:
        rows = self._rows.get(ticker)
        return rows[-1] if rows else None

    def all(self) -> tuple[DecisionView, ...]:
        """Of every market, newest first."""
        rows = [row for kept in self._rows.values() for row in reversed(kept)]
        return tuple(row.view() for row in sorted(rows, key=lambda row: -row.at))

    def of(self, ticker: Ticker) -> tuple[DecisionView, ...]:
        """Newest first."""
        return tuple(row.view() for row in reversed(self._rows.get(ticker, ())))


def words_of(wish: Wish) -> str:
    """A wish in words."""
    match wish:
        case PlaceOrder():
            act = "buy" if wish.side is BookSide.BID else "sell"
            how = "rest" if wish.post_only else "now"
            return f"{act} {count_text(wish.count)} @ {price_text(wish.price)} ({how})"
        case AmendOrder():
            return f"lessen {wish.client_order_id} to {count_text(wish.count)}"
        case CancelOrder():
            return f"cancel {wish.client_order_id}"
