"""Refusals that mean more than one order: a key that is no longer taken, a rate limit, orders that always cross.

The key: the trader halts and says so. The rate limit: new orders wait, longer each time, and nothing is counted as an
error. Crossing again and again: our book of that market is wrong, so it is not trusted until it came whole.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from core.domain import events as ev
from core.domain.ids import Ticker

if TYPE_CHECKING:
    from core.trading.desk import Desk

NS = 1_000_000_000
HOLD_LONGEST_NS = 30 * NS
CROSSED_LIMIT = 3
FRAMES_LIMIT, FRAMES_NS = 20, 60 * NS
KEY_STATUS = frozenset({401, 403})
# A signature out of time may be one slip of the clock; the second is none.
_SKEW = "header_timestamp_expired"
_PRIVATE = (ev.OrdersRead, ev.PositionsRead, ev.BalanceRead, ev.FillsRead, ev.SettlementsRead)
_PROOF = (ev.OrderAccepted, ev.CancelConfirmed, ev.CancelNotFound, ev.AmendConfirmed)


class Refusals:
    """`key` says why our key is refused, "" while it is taken."""

    def __init__(self) -> None:
        self.key = ""
        self._slips = 0
        self._holds = 0
        self._crossed: Counter[Ticker] = Counter()
        self._frames: deque[int] = deque(maxlen=FRAMES_LIMIT)

    def note(self, desk: Desk, fact: Any, ticker: Ticker | None) -> None:
        """Look at one reply to a request of ours."""
        if isinstance(fact, _PROOF + _PRIVATE):
            self.key, self._slips = "", 0
        if isinstance(fact, ev.OrderAccepted):
            self._holds = 0
            if ticker is not None:
                self._crossed.pop(ticker, None)
        status = getattr(fact, "status", 0)
        if status in KEY_STATUS:
            self._refused(getattr(fact, "reason", "") or f"{fact.code} {fact.detail}".strip())
        unsent = isinstance(fact, ev.OrderNotSent)
        if unsent or (status == 429 and isinstance(fact, ev.OrderRejected | ev.AmendRejected)):
            self._hold(desk)
        if isinstance(fact, ev.OrderRejected) and crosses(fact) and ticker is not None:
            self._crosses(desk, ticker)

    def note_frame(self, desk: Desk, reason: str) -> None:
        """A frame that could not be read: a stream full of them is no ground to trade on. Holes are no nonsense."""
        if "gap" in reason or desk.breaker.tripped:
            return
        self._frames.append(desk.now_ns)
        if len(self._frames) == FRAMES_LIMIT and desk.now_ns - self._frames[0] <= FRAMES_NS:
            words = f"{FRAMES_LIMIT} unreadable frames in {FRAMES_NS // NS} s, last: {reason}"
            desk.breaker.trip(words, str(FRAMES_LIMIT), str(FRAMES_LIMIT), desk.wall_ns)
            desk.breaker_moved()
            self._frames.clear()

    def _refused(self, words: str) -> None:
        self._slips += 1
        if _SKEW not in words or self._slips > 1:
            self.key = words

    def _hold(self, desk: Desk) -> None:
        if desk.now_ns >= desk.risk.hold_until_ns:
            desk.risk.hold_until_ns = desk.now_ns + min(HOLD_LONGEST_NS, NS << min(self._holds, 10))
            self._holds += 1

    def _crosses(self, desk: Desk, ticker: Ticker) -> None:
        self._crossed[ticker] += 1
        market = desk.markets.get(ticker)
        if self._crossed[ticker] >= CROSSED_LIMIT and market is not None and market.book.trusted:
            self._crossed.pop(ticker)
            market.book.lose(f"{CROSSED_LIMIT} post-only orders in a row were refused as crossing")
            desk.warn(f"book suspect: {market.book.reason}", ticker)


def crosses(fact: ev.OrderRejected) -> bool:
    """A post-only order that would have taken: the price had moved, which is nobody's error."""
    return "post only" in fact.detail


def is_error(fact: ev.OrderRejected) -> bool:
    """Whether a rejection counts towards the breaker."""
    return not crosses(fact) and fact.status != 429
