"""What is permitted now: a small table over state, pause, feed, breaker and armed. First match wins; None matches all.

Permission never grows when an input gets worse; a test walks every combination. Cancels are permitted wherever an
exchange could take them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from core.domain.enums import Permission
from core.domain.enums import TraderState as S

_UP = frozenset({S.READY, S.ACTING})
_REDUCING = frozenset({S.ACTING, S.LOW_CASH, S.RECOVER_CASH})
_EARLY = frozenset({S.STARTUP, S.IDLE, S.INITIALIZING, S.ORDERBOOK_CONNECT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What permission depends on. `reducing` is True while a liquidation owns the trader."""

    state: S
    client_on: bool
    connected: bool
    journal_ok: bool
    breaker_tripped: bool
    armed: bool
    reducing: bool
    over_limit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    gives: Permission
    why: str
    states: frozenset[S] | None = None
    client_on: bool | None = None
    connected: bool | None = None
    journal_ok: bool | None = None
    breaker_tripped: bool | None = None
    armed: bool | None = None
    reducing: bool | None = None
    over_limit: bool | None = None

    def matches(self, at: Standing) -> bool:
        return (self.states is None or at.state in self.states) and all(
            wanted is None or wanted is given
            for wanted, given in (
                (self.client_on, at.client_on),
                (self.connected, at.connected),
                (self.journal_ok, at.journal_ok),
                (self.breaker_tripped, at.breaker_tripped),
                (self.armed, at.armed),
                (self.reducing, at.reducing),
                (self.over_limit, at.over_limit),
            )
        )


PERMISSIONS: tuple[_Row, ...] = (
    _Row(gives=Permission.NOTHING, why="the trading client is switched off", client_on=False),
    _Row(gives=Permission.NOTHING, why="not connected yet", states=_EARLY),
    _Row(gives=Permission.CANCEL_ONLY, why="the journal cannot be written", journal_ok=False),
    _Row(gives=Permission.CANCEL_ONLY, why="not connected", connected=False),
    _Row(
        gives=Permission.REDUCE_ONLY,
        why="reducing positions",
        states=frozenset({S.ACTING, S.RECOVER_CASH}),
        reducing=True,
    ),
    _Row(gives=Permission.REDUCE_ONLY, why="the breaker is tripped", states=_UP, breaker_tripped=True),
    _Row(gives=Permission.REDUCE_ONLY, why="not armed", states=_UP, armed=False),
    _Row(gives=Permission.REDUCE_ONLY, why="exposure or open orders are over their limit", states=_UP, over_limit=True),
    _Row(gives=Permission.TRADE, why="", states=_UP),
    _Row(gives=Permission.CANCEL_ONLY, why="no new orders in this state"),
)


@cache
def permission(at: Standing) -> tuple[Permission, str]:
    """What is permitted, and why not more ("" when everything is)."""
    for row in PERMISSIONS:
        if row.matches(at):
            return row.gives, row.why
    raise AssertionError("the last row matches everything")
