"""CashPlan: which positions to reduce first when cash is low: what frees most cash per dollar of loss comes first.

Markets about to close come last: they will pay by themselves. The lines are those of a liquidation, in another order.
"""

from __future__ import annotations

from core.domain.amounts import Count, Money
from core.trading.desk import NS, Desk
from core.trading.liquidation_plan import liquidation_plan
from core.trading.snapshot import LiquidationLine

SOON_NS = 3600 * NS
MS = 1_000_000
SCALE = 1_000_000


def cash_plan(desk: Desk) -> tuple[LiquidationLine, ...]:
    """Lines that would free cash now, best first."""
    lines = [line for line in liquidation_plan(desk.positions, desk.markets) if freed(line) > 0]
    return tuple(sorted(lines, key=lambda line: (_closes_soon(desk, line), _loss_share(desk, line), line.ticker)))


def freed(line: LiquidationLine) -> Money:
    """Cash that closing the line brings after estimated fees."""
    return Money(line.proceeds - line.fees_estimate)


def count_for(line: LiquidationLine, deficit: Money) -> Count:
    """Contracts of the line that free `deficit`, rounded up to a whole contract, at most all that can be closed."""
    cash = freed(line)
    if deficit >= cash:
        return line.closable
    needed = -(-deficit * line.closable // cash)
    whole = -(-needed // 100) * 100
    return Count(min(line.closable, whole))


def _loss_share(desk: Desk, line: LiquidationLine) -> int:
    """Loss realized per dollar freed, in millionths."""
    position = desk.positions.get_position(line.ticker)
    cost = position.cost * line.closable // abs(position.count)
    return max(0, cost - freed(line)) * SCALE // freed(line)


def _closes_soon(desk: Desk, line: LiquidationLine) -> bool:
    market = desk.markets.get(line.ticker)
    return market is not None and market.info.close_ms * MS - desk.wall_ns < SOON_NS
