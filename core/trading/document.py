"""The status as a document for programs: state machine, services, recent activity, error history.

Plain dictionaries of JSON types; seconds are Decimals of whole milliseconds, to be written as numbers; money is decimal
text in dollars, times are ISO UTC. The shape is described in docs/broadcast.md and checked there.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from core.domain.amounts import Money, money_decimal
from core.trading.snapshot import ComponentView, StatusEntry, TraderSnapshot
from core.trading.summary import activity_kind, last_move, recent
from core.trading.timetext import iso_text

ACTIVITY_SHOWN = 20
ERRORS_SHOWN = 20


def status_document(s: TraderSnapshot) -> dict[str, Any]:
    """The four parts by their known names."""
    return {
        "state_machine": _state_machine(s),
        "services": {c.name: _service(s, c) for c in s.components},
        "recent_activities": [
            {
                "timestamp": iso_text(a.at),
                "type": activity_kind(a),
                "details": a.text,
                "duration": _seconds(a.elapsed_ns),
                "status": a.status,
            }
            for a in recent(s.activity, ACTIVITY_SHOWN)
        ],
        "error_history": [
            {
                "timestamp": iso_text(e.at),
                "severity": e.severity,
                "error": e.error,
                "context": e.context,
                "recovery": e.recovery or None,
            }
            for e in s.errors[-ERRORS_SHOWN:][::-1]
        ],
    }


def history_document(entries: tuple[StatusEntry, ...]) -> list[dict[str, Any]]:
    """Rows of the status history, oldest first."""
    return [
        {
            "timestamp": iso_text(e.at),
            "state": e.state.value,
            "label": e.label,
            "time_in_state": e.seconds_in_state,
            "reason": e.reason,
            "permission": e.permission,
            "health": e.health,
            "breaker_tripped": e.breaker_tripped,
            "portfolio": None if e.portfolio is None else money_decimal(e.portfolio),
            "day": None if e.day is None else money_decimal(e.day),
            "realized": money_decimal(e.realized),
            "fees": money_decimal(e.fees),
            "exposure": money_decimal(e.exposure),
            "positions": e.positions,
            "orders": e.orders,
            "in_doubt": e.in_doubt,
            "placed": e.placed,
            "fills": e.fills,
            "errors": e.errors,
        }
        for e in entries
    ]


def _seconds(elapsed_ns: int | None) -> Decimal | None:
    return None if elapsed_ns is None else Decimal(elapsed_ns // 1_000_000).scaleb(-3)


def _state_machine(s: TraderSnapshot) -> dict[str, Any]:
    last = last_move(s.transitions)
    return {
        "current_state": s.state.state.value,
        "label": s.state.label,
        "time_in_state": _seconds(max(0, s.taken_ns - s.state.entered_ns)),
        "last_transition": f"{last.source} → {last.target}" if last else None,
        "transition_reason": last.reason if last else None,
        "waiting_for": s.state.waiting_for or None,
        "permission": s.state.permission.name.lower(),
        "calibration_steps": [
            {"step": c.step, "status": c.status, "duration": _seconds(c.elapsed_ns)} for c in s.calibration
        ],
    }


def _service(s: TraderSnapshot, c: ComponentView) -> dict[str, Any]:
    last = None if c.last_ns is None else iso_text(s.taken_at - (s.taken_ns - c.last_ns))
    found: dict[str, Any] = {"status": c.status, "detail": c.detail, "last_activity": last}
    match c.name:
        case "OrderService":
            found["orders_pending"] = sum(1 for o in s.orders if o.ownership != "foreign")
            found["orders_placed_today"] = s.counters.placed_today
        case "PositionTracker":
            found["positions_tracked"] = sum(1 for p in s.positions if p.count)
            found["last_update"] = last
        case "StateSync":
            if s.state.state.value == "CALIBRATING":
                found["status"] = "syncing"
            found["last_sync"] = iso_text(s.money.synced_at) if s.money.synced_at else None
            found["sync_drift"] = {"cash": money_decimal(Money(s.money.drift)), "positions": s.money.drift_positions}
        case _:
            pass
    return found
