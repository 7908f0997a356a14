"""Drift: what differs between the exchange's reading and our books, and of which class each difference is.

A class is given only on evidence; without any a difference is UNKNOWN, and that trips the breaker. The exchange is
right either way: our books follow by a recorded correction.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.domain.amounts import NO_CONTRACTS, NO_MONEY, Count, Money
from core.domain.enums import DECIDED
from core.domain.events import BalanceRead, PositionReport, PositionsRead
from core.domain.ids import Ticker
from core.trading.desk import Desk

CENT = 10_000
# "The balance change is floored to the member's precision: $0.0001": a fill can differ by no more.
ROUNDING_PER_FILL = 100
# A balance is told to four places.
LAST_PLACE = 100


class DriftClass(StrEnum):
    FEE_ROUNDING = "fee rounding"
    PENDING_SETTLEMENT = "pending settlement"
    TRANSFER = "transfer"
    FOREIGN_TRADE = "foreign trade"
    MISSED_FILL = "missed fill"
    IN_DOUBT = "order in doubt at the start"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionDrift:
    """One market whose position differs; `report` None: the exchange does not list it any more."""

    ticker: Ticker
    ours: Count
    theirs: Count
    report: PositionReport | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """All differences of one reading, whose balance was `balance`."""

    positions: tuple[PositionDrift, ...]
    cash: Money
    balance: Money

    @property
    def amounts(self) -> object:
        """What is off, whatever else is traded meanwhile; cash follows from positions that are off."""
        return tuple((p.ticker, p.theirs - p.ours) for p in self.positions) or self.cash

    @property
    def none(self) -> bool:
        return not self.positions and not self.cash


def find_drift(desk: Desk, positions: PositionsRead, balance: BalanceRead) -> Drift:
    """Compare a reading with the books; collateral of resting orders is part of our cash and not of their balance."""
    told = {report.ticker: report for report in positions.positions}
    held = {position.ticker for position in desk.positions.open()}
    off = []
    for ticker in sorted(told.keys() | held):
        report = told.get(ticker)
        theirs = report.position if report else NO_CONTRACTS
        ours = desk.positions.net(ticker)
        if theirs != ours:
            off.append(PositionDrift(ticker=ticker, ours=ours, theirs=theirs, report=report))
    return Drift(positions=tuple(off), cash=cash_drift(desk, balance.balance), balance=balance.balance)


def told_cash(balance: Money, reserved: Money) -> Money:
    """The cash of which `balance` is left free. Cash moves in whole last places only; resting orders may hold parts of
    one (a part of a contract at a part of a cent), and what is left is cut off to whole ones when it is told.
    """
    return Money(-(-(balance + reserved) // LAST_PLACE) * LAST_PLACE)


def cash_drift(desk: Desk, balance: Money) -> Money:
    """By how much cash differs from ours; less than a last place is the cutting of the balance, not a difference."""
    reserved = desk.risk.reserved()
    if abs(balance + reserved - desk.positions.cash) < LAST_PLACE:
        return NO_MONEY
    return Money(told_cash(balance, reserved) - desk.positions.cash)


def class_of_position(desk: Desk, drift: PositionDrift) -> DriftClass:
    """Why a position may differ, by what else is known of its market."""
    market = desk.markets.get(drift.ticker)
    if drift.theirs == 0 and market is not None and market.info.status in DECIDED:
        return DriftClass.PENDING_SETTLEMENT
    if drift.ticker in desk.contested:
        return DriftClass.MISSED_FILL
    if any(order.missing for order in desk.orders.missing_fills() if order.ticker == drift.ticker):
        return DriftClass.MISSED_FILL
    if drift.ticker in desk.foreign_tickers:
        return DriftClass.FOREIGN_TRADE
    return DriftClass.UNKNOWN


def class_of_cash(desk: Desk, drift: Drift) -> DriftClass:
    """Why cash may differ: with the positions, or by rounding of the fills since the last comparison, or moved."""
    classes = {class_of_position(desk, p) for p in drift.positions}
    if classes:
        return DriftClass.UNKNOWN if DriftClass.UNKNOWN in classes else min(classes)
    if desk.contested:
        return DriftClass.MISSED_FILL
    fills = desk.fills.applied - desk.fills_at_sync
    if fills and abs(drift.cash) <= ROUNDING_PER_FILL * fills:
        return DriftClass.FEE_ROUNDING
    unseen = _reserved_unseen(desk)
    if unseen and abs(drift.cash - unseen) < LAST_PLACE:
        return DriftClass.IN_DOUBT
    if desk.positions.awaiting_payout():
        return DriftClass.PENDING_SETTLEMENT
    # Whole cents that came or went while nothing of ours could have moved them.
    if not fills and not desk.orders.open_or_just_ended() and drift.cash % CENT == 0:
        return DriftClass.TRANSFER
    return DriftClass.UNKNOWN


def _reserved_unseen(desk: Desk) -> int:
    """What orders reserved that the reading of the base did not list although they were there, as is known by now."""
    found = ((desk.orders.get(key), amount) for key, amount in desk.unseen_at_base.items())
    return sum(amount for order, amount in found if order is not None and order.order_id is not None)
