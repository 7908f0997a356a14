"""Order groups: orders that stop together once too much of them has traded.

A limit counts contracts matched in a rolling window of 15 seconds. When the sum exceeds the limit, when the group is
triggered, or when the limit is lowered below the sum, every resting member is canceled and new members are rejected
until the group is reset.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from core.domain.amounts import Count
from core.sim.errors import refusal
from core.sim.events import Batch, GroupMoved
from core.sim.matching import take_off
from core.sim.text import NS, uuid_text

if TYPE_CHECKING:
    from core.sim.accounts import Account
    from core.sim.model import Order
    from core.sim.venue import Venue

WINDOW_NS = 15 * NS
LEAST, MOST = 1, 1_000_000  # contracts
MOST_GROUPS = 100_000
CANCELED = "Decrease"  # the reason a plain cancel carries; the exchange names none for groups


class OrderGroup:
    """One group of one account. `members` are its resting orders, in the order they came to rest."""

    __slots__ = ("account", "group_id", "limit", "matched", "members", "number", "triggered", "window")

    def __init__(self, account: Account, group_id: str, number: int, limit: Count) -> None:
        self.account = account
        self.group_id = group_id
        self.number = number
        self.limit = limit
        self.triggered = False
        self.members: dict[str, Order] = {}
        self.window: deque[tuple[int, int]] = deque()
        self.matched = 0

    def exceeds(self, now_ns: int) -> bool:
        """Whether the rolling sum is over the limit."""
        while self.window and self.window[0][0] <= now_ns - WINDOW_NS:
            self.matched -= self.window.popleft()[1]
        return self.matched > self.limit

    def record(self, count: int, now_ns: int, batch: Batch) -> None:
        """Count what a member has matched, and stop the group where that is too much."""
        self.window.append((now_ns, count))
        self.matched += count
        if not self.triggered and self.exceeds(now_ns):
            self.trip(batch)

    def trip(self, batch: Batch) -> None:
        self.triggered = True
        for order in list(self.members.values()):
            take_off(order, CANCELED, batch)
        batch.steps.append(GroupMoved(self.account, "triggered", self.group_id, None, batch.now_ns))


class Groups:
    """The groups of all accounts; every command concerns one account's own."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._number = 0

    def find(self, account: Account, group_id: str, code: str = "not_found") -> OrderGroup:
        found = account.groups.get(group_id)
        if found is None:
            raise refusal(code)
        return found

    def joinable(self, account: Account, group_id: str) -> OrderGroup:
        """The group a new order wants to be in; refused where it is unknown or has been stopped."""
        group = self.find(account, group_id, "order_group_not_found")
        if group.triggered:
            raise refusal("exceeded_order_group_risk_limit")
        return group

    def create(self, account: Account, limit: Count, now_ns: int) -> OrderGroup:
        self._venue.advance(now_ns)
        if len(account.groups) >= MOST_GROUPS:
            raise refusal("invalid_order", "too many order groups")
        self._number += 1
        group = OrderGroup(account, uuid_text(self._venue.chance), self._number, limit)
        account.groups[group.group_id] = group
        self._tell(group, "created", limit)
        return group

    def delete(self, account: Account, group_id: str, now_ns: int) -> None:
        """Cancel the members and forget the group."""
        self._venue.advance(now_ns)
        group = self.find(account, group_id)
        batch = self._venue.begin()
        for order in list(group.members.values()):
            take_off(order, CANCELED, batch)
        del account.groups[group_id]
        batch.steps.append(GroupMoved(account, "deleted", group_id, None, batch.now_ns))
        self._venue.publish(batch)

    def trigger(self, account: Account, group_id: str, now_ns: int) -> None:
        """Stop the group by hand; a group that is stopped already stays so."""
        self._venue.advance(now_ns)
        group = self.find(account, group_id)
        if not group.triggered:
            batch = self._venue.begin()
            group.trip(batch)
            self._venue.publish(batch)

    def reset(self, account: Account, group_id: str, now_ns: int) -> None:
        """Start counting anew and let new members in."""
        self._venue.advance(now_ns)
        group = self.find(account, group_id)
        group.triggered, group.matched = False, 0
        group.window.clear()
        self._tell(group, "reset", None)

    def set_limit(self, account: Account, group_id: str, limit: Count, now_ns: int) -> None:
        self._venue.advance(now_ns)
        group = self.find(account, group_id)
        group.limit = limit
        batch = self._venue.begin()
        batch.steps.append(GroupMoved(account, "limit_updated", group_id, limit, batch.now_ns))
        if not group.triggered and group.exceeds(now_ns):
            group.trip(batch)
        self._venue.publish(batch)

    def _tell(self, group: OrderGroup, event_type: str, limit: Count | None) -> None:
        batch = self._venue.begin()
        batch.steps.append(GroupMoved(group.account, event_type, group.group_id, limit, batch.now_ns))
        self._venue.publish(batch)
