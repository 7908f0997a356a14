"""The exchange's token buckets as this client keeps them: pure, in integers, time as an argument.

Reads and writes have a bucket each, the balance has its own. A share of the write bucket belongs to cancels and no
order can eat it. A 429 means that our picture was too rosy: the bucket is emptied down to the cancels' share and its
rate is halved until ten quiet seconds have passed.
"""

from __future__ import annotations

from enum import StrEnum

NS = 1_000_000_000

ORDER_COST = 10
CANCEL_COST = 2
READ_COST = 10
ORDER_READ_COST = 2

# What "basic" gives; in force until the account's own limits were read.
BASIC_READ = (200, 200)
BASIC_WRITE = (100, 100)
BALANCE_RATE = 1
BALANCE_RATE_UPPER = 5
_BASIC_TIERS = frozenset({"basic", "advanced"})

QUIET_NS = 10 * NS
SLOWEST = 3


class CallClass(StrEnum):
    """What a request is, for its lane, its bucket and the latency figures."""

    ORDER = "order"
    AMEND = "amend"
    CANCEL = "cancel"
    READ = "read"
    BALANCE = "balance"


class Bucket:
    """Tokens that refill with time. Kept in token-nanoseconds, so that no fraction is ever lost."""

    __slots__ = ("_at_ns", "_level", "_limited_ns", "_slowdown", "capacity", "rate")

    def __init__(self, rate: int, capacity: int, now_ns: int) -> None:
        self.rate = rate
        self.capacity = capacity
        self._level = capacity * NS
        self._at_ns = now_ns
        self._slowdown = 0
        self._limited_ns = now_ns

    def tokens(self, now_ns: int) -> int:
        """Whole tokens at `now_ns`."""
        self._refill(now_ns)
        return self._level // NS

    def take(self, cost: int, keep: int, now_ns: int) -> int:
        """0 and the tokens are gone; else nothing is taken and so many ns must pass. `keep` stays for others.

        A cost that can never fit beside `keep` is taken when the bucket is full.
        """
        self._refill(now_ns)
        need = min(cost + keep, self.capacity) * NS
        if self._level >= need:
            self._level = max(0, self._level - cost * NS)
            return 0
        rate = self._rate_now()
        return max(1, -(-(need - self._level) // rate))

    def limited(self, keep: int, now_ns: int) -> None:
        """The exchange said 429: nothing is left but the cancels' share, and refill slows down."""
        self._refill(now_ns)
        self._level = min(self._level, keep * NS)
        self._slowdown = min(SLOWEST, self._slowdown + 1)
        self._limited_ns = now_ns

    def resize(self, rate: int, capacity: int, now_ns: int) -> None:
        """New limits; what is left stays, cut to the new capacity."""
        self._refill(now_ns)
        self.rate, self.capacity = rate, capacity
        self._level = min(self._level, capacity * NS)

    def _rate_now(self) -> int:
        return max(1, self.rate >> self._slowdown)

    def _refill(self, now_ns: int) -> None:
        if now_ns <= self._at_ns:
            return
        while self._slowdown and now_ns - self._limited_ns >= QUIET_NS:
            turn = self._limited_ns + QUIET_NS
            self._add(turn)
            self._slowdown -= 1
            self._limited_ns = turn
        self._add(now_ns)

    def _add(self, until_ns: int) -> None:
        if until_ns > self._at_ns:
            self._level = min(self.capacity * NS, self._level + (until_ns - self._at_ns) * self._rate_now())
            self._at_ns = until_ns


class TokenBudget:
    """The three buckets of one account, and who may take what."""

    def __init__(self, now_ns: int) -> None:
        self.read = Bucket(*BASIC_READ, now_ns)
        self.write = Bucket(*BASIC_WRITE, now_ns)
        self.balance = Bucket(BALANCE_RATE, 1, now_ns)
        self._held_ns = now_ns

    @property
    def cancel_share(self) -> int:
        """Write tokens that only cancels may touch: a fifth, at least five cancels, never the whole bucket."""
        share = max(5 * CANCEL_COST, self.write.capacity // 5)
        return max(0, min(share, self.write.capacity - ORDER_COST))

    def take(self, call: CallClass, cost: int, now_ns: int) -> int:
        """0: the call may go. Else nothing was taken and so many nanoseconds must pass before it can."""
        if call is CallClass.BALANCE:
            return self.balance.take(1, 0, now_ns)
        if call is CallClass.READ:
            return self.read.take(cost, 0, now_ns)
        if call is not CallClass.CANCEL and now_ns < self._held_ns:
            return self._held_ns - now_ns
        keep = 0 if call is CallClass.CANCEL else self.cancel_share
        return self.write.take(cost, keep, now_ns)

    def limited(self, call: CallClass, now_ns: int) -> None:
        """A 429 came back for this call."""
        if call is CallClass.BALANCE:
            self.balance.limited(0, now_ns)
        elif call is CallClass.READ:
            self.read.limited(0, now_ns)
        else:
            self.write.limited(self.cancel_share, now_ns)

    def hold_orders(self, until_ns: int) -> None:
        """The exchange named a time before which no new order should come; cancels are not held."""
        self._held_ns = max(self._held_ns, until_ns)

    def set_limits(self, *, tier: str, read: tuple[int, int], write: tuple[int, int], now_ns: int) -> None:
        """Take the account's own limits (rate, capacity)."""
        self.read.resize(*read, now_ns)
        self.write.resize(*write, now_ns)
        rate = BALANCE_RATE if tier.lower() in _BASIC_TIERS else BALANCE_RATE_UPPER
        self.balance.resize(rate, 1, now_ns)
