"""Correction: our books follow the exchange's word, each difference by its class, with a record. Nothing silently.

An unknown difference trips the breaker: until a person has looked, only reducing orders pass.
"""

from __future__ import annotations

from core.domain.amounts import Money, count_text, money_text
from core.domain.records import Corrected
from core.trading.booking import booked, note_position
from core.trading.desk import Desk
from core.trading.drift import Drift, DriftClass, PositionDrift, cash_drift, class_of_cash, class_of_position


def correct(desk: Desk, drift: Drift) -> tuple[DriftClass, ...]:
    """Follow `drift`; returns the classes found. Call it only for a difference that lasted."""
    classes = [(class_of_position(desk, p), p) for p in drift.positions]
    cash_class = class_of_cash(desk, drift) if drift.cash or classes else None
    for kind, position in classes:
        _correct_position(desk, position, kind)
    # The balance is what the true positions leave free: what rests may reserve more or less under them.
    cash = cash_drift(desk, drift.balance)
    if cash_class is not None and cash:
        _correct_cash(desk, cash, cash_class)
    found = tuple(kind for kind, _ in classes) + ((cash_class,) if cash_class else ())
    if DriftClass.UNKNOWN in found and not desk.breaker.tripped:
        value = f"{len(drift.positions)} positions, {money_text(drift.cash, sign=True, places=6)}"
        desk.breaker.trip("drift of unknown class between the exchange and us", value, "none", desk.wall_ns)
        desk.breaker_moved()
    return found


def _correct_position(desk: Desk, drift: PositionDrift, kind: DriftClass) -> None:
    ours, theirs = count_text(drift.ours), count_text(drift.theirs)
    before = booked(desk, drift.ticker)
    if drift.report is not None:
        desk.positions.correct(drift.report, desk.wall_ns)
    else:
        desk.positions.drop(drift.ticker, desk.wall_ns)
    note_position(desk, drift.ticker, before, f"corrected: {kind}")
    desk.out.record(Corrected(at=desk.wall_ns, what=f"position {drift.ticker} ({kind})", ours=ours, theirs=theirs))
    desk.error(f"position corrected from {ours} to {theirs}: {kind}", drift.ticker, counts=False)


def _correct_cash(desk: Desk, difference: Money, kind: DriftClass) -> None:
    theirs = Money(desk.positions.cash + difference)
    words = money_text(Money(desk.positions.cash), places=6), money_text(theirs, places=6)
    desk.out.record(Corrected(at=desk.wall_ns, what=f"cash ({kind})", ours=words[0], theirs=words[1]))
    desk.positions.set_cash(theirs)
    if kind is DriftClass.UNKNOWN:
        desk.equity.moved_unexplained(difference)
    elif kind is DriftClass.TRANSFER:
        desk.equity.moved_from_outside(difference)
    text = f"cash corrected from {words[0]} to {words[1]}: {kind}"
    if kind is DriftClass.UNKNOWN:
        desk.error(text, "sync", counts=False)
    else:
        desk.status.log_action_result(desk.wall_ns, "correction", text)
