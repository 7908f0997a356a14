"""The JSON report of a session: money as decimal strings in dollars, counts in contracts, times ISO UTC.

Position counts are signed, YES > 0; prices are YES dollars. `drift`, `resting_after_stop` and `foreign_resting` come
from a fresh connection after the stop, not from our state; null where that reading could not be had. `orders` counts
our own; `foreign_orders` lists what else rests on the account.
"""

from __future__ import annotations

from typing import Any

from core.assembly import Trader
from core.domain.amounts import Count, Money, count_decimal, money_decimal, price_decimal
from core.domain.events import OrderReport
from core.trading.snapshot import ExitView, PositionView
from core.trading.timetext import iso_text


def session_report(trader: Trader, exit_view: ExitView) -> dict[str, Any]:
    """All keys of the report; JSON types only."""
    snapshot, final, engine = trader.snapshot, trader.final, trader.engine
    counters, money = snapshot.counters, snapshot.money
    visits = engine.desk.machine.visits if engine else []
    return {
        "states": [{"state": s.value, "entered_at": iso_text(at), "reason": why} for s, at, why in visits],
        "orders": {
            "placed": counters.placed,
            "accepted": counters.accepted,
            "denied": counters.denied,
            "rejected": counters.rejected,
            "canceled": counters.canceled,
            "filled": counters.filled,
        },
        "fills": {"count": counters.fills, "contracts": count_decimal(counters.fill_contracts)},
        "positions": [_position(p) for p in snapshot.positions],
        "cash": money_decimal(Money(money.cash + money.reserved)) if money.synced_at else None,
        "fees": money_decimal(money.fees),
        "realized": money_decimal(money.realized),
        "unrealized": money_decimal(money.unrealized),
        "drift": {
            "orders": final.orders if final else None,
            "positions": final.positions if final else None,
            "cash": money_decimal(final.cash) if final and final.cash is not None else None,
        },
        "resting_after_stop": final.resting if final else exit_view.resting_after_stop,
        "foreign_resting": final.foreign if final else exit_view.foreign_resting,
        "foreign_orders": [_foreign(order) for order in final.foreign_orders] if final else [],
        "exit": {"reason": exit_view.reason.value, "code": exit_view.code},
        "unverified": list(exit_view.unverified),
        "mode": snapshot.identity.mode.value,
        "seed": snapshot.identity.seed,
        "strategy": {"name": snapshot.identity.strategy, "off": snapshot.strategy.off},
        "started_at": iso_text(snapshot.identity.started_at),
        "ended_at": iso_text(exit_view.at),
        "calibration": [
            {"step": c.step, "status": c.status, "seconds": _seconds(c.elapsed_ns)} for c in snapshot.calibration
        ],
    }


def _position(p: PositionView) -> dict[str, Any]:
    return {
        "ticker": p.ticker,
        "count": count_decimal(Count(p.count)),
        "average_price": None if p.average_price is None else price_decimal(p.average_price),
        "mark": None if p.mark is None else price_decimal(p.mark),
        "realized": money_decimal(p.realized),
        "unrealized": money_decimal(p.unrealized),
        "fees": money_decimal(p.fees),
    }


def _foreign(order: OrderReport) -> dict[str, Any]:
    """An order on the account that is not ours and was left alone."""
    return {
        "order_id": order.order_id,
        "ticker": order.ticker,
        "side": order.side.value,
        "price": price_decimal(order.price),
        "remaining": count_decimal(order.remaining),
    }


def _seconds(elapsed_ns: int | None) -> float | None:
    return None if elapsed_ns is None else round(elapsed_ns / 1_000_000_000, 3)
