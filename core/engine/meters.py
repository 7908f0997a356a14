"""Each limit in force beside what is used of it, as the screens show it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from core.domain.amounts import Money, count_text, money_text
from core.trading import snapshot as view
from core.trading.desk import NS, Desk

N = TypeVar("N", bound=int)


def limit_views(desk: Desk) -> tuple[view.LimitView, ...]:
    """The limits of the desk first, in the order of their weight; the paces of errors and orders last."""
    limits, risk = desk.settings.limits, desk.risk
    rate = limits.orders_per_second
    return (
        meter("exposure", risk.exposure(), limits.exposure, money_text),
        meter("position", risk.largest_worst_position(), limits.position, count_text),
        loss("daily loss", Money(-desk.equity.day_result), limits.daily_loss),
        loss("drawdown", desk.equity.drawdown, limits.drawdown),
        meter("open orders", len(desk.orders.get_open_orders()), limits.open_orders, str),
        meter("event position", risk.largest_worst_event(), limits.event_position, count_text),
        *(
            meter(f"errors in {window // NS} s", desk.breaker.count(desk.now_ns, window), most, str)
            for most, window in limits.breaker_windows
        ),
        meter("orders a second", rate - max(0, risk.rate_room(desk.now_ns)), rate, str),
    )


@lru_cache(1_024)
def meter(name: str, used: int, limit: N, shown: Callable[[N], str]) -> view.LimitView:
    return view.LimitView(
        name=name, used=int(used), limit=int(limit), used_text=shown(type(limit)(used)), limit_text=shown(limit)
    )


@lru_cache(1_024)
def loss(name: str, value: Money, limit: Money) -> view.LimitView:
    lost = Money(max(0, value))
    text = money_text(limit) if limit else "no limit"
    return view.LimitView(name=name, used=int(lost), limit=int(limit), used_text=money_text(lost), limit_text=text)
