"""Token buckets of one account: Read, Write and the balance endpoint's own, refilled in integer arithmetic.

Default cost is 10 tokens a request. A request that does not fit as a whole is refused as a whole with 429.
"""

from __future__ import annotations

from core.sim.settings import TIERS, Tier
from core.sim.text import NS

DEFAULT_COST = 10
READ, WRITE, BALANCE = "read", "write", "balance"


class Bucket:
    """Holds tokens in billionths, so that a nanosecond of refill is exact."""

    def __init__(self, rate: int, capacity: int, now_ns: int) -> None:
        self._rate = rate
        self._capacity = capacity * NS
        self._held = self._capacity
        self._seen_ns = now_ns

    def take(self, tokens: int, now_ns: int) -> bool:
        passed = max(0, now_ns - self._seen_ns)
        self._seen_ns = now_ns
        self._held = min(self._capacity, self._held + passed * self._rate)
        if self._held < tokens * NS:
            return False
        self._held -= tokens * NS
        return True


class Limits:
    """The buckets of one account; `now_ns` is monotonic."""

    def __init__(self, tier: str, now_ns: int) -> None:
        budget: Tier = TIERS[tier]
        self._buckets = {
            READ: Bucket(budget.read_rate, budget.read_capacity, now_ns),
            WRITE: Bucket(budget.write_rate, budget.write_capacity, now_ns),
            BALANCE: Bucket(budget.balance_rate, budget.balance_rate, now_ns),
        }

    def take(self, bucket: str, tokens: int, now_ns: int) -> bool:
        """Whether the request fits; it is paid for only if it does."""
        return self._buckets[bucket].take(1 if bucket == BALANCE else tokens, now_ns)
