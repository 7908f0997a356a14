"""SessionGroup: the exchange's order group around all orders of this session, as a kill switch of one request.

Every new order is a member. Panic triggers it: "every resting member is canceled and new members are rejected until
reset". The exchange triggers it by itself when more than the limit is matched within 15 s; that trips the breaker. It
is never reset by itself: only a resume of the operator does. An exchange without groups is traded on without.
"""

from __future__ import annotations

from enum import StrEnum

from core.domain.effects import GroupAct, SendGroup
from core.domain.events import GroupDone, GroupFailed, GroupTriggered
from core.trading.outbox import Outbox

NS = 1_000_000_000
RETRY_NS = 5 * NS
TRIES = 3
REMOVE_WITHIN_NS = 2 * NS


class GroupState(StrEnum):
    NONE = "none"
    CREATING = "creating"
    ACTIVE = "active"
    TRIGGERED = "triggered"
    RESETTING = "resetting"
    REMOVING = "removing"
    UNAVAILABLE = "unavailable"


class SessionGroup:
    """The group of this session; `limit` in whole contracts matched in a rolling 15 s, 0: no group is wanted."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.group_id = ""
        self.state = GroupState.NONE if limit else GroupState.UNAVAILABLE
        self._not_before_ns = 0
        self._failures = 0

    @property
    def settled(self) -> bool:
        """True when new orders may leave: as members, or without a group where there is none to be had."""
        return self.state in (GroupState.ACTIVE, GroupState.UNAVAILABLE)

    @property
    def member_id(self) -> str | None:
        return self.group_id if self.state is GroupState.ACTIVE else None

    def ensure(self, out: Outbox, now_ns: int) -> None:
        """Create the group, or reset a triggered one; called while trading is wanted."""
        if now_ns < self._not_before_ns:
            return
        if self.state is GroupState.NONE:
            self.state = GroupState.CREATING
            out.do(SendGroup(act=GroupAct.CREATE, limit=self.limit))
        elif self.state is GroupState.TRIGGERED:
            self.state = GroupState.RESETTING
            out.do(SendGroup(act=GroupAct.RESET, group_id=self.group_id))

    def trigger(self, out: Outbox) -> None:
        """Cancel all members by one request; harmless when there is no group."""
        if self.group_id and self.state is not GroupState.UNAVAILABLE:
            self.state = GroupState.TRIGGERED
            out.do(SendGroup(act=GroupAct.TRIGGER, group_id=self.group_id))

    def triggered_by_us(self) -> None:
        """Somebody of ours has triggered it by another road; it stays so until it is reset."""
        if self.state is GroupState.ACTIVE:
            self.state = GroupState.TRIGGERED

    def remove(self, out: Outbox, now_ns: int) -> bool:
        """Leave no group behind; True when that is done or has been waited for long enough."""
        if not self.group_id:
            return True
        if self.state is not GroupState.REMOVING:
            self.state, self._not_before_ns = GroupState.REMOVING, now_ns + REMOVE_WITHIN_NS
            out.do(SendGroup(act=GroupAct.DELETE, group_id=self.group_id))
        return now_ns >= self._not_before_ns

    def take(self, fact: GroupDone | GroupFailed | GroupTriggered, now_ns: int) -> str:
        """Apply an answer; returns what went wrong, "" when nothing did."""
        match fact:
            case GroupDone(act=GroupAct.CREATE):
                self.group_id, self.state, self._failures = fact.group_id, GroupState.ACTIVE, 0
            case GroupDone(act=GroupAct.RESET):
                self.state, self._failures = GroupState.ACTIVE, 0
            case GroupDone(act=GroupAct.DELETE) | GroupFailed(act=GroupAct.DELETE):
                self.group_id, self.state = "", GroupState.UNAVAILABLE
            case GroupFailed(act=GroupAct.CREATE | GroupAct.RESET):
                return self._failed(fact, now_ns)
            case GroupFailed(act=GroupAct.TRIGGER):
                return f"the order group could not be triggered: {fact.reason}; orders are canceled one by one"
            case GroupTriggered() if fact.group_id == self.group_id and self.state is GroupState.ACTIVE:
                self.state = GroupState.TRIGGERED
                return f"the exchange triggered our order group: more than {self.limit} contracts in 15 s"
            case _:
                pass
        return ""

    def _failed(self, fact: GroupFailed, now_ns: int) -> str:
        self._failures += 1
        self._not_before_ns = now_ns + RETRY_NS
        self.state = GroupState.NONE if fact.act is GroupAct.CREATE else GroupState.TRIGGERED
        if self._failures >= TRIES and fact.act is GroupAct.CREATE:
            self.state = GroupState.UNAVAILABLE
            return f"no order group to be had ({fact.reason}); trading on without"
        return f"order group: {fact.act} failed: {fact.reason}"
